#include "base/recycle.h"

#include <stdlib.h>

#include "base/mem.h"

/* Stands before each block. */
struct gw_recycled {
    size_t bytes; /* of the block */
    struct gw_recycled *next;
};
_Static_assert(sizeof(struct gw_recycled) % _Alignof(max_align_t) == 0, "blocks are aligned");

static struct gw_recycled *head_of(void *block)
{
    return (struct gw_recycled *)block - 1;
}

static size_t class_of(size_t bytes)
{
    return bytes != 0 ? (bytes - 1) / GW_RECYCLE_STEP : 0;
}

static void *create(size_t bytes)
{
    struct gw_recycled *r = h2o_mem_alloc(sizeof(*r) + bytes);
    r->bytes = bytes;
    return r + 1;
}

void *gw_recycler_alloc(struct gw_recycler *recycler, size_t bytes)
{
    size_t class = class_of(bytes);
    if (class >= GW_RECYCLE_CLASSES)
        return create(bytes);
    struct gw_recycled *r = recycler->kept[class];
    if (r == NULL)
        return create((class + 1) * GW_RECYCLE_STEP);
    recycler->kept[class] = r->next;
    recycler->kept_bytes[class] -= r->bytes;
    return r + 1;
}

void *gw_recycler_realloc(struct gw_recycler *recycler, void *old, size_t bytes)
{
    size_t old_bytes = old != NULL ? head_of(old)->bytes : 0;
    if (old != NULL && bytes <= old_bytes)
        return old;
    void *block = gw_recycler_alloc(recycler, bytes);
    h2o_memcpy(block, old, old_bytes);
    gw_recycler_free(recycler, old);
    return block;
}

void gw_recycler_free(struct gw_recycler *recycler, void *block)
{
    if (block == NULL)
        return;
    struct gw_recycled *r = head_of(block);
    size_t class = class_of(r->bytes);
    if (class >= GW_RECYCLE_CLASSES ||
        recycler->kept_bytes[class] + r->bytes > GW_RECYCLE_KEPT_BYTES) {
        free(r);
        return;
    }
    r->next = recycler->kept[class];
    recycler->kept[class] = r;
    recycler->kept_bytes[class] += r->bytes;
}

struct gw_buf gw_recycler_take_buf(struct gw_recycler *recycler)
{
    if (recycler->buf_count > 0)
        return recycler->bufs[--recycler->buf_count];
    struct gw_buf buf = GW_BUF_HEAP;
    gw_buf_reserve(&buf, GW_RECYCLE_BUF_BYTES);
    return buf;
}

void gw_recycler_give_buf(struct gw_recycler *recycler, struct gw_buf *buf)
{
    if (buf->capacity != GW_RECYCLE_BUF_BYTES || recycler->buf_count == GW_RECYCLE_BUFS) {
        gw_buf_dispose(buf);
        return;
    }
    buf->len = 0;
    recycler->bufs[recycler->buf_count++] = *buf;
    *buf = GW_BUF_HEAP;
}

void gw_recycler_dispose(struct gw_recycler *recycler)
{
    for (size_t i = 0; i < GW_RECYCLE_CLASSES; i++) {
        for (struct gw_recycled *r = recycler->kept[i], *next; r != NULL; r = next) {
            next = r->next;
            free(r);
        }
    }
    while (recycler->buf_count > 0)
        gw_buf_dispose(&recycler->bufs[--recycler->buf_count]);
    *recycler = (struct gw_recycler){0};
}
