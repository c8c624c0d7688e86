/* The memory of an exchange's answer: room for what comes, and what is said where there is none. */
#include "frontend/exchange_internal.h"

/* A message, and JSON of twice its length; text in base64 is shorter. */
#define JSON_FACTOR 3

/* The most that one answer can hold. */
static size_t most_of(const struct gw_answer_memory *memory)
{
    return (size_t)memory->account->memory->most_bytes_per_connection + GW_ANSWER_FREE_BYTES;
}

bool gw_answer_memory_await(struct gw_worker *worker, struct gw_answer_memory *memory,
                            bool is_translated, size_t bytes, size_t here)
{
    size_t most = most_of(memory), wanted = is_translated ? JSON_FACTOR * bytes : bytes;
    if (bytes > most) {
        memory->outcome = GW_REQUEST_MEMORY_OVER_CONNECTION;
        return false;
    }
    return gw_answer_memory_reserve(&worker->answers, memory, wanted < most ? wanted : most, here);
}

struct gw_call_result gw_answer_memory_failure(struct gw_worker *worker,
                                               const struct gw_answer_memory *memory)
{
    bool is_total = memory->outcome == GW_REQUEST_MEMORY_OVER_TOTAL;
    gw_http_metrics_count_limit(worker->frontend->http_metrics, worker->shard,
                                gw_request_memory_limit(memory->outcome));
    /* The backend has carried the call out: clients repeat what is UNAVAILABLE. */
    return (struct gw_call_result){
        .status = GW_RESOURCE_EXHAUSTED,
        .message = is_total ? GW_SLICE("no memory for the answer")
                            : GW_SLICE("the connection's answers take too much memory"),
        .http_status = 503,
    };
}

const struct gw_call_result *gw_answer_memory_judge(struct gw_worker *worker,
                                                    struct gw_answer_memory *memory,
                                                    const struct gw_call_result *result,
                                                    struct gw_call_result *room)
{
    bool waits = gw_answer_memory_waits(memory);
    gw_answer_memory_stop_waiting(memory);
    /* The backend keeps the deadline, too, and resets what it cannot send. */
    if (!waits || (result->status != GW_DEADLINE_EXCEEDED && result->status != GW_CANCELLED))
        return result;
    *room = gw_answer_memory_failure(worker, memory);
    return room;
}

void gw_exchange_give_up_memory(struct gw_exchange *x)
{
    struct gw_call_result failure = gw_answer_memory_failure(x->worker, &x->memory);
    gw_exchange_give_up(x, failure.http_status, failure.status, failure.message);
}

void gw_exchange_on_settled(struct gw_answer_memory *memory)
{
    struct gw_exchange *x = H2O_STRUCT_FROM_MEMBER(struct gw_exchange, memory, memory);
    if (memory->outcome == GW_REQUEST_MEMORY_FITS)
        gw_call_request(x->call, 0);
    else
        gw_exchange_give_up_memory(x);
}

bool gw_exchange_on_coming(void *arg, size_t bytes, size_t here)
{
    struct gw_exchange *x = arg;
    bool is_translated = x->headers.protocol == GW_PROTOCOL_REST || x->grpc.answers_in_text;
    if (gw_answer_memory_await(x->worker, &x->memory, is_translated, bytes, here))
        return true;
    if (!gw_answer_memory_waits(&x->memory))
        gw_exchange_give_up_memory(x);
    return false;
}

bool gw_exchange_hold(struct gw_exchange *x, size_t bytes)
{
    enum gw_request_memory_outcome outcome = gw_answer_memory_hold(&x->memory, bytes);
    if (outcome == GW_REQUEST_MEMORY_FITS)
        return true;
    x->memory.outcome = outcome;
    x->lacks_memory = true;
    return false;
}

void gw_exchange_make_room(struct gw_exchange *x, size_t bytes)
{
    if (bytes <= GW_ANSWER_LARGE_BYTES || x->json.pool == NULL)
        return;
    x->json = GW_BUF_HEAP;
    gw_buf_reserve(&x->json, bytes);
}

void gw_exchange_drop_answer(struct gw_exchange *x)
{
    gw_exchange_drop_translation(x);
    gw_buf_dispose(&x->json);
    x->json = gw_buf_in_pool(&x->req->pool);
    gw_answer_memory_dispose(&x->memory);
}

void gw_exchange_answer_lack(struct gw_exchange *x)
{
    struct gw_call_result failure = gw_answer_memory_failure(x->worker, &x->memory);
    gw_exchange_drop_answer(x);
    gw_exchange_answer_error(x, failure.http_status, failure.status, failure.message,
                             (struct gw_slice){0});
}

const struct gw_call_result *gw_exchange_judge(struct gw_exchange *x,
                                               const struct gw_call_result *result,
                                               struct gw_call_result *room)
{
    result = gw_answer_memory_judge(x->worker, &x->memory, result, room);
    if (result->status != GW_OK || !x->lacks_memory)
        return result;
    *room = gw_answer_memory_failure(x->worker, &x->memory);
    return room;
}
