/* The memory of one Ruby VM: with a limit, and so kept that all of it can be freed at once when the
 * VM cannot be closed any more. Worker-local. */
#ifndef GW_HOOKS_ENGINE_HEAP_H
#define GW_HOOKS_ENGINE_HEAP_H

#include <h2o/linklist.h>
#include <stddef.h>

struct gw_hook_heap {
    size_t used_bytes;  /* as asked for, without what keeping it costs */
    size_t limit_bytes; /* about: see gw_hook_heap_realloc */
    h2o_linklist_t blocks;
    int depth;           /* above 0 while in gw_hook_heap_realloc; a signal handler may read it */
    int exceeded;        /* a request was refused twice, since this was last set to 0 */
    size_t denied_bytes; /* asked for last, and refused; 0: what was asked for last was given */
};

void gw_hook_heap_init(struct gw_hook_heap *heap, size_t limit_bytes);
/* Frees what is left. */
void gw_hook_heap_dispose(struct gw_hook_heap *heap);

/* As mrb_allocf asks: size 0 frees, block NULL allocates. NULL when over the limit, but only for
 * what grows a block or is large: mruby does not survive it elsewhere, and everything that hooks
 * can fill memory with comes down to these. */
void *gw_hook_heap_realloc(struct gw_hook_heap *heap, void *block, size_t size);

#endif
