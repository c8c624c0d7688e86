#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/digits.h"
#include "base/json_text.h"
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
    char *to = gw_buf_reserve(b, GW_DIGITS_MAX);
    b->len = (size_t)(gw_digits_put(to, n) - b->base);
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

static void append_repaired(struct gw_buf *b, struct gw_slice s)
{
    struct gw_buf repaired = GW_BUF_HEAP;
    for (size_t i = 0, step; i < s.len; i += step != 0 ? step : 1) {
        step = gw_utf8_step(gw_slice_from(s, i));
        gw_buf_append(&repaired, step != 0 ? gw_slice(s.base + i, step) : GW_SLICE("\xef\xbf\xbd"));
    }
    gw_json_append_string(b, gw_buf_slice(&repaired));
    gw_buf_dispose(&repaired);
}

void gw_buf_append_json_string(struct gw_buf *b, struct gw_slice s)
{
    size_t start = b->len;
    if (gw_json_append_string(b, s) == 0)
        return;
    b->len = start;
    append_repaired(b, s);
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
