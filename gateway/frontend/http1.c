#include "frontend/http1.h"

#include <h2o.h>
#include <h2o/http1.h>

#include "frontend/connection.h"

/* libh2o reads a connection by a callback of its own. While a head is expected, ours stands in
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

static void append_input(h2o_socket_t *sock, struct gw_slice s)
{
    h2o_iovec_t room = h2o_buffer_reserve(&sock->input, s.len);
    memcpy(room.base, s.base, s.len);
    sock->input->size += s.len;
}

/* libh2o goes on looking for a head's end where it has stopped, so the end must not come earlier.
 */
static void replace_head(struct gw_connection *connection)
{
    h2o_socket_t *sock = connection->sock;
    h2o_buffer_consume(&sock->input, sock->input->size);
    append_input(sock, GW_SLICE("REFUSED / HTTP/1.0\r\nA:"));
    while (sock->input->size < connection->http1.seen_by_libh2o)
        append_input(sock, GW_SLICE("                "));
    append_input(sock, GW_SLICE("\r\n\r\n"));
    connection->http1.is_head_checked = true;
}

bool gw_http1_admit(struct gw_connection *connection)
{
    if (connection->http1.is_head_checked)
        return true;
    switch (check_head(connection)) {
    case GW_HTTP1_INCOMPLETE:
        if (connection->sock->input->size > 0 && connection->wait.what == GW_WAIT_REQUEST)
            gw_connection_await(connection, GW_WAIT_HEAD);
        return false;
    case GW_HTTP1_REFUSED:
        replace_head(connection);
        break;
    case GW_HTTP1_SOUND:
        connection->http1.is_head_checked = true;
        break;
    }
    gw_connection_await(connection, GW_WAIT_BODY);
    return true;
}

static void on_head_bytes(h2o_socket_t *sock, const char *error)
{
    struct gw_connection *connection = sock->on_close.data;
    if (error == NULL && !gw_http1_admit(connection))
        return;
    connection->http1.libh2o_read(sock, error);
}

static bool is_read_by_libh2o(const struct gw_connection *connection)
{
    h2o_socket_cb read = connection->sock->_cb.read;
    return read != NULL && (read == connection->http1.libh2o_read || read == on_head_bytes);
}

static void await_head(struct gw_task *task)
{
    struct gw_connection *connection =
        H2O_STRUCT_FROM_MEMBER(struct gw_connection, http1.next, task);
    h2o_socket_t *sock = connection->sock;
    struct gw_slice input = gw_slice(sock->input->bytes, sock->input->size);
    if (!is_read_by_libh2o(connection))
        return;
    h2o_socket_read_start(sock, on_head_bytes);
    connection->http1.seen_by_libh2o = input.len;
    if (gw_http1_head_is_whole(input)) {
        gw_http1_fault(connection); /* libh2o has taken it, and waits for the body */
        gw_connection_await(connection, GW_WAIT_BODY);
    } else if (gw_http1_admit(connection)) {
        connection->http1.libh2o_read(sock, NULL); /* it is refused */
    }
}

void gw_http1_serve(struct gw_connection *connection)
{
    struct gw_worker *worker = connection->worker;
    h2o_socket_t *sock = connection->sock;
    h2o_accept_ctx_t accept = {.ctx = &worker->h2o, .hosts = worker->frontend->h2o.hosts};
    h2o_buffer_t *input = sock->input; /* libh2o would serve a request before saying how it reads */
    h2o_buffer_init(&sock->input, &h2o_socket_buffer_prototype);
    h2o_http1_accept(&accept, sock, *h2o_get_timestamp(&worker->h2o, NULL, NULL));
    h2o_buffer_dispose(&sock->input);
    sock->input = input;
    connection->http1.next.fn = await_head;
    connection->http1.libh2o_read = sock->_cb.read;
    h2o_socket_read_start(sock, on_head_bytes);
    on_head_bytes(sock, NULL);
}

struct gw_request_fault gw_http1_fault(struct gw_connection *connection)
{
    if (!connection->http1.is_head_checked)
        check_head(connection);
    connection->http1.is_head_checked = true;
    return connection->http1.fault;
}

void gw_http1_request_begun(struct gw_connection *connection, struct gw_exchange *exchange)
{
    connection->http1.exchange = exchange;
    gw_connection_await(connection, GW_WAIT_NOTHING);
}

void gw_http1_request_done(struct gw_connection *connection)
{
    connection->http1.is_head_checked = false;
    connection->http1.scanned = 0;
    connection->http1.exchange = NULL;
    gw_connection_await(connection, GW_WAIT_REQUEST);
    gw_loop_defer(connection->worker->loop, &connection->http1.next);
}

/* --- time --- */

static void on_refusal_sent(h2o_socket_t *sock, const char *error)
{
    struct gw_connection *connection = sock->on_close.data;
    (void)error;
    connection->http1.libh2o_read(sock, h2o_socket_error_closed);
}

/* libh2o is in the middle of reading the request, and cannot be made to answer it. */
static void refuse_body(struct gw_connection *connection)
{
    static const char refusal[] =
        "HTTP/1.1 408 Request Timeout\r\n"
        "Connection: close\r\n"
        "Content-Type: application/json\r\n"
        "Content-Length: 67\r\n"
        "\r\n"
        "{\"code\":4,\"message\":\"the body did not arrive in time\",\"details\":[]}";
    h2o_iovec_t out = h2o_iovec_init(refusal, sizeof(refusal) - 1);
    h2o_socket_t *sock = connection->sock;
    h2o_socket_read_stop(sock);
    gw_connection_linger(connection);
    gw_connection_await(connection, GW_WAIT_END);
    h2o_socket_write(sock, &out, 1, on_refusal_sent);
}

void gw_http1_close(struct gw_connection *connection)
{
    gw_connection_await(connection, GW_WAIT_END);
    if (connection->http1.libh2o_read == NULL)
        h2o_socket_close(connection->sock);
    else if (is_read_by_libh2o(connection))
        connection->http1.libh2o_read(connection->sock, h2o_socket_error_closed);
    else
        gw_connection_cut(connection); /* it is being closed, or sends 100 Continue */
}

void gw_http1_late(struct gw_connection *connection)
{
    static const struct gw_request_fault late = {408,
                                                 "the request's headers did not arrive in time"};
    bool is_serving = connection->http1.libh2o_read != NULL;
    if (connection->sock->input->size == 0 || (is_serving && !is_read_by_libh2o(connection))) {
        gw_http1_close(connection);
    } else if (connection->wait.what == GW_WAIT_BODY) {
        refuse_body(connection);
    } else {
        connection->http1.fault = late;
        replace_head(connection);
        if (is_serving)
            connection->http1.libh2o_read(connection->sock, NULL);
        else
            gw_http1_serve(connection);
    }
}
