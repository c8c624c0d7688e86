#include "frontend/connection.h"

#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "frontend/address_limit.h"
#include "frontend/http1.h"
#include "frontend/http2.h"
#include "frontend/listener.h"

/* How long and how much a client may send on after an answer that closes. */
#define LINGER_MS 2000
#define LINGER_BYTES (64u << 20)

/* --- what is awaited ---
 *
 * The timer is moved only when it would be late. When it fires early, because the client did what
 * was awaited, it goes on to the time of what is awaited now: a connection that is kept busy costs
 * a timer once in a while, not with each request. */

#define NEVER UINT64_MAX

/* Times that a reader is looked at within its limit. */
#define LOOKS 4

static uint64_t min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t limit_ms(const struct gw_connection *connection, enum gw_wait what)
{
    const struct gw_config_limits *limits = &connection->worker->frontend->config->limits;
    switch (what) {
    case GW_WAIT_HANDSHAKE:
        return limits->handshake_timeout_ms;
    case GW_WAIT_HEAD:
        return min(limits->header_timeout_ms, limits->request_timeout_ms);
    case GW_WAIT_BODY:
        return min(limits->body_timeout_ms, limits->request_timeout_ms);
    case GW_WAIT_TAKING:
        return limits->write_timeout_ms / LOOKS + 1;
    case GW_WAIT_REQUEST:
        return limits->idle_timeout_ms;
    case GW_WAIT_END:
        return LINGER_MS;
    default:
        return NEVER;
    }
}

static void count_limit(const struct gw_connection *connection, enum gw_limit limit)
{
    const struct gw_worker *worker = connection->worker;
    gw_http_metrics_count_limit(worker->frontend->http_metrics, worker->shard, limit);
}

static void count_handshake(const struct gw_connection *connection, int result)
{
    const struct gw_worker *worker = connection->worker;
    gw_count(worker->shard, worker->frontend->handshakes[result], 1);
}

/* The kernel knows whether a client that has not taken all of a write takes anything. */
static bool takes_nothing(struct gw_connection *connection)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof(info);
    getsockopt(h2o_socket_get_fd(connection->sock), IPPROTO_TCP, TCP_INFO, &info, &length);
    bool same = info.tcpi_bytes_acked == connection->wait.taken_bytes;
    connection->wait.taken_bytes = info.tcpi_bytes_acked;
    connection->wait.looks = same ? connection->wait.looks + 1 : 0;
    return connection->wait.looks >= LOOKS;
}

static void wait_on(struct gw_connection *connection)
{
    struct gw_loop *loop = connection->worker->loop;
    uint64_t limit = limit_ms(connection, connection->wait.what);
    connection->wait.until_ms = limit == NEVER ? NEVER : gw_loop_now_ms(loop) + limit;
    struct gw_timer *timer = &connection->wait.timer;
    if (connection->wait.until_ms != NEVER &&
        (!gw_timer_is_running(timer) || timer->expires_ms > connection->wait.until_ms))
        gw_timer_start(loop, timer, connection->wait.until_ms);
}

void gw_connection_await(struct gw_connection *connection, enum gw_wait what)
{
    connection->wait.what = what;
    connection->wait.looks = 0;
    connection->wait.taken_bytes = 0;
    wait_on(connection);
}

static void end_linger(struct gw_connection *connection);

static void give_up(struct gw_connection *connection)
{
    switch (connection->wait.what) {
    case GW_WAIT_HANDSHAKE:
        count_handshake(connection, GW_TLS_OUTCOMES);
        count_limit(connection, GW_LIMIT_HANDSHAKE_TIMEOUT);
        gw_connection_close(connection);
        break;
    case GW_WAIT_HEAD:
        count_limit(connection, GW_LIMIT_HEADER_TIMEOUT);
        gw_http1_late(connection);
        break;
    case GW_WAIT_BODY:
        count_limit(connection, GW_LIMIT_BODY_TIMEOUT);
        gw_http1_late(connection);
        break;
    case GW_WAIT_TAKING:
        if (!takes_nothing(connection)) {
            wait_on(connection);
            break;
        }
        count_limit(connection, GW_LIMIT_WRITE_TIMEOUT);
        gw_connection_await(connection, GW_WAIT_END);
        gw_connection_cut(connection);
        break;
    case GW_WAIT_REQUEST:
        count_limit(connection, GW_LIMIT_IDLE_TIMEOUT);
        gw_http1_close(connection);
        break;
    case GW_WAIT_END:
        if (connection->linger.has_begun)
            end_linger(connection);
        else
            gw_connection_cut(connection);
        break;
    case GW_WAIT_NOTHING:
        break;
    }
}

