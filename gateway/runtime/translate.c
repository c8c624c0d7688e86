/* From a request to a framed message, or to what the client is told. */
#include "runtime/internal.h"

#include "base/encoding.h"
#include "grpc/call.h"
#include "transcode/transcode.h"

static int fail(struct gw_failure *ret_failure, int http_status, int code, struct gw_slice message,
                const struct gw_route *route)
{
    *ret_failure = (struct gw_failure){
        .http_status = http_status, .code = code, .message = message, .route = route};
    return -1;
}

/* Offset of the first broken escape, or path.len. */
static size_t find_broken_escape(struct gw_slice path)
{
    for (size_t i = 0; i < path.len; i++) {
        const char *percent = memchr(path.base + i, '%', path.len - i);
        if (percent == NULL)
            break;
        i = (size_t)(percent - path.base);
        if (gw_percent_byte(path, i) < 0)
            return i;
    }
    return path.len;
}

static int fail_path(struct gw_failure *ret_failure, size_t position, gw_pool *pool,
                     const struct gw_route *route)
{
    return fail(ret_failure, 400, GW_INVALID_ARGUMENT,
                gw_pool_printf(pool,
                               "path: expected two hexadecimal digits after '%%' (character %zu)",
                               position + 1),
                route);
}

static int fail_unmatched(const struct gw_route_match *match, gw_pool *pool,
                          struct gw_failure *ret_failure)
{
    if (match->allowed_count == 0)
        return fail(ret_failure, 404, GW_NOT_FOUND, GW_SLICE("no such path"), NULL);
    struct gw_buf allow = gw_buf_in_pool(pool);
    for (size_t i = 0; i < match->allowed_count; i++) {
        if (i > 0)
            gw_buf_append(&allow, GW_SLICE(", "));
        gw_buf_append(&allow, match->allowed[i]);
    }
    fail(ret_failure, 405, GW_UNIMPLEMENTED,
         gw_pool_printf(pool, "the method is not allowed for this path, expected %s",
                        gw_buf_terminate(&allow)),
         NULL);
    ret_failure->allow = gw_buf_slice(&allow);
    return -1;
}

int gw_snapshot_route(const struct gw_snapshot *snapshot,
                      const struct gw_translate_request *request, gw_pool *pool,
                      struct gw_route_match *ret_match, struct gw_failure *ret_failure)
{
    if (gw_snapshot_match(snapshot, request->http_method, request->path, ret_match))
        return 0;
    size_t broken = find_broken_escape(request->path);
    if (broken < request->path.len)
        return fail_path(ret_failure, broken, pool, NULL);
    return fail_unmatched(ret_match, pool, ret_failure);
}

/* --- one message --- */

/* Without parameters. */
static struct gw_slice media_type_of(struct gw_slice content_type)
{
    const char *semicolon =
        content_type.len ? memchr(content_type.base, ';', content_type.len) : NULL;
    if (semicolon != NULL)
        content_type.len = (size_t)(semicolon - content_type.base);
    return gw_slice_trim(content_type);
}

/* application/json or application/ANYTHING+json. */
static bool is_json(struct gw_slice media_type)
{
    const struct gw_slice start = GW_SLICE("application/"), end = GW_SLICE("+json");
    if (media_type.len <= start.len ||
        !gw_slice_eq_nocase(gw_slice(media_type.base, start.len), start))
        return false;
    struct gw_slice subtype = gw_slice_from(media_type, start.len);
    return gw_slice_eq_nocase(subtype, GW_SLICE("json")) ||
           (subtype.len > end.len &&
            gw_slice_eq_nocase(gw_slice_from(subtype, subtype.len - end.len), end));
}

static int fail_content_type(const struct gw_route *route, struct gw_slice type,
                             const char *expected, gw_pool *pool, struct gw_failure *ret_failure)
{
    if (type.len > 100)
        type.len = 100;
    struct gw_slice message =
        type.len == 0 ? gw_pool_printf(pool, "a body without content-type, expected %s", expected)
                      : gw_pool_printf(pool, "content-type \"%.*s\", expected %s",
                                       GW_SLICE_ARG(type), expected);
    return fail(ret_failure, 415, GW_INVALID_ARGUMENT, message, route);
}

