#include "frontend/streaming.h"

#include "frontend/request_stream.h"
#include "frontend/stream.h"

/* A stream takes as long as it takes: only the route's own timeout limits it. */
static void start_stream(struct gw_exchange *x)
{
    struct gw_worker *worker = x->worker;
    struct gw_call_params params = {
        .path = x->route->method->path,
        .metadata = x->headers.metadata,
        .callbacks = x->stream != NULL ? &gw_stream_callbacks : &gw_exchange_unary_answer,
        .arg = x,
    };
    if (x->route->timeout_ms != 0)
        params.deadline_ms = gw_loop_now_ms(worker->loop) + x->route->timeout_ms;
    x->call = gw_upstream_call(worker->upstreams, x->route->upstream, &params,
                               GW_UPSTREAM_NO_TIMEOUT, &x->report);
    if (x->stream != NULL)
        gw_stream_begin(x->stream);
    else
        gw_call_request(x->call, GW_REQUEST_ALL);
}

#define ACCEPT_HEADERS_MAX 16

/* -1: answered, because the client accepts none of the forms. */
static int choose_stream_format(struct gw_exchange *x)
{
    const h2o_headers_t *headers = &x->req->headers;
    struct gw_slice values[ACCEPT_HEADERS_MAX];
    size_t count = 0;
    for (ssize_t i = -1;
         count < ACCEPT_HEADERS_MAX && (i = h2o_find_header(headers, H2O_TOKEN_ACCEPT, i)) >= 0;)
        values[count++] = gw_slice(headers->entries[i].value.base, headers->entries[i].value.len);
    const struct gw_stream_format *format = gw_stream_format_choose(values, count);
    if (format == NULL) {
        gw_exchange_answer_error(x, 406, GW_INVALID_ARGUMENT,
                                 GW_SLICE("accept: expected application/x-ndjson, "
                                          "text/event-stream or application/json"),
                                 (struct gw_slice){0});
        return -1;
    }
    gw_stream_create(x, format);
    return 0;
}

void gw_streaming_serve(struct gw_exchange *x, const struct gw_route_match *match,
                        const struct gw_translate_request *request)
{
    bool takes_messages = gw_route_takes_messages(x->route);
    struct gw_message_source source;
    struct gw_slice framed;
    struct gw_failure failure;
    gw_pool *pool = &x->req->pool;
    if ((takes_messages ? gw_route_message_source(match, request, pool, &source, &failure)
                        : gw_route_translate(match, request, pool, &framed, &failure)) != 0) {
        gw_exchange_answer_failure(x, &failure);
        return;
    }
    if (x->route->method->server_streaming && choose_stream_format(x) != 0)
        return;
    gw_exchange_watch_client(x);
    start_stream(x);
    if (takes_messages)
        gw_request_stream_begin(x, &source);
    else
        gw_call_send(x->call, framed, GW_SEND_END);
}
