/* A call through an upstream: one gw_call for its maker, and behind it one try after another.
 *
 * A try ends the call, unless the peer cannot have begun with it (gw_call_result.fate) and it can
 * be sent again as a whole: what has been sent is at most the first message, and that is at hand.
 * Then it goes to an endpoint that was not tried yet, or, where there is none, to one of them
 * again; the README says how often. So that this holds for every unary call, on_sent is withheld
 * from a call that ended its side with its first message. Of a stream's first message, if it is
 * small, a copy is kept until the next is sent or the answer begins.
 *
 * A call whose turn it is at an endpoint that is full goes to another. Where all are full it waits
 * in the upstream's list, and gets the first room there is. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/recycle.h"
#include "upstream/internal.h"

/* How a call ends that no connection has. */
struct failure {
    int status, http_status;
    char message[192];
    char reason[384]; /* "": none */
};

/* Of one call, each to an endpoint or on a connection that cannot have begun with it. */
#define TRIES_MAX 3

/* A refused call that has nowhere else to go waits so long, and up to as long again. */
#define REFUSED_PAUSE_MS 5

/* Of a stream: a larger first message is not kept. */
#define KEPT_BYTES 4096

struct call {
    struct gw_call super;
    struct gw_worker_upstream *upstream;
    struct gw_call_params params; /* as the maker gave it */
    uint64_t try_timeout_ms;
    bool is_unlimited;             /* once it has a connection */
    struct gw_call_report *report; /* given, or own_report */
    struct gw_call_report own_report;

    struct gw_call *inner; /* the try; NULL: waiting, or not begun */
    size_t endpoint;       /* picked; valid while `trying` */
    uint64_t try_began_ns;
    struct gw_waiter waiter;       /* in a list of the endpoint or of the upstream */
    bool waiting;                  /* is counted in waiting_count */
    struct gw_timer wait_deadline; /* connections keep the deadline of calls that they carry */
    struct gw_timer pause;
    uint32_t failed_tries;
    bool was_refused;

