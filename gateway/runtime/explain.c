/* What the command line shows of a snapshot. */
#include "runtime/internal.h"

#include "grpc/call.h"
#include "transcode/transcode.h"

static void append_member(struct gw_buf *out, const char *name, struct gw_slice text)
{
    gw_buf_printf(out, "%s\"%s\": ", out->base[out->len - 1] == '{' ? "" : ", ", name);
    gw_buf_append_json_string(out, text);
}

static void append_route(struct gw_buf *out, const struct gw_route *route, gw_pool *pool)
{
    append_member(out, "route",
                  gw_pool_printf(pool, "%.*s %.*s", GW_SLICE_ARG(route->http_method),
                                 GW_SLICE_ARG(route->template)));
    append_member(out, "grpc", route->method->full_name);
}

static void append_failure(const struct gw_snapshot *s, const struct gw_failure *failure,
                           gw_pool *pool, struct gw_buf *out)
{
    const struct gw_json_options json = {0};
    gw_buf_append_byte(out, '{');
    if (failure->route != NULL)
        append_route(out, failure->route, pool);
    gw_buf_printf(out, "%s\"status\": %d", failure->route ? ", " : "", failure->http_status);
    if (failure->allow.len > 0)
        append_member(out, "allow", failure->allow);
    gw_buf_append(out, GW_SLICE(", \"error\": "));
    gw_status_to_json(s->schema, failure->code, failure->message, gw_slice(NULL, 0), &json, pool,
                      out);
    gw_buf_append(out, GW_SLICE("}\n"));
}

static int append_translation(const struct gw_snapshot *s, const struct gw_translation *translation,
                              gw_pool *pool, struct gw_buf *out, struct gw_error *error)
{
    const struct gw_route *route = translation->route;
    struct gw_slice message = gw_slice_from(translation->framed, GW_GRPC_PREFIX_BYTES);
    gw_buf_append_byte(out, '{');
    append_route(out, route, pool);
    append_member(out, "upstream", gw_slice_str(s->config->upstreams[route->upstream].name.text));
    gw_buf_append(out, GW_SLICE(", \"message\": "));
    if (gw_wire_to_json(s->schema, route->method->input, &route->binding->json, message, pool, out,
                        error) != 0)
        return -1;
    gw_buf_append(out, GW_SLICE("}\n"));
    return 0;
}

static int parse_request(struct gw_slice text, struct gw_translate_request *ret_request,
                         struct gw_error *error)
{
    const char *space = text.len ? memchr(text.base, ' ', text.len) : NULL;
    size_t method = space ? (size_t)(space - text.base) : 0;
    struct gw_slice target = gw_slice_from(text, method ? method + 1 : 0);
    if (method == 0 || !gw_slice_starts_with(target, GW_SLICE("/")) ||
        memchr(target.base, ' ', target.len) != NULL)
        return gw_error_set(error, GW_INVALID_ARGUMENT, GW_NO_POSITION,
                            "expected METHOD and path such as \"GET /v1/users/7?x=1\", found "
                            "\"%.*s\"",
                            GW_SLICE_ARG(text));
    const char *mark = memchr(target.base, '?', target.len);
    size_t path = mark ? (size_t)(mark - target.base) : target.len;
    ret_request->http_method = gw_slice(text.base, method);
    ret_request->path = gw_slice(target.base, path);
    ret_request->query = gw_slice_from(target, mark ? path + 1 : path);
    return 0;
}

static int explain(const struct gw_snapshot *s, const struct gw_translate_request *request,
                   gw_pool *pool, struct gw_buf *out, struct gw_error *error)
{
    struct gw_translation translation;
    struct gw_failure failure;
    if (gw_snapshot_translate(s, request, pool, &translation, &failure) == 0)
        return append_translation(s, &translation, pool, out, error);
    append_failure(s, &failure, pool, out);
    return 1;
}

int gw_snapshot_explain(const struct gw_snapshot *snapshot, struct gw_slice request,
                        struct gw_slice content_type, struct gw_slice body, struct gw_buf *out,
                        struct gw_error *error)
{
    struct gw_translate_request parts = {
        .content_type = content_type.len > 0 ? content_type : GW_SLICE("application/json"),
        .body = body,
    };
    if (parse_request(request, &parts, error) != 0)
        return -1;
    size_t start = out->len;
    gw_pool pool;
    h2o_mem_init_pool(&pool);
    int result = explain(snapshot, &parts, &pool, out, error);
    h2o_mem_clear_pool(&pool);
    if (result < 0)
        out->len = start;
    return result;
}

void gw_snapshot_print_routes(const struct gw_snapshot *snapshot, struct gw_buf *out)
{
    for (size_t i = 0; i < snapshot->routes.count; i++) {
        const struct gw_route *r = snapshot->routes.items[i];
        gw_buf_printf(out, "%.*s\t%.*s\t%.*s\t%s\n", GW_SLICE_ARG(r->http_method),
                      GW_SLICE_ARG(r->template), GW_SLICE_ARG(r->method->full_name),
                      snapshot->config->upstreams[r->upstream].name.text);
    }
}
