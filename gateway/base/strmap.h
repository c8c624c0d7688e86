/* A hash table from byte strings to pointers: built once, then read by any thread.
 * Keys and values are borrowed. The hash is keyed by a random number of the process, so that what a
 * client sends cannot be chosen to collide. */
#ifndef GW_BASE_STRMAP_H
#define GW_BASE_STRMAP_H

#include <stdint.h>

#include "base/slice.h"

struct gw_strmap_entry {
    struct gw_slice key;
    void *value; /* NULL: free */
    uint32_t hash;
};

struct gw_strmap {
    struct gw_strmap_entry *entries; /* a power of two of them, or NULL */
    size_t mask;
    size_t count;
};

/* Adds or, where the key is there, leaves it. `value` is not NULL. Returns the value that now
 * stands under the key: another than `value` means that the key was taken. */
void *gw_strmap_add(struct gw_strmap *map, struct gw_slice key, void *value);
/* NULL where the key is absent. */
void *gw_strmap_get(const struct gw_strmap *map, struct gw_slice key);
void gw_strmap_dispose(struct gw_strmap *map);

#endif
