/* A server that does what a test tells it to, and its side of a loop: an nghttp2 server session, or
 * raw bytes. It runs in the test's thread, between the loop's turns. */
#ifndef TESTS_UNIT_GRPC_PEER_H
#define TESTS_UNIT_GRPC_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <nghttp2/nghttp2.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/loop.h"
#include "grpc/call.h"

#define PEER_STREAMS 512

struct peer;

struct peer_stream {
    struct peer *peer;
    int32_t id;
    struct gw_buf head;   /* "name: value\n" each */
    struct gw_buf body;   /* what came */
    struct gw_buf out;    /* what is to be sent */
    nghttp2_nv *trailers; /* after `out`; NULL: more may come */
    size_t trailer_count;
    bool end_without_trailers;
    bool ended, closed;
    uint32_t error_code;
};

struct peer {
    int listener, fd;
    uint16_t port;
    bool raw;     /* no session: bytes are only collected */
    bool stalled; /* does not read */
    nghttp2_session *session;
    struct gw_buf received;   /* in raw mode */
    size_t bytes;             /* read so far */
    uint32_t max_streams;     /* 0: not told */
    uint32_t max_header_list; /* 0: not announced */
    bool hold_settings;
    int connections;
    struct peer_stream streams[PEER_STREAMS];
    size_t stream_count;
    /* When the request's headers are in, and when it has ended. Optional. */
    void (*on_headers)(struct peer_stream *stream);
    void (*on_request)(struct peer_stream *stream);
};

static inline struct peer_stream *peer_stream(struct peer *peer, int32_t id)
{
    for (size_t i = 0; i < peer->stream_count; i++) {
        if (peer->streams[i].id == id)
            return &peer->streams[i];
    }
    return NULL;
}

static inline int peer_on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame,
                                        void *arg)
{
    (void)session;
    struct peer *peer = arg;
    assert_true(peer->stream_count < PEER_STREAMS);
    struct peer_stream *stream = &peer->streams[peer->stream_count++];
    stream->peer = peer;
    stream->id = frame->hd.stream_id;
    return 0;
}

static inline int peer_on_header(nghttp2_session *session, const nghttp2_frame *frame,
                                 const uint8_t *name, size_t name_length, const uint8_t *value,
                                 size_t value_length, uint8_t flags, void *arg)
{
    (void)session, (void)flags;
    struct peer_stream *stream = peer_stream(arg, frame->hd.stream_id);
    gw_buf_printf(&stream->head, "%.*s: %.*s\n", (int)name_length, (const char *)name,
                  (int)value_length, (const char *)value);
    return 0;
}

static inline int peer_on_data(nghttp2_session *session, uint8_t flags, int32_t id,
                               const uint8_t *data, size_t length, void *arg)
{
    (void)session, (void)flags;
    gw_buf_append(&peer_stream(arg, id)->body, gw_slice(data, length));
    return 0;
}

static inline int peer_on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    (void)session;
    struct peer *peer = arg;
    struct peer_stream *stream = peer_stream(peer, frame->hd.stream_id);
    if (stream == NULL)
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS && peer->on_headers != NULL)
        peer->on_headers(stream);
    if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
        stream->ended = true;
        if (peer->on_request != NULL)
            peer->on_request(stream);
    }
    return 0;
}

static inline int peer_on_stream_close(nghttp2_session *session, int32_t id, uint32_t error_code,
                                       void *arg)
{
    (void)session;
    struct peer_stream *stream = peer_stream(arg, id);
    stream->closed = true;
    stream->error_code = error_code;
    return 0;
}

static inline ssize_t peer_read_out(nghttp2_session *session, int32_t id, uint8_t *out,
                                    size_t capacity, uint32_t *flags, nghttp2_data_source *source,
                                    void *arg)
{
    (void)arg;
    struct peer_stream *stream = source->ptr;
    size_t n = stream->out.len < capacity ? stream->out.len : capacity;
    if (n > 0)
        memcpy(out, stream->out.base, n);
    gw_buf_consume(&stream->out, n);
    if (stream->out.len == 0 && stream->trailers != NULL) {
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        nghttp2_submit_trailer(session, id, stream->trailers, stream->trailer_count);
    } else if (stream->out.len == 0 && stream->end_without_trailers) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    } else if (n == 0) {
        return NGHTTP2_ERR_DEFERRED;
    }
    return (ssize_t)n;
}

/* The length of what is written as a literal. */
#define NV(name, value)                                                                            \
    {                                                                                              \
        (uint8_t *)(name), (uint8_t *)(value), sizeof(name) - 1, sizeof(value) - 1, 0              \
    }

static inline void peer_send_headers(struct peer_stream *stream, const nghttp2_nv *nv, size_t count)
{
    nghttp2_data_provider body = {.source.ptr = stream, .read_callback = peer_read_out};
    nghttp2_submit_response(stream->peer->session, stream->id, nv, count, &body);
}

static inline void peer_send_grpc_headers(struct peer_stream *stream)
{
    nghttp2_nv nv[] = {NV(":status", "200"), NV("content-type", "application/grpc")};
    peer_send_headers(stream, nv, 2);
}

