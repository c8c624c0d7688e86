#include "frontend/worker.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "frontend/certificates.h"
#include "frontend/connection.h"
#include "frontend/exchange.h"
#include "frontend/hooked.h"
#include "frontend/http2.h"
#include "frontend/listener.h"
#include "frontend/upstream_log.h"
#include "frontend/websocket.h"

#define SWEEP_MS 1000
#define DRAIN_SWEEP_MS 20
/* A client that sends requests one after the other gets one more answer on its connection, which
 * says that it ends, instead of finding it closed with a request on its way. */
#define DRAIN_IDLE_MS 200

/* For reuse, by libh2o, of 8 KiB each: a connection holds one while its request is answered. */
#define INPUT_BUFFERS_KEPT 64

static void on_sweep(struct gw_timer *timer)
{
    struct gw_worker *worker = H2O_STRUCT_FROM_MEMBER(struct gw_worker, sweep, timer);
    uint64_t now = gw_loop_now_ms(worker->loop);
    gw_exchange_sweep(&worker->h2o);
    gw_http2_sweep(worker->http2);
    gw_gauge_set(worker->shard, worker->frontend->open_connections,
                 (int64_t)__atomic_load_n(&worker->connection_count, __ATOMIC_RELAXED));
    gw_gauge_set(worker->shard, worker->frontend->request_memory_bytes,
                 (int64_t)worker->request_memory.held_bytes);
    if (worker->index == 0)
        gw_upstream_log_sweep(worker->frontend);
    if (worker->draining) {
        if (now >= worker->close_idle_ms)
            gw_connections_close_idle(worker);
        if (__atomic_load_n(&worker->connection_count, __ATOMIC_RELAXED) == 0 ||
            now >= worker->drain_deadline_ms) {
            gw_loop_stop(worker->loop);
            return;
        }
    }
    gw_timer_start(worker->loop, timer, now + (worker->draining ? DRAIN_SWEEP_MS : SWEEP_MS));
}

static void on_drain(struct gw_message *message)
{
    struct gw_worker *worker = H2O_STRUCT_FROM_MEMBER(struct gw_worker, drain_message, message);
    worker->draining = true;
    uint64_t now = gw_loop_now_ms(worker->loop);
    worker->drain_deadline_ms += now;
    worker->close_idle_ms = now + DRAIN_IDLE_MS;
    for (size_t i = 0; i < worker->frontend->config->listener_count; i++)
        gw_listener_close(&worker->listeners[i]);
    h2o_context_request_shutdown(&worker->h2o);
    gw_http2_drain(worker->http2);
    gw_websockets_drain(worker);
    on_sweep(&worker->sweep);
}

static void close_all(struct gw_worker *worker)
{
    worker->ending = true;
    for (size_t i = 0; i < worker->frontend->config->listener_count; i++)
        gw_listener_close(&worker->listeners[i]);
    gw_http2_close(worker->http2);
    gw_websockets_close(worker);
    gw_connections_cut(worker);
    /* libh2o sees the ends of the connections in the next turns; answers to what was under way fail
     * to be written. */
    for (int i = 0; i < 100 && __atomic_load_n(&worker->connection_count, __ATOMIC_RELAXED) > 0;
         i++)
        gw_loop_turn(worker->loop, 1);
}

void gw_worker_log_hook(void *arg, struct gw_slice line)
{
    struct gw_line_log_writer *writer = arg;
    struct gw_buf out;
    if (!gw_line_log_begin(writer, line.len, &out))
        return;
    gw_buf_append(&out, line);
    gw_line_log_end(writer, &out);
}

static struct gw_hook_vm *create_hook_vm(struct gw_worker *worker)
{
    worker->hook_log =
        gw_line_log_writer_create(worker->frontend->hook_log, worker->loop, worker->shard);
    return gw_hook_vm_create(worker->frontend->hooks, &(struct gw_hook_vm_options){
                                                          .loop = worker->loop,
                                                          .upstreams = worker->upstreams,
                                                          .shard = worker->shard,
                                                          .log = gw_worker_log_hook,
                                                          .log_arg = worker->hook_log,
                                                      });
}

