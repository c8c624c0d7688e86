#include "frontend/websocket.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "frontend/request_memory.h"
#include "frontend/websocket_internal.h"
#include "transcode/transcode.h"

/* No further message is asked for while so much waits for the client. */
#define WAITING_MAX (32 * 1024)
#define PIECE_MAX (64 * 1024)
/* Between messages a buffer of this size is kept. */
#define KEPT_MAX (4 * 1024)
/* What the kernel takes in beyond what it has sent, and what it takes from the client beyond what
 * was read. */
#define UNSENT_MAX (128 * 1024)
#define UNREAD_MAX (64 * 1024)

void gw_websocket_settle_later(struct gw_websocket *ws)
{
    gw_loop_defer(ws->worker->loop, &ws->settle);
}

/* --- ends --- */

static void count_call(struct gw_websocket *ws, int grpc_status)
{
    ws->grpc_status = grpc_status;
    gw_http_metrics_count_call(ws->worker->frontend->http_metrics, ws->worker->shard, ws->route,
                               grpc_status, gw_clock_ns() - ws->began_ns);
}

static void cancel_call(struct gw_websocket *ws, int grpc_status)
{
    if (ws->call == NULL)
        return;
    gw_call_cancel(ws->call);
    ws->call = NULL;
    gw_answer_memory_stop_waiting(&ws->memory);
    ws->is_sending = false;
    if (grpc_status != GW_CANCELLED) {
        count_call(ws, grpc_status);
        return;
    }
    ws->grpc_status = grpc_status;
    gw_http_metrics_count_cancelled(ws->worker->frontend->http_metrics, ws->worker->shard,
                                    ws->route, gw_clock_ns() - ws->began_ns);
}

static void note_error(struct gw_websocket *ws, struct gw_slice message, struct gw_slice reason)
{
    if (ws->error.len == 0 && message.len > 0 && ws->worker->access_log != NULL)
        ws->error = gw_access_log_error(&ws->pool, message, reason);
}

static void close_with(struct gw_websocket *ws, int code, struct gw_slice reason)
{
    if (ws->is_closing)
        return;
    if (code != GW_WEBSOCKET_NORMAL)
        note_error(ws, reason, (struct gw_slice){0});
    ws->is_closing = true;
    ws->moved_ms = gw_websocket_now_ms(ws);
    gw_websocket_write_close(&ws->frames, code, reason, &ws->waiting);
    gw_websocket_settle_later(ws);
}

void gw_websocket_give_up(struct gw_websocket *ws, int grpc_status, int code,
                          struct gw_slice reason)
{
    cancel_call(ws, grpc_status);
    close_with(ws, code, reason);
}

void gw_websocket_leave(struct gw_websocket *ws)
{
    cancel_call(ws, GW_CANCELLED);
    ws->is_over = true;
    gw_websocket_settle_later(ws);
}

static void log_access(const struct gw_websocket *ws, int status, uint64_t duration_ns)
{
    const struct gw_connection *connection = ws->connection;
    gw_access_log_write(
        ws->worker->access_log,
        &(struct gw_access_log_entry){
            .time_us = gw_clock_wall_us() - (int64_t)(duration_ns / 1000),
            .method = GW_SLICE("GET"),
            .path = ws->path,
            .route = ws->route->template,
            .status = status,
            .grpc_status = ws->grpc_status,
            .error = ws->error,
            .upstream = ws->report.upstream,
            .endpoint = ws->report.endpoint,
            .tries = ws->report.tries,
            .duration_us = duration_ns / 1000,
            .bytes_in = ws->bytes_in,
            .bytes_out = ws->bytes_out,
            .trace_id = ws->trace_id,
            .request_id = ws->request_id,
            .remote_addr = ws->remote_addr,
            .ctx = ws->ctx,
            .tls_version = connection ? h2o_socket_get_ssl_protocol_version(ws->sock) : NULL,
            .tls_client = connection ? connection->tls.client : NULL,
        });
}

