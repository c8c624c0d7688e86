#include "frontend/websocket.h"

#include <h2o/http1.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/mem.h"
#include "frontend/http2_budget.h"
#include "frontend/websocket_frames.h"
#include "frontend/websocket_handshake.h"
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
/* What was read and waits for the call to take a message, before reading stops. */
#define UNTAKEN_MAX (16 * 1024)
/* For the client to close in its turn. */
#define CLOSE_MS 2000
/* How soon a client that has left is noticed while its messages wait. */
#define LOOK_MS 1000
/* Times that a reader is looked at within stream_idle_timeout. */
#define LOOKS 4

struct gw_websocket {
    struct gw_worker *worker;
    struct gw_connection *connection; /* NULL: it was lost before the upgrade was done */
    h2o_socket_t *sock;
    h2o_linklist_t link; /* of worker->websockets */
    gw_pool pool;        /* what is left of the request */
    const struct gw_route *route;
    struct gw_slice path, trace_id, request_id, remote_addr;
    struct gw_metadata metadata;
    uint64_t began_ns;

    struct gw_call *call; /* NULL: not begun, or over */
    struct gw_call_report report;
    int grpc_status; /* -1: no call has ended */
    uint64_t answered;
    bool asked; /* for a message that is not in */

    /* From the client. */
    struct gw_message_source source;
    enum { TAKES_NONE, TAKES_ONE, TAKES_MANY } takes;
    struct gw_websocket_frames frames;
    struct gw_buf message; /* framed; the call has it until on_sent */
    size_t held_bytes;     /* of the connection's memory */
    uint64_t taken;        /* messages */
    uint64_t bytes_in;
    bool is_sending;
    bool has_ended; /* our side of the call is closed */
    bool is_reading;
    bool is_deaf; /* nothing that comes matters any more */
    struct gw_http2_budget controls;

    /* To the client. */
    struct gw_buf waiting; /* what came while the socket had the other */
    struct gw_buf writing_from;
    struct gw_slice unwritten; /* of writing_from, the piece that the socket has included */
    size_t piece;
    uint64_t bytes_out;
    bool writing;
    bool is_closing;     /* the last in the buffers is a close frame */
    bool close_received; /* by the client */
    bool has_pong;       /* the latest ping is not answered */
    size_t pong_length;
    char pong[GW_WEBSOCKET_CONTROL_MAX];

    struct gw_task settle;
    struct gw_timer timer;
    bool is_over;
    uint64_t moved_ms;    /* when a message came or went last */
    uint64_t pinged_ms;   /* when the last ping was sent, or the socket opened */
    bool is_ping_out;     /* nothing has been heard since */
    uint64_t close_by_ms; /* 0: no matter */
    uint64_t acked_bytes;
};

static uint64_t min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t now_ms(const struct gw_websocket *ws)
{
    return gw_loop_now_ms(ws->worker->loop);
}

static const struct gw_config *config_of(const struct gw_websocket *ws)
{
    return ws->worker->frontend->config;
}

/* Whatever is to be done with the socket is done at the end of the turn. */
static void settle_later(struct gw_websocket *ws)
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
    ws->is_sending = false;
    count_call(ws, grpc_status);
}

static void close_with(struct gw_websocket *ws, int code, struct gw_slice reason)
{
    if (ws->is_closing)
        return;
    ws->is_closing = true;
    ws->moved_ms = now_ms(ws);
    gw_websocket_write_close(&ws->frames, code, reason, &ws->waiting);
    settle_later(ws);
}

static void give_up(struct gw_websocket *ws, int grpc_status, int code, struct gw_slice reason)
{
    cancel_call(ws, grpc_status);
    close_with(ws, code, reason);
}

/* The client's connection is gone, or good for nothing. */
static void leave(struct gw_websocket *ws)
{
    cancel_call(ws, GW_CANCELLED);
    ws->is_over = true;
    settle_later(ws);
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
            .upstream = ws->report.upstream,
            .endpoint = ws->report.endpoint,
            .tries = ws->report.tries,
            .duration_us = duration_ns / 1000,
            .bytes_in = ws->bytes_in,
            .bytes_out = ws->bytes_out,
            .trace_id = ws->trace_id,
            .request_id = ws->request_id,
            .remote_addr = ws->remote_addr,
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

static void dispose(struct gw_websocket *ws)
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
        if (ws->is_deaf && !ws->close_received)
            gw_connection_linger(ws->connection); /* so that it reads why */
        gw_connection_close(ws->connection);
    }
    dispose(ws);
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

