#include "hooks/engine/heap.h"

#include <stdlib.h>

#include "base/mem.h"

/* Smaller requests are not refused: the VM's own objects, in the middle of being built. Pages of
 * objects are larger. */
#define REFUSABLE_BYTES 8192

struct block {
    h2o_linklist_t link;
    size_t size;
    _Alignas(max_align_t) char bytes[];
};

void gw_hook_heap_init(struct gw_hook_heap *heap, size_t limit_bytes)
{
    *heap = (struct gw_hook_heap){.limit_bytes = limit_bytes};
    h2o_linklist_init_anchor(&heap->blocks);
}

void gw_hook_heap_dispose(struct gw_hook_heap *heap)
{
    while (!h2o_linklist_is_empty(&heap->blocks)) {
        struct block *block = H2O_STRUCT_FROM_MEMBER(struct block, link, heap->blocks.next);
        h2o_linklist_unlink(&block->link);
        free(block);
    }
    heap->used_bytes = 0;
}

static void release(struct gw_hook_heap *heap, struct block *block)
{
    if (block == NULL)
        return;
    heap->used_bytes -= block->size;
    h2o_linklist_unlink(&block->link);
    free(block);
}

static void *resize(struct gw_hook_heap *heap, struct block *block, size_t size)
{
    size_t old_size = block != NULL ? block->size : 0;
    bool is_refusable = (block != NULL && size > old_size) || size >= REFUSABLE_BYTES;
    if (is_refusable &&
        (size > heap->limit_bytes || heap->used_bytes - old_size > heap->limit_bytes - size)) {
        /* The first time, mruby collects its garbage and asks again. */
        heap->exceeded |= heap->denied_bytes == size;
        heap->denied_bytes = size;
        return NULL;
    }
    heap->denied_bytes = 0;
    if (block != NULL)
        h2o_linklist_unlink(&block->link);
    block = gw_realloc(block, sizeof(*block) + size);
    block->link = (h2o_linklist_t){0};
    block->size = size;
    h2o_linklist_insert(&heap->blocks, &block->link);
    heap->used_bytes += size - old_size;
    return block->bytes;
}

void *gw_hook_heap_realloc(struct gw_hook_heap *heap, void *bytes, size_t size)
{
    struct block *block = bytes != NULL ? H2O_STRUCT_FROM_MEMBER(struct block, bytes, bytes) : NULL;
    void *resized = NULL;
    __atomic_store_n(&heap->depth, heap->depth + 1, __ATOMIC_RELAXED);
    if (size == 0)
        release(heap, block);
    else
        resized = resize(heap, block, size);
    __atomic_store_n(&heap->depth, heap->depth - 1, __ATOMIC_RELAXED);
    return resized;
}
