#include "transcode/query.h"

#include "base/encoding.h"
#include "base/utf8.h"
#include "transcode/field_path.h"
#include "transcode/text_value.h"

/* The text before the next `separator`, which is skipped too. */
static struct gw_slice next_piece(struct gw_slice *rest, char separator)
{
    const char *at = rest->len ? memchr(rest->base, separator, rest->len) : NULL;
    struct gw_slice piece = gw_slice(rest->base, at ? (size_t)(at - rest->base) : rest->len);
    *rest = gw_slice_from(*rest, at ? piece.len + 1 : piece.len);
    return piece;
}

size_t gw_query_count(struct gw_slice query)
{
    size_t count = 0;
    while (query.len > 0)
        count += next_piece(&query, '&').len > 0;
    return count;
}

static int decode(struct gw_slice raw, gw_pool *pool, struct gw_slice *ret_text,
                  struct gw_error *error)
{
    size_t position;
    if (gw_percent_decode(pool, raw, true, ret_text, &position) != 0)
        return gw_error_set(error, GW_INVALID_ARGUMENT, GW_NO_POSITION,
                            "expected two hexadecimal digits after '%%' (character %zu)",
                            position + 1);
    if (gw_utf8_check(*ret_text) != ret_text->len)
        return gw_error_set(error, GW_INVALID_ARGUMENT, GW_NO_POSITION, "expected UTF-8");
    return 0;
}

static int resolve(const struct gw_message_type *type, gw_pool *pool, struct gw_assignment *a,
                   struct gw_error *error)
{
    const struct gw_field *fields[GW_MAX_DEPTH];
    size_t count;
    if (gw_field_path_resolve(type, a->name, fields, &count, error) != 0)
        return -1;
    if (!gw_text_value_is_possible(fields[count - 1]))
        return gw_error_set(error, GW_INVALID_ARGUMENT, GW_NO_POSITION,
                            "a %s cannot be a query parameter%s",
                            fields[count - 1]->is_map ? "map" : "message",
                            fields[count - 1]->is_repeated ? "" : "; name a field in it");
    a->path.fields = h2o_mem_alloc_pool(pool, count * sizeof(*a->path.fields));
    a->path.count = count;
    memcpy(a->path.fields, fields, count * sizeof(*fields));
    return 0;
}

static int parse_parameter(const struct gw_message_type *type, struct gw_slice piece, gw_pool *pool,
                           struct gw_assignment *a, struct gw_error *error)
{
    struct gw_slice raw = piece;
    a->source = GW_FROM_QUERY;
    a->name = next_piece(&raw, '=');
    if (decode(a->name, pool, &a->name, error) != 0 || decode(raw, pool, &a->text, error) != 0 ||
        resolve(type, pool, a, error) != 0)
        return gw_assignment_blame(a, error);
    return 0;
}

int gw_query_parse(const struct gw_message_type *type, struct gw_slice query, gw_pool *pool,
                   struct gw_assignment *items, struct gw_error *error)
{
    size_t count = 0;
    while (query.len > 0) {
        struct gw_slice piece = next_piece(&query, '&');
        if (piece.len > 0 && parse_parameter(type, piece, pool, &items[count++], error) != 0)
            return -1;
    }
    return 0;
}