static void count_request(const struct gw_websocket *ws)
{
    int status = ws->connection != NULL ? 101 : 499;
    uint64_t duration_ns = gw_clock_ns() - ws->began_ns;
    gw_http_metrics_count_request(ws->worker->frontend->http_metrics, ws->worker->shard, ws->route,
                                  GW_SLICE("GET"), status, duration_ns);
    if (ws->worker->access_log != NULL)
        log_access(ws, status, duration_ns);
}

void gw_websocket_dispose(struct gw_websocket *ws)
{
    gw_websocket_frames_dispose(&ws->frames);
    gw_buf_dispose(&ws->message);
    gw_buf_dispose(&ws->waiting);
    gw_buf_dispose(&ws->writing_from);
    h2o_mem_clear_pool(&ws->pool);
    free(ws);
}

static void destroy(struct gw_websocket *ws)
{
    cancel_call(ws, GW_CANCELLED);
    count_request(ws);
    gw_task_cancel(ws->worker->loop, &ws->settle);
    gw_timer_stop(ws->worker->loop, &ws->timer);
    if (ws->connection != NULL) {
        h2o_linklist_unlink(&ws->link);
        gw_request_memory_resize(&ws->connection->memory, &ws->held_bytes, 0);
        gw_answer_memory_dispose(&ws->memory);
        if (ws->is_deaf && !ws->close_received)
            gw_connection_linger(ws->connection); /* so that it reads why */
        gw_connection_close(ws->connection);
    }
    gw_websocket_dispose(ws);
}

/* --- to the client --- */

static void ask(struct gw_websocket *ws)
{
    if (ws->call == NULL || ws->asked || ws->waiting.len >= WAITING_MAX)
        return;
    ws->asked = true;
    gw_call_request(ws->call, 1);
}

static void shrink(struct gw_buf *buf)
{
    buf->len = 0;
    if (buf->capacity > KEPT_MAX)
        gw_buf_dispose(buf);
}

static bool holds_buffers(struct gw_websocket *ws)
{
    enum gw_request_memory_outcome outcome =
        gw_answer_memory_hold(&ws->memory, ws->waiting.capacity + ws->writing_from.capacity);
    if (outcome != GW_REQUEST_MEMORY_FITS)
        ws->memory.outcome = outcome;
    return outcome == GW_REQUEST_MEMORY_FITS;
}

static void give_up_memory(struct gw_websocket *ws)
{
    struct gw_call_result failure = gw_answer_memory_failure(ws->worker, &ws->memory);
    gw_websocket_give_up(ws, failure.status, GW_WEBSOCKET_TRY_AGAIN, failure.message);
}

static void on_settled(struct gw_answer_memory *memory)
{
    struct gw_websocket *ws = H2O_STRUCT_FROM_MEMBER(struct gw_websocket, memory, memory);
    if (memory->outcome == GW_REQUEST_MEMORY_FITS)
        gw_call_request(ws->call, 0);
    else
        give_up_memory(ws);
}

static bool on_coming(void *arg, size_t bytes, size_t here)
{
    struct gw_websocket *ws = arg;
    size_t buffers = ws->waiting.capacity + ws->writing_from.capacity;
    if (gw_answer_memory_await(ws->worker, &ws->memory, true, bytes + buffers, here + buffers))
        return true;
    if (!gw_answer_memory_waits(&ws->memory))
        give_up_memory(ws);
    return false;
}

/* Of what waits, at most WAITING_MAX and a frame. */
static void take_back(struct gw_websocket *ws, size_t to)
{
    struct gw_buf kept = GW_BUF_HEAP;
    gw_buf_append(&kept, gw_slice(ws->waiting.base, to));
    gw_buf_dispose(&ws->waiting);
    ws->waiting = kept;
}