static void on_timer(struct gw_timer *timer)
{
    struct gw_connection *connection =
        H2O_STRUCT_FROM_MEMBER(struct gw_connection, wait.timer, timer);
    struct gw_loop *loop = connection->worker->loop;
    if (connection->wait.until_ms <= gw_loop_now_ms(loop))
        give_up(connection);
    else if (connection->wait.until_ms != NEVER)
        gw_timer_start(loop, timer, connection->wait.until_ms);
}

/* --- ends --- */

static void release(struct gw_connection *connection)
{
    gw_timer_stop(connection->worker->loop, &connection->wait.timer);
    h2o_linklist_unlink(&connection->link);
    free(connection->tls.client);
    gw_address_limit_leave(connection->worker->frontend->address_limit, &connection->peer);
    __atomic_fetch_sub(&connection->worker->connection_count, 1, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&connection->worker->frontend->total_connections, 1, __ATOMIC_RELAXED);
    free(connection);
}

static void end_linger(struct gw_connection *connection)
{
    h2o_socket_close(connection->sock);
    release(connection);
}

static void on_linger_read(h2o_socket_t *sock, const char *error)
{
    struct gw_connection *connection = sock->data;
    connection->linger.bytes += sock->input->size;
    h2o_buffer_consume(&sock->input, sock->input->size);
    if (error != NULL || connection->linger.bytes > LINGER_BYTES)
        end_linger(connection);
}

static void on_close(void *data)
{
    struct gw_connection *connection = data;
    struct gw_loop *loop = connection->worker->loop;
    gw_tls_handshake_cancel(&connection->tls.handshake);
    gw_http1_dispose(connection);
    if (connection->worker->ending && connection->linger.fd >= 0) {
        close(connection->linger.fd);
        connection->linger.fd = -1;
    }
    if (connection->linger.fd < 0) {
        release(connection);
        return;
    }
    connection->linger.has_begun = true;
    shutdown(connection->linger.fd, SHUT_WR);
    connection->sock = h2o_evloop_socket_create(gw_loop_h2o(loop), connection->linger.fd, 0);
    connection->sock->data = connection;
    h2o_socket_read_start(connection->sock, on_linger_read);
    gw_connection_await(connection, GW_WAIT_END);
}

void gw_connection_linger(struct gw_connection *connection)
{
    if (connection->linger.fd >= 0 || connection->worker->draining)
        return;
    int fd = fcntl(h2o_socket_get_fd(connection->sock), F_DUPFD_CLOEXEC, 0);
    /* Clients have one descriptor each: a second is not worth what endpoints need. */
    if (fd >= 0 && (uint64_t)fd >= connection->worker->frontend->descriptors.from) {
        close(fd);
        return;
    }
    connection->linger.fd = fd;
}

void gw_connection_close(struct gw_connection *connection)
{
    gw_connection_await(connection, GW_WAIT_END);
    h2o_socket_close(connection->sock);
}

void gw_connection_cut(struct gw_connection *connection)
{
    shutdown(h2o_socket_get_fd(connection->sock), SHUT_RDWR);
}

/* --- requests of either protocol --- */

struct gw_request_fault gw_connection_fault(struct gw_connection *connection, h2o_req_t *req)
{
    return req->version >= 0x200 ? gw_http2_fault(req) : connection->http1.fault;
}

void gw_connection_break_off(h2o_req_t *req)
{
    if (req->version >= 0x200)
        gw_http2_reset(req);
    else
        gw_connection_cut(gw_connection_of(req->conn));
}

/* --- a new connection ---
 *
 * Its first bytes tell which protocol it speaks. libh2o makes its own object of an HTTP/1.1
 * connection when the first head is whole; one that only waits costs little. */

static void on_first_bytes(h2o_socket_t *sock, const char *error)
{
    struct gw_connection *connection = sock->on_close.data;
    if (error != NULL) {
        gw_connection_close(connection);
        return;
    }
    enum gw_http2_preface preface =
        gw_http2_preface_check(gw_slice(sock->input->bytes, sock->input->size));
    if (preface == GW_HTTP2_PREFACE_PRESENT)
        gw_http2_accept(connection);
    else if (preface == GW_HTTP2_PREFACE_ABSENT && gw_http1_admit(connection))
        gw_http1_serve(connection);
}