static void on_written(h2o_socket_t *sock, const char *error)
{
    struct gw_websocket *ws = sock->data;
    ws->writing = false;
    if (error != NULL) {
        leave(ws);
        return;
    }
    ws->bytes_out += ws->piece;
    ws->unwritten = gw_slice_from(ws->unwritten, ws->piece);
    if (ws->unwritten.len == 0) {
        shrink(&ws->writing_from);
        ask(ws);
    }
    settle_later(ws);
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

static void look_by(struct gw_websocket *ws, uint64_t expires_ms)
{
    if (!gw_timer_is_running(&ws->timer) || ws->timer.expires_ms > expires_ms)
        gw_timer_start(ws->worker->loop, &ws->timer, expires_ms);
}

static void close_by(struct gw_websocket *ws, uint64_t expires_ms)
{
    if (ws->close_by_ms != 0)
        return;
    ws->close_by_ms = expires_ms;
    look_by(ws, expires_ms);
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
        close_by(ws, now_ms(ws) + CLOSE_MS);
}

/* --- from the client --- */

static bool may_take(const struct gw_websocket *ws)
{
    return !ws->is_deaf && !ws->is_sending && !ws->is_over;
}

static void send_text(struct gw_websocket *ws, struct gw_slice text)
{
    struct gw_failure failure;
    gw_pool scratch; /* of one message */
    h2o_mem_init_pool(&scratch);
    if (gw_route_translate_message(&ws->source, ++ws->taken, (struct gw_text_place){0}, text,
                                   &scratch, &ws->message, &failure) != 0) {
        give_up(ws, failure.code, gw_websocket_code_of(failure.code), failure.message);
    } else {
        ws->has_ended = ws->takes == TAKES_ONE;
        ws->is_sending = !ws->has_ended; /* the last one's going is not told */
        gw_call_send(ws->call, gw_buf_slice(&ws->message),
                     ws->has_ended ? GW_SEND_END : GW_SEND_MORE);
    }
    h2o_mem_clear_pool(&scratch);
}

/* An empty text is the end of the messages; but of one message that is wanted, an empty body. */
static void on_text(struct gw_websocket *ws, struct gw_slice text)
{
    if (ws->call == NULL)
        return;
    ws->moved_ms = now_ms(ws);
    bool is_end = text.len == 0 && ws->takes != TAKES_ONE;
    if (ws->has_ended && text.len > 0) {
        give_up(ws, GW_INVALID_ARGUMENT, GW_WEBSOCKET_POLICY,
                GW_SLICE("a message where none is expected any more"));
    } else if (!ws->has_ended && is_end) {
        ws->has_ended = true;
        gw_call_send(ws->call, GW_SLICE(""), GW_SEND_END);
    } else if (!ws->has_ended) {
        send_text(ws, text);
    }
}

static void stop_listening(struct gw_websocket *ws)
{
    ws->is_deaf = true;
    close_by(ws, now_ms(ws) + CLOSE_MS);
}

static void fail(struct gw_websocket *ws, int code, struct gw_slice what)
{
    stop_listening(ws);
    give_up(ws, code == GW_WEBSOCKET_TOO_BIG ? GW_RESOURCE_EXHAUSTED : GW_INVALID_ARGUMENT, code,
            what);
}

static void count_limit(const struct gw_websocket *ws, enum gw_limit limit)
{
    gw_http_metrics_count_limit(ws->worker->frontend->http_metrics, ws->worker->shard, limit);
}

static void on_control(struct gw_websocket *ws, const struct gw_websocket_event *event)
{
    if (!gw_http2_budget_spend(&ws->controls, now_ms(ws))) {
        count_limit(ws, GW_LIMIT_CONTROL_FRAMES);
        fail(ws, GW_WEBSOCKET_POLICY, GW_SLICE("too many pings"));
    } else if (event->kind == GW_WEBSOCKET_PING) {
        ws->has_pong = true;
        ws->pong_length = event->payload.len;
        if (event->payload.len > 0)
            memcpy(ws->pong, event->payload.base, event->payload.len);
        settle_later(ws);
    }
}

static void on_event(struct gw_websocket *ws, const struct gw_websocket_event *event)
{
    switch (event->kind) {
    case GW_WEBSOCKET_TEXT:
        on_text(ws, event->payload);
        break;
    case GW_WEBSOCKET_PING:
    case GW_WEBSOCKET_PONG:
        on_control(ws, event);
        break;
    case GW_WEBSOCKET_CLOSE:
        ws->close_received = true;
        stop_listening(ws);
        give_up(ws, GW_CANCELLED, event->code, (struct gw_slice){0});
        settle_later(ws);
        break;
    case GW_WEBSOCKET_FAULT:
        if (event->code == GW_WEBSOCKET_TOO_BIG)
            count_limit(ws, GW_LIMIT_REQUEST_BODY);
        fail(ws, event->code, event->payload);
        break;
    case GW_WEBSOCKET_MORE:
        break;
    }
}

/* An idle connection holds no buffer. */
static void release_input(h2o_socket_t *sock)
{
    if (sock->input->size > 0)
        return;
    h2o_buffer_dispose(&sock->input);
    h2o_buffer_init(&sock->input, &h2o_socket_buffer_prototype);
}

static void on_read(h2o_socket_t *sock, const char *error);

static void start_reading(struct gw_websocket *ws)
{
    if (!ws->is_reading)
        h2o_socket_read_start(ws->sock, on_read);
    ws->is_reading = true;
}

/* Most often the call takes a message at once: it is worth while only when more comes meanwhile. */
static void stop_reading(struct gw_websocket *ws)
{
    if (!ws->is_reading)
        return;
    ws->is_reading = false;
    h2o_socket_read_stop(ws->sock);
    look_by(ws, now_ms(ws) + LOOK_MS);
}

static void charge(struct gw_websocket *ws)
{
    enum gw_request_memory_outcome outcome =
        gw_request_memory_resize(&ws->connection->memory, &ws->held_bytes,
                                 ws->frames.message.capacity + ws->message.capacity);
    if (outcome == GW_REQUEST_MEMORY_FITS || ws->is_deaf)
        return;
    count_limit(ws, gw_request_memory_limit(outcome));
    stop_listening(ws);
    gw_buf_dispose(&ws->frames.message);
    give_up(ws, GW_UNAVAILABLE, GW_WEBSOCKET_TRY_LATER, GW_SLICE("no memory for the message"));
}

static void take_input(struct gw_websocket *ws)
{
    struct gw_websocket_event event = {.kind = GW_WEBSOCKET_TEXT};
    while (may_take(ws) && event.kind != GW_WEBSOCKET_MORE) {
        struct gw_slice bytes = gw_slice(ws->sock->input->bytes, ws->sock->input->size);
        gw_websocket_read(&ws->frames, &bytes, &event);
        h2o_buffer_consume(&ws->sock->input, ws->sock->input->size - bytes.len);
        on_event(ws, &event);
        charge(ws);
    }
    if (ws->is_deaf)
        h2o_buffer_consume(&ws->sock->input, ws->sock->input->size);
    release_input(ws->sock);
    if (!ws->is_sending)
        start_reading(ws);
    else if (ws->sock->input->size > UNTAKEN_MAX)
        stop_reading(ws);
}

static void on_read(h2o_socket_t *sock, const char *error)
{
    struct gw_websocket *ws = sock->data;
    if (error != NULL) {
        leave(ws);
        return;
    }
    ws->bytes_in += sock->bytes_read;
    ws->is_ping_out = false;
    if (ws->is_sending)
        stop_reading(ws);
    else
        take_input(ws);
}

/* --- the call --- */

static void on_message(void *arg, struct gw_slice message)
{
    struct gw_websocket *ws = arg;
    struct gw_error error;
    gw_pool scratch; /* of one message */
    ws->asked = false;
    ws->moved_ms = now_ms(ws);
    h2o_mem_init_pool(&scratch);
    struct gw_buf json = gw_buf_in_pool(&scratch);
    if (ws->answered++ > 0 && !ws->route->method->server_streaming) {
        give_up(ws, GW_INTERNAL, gw_websocket_code_of(GW_INTERNAL),
                GW_SLICE("the backend answered with several messages"));
    } else if (gw_transcode_response(ws->route->binding, message, &scratch, &json, &error) != 0) {
        give_up(ws, GW_INTERNAL, gw_websocket_code_of(GW_INTERNAL), gw_slice_str(error.message));
    } else {
        gw_websocket_write(&ws->frames, GW_WEBSOCKET_TEXT, gw_buf_slice(&json), &ws->waiting);
        settle_later(ws);
        ask(ws);
    }
    h2o_mem_clear_pool(&scratch);
}

static void on_sent(void *arg)
{
    struct gw_websocket *ws = arg;
    ws->is_sending = false;
    ws->moved_ms = now_ms(ws);
    shrink(&ws->message);
    take_input(ws);
}

static void on_end(void *arg, const struct gw_call_result *result)
{
    struct gw_websocket *ws = arg;
    int status = result->http_status == 502 ? GW_INTERNAL : result->status;
    struct gw_slice message = result->message;
    if (status == GW_OK && ws->answered == 0 && !ws->route->method->server_streaming) {
        status = GW_INTERNAL;
        message = GW_SLICE("the backend answered OK without a message");
    }
    ws->call = NULL;
    ws->is_sending = false;
    count_call(ws, result->status);
    close_with(ws, gw_websocket_code_of(status), message);
    take_input(ws);
}

static const struct gw_call_callbacks callbacks = {
    .on_message = on_message,
    .on_sent = on_sent,
    .on_end = on_end,
};

static void start_call(struct gw_websocket *ws)
{
    struct gw_call_params params = {
        .path = ws->route->method->path,
        .metadata = ws->metadata,
        .callbacks = &callbacks,
        .arg = ws,
    };
    if (ws->route->timeout_ms != 0)
        params.deadline_ms = now_ms(ws) + ws->route->timeout_ms;
    ws->call = gw_upstream_call(ws->worker->upstreams, ws->route->upstream, &params,
                                GW_UPSTREAM_NO_TIMEOUT, &ws->report);
    ask(ws);
    if (ws->takes == TAKES_NONE) {
        ws->has_ended = true;
        gw_call_send(ws->call, gw_buf_slice(&ws->message), GW_SEND_END);
    }
}

/* --- time --- */

static bool client_has_taken_some(struct gw_websocket *ws)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof(info);
    getsockopt(h2o_socket_get_fd(ws->sock), IPPROTO_TCP, TCP_INFO, &info, &length);
    bool some = info.tcpi_bytes_acked != ws->acked_bytes;
    ws->acked_bytes = info.tcpi_bytes_acked;
    return some;
}