static void on_written(h2o_socket_t *sock, const char *error)
{
    struct gw_websocket *ws = sock->data;
    ws->writing = false;
    if (error != NULL) {
        gw_websocket_leave(ws);
        return;
    }
    ws->bytes_out += ws->piece;
    ws->unwritten = gw_slice_from(ws->unwritten, ws->piece);
    if (ws->unwritten.len == 0) {
        shrink(&ws->writing_from);
        if (!gw_answer_memory_waits(&ws->memory))
            holds_buffers(ws);
        ask(ws);
    }
    gw_websocket_settle_later(ws);
}

/* RFC 6455 section 5.5.3: of several pings the latest may be answered alone. */
static void answer_ping(struct gw_websocket *ws)
{
    if (ws->has_pong && !ws->is_closing)
        gw_websocket_write(&ws->frames, GW_WEBSOCKET_PONG, gw_slice(ws->pong, ws->pong_length),
                           &ws->waiting);
    ws->has_pong = false;
}

static void write_on(struct gw_websocket *ws)
{
    if (ws->writing)
        return;
    if (ws->unwritten.len == 0) {
        answer_ping(ws);
        struct gw_buf written = ws->writing_from;
        ws->writing_from = ws->waiting;
        ws->waiting = written;
        ws->unwritten = gw_buf_slice(&ws->writing_from);
    }
    if (ws->unwritten.len == 0)
        return;
    ws->piece = ws->unwritten.len < PIECE_MAX ? ws->unwritten.len : PIECE_MAX;
    ws->writing = true;
    h2o_iovec_t piece = h2o_iovec_init(ws->unwritten.base, ws->piece);
    h2o_socket_write(ws->sock, &piece, 1, on_written);
}

static void on_settle(struct gw_task *task)
{
    struct gw_websocket *ws = H2O_STRUCT_FROM_MEMBER(struct gw_websocket, settle, task);
    if (!ws->is_over)
        write_on(ws);
    bool is_closed = ws->is_closing && !ws->writing;
    if (ws->is_over || (is_closed && ws->is_deaf))
        destroy(ws);
    else if (is_closed)
        gw_websocket_close_soon(ws);
}

/* --- the call --- */

static void on_message(void *arg, struct gw_slice message)
{
    struct gw_websocket *ws = arg;
    struct gw_error error;
    gw_pool scratch; /* of one message */
    ws->asked = false;
    ws->moved_ms = gw_websocket_now_ms(ws);
    h2o_mem_init_pool(&scratch);
    struct gw_buf json = gw_buf_in_pool(&scratch);
    if (ws->answered++ > 0 && !ws->route->method->server_streaming) {
        gw_websocket_give_up(ws, GW_INTERNAL, gw_websocket_code_of(GW_INTERNAL),
                             GW_SLICE("the backend answered with several messages"));
    } else if (gw_transcode_response(ws->route->binding, message, &scratch, &json, &error) != 0) {
        gw_websocket_give_up(ws, GW_INTERNAL, gw_websocket_code_of(GW_INTERNAL),
                             gw_slice_str(error.message));
    } else {
        size_t before = ws->waiting.len;
        gw_websocket_write(&ws->frames, GW_WEBSOCKET_TEXT, gw_buf_slice(&json), &ws->waiting);
        gw_websocket_settle_later(ws);
        if (holds_buffers(ws)) {
            ask(ws);
        } else {
            take_back(ws, before);
            give_up_memory(ws);
        }
    }
    h2o_mem_clear_pool(&scratch);
}

static void on_sent(void *arg)
{
    struct gw_websocket *ws = arg;
    ws->is_sending = false;
    ws->moved_ms = gw_websocket_now_ms(ws);
    shrink(&ws->message);
    gw_websocket_take_input(ws);
}

static void on_end(void *arg, const struct gw_call_result *result)
{
    struct gw_websocket *ws = arg;
    struct gw_call_result room;
    result = gw_answer_memory_judge(ws->worker, &ws->memory, result, &room);
    int status = gw_exchange_code_of(result);
    struct gw_slice message = result->message;
    if (status == GW_OK && ws->answered == 0 && !ws->route->method->server_streaming) {
        status = GW_INTERNAL;
        message = GW_SLICE("the backend answered OK without a message");
    }
    ws->call = NULL;
    ws->is_sending = false;
    count_call(ws, result->status);
    if (status != GW_OK)
        note_error(ws, message, result->reason);
    close_with(ws, gw_websocket_code_of(status), message);
    gw_websocket_take_input(ws);
}

