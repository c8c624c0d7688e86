/* libh2o's own convention: a Proc takes a Rack environment and gives status, headers and body, or
 * 399 to go on to the next. Keys and rules of headers are those of libh2o's mruby handler. */
#include <ctype.h>
#include <mruby.h>
#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/hash.h>
#include <mruby/variable.h>

#include "hooks/request/fields.h"
#include "hooks/request/request.h"

#define NAME_MAX_BYTES 256
#define SET_PREFIX GW_SLICE("x-fallthru-set-")
#define HEADER_PREFIX GW_SLICE("HTTP_")

/* --- the environment --- */

/* A Hash copies keys that are not frozen. */
static void set_key(mrb_state *mrb, mrb_value env, mrb_value key, mrb_value value)
{
    MRB_SET_FROZEN_FLAG(mrb_str_ptr(key));
    mrb_hash_set(mrb, env, key, value);
}

static void set(mrb_state *mrb, mrb_value env, const char *name, mrb_value value)
{
    set_key(mrb, env, mrb_str_new_static(mrb, name, strlen(name)), value);
}

static void set_text(mrb_state *mrb, mrb_value env, const char *name, struct gw_slice text)
{
    set(mrb, env, name, mrb_str_new(mrb, text.base, text.len));
}

static void set_number(mrb_state *mrb, mrb_value env, const char *name, uint64_t number)
{
    char text[24];
    int length = snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    set_text(mrb, env, name, gw_slice(text, (size_t)length));
}

static struct gw_slice host_of(struct gw_slice authority)
{
    const char *end = authority.base + authority.len;
    const char *at = end;
    while (at > authority.base && isdigit((unsigned char)at[-1]))
        at--;
    return at > authority.base && at < end && at[-1] == ':'
               ? gw_slice(authority.base, (size_t)(at - 1 - authority.base))
               : authority;
}

static mrb_value header_key(mrb_state *mrb, struct gw_slice name)
{
    if (gw_slice_eq(name, GW_SLICE("content-type")))
        return mrb_str_new_lit(mrb, "CONTENT_TYPE");
    mrb_value key = mrb_str_new_lit(mrb, "HTTP_");
    mrb_str_cat(mrb, key, name.base, name.len);
    char *at = RSTRING_PTR(key) + HEADER_PREFIX.len;
    for (size_t i = 0; i < name.len; i++)
        at[i] = at[i] == '-' ? '_' : (char)toupper((unsigned char)at[i]);
    return key;
}

static bool is_told_otherwise(struct gw_slice name)
{
    return gw_slice_eq(name, GW_SLICE("host")) || gw_slice_eq(name, GW_SLICE("content-length")) ||
           gw_slice_eq(name, GW_SLICE("transfer-encoding"));
}

static void set_headers(mrb_state *mrb, mrb_value env, struct gw_hook_host *host)
{
    int arena = mrb_gc_arena_save(mrb);
    size_t cursor = 0;
    struct gw_slice name, value;
    while (host->ops->next_field(host, GW_HOOK_REQUEST_HEADERS, &cursor, &name, &value)) {
        if (is_told_otherwise(name))
            continue;
        mrb_value key = header_key(mrb, name);
        mrb_value known = mrb_hash_get(mrb, env, key);
        if (mrb_string_p(known)) {
            bool is_cookie = gw_slice_eq(name, GW_SLICE("cookie"));
            mrb_str_cat_cstr(mrb, known, is_cookie ? "; " : ", ");
            mrb_str_cat(mrb, known, value.base, value.len);
        } else {
            set_key(mrb, env, key, mrb_str_new(mrb, value.base, value.len));
        }
        mrb_gc_arena_restore(mrb, arena);
    }
}

