/* A call through an upstream: one gw_call for its maker, and behind it one try after another.
 *
 * A try ends the call, unless the peer cannot have seen it (gw_call_result.unprocessed) and it can
 * be sent again as a whole: what has been sent is at most the first message, and nobody was told
 * that it had gone out. Then the next endpoint is picked among those not tried yet. So that this
 * holds for every unary call, on_sent is withheld from a call that ended its side with its first
 * message. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/recycle.h"
#include "upstream/internal.h"

/* How a call ends that no connection has. */
struct failure {
    int status, http_status;
    char message[192];
    char reason[384]; /* "": none */
};

struct call {
    struct gw_call super;
    struct gw_worker_upstream *upstream;
    struct gw_call_params params; /* as the maker gave it */
    uint64_t try_timeout_ms;
    bool is_unlimited;             /* once it has a connection */
    struct gw_call_report *report; /* given, or own_report */
    struct gw_call_report own_report;

    struct gw_call *inner; /* the try; NULL: waiting, or not begun */
    size_t endpoint;       /* picked; valid while waiting or trying */
    uint64_t try_began_ns;
    struct gw_waiter waiter;
    struct gw_timer wait_deadline; /* connections keep the deadline of calls that they carry */

    struct gw_slice first; /* the first message, kept to be sent again; base is NULL: none yet */
    enum gw_send_flags first_flags;
    bool passed_first; /* the maker was told that it is gone: the call cannot be sent again */
    bool trying;       /* began was counted and ended was not */
    uint32_t requested;

    struct gw_task fail;      /* ends the call from outside gw_upstream_call */
    h2o_linklist_t fail_link; /* in gw_upstreams.failed */
    struct failure *failure;  /* for that; NULL: none */

    uint64_t *tried; /* bit set; tried_small where that is enough */
    uint64_t tried_small;
};

static const struct gw_call_ops call_ops;
static const struct gw_call_callbacks try_callbacks;

static struct call *call_of(struct gw_call *super)
{
    return H2O_STRUCT_FROM_MEMBER(struct call, super, super);
}

static struct gw_loop *loop_of(const struct call *call)
{
    return call->upstream->owner->loop;
}

static void free_call(struct call *call)
{
    gw_waiter_cancel(&call->waiter);
    gw_timer_stop(loop_of(call), &call->wait_deadline);
    gw_task_cancel(loop_of(call), &call->fail);
    if (h2o_linklist_is_linked(&call->fail_link))
        h2o_linklist_unlink(&call->fail_link);
    if (call->tried != &call->tried_small)
        free(call->tried);
    free(call->failure);
    gw_recycler_free(gw_loop_recycler(loop_of(call)), call);
}

static void end_call(struct call *call, const struct gw_call_result *result)
{
    const struct gw_call_callbacks *callbacks = call->params.callbacks;
    void *arg = call->params.arg;
    free_call(call);
    callbacks->on_end(arg, result);
}

static void on_fail(struct gw_task *task)
{
    struct call *call = H2O_STRUCT_FROM_MEMBER(struct call, fail, task);
    struct failure failure = *call->failure;
    end_call(call, &(struct gw_call_result){
                       .status = failure.status,
                       .message = gw_slice_str(failure.message),
                       .reason = gw_slice_str(failure.reason),
                       .unprocessed = true,
                       .http_status = failure.http_status,
                   });
}

void gw_upstream_calls_end_failed(struct gw_upstreams *upstreams)
{
    while (!h2o_linklist_is_empty(&upstreams->failed))
        on_fail(&H2O_STRUCT_FROM_MEMBER(struct call, fail_link, upstreams->failed.next)->fail);
}

/* The message names the upstream, and nothing inside of it: clients read it. The caller may add a
 * reason. */
static struct failure *fail_later(struct call *call, int status, int http_status, const char *what)
{
    struct failure *failure = gw_alloc(sizeof(*failure));
    failure->status = status;
    failure->http_status = http_status;
    snprintf(failure->message, sizeof(failure->message), "%s: %s",
             call->upstream->shared->config->name.text, what);
    call->failure = failure;
    h2o_linklist_insert(&call->upstream->owner->failed, &call->fail_link);
    gw_loop_defer(loop_of(call), &call->fail);
    return failure;
}

static void begin_try(struct call *call)
{
    struct gw_worker_upstream *u = call->upstream;
    call->trying = true;
    if (u->balancer->ops->ended != NULL)
        call->try_began_ns = gw_clock_ns();
    call->report->endpoint = u->shared->config->endpoints[call->endpoint].address.text;
    if (call->report->tries++ > 0)
        gw_count(u->owner->shard, u->shared->retries, 1);
    gw_count(u->owner->shard, u->shared->endpoint_metrics[call->endpoint].picks, 1);
    gw_gauge_add(u->owner->shard, u->shared->endpoint_metrics[call->endpoint].in_flight, 1);
    gw_balancer_began(u->balancer, call->endpoint);
}

