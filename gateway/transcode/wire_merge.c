/* Messages in which fields come back: singular ones, of which the last value counts and messages
 * are merged, repeated ones in several places, map keys that are there twice, several members of a
 * oneof.
 *
 * All values are collected first, then sorted by field. wire_to_json.c finds out while it writes
 * that this is needed, and takes back what it wrote of the message. Once that has happened all
 * further messages of the call are collected at once, or messages within messages could be written
 * twice at each level. */
#include <stdlib.h>

#include "base/vec.h"
#include "transcode/json_writer.h"
#include "transcode/wire_map.h"

struct occurrence {
    const struct gw_field *field;
    size_t position; /* among those collected: the order on the wire */
    struct gw_wire_value value;
};

/* On the heap, but of the pool, too: a sink may leave by longjmp. */
struct occurrences {
    struct occurrence *items;
    size_t count, capacity;
};

/* The values of one field. */
struct group {
    const struct gw_field *field;
    const struct occurrence *first, *last;
};

/* Of `only` and the other members of its oneof, or of all fields where it is NULL. */
static int collect(struct gw_json_writer *w, const struct gw_message_type *type,
                   const struct gw_field *only, struct gw_slice wire, struct occurrences *all)
{
    const char *at = wire.base, *end = wire.base + wire.len;
    while (at < end) {
        struct gw_wire_value value;
        at = gw_json_writer_next(w, at, end, &value);
        if (at == NULL)
            return gw_json_writer_fail_malformed(w);
        const struct gw_field *field = gw_message_field_by_number(type, value.number);
        if (field == NULL || !gw_wire_fits(field, value.wire_type))
            continue;
        if (only != NULL && field != only && (only->oneof < 0 || field->oneof != only->oneof))
            continue;
        if (gw_json_writer_is_too_long(w))
            return gw_json_writer_fail_too_long(w);
        size_t position = all->count;
        w->scratch_bytes += sizeof(struct occurrence);
        *gw_vec_push(all) = (struct occurrence){field, position, value};
    }
    return 0;
}

/* Drops what a later member of the same oneof replaced. Seen from the end, everything before the
 * first value of another member is gone. */
static void settle_oneofs(const struct gw_message_type *type, struct occurrences *all)
{
    if (type->oneof_count == 0)
        return;
    static const struct gw_field none;
    const struct gw_field **winners = gw_alloc(type->oneof_count * sizeof(*winners));
    for (size_t i = all->count; i-- > 0;) {
        struct occurrence *o = &all->items[i];
        if (o->field->oneof < 0)
            continue;
        const struct gw_field **winner = &winners[o->field->oneof];
        if (*winner == NULL) {
            *winner = o->field;
        } else if (*winner != o->field) {
            *winner = &none;
            o->field = NULL;
        }
    }
    free(winners);
    size_t kept = 0;
    for (size_t i = 0; i < all->count; i++) {
        if (all->items[i].field != NULL)
            all->items[kept++] = all->items[i];
    }
    all->count = kept;
}

static int compare(const void *left, const void *right)
{
    const struct occurrence *a = left, *b = right;
    if (a->field->index != b->field->index)
        return a->field->index < b->field->index ? -1 : 1;
    return a->position < b->position ? -1 : a->position > b->position;
}

static void dispose_occurrences(void *all)
{
    gw_vec_dispose((struct occurrences *)all);
}

static struct occurrences *new_occurrences(gw_pool *pool)
{
    struct occurrences *all = h2o_mem_alloc_shared(pool, sizeof(*all), dispose_occurrences);
    *all = (struct occurrences){0};
    return all;
}

static struct gw_slice join(struct gw_json_writer *w, const struct group *group)
{
    if (group->first == group->last)
        return group->first->value.bytes;
    size_t len = 0;
    for (const struct occurrence *o = group->first; o <= group->last; o++)
        len += o->value.bytes.len;
    w->scratch_bytes += len;
    char *joined = h2o_mem_alloc_pool(w->pool, len);
    char *to = joined;
    for (const struct occurrence *o = group->first; o <= group->last; o++) {
        h2o_memcpy(to, o->value.bytes.base, o->value.bytes.len);
        to += o->value.bytes.len;
    }
    return gw_slice(joined, len);
}

struct merged_entry {
    struct gw_map_entry entry;
    uint64_t number; /* storage for the key */
    size_t position; /* of the last entry with the key */
};

/* Of the pool as occurrences are. */
struct merged_map {
    struct merged_entry *entries;
    struct gw_strmap by_key;
};

static void dispose_merged_map(void *merged_map)
{
    struct merged_map *map = merged_map;
    gw_strmap_dispose(&map->by_key);
    free(map->entries);
    map->entries = NULL;
}

static int collect_entries(struct gw_json_writer *w, const struct group *group,
                           struct merged_map *map)
{
    for (size_t i = 0; group->first + i <= group->last; i++) {
        struct merged_entry *e = &map->entries[i];
        if (gw_map_entry_decode(w, group->field, group->first[i].value.bytes, &e->entry) != 0)
            return -1;
        struct gw_slice key = gw_map_entry_key(group->field, &e->entry, &e->number);
        struct merged_entry *known = gw_strmap_add(&map->by_key, key, e);
        known->position = i;
    }
    return 0;
}

