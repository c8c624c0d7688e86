#include "frontend/http1.h"

#include <h2o.h>
#include <h2o/http1.h>

#include "frontend/exchange_internal.h"
#include "frontend/hop_headers.h"

/* libh2o reads a connection by a callback of its own. While a head is expected, ours stands in
 * front of it, and lets libh2o see the head when it is whole and sound. A head that is refused is
 * replaced by a short one, so that libh2o makes a request of it, which our handler answers with the
 * fault. A body in chunks is looked at in the same way, as it comes.
 *
 * libh2o takes its callback back after each answer, and after 100 Continue; the task http1.next
 * puts ours in front again. In between libh2o is kept from reading, and does not see what came
 * behind the request that is over: http1.rest. */

static enum gw_http1_outcome check_head(struct gw_connection *connection)
{
    const struct gw_config_limits *limits = &connection->worker->frontend->config->limits;
    h2o_buffer_t *input = connection->sock->input;
    return gw_http1_head_check(gw_slice(input->bytes, input->size), &connection->http1.scanned,
                               &(struct gw_http1_limits){.header_count = limits->header_count,
                                                         .header_bytes = limits->header_bytes},
                               &connection->http1.head, &connection->http1.fault);
}

static void count_limit(const struct gw_connection *connection, enum gw_limit limit)
{
    const struct gw_worker *worker = connection->worker;
    gw_http_metrics_count_limit(worker->frontend->http_metrics, worker->shard, limit);
}

/* What becomes of a request that is refused before it is in: while its head comes in, and its body.
 */
struct refusal {
    struct gw_request_fault head;
    const struct gw_slice *body_answer; /* all of it */
};

#define BODY_ANSWER(status, length, json)                                                          \
    GW_SLICE_INIT("HTTP/1.1 " status "\r\n"                                                        \
                  "Connection: close\r\n"                                                          \
                  "Content-Type: application/json\r\n"                                             \
                  "Content-Length: " #length "\r\n"                                                \
                  "\r\n" json);                                                                    \
    _Static_assert(sizeof(json) - 1 == length, "Content-Length")

static const struct gw_slice late_body =
    BODY_ANSWER("408 Request Timeout", 67,
                "{\"code\":4,\"message\":\"the body did not arrive in time\",\"details\":[]}");
static const struct gw_slice body_without_memory =
    BODY_ANSWER("503 Service Unavailable", 62,
                "{\"code\":14,\"message\":\"no memory for the request\",\"details\":[]}");
static const struct gw_slice body_bad_chunk =
    BODY_ANSWER("400 Bad Request", 68,
                "{\"code\":3,\"message\":\"a chunk of the body is malformed\",\"details\":[]}");
static const struct gw_slice body_large_chunk = BODY_ANSWER(
    "413 Payload Too Large", 77,
    "{\"code\":8,\"message\":\"the chunks of the body are over the limit\",\"details\":[]}");

static const struct refusal late = {{408, "the request's headers did not arrive in time"},
                                    &late_body};
static const struct refusal no_memory = {{503, "no memory for the request"}, &body_without_memory};
static const struct refusal bad_chunk = {{400, "a chunk of the body is malformed"},
                                         &body_bad_chunk};
static const struct refusal large_chunk = {{413, "the chunks of the body are over the limit"},
                                           &body_large_chunk};

/* libh2o decodes a body where it stands, so each byte is looked at before it is passed on. NULL:
 * nothing is wrong. */
static const struct refusal *check_body(struct gw_connection *connection)
{
    const h2o_buffer_t *input = connection->sock->input;
    if (!connection->http1.in_chunks)
        return NULL;
    size_t seen = connection->http1.seen_bytes, used;
    enum gw_http1_outcome outcome = gw_http1_chunks_check(
        &connection->http1.chunks, gw_slice(input->bytes + seen, input->size - seen), &used);
    connection->http1.seen_bytes = input->size;
    connection->http1.in_chunks = outcome == GW_HTTP1_INCOMPLETE;
    return outcome == GW_HTTP1_REFUSED     ? &bad_chunk
           : outcome == GW_HTTP1_TOO_LARGE ? &large_chunk
                                           : NULL;
}

