#include "base/recycle.h"

#include <stdlib.h>

#include "base/mem.h"

void *gw_recycler_alloc(struct gw_recycler *recycler, size_t bytes)
{
    (void)recycler;
    return h2o_mem_alloc(bytes != 0 ? bytes : 1);
}

void *gw_recycler_realloc(struct gw_recycler *recycler, void *old, size_t bytes)
{
    (void)recycler;
    return gw_realloc(old, bytes);
}

void gw_recycler_free(struct gw_recycler *recycler, void *block)
{
    (void)recycler;
    free(block);
}

struct gw_buf gw_recycler_take_buf(struct gw_recycler *recycler)
{
    (void)recycler;
    struct gw_buf buf = GW_BUF_HEAP;
    gw_buf_reserve(&buf, GW_RECYCLE_BUF_BYTES);
    return buf;
}

void gw_recycler_give_buf(struct gw_recycler *recycler, struct gw_buf *buf)
{
    (void)recycler;
    gw_buf_dispose(buf);
}

void gw_recycler_dispose(struct gw_recycler *recycler)
{
    (void)recycler;
}