static void end_try(struct call *call, bool failed)
{
    struct gw_worker_upstream *u = call->upstream;
    if (!call->trying)
        return;
    call->trying = false;
    gw_gauge_add(u->owner->shard, u->shared->endpoint_metrics[call->endpoint].in_flight, -1);
    if (u->balancer->ops->ended != NULL)
        gw_balancer_ended(u->balancer, call->endpoint, (gw_clock_ns() - call->try_began_ns) / 1000,
                          failed);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* False where the connection took no call after all. */
static bool start_on(struct call *call, struct gw_grpc_client *client)
{
    const struct gw_config_upstream *config = call->upstream->shared->config;
    struct gw_call_params params = call->params;
    if (params.authority.len == 0)
        params.authority = gw_slice_str(config->endpoints[call->endpoint].address.text);
    if (params.max_message_bytes == 0)
        params.max_message_bytes = config->max_message_bytes;
    if (!call->is_unlimited)
        params.deadline_ms =
            sooner(params.deadline_ms, gw_loop_now_ms(loop_of(call)) + call->try_timeout_ms);
    params.callbacks = &try_callbacks;
    params.arg = call;
    call->inner = gw_grpc_client_start(client, &params);
    if (call->inner == NULL)
        return false;
    gw_timer_stop(loop_of(call), &call->wait_deadline);
    if (call->requested > 0)
        gw_call_request(call->inner, call->requested);
    if (call->first.base != NULL)
        gw_call_send(call->inner, call->first, call->first_flags);
    return true;
}

/* By the reason of the first endpoint that has one. */
static void fail_unreachable(struct call *call)
{
    struct gw_worker_upstream *u = call->upstream;
    const struct gw_config_upstream *config = u->shared->config;
    size_t which = 0;
    while (which < config->endpoint_count && !*gw_endpoint_last_error(u->endpoints[which]))
        which++;
    int http_status =
        which < config->endpoint_count ? gw_endpoint_last_status(u->endpoints[which]) : 503;
    struct failure *failure = fail_later(call, http_status == 502 ? GW_INTERNAL : GW_UNAVAILABLE,
                                         http_status, "no endpoint can be reached");
    size_t length = 0;
    for (; which < config->endpoint_count && length < sizeof(failure->reason); which++) {
        const char *error = gw_endpoint_last_error(u->endpoints[which]);
        if (*error)
            length += (size_t)snprintf(failure->reason + length, sizeof(failure->reason) - length,
                                       "%s%s: %s", length > 0 ? ", " : "",
                                       config->endpoints[which].address.text, error);
    }
}

/* Picks, and starts or waits; or fails the call when every endpoint was tried or is failing. */
static void try_next(struct call *call)
{
    struct gw_worker_upstream *u = call->upstream;
    if (u->owner->closing) {
        fail_later(call, GW_UNAVAILABLE, 503, "the gateway is shutting down");
        return;
    }
    for (;;) {
        int picked = gw_balancer_pick(u->balancer, &(struct gw_pick){.tried = call->tried});
        if (picked == GW_BALANCER_NONE) {
            fail_unreachable(call);
            return;
        }
        call->endpoint = (size_t)picked;
        call->tried[picked / 64] |= UINT64_C(1) << picked % 64;
        begin_try(call);
        struct gw_grpc_client *client = gw_endpoint_acquire(u->endpoints[picked], &call->waiter);
        if (client == NULL) {
            gw_timer_start(loop_of(call), &call->wait_deadline,
                           sooner(call->params.deadline_ms,
                                  gw_loop_now_ms(loop_of(call)) + call->try_timeout_ms));
            return;
        }
        if (start_on(call, client))
            return;
        end_try(call, true);
    }
}

static void on_connection(struct gw_waiter *waiter, struct gw_grpc_client *client,
                          const char *reason)
{
    struct call *call = H2O_STRUCT_FROM_MEMBER(struct call, waiter, waiter);
    (void)reason; /* fail_unreachable asks the endpoint */
    gw_timer_stop(loop_of(call), &call->wait_deadline);
    if (client != NULL && start_on(call, client))
        return;
    end_try(call, true);
    try_next(call);
}

static void on_wait_deadline(struct gw_timer *timer)
{
    struct call *call = H2O_STRUCT_FROM_MEMBER(struct call, wait_deadline, timer);
    gw_waiter_cancel(&call->waiter);
    end_try(call, true);
    struct failure *failure = fail_later(call, GW_DEADLINE_EXCEEDED, 504,
                                         "deadline exceeded while waiting for a connection");
    snprintf(failure->reason, sizeof(failure->reason), "%s",
             call->upstream->shared->config->endpoints[call->endpoint].address.text);
}

/* --- what a try tells us --- */

static void on_headers(void *arg, const struct gw_metadata *headers)
{
    struct call *call = arg;
    if (call->params.callbacks->on_headers != NULL)
        call->params.callbacks->on_headers(call->params.arg, headers);
}

static void on_message(void *arg, struct gw_slice message)
{
    struct call *call = arg;
    if (call->requested != GW_REQUEST_ALL && call->requested > 0)
        call->requested--;
    call->params.callbacks->on_message(call->params.arg, message);
}

static void on_sent(void *arg)
{
    struct call *call = arg;
    if (!call->passed_first && call->first_flags == GW_SEND_END)
        return;
    call->passed_first = true;
    if (call->params.callbacks->on_sent != NULL)
        call->params.callbacks->on_sent(call->params.arg);
}

/* What this side says of a try: by the upstream's name, and for logs by the endpoint's. */
static void end_call_of_endpoint(struct call *call, const struct gw_call_result *result)
{
    const struct gw_config_upstream *config = call->upstream->shared->config;
    char message[256], reason[256] = "";
    struct gw_call_result ours = *result;
    snprintf(message, sizeof(message), "%s: %.*s", config->name.text,
             GW_SLICE_ARG(result->message));
    if (result->reason.len > 0)
        snprintf(reason, sizeof(reason), "%s: %.*s", config->endpoints[call->endpoint].address.text,
                 GW_SLICE_ARG(result->reason));
    ours.message = gw_slice_str(message);
    ours.reason = gw_slice_str(reason);
    end_call(call, &ours);
}

static void on_end(void *arg, const struct gw_call_result *result)
{
    struct call *call = arg;
    struct gw_endpoint *endpoint = call->upstream->endpoints[call->endpoint];
    bool closing = call->upstream->owner->closing;
    call->inner = NULL;
    end_try(call, result->status == GW_UNAVAILABLE);
    if (result->unprocessed && !result->from_peer && result->status == GW_UNAVAILABLE &&
        !call->passed_first && !closing)
        try_next(call);
    else if (result->status == GW_OK || result->from_peer)
        end_call(call, result);
    else
        end_call_of_endpoint(call, result);
    if (!closing)
        gw_endpoint_release(endpoint);
}

static const struct gw_call_callbacks try_callbacks = {
    .on_headers = on_headers,
    .on_message = on_message,
    .on_sent = on_sent,
    .on_end = on_end,
};

/* --- what the maker tells us --- */

static void call_send(struct gw_call *super, struct gw_slice framed, enum gw_send_flags flags)
{
    struct call *call = call_of(super);
    if (call->first.base == NULL) {
        /* An empty slice only closes our side; it still has to be remembered. */
        call->first = framed.base != NULL ? framed : GW_SLICE("");
        call->first_flags = flags;
    } else {
        call->passed_first = true;
    }
    if (call->inner != NULL)
        gw_call_send(call->inner, framed, flags);
}

static void call_request(struct gw_call *super, uint32_t count)
{
    struct call *call = call_of(super);
    call->requested =
        count > GW_REQUEST_ALL - call->requested ? GW_REQUEST_ALL : call->requested + count;
    if (call->inner != NULL)
        gw_call_request(call->inner, count);
}

static void call_cancel(struct gw_call *super)
{
    struct call *call = call_of(super);
    struct gw_endpoint *endpoint = call->upstream->endpoints[call->endpoint];
    gw_call_cancel(call->inner);
    end_try(call, false);
    bool closing = call->upstream->owner->closing;
    free_call(call);
    if (!closing)
        gw_endpoint_release(endpoint);
}

static const struct gw_call_ops call_ops = {
    .send = call_send,
    .request = call_request,
    .cancel = call_cancel,
};

struct gw_call *gw_upstream_call(struct gw_upstreams *upstreams, size_t upstream,
                                 const struct gw_call_params *params, uint64_t timeout_ms,
                                 struct gw_call_report *report)
{
    struct call *call = gw_recycler_alloc(gw_loop_recycler(upstreams->loop), sizeof(*call));
    *call = (struct call){.super.ops = &call_ops};
    call->upstream = &upstreams->upstreams[upstream];
    call->params = *params;
    const struct gw_config_upstream *config = call->upstream->shared->config;
    call->is_unlimited = timeout_ms == GW_UPSTREAM_NO_TIMEOUT;
    call->try_timeout_ms = timeout_ms == 0 || call->is_unlimited ? config->timeout_ms : timeout_ms;
    call->report = report != NULL ? report : &call->own_report;
    *call->report = (struct gw_call_report){.upstream = config->name.text};
    call->waiter.ready = on_connection;
    call->wait_deadline.fn = on_wait_deadline;
    call->fail.fn = on_fail;
    call->tried = config->endpoint_count <= 64
                      ? &call->tried_small
                      : gw_alloc((config->endpoint_count + 63) / 64 * sizeof(*call->tried));
    try_next(call);
    return &call->super;
}