static void end_idle(struct gw_websocket *ws)
{
    char reason[64];
    if (ws->call == NULL || ws->writing) {
        leave(ws);
        return;
    }
    snprintf(reason, sizeof(reason), "no message within %llu ms",
             (unsigned long long)config_of(ws)->limits.stream_idle_timeout_ms);
    give_up(ws, GW_DEADLINE_EXCEEDED, gw_websocket_code_of(GW_DEADLINE_EXCEEDED),
            gw_slice_str(reason));
}

/* When to look again. */
static uint64_t check_idle(struct gw_websocket *ws, uint64_t now)
{
    uint64_t limit_ms = config_of(ws)->limits.stream_idle_timeout_ms;
    if (ws->writing && client_has_taken_some(ws))
        ws->moved_ms = now;
    if (now >= ws->moved_ms + limit_ms)
        end_idle(ws);
    return min(ws->moved_ms + limit_ms, now + limit_ms / LOOKS + 1);
}

/* What is on its way to the client comes before the ping, and may be read slowly;
 * stream_idle_timeout looks after that. */
static bool may_answer_ping(const struct gw_websocket *ws)
{
    int unacknowledged = 0;
    ioctl(h2o_socket_get_fd(ws->sock), SIOCOUTQ, &unacknowledged);
    return ws->is_reading && !ws->writing && unacknowledged == 0;
}

