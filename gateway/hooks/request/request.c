#include "hooks/request/request.h"

#include <mruby.h>
#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/data.h>
#include <mruby/hash.h>

#include "base/encoding.h"
#include "hooks/library/message.h"
#include "hooks/request/fields.h"
#include "hooks/request/rpc.h"

static const mrb_data_type request_type = {"Sluice::Request", NULL};

mrb_value gw_hook_request_new(mrb_state *mrb, struct gw_hook_call *call)
{
    return mrb_obj_value(
        mrb_data_object_alloc(mrb, gw_hook_ruby_of(mrb)->request_class, call, &request_type));
}

struct gw_hook_call *gw_hook_request_call(mrb_state *mrb, mrb_value self)
{
    struct gw_hook_call *call = mrb_data_get_ptr(mrb, self, &request_type);
    if (call == NULL)
        mrb_raise(mrb, E_RUNTIME_ERROR, "the request is over");
    return call;
}

mrb_value gw_hook_string(mrb_state *mrb, struct gw_slice text)
{
    return text.base != NULL ? mrb_str_new(mrb, text.base, text.len) : mrb_nil_value();
}

void gw_hook_account(mrb_state *mrb, struct gw_hook_call *call, size_t bytes)
{
    uint64_t limit = call->guest.vm->set->config->hook_limits.memory_bytes;
    if (bytes > limit - call->kept_bytes)
        mrb_raise(mrb, E_RUNTIME_ERROR,
                  "what hooks made for this request is more than hook_limits.memory");
    call->kept_bytes += bytes;
}

struct gw_slice gw_hook_keep(mrb_state *mrb, struct gw_hook_call *call, struct gw_slice text)
{
    gw_hook_account(mrb, call, text.len);
    gw_hook_hold(mrb);
    struct gw_slice kept = gw_pool_dup(call->host->pool, text);
    gw_hook_release(mrb);
    return kept;
}

void gw_hook_pair(mrb_state *mrb, mrb_value pair, struct gw_slice *ret_name,
                  struct gw_slice *ret_value)
{
    if (!mrb_array_p(pair) || RARRAY_LEN(pair) != 2 || !mrb_string_p(RARRAY_PTR(pair)[0]) ||
        !mrb_string_p(RARRAY_PTR(pair)[1]))
        mrb_raise(mrb, E_ARGUMENT_ERROR, "expected a name and a value");
    *ret_name = gw_hook_slice_of(RARRAY_PTR(pair)[0]);
    *ret_value = gw_hook_slice_of(RARRAY_PTR(pair)[1]);
}

/* --- plain attributes --- */

#define ATTRIBUTE(name, expression)                                                                \
    static mrb_value request_##name(mrb_state *mrb, mrb_value self)                                \
    {                                                                                              \
        const struct gw_hook_host *host = gw_hook_request_call(mrb, self)->host;                   \
        return gw_hook_string(mrb, expression);                                                    \
    }

static struct gw_slice unless_empty(struct gw_slice s)
{
    return s.len > 0 ? s : (struct gw_slice){0};
}

static struct gw_slice with_base(struct gw_slice s)
{
    return s.base != NULL ? s : GW_SLICE("");
}

static struct gw_slice route_of(const struct gw_hook_host *host)
{
    return host->route != NULL ? host->route->template : (struct gw_slice){0};
}

static struct gw_slice grpc_method_of(const struct gw_hook_host *host)
{
    return host->route != NULL && host->route->method != NULL ? host->route->method->full_name
                                                              : (struct gw_slice){0};
}

ATTRIBUTE(method, host->method)
ATTRIBUTE(path, host->path)
ATTRIBUTE(query, with_base(host->query))
ATTRIBUTE(scheme, host->scheme)
ATTRIBUTE(authority, with_base(host->authority))
ATTRIBUTE(remote_addr, host->remote_addr)
ATTRIBUTE(body, with_base(host->body))
ATTRIBUTE(trace_id, unless_empty(host->trace_id))
ATTRIBUTE(route, route_of(host))
ATTRIBUTE(grpc_method, grpc_method_of(host))

#define FIELDS(name, kind)                                                                         \
    static mrb_value request_##name(mrb_state *mrb, mrb_value self)                                \
    {                                                                                              \
        return gw_hook_fields_get(mrb, gw_hook_request_call(mrb, self), kind);                     \
    }

FIELDS(headers, GW_HOOK_REQUEST_HEADERS)
FIELDS(metadata, GW_HOOK_METADATA)
FIELDS(response_headers, GW_HOOK_RESPONSE_HEADERS)

