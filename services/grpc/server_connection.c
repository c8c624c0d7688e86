#include "grpc/server_connection.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "grpc/h2_memory.h"

#define STREAM_WINDOW_BYTES (256 << 10)
#define CONNECTION_WINDOW_BYTES (1 << 20)

/* How long a connection may be silent before its first frame, a write make no progress, and a peer
 * keep its side open after ours is closed. */
#define GREETING_MS 10000
#define WRITE_MS 60000
#define LINGER_MS 1000
/* And a GOAWAY that refuses nothing be answered: some clients read their connection only now and
 * then. */
#define NOTICE_MS 1000

/* Input is given to nghttp2 in pieces, between which the abuse checks run. */
#define INPUT_PIECE_BYTES ((size_t)64 << 10)

/* Rapid reset (CVE-2023-44487) and its like (CVE-2025-8671) have work done for streams that are
 * gone. A connection may reset, or make us reset, this many streams in their first second, and as
 * many as were answered; a stream that lived longer has had its share of max_concurrent_streams. */
#define RESET_BURST 200
#define RESETS_PER_SECOND 50
#define RESET_YOUNG_NS 1000000000u

static void set_time_left(struct gw_server_connection *c, uint64_t ms)
{
    c->expires_ms = gw_loop_now_ms(c->server->loop) + ms;
}

static struct gw_server_call *call_of(struct gw_server_connection *c, int32_t stream_id)
{
    return nghttp2_session_get_stream_user_data(c->session, stream_id);
}

static void end_session(struct gw_server_connection *c)
{
    if (c->session == NULL)
        return;
    while (!TAILQ_EMPTY(&c->calls))
        gw_server_call_destroy(TAILQ_FIRST(&c->calls));
    gw_task_cancel(c->server->loop, &c->flush);
    gw_timer_stop(c->server->loop, &c->notice);
    nghttp2_session_del(c->session);
    c->session = NULL;
}

void gw_server_connection_destroy(struct gw_server_connection *c)
{
    struct gw_grpc_server *server = c->server;
    end_session(c);
    TAILQ_REMOVE(&server->connections, c, link);
    h2o_socket_close(c->socket);
    gw_h2_output_dispose(&c->output);
    free(c);
    gw_grpc_server_connection_gone(server);
}

/* --- output --- */

/* Closing with input unread would have the kernel discard what the peer has not yet read of our
 * output: close one direction, and wait for the peer's end. */
static void linger(struct gw_server_connection *c)
{
    end_session(c);
    set_time_left(c, LINGER_MS);
    shutdown(h2o_socket_get_fd(c->socket), SHUT_WR);
}

static void resume_calls(struct gw_server_connection *c)
{
    struct gw_server_call *call;
    while ((call = TAILQ_FIRST(&c->writable)) != NULL) {
        TAILQ_REMOVE(&c->writable, call, writable_link);
        call->is_writable = false;
        gw_server_call_resume(call);
    }
}

static void on_written(h2o_socket_t *socket, const char *error);

static void flush(struct gw_server_connection *c)
{
    if (gw_h2_output_collect(&c->output, c->session) != 0) {
        gw_server_connection_destroy(c);
        return;
    }
    bool was_writing = c->output.writing;
    gw_h2_output_write(&c->output, c->socket, on_written);
    if (c->output.writing && !was_writing && c->greeted)
        set_time_left(c, WRITE_MS);
    resume_calls(c);
    if (!c->output.writing && !nghttp2_session_want_read(c->session) &&
        !nghttp2_session_want_write(c->session))
        linger(c);
}

static void on_flush(struct gw_task *task)
{
    flush(H2O_STRUCT_FROM_MEMBER(struct gw_server_connection, flush, task));
}

static void on_written(h2o_socket_t *socket, const char *error)
{
    struct gw_server_connection *c = socket->data;
    gw_h2_output_written(&c->output);
    if (error != NULL) {
        gw_server_connection_destroy(c);
        return;
    }
    if (c->greeted)
        c->expires_ms = 0;
    flush(c);
}

void gw_server_connection_flush_later(struct gw_server_connection *c)
{
    gw_loop_defer(c->server->loop, &c->flush);
}

static int on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                        size_t length, nghttp2_data_source *source, void *arg)
{
    (void)session;
    (void)frame;
    struct gw_server_connection *c = arg;
    gw_h2_output_data_frame(&c->output, head, gw_server_call_take(source->ptr, length));
    return gw_h2_output_is_full(&c->output) ? NGHTTP2_ERR_PAUSE : 0;
}

/* --- abuse --- */

static void note_reset(struct gw_server_connection *c)
{
    if (!gw_budget_spend(&c->resets, gw_loop_now_ms(c->server->loop)))
        nghttp2_session_terminate_session(c->session, NGHTTP2_ENHANCE_YOUR_CALM);
}

