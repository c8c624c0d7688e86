#include "transcode/field_path.h"

#include "base/nearest.h"

static int unknown_field(const struct gw_message_type *type, struct gw_slice name,
                         struct gw_error *error)
{
    char hint[128];
    struct gw_nearest_search search;
    gw_nearest_begin(&search, name);
    for (uint32_t i = 0; i < type->field_count; i++) {
        gw_nearest_offer(&search, type->fields[i].name);
        gw_nearest_offer(&search, type->fields[i].json_name);
    }
    return gw_error_set(error, GW_INVALID_ARGUMENT, GW_NO_POSITION, "%.*s has no field \"%.*s\"%s",
                        GW_SLICE_ARG(type->full_name), GW_SLICE_ARG(gw_name_shown(name)),
                        gw_nearest_hint(&search, hint, sizeof(hint)));
}

const struct gw_field *gw_field_find(const struct gw_message_type *type, struct gw_slice name,
                                     struct gw_error *error)
{
    const struct gw_field *field = gw_message_field_by_name(type, name);
    if (field == NULL)
        unknown_field(type, name, error);
    return field;
}

/* The message whose field is named next, or NULL. */
static const struct gw_message_type *inside(const struct gw_field *field, struct gw_error *error)
{
    const char *what = NULL;
    if (field->is_repeated)
        what = "is repeated";
    else if (field->message == NULL)
        what = "is no message";
    else if (field->message->well_known != GW_WKT_NONE)
        what = "is given as a whole";
    if (what == NULL)
        return field->message;
    gw_error_set(error, GW_INVALID_ARGUMENT, GW_NO_POSITION,
                 "field \"%.*s\" %s: no field in it can be named", GW_SLICE_ARG(field->name), what);
    return NULL;
}

int gw_field_path_resolve(const struct gw_message_type *type, struct gw_slice dotted,
                          const struct gw_field *fields[GW_MAX_DEPTH], size_t *ret_count,
                          struct gw_error *error)
{
    size_t count = 0;
    for (;;) {
        const char *dot = dotted.len ? memchr(dotted.base, '.', dotted.len) : NULL;
        struct gw_slice name =
            gw_slice(dotted.base, dot ? (size_t)(dot - dotted.base) : dotted.len);
        const struct gw_field *field = gw_field_find(type, name, error);
        if (field == NULL)
            return -1;
        if (count == GW_MAX_DEPTH)
            return gw_error_set(error, GW_INVALID_ARGUMENT, GW_NO_POSITION,
                                "more than %d nested fields", GW_MAX_DEPTH);
        fields[count++] = field;
        if (dot == NULL)
            break;
        type = inside(field, error);
        if (type == NULL)
            return -1;
        dotted = gw_slice_from(dotted, name.len + 1);
    }
    *ret_count = count;
    return 0;
}

size_t gw_field_path_common(const struct gw_field_path *a, const struct gw_field_path *b)
{
    size_t n = 0;
    while (n < a->count && n < b->count && a->fields[n] == b->fields[n])
        n++;
    return n;
}

bool gw_field_paths_exclude(const struct gw_field_path *a, const struct gw_field_path *b)
{
    size_t n = gw_field_path_common(a, b);
    return n < a->count && n < b->count && a->fields[n]->oneof >= 0 &&
           a->fields[n]->oneof == b->fields[n]->oneof;
}
