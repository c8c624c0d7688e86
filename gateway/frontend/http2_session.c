#include "frontend/http2_session.h"

#include <endian.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "frontend/connection.h"
#include "frontend/http2_guard.h"
#include "grpc/h2_memory.h"

#define STREAM_WINDOW_BYTES (256 << 10)
#define CONNECTION_WINDOW_BYTES (1 << 20)

#define FRAME_HEAD_BYTES 9
/* Of one setting, RFC 9113 section 6.5.1. */
#define SETTING_BYTES 6

/* How long a client may keep its side open after ours is closed, and take to answer the PING behind
 * the first GOAWAY. */
#define LINGER_MS 1000
#define LAST_CALL_MS 1000

static struct gw_http2_stream *stream_of(struct gw_http2_session *s, int32_t id)
{
    return id != 0 ? nghttp2_session_get_stream_user_data(s->nghttp2, id) : NULL;
}

/* --- the end --- */

static void write_output(struct gw_http2_session *s);

static void destroy_all(h2o_linklist_t *streams)
{
    while (!h2o_linklist_is_empty(streams))
        gw_http2_stream_destroy(
            H2O_STRUCT_FROM_MEMBER(struct gw_http2_stream, link, streams->next));
}

static void end_session(struct gw_http2_session *s)
{
    if (s->nghttp2 == NULL)
        return;
    destroy_all(&s->streams);
    destroy_all(&s->leftovers);
    gw_task_cancel(s->worker->loop, &s->flush);
    nghttp2_session_del(s->nghttp2);
    s->nghttp2 = NULL;
}

/* Not from within nghttp2. */
static void destroy(struct gw_http2_session *s)
{
    end_session(s);
    h2o_linklist_unlink(&s->link);
    gw_connection_close(gw_connection_of(&s->super));
    gw_request_memory_charge(&s->worker->request_memory, &s->held_bytes, 0);
    gw_h2_output_dispose(&s->output);
    free(s);
}

void gw_http2_session_close(struct gw_http2_session *s)
{
    /* What is answered already goes out, as far as the socket takes it. */
    if (s->nghttp2 != NULL && gw_h2_output_collect(&s->output, s->nghttp2) == 0)
        write_output(s);
    destroy(s);
}

/* Closing with input unread would have the kernel discard what the client has not yet read of our
 * output: close one direction, and wait for the client's end. */
static void linger(struct gw_http2_session *s)
{
    end_session(s);
    s->linger_since_ms = gw_http2_now_ms(s);
    if (s->sock->ssl != NULL)
        gw_tls_handshake_close_output(&gw_connection_of(&s->super)->tls.handshake);
    shutdown(h2o_socket_get_fd(s->sock), SHUT_WR);
}

void gw_http2_count_limit(struct gw_http2_session *s, enum gw_limit limit)
{
    gw_http_metrics_count_limit(s->worker->frontend->http_metrics, s->worker->shard, limit);
}

static void end_at_once(struct gw_http2_session *s, uint32_t error_code)
{
    s->ending = true;
    nghttp2_session_terminate_session(s->nghttp2, error_code);
    gw_http2_flush_later(s);
}

void gw_http2_over_limit(struct gw_http2_session *s, enum gw_limit limit, uint32_t error_code)
{
    if (s->ending)
        return;
    gw_http2_count_limit(s, limit);
    end_at_once(s, error_code);
}

void gw_http2_part(struct gw_http2_session *s, enum gw_limit limit, uint32_t error_code)
{
    if (s->ending || s->parting_since_ms != 0)
        return;
    s->parting_since_ms = gw_http2_now_ms(s);
    gw_http2_count_limit(s, limit);
    gw_http2_tell_parting(s->worker->http2, gw_connection_of(&s->super));
    nghttp2_submit_goaway(s->nghttp2, NGHTTP2_FLAG_NONE, s->order.last, error_code, NULL, 0);
    gw_http2_flush_later(s);
}