static mrb_value request_ctx(mrb_state *mrb, mrb_value self)
{
    struct gw_hook_call *call = gw_hook_request_call(mrb, self);
    mrb_value ctx = gw_hook_thing(call, GW_HOOK_THING_CTX);
    if (mrb_nil_p(ctx)) {
        ctx = mrb_hash_new(mrb);
        mrb_ary_set(mrb, call->things, GW_HOOK_THING_CTX, ctx);
    }
    return ctx;
}

/* --- params --- */

/* Decoded; as it is where its percent-encoding is broken. */
static mrb_value decode(mrb_state *mrb, struct gw_slice text, bool plus_is_space)
{
    mrb_value string = mrb_str_new(mrb, text.base, text.len);
    char *to = RSTRING_PTR(string);
    for (size_t i = 0; i < text.len; i++) {
        int byte = text.base[i] == '%' ? gw_percent_byte(text, i) : -1;
        if (byte >= 0)
            i += 2;
        else if (plus_is_space && text.base[i] == '+')
            byte = ' ';
        else
            byte = (unsigned char)text.base[i];
        *to++ = (char)byte;
    }
    return mrb_str_resize(mrb, string, to - RSTRING_PTR(string));
}

/* A name that comes again makes an Array. */
static void add_param(mrb_state *mrb, mrb_value params, mrb_value name, mrb_value value)
{
    mrb_value known = mrb_hash_get(mrb, params, name);
    if (mrb_nil_p(known))
        mrb_hash_set(mrb, params, name, value);
    else if (mrb_array_p(known))
        mrb_ary_push(mrb, known, value);
    else
        mrb_hash_set(mrb, params, name, mrb_assoc_new(mrb, known, value));
}

static struct gw_slice next_piece(struct gw_slice *rest, char separator)
{
    const char *at = rest->len > 0 ? memchr(rest->base, separator, rest->len) : NULL;
    struct gw_slice piece = gw_slice(rest->base, at ? (size_t)(at - rest->base) : rest->len);
    *rest = gw_slice_from(*rest, at ? piece.len + 1 : piece.len);
    return piece;
}

static void add_query(mrb_state *mrb, mrb_value params, struct gw_slice query)
{
    int arena = mrb_gc_arena_save(mrb);
    while (query.len > 0) {
        struct gw_slice value = next_piece(&query, '&');
        struct gw_slice name = next_piece(&value, '=');
        if (name.len > 0)
            add_param(mrb, params, decode(mrb, name, true), decode(mrb, value, true));
        mrb_gc_arena_restore(mrb, arena);
    }
}

static void add_captures(mrb_state *mrb, mrb_value params, const struct gw_hook_host *host)
{
    const struct gw_binding *binding = host->route != NULL ? host->route->binding : NULL;
    int arena = mrb_gc_arena_save(mrb);
    for (size_t i = 0; binding != NULL && i < binding->template.variable_count; i++) {
        struct gw_slice name = binding->template.variables[i].field_path;
        mrb_hash_set(mrb, params, gw_hook_string(mrb, name), decode(mrb, host->captures[i], false));
        mrb_gc_arena_restore(mrb, arena);
    }
}

/* Of the query, and of the path, which counts more. */
static mrb_value request_params(mrb_state *mrb, mrb_value self)
{
    struct gw_hook_call *call = gw_hook_request_call(mrb, self);
    mrb_value params = gw_hook_thing(call, GW_HOOK_THING_PARAMS);
    if (!mrb_nil_p(params))
        return params;
    params = mrb_hash_new(mrb);
    add_query(mrb, params, call->host->query);
    add_captures(mrb, params, call->host);
    mrb_ary_set(mrb, call->things, GW_HOOK_THING_PARAMS, params);
    return params;
}

/* --- upstream --- */

static mrb_value request_upstream(mrb_state *mrb, mrb_value self)
{
    const struct gw_hook_call *call = gw_hook_request_call(mrb, self);
    const struct gw_config *config = call->guest.vm->set->config;
    if (grpc_method_of(call->host).base == NULL)
        return mrb_nil_value();
    return mrb_str_new_cstr(mrb, config->upstreams[call->host->upstream].name.text);
}

static mrb_value request_set_upstream(mrb_state *mrb, mrb_value self)
{
    struct gw_hook_call *call = gw_hook_request_call(mrb, self);
    mrb_value name;
    mrb_get_args(mrb, "S", &name);
    call->host->upstream =
        gw_hook_upstream_find(mrb, call->guest.vm->set->config, gw_hook_slice_of(name));
    return name;
}

/* --- messages --- */

