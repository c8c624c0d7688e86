#include "frontend/grpc.h"

#include "base/clock.h"
#include "frontend/grpc_answer.h"
#include "frontend/grpc_request.h"
#include "frontend/grpc_stream.h"
#include "frontend/hooked.h"
#include "frontend/http2.h"
#include "frontend/request_stream.h"
#include "frontend/stream.h"

/* --- what the headers say --- */

static struct gw_slice accept_of(const h2o_req_t *req)
{
    ssize_t at = h2o_find_header(&req->headers, H2O_TOKEN_ACCEPT, -1);
    if (at < 0)
        return (struct gw_slice){0};
    const h2o_iovec_t *value = &req->headers.entries[at].value;
    return gw_slice(value->base, value->len);
}

static struct gw_slice type_of(struct gw_exchange *x, enum gw_protocol protocol)
{
    struct gw_slice type = gw_protocol_media_type(protocol), codec = x->headers.codec;
    return codec.len == 0
               ? type
               : gw_pool_printf(&x->req->pool, "%.*s%.*s", GW_SLICE_ARG(type), GW_SLICE_ARG(codec));
}

void gw_grpc_init(struct gw_exchange *x)
{
    enum gw_protocol protocol = x->headers.protocol;
    bool is_web = gw_protocol_is_web(protocol);
    if (!is_web)
        gw_http2_end_when_answered(x->req);
    else
        protocol = gw_protocol_accepted(accept_of(x->req), protocol);
    x->grpc.has_headers = false;
    x->grpc.left_out_bytes = 0;
    x->grpc.answers_in_text = protocol == GW_PROTOCOL_GRPC_WEB_TEXT;
    x->grpc.upstream_type = is_web ? type_of(x, GW_PROTOCOL_GRPC) : x->headers.content_type;
    x->grpc.content_type = is_web ? type_of(x, protocol) : GW_SLICE("application/grpc");
}

/* --- refusing --- */

void gw_grpc_answer_error(struct gw_exchange *x, int code, struct gw_slice message,
                          struct gw_slice details)
{
    x->json.len = 0;
    gw_grpc_answer(
        x, &(struct gw_call_result){.status = code, .message = message, .details = details});
}

struct gw_slice gw_grpc_web_error(struct gw_exchange *x, int code, struct gw_slice message)
{
    x->json.len = 0;
    gw_grpc_append_status(x, &(struct gw_call_result){.status = code, .message = message},
                          &x->json);
    return x->grpc.content_type;
}

static bool refuse(struct gw_exchange *x, int code, struct gw_slice message)
{
    gw_grpc_answer_error(x, code, message, (struct gw_slice){0});
    return false;
}

/* Longest path that is named in an answer. */
#define PATH_SHOWN_MAX 256

static struct gw_slice unknown_method(struct gw_exchange *x)
{
    struct gw_slice path = gw_slice(x->req->input.path.base, x->req->input.path.len);
    if (path.len > PATH_SHOWN_MAX)
        path.len = PATH_SHOWN_MAX;
    return gw_pool_printf(&x->req->pool, "no gRPC method at %.*s", GW_SLICE_ARG(path));
}

bool gw_grpc_begin(struct gw_exchange *x, const struct gw_route_match *match)
{
    if (x->route != NULL && !x->route->serves_grpc)
        x->route = NULL;
    gw_hooked_begin(x, match);
    if (x->route == NULL)
        return refuse(x, GW_UNIMPLEMENTED, unknown_method(x));
    if (x->route->method->client_streaming && gw_protocol_is_web(x->headers.protocol))
        return refuse(x, GW_UNIMPLEMENTED,
                      GW_SLICE("gRPC-Web cannot stream requests: this method needs gRPC"));
    if (!gw_exchange_take_deadline(x))
        return false;
    x->body->limit_bytes = gw_grpc_body_limit(x);
    gw_request_body_watch(x->body, gw_grpc_request_is_too_large, x);
    return true;
}

/* --- a call of one message each way --- */

static void on_headers(void *arg, const struct gw_metadata *headers)
{
    gw_grpc_take_headers(arg, headers);
}

static void on_message(void *arg, struct gw_slice framed)
{
    struct gw_exchange *x = arg;
    if (x->message_count++ > 0)
        return;
    gw_exchange_make_room(x, framed.len);
    gw_buf_append(&x->json, framed);
    if (!gw_exchange_hold(x, x->json.len))
        gw_exchange_drop_answer(x);
}

static struct gw_call_result without_one_message(uint32_t count)
{
    return (struct gw_call_result){
        .status = GW_INTERNAL,
        .message = count == 0 ? GW_SLICE("the backend answered OK without a message")
                              : GW_SLICE("the backend answered a unary call with several messages"),
    };
}

static void on_end(void *arg, const struct gw_call_result *result)
{
    struct gw_exchange *x = arg;
    struct gw_call_result faulty, room;
    x->call = NULL;
    result = gw_exchange_judge(x, result, &room);
    gw_exchange_count_call(x, result->status, gw_clock_ns());
    gw_exchange_note_error(x, result->message, result->reason);
    if (result->status == GW_OK && x->message_count != 1) {
        x->json.len = 0;
        faulty = without_one_message(x->message_count);
        result = &faulty;
    }
    gw_grpc_answer(x, result);
}

static const struct gw_call_callbacks unary_answer = {
    .on_headers = on_headers,
    .on_message = on_message,
    .on_coming = gw_exchange_on_coming,
    .on_end = on_end,
};

/* --- the call --- */

static void start(struct gw_exchange *x)
{
    const struct gw_method *method = x->route->method;
    gw_exchange_watch_client(x);
    if (method->client_streaming || method->server_streaming) {
        gw_grpc_stream_create(x);
        gw_exchange_start_call(x, &gw_stream_callbacks);
        gw_stream_begin(x->stream);
    } else {
        gw_exchange_start_call(x, &unary_answer);
        gw_call_request(x->call, GW_REQUEST_ALL);
    }
}

void gw_grpc_serve(struct gw_exchange *x)
{
    struct gw_slice framed = x->framed;
    struct gw_failure failure;
    if (x->route->method->client_streaming) {
        start(x);
        gw_request_stream_begin_framed(x);
    } else if (framed.base != NULL || gw_grpc_request_message(x, &framed, &failure) == 0) {
        start(x);
        gw_call_send(x->call, framed, GW_SEND_END);
    } else {
        refuse(x, failure.code, failure.message);
    }
}
