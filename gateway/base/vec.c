#include "base/vec.h"

void *gw_vec_grow(void *items, size_t *count, size_t *capacity, size_t item_bytes)
{
    if (*count == *capacity) {
        *capacity = *capacity ? 2 * *capacity : 8;
        items = gw_realloc(items, *capacity * item_bytes);
    }
    memset((char *)items + *count * item_bytes, 0, item_bytes);
    ++*count;
    return items;
}
