/* An answer of many messages: each goes out as soon as it is in, and the next is asked for only
 * when libh2o has taken what there is, so that a slow reader holds the backend back. */
#ifndef GW_FRONTEND_STREAM_H
#define GW_FRONTEND_STREAM_H

#include "frontend/exchange_internal.h"

/* How such an answer is written in a client's protocol. All functions are required but the last. */
struct gw_stream_form {
    /* The backend's initial metadata; nothing has gone out yet. */
    void (*take_headers)(struct gw_exchange *x, const struct gw_metadata *headers);
    /* The answer begins, with status 200: adds its headers. */
    void (*begin)(struct gw_exchange *x);
    /* Appends a message that `count` others stand before. -1 and an error where it cannot be told;
     * what was appended is then dropped. */
    int (*append_message)(struct gw_exchange *x, struct gw_slice message, uint64_t count,
                          struct gw_buf *out, struct gw_error *error);
    /* Appends how the call ended, or was given up, behind `count` messages. True: the connection is
     * to be broken off behind that, so that nobody takes the answer for whole. */
    bool (*append_end)(struct gw_exchange *x, const struct gw_call_result *result, uint64_t count,
                       struct gw_buf *out);
    /* Answers a call that failed before anything was sent. */
    void (*answer_failure)(struct gw_exchange *x, const struct gw_call_result *result);
    /* Where the protocol can tell later failures as well as early ones: the answer begins as soon
     * as the backend's headers are in, before there is a message. Only over HTTP/2. */
    bool begins_with_headers;
    /* What is sent while there is no message; may be empty. NULL: nothing. */
    struct gw_slice (*heartbeat)(const struct gw_exchange *x);
};

/* For the call of an exchange that has a stream; their `arg` is the exchange. */
extern const struct gw_call_callbacks gw_stream_callbacks;

/* Makes x->stream, in the request's pool. */
void gw_stream_create(struct gw_exchange *x, const struct gw_stream_form *form);
/* x->call has been started: asks for its first message. */
void gw_stream_begin(struct gw_stream *stream);
/* Hooks do not hold the answer back any more. */
void gw_stream_go_on(struct gw_stream *stream);
/* Something else is answered; nothing of the stream has gone out. */
void gw_stream_withdraw(struct gw_stream *stream);
/* A message has gone the other way: the stream is not idle. */
void gw_stream_moved(struct gw_stream *stream);
/* The call is over: ends the answer, or answers with what went wrong. */
void gw_stream_end(struct gw_stream *stream, const struct gw_call_result *result);
/* The client has left: returns false where nothing was answered yet, and the exchange is to say
 * so. The call has been cancelled. The stream may be gone afterwards. */
bool gw_stream_abandon(struct gw_stream *stream);
/* With the request. NULL is allowed. */
void gw_stream_dispose(struct gw_stream *stream);

#endif
