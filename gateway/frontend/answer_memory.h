/* What an answer takes in memory, from the backend's first byte to the last that its client took.
 * It counts in limits.request_memory, and in limits.request_memory_per_connection beyond the first
 * GW_ANSWER_FREE_BYTES: as much may lie in the window of a call that is held back, so answers that
 * wait for room do not take it from each other. A small answer counts, too, but is not refused.
 *
 * A message that is coming in finds room for all of it, and for what is to be made of it, before
 * more than its window comes. Where there is none it waits for some, and its backend with it. What
 * has its room needs no other's to go on, and what waits can hold half of all at most, so nothing
 * waits in a circle; and nothing waits longer than GW_ANSWER_WAIT_MS. Worker-local. */
#ifndef GW_FRONTEND_ANSWER_MEMORY_H
#define GW_FRONTEND_ANSWER_MEMORY_H

#include <h2o.h>

#include "base/loop.h"
#include "frontend/request_memory.h"

/* As the client of a backend has for each stream. */
#define GW_ANSWER_FREE_BYTES ((size_t)256 << 10)
/* An answer above that is on the heap. */
#define GW_ANSWER_LARGE_BYTES ((size_t)64 << 10)
#define GW_ANSWER_SMALL_BYTES ((size_t)16 << 10)
#define GW_ANSWER_WAIT_MS 10000

/* Of a worker. */
struct gw_answer_queue {
    struct gw_loop *loop;
    h2o_linklist_t waiting;
    struct gw_timer timer; /* looks whether there is room */
};

void gw_answer_queue_init(struct gw_answer_queue *queue, struct gw_loop *loop);
void gw_answer_queue_dispose(struct gw_answer_queue *queue);

struct gw_answer_memory;
typedef void (*gw_answer_memory_fn)(struct gw_answer_memory *memory);

/* Embedded by value. */
struct gw_answer_memory {
    struct gw_request_memory_account *account;
    size_t free_bytes, beyond_bytes; /* what is held */
    size_t wanted_bytes;             /* 0: it does not wait */
    size_t held_waiting_bytes;       /* what it held when it began to */
    uint64_t wait_end_ms;
    h2o_linklist_t link; /* of the queue */
    gw_answer_memory_fn on_settled;
    enum gw_request_memory_outcome outcome; /* why it waits */
};

void gw_answer_memory_init(struct gw_answer_memory *memory,
                           struct gw_request_memory_account *account,
                           gw_answer_memory_fn on_settled);
/* Gives all back. Harmless twice. */
void gw_answer_memory_dispose(struct gw_answer_memory *memory);

/* The answer now takes so many bytes. Fewer always fit; where more do not, it holds what it did. */
enum gw_request_memory_outcome gw_answer_memory_hold(struct gw_answer_memory *memory, size_t bytes);
/* A message is coming that will take so many bytes, of which `here` have come. True: it holds them.
 * False: it waits for room, and on_settled is called when it holds them (the outcome is that it
 * fits) or has waited for too long; or, where gw_answer_memory_waits says no, it is to be refused.
 */
bool gw_answer_memory_reserve(struct gw_answer_queue *queue, struct gw_answer_memory *memory,
                              size_t bytes, size_t here);

void gw_answer_memory_stop_waiting(struct gw_answer_memory *memory);

static inline size_t gw_answer_memory_held(const struct gw_answer_memory *memory)
{
    return memory->free_bytes + memory->beyond_bytes;
}

static inline bool gw_answer_memory_waits(const struct gw_answer_memory *memory)
{
    return memory->wanted_bytes > 0;
}

#endif
