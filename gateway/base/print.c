#include "base/print.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/utf8.h"

/* Length of the character that s begins with where it may be shown, else 0. */
static size_t shown_step(struct gw_slice s)
{
    size_t step = gw_utf8_step(s);
    unsigned char first = (unsigned char)s.base[0];
    bool is_c1 = step == 2 && first == 0xc2 && (unsigned char)s.base[1] < 0xa0;
    return first < 0x20 || first == 0x7f || is_c1 ? 0 : step;
}

void gw_print_escaped(struct gw_buf *out, struct gw_slice s)
{
    while (s.len > 0) {
        size_t step = shown_step(s);
        if (step > 0) {
            gw_buf_append(out, gw_slice(s.base, step));
        } else {
            gw_buf_printf(out, "\\x%02x", (unsigned char)s.base[0]);
            step = 1;
        }
        s = gw_slice_from(s, step);
    }
}

void gw_print_line(FILE *out, const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0)
        h2o_fatal("no memory");
    struct gw_buf line = GW_BUF_HEAP;
    gw_print_escaped(&line, gw_slice(text, (size_t)n));
    gw_buf_append_byte(&line, '\n');
    fwrite(line.base, 1, line.len, out);
    gw_buf_dispose(&line);
    free(text);
}
