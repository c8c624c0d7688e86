#include "frontend/answer_memory.h"

/* Room is given back in any worker: it is looked for as often. */
#define LOOK_MS 10

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* --- waiting --- */

/* What waits holds half of all at most, so that the other half comes free again. */
static bool begin_waiting(struct gw_answer_queue *queue, struct gw_answer_memory *memory,
                          size_t bytes)
{
    struct gw_request_memory_total *total = memory->account->memory->total;
    uint64_t held = gw_answer_memory_held(memory);
    if (__atomic_add_fetch(&total->waiting_bytes, held, __ATOMIC_RELAXED) > total->most_bytes / 2) {
        __atomic_sub_fetch(&total->waiting_bytes, held, __ATOMIC_RELAXED);
        memory->outcome = GW_REQUEST_MEMORY_OVER_TOTAL;
        return false;
    }
    memory->held_waiting_bytes = held;
    memory->wanted_bytes = bytes;
    memory->wait_end_ms = gw_loop_now_ms(queue->loop) + GW_ANSWER_WAIT_MS;
    h2o_linklist_insert(&queue->waiting, &memory->link);
    if (!gw_timer_is_running(&queue->timer))
        gw_timer_start(queue->loop, &queue->timer, gw_loop_now_ms(queue->loop) + LOOK_MS);
    return true;
}

void gw_answer_memory_stop_waiting(struct gw_answer_memory *memory)
{
    if (!gw_answer_memory_waits(memory))
        return;
    memory->wanted_bytes = 0;
    h2o_linklist_unlink(&memory->link);
    __atomic_sub_fetch(&memory->account->memory->total->waiting_bytes, memory->held_waiting_bytes,
                       __ATOMIC_RELAXED);
}

/* In the order in which they came, but that a connection's own limit holds up no other's. */
static void on_look(struct gw_timer *timer)
{
    struct gw_answer_queue *queue = H2O_STRUCT_FROM_MEMBER(struct gw_answer_queue, timer, timer);
    uint64_t now_ms = gw_loop_now_ms(queue->loop);
    bool is_full = false;
    h2o_linklist_t looked_at;
    h2o_linklist_init_anchor(&looked_at);
    while (!h2o_linklist_is_empty(&queue->waiting)) {
        struct gw_answer_memory *memory =
            H2O_STRUCT_FROM_MEMBER(struct gw_answer_memory, link, queue->waiting.next);
        if (!is_full)
            memory->outcome = gw_answer_memory_hold(memory, memory->wanted_bytes);
        is_full = is_full || memory->outcome == GW_REQUEST_MEMORY_OVER_TOTAL;
        if ((!is_full && memory->outcome == GW_REQUEST_MEMORY_FITS) ||
            now_ms >= memory->wait_end_ms) {
            gw_answer_memory_stop_waiting(memory);
            memory->on_settled(memory);
        } else {
            h2o_linklist_unlink(&memory->link);
            h2o_linklist_insert(&looked_at, &memory->link);
        }
    }
    h2o_linklist_insert_list(&queue->waiting, &looked_at);
    if (!h2o_linklist_is_empty(&queue->waiting))
        gw_timer_start(queue->loop, timer, now_ms + LOOK_MS);
}

/* --- holding --- */

enum gw_request_memory_outcome gw_answer_memory_hold(struct gw_answer_memory *memory, size_t bytes)
{
    struct gw_request_memory *worker = memory->account->memory;
    size_t free_bytes = min(bytes, GW_ANSWER_FREE_BYTES), before = memory->free_bytes;
    enum gw_request_memory_outcome outcome =
        gw_request_memory_resize_free(worker, &memory->free_bytes, free_bytes);
    if (outcome != GW_REQUEST_MEMORY_FITS) {
        if (bytes > GW_ANSWER_SMALL_BYTES)
            return outcome;
        gw_request_memory_charge(worker, &memory->free_bytes, free_bytes);
    }
    if (bytes - free_bytes == memory->beyond_bytes)
        return GW_REQUEST_MEMORY_FITS;
    outcome = gw_request_memory_resize(memory->account, &memory->beyond_bytes, bytes - free_bytes);
    if (outcome != GW_REQUEST_MEMORY_FITS)
        gw_request_memory_resize_free(worker, &memory->free_bytes, before);
    return outcome;
}

bool gw_answer_memory_reserve(struct gw_answer_queue *queue, struct gw_answer_memory *memory,
                              size_t bytes, size_t here)
{
    if (gw_answer_memory_waits(memory))
        return false;
    memory->outcome = gw_answer_memory_hold(memory, bytes);
    if (memory->outcome == GW_REQUEST_MEMORY_FITS)
        return true;
    enum gw_request_memory_outcome outcome = memory->outcome;
    if (here > gw_answer_memory_held(memory))
        outcome = gw_answer_memory_hold(memory, here);
    if (here > gw_answer_memory_held(memory))
        memory->outcome = outcome;
    else
        begin_waiting(queue, memory, bytes);
    return false;
}

void gw_answer_memory_init(struct gw_answer_memory *memory,
                           struct gw_request_memory_account *account,
                           gw_answer_memory_fn on_settled)
{
    *memory = (struct gw_answer_memory){.account = account, .on_settled = on_settled};
}

void gw_answer_memory_dispose(struct gw_answer_memory *memory)
{
    gw_answer_memory_stop_waiting(memory);
    if (memory->free_bytes > 0)
        gw_answer_memory_hold(memory, 0);
}

void gw_answer_queue_init(struct gw_answer_queue *queue, struct gw_loop *loop)
{
    *queue = (struct gw_answer_queue){.loop = loop, .timer.fn = on_look};
    h2o_linklist_init_anchor(&queue->waiting);
}

void gw_answer_queue_dispose(struct gw_answer_queue *queue)
{
    gw_timer_stop(queue->loop, &queue->timer);
}
