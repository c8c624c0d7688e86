#include "frontend/exchange_internal.h"

#include "base/clock.h"
#include "frontend/hooked.h"
#include "frontend/request_stream.h"
#include "frontend/stream.h"
#include "transcode/transcode.h"

void gw_exchange_count_call(struct gw_exchange *x, int grpc_status, uint64_t now_ns)
{
    x->grpc_status = grpc_status;
    gw_http_metrics_count_call(x->worker->frontend->http_metrics, x->worker->shard, x->route,
                               grpc_status, now_ns - x->began_ns);
}

void gw_exchange_cancel_call(struct gw_exchange *x)
{
    if (x->call == NULL)
        return;
    gw_call_cancel(x->call);
    x->call = NULL;
    gw_answer_memory_stop_waiting(&x->memory);
    x->grpc_status = GW_CANCELLED;
    gw_http_metrics_count_cancelled(x->worker->frontend->http_metrics, x->worker->shard, x->route,
                                    gw_clock_ns() - x->began_ns);
}

static void on_headers(void *arg, const struct gw_metadata *headers)
{
    struct gw_exchange *x = arg;
    gw_response_headers_add(x->req, GW_SLICE("grpc-metadata-"), headers);
}

static void on_message(void *arg, struct gw_slice message)
{
    struct gw_exchange *x = arg;
    if (x->message_count++ > 0)
        return; /* told at the end */
    if ((x->hook_phases & GW_HOOK_RESPONSE) != 0)
        gw_hooked_take_message(x, message);
    else
        gw_exchange_take_message(x, message);
    if (x->lacks_memory)
        gw_exchange_drop_answer(x);
}

static void answer_translated(struct gw_exchange *x)
{
    if (x->message_error.status != GW_OK)
        gw_exchange_answer_error(x, 502, GW_INTERNAL, gw_slice_str(x->message_error.message),
                                 (struct gw_slice){0});
    else if (x->lacks_memory)
        gw_exchange_answer_lack(x);
    else
        gw_exchange_answer_json(x, 200);
}

static void on_end(void *arg, const struct gw_call_result *result)
{
    struct gw_exchange *x = arg;
    struct gw_call_result room;
    x->call = NULL;
    result = gw_exchange_judge(x, result, &room);
    gw_exchange_count_call(x, result->status, gw_clock_ns());
    if (result->status != GW_OK) {
        gw_exchange_drop_answer(x);
        gw_exchange_note_error(x, result->message, result->reason);
        gw_exchange_answer_result(x, result);
        return;
    }
    if ((x->hook_phases & GW_HOOK_RESPONSE) != 0 && x->message_count == 1) {
        gw_hooked_answer(x, &result->trailers);
        return;
    }
    gw_response_headers_add(x->req, GW_SLICE("grpc-trailer-"), &result->trailers);
    if (x->message_count != 1)
        gw_exchange_answer_error(
            x, 502, GW_INTERNAL,
            x->message_count == 0
                ? GW_SLICE("the backend answered OK without a message")
                : GW_SLICE("the backend answered a unary call with several messages"),
            (struct gw_slice){0});
    else
        gw_exchange_translate_taken(x, answer_translated);
}

const struct gw_call_callbacks gw_exchange_unary_answer = {
    .on_headers = on_headers,
    .on_message = on_message,
    .on_coming = gw_exchange_on_coming,
    .on_sent = gw_request_stream_on_sent,
    .on_end = on_end,
};

/* A stream takes as long as it takes: only the route's own timeout limits it. */
static uint64_t deadline_of(const struct gw_exchange *x, bool is_unary)
{
    const struct gw_worker *worker = x->worker;
    uint64_t limit_ms =
        is_unary ? worker->frontend->config->limits.request_timeout_ms : x->route->timeout_ms;
    uint64_t ours = limit_ms != 0 ? gw_loop_now_ms(worker->loop) + limit_ms : 0;
    uint64_t clients = x->grpc.deadline_ms;
    return ours == 0 || (clients != 0 && clients < ours) ? clients : ours;
}

void gw_exchange_start_call(struct gw_exchange *x, const struct gw_call_callbacks *callbacks)
{
    const struct gw_route *route = x->route;
    bool is_unary = !route->method->client_streaming && !route->method->server_streaming;
    struct gw_call_params params = {
        .path = route->method->path,
        .metadata = x->headers.metadata,
        .deadline_ms = deadline_of(x, is_unary),
        .callbacks = callbacks,
        .arg = x,
    };
    if (x->headers.protocol != GW_PROTOCOL_REST) {
        params.passes_through = true;
        params.content_type = x->grpc.upstream_type;
        if (!gw_hooked_reads_answer(x)) {
            params.takes_compressed = x->headers.protocol == GW_PROTOCOL_GRPC;
            params.takes_encodings = x->headers.accepted_encodings;
        }
    }
    x->call = gw_upstream_call(x->worker->upstreams, x->upstream, &params,
                               is_unary ? route->timeout_ms : GW_UPSTREAM_NO_TIMEOUT, &x->report);
}

void gw_exchange_give_up(struct gw_exchange *x, int http_status, int code, struct gw_slice message)
{
    gw_call_cancel(x->call);
    x->call = NULL;
    gw_answer_memory_stop_waiting(&x->memory);
    gw_exchange_count_call(x, code, gw_clock_ns());
    gw_exchange_note_error(x, message, (struct gw_slice){0});
    if (x->stream == NULL)
        gw_exchange_drop_answer(x);
    struct gw_call_result result = {.status = code, .message = message, .http_status = http_status};
    if (x->stream != NULL)
        gw_stream_end(x->stream, &result);
    else
        gw_exchange_answer_error(x, http_status, code, message, (struct gw_slice){0});
}

void gw_exchange_give_up_idle(struct gw_exchange *x)
{
    uint64_t limit_ms = x->worker->frontend->config->limits.stream_idle_timeout_ms;
    gw_exchange_count_limit(x, GW_LIMIT_STREAM_IDLE_TIMEOUT);
    gw_exchange_give_up(
        x, 504, GW_DEADLINE_EXCEEDED,
        gw_pool_printf(&x->req->pool, "no message within %llu ms", (unsigned long long)limit_ms));
}