static void set_body(mrb_state *mrb, mrb_value env, struct gw_slice body)
{
    struct RClass *sluice = mrb_module_get(mrb, "Sluice");
    mrb_value text = mrb_str_new(mrb, body.base, body.len);
    set_number(mrb, env, "CONTENT_LENGTH", body.len);
    set(mrb, env, "rack.input",
        mrb_obj_new(mrb, mrb_class_get_under(mrb, sluice, "Input"), 1, &text));
}

static void set_addresses(mrb_state *mrb, mrb_value env, const struct gw_hook_host *host)
{
    if (host->server_addr.len > 0) {
        set_text(mrb, env, "SERVER_ADDR", host->server_addr);
        set_number(mrb, env, "SERVER_PORT", host->server_port);
    }
    if (host->remote_addr.len > 0) {
        set_text(mrb, env, "REMOTE_ADDR", host->remote_addr);
        set_number(mrb, env, "REMOTE_PORT", host->remote_port);
    }
}

static mrb_value request_env(mrb_state *mrb, mrb_value self)
{
    struct gw_hook_call *call = gw_hook_request_call(mrb, self);
    struct gw_hook_host *host = call->host;
    mrb_value env = mrb_hash_new_capa(mrb, 32);
    int arena = mrb_gc_arena_save(mrb);
    set_text(mrb, env, "REQUEST_METHOD", host->method);
    set_text(mrb, env, "SCRIPT_NAME", (struct gw_slice){0});
    set_text(mrb, env, "PATH_INFO", host->path);
    set_text(mrb, env, "QUERY_STRING", host->query);
    set_text(mrb, env, "SERVER_NAME", host_of(host->authority));
    set_text(mrb, env, "SERVER_PROTOCOL", host->protocol);
    set_text(mrb, env, "SERVER_SOFTWARE", GW_SLICE("sluice"));
    set_text(mrb, env, "HTTP_HOST", host->authority);
    set_addresses(mrb, env, host);
    if (host->body.len > 0)
        set_body(mrb, env, host->body);
    set_text(mrb, env, "rack.url_scheme", host->scheme);
    set(mrb, env, "rack.multithread", mrb_false_value());
    set(mrb, env, "rack.multiprocess", mrb_true_value());
    set(mrb, env, "rack.run_once", mrb_false_value());
    set(mrb, env, "rack.hijack?", mrb_false_value());
    set(mrb, env, "rack.errors", mrb_gv_get(mrb, mrb_intern_lit(mrb, "$stderr")));
    mrb_gc_arena_restore(mrb, arena);
    for (size_t i = 0; i < call->env.count; i++) {
        const struct gw_metadatum *variable = &call->env.items[i];
        set_key(mrb, env, gw_hook_string(mrb, variable->name),
                gw_hook_string(mrb, variable->value));
        mrb_gc_arena_restore(mrb, arena);
    }
    set_headers(mrb, env, host);
    return env;
}

/* --- the answer --- */

/* Of the connection, not of the answer. */
static bool is_dropped(struct gw_slice name)
{
    static const char *const names[] = {"connection", "date", "keep-alive", "transfer-encoding",
                                        "upgrade"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (gw_slice_eq(name, gw_slice_str(names[i])))
            return true;
    }
    return false;
}

/* A variable of the environment of the hooks that follow; HTTP_NAME is a header, too. */
static void set_variable(mrb_state *mrb, struct gw_hook_call *call, struct gw_slice name,
                         struct gw_slice value)
{
    char upper[NAME_MAX_BYTES], header[NAME_MAX_BYTES];
    for (size_t i = 0; i < name.len; i++) {
        upper[i] = name.base[i] == '-' ? '_' : (char)toupper((unsigned char)name.base[i]);
        header[i] = name.base[i] == '_' ? '-' : name.base[i];
    }
    struct gw_slice variable = gw_slice(upper, name.len);
    if (gw_slice_starts_with(variable, HEADER_PREFIX) && name.len > HEADER_PREFIX.len) {
        gw_hook_field_put(mrb, call, GW_HOOK_REQUEST_HEADERS,
                          gw_slice_from(gw_slice(header, name.len), HEADER_PREFIX.len), value,
                          false);
        return;
    }
    struct gw_slice kept_name = gw_hook_keep(mrb, call, variable);
    gw_hook_hold(mrb);
    gw_metadata_store_add(&call->env, kept_name, value);
    gw_hook_release(mrb);
}