static uint64_t check_ping(struct gw_websocket *ws, uint64_t now)
{
    const struct gw_config_websocket *config = &config_of(ws)->websocket;
    if (ws->is_closing)
        return UINT64_MAX;
    if (ws->is_ping_out && now >= ws->pinged_ms + config->ping_timeout_ms) {
        if (may_answer_ping(ws)) {
            give_up(ws, GW_CANCELLED, GW_WEBSOCKET_UNEXPECTED, GW_SLICE("no answer to a ping"));
            return UINT64_MAX;
        }
        ws->pinged_ms = now;
    } else if (!ws->is_ping_out && now >= ws->pinged_ms + config->ping_ms) {
        ws->is_ping_out = true;
        ws->pinged_ms = now;
        gw_websocket_write(&ws->frames, GW_WEBSOCKET_PING, (struct gw_slice){0}, &ws->waiting);
        settle_later(ws);
    }
    return ws->pinged_ms + (ws->is_ping_out ? config->ping_timeout_ms : config->ping_ms);
}

/* While nothing is read its end is not seen either. */
static uint64_t check_presence(struct gw_websocket *ws, uint64_t now)
{
    if (ws->is_reading)
        return UINT64_MAX;
    if (gw_connection_has_left(ws->sock))
        leave(ws);
    return now + LOOK_MS;
}

