#include "transcode/assignment.h"

#include <stdlib.h>

#include "transcode/field_path.h"
#include "transcode/text_value.h"
#include "transcode/wire_format.h"

int gw_assignment_blame(const struct gw_assignment *a, struct gw_error *error)
{
    const char *what = a->source == GW_FROM_PATH ? "path variable" : "query parameter";
    return gw_error_prefix(error, "%s \"%.*s\": ", what, GW_SLICE_ARG(gw_name_shown(a->name)));
}

static int fail(const struct gw_assignment *a, struct gw_error *error, const char *message)
{
    gw_error_set(error, GW_INVALID_ARGUMENT, GW_NO_POSITION, "%s", message);
    return gw_assignment_blame(a, error);
}

static int by_path_and_order(const void *left, const void *right)
{
    const struct gw_assignment *a = left, *b = right;
    size_t n = gw_field_path_common(&a->path, &b->path);
    if (n < a->path.count && n < b->path.count)
        return a->path.fields[n]->number < b->path.fields[n]->number ? -1 : 1;
    if (a->path.count != b->path.count)
        return a->path.count < b->path.count ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

/* The first `at` items are for the same message as items[at], and for other fields of it. */
static int check_oneof(const struct gw_assignment *items, size_t at, size_t depth,
                       struct gw_error *error)
{
    int32_t oneof = items[at].path.fields[depth]->oneof;
    for (size_t i = 0; oneof >= 0 && i < at; i++) {
        if (items[i].path.fields[depth]->oneof != oneof)
            continue;
        bool at_is_later = items[at].order > items[i].order;
        gw_error_set(error, GW_INVALID_ARGUMENT, GW_NO_POSITION,
                     "excluded by \"%.*s\", a field of the same oneof",
                     GW_SLICE_ARG(gw_name_shown(items[at_is_later ? i : at].name)));
        return gw_assignment_blame(&items[at_is_later ? at : i], error);
    }
    return 0;
}

static int values_to_wire(const struct gw_assignment *items, size_t count, gw_pool *pool,
                          struct gw_buf *out, struct gw_error *error)
{
    const struct gw_field *field = items->path.fields[items->path.count - 1];
    if (count > 1 && !field->is_repeated)
        return fail(&items[1], error,
                    items[0].source == GW_FROM_PATH ? "the path gives this field" : "given twice");
    for (size_t i = 0; i < count; i++) {
        if (gw_text_value_to_wire(field, items[i].text, pool, out, error) != 0)
            return gw_assignment_blame(&items[i], error);
    }
    return 0;
}

static int message_to_wire(const struct gw_assignment *items, size_t count, size_t depth,
                           gw_pool *pool, struct gw_buf *out, struct gw_error *error);

/* All items are for fields inside the one at `depth`. */
static int submessage_to_wire(const struct gw_assignment *items, size_t count, size_t depth,
                              gw_pool *pool, struct gw_buf *out, struct gw_error *error)
{
    const struct gw_field *field = items->path.fields[depth];
    bool is_group = field->type == GW_TYPE_GROUP;
    gw_wire_append_key(out, field->number, is_group ? GW_WIRE_GROUP : GW_WIRE_BYTES);
    size_t begin = is_group ? 0 : gw_wire_begin_length(out);
    if (message_to_wire(items, count, depth + 1, pool, out, error) != 0)
        return -1;
    if (is_group)
        gw_wire_append_key(out, field->number, GW_WIRE_GROUP_END);
    else
        gw_wire_end_length(out, begin);
    return 0;
}

/* All items have their first `depth` fields in common. */
static int message_to_wire(const struct gw_assignment *items, size_t count, size_t depth,
                           gw_pool *pool, struct gw_buf *out, struct gw_error *error)
{
    for (size_t from = 0, end; from < count; from = end) {
        const struct gw_field *field = items[from].path.fields[depth];
        for (end = from + 1; end < count && items[end].path.fields[depth] == field;)
            end++;
        if (check_oneof(items, from, depth, error) != 0)
            return -1;
        if (items[from].path.count == depth + 1) {
            if (values_to_wire(items + from, end - from, pool, out, error) != 0)
                return -1;
            continue;
        }
        if (submessage_to_wire(items + from, end - from, depth, pool, out, error) != 0)
            return -1;
    }
    return 0;
}

int gw_assignments_to_wire(struct gw_assignment *items, size_t count, gw_pool *pool,
                           struct gw_buf *out, struct gw_error *error)
{
    if (count > 1)
        qsort(items, count, sizeof(*items), by_path_and_order);
    return message_to_wire(items, count, 0, pool, out, error);
}
