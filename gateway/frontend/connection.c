#include "frontend/connection.h"

#include <fcntl.h>
#include <h2o/http1.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "frontend/http2.h"
#include "frontend/listener.h"

/* How long and how much a client may send on after an answer that closes. */
#define LINGER_MS 2000
#define LINGER_BYTES (64u << 20)

static void release(struct gw_connection *connection)
{
    h2o_linklist_unlink(&connection->link);
    free(connection->tls.client);
    __atomic_fetch_sub(&connection->worker->connection_count, 1, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&connection->worker->frontend->total_connections, 1, __ATOMIC_RELAXED);
    free(connection);
}

static void end_linger(struct gw_connection *connection)
{
    gw_timer_stop(connection->worker->loop, &connection->linger);
    h2o_linklist_unlink(&connection->linger_link);
    h2o_socket_close(connection->sock);
    release(connection);
}

static void on_linger_end(struct gw_timer *timer)
{
    end_linger(H2O_STRUCT_FROM_MEMBER(struct gw_connection, linger, timer));
}

static void on_linger_read(h2o_socket_t *sock, const char *error)
{
    struct gw_connection *connection = sock->data;
    connection->linger_bytes += sock->input->size;
    h2o_buffer_consume(&sock->input, sock->input->size);
    if (error != NULL || connection->linger_bytes > LINGER_BYTES)
        end_linger(connection);
}

static void on_close(void *data)
{
    struct gw_connection *connection = data;
    struct gw_loop *loop = connection->worker->loop;
    gw_task_cancel(loop, &connection->http1.next);
    gw_timer_stop(loop, &connection->tls.timeout);
    gw_tls_handshake_cancel(&connection->tls.handshake);
    if (h2o_linklist_is_linked(&connection->awaiting_link))
        h2o_linklist_unlink(&connection->awaiting_link);
    if (connection->worker->ending && connection->linger_fd >= 0) {
        close(connection->linger_fd);
        connection->linger_fd = -1;
    }
    if (connection->linger_fd < 0) {
        release(connection);
        return;
    }
    shutdown(connection->linger_fd, SHUT_WR);
    connection->sock = h2o_evloop_socket_create(gw_loop_h2o(loop), connection->linger_fd, 0);
    connection->sock->data = connection;
    h2o_socket_read_start(connection->sock, on_linger_read);
    h2o_linklist_insert(&connection->worker->lingering, &connection->linger_link);
    connection->linger.fn = on_linger_end;
    gw_timer_start(loop, &connection->linger, gw_loop_now_ms(loop) + LINGER_MS);
}

void gw_connection_linger(struct gw_connection *connection)
{
    if (connection->linger_fd < 0 && !connection->worker->draining)
        connection->linger_fd = fcntl(h2o_socket_get_fd(connection->sock), F_DUPFD_CLOEXEC, 0);
}