static int write_map(struct gw_json_writer *w, const struct group *group)
{
    size_t count = (size_t)(group->last - group->first) + 1;
    struct merged_map *map = h2o_mem_alloc_shared(w->pool, sizeof(*map), dispose_merged_map);
    *map = (struct merged_map){.entries = gw_alloc(count * sizeof(*map->entries))};
    gw_json_begin_object(w);
    int rc = gw_json_writer_enter(w);
    if (rc == 0)
        rc = collect_entries(w, group, map);
    for (size_t i = 0; i < count && rc == 0; i++) {
        struct merged_entry *e = &map->entries[i];
        struct gw_slice key = gw_map_entry_key(group->field, &e->entry, &e->number);
        const struct merged_entry *known = gw_strmap_get(&map->by_key, key);
        if (known->position == i)
            rc = gw_map_entry_write(w, group->field, &e->entry);
    }
    dispose_merged_map(map);
    gw_json_writer_leave(w);
    gw_json_end_object(w);
    return rc;
}

static int write_array(struct gw_json_writer *w, const struct group *group)
{
    gw_json_begin_array(w);
    for (const struct occurrence *o = group->first; o <= group->last; o++) {
        if (gw_json_write_elements(w, group->field, &o->value) != 0)
            return -1;
    }
    gw_json_end_array(w);
    return 0;
}

static int write_group_value(struct gw_json_writer *w, const struct group *group)
{
    if (group->field->is_map)
        return write_map(w, group);
    if (group->field->is_repeated)
        return write_array(w, group);
    struct gw_wire_value value = group->last->value;
    if (group->field->message != NULL)
        value.bytes = join(w, group);
    return gw_json_write_value(w, group->field, &value);
}

/* Packed values may all be empty. */
static bool is_empty(const struct group *group)
{
    if (!group->field->is_repeated || gw_wire_type_of(group->field->type) == GW_WIRE_BYTES)
        return false;
    for (const struct occurrence *o = group->first; o <= group->last; o++) {
        if (o->value.wire_type != GW_WIRE_BYTES || o->value.bytes.len > 0)
            return false;
    }
    return true;
}

static int write_group(struct gw_json_writer *w, const struct group *group)
{
    bool is_left_out = group->field->is_repeated
                           ? is_empty(group) && !w->options->always_print_defaults
                           : gw_json_is_left_out(w, group->field, &group->last->value);
    if (is_left_out)
        return 0;
    struct gw_json_writer_place place = {.up = w->place, .field = group->field};
    w->place = &place;
    gw_json_write_key(w, group->field);
    int rc = write_group_value(w, group);
    w->place = place.up;
    return rc;
}

static struct group group_at(const struct occurrences *all, size_t from)
{
    size_t last = from;
    while (last + 1 < all->count && all->items[last + 1].field == all->items[from].field)
        last++;
    return (struct group){all->items[from].field, &all->items[from], &all->items[last]};
}

static int write_missing(struct gw_json_writer *w, const struct gw_message_type *type,
                         uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        if (type->fields[i].has_presence)
            continue;
        gw_json_write_key(w, &type->fields[i]);
        if (gw_json_write_default(w, &type->fields[i]) != 0)
            return -1;
    }
    return 0;
}

/* Behind all that is there, as where nothing had to be merged: a member's place must not depend on
 * how the bytes were cut. */
static int write_all_missing(struct gw_json_writer *w, const struct gw_message_type *type,
                             const struct occurrences *all)
{
    uint32_t next_field = 0;
    for (size_t i = 0; i < all->count; i++) {
        uint32_t index = all->items[i].field->index;
        if (index > next_field && write_missing(w, type, next_field, index) != 0)
            return -1;
        next_field = index + 1;
    }
    return write_missing(w, type, next_field, type->field_count);
}

static int write_groups(struct gw_json_writer *w, const struct gw_message_type *type,
                        const struct occurrences *all)
{
    for (size_t i = 0; i < all->count;) {
        struct group group = group_at(all, i);
        if (write_group(w, &group) != 0)
            return -1;
        i += (size_t)(group.last - group.first) + 1;
    }
    return w->options->always_print_defaults ? write_all_missing(w, type, all) : 0;
}

int gw_json_write_merged(struct gw_json_writer *w, const struct gw_message_type *type,
                         struct gw_slice wire)
{
    struct occurrences *all = new_occurrences(w->pool);
    int rc = collect(w, type, NULL, wire, all);
    size_t collected = all->count;
    if (rc == 0) {
        settle_oneofs(type, all);
        if (all->count > 1)
            qsort(all->items, all->count, sizeof(*all->items), compare);
        rc = write_groups(w, type, all);
    }
    gw_vec_dispose(all);
    w->scratch_bytes -= collected * sizeof(struct occurrence);
    return rc;
}

int gw_json_write_field_of(struct gw_json_writer *w, const struct gw_message_type *type,
                           const struct gw_field *field, struct gw_slice wire)
{
    struct occurrences *all = new_occurrences(w->pool);
    int rc = collect(w, type, field, wire, all);
    size_t collected = all->count;
    if (rc == 0) {
        settle_oneofs(type, all);
        if (all->count == 0 || (field != NULL && all->items[0].field != field)) {
            rc = 1;
        } else {
            struct group group = group_at(all, 0);
            rc = write_group_value(w, &group);
        }
    }
    gw_vec_dispose(all);
    w->scratch_bytes -= collected * sizeof(struct occurrence);
    return rc;
}
