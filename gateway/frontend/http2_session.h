/* One HTTP/2 connection. Worker-local; private to http2*.c. */
#ifndef GW_FRONTEND_HTTP2_SESSION_H
#define GW_FRONTEND_HTTP2_SESSION_H

#include <h2o.h>
#include <nghttp2/nghttp2.h>

#include "frontend/http2.h"
#include "base/budget.h"
#include "frontend/internal.h"
#include "grpc/h2_output.h"

struct gw_http2_session {
    h2o_conn_t super; /* what libh2o's core sees of it */
    struct gw_worker *worker;
    h2o_socket_t *sock;
    nghttp2_session *nghttp2; /* NULL: lingering */
    h2o_linklist_t link;
    h2o_linklist_t streams;   /* requests that are not answered yet */
    h2o_linklist_t leftovers; /* the others, whose clients send on; the oldest first */
    size_t stream_count, leftover_count;
    h2o_linklist_t news;             /* streams whose handler is to learn something */
    h2o_linklist_t writable;         /* streams whose generator may go on */
    struct gw_http2_stream *head_of; /* whose header block is coming in, or came in last */
    struct gw_task flush;
    struct gw_h2_output output;
    size_t held_bytes; /* of the worker's request_memory, for the output that is being written */
    struct gw_budget early_resets, control_frames, dropped_bytes;
    bool ending;          /* GOAWAY with an error is on its way; nothing more is read */
    size_t late_requests; /* begun behind a GOAWAY that ends the connection after its requests */
    bool draining;
    struct {
        size_t left; /* bytes of the frame that is coming in */
        bool ends_headers;
    } frame;
    struct {
        int32_t first, last; /* streams' numbers; 0: none yet */
        bool is_broken;      /* not every one between was begun, or one was reset by us */
    } order;
    /* When what is being waited for began; 0: it is not. */
    uint64_t headers_since_ms;  /* the rest of a header block */
    uint64_t settings_since_ms; /* SETTINGS to be acknowledged */
    uint64_t idle_since_ms;     /* a request */
    uint64_t write_since_ms;    /* the client to take more bytes */
    uint64_t drain_since_ms;    /* the client to have read that it is to go */
    uint64_t parting_since_ms;  /* the requests to end, none being taken any more */
    uint64_t linger_since_ms;   /* the client's end */
    uint64_t bytes_taken;       /* by the client, when last looked at */
};

static inline const struct gw_config_limits *gw_http2_limits(const struct gw_http2_session *session)
{
    return &session->worker->frontend->config->limits;
}

static inline uint64_t gw_http2_now_ms(const struct gw_http2_session *session)
{
    return gw_loop_now_ms(session->worker->loop);
}

/* What sessions share. */
struct gw_http2_shared {
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *options;
};

void gw_http2_shared_init(struct gw_http2_shared *shared);
void gw_http2_shared_dispose(struct gw_http2_shared *shared);

/* Takes the socket. */
struct gw_http2_session *gw_http2_session_create(struct gw_worker *worker, h2o_socket_t *sock,
                                                 const struct gw_http2_shared *shared);
/* Begins with what is in the socket's input already. The session may be gone afterwards. */
void gw_http2_session_start(struct gw_http2_session *session);
/* Says that the client is to go elsewhere; closes after the last request. */
void gw_http2_session_drain(struct gw_http2_session *session);
/* Applies the time limits. The session may be gone afterwards. */
void gw_http2_session_sweep(struct gw_http2_session *session, uint64_t now_ms);
/* Ends its requests, and closes at once. */
void gw_http2_session_close(struct gw_http2_session *session);

/* --- for http2*.c --- */

/* Sends what is queued at the end of this turn. */
void gw_http2_flush_later(struct gw_http2_session *session);
void gw_http2_count_limit(struct gw_http2_session *session, enum gw_limit limit);
/* Ends the connection with GOAWAY because its client went over a limit, and its requests with it.
 */
void gw_http2_over_limit(struct gw_http2_session *session, enum gw_limit limit,
                         uint32_t error_code);

/* The same, but its requests are answered first: GOAWAY names the last of them. */
void gw_http2_part(struct gw_http2_session *session, enum gw_limit limit, uint32_t error_code);
/* A request has begun behind that. */
void gw_http2_refuse_late(struct gw_http2_session *session);

#endif