static bool provoked(uint32_t error_code)
{
    /* The others are our own doing, or cost no work. */
    return error_code == NGHTTP2_PROTOCOL_ERROR || error_code == NGHTTP2_FLOW_CONTROL_ERROR ||
           error_code == NGHTTP2_STREAM_CLOSED || error_code == NGHTTP2_FRAME_SIZE_ERROR;
}

/* A peer that has us queue frames and does not take them. */
static bool queue_is_flooded(const struct gw_server_connection *c)
{
    size_t limit = 1000 + 4 * (size_t)c->server->options.limits.max_concurrent_streams;
    return nghttp2_session_get_outbound_queue_size(c->session) > limit;
}

/* --- nghttp2's callbacks; none may fail, for that would be a session error --- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        nghttp2_session_set_stream_user_data(session, frame->hd.stream_id,
                                             gw_server_call_create(arg, frame->hd.stream_id));
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                     void *arg)
{
    (void)session;
    (void)flags;
    struct gw_server_call *call = call_of(arg, frame->hd.stream_id);
    if (call != NULL && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        gw_server_call_receive_header(call, gw_slice(name, name_length),
                                      gw_slice(value, value_length));
    return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream_id,
                         const uint8_t *data, size_t length, void *arg)
{
    (void)flags;
    struct gw_server_call *call = call_of(arg, stream_id);
    /* The connection's window is for all: a call that is held up keeps only its own. */
    nghttp2_session_consume_connection(session, length);
    if (call != NULL)
        gw_server_call_receive_data(call, gw_slice(data, length));
    return 0;
}

static void on_reset(struct gw_server_connection *c, struct gw_server_call *call)
{
    if (call != NULL && gw_clock_ns() - call->started_ns < RESET_YOUNG_NS)
        note_reset(c);
}

static void refuse_new_calls(struct gw_server_connection *c)
{
    if (c->refuses)
        return;
    c->refuses = true;
    gw_timer_stop(c->server->loop, &c->notice);
    nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(c->session), NGHTTP2_NO_ERROR,
                          NULL, 0);
}

static void on_ping_ack(struct gw_server_connection *c)
{
    /* Every call begun before the peer read the notice of gw_server_connection_drain is here. */
    if (c->draining)
        refuse_new_calls(c);
}

static void on_notice_end(struct gw_timer *timer)
{
    struct gw_server_connection *c =
        H2O_STRUCT_FROM_MEMBER(struct gw_server_connection, notice, timer);
    refuse_new_calls(c);
    gw_server_connection_flush_later(c);
}

static void on_greeting(struct gw_server_connection *c)
{
    if (!c->greeted)
        c->expires_ms = 0;
    c->greeted = true;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    (void)session;
    struct gw_server_connection *c = arg;
    struct gw_server_call *call = frame->hd.stream_id != 0 ? call_of(c, frame->hd.stream_id) : NULL;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        if (call != NULL && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
            gw_server_call_receive_headers_end(call);
        __attribute__((fallthrough));
    case NGHTTP2_DATA:
        if (call != NULL && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
            gw_server_call_receive_end(call);
        break;
    case NGHTTP2_RST_STREAM:
        on_reset(c, call);
        break;
    case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0)
            on_ping_ack(c);
        break;
    case NGHTTP2_SETTINGS:
        on_greeting(c);
        break;
    default:
        break;
    }
    return 0;
}

static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    (void)session;
    struct gw_server_connection *c = arg;
    if (frame->hd.type == NGHTTP2_RST_STREAM && provoked(frame->rst_stream.error_code))
        note_reset(c);
    if (frame->hd.type != NGHTTP2_HEADERS || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
        return 0;
    gw_budget_earn(&c->resets, 1); /* a client that cancels some waits for most */
    struct gw_server_call *call = call_of(c, frame->hd.stream_id);
    gw_server_call_sent_end(call);
    if (c->draining && !call->request.half_closed)
        gw_server_call_reset(call, NGHTTP2_NO_ERROR); /* nothing is to wait for the rest */
    return 0;
}

static int on_frame_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int error,
                             void *arg)
{
    (void)error;
    (void)arg;
    /* Headers that are too long for nghttp2: without them the call would never end. */
    if (frame->hd.type == NGHTTP2_HEADERS)
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                  NGHTTP2_INTERNAL_ERROR);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error_code,
                           void *arg)
{
    (void)session;
    (void)error_code;
    gw_server_call_destroy(call_of(arg, stream_id));
    return 0;
}

