#include "frontend/streaming.h"

#include "frontend/json_stream.h"
#include "frontend/request_stream.h"
#include "frontend/stream.h"

static void start_stream(struct gw_exchange *x)
{
    gw_exchange_start_call(x, x->stream != NULL ? &gw_stream_callbacks : &gw_exchange_unary_answer);
    if (x->stream != NULL)
        gw_stream_begin(x->stream);
    else
        gw_call_request(x->call, GW_REQUEST_ALL);
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
    if (x->route->method->server_streaming && gw_json_stream_create(x) != 0)
        return;
    gw_exchange_watch_client(x);
    start_stream(x);
    if (takes_messages)
        gw_request_stream_begin(x, &source);
    else
        gw_call_send(x->call, framed, GW_SEND_END);
}
