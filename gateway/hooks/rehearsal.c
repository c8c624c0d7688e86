#include "hooks/rehearsal.h"

#include <ctype.h>

#include "base/vec.h"
#include "hooks/engine/set.h"
#include "transcode/transcode.h"

static const char *const field_kinds[] = {
    [GW_HOOK_REQUEST_HEADERS] = "request_headers",
    [GW_HOOK_METADATA] = "metadata",
    [GW_HOOK_RESPONSE_HEADERS] = "response_headers",
    [GW_HOOK_TRAILERS] = "trailers",
};

struct field {
    enum gw_hook_fields kind;
    struct gw_slice name, value; /* value.base NULL: removed */
    bool is_changed;
};

struct stage {
    struct gw_hook_host super;
    struct gw_hook_host_ops ops;
    gw_pool pool;
    const struct gw_snapshot *snapshot;
    struct gw_translate_request request;
    struct gw_route_match match;
    GW_VEC(struct field) fields;
    struct gw_slice message;
    bool has_message, has_changed_message;
    size_t upstream_before;
    enum gw_hook_outcome outcome;
    struct gw_buf log;
    struct gw_buf *out;
};

/* --- the host --- */

static bool next_field(struct gw_hook_host *host, enum gw_hook_fields kind, size_t *cursor,
                       struct gw_slice *ret_name, struct gw_slice *ret_value)
{
    struct stage *stage = (struct stage *)host;
    while (*cursor < stage->fields.count) {
        const struct field *field = &stage->fields.items[(*cursor)++];
        if (field->kind != kind || field->value.base == NULL)
            continue;
        *ret_name = field->name;
        *ret_value = field->value;
        return true;
    }
    return false;
}

static const char *add_field(struct gw_hook_host *host, enum gw_hook_fields kind,
                             struct gw_slice name, struct gw_slice value)
{
    struct stage *stage = (struct stage *)host;
    if (kind == GW_HOOK_METADATA && !gw_metadata_is_allowed(name, value))
        return "it cannot be sent as metadata";
    *gw_vec_push(&stage->fields) = (struct field){kind, name, value, true};
    return NULL;
}

static void remove_field(struct gw_hook_host *host, enum gw_hook_fields kind, struct gw_slice name)
{
    struct stage *stage = (struct stage *)host;
    for (size_t i = 0; i < stage->fields.count; i++) {
        struct field *field = &stage->fields.items[i];
        if (field->kind != kind || field->value.base == NULL || !gw_slice_eq(field->name, name))
            continue;
        field->value = (struct gw_slice){0};
        field->is_changed = true;
    }
}

static const char *set_field(struct gw_hook_host *host, enum gw_hook_fields kind,
                             struct gw_slice name, struct gw_slice value)
{
    remove_field(host, kind, name);
    return add_field(host, kind, name, value);
}

static int read_message(struct gw_hook_host *host, struct gw_slice *ret_wire,
                        struct gw_failure *ret_failure)
{
    struct stage *stage = (struct stage *)host;
    struct gw_slice framed;
    if (!stage->has_message) {
        if (gw_route_translate(&stage->match, &stage->request, &stage->pool, &framed,
                               ret_failure) != 0)
            return -1;
        stage->message = gw_slice_from(framed, GW_GRPC_PREFIX_BYTES);
        stage->has_message = true;
    }
    *ret_wire = stage->message;
    return 0;
}

static void set_message(struct gw_hook_host *host, struct gw_slice wire)
{
    struct stage *stage = (struct stage *)host;
    stage->message = wire;
    stage->has_message = stage->has_changed_message = true;
}

static void resumed(struct gw_hook_host *host, enum gw_hook_outcome outcome)
{
    ((struct stage *)host)->outcome = outcome;
}

static const struct gw_hook_host_ops ops = {
    .next_field = next_field,
    .set_field = set_field,
    .add_field = add_field,
    .remove_field = remove_field,
    .message = read_message,
    .set_message = set_message,
    .resumed = resumed,
};

/* --- what it did --- */

static void append_name(struct gw_buf *out, const char *name)
{
    gw_buf_printf(out, "%s\"%s\": ", out->base[out->len - 1] == '{' ? "" : ", ", name);
}

