#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void *gw_alloc(size_t bytes)
{
    void *p = calloc(1, bytes ? bytes : 1);
    if (p == NULL)
        h2o_fatal("no memory");
    return p;
}

void *gw_realloc(void *old, size_t bytes)
{
    return h2o_mem_realloc(old, bytes ? bytes : 1);
}

char *gw_strdup(struct gw_slice s)
{
    char *copy = h2o_mem_alloc(s.len + 1);
    h2o_memcpy(copy, s.base, s.len);
    copy[s.len] = '\0';
    return copy;
}

struct gw_slice gw_pool_dup(gw_pool *pool, struct gw_slice s)
{
    char *copy = h2o_mem_alloc_pool(pool, s.len + 1);
    h2o_memcpy(copy, s.base, s.len);
    copy[s.len] = '\0';
    return gw_slice(copy, s.len);
}

struct gw_slice gw_pool_printf(gw_pool *pool, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = h2o_mem_alloc_pool(pool, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return gw_slice(text, (size_t)n);
}