/* On the control thread. */
static void on_end(struct gw_message *message)
{
    struct gw_worker *worker = H2O_STRUCT_FROM_MEMBER(struct gw_worker, end_message, message);
    worker->frontend->ended_workers++;
}

static void *run(void *arg)
{
    struct gw_worker *worker = arg;
    struct gw_frontend *frontend = worker->frontend;
    h2o_context_init(&worker->h2o, gw_loop_h2o(worker->loop), &frontend->h2o);
    h2o_socket_buffer_prototype.allocator.max = INPUT_BUFFERS_KEPT;
    h2o_linklist_init_anchor(&worker->connections);
    h2o_linklist_init_anchor(&worker->websockets);
    gw_answer_queue_init(&worker->answers, worker->loop);
    gw_background_init(&worker->background, worker->loop);
    worker->http2 = gw_http2_create(worker);
    if (frontend->access_log != NULL)
        worker->access_log =
            gw_line_log_writer_create(frontend->access_log, worker->loop, worker->shard);
    worker->upstreams =
        gw_upstreams_create(frontend->upstream_set, worker->loop, worker->shard, worker->index);
    h2o_linklist_init_anchor(&worker->hooked);
    if (frontend->hooks != NULL)
        worker->hook_vm = create_hook_vm(worker);
    pthread_barrier_wait(&frontend->started);
    worker->sweep.fn = on_sweep;
    gw_timer_start(worker->loop, &worker->sweep, gw_loop_now_ms(worker->loop) + SWEEP_MS);

    gw_loop_run(worker->loop);

    gw_timer_stop(worker->loop, &worker->sweep);
    gw_hooked_end_all(worker);
    gw_upstreams_close(worker->upstreams); /* answers what waits with 503 */
    gw_hooked_end_all(worker);             /* of those answers */
    close_all(worker);                     /* a request may yet come in */
    gw_upstreams_destroy(worker->upstreams);
    gw_answer_queue_dispose(&worker->answers);
    gw_background_dispose(&worker->background);
    gw_http2_destroy(worker->http2);
    gw_hook_vm_destroy(worker->hook_vm);
    gw_line_log_writer_destroy(worker->hook_log);
    gw_line_log_writer_destroy(worker->access_log);
    h2o_multithread_queue_t *queue = worker->h2o.queue;
    h2o_context_dispose(&worker->h2o);
    free(queue); /* libh2o leaves it behind */
    worker->end_message.fn = on_end;
    gw_loop_post(frontend->control_loop, &worker->end_message);
    return NULL;
}

int gw_worker_start(struct gw_worker *worker, struct gw_error *error)
{
    struct gw_frontend *frontend = worker->frontend;
    worker->loop = gw_loop_create();
    worker->shard = gw_metrics_shard(frontend->metrics, worker->index);
    worker->listeners = gw_alloc(frontend->config->listener_count * sizeof(*worker->listeners));
    for (size_t i = 0; i < frontend->config->listener_count; i++) {
        worker->listeners[i].tls = gw_certificates_take(frontend->certificates, i);
        if (gw_listener_open(&worker->listeners[i], worker, frontend->listen_fds[i], error) != 0)
            return -1;
    }
    int failed = pthread_create(&worker->thread, NULL, run, worker);
    if (failed != 0)
        return gw_error_set(error, GW_UNAVAILABLE, GW_NO_POSITION, "cannot start a worker: %s",
                            strerror(failed));
    return 0;
}

void gw_worker_drain(struct gw_worker *worker, uint64_t timeout_ms)
{
    worker->drain_deadline_ms = timeout_ms;
    worker->drain_message.fn = on_drain;
    gw_loop_post(worker->loop, &worker->drain_message);
}

void gw_worker_join(struct gw_worker *worker)
{
    pthread_join(worker->thread, NULL);
    for (size_t i = 0; i < worker->frontend->config->listener_count; i++)
        gw_tls_context_unref(worker->listeners[i].tls);
    free(worker->listeners);
    gw_loop_destroy(worker->loop);
}