static void append_text(struct gw_buf *out, const char *name, struct gw_slice text)
{
    append_name(out, name);
    gw_buf_append_json_string(out, text);
}

static void append_number(struct gw_buf *out, const char *name, int64_t number)
{
    append_name(out, name);
    gw_buf_append_i64(out, number);
}

/* Whether one of that name stands before. */
static bool is_repeated(const struct stage *stage, size_t at)
{
    const struct field *field = &stage->fields.items[at];
    for (size_t i = 0; i < at; i++) {
        const struct field *other = &stage->fields.items[i];
        if (other->kind == field->kind && other->is_changed &&
            gw_slice_eq(other->name, field->name))
            return true;
    }
    return false;
}

/* The values that a name has now; null: none any more. */
static void append_values(struct stage *stage, const struct field *field)
{
    struct gw_buf value = gw_buf_in_pool(&stage->pool);
    struct gw_slice n, v;
    size_t cursor = 0;
    bool is_there = false;
    while (next_field(&stage->super, field->kind, &cursor, &n, &v)) {
        if (!gw_slice_eq(n, field->name))
            continue;
        gw_buf_append(&value, is_there ? GW_SLICE(", ") : GW_SLICE(""));
        gw_buf_append(&value, v);
        is_there = true;
    }
    if (is_there)
        gw_buf_append_json_string(stage->out, gw_buf_slice(&value));
    else
        gw_buf_append(stage->out, GW_SLICE("null"));
}

static void append_changed_fields(struct stage *stage, enum gw_hook_fields kind)
{
    struct gw_buf *out = stage->out;
    bool has_begun = false;
    for (size_t i = 0; i < stage->fields.count; i++) {
        const struct field *field = &stage->fields.items[i];
        if (field->kind != kind || !field->is_changed || is_repeated(stage, i))
            continue;
        if (!has_begun) {
            append_name(out, field_kinds[kind]);
            gw_buf_append_byte(out, '{');
        }
        has_begun = true;
        gw_buf_append(out, out->base[out->len - 1] == '{' ? GW_SLICE("") : GW_SLICE(", "));
        gw_buf_append_json_string(out, field->name);
        gw_buf_append(out, GW_SLICE(": "));
        append_values(stage, field);
    }
    if (has_begun)
        gw_buf_append_byte(out, '}');
}

static void append_message(struct stage *stage, const struct gw_message_type *type,
                           struct gw_slice wire)
{
    struct gw_error error;
    append_name(stage->out, "message");
    if (gw_wire_to_json(gw_snapshot_schema(stage->snapshot), type,
                        &stage->super.route->binding->json, wire, &stage->pool, stage->out,
                        &error) != 0)
        gw_buf_append_json_string(stage->out, gw_slice_str(error.message));
}

static void append_reply(struct stage *stage, const struct gw_hook_reply *reply)
{
    struct gw_buf *out = stage->out;
    append_name(out, "reply");
    gw_buf_printf(out, "{\"status\": %d", reply->http_status);
    for (size_t i = 0; i < reply->headers.count; i++) {
        gw_buf_append(out, i == 0 ? GW_SLICE(", \"headers\": [[") : GW_SLICE(", ["));
        gw_buf_append_json_string(out, reply->headers.items[i].name);
        gw_buf_append(out, GW_SLICE(", "));
        gw_buf_append_json_string(out, reply->headers.items[i].value);
        gw_buf_append(out, i + 1 < reply->headers.count ? GW_SLICE("]") : GW_SLICE("]]"));
    }
    if (reply->has_message)
        append_message(stage, stage->super.route->method->output, reply->message);
    else
        append_text(out, "body", reply->body);
    gw_buf_append_byte(out, '}');
}

static void append_failure(struct stage *stage, const struct gw_failure *failure)
{
    append_number(stage->out, "status", failure->http_status);
    append_text(stage->out, "error", failure->message);
}

