#include "grpc/server.h"

#include <errno.h>
#include <stdlib.h>

#include "base/connect.h"
#include "grpc/server_connection.h"

#define ACCEPTS_PER_TURN 32
#define SWEEP_MS 1000

struct gw_server_listener {
    struct gw_grpc_server *server;
    h2o_socket_t *socket;
    TAILQ_ENTRY(gw_server_listener) link;
    struct gw_timer pause;
};

/* --- set-up --- */

static void fill_in(struct gw_server_limits *limits)
{
    if (limits->max_message_bytes == 0)
        limits->max_message_bytes = 4 << 20;
    if (limits->max_concurrent_streams == 0)
        limits->max_concurrent_streams = 1000;
    if (limits->max_header_bytes == 0)
        limits->max_header_bytes = 64 << 10;
    if (limits->max_header_count == 0)
        limits->max_header_count = 200;
    if (limits->max_connections == 0)
        limits->max_connections = 10000;
}

static void on_sweep(struct gw_timer *timer);
static void on_shutdown_timeout(struct gw_timer *timer);
static void on_shutdown_done(struct gw_task *task);

struct gw_grpc_server *gw_grpc_server_create(struct gw_loop *loop,
                                             const struct gw_grpc_server_options *options)
{
    struct gw_grpc_server *server = gw_alloc(sizeof(*server));
    server->loop = loop;
    server->options = *options;
    fill_in(&server->options.limits);
    h2o_mem_init_pool(&server->pool);
    TAILQ_INIT(&server->listeners);
    TAILQ_INIT(&server->connections);
    server->sweep.fn = on_sweep;
    server->shutdown.timer.fn = on_shutdown_timeout;
    server->shutdown.done.fn = on_shutdown_done;
    gw_server_connection_setup(server);
    return server;
}

gw_pool *gw_grpc_server_pool(struct gw_grpc_server *server)
{
    return &server->pool;
}

bool gw_grpc_server_add(struct gw_grpc_server *server, const struct gw_server_method *method)
{
    if (gw_strmap_get(&server->methods, method->path) != NULL)
        return false;
    struct gw_server_method *copy = h2o_mem_alloc_pool(&server->pool, sizeof(*copy));
    *copy = *method;
    gw_strmap_add(&server->methods, copy->path, copy);
    const char *slash = memrchr(copy->path.base, '/', copy->path.len);
    gw_strmap_add(&server->services,
                  gw_slice(copy->path.base + 1, (size_t)(slash - copy->path.base) - 1), copy);
    return true;
}

/* --- accepting --- */

static void on_accept(h2o_socket_t *socket, const char *error);

static bool is_full(const struct gw_grpc_server *server)
{
    return server->connection_count >= server->options.limits.max_connections;
}

static void resume(struct gw_server_listener *listener)
{
    if (!is_full(listener->server) && !gw_timer_is_running(&listener->pause) &&
        !h2o_socket_is_reading(listener->socket))
        h2o_socket_read_start(listener->socket, on_accept);
}

static void on_pause_end(struct gw_timer *timer)
{
    resume(H2O_STRUCT_FROM_MEMBER(struct gw_server_listener, pause, timer));
}

void gw_grpc_server_adopt(struct gw_grpc_server *server, h2o_socket_t *socket)
{
    if (server->connection_count++ == 0)
        gw_timer_start(server->loop, &server->sweep, gw_loop_now_ms(server->loop) + SWEEP_MS);
    gw_server_connection_create(server, socket);
}

static bool accept_one(struct gw_server_listener *listener)
{
    struct gw_grpc_server *server = listener->server;
    h2o_socket_t *socket = is_full(server) ? NULL : h2o_evloop_socket_accept(listener->socket);
    if (socket == NULL)
        return false;
    gw_grpc_server_adopt(server, socket);
    return true;
}

static void on_accept(h2o_socket_t *socket, const char *error)
{
    struct gw_server_listener *listener = socket->data;
    if (error != NULL)
        return;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        if (accept_one(listener))
            continue;
        if (is_full(listener->server)) {
            h2o_socket_read_stop(socket); /* until one is gone */
        } else if (gw_accept_failure_of(errno) == GW_ACCEPT_PAUSE) {
            h2o_socket_read_stop(socket);
            gw_timer_start(listener->server->loop, &listener->pause,
                           gw_loop_now_ms(listener->server->loop) + GW_ACCEPT_PAUSE_MS);
        }
        return;
    }
}