    struct gw_slice first; /* the first message, kept to be sent again; base is NULL: none yet */
    enum gw_send_flags first_flags;
    bool first_is_copy; /* ours */
    bool told_sent;     /* of the first message */
    bool repeating;     /* the copy is on its way; what comes behind it is `next` */
    struct gw_slice next;
    enum gw_send_flags next_flags;
    bool passed_first; /* it is gone, or not alone: the call cannot be sent again */
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

/* 0: it may take any time. */
static uint64_t ends_ms(const struct call *call)
{
    return gw_deadline_sooner(call->params.deadline_ms, call->params.limit_ms);
}

static uint64_t try_ends_ms(const struct call *call)
{
    return gw_deadline_after(gw_loop_now_ms(loop_of(call)), call->try_timeout_ms);
}

/* False where as many wait as may, in the whole process. */
static bool begin_waiting(struct call *call)
{
    struct gw_worker_upstream *u = call->upstream;
    if (call->waiting)
        return true;
    if (__atomic_fetch_add(u->waiting_count, 1, __ATOMIC_RELAXED) >=
        u->shared->config->max_pending) {
        __atomic_fetch_sub(u->waiting_count, 1, __ATOMIC_RELAXED);
        return false;
    }
    call->waiting = true;
    gw_gauge_add(u->owner->shard, u->shared->pending, 1);
    uint64_t until_ms = gw_deadline_sooner(ends_ms(call), try_ends_ms(call));
    if (until_ms != 0)
        gw_timer_start(loop_of(call), &call->wait_deadline, until_ms);
    return true;
}

static void end_waiting(struct call *call)
{
    struct gw_worker_upstream *u = call->upstream;
    gw_waiter_cancel(&call->waiter);
    if (!call->waiting)
        return;
    call->waiting = false;
    __atomic_fetch_sub(u->waiting_count, 1, __ATOMIC_RELAXED);
    gw_gauge_add(u->owner->shard, u->shared->pending, -1);
    gw_timer_stop(loop_of(call), &call->wait_deadline);
}

static void drop_copy(struct call *call)
{
    if (call->first_is_copy)
        free((char *)(uintptr_t)call->first.base);
    call->first_is_copy = false;
}

static void free_call(struct call *call)
{
    end_waiting(call);
    gw_timer_stop(loop_of(call), &call->pause);
    drop_copy(call);
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
                       .fate = GW_CALL_UNSENT,
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
    end_waiting(call);
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

/* It was sent, or would have been if there had been a connection. */
static void count_try(struct call *call)
{
    struct gw_worker_upstream *u = call->upstream;
    call->report->tries++;
    gw_count(u->owner->shard, u->shared->endpoint_metrics[call->endpoint].picks, 1);
}

static void start_on(struct call *call, struct gw_grpc_client *client)
{
    const struct gw_config_upstream *config = call->upstream->shared->config;
    struct gw_call_params params = call->params;
    if (params.authority.len == 0)
        params.authority = gw_slice_str(config->endpoints[call->endpoint].address.text);
    if (params.max_message_bytes == 0)
        params.max_message_bytes = config->max_message_bytes;
    if (!call->is_unlimited)
        params.deadline_ms = gw_deadline_sooner(params.deadline_ms, try_ends_ms(call));
    params.callbacks = &try_callbacks;
    params.arg = call;
    call->inner = gw_grpc_client_start(client, &params);
    end_waiting(call);
    count_try(call);
    if (call->requested > 0)
        gw_call_request(call->inner, call->requested);
    if (call->first.base != NULL)
        gw_call_send(call->inner, call->first, call->first_flags);
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

static void fail_full(struct call *call)
{
    struct failure *failure = fail_later(call, GW_UNAVAILABLE, 503, "all endpoints are full");
    snprintf(failure->message + strlen(failure->message),
             sizeof(failure->message) - strlen(failure->message), ", and %u calls wait already",
             call->upstream->shared->config->max_pending);
}

/* What to do about the endpoint; false: it is full. */
static bool try_endpoint(struct call *call, size_t endpoint)
{
    struct gw_grpc_client *client;
    enum gw_room room =
        gw_endpoint_acquire(call->upstream->endpoints[endpoint], &call->waiter, &client);
    if (room == GW_ROOM_NONE)
        return false;
    call->endpoint = endpoint;
    begin_try(call);
    if (room == GW_ROOM_NOW) {
        start_on(call, client);
    } else if (!begin_waiting(call)) {
        end_try(call, false);
        fail_full(call);
    }
    return true;
}

/* Goes on with those that were tried but are not full; false where there is none such. */
static bool forget_tried(struct call *call, uint64_t *passed_over, size_t words)
{
    bool any = false;
    for (size_t i = 0; i < words; i++) {
        any |= call->tried[i] != 0;
        passed_over[i] &= ~call->tried[i];
        call->tried[i] = 0;
    }
    return any;
}

static void wait_for_room(struct call *call)
{
    struct gw_worker_upstream *u = call->upstream;
    if (begin_waiting(call))
        h2o_linklist_insert(call->waiter.within > 0 ? &u->given_back : &u->pending,
                            &call->waiter.link);
    else
        fail_full(call);
}

/* Picks, and starts or waits; or fails the call when every endpoint is failing. Those that are full
 * are passed over as those that were tried: first picks keep their turns. */
static void place(struct call *call)
{
    struct gw_worker_upstream *u = call->upstream;
    size_t words = (u->shared->config->endpoint_count + 63) / 64;
    if (u->owner->closing) {
        fail_later(call, GW_UNAVAILABLE, 503, "the gateway is shutting down");
        return;
    }
    if (ends_ms(call) != 0 && ends_ms(call) <= gw_loop_now_ms(loop_of(call))) {
        fail_later(call, GW_DEADLINE_EXCEEDED, 504, "deadline exceeded");
        return;
    }
    memcpy(u->passed_over, call->tried, words * sizeof(*u->passed_over));
    for (bool any_full = false;; any_full = true) {
        int picked = gw_balancer_pick(u->balancer, &(struct gw_pick){.tried = u->passed_over});
        while (picked == GW_BALANCER_NONE && forget_tried(call, u->passed_over, words)) {
            if (call->waiter.was_refused && !any_full) {
                gw_timer_start(loop_of(call), &call->pause,
                               gw_loop_now_ms(loop_of(call)) + REFUSED_PAUSE_MS +
                                   gw_random_below(REFUSED_PAUSE_MS + 1));
                return;
            }
            picked = gw_balancer_pick(u->balancer, &(struct gw_pick){.tried = u->passed_over});
        }
        if (picked == GW_BALANCER_NONE && any_full)
            wait_for_room(call);
        else if (picked == GW_BALANCER_NONE)
            fail_unreachable(call);
        if (picked == GW_BALANCER_NONE || try_endpoint(call, (size_t)picked))
            return;
        u->passed_over[picked / 64] |= UINT64_C(1) << picked % 64;
    }
}

static void on_pause(struct gw_timer *timer)
{
    place(H2O_STRUCT_FROM_MEMBER(struct call, pause, timer));
}

/* A try failed that its peer has not begun with. False where there may be no other. */
static bool may_go_again(struct call *call, enum gw_call_fate fate)
{
    struct gw_worker_upstream *u = call->upstream;
    if (++call->failed_tries == TRIES_MAX || (fate == GW_CALL_REFUSED && call->was_refused))
        return false;
    call->was_refused |= fate == GW_CALL_REFUSED;
    call->tried[call->endpoint / 64] |= UINT64_C(1) << call->endpoint % 64;
    gw_count(u->owner->shard, u->shared->retries[fate], 1);
    return true;
}

static void on_connection(struct gw_waiter *waiter, struct gw_grpc_client *client,
                          const char *reason)
{
    struct call *call = H2O_STRUCT_FROM_MEMBER(struct call, waiter, waiter);
    if (client != NULL) {
        start_on(call, client);
        return;
    }
    end_try(call, reason != NULL);
    if (reason != NULL) {
        count_try(call);
        if (!may_go_again(call, GW_CALL_UNSENT)) {
            fail_unreachable(call);
            return;
        }
    }
    place(call);
}

static void on_wait_deadline(struct gw_timer *timer)
{
    struct call *call = H2O_STRUCT_FROM_MEMBER(struct call, wait_deadline, timer);
    bool is_picked = call->trying;
    end_try(call, true);
    struct failure *failure = fail_later(call, GW_DEADLINE_EXCEEDED, 504,
                                         "deadline exceeded while waiting for a connection");
    if (is_picked)
        snprintf(failure->reason, sizeof(failure->reason), "%s",
                 call->upstream->shared->config->endpoints[call->endpoint].address.text);
}

/* --- calls for which all endpoints are full --- */

static struct call *first_of(h2o_linklist_t *list)
{
    struct gw_waiter *waiter = H2O_STRUCT_FROM_MEMBER(struct gw_waiter, link, list->next);
    return H2O_STRUCT_FROM_MEMBER(struct call, waiter, waiter);
}

static void serve_list(h2o_linklist_t *list, size_t endpoint)
{
    while (!h2o_linklist_is_empty(list)) {
        struct call *call = first_of(list);
        h2o_linklist_unlink(&call->waiter.link);
        if (!try_endpoint(call, endpoint)) {
            h2o_linklist_insert(list->next, &call->waiter.link);
            return;
        }
    }
}

void gw_upstream_serve_pending(struct gw_worker_upstream *u, size_t endpoint)
{
    serve_list(&u->given_back, endpoint);
    serve_list(&u->pending, endpoint);
}

void gw_upstream_fail_pending(struct gw_worker_upstream *u)
{
    h2o_linklist_t list;
    h2o_linklist_init_anchor(&list);
    h2o_linklist_insert_list(&list, &u->given_back);
    h2o_linklist_insert_list(&list, &u->pending);
    while (!h2o_linklist_is_empty(&list)) {
        struct call *call = first_of(&list);
        gw_waiter_cancel(&call->waiter);
        place(call);
    }
}

/* A call has ended on the endpoint. */
static void release(struct gw_worker_upstream *u, size_t endpoint)
{
    if (u->owner->closing)
        return;
    gw_endpoint_release(u->endpoints[endpoint]);
    if (!h2o_linklist_is_empty(&u->given_back) || !h2o_linklist_is_empty(&u->pending))
        gw_upstream_serve_pending(u, endpoint);
}

/* --- what a try tells us --- */

static void on_headers(void *arg, const struct gw_metadata *headers)
{
    struct call *call = arg;
    call->passed_first = true;
    if (!call->repeating)
        drop_copy(call);
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

static bool on_coming(void *arg, size_t bytes, size_t here)
{
    const struct call *call = arg;
    const struct gw_call_callbacks *callbacks = call->params.callbacks;
    return callbacks->on_coming == NULL || callbacks->on_coming(call->params.arg, bytes, here);
}

/* The maker's own goes when it is told. */
static void keep_first(struct call *call)
{
    if (call->first.len > KEPT_BYTES) {
        call->passed_first = true;
        return;
    }
    char *copy = gw_realloc(NULL, call->first.len);
    memcpy(copy, call->first.base, call->first.len);
    call->first.base = copy;
    call->first_is_copy = true;
}

/* Behind the first message, which is out. */
static void send_next(struct call *call, struct gw_slice framed, enum gw_send_flags flags)
{
    if (framed.len == 0 && call->first_is_copy) {
        call->first_flags = flags;
    } else {
        call->passed_first = true;
        drop_copy(call);
    }
    gw_call_send(call->inner, framed, flags);
}

static void on_sent(void *arg)
{
    struct call *call = arg;
    if (call->repeating) {
        call->repeating = false;
        struct gw_slice next = call->next;
        call->next = (struct gw_slice){0};
        if (next.base != NULL)
            send_next(call, next, call->next_flags);
        return;
    }
    if (!call->passed_first) {
        if (call->first_flags == GW_SEND_END)
            return;
        call->told_sent = true;
        keep_first(call);
    }
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

/* What the peer has not begun with, and is at hand, goes again. */
static bool goes_again(struct call *call, const struct gw_call_result *result)
{
    if (result->fate == GW_CALL_SEEN || result->from_peer || result->status != GW_UNAVAILABLE ||
        call->passed_first || call->upstream->owner->closing || !may_go_again(call, result->fate))
        return false;
    call->repeating = call->told_sent;
    call->waiter.was_refused = result->fate == GW_CALL_REFUSED;
    call->waiter.within = result->taken > GW_WITHIN_MOST   ? 0
                          : result->taken > 0              ? result->taken
                          : result->fate == GW_CALL_UNSENT ? 0
                                                           : 1;
    return true;
}

static void on_end(void *arg, const struct gw_call_result *result)
{
    struct call *call = arg;
    struct gw_worker_upstream *u = call->upstream;
    size_t endpoint = call->endpoint;
    call->inner = NULL;
    end_try(call, result->status == GW_UNAVAILABLE);
    if (goes_again(call, result))
        place(call);
    else if (result->status == GW_OK || result->from_peer)
        end_call(call, result);
    else
        end_call_of_endpoint(call, result);
    release(u, endpoint);
}

static const struct gw_call_callbacks try_callbacks = {
    .on_headers = on_headers,
    .on_message = on_message,
    .on_coming = on_coming,
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
        if (call->inner != NULL)
            gw_call_send(call->inner, framed, flags);
    } else if (call->repeating) {
        call->next = framed.base != NULL ? framed : GW_SLICE("");
        call->next_flags = flags;
    } else if (call->inner != NULL) {
        send_next(call, framed, flags);
    }
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
    struct gw_worker_upstream *u = call->upstream;
    size_t endpoint = call->endpoint;
    bool is_started = call->inner != NULL;
    gw_call_cancel(call->inner);
    end_try(call, false);
    free_call(call);
    if (is_started)
        release(u, endpoint);
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
    call->is_unlimited = timeout_ms == GW_NO_TIMEOUT;
    call->try_timeout_ms = timeout_ms == 0 || call->is_unlimited ? config->timeout_ms : timeout_ms;
    call->report = report != NULL ? report : &call->own_report;
    *call->report = (struct gw_call_report){.upstream = config->name.text};
    call->waiter.ready = on_connection;
    call->wait_deadline.fn = on_wait_deadline;
    call->pause.fn = on_pause;
    call->fail.fn = on_fail;
    call->tried = config->endpoint_count <= 64
                      ? &call->tried_small
                      : gw_alloc((config->endpoint_count + 63) / 64 * sizeof(*call->tried));
    place(call);
    return &call->super;
}