static void append_changes(struct stage *stage)
{
    for (int kind = 0; kind <= GW_HOOK_TRAILERS; kind++)
        append_changed_fields(stage, (enum gw_hook_fields)kind);
    if (stage->super.upstream != stage->upstream_before)
        append_text(
            stage->out, "upstream",
            gw_slice_str(
                gw_snapshot_config(stage->snapshot)->upstreams[stage->super.upstream].name.text));
    stage->upstream_before = stage->super.upstream;
    if (stage->has_changed_message)
        append_message(stage, stage->super.route->method->input, stage->message);
    stage->has_changed_message = false;
    for (size_t i = 0; i < stage->fields.count; i++)
        stage->fields.items[i].is_changed = false;
}

static void begin_phase(struct stage *stage, const char *name)
{
    gw_buf_printf(stage->out, ",\n \"%s\": {", name);
}

static void end_phase(struct stage *stage, struct gw_hook_call *call)
{
    static const char *const outcomes[] = {
        [GW_HOOK_GO_ON] = "goes on", [GW_HOOK_REPLIED] = "replied", [GW_HOOK_FAILED] = "failed"};
    append_text(stage->out, "outcome", gw_slice_str(outcomes[stage->outcome]));
    if (stage->outcome == GW_HOOK_REPLIED)
        append_reply(stage, gw_hook_call_reply(call));
    if (stage->outcome == GW_HOOK_FAILED)
        append_failure(stage, gw_hook_call_failure(call));
    append_changes(stage);
    gw_buf_append_byte(stage->out, '}');
}

/* --- the phases --- */

static void wait_for(struct stage *stage, struct gw_loop *loop, enum gw_hook_outcome outcome)
{
    stage->outcome = outcome;
    while (stage->outcome == GW_HOOK_WAITING)
        gw_loop_turn(loop, 1000);
}

static void run_request(struct stage *stage, struct gw_hook_call *call, struct gw_loop *loop)
{
    begin_phase(stage, "on_request");
    wait_for(stage, loop, gw_hook_call_on_request(call));
    end_phase(stage, call);
}

static void run_response(struct stage *stage, struct gw_hook_call *call, struct gw_loop *loop,
                         struct gw_slice answer)
{
    const struct gw_slice message = answer.base != NULL ? answer : GW_SLICE("");
    struct gw_hook_response response = {.http_status = 200, .message = message};
    begin_phase(stage, "on_response");
    wait_for(stage, loop, gw_hook_call_on_response(call, &response));
    if (response.http_status != 200)
        append_number(stage->out, "http_status", response.http_status);
    if (response.body.base != NULL)
        append_text(stage->out, "body", response.body);
    else if (response.message.base != message.base)
        append_message(stage, stage->super.route->method->output, response.message);
    end_phase(stage, call);
}

static void run_error(struct stage *stage, struct gw_hook_call *call, struct gw_loop *loop)
{
    const struct gw_hook_error before = {
        .http_status = 503, .code = GW_UNAVAILABLE, .message = GW_SLICE("made up")};
    struct gw_hook_error error = before;
    begin_phase(stage, "on_error");
    wait_for(stage, loop, gw_hook_call_on_error(call, &error));
    if (error.http_status != before.http_status)
        append_number(stage->out, "http_status", error.http_status);
    if (error.code != before.code)
        append_number(stage->out, "code", error.code);
    if (!gw_slice_eq(error.message, before.message))
        append_text(stage->out, "message", error.message);
    end_phase(stage, call);
}

static int run_phases(struct stage *stage, struct gw_hook_call *call, struct gw_loop *loop,
                      unsigned phases, struct gw_slice answer)
{
    if (phases & GW_HOOK_REQUEST)
        run_request(stage, call, loop);
    if (stage->outcome == GW_HOOK_GO_ON && (phases & GW_HOOK_RESPONSE) &&
        stage->super.route->method != NULL)
        run_response(stage, call, loop, answer);
    if (stage->outcome == GW_HOOK_GO_ON && (phases & GW_HOOK_ERROR))
        run_error(stage, call, loop);
    return stage->outcome == GW_HOOK_FAILED ? 1 : 0;
}

/* --- the call --- */

static void on_log(void *arg, struct gw_slice line)
{
    struct stage *stage = arg;
    gw_buf_append(&stage->log, stage->log.len > 0 ? GW_SLICE(",\n  ") : GW_SLICE("\n  "));
    gw_buf_append(&stage->log, gw_slice(line.base, line.len - 1));
}