/* A client that means well has at most as many on their way as it may have open. */
void gw_http2_refuse_late(struct gw_http2_session *s)
{
    if (++s->late_requests > gw_http2_limits(s)->concurrent_streams && !s->ending)
        end_at_once(s, NGHTTP2_ENHANCE_YOUR_CALM);
}

/* --- output --- */

static void on_written(h2o_socket_t *sock, const char *error);

/* TLS has a copy. */
static void charge_output(struct gw_http2_session *s)
{
    size_t bytes = s->output.bytes.len * (s->sock->ssl != NULL ? 2 : 1);
    if (bytes != s->held_bytes)
        gw_request_memory_charge(&s->worker->request_memory, &s->held_bytes, bytes);
}

static void write_output(struct gw_http2_session *s)
{
    if (s->output.writing)
        return;
    if (s->output.bytes.len > 0)
        s->write_since_ms = gw_http2_now_ms(s);
    gw_h2_output_write(&s->output, s->sock, on_written);
    charge_output(s);
}

static void resume_generators(struct gw_http2_session *s)
{
    h2o_linklist_t ready;
    h2o_linklist_init_anchor(&ready);
    h2o_linklist_insert_list(&ready, &s->writable);
    while (!h2o_linklist_is_empty(&ready)) {
        struct gw_http2_stream *stream =
            H2O_STRUCT_FROM_MEMBER(struct gw_http2_stream, writable, ready.next);
        h2o_linklist_unlink(&stream->writable);
        h2o_proceed_response(&stream->req);
    }
}

static void flush(struct gw_http2_session *s)
{
    if (gw_h2_output_collect(&s->output, s->nghttp2) != 0) {
        destroy(s);
        return;
    }
    write_output(s);
    resume_generators(s);
    if (!s->output.writing && !nghttp2_session_want_read(s->nghttp2) &&
        !nghttp2_session_want_write(s->nghttp2))
        linger(s);
}

static void on_flush(struct gw_task *task)
{
    flush(H2O_STRUCT_FROM_MEMBER(struct gw_http2_session, flush, task));
}

static void on_written(h2o_socket_t *sock, const char *error)
{
    struct gw_http2_session *s = sock->data;
    gw_h2_output_written(&s->output);
    charge_output(s);
    if (error != NULL) {
        destroy(s);
        return;
    }
    s->write_since_ms = 0;
    if (s->nghttp2 != NULL)
        flush(s);
}

void gw_http2_flush_later(struct gw_http2_session *s)
{
    gw_loop_defer(s->worker->loop, &s->flush);
}

static int on_send_data(nghttp2_session *nghttp2, nghttp2_frame *frame, const uint8_t *head,
                        size_t length, nghttp2_data_source *source, void *arg)
{
    (void)nghttp2;
    (void)frame;
    struct gw_http2_session *s = arg;
    gw_h2_output_data_frame(&s->output, head, gw_http2_stream_take(source->ptr, length));
    gw_http2_guard_progress(s);
    /* Not copied by nghttp2, data does not end its mem_send, and so would not end our write. */
    return gw_h2_output_is_full(&s->output) ? NGHTTP2_ERR_PAUSE : 0;
}

static void on_headers_out(struct gw_h2_output *output, size_t at)
{
    struct gw_http2_session *s = H2O_STRUCT_FROM_MEMBER(struct gw_http2_session, output, output);
    uint32_t id;
    memcpy(&id, output->bytes.base + at + 5, sizeof(id));
    struct gw_http2_stream *stream = stream_of(s, (int32_t)be32toh(id));
    if (stream == NULL)
        return;
    bool is_answer = !stream->response.is_continuing;
    stream->response.is_continuing = false;
    if (!is_answer || !stream->response.has_literals)
        return;
    gw_http2_stream_append_literals(stream);
    gw_h2_output_lengthen(output, at);
}

/* --- drain --- */

void gw_http2_session_drain(struct gw_http2_session *s)
{
    if (s->nghttp2 == NULL || s->draining)
        return;
    s->draining = true;
    s->drain_since_ms = gw_http2_now_ms(s);
    nghttp2_submit_shutdown_notice(s->nghttp2);
    nghttp2_submit_ping(s->nghttp2, NGHTTP2_FLAG_NONE, NULL);
    gw_http2_flush_later(s);
}

