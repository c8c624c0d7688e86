/* A growing array on the heap, of any type.
 *
 *     GW_VEC(struct item) items = {0};
 *     *gw_vec_push(&items) = (struct item){...};
 *     for (size_t i = 0; i < items.count; i++) use(&items.items[i]);
 *     gw_vec_dispose(&items);
 */
#ifndef GW_BASE_VEC_H
#define GW_BASE_VEC_H

#include <stdlib.h>

#include "base/mem.h"

#define GW_VEC(type)                                                                               \
    struct {                                                                                       \
        type *items;                                                                               \
        size_t count, capacity;                                                                    \
    }

/* Appends a zeroed element and gives its address, valid until the next push. */
#define gw_vec_push(v)                                                                             \
    ((v)->items = gw_vec_grow((v)->items, &(v)->count, &(v)->capacity, sizeof(*(v)->items)),       \
     &(v)->items[(v)->count - 1])

#define gw_vec_dispose(v) (free((v)->items), (v)->items = NULL, (v)->count = (v)->capacity = 0)

void *gw_vec_grow(void *items, size_t *count, size_t *capacity, size_t item_bytes);

#endif
