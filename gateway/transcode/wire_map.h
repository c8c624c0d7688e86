/* Map entries on their way from wire to JSON, and the keys that a map has had on either way. */
#ifndef GW_TRANSCODE_WIRE_MAP_H
#define GW_TRANSCODE_WIRE_MAP_H

#include "base/strmap.h"
#include "transcode/json_writer.h"

struct gw_map_entry {
    struct gw_wire_value key, value;
};

/* Takes an entry's message apart: any order, either part may be missing or there twice. */
int gw_map_entry_decode(struct gw_json_writer *w, const struct gw_field *map, struct gw_slice wire,
                        struct gw_map_entry *ret_entry);
/* A comma where needed, key and value. */
int gw_map_entry_write(struct gw_json_writer *w, const struct gw_field *map,
                       const struct gw_map_entry *entry);
/* The key as bytes that are equal for equal keys; numbers go into `storage`. */
struct gw_slice gw_map_entry_key(const struct gw_field *map, const struct gw_map_entry *entry,
                                 uint64_t *storage);

#define GW_MAP_KEYS_FEW 8

/* The keys that a map has had: compared one by one while they are few. */
struct gw_map_keys {
    struct gw_slice few[GW_MAP_KEYS_FEW];
    uint64_t numbers[GW_MAP_KEYS_FEW];
    size_t count;
    struct gw_strmap *many; /* once there are more; else NULL */
};

/* Returns whether the entry's key was there. Borrows it. */
bool gw_map_keys_add(struct gw_map_keys *keys, gw_pool *pool, const struct gw_field *map,
                     const struct gw_map_entry *entry);
/* The same for a key that is text. Borrows it. */
bool gw_map_keys_add_text(struct gw_map_keys *keys, gw_pool *pool, struct gw_slice key);
void gw_map_keys_dispose(struct gw_map_keys *keys);

#endif
