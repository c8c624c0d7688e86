/* Requests that have hooks (hooks/), and what waits for them:
 *
 *     begin -> on_request -> the call -> on_response or on_error -> the answer
 *
 * x->hook_phases says which of them are yet to run: 0 for a request without hooks. Who comes to one
 * of these points looks there, and if its bit is set leaves the rest to the function here. A hook
 * may wait; when it is over the exchange goes on, unless the client has left meanwhile. */
#ifndef GW_FRONTEND_HOOKED_H
#define GW_FRONTEND_HOOKED_H

#include "frontend/exchange_internal.h"
#include "hooks/hooks.h"

/* Finds what is to run. */
void gw_hooked_find(struct gw_exchange *x, const struct gw_route_match *match);
/* x->route is known by this match, or to be none. */
static inline void gw_hooked_begin(struct gw_exchange *x, const struct gw_route_match *match)
{
    if (x->worker->hook_vm != NULL)
        gw_hooked_find(x, match);
}
/* GW_HOOK_RESPONSE will look at the one message of the call's answer. */
static inline bool gw_hooked_reads_answer(const struct gw_exchange *x)
{
    const struct gw_method *method = x->route != NULL ? x->route->method : NULL;
    return (x->hook_phases & GW_HOOK_RESPONSE) != 0 && method != NULL &&
           !method->client_streaming && !method->server_streaming;
}
/* The body is there, as far as it is awaited. GW_HOOK_REQUEST, if it is due; goes on by
 * gw_exchange_serve_match. */
void gw_hooked_request(struct gw_exchange *x);
/* GW_HOOK_RESPONSE: the one message of an answer is copied ... */
void gw_hooked_take_message(struct gw_exchange *x, struct gw_slice message);
/* ... and a REST client's answer made of it. */
void gw_hooked_answer(struct gw_exchange *x, const struct gw_metadata *trailers);
/* GW_HOOK_RESPONSE: a file is about to be sent; goes on by gw_files_send. */
void gw_hooked_file(struct gw_exchange *x);
/* GW_HOOK_ERROR: goes on by gw_exchange_tell_error, or gw_grpc_answer. */
void gw_hooked_error(struct gw_exchange *x, int http_status, int code, struct gw_slice message,
                     struct gw_slice details, const struct gw_metadata *trailers);
/* GW_HOOK_RESPONSE or GW_HOOK_ERROR, for an answer in gRPC or gRPC-Web that is no stream: goes on
 * by gw_grpc_answer. x->json is its framed message. */
void gw_hooked_grpc(struct gw_exchange *x, const struct gw_call_result *result);
/* GW_HOOK_RESPONSE, for an answer of many messages, which is about to begin. True: it is not to
 * begin; gw_stream_go_on says when, or something else has been answered. */
bool gw_hooked_holds_stream(struct gw_exchange *x);

bool gw_hooked_is_waiting(const struct gw_exchange *x);
/* No hook runs any more; what one waits for is cancelled. */
void gw_hooked_drop(struct gw_exchange *x);
/* What hooks have for the access log: a JSON object, or empty. After gw_hooked_drop. */
struct gw_slice gw_hooked_ctx(const struct gw_exchange *x);
/* The worker ends: no hook of it runs any more. What waits for one is answered with 503. */
void gw_hooked_end_all(struct gw_worker *worker);

#endif