/* ":" stands between; the name is put into lower case. */
static int give_header(struct stage *stage, const char *text, struct gw_error *error)
{
    const char *colon = strchr(text, ':');
    if (colon == NULL || colon == text)
        return gw_error_set(error, GW_INVALID_ARGUMENT, GW_NO_POSITION,
                            "expected a header such as \"x-api-key: 7\", found \"%s\"", text);
    struct gw_slice name = gw_pool_dup(&stage->pool, gw_slice(text, (size_t)(colon - text)));
    for (size_t i = 0; i < name.len; i++)
        ((char *)name.base)[i] = (char)tolower((unsigned char)name.base[i]);
    *gw_vec_push(&stage->fields) = (struct field){GW_HOOK_REQUEST_HEADERS, name,
                                                  gw_slice_trim(gw_slice_str(colon + 1)), false};
    return 0;
}

static int make_answer(struct stage *stage, struct gw_slice json, struct gw_slice *ret_wire,
                       struct gw_error *error)
{
    const struct gw_route *route = stage->super.route;
    struct gw_buf wire = gw_buf_in_pool(&stage->pool);
    *ret_wire = (struct gw_slice){0};
    if (json.len == 0)
        return 0;
    if (route->method == NULL)
        return gw_error_set(error, GW_INVALID_ARGUMENT, GW_NO_POSITION,
                            "a route to files has no answer to make up");
    gw_buf_reserve(&wire, 1);
    if (gw_json_to_wire(gw_snapshot_schema(stage->snapshot), route->method->output,
                        &route->binding->json, json, &stage->pool, &wire, error) != 0)
        return gw_error_prefix(error, "the answer: ");
    *ret_wire = gw_buf_slice(&wire);
    return 0;
}

static void make_host(struct stage *stage, const struct gw_hook_rehearsal *rehearsal)
{
    const struct gw_route *route = stage->match.value;
    stage->ops = ops;
    if (route->method == NULL || gw_route_takes_messages(route))
        stage->ops.message = NULL;
    stage->super = (struct gw_hook_host){
        .ops = &stage->ops,
        .pool = &stage->pool,
        .route = route,
        .captures = stage->match.captures,
        .method = stage->request.http_method,
        .path = stage->request.path,
        .query = stage->request.query,
        .scheme = GW_SLICE("http"),
        .authority = GW_SLICE("localhost"),
        .protocol = GW_SLICE("HTTP/1.1"),
        .remote_addr = GW_SLICE("127.0.0.1"),
        .remote_port = 50000,
        .server_addr = GW_SLICE("127.0.0.1"),
        .server_port = 8080,
        .body = rehearsal->body,
        .upstream = route->upstream,
    };
    stage->upstream_before = route->upstream;
}

static void append_head(struct stage *stage, const char *file)
{
    const struct gw_route *route = stage->super.route;
    gw_buf_append_byte(stage->out, '{');
    append_text(stage->out, "hook", gw_slice_str(file));
    append_text(stage->out, "route",
                gw_pool_printf(&stage->pool, "%.*s %.*s", GW_SLICE_ARG(route->http_method),
                               GW_SLICE_ARG(route->template)));
    if (route->method != NULL)
        append_text(stage->out, "grpc", route->method->full_name);
}

static void append_tail(struct stage *stage, const struct gw_hook_call *call)
{
    struct gw_buf ctx = gw_buf_in_pool(&stage->pool);
    gw_hook_call_append_ctx(call, &ctx);
    if (ctx.len > 0)
        gw_buf_printf(stage->out, ",\n \"ctx\": %.*s", (int)ctx.len, ctx.base);
    if (stage->log.len > 0)
        gw_buf_printf(stage->out, ",\n \"log\": [%.*s]", (int)stage->log.len, stage->log.base);
    gw_buf_append(stage->out, GW_SLICE("}\n"));
}

static void *keep_watch(void *loop)
{
    gw_loop_run(loop);
    return NULL;
}

