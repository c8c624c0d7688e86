/* Sluice::Response and Sluice::Error: what on_response and on_error are given. */
#include "hooks/request/request.h"

#include <mruby.h>
#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/data.h>

#include "hooks/library/message.h"
#include "hooks/request/fields.h"
#include "transcode/transcode.h"

static const mrb_data_type response_type = {"Sluice::Response", NULL};
static const mrb_data_type error_type = {"Sluice::Error", NULL};

static mrb_value thing_of(mrb_state *mrb, mrb_value request, enum gw_hook_thing thing,
                          struct RClass *class, const mrb_data_type *type)
{
    struct gw_hook_call *call = gw_hook_request_call(mrb, request);
    mrb_value value = gw_hook_thing(call, thing);
    if (mrb_nil_p(value)) {
        value = mrb_obj_value(mrb_data_object_alloc(mrb, class, call, type));
        mrb_ary_set(mrb, call->things, thing, value);
    }
    return value;
}

static mrb_value request_response(mrb_state *mrb, mrb_value self)
{
    return thing_of(mrb, self, GW_HOOK_THING_RESPONSE, gw_hook_ruby_of(mrb)->response_class,
                    &response_type);
}

static mrb_value request_error(mrb_state *mrb, mrb_value self)
{
    return thing_of(mrb, self, GW_HOOK_THING_ERROR, gw_hook_ruby_of(mrb)->error_class, &error_type);
}

/* --- Sluice::Response --- */

static struct gw_hook_call *response_call(mrb_state *mrb, mrb_value self)
{
    struct gw_hook_call *call = mrb_data_get_ptr(mrb, self, &response_type);
    if (call == NULL || call->response_out == NULL)
        mrb_raise(mrb, E_RUNTIME_ERROR, "the answer has been sent");
    return call;
}

static mrb_value response_http_status(mrb_state *mrb, mrb_value self)
{
    return mrb_fixnum_value(response_call(mrb, self)->response_out->http_status);
}

static mrb_value response_set_http_status(mrb_state *mrb, mrb_value self)
{
    struct gw_hook_call *call = response_call(mrb, self);
    mrb_int status;
    mrb_get_args(mrb, "i", &status);
    gw_hook_status_check(mrb, status);
    call->response_out->http_status = (int)status;
    return mrb_fixnum_value(status);
}

static mrb_value response_grpc_status(mrb_state *mrb, mrb_value self)
{
    response_call(mrb, self);
    return mrb_fixnum_value(GW_OK);
}

static mrb_value response_headers(mrb_state *mrb, mrb_value self)
{
    return gw_hook_fields_get(mrb, response_call(mrb, self), GW_HOOK_RESPONSE_HEADERS);
}

static mrb_value response_trailers(mrb_state *mrb, mrb_value self)
{
    return gw_hook_fields_get(mrb, response_call(mrb, self), GW_HOOK_TRAILERS);
}

static bool has_message(const struct gw_hook_call *call)
{
    return call->response.type != NULL && call->response_out->message.base != NULL;
}

static mrb_value response_message(mrb_state *mrb, mrb_value self)
{
    struct gw_hook_call *call = response_call(mrb, self);
    if (!has_message(call))
        return mrb_nil_value();
    call->response.wire = call->response_out->message;
    return gw_hook_message_get(mrb, call, &call->response, GW_HOOK_THING_RESPONSE_MESSAGE);
}

static mrb_value response_set_message(mrb_state *mrb, mrb_value self)
{
    struct gw_hook_call *call = response_call(mrb, self);
    mrb_value hash = mrb_get_arg1(mrb);
    if (!has_message(call))
        mrb_raise(mrb, E_RUNTIME_ERROR, "there is no one message to replace");
    gw_hook_message_set(mrb, call, &call->response, GW_HOOK_THING_RESPONSE_MESSAGE, hash);
    return hash;
}

/* The message as JSON; with what hooks have made of it until now. */
static mrb_value translate(mrb_state *mrb, struct gw_hook_call *call)
{
    struct gw_error error;
    struct gw_buf json = gw_buf_in_pool(call->host->pool);
    int settled =
        gw_hook_message_settle(mrb, call, &call->response, GW_HOOK_THING_RESPONSE_MESSAGE, &error);
    if (settled < 0)
        mrb_raisef(mrb, E_RUNTIME_ERROR, "%s", error.message);
    if (settled > 0)
        call->response_out->message = call->response.wire;
    gw_hook_hold(mrb);
    int failed = gw_transcode_response(call->host->route->binding, call->response_out->message,
                                       call->host->pool, &json, &error);
    gw_hook_release(mrb);
    gw_hook_account(mrb, call, json.capacity);
    if (failed)
        mrb_raisef(mrb, E_RUNTIME_ERROR, "%s", error.message);
    return mrb_str_new(mrb, json.base, json.len);
}

static mrb_value response_body(mrb_state *mrb, mrb_value self)
{
    struct gw_hook_call *call = response_call(mrb, self);
    if (call->response_out->body.base != NULL)
        return gw_hook_string(mrb, call->response_out->body);
    return has_message(call) ? translate(mrb, call) : mrb_nil_value();
}