/* Every request that the client began before it read the notice is here, or never comes. */
static void end_drain(struct gw_http2_session *s)
{
    s->drain_since_ms = 0;
    nghttp2_submit_goaway(s->nghttp2, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(s->nghttp2), NGHTTP2_NO_ERROR,
                          NULL, 0);
    gw_http2_flush_later(s);
}

/* --- nghttp2's callbacks; none may fail for good, for that would be a session error --- */

static int on_begin_headers(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *arg)
{
    struct gw_http2_session *s = arg;
    int32_t id = frame->hd.stream_id;
    s->head_of = NULL;
    if (s->ending)
        return 0;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        s->head_of = stream_of(s, id);
        return 0;
    }
    if (s->parting_since_ms != 0)
        return 0; /* nghttp2 closes its stream when GOAWAY is sent */
    gw_http2_guard_request(s, id);
    if (s->stream_count >= gw_http2_limits(s)->concurrent_streams) {
        nghttp2_submit_rst_stream(nghttp2, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
        return 0;
    }
    s->head_of = gw_http2_stream_create(s, id);
    nghttp2_session_set_stream_user_data(nghttp2, id, s->head_of);
    return 0;
}

static int on_header(nghttp2_session *nghttp2, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                     void *arg)
{
    (void)nghttp2;
    (void)frame;
    (void)flags;
    struct gw_http2_session *s = arg;
    if (s->head_of != NULL)
        gw_http2_stream_header(s->head_of, gw_slice(name, name_length),
                               gw_slice(value, value_length));
    /* Of a header bomb, the rest is then decoded, but no longer looked at. */
    return s->ending ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE : 0;
}

static int on_data_chunk(nghttp2_session *nghttp2, uint8_t flags, int32_t id, const uint8_t *data,
                         size_t length, void *arg)
{
    (void)flags;
    struct gw_http2_stream *stream = stream_of(arg, id);
    /* The connection's window is for all: a request that is held up keeps only its own. */
    nghttp2_session_consume_connection(nghttp2, length);
    if (stream != NULL)
        gw_http2_stream_data(stream, gw_slice(data, length));
    return 0;
}

