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

/* application/json or application/ANYTHING+json, whatever the parameters. */
static bool is_json(struct gw_slice content_type)
{
    const char *semicolon =
        content_type.len ? memchr(content_type.base, ';', content_type.len) : NULL;
    if (semicolon != NULL)
        content_type.len = (size_t)(semicolon - content_type.base);
    content_type = gw_slice_trim(content_type);
    const struct gw_slice start = GW_SLICE("application/"), end = GW_SLICE("+json");
    if (content_type.len <= start.len ||
        !gw_slice_eq_nocase(gw_slice(content_type.base, start.len), start))
        return false;
    struct gw_slice subtype = gw_slice_from(content_type, start.len);
    return gw_slice_eq_nocase(subtype, GW_SLICE("json")) ||
           (subtype.len > end.len &&
            gw_slice_eq_nocase(gw_slice_from(subtype, subtype.len - end.len), end));
}

static int check_content_type(const struct gw_route *route,
                              const struct gw_translate_request *request, gw_pool *pool,
                              struct gw_failure *ret_failure)
{
    /* A body that is not wanted at all is told so by the transcoding. */
    if (request->body.len == 0 || route->binding->body_kind == GW_BODY_NONE ||
        is_json(request->content_type))
        return 0;
    struct gw_slice type = request->content_type;
    if (type.len > 100)
        type.len = 100;
    struct gw_slice message =
        type.len == 0 ? GW_SLICE("a body without content-type, expected application/json")
                      : gw_pool_printf(pool, "content-type \"%.*s\", expected application/json",
                                       GW_SLICE_ARG(type));
    return fail(ret_failure, 415, GW_INVALID_ARGUMENT, message, route);
}

static int transcode(const struct gw_route *route, const struct gw_slice *captures,
                     const struct gw_translate_request *request, gw_pool *pool,
                     struct gw_slice *ret_framed, struct gw_failure *ret_failure)
{
    struct gw_transcode_request parts = {captures, request->query, request->body};
    struct gw_buf out = gw_buf_in_pool(pool);
    struct gw_error error;
    gw_buf_reserve(&out, GW_GRPC_PREFIX_BYTES + request->body.len + 64);
    out.len = GW_GRPC_PREFIX_BYTES;
    if (gw_transcode_request(route->binding, &parts, pool, &out, &error) != 0)
        return fail(ret_failure, gw_status_to_http(error.status), error.status,
                    gw_pool_dup(pool, gw_slice_str(error.message)), route);
    gw_grpc_prefix_write(out.base, (uint32_t)(out.len - GW_GRPC_PREFIX_BYTES));
    *ret_framed = gw_buf_slice(&out);
    return 0;
}

int gw_snapshot_translate(const struct gw_snapshot *snapshot,
                          const struct gw_translate_request *request, gw_pool *pool,
                          struct gw_translation *ret_translation, struct gw_failure *ret_failure)
{
    struct gw_route_match match;
    bool found = gw_snapshot_match(snapshot, request->http_method, request->path, &match);
    size_t broken = find_broken_escape(request->path);
    if (!found && broken < request->path.len)
        return fail_path(ret_failure, broken, pool, NULL);
    if (!found)
        return fail_unmatched(&match, pool, ret_failure);
    const struct gw_route *route = match.value;
    if (route->method->client_streaming)
        return fail(ret_failure, 501, GW_UNIMPLEMENTED,
                    gw_pool_printf(pool, "%.*s: client streaming is not supported yet",
                                   GW_SLICE_ARG(route->method->full_name)),
                    route);
    struct gw_slice framed;
    if (check_content_type(route, request, pool, ret_failure) != 0 ||
        transcode(route, match.captures, request, pool, &framed, ret_failure) != 0)
        return -1;
    /* In a part of the path that no variable captures. */
    if (broken < request->path.len)
        return fail_path(ret_failure, broken, pool, route);
    *ret_translation = (struct gw_translation){route, framed};
    return 0;
}
