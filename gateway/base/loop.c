#include "base/loop.h"

#include <h2o/hostinfo.h>
#include <h2o/timeout.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/recycle.h"

struct gw_loop {
    h2o_loop_t *h2o;
    h2o_multithread_queue_t *queue;
    h2o_multithread_receiver_t messages;
    h2o_multithread_receiver_t resolutions;
    uint64_t now_ms; /* 0: the clock is to be read */
    int stopping;
    h2o_linklist_t resolves; /* whose message is still to come, cancelled ones among them */
    struct {
        struct gw_timer **heap; /* heap[1] expires first; heap[0] is unused */
        size_t count, capacity;
        bool running;
    } timers;
    h2o_linklist_t tasks;
    struct gw_recycler recycler;
};

static void on_messages(h2o_multithread_receiver_t *receiver, h2o_linklist_t *list)
{
    (void)receiver;
    while (!h2o_linklist_is_empty(list)) {
        h2o_multithread_message_t *m =
            H2O_STRUCT_FROM_MEMBER(h2o_multithread_message_t, link, list->next);
        h2o_linklist_unlink(&m->link);
        struct gw_message *message = H2O_STRUCT_FROM_MEMBER(struct gw_message, super, m);
        message->fn(message);
    }
}

/* The thread that makes a loop need not be the one that runs it. But libh2o has a socket's buffer
 * allocated from what the thread that made the socket keeps for reuse, without a lock. The queue's
 * socket, the only one so far, gets its buffers from where nothing is kept. */
static void untie_from_thread(h2o_loop_t *h2o)
{
    static h2o_buffer_prototype_t keeps_nothing;
    h2o_socket_t *queue_socket = (h2o_socket_t *)h2o->_statechanged.head;
    h2o_buffer_set_prototype(&queue_socket->input, &keeps_nothing);
}

/* A look-up that hangs keeps a thread: with one, as libh2o has it, no other name would be found. */
#define RESOLVER_THREADS_MOST 16

static void set_resolver_threads(void)
{
    h2o_hostinfo_max_threads = RESOLVER_THREADS_MOST;
}

struct gw_loop *gw_loop_create(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_resolver_threads);
    struct gw_loop *loop = gw_alloc(sizeof(*loop));
    loop->h2o = h2o_evloop_create();
    loop->queue = h2o_multithread_create_queue(loop->h2o);
    untie_from_thread(loop->h2o);
    h2o_multithread_register_receiver(loop->queue, &loop->messages, on_messages);
    h2o_multithread_register_receiver(loop->queue, &loop->resolutions,
                                      h2o_hostinfo_getaddr_receiver);
    h2o_linklist_init_anchor(&loop->tasks);
    h2o_linklist_init_anchor(&loop->resolves);
    return loop;
}

/* h2o puts completions of writes on a list that it runs after waiting, and frees closed sockets
 * before, also those on the list. For what was written outside of its callbacks that is too late
 * and too early. This runs the list now; h2o calls it after each of its own timeouts. */
static void run_completions(struct gw_loop *loop)
{
    h2o_timeout__do_post_callback(loop->h2o);
}

void gw_loop_destroy(struct gw_loop *loop)
{
    if (loop == NULL || !h2o_linklist_is_empty(&loop->resolves))
        return; /* a resolver thread still has our address, and getaddrinfo cannot be ended */
    /* h2o_multithread_destroy_queue frees neither the queue nor, before one more turn, its socket.
     */
    h2o_multithread_unregister_receiver(loop->queue, &loop->messages);
    h2o_multithread_unregister_receiver(loop->queue, &loop->resolutions);
    h2o_multithread_destroy_queue(loop->queue);
    run_completions(loop);
    h2o_evloop_run(loop->h2o, 0);
    h2o_evloop_destroy(loop->h2o);
    free(loop->queue);
    free(loop->timers.heap);
    gw_recycler_dispose(&loop->recycler);
    free(loop);
}

h2o_loop_t *gw_loop_h2o(struct gw_loop *loop)
{
    return loop->h2o;
}

struct gw_recycler *gw_loop_recycler(struct gw_loop *loop)
{
    return &loop->recycler;
}