static int on_frame(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *arg)
{
    (void)nghttp2;
    struct gw_http2_session *s = arg;
    struct gw_http2_stream *stream = stream_of(s, frame->hd.stream_id);
    bool is_ack = (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        if (stream != NULL && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
            gw_http2_stream_headers_end(stream);
        __attribute__((fallthrough));
    case NGHTTP2_DATA:
        if (stream != NULL && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
            gw_http2_stream_end(stream);
        break;
    case NGHTTP2_RST_STREAM:
        gw_http2_guard_reset_received(s, stream);
        break;
    case NGHTTP2_PING:
        if (is_ack && s->drain_since_ms != 0)
            end_drain(s);
        break;
    case NGHTTP2_SETTINGS:
        if (is_ack)
            s->settings_since_ms = 0;
        break;
    default:
        break;
    }
    return 0;
}

static int on_frame_sent(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *arg)
{
    (void)nghttp2;
    struct gw_http2_session *s = arg;
    bool may_end = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (frame->hd.type == NGHTTP2_RST_STREAM)
        gw_http2_guard_reset_sent(s, frame->rst_stream.error_code);
    else if (may_end && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
        gw_http2_stream_answered(stream_of(s, frame->hd.stream_id));
    return 0;
}

static int on_frame_not_sent(nghttp2_session *nghttp2, const nghttp2_frame *frame, int error,
                             void *arg)
{
    (void)error;
    (void)arg;
    int32_t id = frame->hd.stream_id;
    /* Headers that are too long for nghttp2: without them the answer would never end. A stream that
     * its client has reset meanwhile has ended. */
    if (frame->hd.type == NGHTTP2_HEADERS && nghttp2_session_find_stream(nghttp2, id) != NULL)
        nghttp2_submit_rst_stream(nghttp2, NGHTTP2_FLAG_NONE, id, NGHTTP2_INTERNAL_ERROR);
    return 0;
}

static int on_stream_close(nghttp2_session *nghttp2, int32_t id, uint32_t error_code, void *arg)
{
    (void)nghttp2;
    (void)error_code;
    gw_http2_stream_destroy(stream_of(arg, id));
    return 0;
}

/* --- input --- */

/* After all that has come in was taken, so that a request cancelled in the same read is gone before
 * a handler sees it. */
static void tell_handlers(struct gw_http2_session *s)
{
    while (!s->ending && !h2o_linklist_is_empty(&s->news)) {
        struct gw_http2_stream *stream =
            H2O_STRUCT_FROM_MEMBER(struct gw_http2_stream, news, s->news.next);
        h2o_linklist_unlink(&stream->news);
        gw_http2_stream_tell(stream);
    }
}

static nghttp2_frame_hd parse_head(const uint8_t *bytes)
{
    return (nghttp2_frame_hd){
        .length = (size_t)bytes[0] << 16 | (size_t)bytes[1] << 8 | bytes[2],
        .type = bytes[3],
        .flags = bytes[4],
        .stream_id = (int32_t)((bytes[5] & 0x7fu) << 24 | (uint32_t)bytes[6] << 16 |
                               (uint32_t)bytes[7] << 8 | bytes[8]),
    };
}

/* How much of a frame is to be there before it is looked at: of PRIORITY, which nghttp2 passes
 * over, what it depends on too. */
static size_t look_bytes(const nghttp2_frame_hd *head)
{
    bool is_priority = head->type == NGHTTP2_PRIORITY && head->length == GW_HTTP2_PRIORITY_BYTES;
    return FRAME_HEAD_BYTES + (is_priority ? GW_HTTP2_PRIORITY_BYTES : 0);
}

static void begin_frame(struct gw_http2_session *s, const nghttp2_frame_hd *head,
                        const uint8_t *payload)
{
    bool is_head = head->type == NGHTTP2_HEADERS || head->type == NGHTTP2_CONTINUATION;
    s->frame.left = FRAME_HEAD_BYTES + head->length;
    s->frame.ends_headers = is_head && (head->flags & NGHTTP2_FLAG_END_HEADERS) != 0;
    if (is_head && s->headers_since_ms == 0)
        s->headers_since_ms = gw_http2_now_ms(s);
    gw_http2_guard_frame(s, head, payload);
}

/* What nghttp2 is given next: the rest of a frame, as far as it is there; 0: nothing. */
static size_t next_piece(struct gw_http2_session *s)
{
    const h2o_buffer_t *input = s->sock->input;
    if (s->frame.left == 0) {
        if (input->size < FRAME_HEAD_BYTES)
            return 0;
        const uint8_t *bytes = (const uint8_t *)input->bytes;
        nghttp2_frame_hd head = parse_head(bytes);
        if (input->size < look_bytes(&head))
            return 0;
        begin_frame(s, &head, bytes + FRAME_HEAD_BYTES);
    }
    return s->frame.left < input->size ? s->frame.left : input->size;
}

/* Frame by frame, so that each is looked at when nghttp2 knows of all before it. False: the
 * connection is gone. */
static bool take_input(struct gw_http2_session *s)
{
    size_t piece;
    while (!s->ending && (piece = next_piece(s)) > 0) {
        ssize_t n =
            nghttp2_session_mem_recv(s->nghttp2, (const uint8_t *)s->sock->input->bytes, piece);
        if (n < 0 || gw_http2_guard_is_flooded(s)) {
            if (n >= 0 || n == NGHTTP2_ERR_FLOODED || n == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS)
                gw_http2_count_limit(s, GW_LIMIT_CONTROL_FRAMES);
            destroy(s);
            return false;
        }
        h2o_buffer_consume(&s->sock->input, (size_t)n);
        s->frame.left -= (size_t)n;
        if (s->frame.left == 0 && s->frame.ends_headers)
            s->headers_since_ms = 0;
    }
    if (s->ending)
        h2o_buffer_consume(&s->sock->input, s->sock->input->size);
    return true;
}

static void on_read(h2o_socket_t *sock, const char *error)
{
    struct gw_http2_session *s = sock->data;
    if (error != NULL) {
        destroy(s);
        return;
    }
    if (s->nghttp2 == NULL) {
        h2o_buffer_consume(&sock->input, sock->input->size);
        return;
    }
    if (!take_input(s))
        return;
    tell_handlers(s);
    gw_http2_flush_later(s);
}

/* --- a new connection --- */

static socklen_t get_sockname(h2o_conn_t *conn, struct sockaddr *sa)
{
    return h2o_socket_getsockname(((struct gw_http2_session *)conn)->sock, sa);
}

static socklen_t get_peername(h2o_conn_t *conn, struct sockaddr *sa)
{
    return h2o_socket_getpeername(((struct gw_http2_session *)conn)->sock, sa);
}

static h2o_socket_t *get_socket(h2o_conn_t *conn)
{
    return ((struct gw_http2_session *)conn)->sock;
}

/* nghttp2 ends the connection of a client that has acknowledged how many requests it may begin, and
 * begins one more. So this setting is put behind those that nghttp2 knows, and on_begin_headers
 * refuses that one request (RFC 9113 section 5.1.2). */
static void announce_settings(struct gw_http2_session *s, const nghttp2_settings_entry *known,
                              size_t count)
{
    const nghttp2_settings_entry own = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                                        gw_http2_limits(s)->concurrent_streams};
    uint8_t entry[SETTING_BYTES];
    nghttp2_submit_settings(s->nghttp2, NGHTTP2_FLAG_NONE, known, count);
    gw_h2_output_collect(&s->output, s->nghttp2);
    nghttp2_pack_settings_payload(entry, sizeof(entry), &own, 1);
    gw_buf_append(&s->output.bytes, gw_slice(entry, sizeof(entry)));
    gw_h2_output_lengthen(&s->output, 0);
}

static void open_session(struct gw_http2_session *s, const struct gw_http2_shared *shared)
{
    const struct gw_config_limits *limits = gw_http2_limits(s);
    nghttp2_mem memory = gw_h2_memory(s->worker->loop);
    if (nghttp2_session_server_new3(&s->nghttp2, shared->callbacks, s, shared->options, &memory) !=
        0)
        h2o_fatal("no memory");
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)limits->header_bytes},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    announce_settings(s, settings, sizeof(settings) / sizeof(*settings));
    nghttp2_session_set_local_window_size(s->nghttp2, NGHTTP2_FLAG_NONE, 0,
                                          CONNECTION_WINDOW_BYTES);
}

