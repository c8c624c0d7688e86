#include "base/strmap.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/random.h"

static uint64_t hash_key;

__attribute__((constructor)) static void seed_hash(void)
{
    hash_key = gw_random_u64() | 1;
}

/* Multiply and fold, eight bytes a step (after wyhash by Wang Yi). */
static uint32_t hash_of(struct gw_slice s)
{
    uint64_t h = hash_key ^ s.len;
    size_t i = 0;
    for (; i + 8 <= s.len; i += 8) {
        uint64_t word;
        memcpy(&word, s.base + i, 8);
        __uint128_t m = (__uint128_t)(h ^ word) * 0x9e3779b97f4a7c15u;
        h = (uint64_t)m ^ (uint64_t)(m >> 64) ^ hash_key;
    }
    uint64_t rest = 0;
    if (i < s.len)
        memcpy(&rest, s.base + i, s.len - i);
    __uint128_t m = (__uint128_t)(h ^ rest) * 0xd6e8feb86659fd93u;
    h = (uint64_t)m ^ (uint64_t)(m >> 64);
    return (uint32_t)(h ^ h >> 32);
}

static struct gw_strmap_entry *slot_of(const struct gw_strmap *map, struct gw_slice key,
                                       uint32_t hash)
{
    for (size_t i = hash & map->mask;; i = (i + 1) & map->mask) {
        struct gw_strmap_entry *e = &map->entries[i];
        if (e->value == NULL || (e->hash == hash && gw_slice_eq(e->key, key)))
            return e;
    }
}

static void grow(struct gw_strmap *map)
{
    struct gw_strmap old = *map;
    size_t size = old.entries ? 2 * (old.mask + 1) : 8;
    map->entries = gw_alloc(size * sizeof(*map->entries));
    map->mask = size - 1;
    for (size_t i = 0; old.entries && i <= old.mask; i++) {
        if (old.entries[i].value != NULL)
            *slot_of(map, old.entries[i].key, old.entries[i].hash) = old.entries[i];
    }
    free(old.entries);
}

void *gw_strmap_add(struct gw_strmap *map, struct gw_slice key, void *value)
{
    if (map->entries == NULL || map->count * 2 > map->mask)
        grow(map);
    uint32_t hash = hash_of(key);
    struct gw_strmap_entry *e = slot_of(map, key, hash);
    if (e->value == NULL) {
        *e = (struct gw_strmap_entry){key, value, hash};
        map->count++;
    }
    return e->value;
}

void *gw_strmap_get(const struct gw_strmap *map, struct gw_slice key)
{
    return map->entries ? slot_of(map, key, hash_of(key))->value : NULL;
}

void gw_strmap_dispose(struct gw_strmap *map)
{
    free(map->entries);
    *map = (struct gw_strmap){0};
}