static const struct gw_call_callbacks callbacks = {
    .on_message = on_message,
    .on_coming = on_coming,
    .on_sent = on_sent,
    .on_end = on_end,
};

static void start_call(struct gw_websocket *ws)
{
    struct gw_call_params params = {
        .path = ws->route->method->path,
        .metadata = ws->metadata,
        .deadline_ms = ws->deadline_ms,
        .callbacks = &callbacks,
        .arg = ws,
    };
    if (ws->route->timeout_ms != 0)
        params.deadline_ms = gw_deadline_sooner(
            ws->deadline_ms, gw_deadline_after(gw_websocket_now_ms(ws), ws->route->timeout_ms));
    ws->call =
        gw_upstream_call(ws->worker->upstreams, ws->upstream, &params, GW_NO_TIMEOUT, &ws->report);
    ask(ws);
    if (ws->takes == TAKES_NONE) {
        ws->has_ended = true;
        gw_call_send(ws->call, gw_buf_slice(&ws->message), GW_SEND_END);
    }
}

/* --- the beginning --- */

static void open_socket(struct gw_websocket *ws, h2o_socket_t *sock)
{
    const struct gw_config_limits *limits = &gw_websocket_config(ws)->limits;
    int fd = h2o_socket_get_fd(sock);
    ws->sock = sock;
    sock->data = ws;
    ws->settle.fn = on_settle;
    gw_answer_memory_init(&ws->memory, &ws->connection->memory, on_settled);
    ws->timer.fn = gw_websocket_on_timer;
    gw_request_memory_resize(&ws->connection->memory, &ws->connection->http1.held_bytes, 0);
    gw_connection_await(ws->connection, GW_WAIT_NOTHING);
    h2o_linklist_insert(&ws->worker->websockets, &ws->link);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &(int){UNSENT_MAX}, sizeof(int));
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){UNREAD_MAX}, sizeof(int));
    ws->moved_ms = ws->pinged_ms = gw_websocket_now_ms(ws);
    gw_websocket_start_reading(ws);
    gw_budget_init(&ws->controls, limits->control_frames, limits->control_frames / 10,
                   gw_websocket_now_ms(ws));
}

void gw_websocket_on_upgraded(void *arg, h2o_socket_t *sock, size_t request_bytes)
{
    struct gw_websocket *ws = arg;
    if (sock == NULL) {
        ws->connection = NULL;
        destroy(ws);
        return;
    }
    h2o_buffer_consume(&sock->input, request_bytes);
    open_socket(ws, sock);
    if (ws->worker->draining)
        close_with(ws, GW_WEBSOCKET_GOING_AWAY, (struct gw_slice){0});
    else
        start_call(ws);
    gw_websocket_on_timer(&ws->timer);
    gw_websocket_take_input(ws);
}

/* --- all of a worker's --- */

static struct gw_websocket *websocket_at(h2o_linklist_t *link)
{
    return H2O_STRUCT_FROM_MEMBER(struct gw_websocket, link, link);
}

void gw_websockets_drain(struct gw_worker *worker)
{
    h2o_linklist_t *at = worker->websockets.next;
    for (; at != &worker->websockets; at = at->next) {
        gw_websocket_give_up(websocket_at(at), GW_CANCELLED, GW_WEBSOCKET_GOING_AWAY,
                             (struct gw_slice){0});
        gw_websocket_close_soon(websocket_at(at));
    }
}

void gw_websockets_close(struct gw_worker *worker)
{
    while (!h2o_linklist_is_empty(&worker->websockets))
        destroy(websocket_at(worker->websockets.next));
}