struct gw_http2_session *gw_http2_session_create(struct gw_worker *worker, h2o_socket_t *sock,
                                                 const struct gw_http2_shared *shared)
{
    static const h2o_conn_callbacks_t callbacks = {
        .get_sockname = get_sockname,
        .get_peername = get_peername,
        .get_socket = get_socket,
    };
    struct gw_http2_session *s =
        (void *)h2o_create_connection(sizeof(*s), &worker->h2o, worker->frontend->h2o.hosts,
                                      *h2o_get_timestamp(&worker->h2o, NULL, NULL), &callbacks);
    memset((char *)s + sizeof(s->super), 0, sizeof(*s) - sizeof(s->super));
    s->worker = worker;
    s->sock = sock;
    s->sock->data = s;
    s->flush.fn = on_flush;
    s->output.recycler = gw_loop_recycler(s->worker->loop);
    s->output.on_headers = on_headers_out;
    h2o_linklist_init_anchor(&s->streams);
    h2o_linklist_init_anchor(&s->leftovers);
    h2o_linklist_init_anchor(&s->news);
    h2o_linklist_init_anchor(&s->writable);
    s->frame.left = NGHTTP2_CLIENT_MAGIC_LEN;
    s->settings_since_ms = s->idle_since_ms = gw_http2_now_ms(s);
    gw_http2_guard_init(s);
    open_session(s, shared);
    return s;
}