static inline void peer_send_bytes(struct peer_stream *stream, struct gw_slice bytes)
{
    gw_buf_append(&stream->out, bytes);
    nghttp2_session_resume_data(stream->peer->session, stream->id);
}

static inline void peer_send_message(struct peer_stream *stream, struct gw_slice message)
{
    char prefix[GW_GRPC_PREFIX_BYTES];
    gw_grpc_prefix_write(prefix, (uint32_t)message.len);
    gw_buf_append(&stream->out, gw_slice(prefix, sizeof(prefix)));
    peer_send_bytes(stream, message);
}

/* `nv` must live on. */
static inline void peer_send_trailers(struct peer_stream *stream, nghttp2_nv *nv, size_t count)
{
    stream->trailers = nv;
    stream->trailer_count = count;
    nghttp2_session_resume_data(stream->peer->session, stream->id);
}

static inline void peer_send_ok(struct peer_stream *stream)
{
    static nghttp2_nv ok[] = {NV("grpc-status", "0")};
    peer_send_trailers(stream, ok, 1);
}

/* Answers with the request's own first message. */
static inline void peer_echo(struct peer_stream *stream)
{
    peer_send_grpc_headers(stream);
    peer_send_bytes(stream, gw_buf_slice(&stream->body));
    peer_send_ok(stream);
}

static inline void peer_reset(struct peer_stream *stream, uint32_t error_code)
{
    nghttp2_submit_rst_stream(stream->peer->session, 0, stream->id, error_code);
}

static inline void peer_start(struct peer *peer)
{
    *peer = (struct peer){.fd = -1, .max_streams = 100};
    peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(peer->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(peer->listener, 16), 0);
    socklen_t length = sizeof(address);
    getsockname(peer->listener, (struct sockaddr *)&address, &length);
    peer->port = ntohs(address.sin_port);
}

static inline void peer_disconnect(struct peer *peer)
{
    if (peer->fd >= 0)
        close(peer->fd);
    peer->fd = -1;
    nghttp2_session_del(peer->session);
    peer->session = NULL;
}

static inline void peer_forget_streams(struct peer *peer)
{
    for (size_t i = 0; i < peer->stream_count; i++) {
        gw_buf_dispose(&peer->streams[i].head);
        gw_buf_dispose(&peer->streams[i].body);
        gw_buf_dispose(&peer->streams[i].out);
        peer->streams[i] = (struct peer_stream){0};
    }
    peer->stream_count = 0;
}

static inline void peer_stop(struct peer *peer)
{
    peer_disconnect(peer);
    if (peer->listener >= 0)
        close(peer->listener);
    peer_forget_streams(peer);
    gw_buf_dispose(&peer->received);
}

static inline void peer_send_settings(struct peer *peer)
{
    nghttp2_settings_entry entries[2];
    size_t count = 0;
    if (peer->max_streams)
        entries[count++] =
            (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, peer->max_streams};
    if (peer->max_header_list)
        entries[count++] =
            (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, peer->max_header_list};
    nghttp2_submit_settings(peer->session, 0, entries, count);
}

static inline void peer_accept(struct peer *peer)
{
    peer->fd = accept4(peer->listener, NULL, NULL, SOCK_NONBLOCK);
    if (peer->fd < 0)
        return;
    peer->connections++;
    if (peer->raw)
        return;
    nghttp2_session_callbacks *callbacks;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, peer_on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, peer_on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, peer_on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, peer_on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, peer_on_stream_close);
    nghttp2_option *option;
    nghttp2_option_new(&option);
    nghttp2_option_set_max_send_header_block_length(option, 1 << 20);
    nghttp2_session_server_new2(&peer->session, callbacks, peer, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    if (!peer->hold_settings)
        peer_send_settings(peer);
}

static inline void peer_flush(struct peer *peer)
{
    const uint8_t *bytes;
    ssize_t n;
    while (peer->session != NULL && (n = nghttp2_session_mem_send(peer->session, &bytes)) > 0) {
        for (ssize_t at = 0; at < n;) {
            ssize_t sent = send(peer->fd, bytes + at, (size_t)(n - at), MSG_NOSIGNAL);
            if (sent < 0 && errno != EAGAIN)
                return;
            at += sent > 0 ? sent : 0;
        }
    }
}

/* Reads what is there and sends what is to be sent. */
static inline void peer_pump(struct peer *peer)
{
    if (peer->fd < 0 && peer->listener >= 0)
        peer_accept(peer);
    if (peer->fd < 0)
        return;
    static uint8_t in[65536];
    ssize_t n;
    while (!peer->stalled && (n = read(peer->fd, in, sizeof(in))) > 0) {
        peer->bytes += (size_t)n;
        if (peer->raw)
            gw_buf_append(&peer->received, gw_slice(in, (size_t)n));
        else if (nghttp2_session_mem_recv(peer->session, in, (size_t)n) < 0)
            peer_disconnect(peer);
        if (peer->fd < 0)
            return;
    }
    peer_flush(peer);
}

#endif