static void replace_head(struct gw_connection *connection)
{
    static const struct gw_slice head = GW_SLICE_INIT("REFUSED / HTTP/1.0\r\n\r\n");
    h2o_socket_t *sock = connection->sock;
    h2o_buffer_consume(&sock->input, sock->input->size);
    h2o_iovec_t room = h2o_buffer_reserve(&sock->input, head.len);
    memcpy(room.base, head.base, head.len);
    sock->input->size = head.len;
    connection->http1.is_head_checked = true;
}

static void on_bytes(h2o_socket_t *sock, const char *error);

static bool is_read_by_libh2o(const struct gw_connection *connection)
{
    h2o_socket_cb read = connection->sock->_cb.read;
    return read != NULL && (read == connection->http1.libh2o_read || read == on_bytes);
}

/* --- requests that are refused before they are in --- */

static void on_refusal_sent(h2o_socket_t *sock, const char *error)
{
    struct gw_connection *connection = sock->on_close.data;
    (void)error;
    connection->http1.libh2o_read(sock, h2o_socket_error_closed);
}

/* libh2o is in the middle of reading the request, and cannot be made to answer it. */
static void refuse_body(struct gw_connection *connection, const struct gw_slice *answer)
{
    h2o_iovec_t out = h2o_iovec_init(answer->base, answer->len);
    h2o_socket_t *sock = connection->sock;
    h2o_socket_read_stop(sock);
    gw_connection_linger(connection);
    gw_connection_await(connection, GW_WAIT_END);
    h2o_socket_write(sock, &out, 1, on_refusal_sent);
}

static void refuse(struct gw_connection *connection, const struct refusal *refusal)
{
    if (refusal == &large_chunk && connection->wait.what == GW_WAIT_BODY)
        count_limit(connection, GW_LIMIT_REQUEST_BODY);
    bool is_serving = connection->http1.libh2o_read != NULL;
    if (connection->sock->input->size == 0 || (is_serving && !is_read_by_libh2o(connection))) {
        gw_http1_close(connection);
    } else if (connection->wait.what == GW_WAIT_BODY) {
        refuse_body(connection, refusal->body_answer);
    } else {
        connection->http1.fault = refusal->head;
        replace_head(connection);
        if (is_serving)
            connection->http1.libh2o_read(connection->sock, NULL);
        else
            gw_http1_serve(connection);
    }
}

/* --- what comes in --- */

/* A buffer of the size that all begin with is not charged. */
static bool has_room(struct gw_connection *connection)
{
    size_t bytes = connection->sock->input->capacity;
    if (bytes <= h2o_socket_buffer_prototype._initial_buf.capacity)
        bytes = 0;
    enum gw_request_memory_outcome outcome =
        gw_request_memory_resize(&connection->memory, &connection->http1.held_bytes, bytes);
    if (outcome == GW_REQUEST_MEMORY_FITS)
        return true;
    count_limit(connection, gw_request_memory_limit(outcome));
    return false;
}

bool gw_http1_admit(struct gw_connection *connection)
{
    if (connection->http1.fault.http_status == 0 && !has_room(connection)) {
        refuse(connection, &no_memory);
        return false;
    }
    if (connection->http1.is_head_checked)
        return true;
    switch (check_head(connection)) {
    case GW_HTTP1_INCOMPLETE:
        if (connection->sock->input->size > 0 && connection->wait.what == GW_WAIT_REQUEST)
            gw_connection_await(connection, GW_WAIT_HEAD);
        return false;
    case GW_HTTP1_REFUSED:
    case GW_HTTP1_TOO_LARGE:
        replace_head(connection);
        break;
    case GW_HTTP1_SOUND:
        connection->http1.is_head_checked = true;
        connection->http1.in_chunks = connection->http1.head.in_chunks;
        if (connection->http1.head.has_space_behind)
            gw_http1_head_tidy(connection->sock->input->bytes, connection->http1.scanned);
        connection->http1.chunks = (struct gw_http1_chunks){
            .limit_bytes = connection->worker->frontend->config->limits.request_body_bytes};
        connection->http1.seen_bytes = connection->http1.scanned;
        const struct refusal *refusal = check_body(connection);
        if (refusal != NULL) {
            connection->http1.fault = refusal->head;
            replace_head(connection);
        }
        break;
    }
    gw_connection_await(connection, GW_WAIT_BODY);
    return true;
}

static void on_continue_written(h2o_socket_t *sock, const char *error)
{
    struct gw_connection *connection = sock->on_close.data;
    gw_loop_defer(connection->worker->loop, &connection->http1.next);
    connection->http1.libh2o_written(sock, error);
}