void gw_http2_session_start(struct gw_http2_session *s)
{
    h2o_socket_read_start(s->sock, on_read);
    on_read(s->sock, NULL);
}

void gw_http2_shared_init(struct gw_http2_shared *shared)
{
    nghttp2_session_callbacks *cb;
    if (nghttp2_session_callbacks_new(&cb) != 0 || nghttp2_option_new(&shared->options) != 0)
        h2o_fatal("no memory");
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(cb, on_frame_not_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
    nghttp2_session_callbacks_set_send_data_callback(cb, on_send_data);
    shared->callbacks = cb;
    nghttp2_option_set_no_auto_window_update(shared->options, 1);
    nghttp2_option_set_no_closed_streams(shared->options, 1);
    /* http2_guard.c has a limit of its own, which is told. */
    nghttp2_option_set_stream_reset_rate_limit(shared->options, UINT32_MAX, UINT32_MAX);
}

void gw_http2_shared_dispose(struct gw_http2_shared *shared)
{
    nghttp2_session_callbacks_del(shared->callbacks);
    nghttp2_option_del(shared->options);
}

/* --- time limits --- */

static bool is_over(uint64_t since_ms, uint64_t now_ms, uint64_t limit_ms)
{
    return since_ms != 0 && now_ms - since_ms >= limit_ms;
}

static uint64_t bytes_taken(const struct gw_http2_session *s)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof(info);
    getsockopt(h2o_socket_get_fd(s->sock), IPPROTO_TCP, TCP_INFO, &info, &length);
    return info.tcpi_bytes_acked;
}

/* The kernel knows whether a client that has not taken all of a write takes anything. */
static bool is_stuck(struct gw_http2_session *s, uint64_t now_ms)
{
    if (s->write_since_ms == 0)
        return false;
    uint64_t taken = bytes_taken(s);
    if (taken != s->bytes_taken)
        s->write_since_ms = now_ms;
    s->bytes_taken = taken;
    return is_over(s->write_since_ms, now_ms, gw_http2_limits(s)->write_timeout_ms);
}

static void sweep_streams(struct gw_http2_session *s, uint64_t now_ms)
{
    for (h2o_linklist_t *at = s->streams.next, *next; at != &s->streams; at = next) {
        next = at->next;
        gw_http2_stream_sweep(H2O_STRUCT_FROM_MEMBER(struct gw_http2_stream, link, at), now_ms);
    }
    gw_http2_leftovers_sweep(s, now_ms);
}

void gw_http2_session_sweep(struct gw_http2_session *s, uint64_t now_ms)
{
    const struct gw_config_limits *limits = gw_http2_limits(s);
    if (is_stuck(s, now_ms)) {
        gw_http2_count_limit(s, GW_LIMIT_WRITE_TIMEOUT);
        destroy(s);
        return;
    }
    if (s->nghttp2 == NULL) {
        if (is_over(s->linger_since_ms, now_ms, LINGER_MS))
            destroy(s);
        return;
    }
    if (is_over(s->settings_since_ms, now_ms, limits->header_timeout_ms))
        gw_http2_over_limit(s, GW_LIMIT_HEADER_TIMEOUT, NGHTTP2_SETTINGS_TIMEOUT);
    else if (is_over(s->headers_since_ms, now_ms, limits->header_timeout_ms))
        gw_http2_over_limit(s, GW_LIMIT_HEADER_TIMEOUT, NGHTTP2_ENHANCE_YOUR_CALM);
    else if (is_over(s->idle_since_ms, now_ms, limits->idle_timeout_ms))
        gw_http2_over_limit(s, GW_LIMIT_IDLE_TIMEOUT, NGHTTP2_NO_ERROR);
    if (is_over(s->parting_since_ms, now_ms, limits->request_timeout_ms) && !s->ending)
        end_at_once(s, NGHTTP2_ENHANCE_YOUR_CALM);
    if (is_over(s->drain_since_ms, now_ms, LAST_CALL_MS))
        end_drain(s);
    sweep_streams(s, now_ms);
}
