/* Memory for what comes and goes with every call: blocks that are given back are kept by size, up
 * to a bound, and given out again. Worker-local.
 *
 * With a sanitizer every block is malloc's own (recycle_none.c), so that a use after free is seen.
 */
#ifndef GW_BASE_RECYCLE_H
#define GW_BASE_RECYCLE_H

#include "base/buf.h"

#define GW_RECYCLE_STEP 64
#define GW_RECYCLE_CLASSES 20
#define GW_RECYCLE_MAX (GW_RECYCLE_STEP * GW_RECYCLE_CLASSES)
/* Of each size; blocks above the largest are not kept. */
#define GW_RECYCLE_KEPT_BYTES ((size_t)64 << 10)
/* Capacity of a kept buffer, and how many there are. */
#define GW_RECYCLE_BUF_BYTES ((size_t)16 << 10)
#define GW_RECYCLE_BUFS 4

/* Embedded by value; zero-initialised is empty. */
struct gw_recycler {
    struct gw_recycled *kept[GW_RECYCLE_CLASSES];
    size_t kept_bytes[GW_RECYCLE_CLASSES];
    struct gw_buf bufs[GW_RECYCLE_BUFS];
    unsigned buf_count;
};

/* Not zeroed. Never NULL. */
void *gw_recycler_alloc(struct gw_recycler *recycler, size_t bytes);
/* As realloc. */
void *gw_recycler_realloc(struct gw_recycler *recycler, void *old, size_t bytes);
/* Takes what alloc or realloc of the same recycler gave. NULL is allowed. */
void gw_recycler_free(struct gw_recycler *recycler, void *block);
/* An empty heap buffer of GW_RECYCLE_BUF_BYTES, which may grow. */
struct gw_buf gw_recycler_take_buf(struct gw_recycler *recycler);
/* As gw_buf_dispose of any heap buffer, whose memory may be kept. */
void gw_recycler_give_buf(struct gw_recycler *recycler, struct gw_buf *buf);
/* Gives what is kept back to malloc. No block may be out. */
void gw_recycler_dispose(struct gw_recycler *recycler);

#endif
