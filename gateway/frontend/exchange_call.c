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

bool gw_exchange_take_deadline(struct gw_exchange *x)
{
    uint64_t most_ms = x->worker->frontend->config->limits.max_deadline_ms, timeout_ns;
    if (x->headers.timeout.base == NULL)
        return true;
    if (gw_grpc_timeout_parse(x->headers.timeout, &timeout_ns) != 0) {
        gw_exchange_answer_error(x, 400, GW_INVALID_ARGUMENT, GW_SLICE("malformed grpc-timeout"),
                                 (struct gw_slice){0});
        return false;
    }
    if (timeout_ns == 0) {
        gw_exchange_answer_error(x, 504, GW_DEADLINE_EXCEEDED, GW_SLICE("the deadline has passed"),
                                 (struct gw_slice){0});
        return false;
    }
    uint64_t ms = timeout_ns / 1000000 + (timeout_ns % 1000000 != 0);
    x->deadline_ms =
        gw_deadline_after(gw_loop_now_ms(x->worker->loop), ms < most_ms ? ms : most_ms);
    return true;
}

/* A stream takes as long as it takes: only the route's own timeout limits it. 0: nothing does. */
static uint64_t stream_ends_ms(const struct gw_exchange *x)
{
    return x->route->timeout_ms == 0
               ? 0
               : gw_deadline_after(gw_loop_now_ms(x->worker->loop), x->route->timeout_ms);
}

static uint64_t unary_ends_ms(const struct gw_exchange *x)
{
    return gw_deadline_after(gw_loop_now_ms(x->worker->loop),
                             x->worker->frontend->config->limits.request_timeout_ms);
}

/* Sets the call's deadline and limit; gives the timeout of a try. */
static uint64_t limit_rest(const struct gw_exchange *x, bool is_unary,
                           struct gw_call_params *params)
{
    params->deadline_ms = x->deadline_ms;
    if (is_unary) {
        params->limit_ms = unary_ends_ms(x);
        return x->route->timeout_ms;
    }
    params->deadline_ms = gw_deadline_sooner(params->deadline_ms, stream_ends_ms(x));
    return GW_NO_TIMEOUT;
}

/* The client's deadline rules. Where there is none the backend is told none either. */
static uint64_t limit_grpc(const struct gw_exchange *x, bool is_unary,
                           struct gw_call_params *params)
{
    uint64_t now = gw_loop_now_ms(x->worker->loop), timeout_ms = x->route->timeout_ms;
    if (x->deadline_ms != 0) {
        params->deadline_ms = x->deadline_ms;
        return x->deadline_ms > now ? x->deadline_ms - now : 1;
    }
    if (!is_unary) {
        params->limit_ms = stream_ends_ms(x);
        return GW_NO_TIMEOUT;
    }
    if (timeout_ms == 0)
        timeout_ms = x->worker->frontend->config->upstreams[x->upstream].timeout_ms;
    params->limit_ms = gw_deadline_sooner(unary_ends_ms(x), gw_deadline_after(now, timeout_ms));
    return GW_NO_TIMEOUT;
}

void gw_exchange_start_call(struct gw_exchange *x, const struct gw_call_callbacks *callbacks)
{
    const struct gw_route *route = x->route;
    bool is_unary = !route->method->client_streaming && !route->method->server_streaming;
    struct gw_call_params params = {
        .path = route->method->path,
        .metadata = x->headers.metadata,
        .callbacks = callbacks,
        .arg = x,
    };
    uint64_t timeout_ms;
    if (x->headers.protocol == GW_PROTOCOL_REST) {
        timeout_ms = limit_rest(x, is_unary, &params);
    } else {
        timeout_ms = limit_grpc(x, is_unary, &params);
        params.passes_through = true;
        params.content_type = x->grpc.upstream_type;
        params.user_agent = x->headers.user_agent;
        if (!gw_hooked_reads_answer(x)) {
            params.takes_compressed = x->headers.protocol == GW_PROTOCOL_GRPC;
            params.takes_encodings = x->headers.accepted_encodings;
        }
    }
    x->call = gw_upstream_call(x->worker->upstreams, x->upstream, &params, timeout_ms, &x->report);
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
