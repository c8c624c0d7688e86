#include "grpc/h2_memory.h"

#include <string.h>

#include "base/recycle.h"

static void *allocate(size_t bytes, void *recycler)
{
    return gw_recycler_alloc(recycler, bytes);
}

static void release(void *block, void *recycler)
{
    gw_recycler_free(recycler, block);
}

static void *allocate_zeroed(size_t count, size_t bytes, void *recycler)
{
    size_t total;
    if (__builtin_mul_overflow(count, bytes, &total))
        return NULL;
    return memset(gw_recycler_alloc(recycler, total), 0, total);
}

static void *reallocate(void *old, size_t bytes, void *recycler)
{
    return gw_recycler_realloc(recycler, old, bytes);
}

nghttp2_mem gw_h2_memory(struct gw_loop *loop)
{
    return (nghttp2_mem){
        .mem_user_data = gw_loop_recycler(loop),
        .malloc = allocate,
        .free = release,
        .calloc = allocate_zeroed,
        .realloc = reallocate,
    };
}