static int transcode(const struct gw_binding *binding, const struct gw_transcode_request *parts,
                     gw_pool *pool, struct gw_buf *out, struct gw_error *error)
{
    out->len = 0;
    gw_buf_reserve(out, GW_GRPC_PREFIX_BYTES + parts->body.len + 64);
    out->len = GW_GRPC_PREFIX_BYTES;
    if (gw_transcode_request(binding, parts, pool, out, error) != 0)
        return -1;
    gw_grpc_prefix_write(out->base, (uint32_t)(out->len - GW_GRPC_PREFIX_BYTES));
    return 0;
}

static int fail_error(const struct gw_error *error, const struct gw_route *route, gw_pool *pool,
                      struct gw_failure *ret_failure)
{
    return fail(ret_failure, gw_status_to_http(error->status), error->status,
                gw_pool_dup(pool, gw_slice_str(error->message)), route);
}

int gw_route_translate(const struct gw_route_match *match,
                       const struct gw_translate_request *request, gw_pool *pool,
                       struct gw_slice *ret_framed, struct gw_failure *ret_failure)
{
    const struct gw_route *route = match->value;
    /* A body that is not wanted at all is told so by the transcoding. */
    if (request->body.len > 0 && route->binding->body_kind != GW_BODY_NONE &&
        !is_json(media_type_of(request->content_type)))
        return fail_content_type(route, request->content_type, "application/json", pool,
                                 ret_failure);
    struct gw_transcode_request parts = {match->captures, request->query, request->body, {0, 0}};
    struct gw_buf out = gw_buf_in_pool(pool);
    struct gw_error error;
    if (transcode(route->binding, &parts, pool, &out, &error) != 0)
        return fail_error(&error, route, pool, ret_failure);
    /* In a part of the path that no variable captures. */
    size_t broken = find_broken_escape(request->path);
    if (broken < request->path.len)
        return fail_path(ret_failure, broken, pool, route);
    *ret_framed = gw_buf_slice(&out);
    return 0;
}

/* --- messages one by one --- */

int gw_route_message_source(const struct gw_route_match *match,
                            const struct gw_translate_request *request, gw_pool *pool,
                            struct gw_message_source *ret_source, struct gw_failure *ret_failure)
{
    const struct gw_route *route = match->value;
    struct gw_slice type = media_type_of(request->content_type);
    bool is_lines = gw_slice_eq_nocase(type, GW_SLICE("application/x-ndjson"));
    bool is_nothing =
        request->content_type.len == 0 && request->body.len == 0 && !request->body_goes_on;
    if (!is_lines && !is_nothing && !is_json(type))
        return fail_content_type(route, request->content_type,
                                 "application/x-ndjson or application/json", pool, ret_failure);
    size_t broken = find_broken_escape(request->path);
    if (broken < request->path.len)
        return fail_path(ret_failure, broken, pool, route);
    size_t bytes = match->capture_count * sizeof(*match->captures);
    *ret_source = (struct gw_message_source){
        .route = route,
        .captures = memcpy(h2o_mem_alloc_pool(pool, bytes), match->captures, bytes),
        .query = request->query,
        .form = is_lines ? GW_JSON_SPLIT_LINES : GW_JSON_SPLIT_VALUES,
    };
    return 0;
}

int gw_route_translate_message(const struct gw_message_source *source, uint64_t number,
                               struct gw_text_place begins, struct gw_slice text, gw_pool *pool,
                               struct gw_buf *out, struct gw_failure *ret_failure)
{
    struct gw_transcode_request parts = {source->captures, source->query, text, begins};
    struct gw_error error;
    if (transcode(source->route->binding, &parts, pool, out, &error) == 0)
        return 0;
    gw_error_prefix(&error, "message %llu: ", (unsigned long long)number);
    return fail_error(&error, source->route, pool, ret_failure);
}

void gw_route_split_failure(const struct gw_message_source *source, const struct gw_error *error,
                            gw_pool *pool, struct gw_failure *ret_failure)
{
    fail_error(error, source->route, pool, ret_failure);
    if (error->status == GW_RESOURCE_EXHAUSTED)
        ret_failure->http_status = 413;
}
