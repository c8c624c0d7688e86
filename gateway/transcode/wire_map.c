#include "transcode/wire_map.h"

static const struct gw_field *key_field(const struct gw_field *map)
{
    return &map->message->fields[0];
}

static const struct gw_field *value_field(const struct gw_field *map)
{
    return &map->message->fields[1];
}

/* A message that is there in pieces is the pieces in a row: in `room`, which has that of the entry.
 */
static struct gw_slice join(gw_pool *pool, size_t entry_bytes, char **room, struct gw_slice before,
                            struct gw_slice piece)
{
    if (*room == NULL) {
        *room = h2o_mem_alloc_pool(pool, entry_bytes);
        h2o_memcpy(*room, before.base, before.len);
    }
    h2o_memcpy(*room + before.len, piece.base, piece.len);
    return gw_slice(*room, before.len + piece.len);
}

int gw_map_entry_decode(struct gw_json_writer *w, const struct gw_field *map, struct gw_slice wire,
                        struct gw_map_entry *ret_entry)
{
    struct gw_map_entry entry = {{0}, {0}};
    char *room = NULL;
    const char *at = wire.base, *end = wire.base + wire.len;
    while (at < end) {
        struct gw_wire_value part = {0};
        at = gw_json_writer_next(w, at, end, &part);
        if (at == NULL)
            return gw_json_writer_fail_malformed(w);
        if (part.number == 1 && gw_wire_fits(key_field(map), part.wire_type)) {
            entry.key = part;
        } else if (part.number == 2 && gw_wire_fits(value_field(map), part.wire_type)) {
            if (value_field(map)->message != NULL && entry.value.bytes.len > 0)
                part.bytes = join(w->pool, wire.len, &room, entry.value.bytes, part.bytes);
            entry.value = part;
        }
    }
    *ret_entry = entry;
    return 0;
}

int gw_map_entry_write(struct gw_json_writer *w, const struct gw_field *map,
                       const struct gw_map_entry *entry)
{
    if (w->sink != NULL) {
        w->sink->ops->key(w->sink);
        if (gw_json_give_scalar(w, key_field(map), &entry->key) != 0)
            return -1;
        return gw_json_write_value(w, value_field(map), &entry->value);
    }
    gw_json_append_comma(w->out, '{');
    /* 64-bit integers are quoted as values already. */
    enum gw_type type = key_field(map)->type;
    bool needs_quotes = type != GW_TYPE_STRING && type != GW_TYPE_INT64 && type != GW_TYPE_UINT64 &&
                        type != GW_TYPE_SINT64 && type != GW_TYPE_FIXED64 &&
                        type != GW_TYPE_SFIXED64;
    if (needs_quotes)
        gw_buf_append_byte(w->out, '"');
    if (gw_json_write_value(w, key_field(map), &entry->key) != 0)
        return -1;
    gw_buf_append(w->out, needs_quotes ? GW_SLICE("\":") : GW_SLICE(":"));
    return gw_json_write_value(w, value_field(map), &entry->value);
}

static uint64_t key_number(enum gw_type type, uint64_t bits)
{
    switch (type) {
    case GW_TYPE_BOOL:
        return bits != 0;
    case GW_TYPE_INT32:
    case GW_TYPE_UINT32:
    case GW_TYPE_SINT32:
        return (uint32_t)bits;
    default:
        return bits;
    }
}

struct gw_slice gw_map_entry_key(const struct gw_field *map, const struct gw_map_entry *entry,
                                 uint64_t *storage)
{
    if (key_field(map)->type == GW_TYPE_STRING)
        return entry->key.bytes;
    *storage = key_number(key_field(map)->type, entry->key.bits);
    return gw_slice(storage, sizeof(*storage));
}

/* What the keys' table holds; it only says that a key is there. */
static char present;

static bool add_to_many(struct gw_map_keys *keys, struct gw_slice key)
{
    size_t count = keys->many->count;
    gw_strmap_add(keys->many, key, &present);
    return keys->many->count == count;
}

static void dispose_strmap(void *map)
{
    gw_strmap_dispose(map);
}

/* A number stands in a place of the caller's, which does not last. */
static bool add(struct gw_map_keys *keys, gw_pool *pool, struct gw_slice key, bool is_number)
{
    if (keys->count < GW_MAP_KEYS_FEW) {
        for (size_t i = 0; i < keys->count; i++) {
            if (gw_slice_eq(keys->few[i], key))
                return true;
        }
        if (is_number) {
            memcpy(&keys->numbers[keys->count], key.base, key.len);
            key.base = (const char *)&keys->numbers[keys->count];
        }
        keys->few[keys->count++] = key;
        return false;
    }
    if (keys->many == NULL) {
        keys->many = h2o_mem_alloc_shared(pool, sizeof(*keys->many), dispose_strmap);
        *keys->many = (struct gw_strmap){0};
        for (size_t i = 0; i < keys->count; i++)
            add_to_many(keys, keys->few[i]);
    }
    return add_to_many(keys, is_number ? gw_pool_dup(pool, key) : key);
}

bool gw_map_keys_add(struct gw_map_keys *keys, gw_pool *pool, const struct gw_field *map,
                     const struct gw_map_entry *entry)
{
    uint64_t number;
    struct gw_slice key = gw_map_entry_key(map, entry, &number);
    return add(keys, pool, key, key.base == (const char *)&number);
}

bool gw_map_keys_add_text(struct gw_map_keys *keys, gw_pool *pool, struct gw_slice key)
{
    return add(keys, pool, key, false);
}

void gw_map_keys_dispose(struct gw_map_keys *keys)
{
    if (keys->many != NULL)
        gw_strmap_dispose(keys->many);
}