static void name_peer(struct gw_connection *connection, int fd)
{
    union {
        struct sockaddr sa;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer;
    socklen_t length = sizeof(peer);
    const char *text = NULL;
    if (getpeername(fd, &peer.sa, &length) == 0) {
        if (peer.sa.sa_family == AF_INET)
            text = inet_ntop(AF_INET, &peer.v4.sin_addr, connection->remote,
                             sizeof(connection->remote));
        else if (IN6_IS_ADDR_V4MAPPED(&peer.v6.sin6_addr))
            text = inet_ntop(AF_INET, &peer.v6.sin6_addr.s6_addr[12], connection->remote,
                             sizeof(connection->remote));
        else
            text = inet_ntop(AF_INET6, &peer.v6.sin6_addr, connection->remote,
                             sizeof(connection->remote));
    }
    connection->remote_length = text != NULL ? strlen(text) : 0;
}

/* --- HTTP/1.1 request heads ---
 *
 * libh2o reads a connection by a callback of its own. While a head is expected, ours stands in
 * front of it, and lets libh2o see the head when it is whole and sound. A head that is refused is
 * replaced by a short one, so that libh2o makes a request of it, which our handler answers with the
 * fault.
 *
 * libh2o takes its callback back after each answer; the task http1.next puts ours in front again.
 * In between it may find a whole request among the bytes that are there already: that one is
 * checked when it reaches our handler, where its head still stands at the beginning of the socket's
 * input. */

static enum gw_http1_outcome check_head(struct gw_connection *connection)
{
    const struct gw_config_limits *limits = &connection->worker->frontend->config->limits;
    h2o_buffer_t *input = connection->sock->input;
    return gw_http1_head_check(gw_slice(input->bytes, input->size), &connection->http1.scanned,
                               &(struct gw_http1_limits){.header_count = limits->header_count,
                                                         .header_bytes = limits->header_bytes},
                               &connection->http1.fault);
}

static void replace_input(h2o_socket_t *sock)
{
    static const char stand_in[] = "REFUSED / HTTP/1.0\r\n\r\n";
    h2o_buffer_consume(&sock->input, sock->input->size);
    h2o_iovec_t room = h2o_buffer_reserve(&sock->input, sizeof(stand_in) - 1);
    memcpy(room.base, stand_in, sizeof(stand_in) - 1);
    sock->input->size = sizeof(stand_in) - 1;
}

/* False: the head is not all there. */
static bool admit_head(struct gw_connection *connection)
{
    if (connection->http1.is_head_checked)
        return true;
    enum gw_http1_outcome outcome = check_head(connection);
    if (outcome == GW_HTTP1_INCOMPLETE)
        return false;
    if (outcome == GW_HTTP1_REFUSED)
        replace_input(connection->sock);
    connection->http1.is_head_checked = true;
    return true;
}

static void on_head_bytes(h2o_socket_t *sock, const char *error)
{
    struct gw_connection *connection = sock->on_close.data;
    if (error == NULL && !admit_head(connection))
        return; /* libh2o's timeout runs */
    connection->http1.libh2o_read(sock, error);
}

static void await_head(struct gw_task *task)
{
    struct gw_connection *connection =
        H2O_STRUCT_FROM_MEMBER(struct gw_connection, http1.next, task);
    if (connection->sock->_cb.read == connection->http1.libh2o_read)
        h2o_socket_read_start(connection->sock, on_head_bytes);
}

struct gw_request_fault gw_connection_fault(struct gw_connection *connection, h2o_req_t *req)
{
    if (req->version >= 0x200)
        return gw_http2_fault(req);
    if (!connection->http1.is_head_checked)
        check_head(connection);
    connection->http1.is_head_checked = true;
    return connection->http1.fault;
}

void gw_connection_break_off(h2o_req_t *req)
{
    if (req->version >= 0x200)
        gw_http2_reset(req);
    else
        shutdown(h2o_socket_get_fd(req->conn->callbacks->get_socket(req->conn)), SHUT_RDWR);
}

void gw_connection_request_done(struct gw_connection *connection)
{
    connection->http1.is_head_checked = false;
    connection->http1.scanned = 0;
    connection->http1.exchange = NULL;
    gw_loop_defer(connection->worker->loop, &connection->http1.next);
}

/* --- a new connection ---
 *
 * Its first bytes tell which protocol it speaks. libh2o makes its own object of an HTTP/1.1
 * connection when the first head is whole; one that only waits costs little. */

static void begin_http1(struct gw_connection *connection)
{
    struct gw_worker *worker = connection->worker;
    h2o_socket_t *sock = connection->sock;
    h2o_accept_ctx_t accept = {.ctx = &worker->h2o, .hosts = worker->frontend->h2o.hosts};
    h2o_buffer_t *input = sock->input; /* libh2o would serve a request before saying how it reads */
    h2o_buffer_init(&sock->input, &h2o_socket_buffer_prototype);
    h2o_http1_accept(&accept, sock, *h2o_get_timestamp(&worker->h2o, NULL, NULL));
    h2o_buffer_dispose(&sock->input);
    sock->input = input;
    connection->http1.libh2o_read = sock->_cb.read;
    h2o_socket_read_start(sock, on_head_bytes);
    on_head_bytes(sock, NULL);
}

static void on_first_bytes(h2o_socket_t *sock, const char *error)
{
    struct gw_connection *connection = sock->on_close.data;
    if (error != NULL) {
        h2o_socket_close(sock);
        return;
    }
    enum gw_http2_preface preface =
        gw_http2_preface_check(gw_slice(sock->input->bytes, sock->input->size));
    if (preface == GW_HTTP2_PREFACE_INCOMPLETE ||
        (preface == GW_HTTP2_PREFACE_ABSENT && !admit_head(connection)))
        return;
    h2o_linklist_unlink(&connection->awaiting_link);
    if (preface == GW_HTTP2_PREFACE_PRESENT)
        gw_http2_accept(connection);
    else
        begin_http1(connection);
}

static uint64_t head_timeout_ms(const struct gw_worker *worker)
{
    const struct gw_config_limits *limits = &worker->frontend->config->limits;
    return limits->header_timeout_ms < limits->request_timeout_ms ? limits->header_timeout_ms
                                                                  : limits->request_timeout_ms;
}

static void await_first_bytes(struct gw_connection *connection)
{
    struct gw_worker *worker = connection->worker;
    connection->head_expires_ms = gw_loop_now_ms(worker->loop) + head_timeout_ms(worker);
    h2o_linklist_insert(&worker->awaiting, &connection->awaiting_link);
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

static void count_handshake(const struct gw_connection *connection, int result)
{
    const struct gw_worker *worker = connection->worker;
    gw_count(worker->shard, worker->frontend->handshakes[result], 1);
}

static void on_handshake(struct gw_tls_handshake *handshake, enum gw_tls_outcome outcome)
{
    struct gw_connection *connection =
        H2O_STRUCT_FROM_MEMBER(struct gw_connection, tls.handshake, handshake);
    gw_timer_stop(connection->worker->loop, &connection->tls.timeout);
    count_handshake(connection, outcome);
    if (outcome != GW_TLS_DONE) {
        if (outcome != GW_TLS_CLOSED)
            gw_connection_linger(connection); /* so that the alert is read */
        h2o_socket_close(connection->sock);
        return;
    }
    connection->tls.client = gw_tls_handshake_client(handshake);
    struct gw_slice chosen = gw_tls_handshake_protocol(handshake);
    size_t i = 0;
    while (i < PROTOCOL_COUNT - 1 && !gw_slice_eq(protocol_names[i], chosen))
        i++;
    protocols[i](connection);
}

static void on_late_handshake(struct gw_timer *timer)
{
    struct gw_connection *connection =
        H2O_STRUCT_FROM_MEMBER(struct gw_connection, tls.timeout, timer);
    count_handshake(connection, GW_TLS_OUTCOMES);
    h2o_socket_close(connection->sock);
}

static void shake_hands(struct gw_connection *connection, struct gw_tls_context *context)
{
    struct gw_worker *worker = connection->worker;
    connection->tls.timeout.fn = on_late_handshake;
    gw_timer_start(worker->loop, &connection->tls.timeout,
                   gw_loop_now_ms(worker->loop) +
                       worker->frontend->config->limits.handshake_timeout_ms);
    gw_tls_handshake_start(&connection->tls.handshake, context, connection->sock, on_handshake);
}

void gw_connection_accept(struct gw_listener *listener, int fd)
{
    struct gw_worker *worker = listener->worker;
    struct gw_connection *connection = gw_alloc(sizeof(*connection));
    connection->worker = worker;
    h2o_linklist_insert(&worker->connections, &connection->link);
    connection->linger_fd = -1;
    connection->http1.next.fn = await_head;
    name_peer(connection, fd);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    h2o_socket_t *sock = h2o_evloop_socket_create(gw_loop_h2o(worker->loop), fd,
                                                  H2O_SOCKET_FLAG_IS_ACCEPTED_CONNECTION);
    connection->sock = sock;
    sock->on_close.cb = on_close;
    sock->on_close.data = connection;
    if (listener->tls != NULL)
        shake_hands(connection, listener->tls);
    else
        await_first_bytes(connection);
}

static struct gw_connection *awaiting_of(h2o_linklist_t *link)
{
    return H2O_STRUCT_FROM_MEMBER(struct gw_connection, awaiting_link, link);
}

void gw_connection_sweep(struct gw_worker *worker)
{
    uint64_t now = gw_loop_now_ms(worker->loop);
    h2o_linklist_t *list = &worker->awaiting;
    while (!h2o_linklist_is_empty(list) && awaiting_of(list->next)->head_expires_ms <= now) {
        gw_http_metrics_count_limit(worker->frontend->http_metrics, worker->shard,
                                    GW_LIMIT_HEADER_TIMEOUT);
        h2o_socket_close(awaiting_of(list->next)->sock);
    }
}

bool gw_connection_has_input(h2o_socket_t *sock)
{
    struct pollfd p = {.fd = h2o_socket_get_fd(sock), .events = POLLIN};
    return sock->input->size > 0 || poll(&p, 1, 0) == 1;
}

/* --- all connections of a worker --- */

static struct gw_connection *connection_at(h2o_linklist_t *link)
{
    return H2O_STRUCT_FROM_MEMBER(struct gw_connection, link, link);
}

static bool is_silent(struct gw_connection *connection)
{
    bool has_begun = gw_timer_is_running(&connection->tls.timeout)
                         ? connection->tls.handshake.ssl != NULL
                         : !h2o_linklist_is_linked(&connection->awaiting_link);
    return !has_begun && !gw_connection_has_input(connection->sock);
}

void gw_connections_close_silent(struct gw_worker *worker)
{
    h2o_linklist_t *link = worker->connections.next, *next;
    for (; link != &worker->connections; link = next) {
        next = link->next;
        if (is_silent(connection_at(link)))
            h2o_socket_close(connection_at(link)->sock);
    }
}

void gw_connection_close_lingering(struct gw_worker *worker)
{
    while (!h2o_linklist_is_empty(&worker->lingering))
        end_linger(
            H2O_STRUCT_FROM_MEMBER(struct gw_connection, linger_link, worker->lingering.next));
}

void gw_connections_cut(struct gw_worker *worker)
{
    h2o_linklist_t *link = worker->connections.next;
    for (; link != &worker->connections; link = link->next)
        shutdown(h2o_socket_get_fd(connection_at(link)->sock), SHUT_RDWR);
}