static void on_timer(struct gw_timer *timer)
{
    struct gw_websocket *ws = H2O_STRUCT_FROM_MEMBER(struct gw_websocket, timer, timer);
    uint64_t now = now_ms(ws);
    if (ws->close_by_ms != 0 && now >= ws->close_by_ms) {
        leave(ws);
        return;
    }
    uint64_t next_ms = check_idle(ws, now);
    next_ms = min(next_ms, check_ping(ws, now));
    next_ms = min(next_ms, check_presence(ws, now));
    if (ws->close_by_ms != 0)
        next_ms = min(next_ms, ws->close_by_ms);
    gw_timer_start(ws->worker->loop, timer, next_ms);
}

/* --- the beginning --- */

static void open_socket(struct gw_websocket *ws, h2o_socket_t *sock)
{
    const struct gw_config_limits *limits = &config_of(ws)->limits;
    int fd = h2o_socket_get_fd(sock);
    ws->sock = sock;
    sock->data = ws;
    gw_connection_await(ws->connection, GW_WAIT_NOTHING);
    h2o_linklist_insert(&ws->worker->websockets, &ws->link);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &(int){UNSENT_MAX}, sizeof(int));
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){UNREAD_MAX}, sizeof(int));
    ws->moved_ms = ws->pinged_ms = now_ms(ws);
    start_reading(ws);
    gw_http2_budget_init(&ws->controls, limits->control_frames, limits->control_frames / 10,
                         now_ms(ws));
}

static void on_upgraded(void *arg, h2o_socket_t *sock, size_t request_bytes)
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
    on_timer(&ws->timer);
    take_input(ws);
}

static struct gw_metadata copy_metadata(gw_pool *pool, const struct gw_metadata *from)
{
    struct gw_metadatum *items = h2o_mem_alloc_pool(pool, from->count * sizeof(*items));
    for (size_t i = 0; i < from->count; i++) {
        items[i] = from->items[i];
        items[i].name = gw_pool_dup(pool, items[i].name);
        items[i].value = gw_pool_dup(pool, items[i].value);
    }
    return (struct gw_metadata){items, from->count};
}

/* What the request has that is needed after its end. */
static struct gw_websocket *create(const struct gw_exchange *x)
{
    struct gw_websocket *ws = gw_alloc(sizeof(*ws));
    h2o_mem_init_pool(&ws->pool);
    ws->worker = x->worker;
    ws->connection = x->connection;
    ws->route = x->route;
    ws->began_ns = x->began_ns;
    ws->grpc_status = -1;
    ws->trace_id = gw_pool_dup(&ws->pool, x->headers.trace.x_trace_id);
    ws->request_id = gw_pool_dup(&ws->pool, x->headers.request_id);
    ws->remote_addr = gw_pool_dup(&ws->pool, x->headers.client_address);
    ws->metadata = copy_metadata(&ws->pool, &x->headers.metadata);
    ws->message = ws->waiting = ws->writing_from = GW_BUF_HEAP;
    ws->settle.fn = on_settle;
    ws->timer.fn = on_timer;
    gw_websocket_frames_init(&ws->frames, config_of(ws)->limits.request_body_bytes);
    return ws;
}

static const struct gw_route *route_of(const struct gw_route_match *match)
{
    return match->value;
}

static bool streams(const struct gw_route_match *match)
{
    const struct gw_method *method = route_of(match)->method;
    return method != NULL && (method->client_streaming || method->server_streaming);
}

static bool is_better(const struct gw_route_match *match, const struct gw_route_match *than)
{
    return route_of(match)->method == route_of(than)->method &&
           gw_route_takes_messages(route_of(match)) && !gw_route_takes_messages(route_of(than));
}