void gw_grpc_server_listen(struct gw_grpc_server *server, int fd)
{
    struct gw_server_listener *listener = gw_alloc(sizeof(*listener));
    listener->server = server;
    listener->pause.fn = on_pause_end;
    listener->socket =
        h2o_evloop_socket_create(gw_loop_h2o(server->loop), fd, H2O_SOCKET_FLAG_DONT_READ);
    listener->socket->data = listener;
    TAILQ_INSERT_TAIL(&server->listeners, listener, link);
    resume(listener);
}

static void listener_destroy(struct gw_server_listener *listener)
{
    gw_timer_stop(listener->server->loop, &listener->pause);
    TAILQ_REMOVE(&listener->server->listeners, listener, link);
    h2o_socket_close(listener->socket);
    free(listener);
}

/* --- connections --- */

static void close_all(struct gw_grpc_server *server)
{
    while (!TAILQ_EMPTY(&server->connections))
        gw_server_connection_destroy(TAILQ_FIRST(&server->connections));
}

static void on_sweep(struct gw_timer *timer)
{
    struct gw_grpc_server *server = H2O_STRUCT_FROM_MEMBER(struct gw_grpc_server, sweep, timer);
    uint64_t now_ms = gw_loop_now_ms(server->loop);
    gw_timer_start(server->loop, timer, now_ms + SWEEP_MS);
    for (struct gw_server_connection *c = TAILQ_FIRST(&server->connections), *next; c != NULL;
         c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->expires_ms != 0 && c->expires_ms <= now_ms)
            gw_server_connection_destroy(c);
    }
}

void gw_grpc_server_connection_gone(struct gw_grpc_server *server)
{
    server->connection_count--;
    if (server->connection_count == 0) {
        gw_timer_stop(server->loop, &server->sweep);
        if (server->shutdown.begun)
            gw_loop_defer(server->loop, &server->shutdown.done);
    }
    struct gw_server_listener *listener;
    TAILQ_FOREACH (listener, &server->listeners, link)
        resume(listener);
}

/* --- the end --- */

static void stop_accepting(struct gw_grpc_server *server)
{
    struct gw_server_listener *listener;
    while ((listener = TAILQ_FIRST(&server->listeners)) != NULL) {
        /* Whoever waits to be accepted has, for all it knows, a connection. */
        while (accept_one(listener))
            ;
        listener_destroy(listener);
    }
}

static void on_shutdown_timeout(struct gw_timer *timer)
{
    close_all(H2O_STRUCT_FROM_MEMBER(struct gw_grpc_server, shutdown.timer, timer));
}

static void on_shutdown_done(struct gw_task *task)
{
    struct gw_grpc_server *server =
        H2O_STRUCT_FROM_MEMBER(struct gw_grpc_server, shutdown.done, task);
    gw_timer_stop(server->loop, &server->shutdown.timer);
    server->shutdown.on_done(server->shutdown.arg);
}

void gw_grpc_server_shutdown(struct gw_grpc_server *server, uint64_t timeout_ms,
                             void (*on_done)(void *arg), void *arg)
{
    server->shutdown.begun = true;
    server->shutdown.on_done = on_done;
    server->shutdown.arg = arg;
    stop_accepting(server);
    struct gw_server_connection *c;
    TAILQ_FOREACH (c, &server->connections, link)
        gw_server_connection_drain(c);
    gw_timer_start(server->loop, &server->shutdown.timer,
                   gw_loop_now_ms(server->loop) + timeout_ms);
    if (server->connection_count == 0)
        gw_loop_defer(server->loop, &server->shutdown.done);
}

void gw_grpc_server_destroy(struct gw_grpc_server *server)
{
    if (server == NULL)
        return;
    while (!TAILQ_EMPTY(&server->listeners))
        listener_destroy(TAILQ_FIRST(&server->listeners));
    close_all(server);
    gw_timer_stop(server->loop, &server->sweep);
    gw_timer_stop(server->loop, &server->shutdown.timer);
    gw_task_cancel(server->loop, &server->shutdown.done);
    nghttp2_session_callbacks_del(server->callbacks);
    nghttp2_option_del(server->session_options);
    gw_strmap_dispose(&server->methods);
    gw_strmap_dispose(&server->services);
    h2o_mem_clear_pool(&server->pool);
    free(server);
}
