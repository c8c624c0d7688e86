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
    if (route->method != NULL)
        append_member(out, "grpc", route->method->full_name);
    else
        append_member(out, "files", gw_slice_str(route->files));
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

static int append_message(const struct gw_snapshot *s, const struct gw_route *route,
                          struct gw_slice framed, gw_pool *pool, struct gw_buf *out,
                          struct gw_error *error)
{
    return gw_wire_to_json(s->schema, route->method->input, &route->binding->json,
                           gw_slice_from(framed, GW_GRPC_PREFIX_BYTES), pool, out, error);
}

static void append_target(const struct gw_snapshot *s, const struct gw_route *route, gw_pool *pool,
                          struct gw_buf *out)
{
    gw_buf_append_byte(out, '{');
    append_route(out, route, pool);
    append_member(out, "upstream", gw_slice_str(s->config->upstreams[route->upstream].name.text));
}

int gw_request_line_parse(struct gw_slice text, struct gw_translate_request *ret_request,
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

static int explain_files(const struct gw_route *route, gw_pool *pool, struct gw_buf *out)
{
    gw_buf_append_byte(out, '{');
    append_route(out, route, pool);
    gw_buf_append(out, GW_SLICE("}\n"));
    return 0;
}

static int explain_message(const struct gw_snapshot *s, const struct gw_route_match *match,
                           const struct gw_translate_request *request, gw_pool *pool,
                           struct gw_buf *out, struct gw_error *error, struct gw_failure *failure)
{
    struct gw_slice framed;
    if (gw_route_translate(match, request, pool, &framed, failure) != 0)
        return 1;
    append_target(s, match->value, pool, out);
    gw_buf_append(out, GW_SLICE(", \"message\": "));
    if (append_message(s, match->value, framed, pool, out, error) != 0)
        return -1;
    gw_buf_append(out, GW_SLICE("}\n"));
    return 0;
}

/* The next message as the split has it: GW_JSON_SPLIT_MESSAGE, 0 at the end of the body, or -1. */
static int next_message(struct gw_json_split *split, struct gw_slice *body,
                        struct gw_slice *ret_text, struct gw_error *error)
{
    int rc = gw_json_split_next(split, body, ret_text, error);
    return rc == GW_JSON_SPLIT_MORE ? gw_json_split_end(split, ret_text, error) : rc;
}

static int append_messages(const struct gw_snapshot *s, const struct gw_message_source *source,
                           struct gw_slice body, gw_pool *pool, struct gw_buf *out,
                           struct gw_error *error, struct gw_failure *failure)
{
    struct gw_json_split split;
    struct gw_slice text;
    struct gw_buf framed = gw_buf_in_pool(pool);
    gw_json_split_init(&split, source->form, s->config->limits.request_body_bytes);
    int rc;
    while ((rc = next_message(&split, &body, &text, error)) == GW_JSON_SPLIT_MESSAGE) {
        if (split.number > 1)
            gw_buf_append(out, GW_SLICE(", "));
        if (gw_route_translate_message(source, split.number, split.begins, text, pool, &framed,
                                       failure) != 0) {
            gw_json_split_dispose(&split);
            return 1;
        }
        rc = append_message(s, source->route, gw_buf_slice(&framed), pool, out, error);
        if (rc != 0)
            break;
    }
    if (rc < 0)
        gw_route_split_failure(source, error, pool, failure);
    gw_json_split_dispose(&split);
    return rc < 0 ? 1 : 0;
}

static int explain_messages(const struct gw_snapshot *s, const struct gw_route_match *match,
                            const struct gw_translate_request *request, gw_pool *pool,
                            struct gw_buf *out, struct gw_error *error, struct gw_failure *failure)
{
    struct gw_message_source source;
    if (gw_route_message_source(match, request, pool, &source, failure) != 0)
        return 1;
    append_target(s, source.route, pool, out);
    gw_buf_append(out, GW_SLICE(", \"messages\": ["));
    int rc = append_messages(s, &source, request->body, pool, out, error, failure);
    if (rc == 0)
        gw_buf_append(out, GW_SLICE("]}\n"));
    return rc;
}

static int explain(const struct gw_snapshot *s, const struct gw_translate_request *request,
                   gw_pool *pool, struct gw_buf *out, struct gw_error *error)
{
    size_t start = out->len;
    struct gw_route_match match;
    struct gw_failure failure;
    int rc = 1;
    if (gw_snapshot_route(s, request, pool, &match, &failure) == 0) {
        const struct gw_route *route = match.value;
        if (route->method == NULL)
            return explain_files(route, pool, out);
        rc = (gw_route_takes_messages(route) ? explain_messages : explain_message)(
            s, &match, request, pool, out, error, &failure);
    }
    if (rc != 1)
        return rc;
    out->len = start;
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
    if (gw_request_line_parse(request, &parts, error) != 0)
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
        gw_buf_printf(out, "%.*s\t%.*s\t", GW_SLICE_ARG(r->http_method), GW_SLICE_ARG(r->template));
        if (r->method != NULL)
            gw_buf_printf(out, "%.*s\t%s\n", GW_SLICE_ARG(r->method->full_name),
                          snapshot->config->upstreams[r->upstream].name.text);
        else
            gw_buf_printf(out, "-\t%s\n", r->files);
    }
}