static mrb_value response_set_body(mrb_state *mrb, mrb_value self)
{
    struct gw_hook_call *call = response_call(mrb, self);
    mrb_value text;
    mrb_get_args(mrb, "S", &text);
    call->response_out->body = gw_hook_keep(mrb, call, gw_hook_slice_of(text));
    return text;
}

/* --- Sluice::Error --- */

static struct gw_hook_call *error_call(mrb_state *mrb, mrb_value self)
{
    struct gw_hook_call *call = mrb_data_get_ptr(mrb, self, &error_type);
    if (call == NULL || call->error_out == NULL)
        mrb_raise(mrb, E_RUNTIME_ERROR, "the answer has been sent");
    return call;
}

static mrb_value error_http_status(mrb_state *mrb, mrb_value self)
{
    return mrb_fixnum_value(error_call(mrb, self)->error_out->http_status);
}

static mrb_value error_set_http_status(mrb_state *mrb, mrb_value self)
{
    struct gw_hook_call *call = error_call(mrb, self);
    mrb_int status;
    mrb_get_args(mrb, "i", &status);
    gw_hook_status_check(mrb, status);
    call->error_out->http_status = (int)status;
    return mrb_fixnum_value(status);
}

static mrb_value error_code(mrb_state *mrb, mrb_value self)
{
    return mrb_fixnum_value(error_call(mrb, self)->error_out->code);
}

static mrb_value error_set_code(mrb_state *mrb, mrb_value self)
{
    struct gw_hook_call *call = error_call(mrb, self);
    mrb_int code;
    mrb_get_args(mrb, "i", &code);
    if (code <= GW_OK || code >= GW_STATUS_COUNT)
        mrb_raisef(mrb, E_ARGUMENT_ERROR, "%i is no code of an error", code);
    call->error_out->code = (int)code;
    return mrb_fixnum_value(code);
}

static mrb_value error_message(mrb_state *mrb, mrb_value self)
{
    struct gw_slice message = error_call(mrb, self)->error_out->message;
    return mrb_str_new(mrb, message.base, message.len);
}

static mrb_value error_set_message(mrb_state *mrb, mrb_value self)
{
    struct gw_hook_call *call = error_call(mrb, self);
    mrb_value text;
    mrb_get_args(mrb, "S", &text);
    call->error_out->message = gw_hook_keep(mrb, call, gw_hook_slice_of(text));
    return text;
}

static mrb_value error_details(mrb_state *mrb, mrb_value self)
{
    struct gw_hook_call *call = error_call(mrb, self);
    return gw_hook_status_details(mrb, gw_snapshot_schema(call->guest.vm->set->snapshot),
                                  call->error_out->details);
}

void gw_hook_answer_define(mrb_state *mrb)
{
    struct RClass *sluice = mrb_module_get(mrb, "Sluice");
    struct RClass *request = mrb_class_get_under(mrb, sluice, "Request");
    struct RClass *response = mrb_define_class_under(mrb, sluice, "Response", mrb->object_class);
    struct RClass *error = mrb_define_class_under(mrb, sluice, "Error", mrb->object_class);
    const struct {
        struct RClass *class;
        const char *name;
        mrb_func_t function;
        mrb_aspec arguments;
    } methods[] = {
        {request, "__response", request_response, MRB_ARGS_NONE()},
        {request, "__error", request_error, MRB_ARGS_NONE()},
        {response, "http_status", response_http_status, MRB_ARGS_NONE()},
        {response, "http_status=", response_set_http_status, MRB_ARGS_REQ(1)},
        {response, "grpc_status", response_grpc_status, MRB_ARGS_NONE()},
        {response, "headers", response_headers, MRB_ARGS_NONE()},
        {response, "trailers", response_trailers, MRB_ARGS_NONE()},
        {response, "message", response_message, MRB_ARGS_NONE()},
        {response, "message=", response_set_message, MRB_ARGS_REQ(1)},
        {response, "body", response_body, MRB_ARGS_NONE()},
        {response, "body=", response_set_body, MRB_ARGS_REQ(1)},
        {error, "http_status", error_http_status, MRB_ARGS_NONE()},
        {error, "http_status=", error_set_http_status, MRB_ARGS_REQ(1)},
        {error, "code", error_code, MRB_ARGS_NONE()},
        {error, "code=", error_set_code, MRB_ARGS_REQ(1)},
        {error, "message", error_message, MRB_ARGS_NONE()},
        {error, "message=", error_set_message, MRB_ARGS_REQ(1)},
        {error, "details", error_details, MRB_ARGS_NONE()},
    };
    MRB_SET_INSTANCE_TT(response, MRB_TT_DATA);
    MRB_SET_INSTANCE_TT(error, MRB_TT_DATA);
    mrb_undef_class_method(mrb, response, "new");
    mrb_undef_class_method(mrb, error, "new");
    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
        mrb_define_method(mrb, methods[i].class, methods[i].name, methods[i].function,
                          methods[i].arguments);
}