uint64_t gw_loop_now_ms(struct gw_loop *loop)
{
    if (loop->now_ms == 0)
        loop->now_ms = gw_clock_ms();
    return loop->now_ms;
}

/* --- timers: a binary heap that knows each timer's position --- */

static void place(struct gw_loop *loop, size_t at, struct gw_timer *timer)
{
    loop->timers.heap[at] = timer;
    timer->position = at;
}

static void sift_up(struct gw_loop *loop, struct gw_timer *timer)
{
    size_t at = timer->position;
    for (; at > 1; at /= 2) {
        struct gw_timer *parent = loop->timers.heap[at / 2];
        if (parent->expires_ms <= timer->expires_ms)
            break;
        place(loop, at, parent);
    }
    place(loop, at, timer);
}

static void sift_down(struct gw_loop *loop, struct gw_timer *timer)
{
    size_t at = timer->position, count = loop->timers.count;
    for (size_t child; (child = 2 * at) <= count; at = child) {
        struct gw_timer **heap = loop->timers.heap;
        if (child < count && heap[child + 1]->expires_ms < heap[child]->expires_ms)
            child++;
        if (timer->expires_ms <= heap[child]->expires_ms)
            break;
        place(loop, at, heap[child]);
    }
    place(loop, at, timer);
}

void gw_timer_start(struct gw_loop *loop, struct gw_timer *timer, uint64_t expires_ms)
{
    if (timer->position == 0) {
        if (loop->timers.count + 1 >= loop->timers.capacity) {
            loop->timers.capacity = loop->timers.capacity ? 2 * loop->timers.capacity : 64;
            loop->timers.heap =
                gw_realloc(loop->timers.heap, loop->timers.capacity * sizeof(*loop->timers.heap));
        }
        timer->position = ++loop->timers.count;
    }
    /* A timer that starts itself anew must not keep the loop from its sockets. */
    if (loop->timers.running && expires_ms <= loop->now_ms)
        expires_ms = loop->now_ms + 1;
    timer->expires_ms = expires_ms;
    sift_up(loop, timer);
    sift_down(loop, timer);
}

void gw_timer_stop(struct gw_loop *loop, struct gw_timer *timer)
{
    if (timer->position == 0)
        return;
    struct gw_timer *last = loop->timers.heap[loop->timers.count--];
    if (last != timer) {
        last->position = timer->position;
        loop->timers.heap[last->position] = last;
        sift_up(loop, last);
        sift_down(loop, last);
    }
    timer->position = 0;
}

static void run_timers(struct gw_loop *loop)
{
    loop->timers.running = true;
    while (loop->timers.count > 0 && loop->timers.heap[1]->expires_ms <= loop->now_ms) {
        struct gw_timer *timer = loop->timers.heap[1];
        gw_timer_stop(loop, timer);
        timer->fn(timer);
    }
    loop->timers.running = false;
}

/* --- tasks --- */

void gw_loop_defer(struct gw_loop *loop, struct gw_task *task)
{
    if (!h2o_linklist_is_linked(&task->link))
        h2o_linklist_insert(&loop->tasks, &task->link);
}

void gw_task_cancel(struct gw_loop *loop, struct gw_task *task)
{
    (void)loop;
    if (h2o_linklist_is_linked(&task->link))
        h2o_linklist_unlink(&task->link);
}

static void run_tasks(struct gw_loop *loop)
{
    h2o_linklist_t now;
    h2o_linklist_init_anchor(&now);
    h2o_linklist_insert_list(&now, &loop->tasks);
    while (!h2o_linklist_is_empty(&now)) {
        struct gw_task *task = H2O_STRUCT_FROM_MEMBER(struct gw_task, link, now.next);
        h2o_linklist_unlink(&task->link);
        task->fn(task);
    }
}

/* --- turns --- */

/* What a stream puts off to the end of the turn is to put off its connection's flush; what that
 * puts off waits. */
#define TASK_ROUNDS 2

static int32_t wait_ms(struct gw_loop *loop, int32_t max_wait_ms)
{
    if (!h2o_linklist_is_empty(&loop->tasks))
        return 0;
    if (loop->timers.count == 0)
        return max_wait_ms;
    uint64_t now = gw_clock_ms(), due = loop->timers.heap[1]->expires_ms;
    uint64_t wait = due > now ? due - now : 0;
    return wait < (uint64_t)max_wait_ms ? (int32_t)wait : max_wait_ms;
}

