/* Allocation that does not fail: the process ends when memory runs out, as libh2o's does. Every
 * size that a peer controls is bounded before it gets here. */
#ifndef GW_BASE_MEM_H
#define GW_BASE_MEM_H

#include <h2o/memory.h>
#include <stddef.h>

#include "base/slice.h"

/* A memory pool; all its memory goes at once. Worker-local. */
typedef h2o_mem_pool_t gw_pool;

/* Heap memory, zeroed; freed with free(). */
void *gw_alloc(size_t bytes);
/* As realloc; `old` may be NULL. */
void *gw_realloc(void *old, size_t bytes);
/* A terminated copy on the heap. */
char *gw_strdup(struct gw_slice s);
/* A terminated copy in the pool. */
struct gw_slice gw_pool_dup(gw_pool *pool, struct gw_slice s);
/* printf into the pool; terminated. */
struct gw_slice gw_pool_printf(gw_pool *pool, const char *format, ...)
    __attribute__((format(printf, 2, 3), nonnull(2)));

#endif
