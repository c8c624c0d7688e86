/* One request on an HTTP/2 connection, and its answer. Worker-local; private to http2*.c. */
#ifndef GW_FRONTEND_HTTP2_STREAM_H
#define GW_FRONTEND_HTTP2_STREAM_H

#include "base/digits.h"
#include "frontend/http2_session.h"
#include "frontend/request_body.h"

#define GW_HTTP2_INLINE_BUFS 2

struct gw_http2_stream {
    struct gw_http2_session *session;
    int32_t id;
    uint64_t began_ms;
    uint64_t answered_ms; /* 0: it is not, or not yet to its end */
    h2o_linklist_t link, news, writable;
    struct {
        struct gw_request_fault fault;
        struct gw_request_body body;
        uint64_t granted;                  /* bytes of the body, for which it got window back */
        size_t header_count, header_bytes; /* as SETTINGS_MAX_HEADER_LIST_SIZE counts */
        struct gw_slice host;
        struct gw_buf cookie;
        bool has_headers, is_at_handler, has_ended;
        bool expects_continue; /* RFC 9110 section 10.1.1 */
    } request;
    struct {
        h2o_ostream_t final;
        h2o_iovec_t *bufs; /* what is left of the generator's last piece */
        size_t buf_count;
        h2o_iovec_t inline_bufs[GW_HTTP2_INLINE_BUFS];
        h2o_send_state_t state;
        uint64_t waits_since_ms;                       /* data waits to be framed; 0: none does */
        const h2o_headers_t *trailers;                 /* NULL: none */
        char status[3], content_length[GW_DIGITS_MAX]; /* as text, until they are framed */
        bool has_begun, has_ended, is_bodiless;
        bool ends_request;  /* see gw_http2_end_when_answered */
        bool is_continuing; /* 100 is submitted, and not yet sent */
        bool has_literals;  /* to be appended when nghttp2 has made the headers' frame */
    } response;
    h2o_req_t req;
};

struct gw_http2_stream *gw_http2_stream_create(struct gw_http2_session *session, int32_t id);
/* Disposes of the request. NULL is allowed. */
void gw_http2_stream_destroy(struct gw_http2_stream *stream);

/* --- the request comes in; handlers learn of it by gw_http2_stream_tell --- */

void gw_http2_stream_header(struct gw_http2_stream *stream, struct gw_slice name,
                            struct gw_slice value);
void gw_http2_stream_headers_end(struct gw_http2_stream *stream);
void gw_http2_stream_data(struct gw_http2_stream *stream, struct gw_slice chunk);
void gw_http2_stream_end(struct gw_http2_stream *stream);
/* Not from within nghttp2. */
void gw_http2_stream_tell(struct gw_http2_stream *stream);

/* --- the answer goes out --- */

/* To the end of the session's output, which is a HEADERS frame of this stream. */
void gw_http2_stream_append_literals(struct gw_http2_stream *stream);
/* The bytes of a DATA frame. */
struct gw_slice gw_http2_stream_take(struct gw_http2_stream *stream, size_t length);
/* The answer's end was sent. The stream may be gone afterwards. */
void gw_http2_stream_answered(struct gw_http2_stream *stream);
/* Applies the time limits. */
void gw_http2_stream_sweep(struct gw_http2_stream *stream, uint64_t now_ms);
/* The same for requests that were answered before their end. */
void gw_http2_leftovers_sweep(struct gw_http2_session *session, uint64_t now_ms);

#endif