static void await_first_bytes(struct gw_connection *connection)
{
    gw_connection_await(connection, GW_WAIT_HEAD);
    h2o_socket_read_start(connection->sock, on_first_bytes);
    if (connection->sock->input->size > 0)
        on_first_bytes(connection->sock, NULL);
}

/* --- TLS --- */

/* Each with its ALPN name (RFC 7301); the last serves clients that do not say. */
static const struct gw_slice protocol_names[] = {GW_SLICE_INIT("h2"), GW_SLICE_INIT("http/1.1")};
static void (*const protocols[])(struct gw_connection *connection) = {gw_http2_accept,
                                                                      await_first_bytes};
#define PROTOCOL_COUNT (sizeof(protocols) / sizeof(*protocols))

const struct gw_slice *gw_connection_protocols(size_t *ret_count)
{
    *ret_count = PROTOCOL_COUNT;
    return protocol_names;
}

static void on_handshake(struct gw_tls_handshake *handshake, enum gw_tls_outcome outcome)
{
    struct gw_connection *connection =
        H2O_STRUCT_FROM_MEMBER(struct gw_connection, tls.handshake, handshake);
    count_handshake(connection, outcome);
    if (outcome != GW_TLS_DONE) {
        if (outcome != GW_TLS_CLOSED)
            gw_connection_linger(connection); /* so that the alert is read */
        gw_connection_close(connection);
        return;
    }
    connection->tls.client = gw_tls_handshake_client(handshake);
    struct gw_slice chosen = gw_tls_handshake_protocol(handshake);
    size_t i = 0;
    while (i < PROTOCOL_COUNT - 1 && !gw_slice_eq(protocol_names[i], chosen))
        i++;
    protocols[i](connection);
}

void gw_connection_accept(struct gw_listener *listener, int fd, const struct gw_peer *peer)
{
    struct gw_worker *worker = listener->worker;
    struct gw_connection *connection = gw_alloc(sizeof(*connection));
    connection->worker = worker;
    connection->memory.memory = &worker->request_memory;
    h2o_linklist_insert(&worker->connections, &connection->link);
    connection->wait.timer.fn = on_timer;
    connection->linger.fd = -1;
    connection->peer = *peer;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    h2o_socket_t *sock = h2o_evloop_socket_create(gw_loop_h2o(worker->loop), fd,
                                                  H2O_SOCKET_FLAG_IS_ACCEPTED_CONNECTION);
    connection->sock = sock;
    sock->on_close.cb = on_close;
    sock->on_close.data = connection;
    if (listener->tls == NULL) {
        await_first_bytes(connection);
        return;
    }
    gw_connection_await(connection, GW_WAIT_HANDSHAKE);
    gw_tls_handshake_start(&connection->tls.handshake, listener->tls, sock, on_handshake);
}

bool gw_connection_has_left(h2o_socket_t *sock)
{
    struct pollfd p = {.fd = h2o_socket_get_fd(sock), .events = POLLRDHUP};
    return poll(&p, 1, 0) == 1 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* Bytes from the client wait to be read, in the socket or in its input. */
static bool has_input(h2o_socket_t *sock)
{
    struct pollfd p = {.fd = h2o_socket_get_fd(sock), .events = POLLIN};
    return sock->input->size > 0 || poll(&p, 1, 0) == 1;
}

/* --- all connections of a worker --- */

static struct gw_connection *connection_at(h2o_linklist_t *link)
{
    return H2O_STRUCT_FROM_MEMBER(struct gw_connection, link, link);
}

static void close_if_idle(struct gw_connection *connection)
{
    bool may_be_idle =
        connection->wait.what == GW_WAIT_HEAD || connection->wait.what == GW_WAIT_REQUEST ||
        (connection->wait.what == GW_WAIT_HANDSHAKE && connection->tls.handshake.ssl == NULL);
    if (may_be_idle && connection->http1.rest == NULL && !has_input(connection->sock))
        gw_http1_close(connection);
}

void gw_connections_close_idle(struct gw_worker *worker)
{
    h2o_linklist_t *link = worker->connections.next, *next;
    for (; link != &worker->connections; link = next) {
        next = link->next;
        close_if_idle(connection_at(link));
    }
}

void gw_connections_cut(struct gw_worker *worker)
{
    h2o_linklist_t *link = worker->connections.next;
    for (; link != &worker->connections; link = link->next)
        gw_connection_cut(connection_at(link));
}