/* Takes one of the answer's headers; false: it is not for the client. */
static bool take_header(mrb_state *mrb, struct gw_hook_call *call, mrb_value pair,
                        struct gw_metadatum *ret_field)
{
    struct gw_slice name, value;
    gw_hook_pair(mrb, pair, &name, &value);
    gw_hook_field_copy(mrb, call, name, value, ret_field);
    ret_field->indexing = GW_INDEX_NOT;
    if (gw_slice_starts_with(ret_field->name, SET_PREFIX)) {
        set_variable(mrb, call, gw_slice_from(ret_field->name, SET_PREFIX.len), ret_field->value);
        return false;
    }
    return !is_dropped(ret_field->name);
}

static bool is_length(const struct gw_metadatum *field)
{
    return gw_slice_eq(field->name, GW_SLICE("content-length"));
}

/* [[name, value], ...] */
static mrb_value request_fall_through(mrb_state *mrb, mrb_value self)
{
    struct gw_hook_call *call = gw_hook_request_call(mrb, self);
    mrb_value pairs;
    mrb_get_args(mrb, "A", &pairs);
    for (mrb_int i = 0; i < RARRAY_LEN(pairs); i++) {
        struct gw_metadatum field;
        if (take_header(mrb, call, RARRAY_PTR(pairs)[i], &field) && !is_length(&field))
            gw_hook_field_put(mrb, call, GW_HOOK_RESPONSE_HEADERS, field.name, field.value, true);
    }
    return mrb_nil_value();
}

/* A content-length cuts the body, and never lengthens it. */
static mrb_value cut(mrb_state *mrb, mrb_value body, struct gw_slice length)
{
    uint64_t n = 0;
    for (size_t i = 0; i < length.len && isdigit((unsigned char)length.base[i]) && n < UINT32_MAX;
         i++)
        n = n * 10 + (uint64_t)(length.base[i] - '0');
    return n < (uint64_t)RSTRING_LEN(body) ? mrb_str_new(mrb, RSTRING_PTR(body), (size_t)n) : body;
}

/* status, [[name, value], ...], body */
static mrb_value request_answer(mrb_state *mrb, mrb_value self)
{
    struct gw_hook_call *call = gw_hook_request_call(mrb, self);
    mrb_int status;
    mrb_value pairs, body;
    mrb_get_args(mrb, "iAS", &status, &pairs, &body);
    gw_hook_hold(mrb);
    struct gw_metadatum *items =
        h2o_mem_alloc_pool(call->host->pool, (size_t)RARRAY_LEN(pairs) * sizeof(*items));
    gw_hook_release(mrb);
    struct gw_metadata headers = {items, 0};
    for (mrb_int i = 0; i < RARRAY_LEN(pairs); i++) {
        struct gw_metadatum *field = &items[headers.count];
        if (!take_header(mrb, call, RARRAY_PTR(pairs)[i], field))
            continue;
        if (is_length(field))
            body = cut(mrb, body, field->value);
        else
            headers.count++;
    }
    gw_hook_reply_set(mrb, call, status, &headers, body, mrb_nil_value());
    return mrb_nil_value();
}

void gw_hook_rack_define(mrb_state *mrb)
{
    struct RClass *request = mrb_class_get_under(mrb, mrb_module_get(mrb, "Sluice"), "Request");
    mrb_define_method(mrb, request, "__env", request_env, MRB_ARGS_NONE());
    mrb_define_method(mrb, request, "__answer", request_answer, MRB_ARGS_REQ(3));
    mrb_define_method(mrb, request, "__fall_through", request_fall_through, MRB_ARGS_REQ(1));
}