static void read_request_message(mrb_state *mrb, struct gw_hook_call *call)
{
    struct gw_failure failure;
    gw_hook_hold(mrb);
    int failed = call->host->ops->message(call->host, &call->request.wire, &failure);
    gw_hook_release(mrb);
    if (failed) {
        call->failure = failure;
        call->has_failed = true;
        mrb_raise(mrb, gw_hook_ruby_of(mrb)->halt_class, "the request has no such message");
    }
    call->request.is_known = true;
}

mrb_value gw_hook_message_get(mrb_state *mrb, struct gw_hook_call *call,
                              struct gw_hook_message *message, enum gw_hook_thing thing)
{
    mrb_value hash = gw_hook_thing(call, thing);
    message->is_touched = true;
    if (!mrb_nil_p(hash))
        return hash;
    struct gw_error error;
    const struct gw_schema *schema = gw_snapshot_schema(call->guest.vm->set->snapshot);
    hash = gw_hook_message_to_hash(mrb, schema, message->type, message->wire, &error);
    if (mrb_undef_p(hash))
        mrb_raisef(mrb, E_RUNTIME_ERROR, "%s", error.message);
    mrb_ary_set(mrb, call->things, thing, hash);
    return hash;
}

void gw_hook_message_set(mrb_state *mrb, struct gw_hook_call *call, struct gw_hook_message *message,
                         enum gw_hook_thing thing, mrb_value hash)
{
    message->is_touched = message->is_replaced = true;
    mrb_ary_set(mrb, call->things, thing, hash);
}

static int encode(mrb_state *mrb, struct gw_hook_call *call, const struct gw_hook_message *message,
                  mrb_value hash, struct gw_buf *out, struct gw_error *error)
{
    const struct gw_schema *schema = gw_snapshot_schema(call->guest.vm->set->snapshot);
    *out = gw_buf_in_pool(call->host->pool);
    gw_hook_hold(mrb);
    gw_buf_reserve(out, message->wire.len + 64);
    int result =
        gw_hook_hash_to_wire(mrb, schema, message->type, hash, call->host->pool, out, error);
    gw_hook_release(mrb);
    gw_hook_account(mrb, call, out->capacity);
    return result;
}

int gw_hook_message_settle(mrb_state *mrb, struct gw_hook_call *call,
                           struct gw_hook_message *message, enum gw_hook_thing thing,
                           struct gw_error *error)
{
    if (!message->is_touched)
        return 0;
    mrb_value hash = gw_hook_thing(call, thing);
    const struct gw_schema *schema = gw_snapshot_schema(call->guest.vm->set->snapshot);
    struct gw_buf now;
    message->is_touched = false;
    if (!message->is_replaced &&
        gw_hook_message_is_unchanged(mrb, schema, message->type, message->wire, hash))
        return 0;
    if (encode(mrb, call, message, hash, &now, error) != 0)
        return -1;
    message->is_replaced = false;
    message->wire = gw_buf_slice(&now);
    return 1;
}

static bool has_message(const struct gw_hook_call *call)
{
    return call->request.type != NULL && call->host->ops->message != NULL;
}

static mrb_value request_message(mrb_state *mrb, mrb_value self)
{
    struct gw_hook_call *call = gw_hook_request_call(mrb, self);
    if (!has_message(call))
        return mrb_nil_value();
    if (!call->request.is_known)
        read_request_message(mrb, call);
    return gw_hook_message_get(mrb, call, &call->request, GW_HOOK_THING_MESSAGE);
}

static mrb_value request_set_message(mrb_state *mrb, mrb_value self)
{
    struct gw_hook_call *call = gw_hook_request_call(mrb, self);
    mrb_value hash = mrb_get_arg1(mrb);
    if (!has_message(call) || call->phase != GW_HOOK_REQUEST)
        mrb_raise(mrb, E_RUNTIME_ERROR, "there is no one request message to replace");
    if (!call->request.is_known)
        read_request_message(mrb, call);
    gw_hook_message_set(mrb, call, &call->request, GW_HOOK_THING_MESSAGE, hash);
    return hash;
}

/* --- reply --- */

void gw_hook_status_check(mrb_state *mrb, mrb_int status)
{
    if (status < 200 || status > 999)
        mrb_raisef(mrb, E_ARGUMENT_ERROR, "%i is no HTTP status of an answer", status);
}

static void check_reply(mrb_state *mrb, const struct gw_hook_call *call)
{
    const struct gw_hook_vm *vm = call->guest.vm;
    if (call->phase == 0 || vm->task == NULL || vm->task->guest != &call->guest)
        mrb_raise(mrb, E_RUNTIME_ERROR, "only a hook can reply, to its own request");
    if (call->has_replied)
        mrb_raise(mrb, E_RUNTIME_ERROR, "the request has been replied to");
}