/* While libh2o writes 100 Continue it does not read, and takes its callback back afterwards. */
static void watch_continue(struct gw_connection *connection)
{
    h2o_socket_t *sock = connection->sock;
    if (connection->wait.what != GW_WAIT_BODY || sock->_cb.read != NULL || sock->_cb.write == NULL)
        return;
    connection->http1.libh2o_written = sock->_cb.write;
    sock->_cb.write = on_continue_written;
}

static void on_bytes(h2o_socket_t *sock, const char *error)
{
    struct gw_connection *connection = sock->on_close.data;
    if (error != NULL) {
        connection->http1.libh2o_read(sock, error);
        return;
    }
    if (!gw_http1_admit(connection))
        return;
    const struct refusal *refusal = check_body(connection);
    if (refusal != NULL) {
        refuse(connection, refusal);
        return;
    }
    connection->http1.libh2o_read(sock, NULL);
    connection->http1.seen_bytes = sock->input->size; /* libh2o has decoded what it was passed */
    watch_continue(connection);
}

/* --- from one request to the next --- */

static size_t request_bytes(const struct gw_connection *connection, const h2o_req_t *req)
{
    return req->entity.base != NULL
               ? (size_t)(req->entity.base + req->entity.len - connection->sock->input->bytes)
               : connection->http1.scanned;
}

/* libh2o is about to drop the request's bytes from the socket's input: it is given a buffer that
 * has as many, and no more. */
static void hide_rest(struct gw_connection *connection, const h2o_req_t *req)
{
    h2o_socket_t *sock = connection->sock;
    size_t bytes = request_bytes(connection, req);
    if (sock->input->size <= bytes || connection->http1.rest != NULL)
        return;
    connection->http1.rest = sock->input;
    connection->http1.rest_begins = bytes;
    h2o_buffer_init(&sock->input, &h2o_socket_buffer_prototype);
    h2o_buffer_reserve(&sock->input, bytes);
    sock->input->size = bytes;
}

static void restore_rest(struct gw_connection *connection)
{
    h2o_socket_t *sock = connection->sock;
    if (connection->http1.rest == NULL)
        return;
    h2o_buffer_consume(&connection->http1.rest, connection->http1.rest_begins);
    h2o_buffer_dispose(&sock->input);
    sock->input = connection->http1.rest;
    connection->http1.rest = NULL;
}

static void go_on(struct gw_task *task)
{
    struct gw_connection *connection =
        H2O_STRUCT_FROM_MEMBER(struct gw_connection, http1.next, task);
    h2o_socket_t *sock = connection->sock;
    h2o_socket_dont_read(sock, 0);
    restore_rest(connection);
    if (!is_read_by_libh2o(connection))
        return;
    connection->http1.seen_bytes = sock->input->size;
    h2o_socket_read_start(sock, on_bytes);
    on_bytes(sock, NULL);
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
    connection->http1.next.fn = go_on;
    connection->http1.libh2o_read = sock->_cb.read;
    h2o_socket_read_start(sock, on_bytes);
    on_bytes(sock, NULL);
}

void gw_http1_request_begun(struct gw_connection *connection, struct gw_exchange *exchange)
{
    connection->http1.exchange = exchange;
    if (connection->http1.head.has_hop_headers)
        gw_hop_headers_remove(exchange->req);
    gw_connection_await(connection, GW_WAIT_NOTHING);
}

void gw_http1_request_done(struct gw_connection *connection, const h2o_req_t *req)
{
    connection->http1.exchange = NULL;
    if (req->res.status == 101)
        return; /* it speaks another protocol from here on */
    hide_rest(connection, req);
    h2o_socket_dont_read(connection->sock, 1);
    connection->http1.is_head_checked = connection->http1.in_chunks = false;
    connection->http1.scanned = 0;
    gw_connection_await(connection, GW_WAIT_REQUEST);
    gw_loop_defer(connection->worker->loop, &connection->http1.next);
}

void gw_http1_dispose(struct gw_connection *connection)
{
    gw_task_cancel(connection->worker->loop, &connection->http1.next);
    gw_request_memory_resize(&connection->memory, &connection->http1.held_bytes, 0);
    if (connection->http1.rest != NULL)
        h2o_buffer_dispose(&connection->http1.rest);
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
    refuse(connection, &late);
}