void gw_server_connection_setup(struct gw_grpc_server *server)
{
    nghttp2_session_callbacks *cb;
    if (nghttp2_session_callbacks_new(&cb) != 0 ||
        nghttp2_option_new(&server->session_options) != 0)
        h2o_fatal("no memory");
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(cb, on_frame_not_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
    nghttp2_session_callbacks_set_send_data_callback(cb, on_send_data);
    server->callbacks = cb;
    nghttp2_option_set_no_auto_window_update(server->session_options, 1);
    nghttp2_option_set_no_closed_streams(server->session_options, 1);
    /* Its own count takes a burst of deadlines that pass for an attack; ours does not. */
    nghttp2_option_set_stream_reset_rate_limit(server->session_options, 10000, 1000);
}

/* --- input --- */

static void on_read(h2o_socket_t *socket, const char *error)
{
    struct gw_server_connection *c = socket->data;
    if (error != NULL) {
        gw_server_connection_destroy(c);
        return;
    }
    if (c->session == NULL)
        h2o_buffer_consume(&socket->input, socket->input->size);
    while (socket->input->size > 0) {
        size_t piece =
            socket->input->size < INPUT_PIECE_BYTES ? socket->input->size : INPUT_PIECE_BYTES;
        ssize_t n =
            nghttp2_session_mem_recv(c->session, (const uint8_t *)socket->input->bytes, piece);
        if (n < 0 || queue_is_flooded(c)) {
            gw_server_connection_destroy(c);
            return;
        }
        h2o_buffer_consume(&socket->input, (size_t)n);
    }
    if (c->session != NULL)
        gw_server_connection_flush_later(c);
}

/* --- life --- */

static void open_session(struct gw_server_connection *c)
{
    const struct gw_server_limits *limits = &c->server->options.limits;
    nghttp2_mem memory = gw_h2_memory(c->server->loop);
    if (nghttp2_session_server_new3(&c->session, c->server->callbacks, c,
                                    c->server->session_options, &memory) != 0)
        h2o_fatal("no memory");
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits->max_concurrent_streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits->max_header_bytes},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings,
                            sizeof(settings) / sizeof(*settings));
    nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0,
                                          CONNECTION_WINDOW_BYTES);
}

struct gw_server_connection *gw_server_connection_create(struct gw_grpc_server *server,
                                                         h2o_socket_t *socket)
{
    struct gw_server_connection *c = gw_alloc(sizeof(*c));
    c->server = server;
    c->socket = socket;
    c->flush.fn = on_flush;
    c->output.recycler = gw_loop_recycler(server->loop);
    gw_budget_init(&c->resets, RESET_BURST, RESETS_PER_SECOND, gw_loop_now_ms(server->loop));
    set_time_left(c, GREETING_MS);
    TAILQ_INIT(&c->calls);
    TAILQ_INIT(&c->writable);
    TAILQ_INSERT_TAIL(&server->connections, c, link);
    open_session(c);
    socket->data = c;
    h2o_socket_read_start(socket, on_read);
    gw_server_connection_flush_later(c);
    return c;
}

void gw_server_connection_drain(struct gw_server_connection *c)
{
    if (c->session == NULL || c->draining)
        return;
    c->draining = true;
    if (!c->greeted)
        set_time_left(c, LINGER_MS); /* it may never speak */
    struct gw_server_call *call;
    TAILQ_FOREACH (call, &c->calls, link) {
        if (call->response.ended)
            gw_server_call_reset(call, NGHTTP2_NO_ERROR);
    }
    nghttp2_submit_shutdown_notice(c->session);
    nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, NULL);
    c->notice.fn = on_notice_end;
    gw_timer_start(c->server->loop, &c->notice, gw_loop_now_ms(c->server->loop) + NOTICE_MS);
    gw_server_connection_flush_later(c);
}

struct gw_slice gw_server_connection_peer(struct gw_server_connection *c)
{
    if (c->peer_length > 0)
        return gw_slice(c->peer, c->peer_length);
    struct sockaddr_storage address;
    struct sockaddr *sa = (struct sockaddr *)&address;
    char host[NI_MAXHOST];
    socklen_t length = h2o_socket_getpeername(c->socket, sa);
    if (length == 0 || h2o_socket_getnumerichost(sa, length, host) == SIZE_MAX)
        return gw_slice(NULL, 0);
    bool v6 = sa->sa_family == AF_INET6;
    int n = snprintf(c->peer, sizeof(c->peer), "%s%s%s:%d", v6 ? "[" : "", host, v6 ? "]" : "",
                     h2o_socket_getport(sa));
    c->peer_length = (size_t)n < sizeof(c->peer) ? (size_t)n : sizeof(c->peer) - 1;
    return gw_slice(c->peer, c->peer_length);
}