void gw_hook_reply_set(mrb_state *mrb, struct gw_hook_call *call, mrb_int status,
                       const struct gw_metadata *headers, mrb_value body, mrb_value hash)
{
    struct gw_hook_reply reply = {.http_status = (int)status, .headers = *headers};
    gw_hook_status_check(mrb, status);
    check_reply(mrb, call);
    if (!mrb_nil_p(body)) {
        reply.body = gw_hook_keep(mrb, call, gw_hook_slice_of(body));
    } else if (!mrb_nil_p(hash)) {
        struct gw_buf wire;
        struct gw_error error;
        if (call->response.type == NULL)
            mrb_raise(mrb, E_ARGUMENT_ERROR, "a route to no method has no message");
        if (encode(mrb, call, &(struct gw_hook_message){.type = call->response.type}, hash, &wire,
                   &error) != 0)
            mrb_raisef(mrb, E_ARGUMENT_ERROR, "%s", error.message);
        reply.has_message = true;
        reply.message = gw_buf_slice(&wire);
    }
    call->reply = reply;
    call->has_replied = true;
}

static struct gw_metadatum *make_items(mrb_state *mrb, struct gw_hook_call *call, mrb_int count)
{
    gw_hook_hold(mrb);
    struct gw_metadatum *items =
        h2o_mem_alloc_pool(call->host->pool, (size_t)count * sizeof(*items));
    gw_hook_release(mrb);
    return items;
}

/* status, [[name, value], ...], body or nil, message or nil */
static mrb_value request_reply(mrb_state *mrb, mrb_value self)
{
    struct gw_hook_call *call = gw_hook_request_call(mrb, self);
    mrb_int status;
    mrb_value pairs, body, hash;
    mrb_get_args(mrb, "iAS!o", &status, &pairs, &body, &hash);
    struct gw_metadatum *items = make_items(mrb, call, RARRAY_LEN(pairs));
    struct gw_metadata headers = {items, 0};
    for (mrb_int i = 0; i < RARRAY_LEN(pairs); i++) {
        struct gw_slice name, value;
        gw_hook_pair(mrb, RARRAY_PTR(pairs)[i], &name, &value);
        items[i].indexing = GW_INDEX_NOT;
        gw_hook_field_copy(mrb, call, name, value, &items[headers.count++]);
    }
    gw_hook_reply_set(mrb, call, status, &headers, body, hash);
    return mrb_nil_value();
}

void gw_hook_request_define(mrb_state *mrb)
{
    static const struct {
        const char *name;
        mrb_func_t function;
        mrb_aspec arguments;
    } methods[] = {
        {"method", request_method, MRB_ARGS_NONE()},
        {"path", request_path, MRB_ARGS_NONE()},
        {"query", request_query, MRB_ARGS_NONE()},
        {"scheme", request_scheme, MRB_ARGS_NONE()},
        {"authority", request_authority, MRB_ARGS_NONE()},
        {"remote_addr", request_remote_addr, MRB_ARGS_NONE()},
        {"body", request_body, MRB_ARGS_NONE()},
        {"trace_id", request_trace_id, MRB_ARGS_NONE()},
        {"route", request_route, MRB_ARGS_NONE()},
        {"grpc_method", request_grpc_method, MRB_ARGS_NONE()},
        {"headers", request_headers, MRB_ARGS_NONE()},
        {"metadata", request_metadata, MRB_ARGS_NONE()},
        {"response_headers", request_response_headers, MRB_ARGS_NONE()},
        {"ctx", request_ctx, MRB_ARGS_NONE()},
        {"params", request_params, MRB_ARGS_NONE()},
        {"upstream", request_upstream, MRB_ARGS_NONE()},
        {"upstream=", request_set_upstream, MRB_ARGS_REQ(1)},
        {"message", request_message, MRB_ARGS_NONE()},
        {"message=", request_set_message, MRB_ARGS_REQ(1)},
        {"__reply", request_reply, MRB_ARGS_REQ(4)},
    };
    struct RClass *sluice = mrb_module_get(mrb, "Sluice");
    struct RClass *request = mrb_define_class_under(mrb, sluice, "Request", mrb->object_class);
    MRB_SET_INSTANCE_TT(request, MRB_TT_DATA);
    mrb_undef_class_method(mrb, request, "new");
    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
        mrb_define_method(mrb, request, methods[i].name, methods[i].function, methods[i].arguments);
}
