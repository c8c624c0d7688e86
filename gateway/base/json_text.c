#include "base/json_text.h"

#include "base/utf8.h"

/* The longest form of one character, \u00XX. */
#define ESCAPE_MAX 6

static char *put_escape(char *to, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";
    static const char letters[128] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n',  ['\r'] = 'r',
        ['\t'] = 't', ['"'] = '"',  ['\\'] = '\\',
    };
    *to++ = '\\';
    if (letters[c] != 0) {
        *to++ = letters[c];
        return to;
    }
    memcpy(to, "u00", 3);
    to[3] = digits[c >> 4];
    to[4] = digits[c & 15];
    return to + 5;
}

/* Copies plain characters up to the first that is not, or end. */
static char *copy_plain(char *to, const char **at, const char *end)
{
    const char *from = *at;
    if (end - from < 8) {
        while (from < end && gw_json_is_plain(*from))
            *to++ = *from++;
        *at = from;
        return to;
    }
    for (;;) {
        uint64_t special = gw_json_special_bytes(gw_json_load_word(from));
        memcpy(to, from, 8);
        if (special != 0) {
            int plain = __builtin_ctzll(special) >> 3;
            *at = from + plain;
            return to + plain;
        }
        /* The last word ends where the text does, and takes some plain bytes once more. */
        size_t step = end - from < 16 ? (size_t)(end - from) - 8 : 8;
        from += step;
        to += step;
        if (step == 0)
            break;
    }
    *at = end;
    return to + 8;
}

int gw_json_append_string(struct gw_buf *out, struct gw_slice s)
{
    const char *at = s.base, *end = s.base + s.len;
    char *to = gw_buf_reserve(out, s.len + ESCAPE_MAX + 2);
    *to++ = '"';
    for (;;) {
        to = copy_plain(to, &at, end);
        if (at == end)
            break;
        if ((unsigned char)*at < 0x80) {
            /* Not more than the room that was left for it: the rest and the quote fit behind. */
            to = put_escape(to, (unsigned char)*at++);
            out->len = (size_t)(to - out->base);
            to = gw_buf_reserve(out, (size_t)(end - at) + ESCAPE_MAX + 2);
            continue;
        }
        size_t step = gw_utf8_step(gw_slice(at, (size_t)(end - at)));
        if (step == 0)
            return -1;
        memcpy(to, at, step);
        to += step;
        at += step;
    }
    *to++ = '"';
    out->len = (size_t)(to - out->base);
    return 0;
}