void gw_loop_turn(struct gw_loop *loop, int32_t max_wait_ms)
{
    run_completions(loop);
    max_wait_ms = wait_ms(loop, max_wait_ms);
    loop->now_ms = 0;
    h2o_evloop_run(loop->h2o, max_wait_ms); /* -1 is EINTR: the next turn waits again */
    loop->now_ms = gw_clock_ms();
    run_timers(loop);
    for (int round = 0; round < TASK_ROUNDS && !h2o_linklist_is_empty(&loop->tasks); round++)
        run_tasks(loop);
    loop->now_ms = 0;
}

void gw_loop_run(struct gw_loop *loop)
{
    while (!__atomic_load_n(&loop->stopping, __ATOMIC_ACQUIRE))
        gw_loop_turn(loop, INT32_MAX);
}

void gw_loop_stop(struct gw_loop *loop)
{
    __atomic_store_n(&loop->stopping, 1, __ATOMIC_RELEASE);
    h2o_multithread_send_message(&loop->messages, NULL);
}

void gw_loop_post(struct gw_loop *loop, struct gw_message *message)
{
    message->super.link = (h2o_linklist_t){NULL, NULL};
    h2o_multithread_send_message(&loop->messages, &message->super);
}

/* --- host names --- */

struct gw_resolve {
    h2o_linklist_t link;
    gw_resolve_fn fn; /* NULL: cancelled */
    void *arg;
    struct gw_slice host, port;
    char text[];
};

static void on_resolved(h2o_hostinfo_getaddr_req_t *request, const char *error,
                        struct addrinfo *addresses, void *arg)
{
    (void)request;
    struct gw_resolve *resolve = arg;
    h2o_linklist_unlink(&resolve->link);
    if (resolve->fn != NULL)
        resolve->fn(resolve->arg, error, error ? NULL : addresses);
    free(resolve);
}

/* A look-up of the same that was cancelled and still runs. */
static struct gw_resolve *find_cancelled(struct gw_loop *loop, struct gw_slice host,
                                         struct gw_slice port)
{
    for (h2o_linklist_t *l = loop->resolves.next; l != &loop->resolves; l = l->next) {
        struct gw_resolve *resolve = H2O_STRUCT_FROM_MEMBER(struct gw_resolve, link, l);
        if (resolve->fn == NULL && gw_slice_eq(resolve->host, host) &&
            gw_slice_eq(resolve->port, port))
            return resolve;
    }
    return NULL;
}

static struct gw_resolve *look_up(struct gw_loop *loop, struct gw_slice host, struct gw_slice port)
{
    struct gw_resolve *resolve = gw_alloc(sizeof(*resolve) + host.len + port.len);
    memcpy(resolve->text, host.base, host.len);
    memcpy(resolve->text + host.len, port.base, port.len);
    resolve->host = gw_slice(resolve->text, host.len);
    resolve->port = gw_slice(resolve->text + host.len, port.len);
    h2o_linklist_insert(&loop->resolves, &resolve->link);
    h2o_hostinfo_getaddr(&loop->resolutions, h2o_iovec_init(host.base, host.len),
                         h2o_iovec_init(port.base, port.len), AF_UNSPEC, SOCK_STREAM, IPPROTO_TCP,
                         AI_ADDRCONFIG | AI_NUMERICSERV, on_resolved, resolve);
    return resolve;
}

struct gw_resolve *gw_resolve_start(struct gw_loop *loop, struct gw_slice host,
                                    struct gw_slice port, gw_resolve_fn fn, void *arg)
{
    /* getaddrinfo cannot be ended: who tries again and again must not pile up threads in it. */
    struct gw_resolve *resolve = find_cancelled(loop, host, port);
    if (resolve == NULL)
        resolve = look_up(loop, host, port);
    resolve->fn = fn;
    resolve->arg = arg;
    return resolve;
}

void gw_resolve_cancel(struct gw_resolve *resolve)
{
    resolve->fn = NULL;
}
