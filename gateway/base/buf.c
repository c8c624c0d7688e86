#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"

void gw_buf_grow(struct gw_buf *b, size_t more)
{
    size_t capacity = b->capacity ? b->capacity : 128;
    while (capacity - b->len < more)
        capacity *= 2;
    if (b->pool != NULL) {
        char *base = h2o_mem_alloc_pool(b->pool, capacity);
        h2o_memcpy(base, b->base, b->len);
        b->base = base;
    } else {
        b->base = gw_realloc(b->base, capacity);
    }
    b->capacity = capacity;
}

void gw_buf_append_u64(struct gw_buf *b, uint64_t n)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n != 0);
    gw_buf_append(b, gw_slice(digits + at, sizeof(digits) - at));
}

void gw_buf_append_i64(struct gw_buf *b, int64_t n)
{
    if (n < 0)
        gw_buf_append_byte(b, '-');
    gw_buf_append_u64(b, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

void gw_buf_printf(struct gw_buf *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    vsnprintf(gw_buf_reserve(b, (size_t)n + 1), (size_t)n + 1, format, again);
    va_end(again);
    b->len += (size_t)n;
}

/* The letter behind the backslash; 0: a control character goes as \u00XX. */
static const char escapes[256] = {
    ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n',  ['\r'] = 'r',
    ['\t'] = 't', ['"'] = '"',  ['\\'] = '\\',
};

/* Whether some of the eight bytes is a control character, '"', '\\' or not ASCII. */
static bool any_special(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = UINT64_C(0x8080808080808080);
    uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\';
    return ((word | (word - ones * 0x20) | (quote - ones) | (backslash - ones)) & high) != 0;
}

/* The first byte at or behind `i` that cannot stand in a JSON string as it is, or s.len. */
static size_t skip_plain(struct gw_slice s, size_t i)
{
    for (uint64_t word; s.len - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, s.base + i, sizeof(word));
        if (any_special(word))
            break;
    }
    while (i < s.len && (unsigned char)s.base[i] >= 0x20 && (unsigned char)s.base[i] < 0x80 &&
           s.base[i] != '"' && s.base[i] != '\\')
        i++;
    return i;
}

void gw_buf_append_json_string(struct gw_buf *b, struct gw_slice s)
{
    gw_buf_append_byte(b, '"');
    size_t from = 0, i = 0;
    while ((i = skip_plain(s, i)) < s.len) {
        unsigned char c = (unsigned char)s.base[i];
        size_t step = c < 0x80 ? 1 : gw_utf8_step(gw_slice_from(s, i));
        if (c >= 0x80 && step != 0) {
            i += step;
            continue;
        }
        gw_buf_append(b, gw_slice(s.base + from, i - from));
        if (step == 0)
            gw_buf_append(b, GW_SLICE("\xef\xbf\xbd"));
        else if (escapes[c] == 0)
            gw_buf_printf(b, "\\u%04x", c);
        else
            gw_buf_append(b, gw_slice((char[]){'\\', escapes[c]}, 2));
        from = ++i;
    }
    gw_buf_append(b, gw_slice(s.base + from, s.len - from));
    gw_buf_append_byte(b, '"');
}

void gw_buf_consume(struct gw_buf *b, size_t n)
{
    if (n < b->len)
        memmove(b->base, b->base + n, b->len - n);
    b->len -= n;
}

const char *gw_buf_terminate(struct gw_buf *b)
{
    *gw_buf_reserve(b, 1) = '\0';
    return b->base;
}

void gw_buf_dispose(struct gw_buf *b)
{
    if (b->pool == NULL)
        free(b->base);
    b->base = NULL;
    b->len = b->capacity = 0;
}
