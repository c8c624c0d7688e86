#include "frontend/exchange_internal.h"

#include "frontend/cors.h"
#include "frontend/grpc.h"
#include "frontend/hooked.h"
#include "frontend/http_reason.h"
#include "transcode/transcode.h"

/* What a hook has said the gateway does not say itself. */
static bool is_set_by_hook(const struct gw_exchange *x, h2o_iovec_t name)
{
    return x->hooked != NULL &&
           h2o_find_header_by_str(&x->req->res.headers, name.base, name.len, -1) >= 0;
}

void gw_exchange_add_headers(struct gw_exchange *x, struct gw_slice content_type)
{
    h2o_req_t *req = x->req;
    static h2o_iovec_t request_id = {(char *)"x-request-id", 12},
                       trace_id = {(char *)"x-trace-id", 10}, span_id = {(char *)"x-span-id", 9};
    const struct {
        h2o_iovec_t *name;
        const char *shown_name; /* NULL: as it is */
        struct gw_slice value;
    } own[] = {
        {&H2O_TOKEN_SERVER->buf, "Server", GW_SLICE("sluice")},
        {&H2O_TOKEN_CONTENT_TYPE->buf, NULL, content_type},
        {&request_id, NULL, x->headers.request_id},
        {&trace_id, NULL, x->headers.trace.x_trace_id},
        {&span_id, NULL, gw_slice_str(x->headers.trace.span_id)},
    };
    const size_t count = sizeof(own) / sizeof(*own);
    h2o_vector_reserve(&req->pool, &req->res.headers, req->res.headers.size + count);
    for (size_t i = 0; i < count; i++) {
        if (own[i].value.len > 0 && !is_set_by_hook(x, *own[i].name))
            req->res.headers.entries[req->res.headers.size++] =
                (h2o_header_t){own[i].name, own[i].shown_name,
                               h2o_iovec_init(own[i].value.base, own[i].value.len)};
    }
    gw_cors_add_headers(x);
}

bool gw_exchange_is_head(const struct gw_exchange *x)
{
    return h2o_memis(x->req->input.method.base, x->req->input.method.len, H2O_STRLIT("HEAD"));
}

void gw_exchange_await_taking(struct gw_exchange *x)
{
    if (gw_exchange_is_http1(x))
        gw_connection_await(x->connection, GW_WAIT_TAKING);
}

/* --- large answers go out in pieces: TLS copies what it is given --- */

#define PIECE_MAX ((size_t)256 << 10)

struct pieces {
    h2o_generator_t super;
    struct gw_exchange *exchange;
    size_t sent;
};

static void send_piece(struct pieces *p)
{
    struct gw_exchange *x = p->exchange;
    size_t left = x->json.len - p->sent, length = left < PIECE_MAX ? left : PIECE_MAX;
    h2o_iovec_t piece = h2o_iovec_init(x->json.base + p->sent, length);
    p->sent += length;
    h2o_send(x->req, &piece, 1, length < left ? H2O_SEND_STATE_IN_PROGRESS : H2O_SEND_STATE_FINAL);
}

static void on_proceed(h2o_generator_t *super, h2o_req_t *req)
{
    struct pieces *p = H2O_STRUCT_FROM_MEMBER(struct pieces, super, super);
    (void)req;
    send_piece(p);
}

static void send_in_pieces(struct gw_exchange *x)
{
    struct pieces *p = h2o_mem_alloc_pool(&x->req->pool, sizeof(*p));
    *p = (struct pieces){.super.proceed = on_proceed, .exchange = x};
    h2o_start_response(x->req, &p->super);
    send_piece(p);
}

void gw_exchange_answer(struct gw_exchange *x, int http_status, struct gw_slice content_type,
                        size_t content_length)
{
    static h2o_generator_t generator;
    h2o_req_t *req = x->req;
    gw_exchange_await_taking(x);
    req->res.status = http_status;
    req->res.reason = gw_http_reason(http_status);
    req->res.content_length = content_length;
    gw_exchange_add_headers(x, content_type);
    if (x->json.len > PIECE_MAX && !gw_exchange_is_head(x)) {
        send_in_pieces(x);
        return;
    }
    h2o_start_response(req, &generator);
    h2o_iovec_t body = h2o_iovec_init(x->json.base, x->json.len);
    h2o_send(req, &body, gw_exchange_is_head(x) ? 0 : 1, H2O_SEND_STATE_FINAL);
}

void gw_exchange_answer_json(struct gw_exchange *x, int http_status)
{
    gw_exchange_answer(x, http_status, GW_SLICE("application/json"), x->json.len);
}

void gw_exchange_note_error(struct gw_exchange *x, struct gw_slice message, struct gw_slice reason)
{
    if (x->error.len == 0 && message.len > 0 && x->worker->access_log != NULL)
        x->error = gw_access_log_error(&x->req->pool, message, reason);
}

void gw_exchange_tell_error(struct gw_exchange *x, int http_status, int code,
                            struct gw_slice message, struct gw_slice details)
{
    const struct gw_snapshot *snapshot = x->worker->frontend->snapshot;
    static const struct gw_json_options plain;
    gw_exchange_note_error(x, message, (struct gw_slice){0});
    x->json.len = 0;
    gw_status_to_json(gw_snapshot_schema(snapshot), code, message, details,
                      x->route != NULL && x->route->binding != NULL ? &x->route->binding->json
                                                                    : &plain,
                      &x->req->pool, &x->json);
    gw_exchange_answer_json(x, http_status);
}

void gw_exchange_answer_error(struct gw_exchange *x, int http_status, int code,
                              struct gw_slice message, struct gw_slice details)
{
    static const struct gw_metadata no_trailers;
    if (x->headers.protocol != GW_PROTOCOL_REST)
        gw_grpc_answer_error(x, code, message, details);
    else if ((x->hook_phases & GW_HOOK_ERROR) != 0)
        gw_hooked_error(x, http_status, code, message, details, &no_trailers);
    else
        gw_exchange_tell_error(x, http_status, code, message, details);
}

static int http_status_of(const struct gw_call_result *result)
{
    return result->http_status ? result->http_status : gw_status_to_http(result->status);
}

int gw_exchange_code_of(const struct gw_call_result *result)
{
    return http_status_of(result) == 502 ? GW_INTERNAL : result->status;
}

void gw_exchange_answer_result(struct gw_exchange *x, const struct gw_call_result *result)
{
    if ((x->hook_phases & GW_HOOK_ERROR) != 0) {
        gw_hooked_error(x, http_status_of(result), gw_exchange_code_of(result), result->message,
                        result->details, &result->trailers);
        return;
    }
    gw_response_headers_add(x->req, GW_SLICE("grpc-trailer-"), &result->trailers);
    gw_exchange_answer_error(x, http_status_of(result), gw_exchange_code_of(result),
                             result->message, result->details);
}

void gw_exchange_answer_failure(struct gw_exchange *x, const struct gw_failure *failure)
{
    if (failure->allow.len > 0)
        h2o_add_header(&x->req->pool, &x->req->res.headers, H2O_TOKEN_ALLOW, NULL,
                       failure->allow.base, failure->allow.len);
    gw_exchange_answer_error(x, failure->http_status, failure->code, failure->message,
                             (struct gw_slice){0});
}
