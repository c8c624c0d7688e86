/* A growing byte buffer, on the heap or in a pool.
 *
 *     struct gw_buf b = GW_BUF_HEAP;        or  gw_buf_in_pool(pool)
 *     gw_buf_append(&b, GW_SLICE("abc"));
 *     gw_buf_dispose(&b);
 *
 * In a pool, growing leaves the old block behind until the pool goes; sizes double, so at most as
 * much is left as is used. */
#ifndef GW_BASE_BUF_H
#define GW_BASE_BUF_H

#include <stdint.h>

#include "base/mem.h"
#include "base/slice.h"

struct gw_buf {
    char *base;
    size_t len;
    size_t capacity;
    gw_pool *pool; /* NULL: heap */
};

#define GW_BUF_HEAP ((struct gw_buf){NULL, 0, 0, NULL})

static inline struct gw_buf gw_buf_in_pool(gw_pool *pool)
{
    return (struct gw_buf){NULL, 0, 0, pool};
}

void gw_buf_grow(struct gw_buf *b, size_t more);

/* Makes room for `more` bytes behind len and returns where they go; the caller adds to len what it
 * wrote. */
static inline char *gw_buf_reserve(struct gw_buf *b, size_t more)
{
    if (__builtin_expect(b->capacity - b->len < more, 0))
        gw_buf_grow(b, more);
    return b->base + b->len;
}

static inline void gw_buf_append(struct gw_buf *b, struct gw_slice s)
{
    if (s.len == 0)
        return;
    memcpy(gw_buf_reserve(b, s.len), s.base, s.len);
    b->len += s.len;
}

static inline void gw_buf_append_byte(struct gw_buf *b, char byte)
{
    *gw_buf_reserve(b, 1) = byte;
    b->len++;
}

/* Decimal digits. */
void gw_buf_append_u64(struct gw_buf *b, uint64_t n);
void gw_buf_append_i64(struct gw_buf *b, int64_t n);
void gw_buf_printf(struct gw_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A JSON string with its quotes (RFC 8259 section 7). Bytes that are not UTF-8 become U+FFFD. */
void gw_buf_append_json_string(struct gw_buf *b, struct gw_slice s);
/* Removes the first n bytes. */
void gw_buf_consume(struct gw_buf *b, size_t n);
/* Terminates (the zero is not counted in len) and returns base. */
const char *gw_buf_terminate(struct gw_buf *b);
/* Frees heap memory and empties; harmless twice. */
void gw_buf_dispose(struct gw_buf *b);

static inline struct gw_slice gw_buf_slice(const struct gw_buf *b)
{
    return gw_slice(b->base, b->len);
}

#endif