/* The handshake is always a GET. Of the path's routes whose methods stream: the one for GET, or
 * else the first; but one that takes messages instead of one that does not, to the same method. */
static bool find_route(const struct gw_snapshot *snapshot, struct gw_slice path,
                       struct gw_route_match *ret_match)
{
    struct gw_route_match all, one;
    bool found =
        gw_snapshot_match(snapshot, GW_SLICE("GET"), path, ret_match) && streams(ret_match);
    gw_snapshot_match(snapshot, GW_SLICE(""), path, &all);
    for (size_t i = 0; i < all.allowed_count; i++) {
        if (gw_snapshot_match(snapshot, all.allowed[i], path, &one) && streams(&one) &&
            (!found || is_better(&one, ret_match))) {
            *ret_match = one;
            found = true;
        }
    }
    return found;
}

/* What the client's messages are translated with; the one message itself, where path and query are
 * all of it. */
static int prepare(struct gw_websocket *ws, const struct gw_translate_request *request,
                   gw_pool *pool, struct gw_failure *ret_failure)
{
    struct gw_translate_request own = {
        .path = gw_pool_dup(&ws->pool, request->path),
        .query = gw_pool_dup(&ws->pool, request->query),
    };
    struct gw_route_match match;
    struct gw_slice framed;
    find_route(ws->worker->frontend->snapshot, own.path, &match);
    ws->path = own.path;
    ws->takes = gw_route_takes_messages(ws->route)              ? TAKES_MANY
                : ws->route->binding->body_kind != GW_BODY_NONE ? TAKES_ONE
                                                                : TAKES_NONE;
    if (gw_route_message_source(&match, &own, &ws->pool, &ws->source, ret_failure) != 0)
        return -1;
    if (ws->takes != TAKES_NONE)
        return 0;
    if (gw_route_translate(&match, &own, pool, &framed, ret_failure) != 0)
        return -1;
    gw_buf_append(&ws->message, framed);
    return 0;
}

static void answer_fault(struct gw_exchange *x, const struct gw_request_fault *fault)
{
    if (fault->http_status == 426)
        gw_websocket_add_version(x->req);
    gw_exchange_answer_error(x, fault->http_status,
                             fault->http_status == 403 ? GW_PERMISSION_DENIED : GW_INVALID_ARGUMENT,
                             gw_slice_str(fault->message), (struct gw_slice){0});
}

static void upgrade(struct gw_exchange *x, struct gw_websocket *ws)
{
    x->is_handed_over = true;
    x->req->res.status = 101;
    x->req->res.reason = "Switching Protocols";
    gw_exchange_add_headers(x, (struct gw_slice){0});
    gw_websocket_add_headers(x->req);
    gw_exchange_await_taking(x);
    h2o_http1_upgrade(x->req, NULL, 0, on_upgraded, ws);
}

bool gw_websocket_serve(struct gw_exchange *x, const struct gw_translate_request *request)
{
    struct gw_route_match match;
    if (!gw_websocket_is_asked_for(x->req) || request->body.len > 0 ||
        !find_route(x->worker->frontend->snapshot, request->path, &match))
        return false;
    x->route = match.value;
    x->cors = x->route->cors;
    struct gw_request_fault fault = gw_websocket_fault(x->req, x->cors);
    if (fault.http_status != 0) {
        answer_fault(x, &fault);
        return true;
    }
    struct gw_websocket *ws = create(x);
    struct gw_failure failure;
    if (prepare(ws, request, &x->req->pool, &failure) == 0) {
        upgrade(x, ws);
        return true;
    }
    gw_exchange_answer_failure(x, &failure);
    dispose(ws);
    return true;
}

/* --- all of a worker's --- */

static struct gw_websocket *websocket_at(h2o_linklist_t *link)
{
    return H2O_STRUCT_FROM_MEMBER(struct gw_websocket, link, link);
}

void gw_websockets_drain(struct gw_worker *worker)
{
    for (h2o_linklist_t *at = worker->websockets.next; at != &worker->websockets; at = at->next)
        give_up(websocket_at(at), GW_CANCELLED, GW_WEBSOCKET_GOING_AWAY, (struct gw_slice){0});
}

void gw_websockets_close(struct gw_worker *worker)
{
    while (!h2o_linklist_is_empty(&worker->websockets))
        destroy(websocket_at(worker->websockets.next));
}