/* With the watchdog that a gateway has, on a thread of its own. */
static int run_watched(struct stage *stage, struct gw_hook_set *set, struct gw_hook_call *call,
                       struct gw_loop *loop, struct gw_slice answer)
{
    struct gw_loop *watch_loop = gw_loop_create();
    struct gw_hook_watchdog *watchdog = gw_hook_watchdog_create(set, watch_loop, NULL, NULL, NULL);
    pthread_t thread;
    bool is_watched = pthread_create(&thread, NULL, keep_watch, watch_loop) == 0;
    int result = run_phases(stage, call, loop, gw_hook_set_phases(set, stage->super.route), answer);
    gw_loop_stop(watch_loop);
    if (is_watched)
        pthread_join(thread, NULL);
    gw_hook_watchdog_destroy(watchdog);
    gw_loop_destroy(watch_loop);
    return result;
}

/* With a loop and upstreams of its own. */
static int perform(struct stage *stage, struct gw_hook_set *set, struct gw_slice answer)
{
    const struct gw_config *config = gw_snapshot_config(stage->snapshot);
    struct gw_metrics *metrics = gw_metrics_create(1);
    struct gw_upstream_set *upstream_set =
        gw_upstream_set_create(config->upstreams, config->upstream_count, 1, metrics);
    gw_metrics_freeze(metrics);
    struct gw_loop *loop = gw_loop_create();
    struct gw_upstreams *upstreams =
        gw_upstreams_create(upstream_set, loop, gw_metrics_shard(metrics, 0), 0);
    struct gw_hook_vm *vm = gw_hook_vm_create(
        set, &(struct gw_hook_vm_options){
                 .loop = loop, .upstreams = upstreams, .log = on_log, .log_arg = stage});
    struct gw_hook_call *call = gw_hook_call_create(vm, &stage->super);
    int result = run_watched(stage, set, call, loop, answer);
    append_tail(stage, call);
    gw_hook_call_destroy(call);
    gw_upstreams_destroy(upstreams);
    gw_hook_vm_destroy(vm);
    gw_loop_turn(loop, 0);
    gw_upstream_set_destroy(upstream_set);
    gw_loop_destroy(loop);
    gw_metrics_destroy(metrics);
    return result;
}

static int find_route(struct stage *stage, struct gw_error *error)
{
    struct gw_failure failure;
    if (gw_snapshot_route(stage->snapshot, &stage->request, &stage->pool, &stage->match,
                          &failure) == 0)
        return 0;
    return gw_error_set(error, failure.code, GW_NO_POSITION, "%.*s %.*s: %.*s",
                        GW_SLICE_ARG(stage->request.http_method), GW_SLICE_ARG(stage->request.path),
                        GW_SLICE_ARG(failure.message));
}

static int rehearse(struct stage *stage, const struct gw_hook_rehearsal *rehearsal,
                    struct gw_diagnostics *errors, struct gw_error *error)
{
    struct gw_slice answer;
    for (size_t i = 0; i < rehearsal->header_count; i++) {
        if (give_header(stage, rehearsal->headers[i], error) != 0)
            return -1;
    }
    if (gw_request_line_parse(rehearsal->request, &stage->request, error) != 0 ||
        find_route(stage, error) != 0)
        return -1;
    make_host(stage, rehearsal);
    if (make_answer(stage, rehearsal->answer, &answer, error) != 0)
        return -1;
    struct gw_hook_set *set = gw_hook_set_create_of(stage->snapshot, rehearsal->file, errors);
    if (set == NULL)
        return -1;
    append_head(stage, rehearsal->file);
    int result = perform(stage, set, answer);
    gw_hook_set_destroy(set);
    return result;
}

int gw_hook_rehearse(const struct gw_snapshot *snapshot, const struct gw_hook_rehearsal *rehearsal,
                     struct gw_buf *out, struct gw_diagnostics *errors, struct gw_error *error)
{
    struct stage stage = {
        .snapshot = snapshot,
        .request = {.content_type = rehearsal->content_type.len > 0 ? rehearsal->content_type
                                                                    : GW_SLICE("application/json"),
                    .body = rehearsal->body},
        .log = GW_BUF_HEAP,
        .out = out,
    };
    h2o_mem_init_pool(&stage.pool);
    int result = rehearse(&stage, rehearsal, errors, error);
    gw_vec_dispose(&stage.fields);
    gw_buf_dispose(&stage.log);
    h2o_mem_clear_pool(&stage.pool);
    return result;
}
