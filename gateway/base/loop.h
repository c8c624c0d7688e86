/* The event loop of one thread: libh2o's sockets, and what libh2o lacks: monotonic timers with a
 * deadline each, work put off to the end of the turn, and messages from other threads.
 *
 * A turn waits for sockets, runs their callbacks, then the timers that are due, then the tasks put
 * off during all of that. Tasks are how many small writes become one: whoever has bytes for a
 * connection defers that connection's flush, once.
 *
 * All of it is worker-local, but gw_loop_post and gw_loop_stop. */
#ifndef GW_BASE_LOOP_H
#define GW_BASE_LOOP_H

#include <h2o/multithread.h>
#include <h2o/socket.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct gw_loop;
struct gw_recycler;

struct gw_timer;
typedef void (*gw_timer_fn)(struct gw_timer *timer);

/* Embedded by value; zero-initialised is "not running". */
struct gw_timer {
    gw_timer_fn fn;
    uint64_t expires_ms; /* on gw_clock_ms's clock */
    size_t position;     /* in the heap, from 1; 0: not running */
};

struct gw_task;
typedef void (*gw_task_fn)(struct gw_task *task);

/* Embedded by value; zero-initialised is "not queued". */
struct gw_task {
    gw_task_fn fn;
    h2o_linklist_t link;
};

struct gw_message;
typedef void (*gw_message_fn)(struct gw_message *message);

/* Embedded in what is sent; belongs to the receiving thread once posted, until fn is called there.
 */
struct gw_message {
    gw_message_fn fn;
    h2o_multithread_message_t super;
};

struct gw_loop *gw_loop_create(void);
/* After every socket, timer and task on it is gone; the process is about to end, for a host name
 * look-up under way keeps the loop's memory. NULL is allowed. */
void gw_loop_destroy(struct gw_loop *loop);

/* For h2o_socket_connect and its like. */
h2o_loop_t *gw_loop_h2o(struct gw_loop *loop);
/* Of what is used on the loop's thread, and freed before the loop is destroyed. */
struct gw_recycler *gw_loop_recycler(struct gw_loop *loop);

/* One turn; waits at most max_wait_ms. */
void gw_loop_turn(struct gw_loop *loop, int32_t max_wait_ms);
/* Turns until gw_loop_stop. */
void gw_loop_run(struct gw_loop *loop);
/* Any thread, but no signal handler: it takes a mutex. Takes effect at the end of the turn. */
void gw_loop_stop(struct gw_loop *loop);

/* Monotonic milliseconds at about the start of this turn's callbacks: the clock is read once a turn
 * for those of sockets, and once for timers and tasks. */
uint64_t gw_loop_now_ms(struct gw_loop *loop);

/* (Re)starts the timer; timer->fn runs once, no sooner than expires_ms, and never within the turn
 * of a timer that started it. The timer may be freed in its fn. */
void gw_timer_start(struct gw_loop *loop, struct gw_timer *timer, uint64_t expires_ms);
/* Harmless when not running. */
void gw_timer_stop(struct gw_loop *loop, struct gw_timer *timer);

static inline bool gw_timer_is_running(const struct gw_timer *timer)
{
    return timer->position != 0;
}

/* Runs task->fn at the end of this turn; once, however often it is deferred. Tasks deferred by
 * tasks follow them, but those deferred by the latter run in the next turn, which then does not
 * wait. */
void gw_loop_defer(struct gw_loop *loop, struct gw_task *task);
/* Harmless when not queued. */
void gw_task_cancel(struct gw_loop *loop, struct gw_task *task);

/* Runs message->fn on the loop's thread. Any thread; messages of one sender arrive in order. */
void gw_loop_post(struct gw_loop *loop, struct gw_message *message);

/* Host name look-up, on libh2o's resolver threads. */
struct gw_resolve;
struct addrinfo;
/* `addresses` (NULL on failure, with `error`, a static text) are valid during the call. */
typedef void (*gw_resolve_fn)(void *arg, const char *error, const struct addrinfo *addresses);
/* Answers later, never from within the call. host and port (a number) are copied. */
struct gw_resolve *gw_resolve_start(struct gw_loop *loop, struct gw_slice host,
                                    struct gw_slice port, gw_resolve_fn fn, void *arg);
/* fn will not be called. The look-up goes on, and is taken up by the next one of the same name. */
void gw_resolve_cancel(struct gw_resolve *resolve);

#endif
