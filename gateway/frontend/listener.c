#include "frontend/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/connect.h"
#include "base/mem.h"
#include "frontend/address_limit.h"
#include "frontend/connection.h"
#include "frontend/internal.h"

/* Connections taken in one turn, so that those already open get their share. */
#define ACCEPT_MOST 16

int gw_listener_bind(const char *address, struct gw_error *error)
{
    const char *colon = strrchr(address, ':');
    struct gw_slice host = gw_slice(address, (size_t)(colon - address));
    if (host.len >= 2 && host.base[0] == '[')
        host = gw_slice(host.base + 1, host.len - 2);
    char *name = gw_strdup(host);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int failed = getaddrinfo(host.len > 0 ? name : NULL, colon + 1, &hints, &found);
    free(name);
    if (failed != 0)
        return gw_error_set(error, GW_UNAVAILABLE, GW_NO_POSITION, "cannot listen on %s: %s",
                            address, gai_strerror(failed));
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) != 0 ||
        bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0) {
        gw_error_set(error, GW_UNAVAILABLE, GW_NO_POSITION, "cannot listen on %s: %s", address,
                     strerror(errno));
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

uint16_t gw_listener_port(int fd)
{
    union {
        struct sockaddr sa;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } bound;
    socklen_t length = sizeof(bound);
    if (getsockname(fd, &bound.sa, &length) != 0)
        return 0;
    return ntohs(bound.sa.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
}

/* A connection on its way to another worker. */
struct handover {
    struct gw_message message;
    struct gw_listener *listener; /* of that worker */
    int fd;
    struct gw_peer peer;
};

static void on_handover(struct gw_message *message)
{
    struct handover *h = H2O_STRUCT_FROM_MEMBER(struct handover, message, message);
    gw_connection_accept(h->listener, h->fd, &h->peer);
    free(h);
}

static struct gw_worker *least_loaded(struct gw_worker *self)
{
    struct gw_frontend *frontend = self->frontend;
    struct gw_worker *best = self;
    uint32_t fewest = __atomic_load_n(&self->connection_count, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < frontend->worker_count; i++) {
        uint32_t n = __atomic_load_n(&frontend->workers[i].connection_count, __ATOMIC_RELAXED);
        if (n < fewest) {
            best = &frontend->workers[i];
            fewest = n;
        }
    }
    return best;
}

static void count_limit(const struct gw_worker *worker, enum gw_limit limit)
{
    gw_count(worker->shard, worker->frontend->rejected_connections, 1);
    gw_http_metrics_count_limit(worker->frontend->http_metrics, worker->shard, limit);
}

/* Counts the connection where it fits. */
static bool take_place(const struct gw_worker *worker, const struct gw_peer *peer)
{
    struct gw_frontend *frontend = worker->frontend;
    if (!gw_address_limit_enter(frontend->address_limit, peer)) {
        count_limit(worker, GW_LIMIT_CONNECTIONS_PER_ADDRESS);
        return false;
    }
    uint32_t total = __atomic_add_fetch(&frontend->total_connections, 1, __ATOMIC_RELAXED);
    if (total <= frontend->descriptors.connections)
        return true;
    __atomic_fetch_sub(&frontend->total_connections, 1, __ATOMIC_RELAXED);
    gw_address_limit_leave(frontend->address_limit, peer);
    count_limit(worker, GW_LIMIT_CONNECTIONS);
    return false;
}

static void place(struct gw_listener *listener, int fd, const struct gw_peer *peer)
{
    struct gw_worker *self = listener->worker;
    if (!take_place(self, peer)) {
        close(fd);
        return;
    }
    struct gw_worker *worker = self->draining ? self : least_loaded(self);
    __atomic_fetch_add(&worker->connection_count, 1, __ATOMIC_RELAXED);
    if (worker == self) {
        gw_connection_accept(listener, fd, peer);
        return;
    }
    struct handover *h = gw_alloc(sizeof(*h));
    *h = (struct handover){.message = {.fn = on_handover},
                           .listener = &worker->listeners[listener - self->listeners],
                           .fd = fd,
                           .peer = *peer};
    gw_loop_post(worker->loop, &h->message);
}

static void on_readable(h2o_socket_t *sock, const char *error);

static void on_pause_end(struct gw_timer *timer)
{
    struct gw_listener *listener = H2O_STRUCT_FROM_MEMBER(struct gw_listener, pause, timer);
    h2o_socket_read_start(listener->sock, on_readable);
}

static void pause_accepting(struct gw_listener *listener, int error)
{
    struct gw_worker *worker = listener->worker;
    gw_shortage_tell(worker->frontend, worker->shard, GW_SHORTAGE_CLIENT, error);
    h2o_socket_read_stop(listener->sock);
    gw_timer_start(worker->loop, &listener->pause,
                   gw_loop_now_ms(worker->loop) + GW_ACCEPT_PAUSE_MS);
}

/* Accepts at most `most`; returns how many it has tried. */
static int accept_some(struct gw_listener *listener, int most)
{
    for (int i = 0; i < most; i++) {
        struct sockaddr_storage address = {0};
        socklen_t length = sizeof(address);
        int fd = accept4(h2o_socket_get_fd(listener->sock), (struct sockaddr *)&address, &length,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            int error = errno;
            enum gw_accept_failure failure = gw_accept_failure_of(error);
            if (failure == GW_ACCEPT_NEXT)
                continue;
            if (failure == GW_ACCEPT_PAUSE)
                pause_accepting(listener, error);
            return i;
        }
        struct gw_peer peer;
        gw_peer_init(&peer, (struct sockaddr *)&address, listener->worker->frontend->config);
        place(listener, fd, &peer);
    }
    return most;
}

static void on_readable(h2o_socket_t *sock, const char *error)
{
    if (error == NULL)
        accept_some(sock->data, ACCEPT_MOST);
}

int gw_listener_open(struct gw_listener *listener, struct gw_worker *worker, int fd,
                     struct gw_error *error)
{
    int own_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own_fd < 0)
        return gw_error_set(error, GW_UNAVAILABLE, GW_NO_POSITION,
                            "cannot open a listening socket once more: %s", strerror(errno));
    listener->worker = worker;
    listener->pause.fn = on_pause_end;
    listener->sock =
        h2o_evloop_socket_create(gw_loop_h2o(worker->loop), own_fd, H2O_SOCKET_FLAG_DONT_READ);
    listener->sock->data = listener;
    h2o_socket_read_start(listener->sock, on_readable);
    return 0;
}

void gw_listener_close(struct gw_listener *listener)
{
    if (listener->sock == NULL)
        return;
    while (accept_some(listener, ACCEPT_MOST) == ACCEPT_MOST)
        ;
    gw_timer_stop(listener->worker->loop, &listener->pause);
    h2o_socket_close(listener->sock);
    listener->sock = NULL;
}
