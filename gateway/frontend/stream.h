/* An answer of many messages: each goes out as soon as it is in, and the next is asked for only
 * when libh2o has taken what there is, so that a slow reader holds the backend back. */
#ifndef GW_FRONTEND_STREAM_H
#define GW_FRONTEND_STREAM_H

#include "frontend/exchange_internal.h"
#include "frontend/stream_format.h"

/* For the call of an exchange that has a stream; their `arg` is the exchange. */
extern const struct gw_call_callbacks gw_stream_callbacks;

/* Makes x->stream, in the request's pool. */
void gw_stream_create(struct gw_exchange *x, const struct gw_stream_format *format);
/* x->call has been started: asks for its first message. */
void gw_stream_begin(struct gw_stream *stream);
/* A message has gone the other way: the stream is not idle. */
void gw_stream_moved(struct gw_stream *stream);
/* The call is over, and did not go well: ends the answer with the error, or answers with it. */
void gw_stream_fail(struct gw_stream *stream, int http_status, int code, struct gw_slice message,
                    struct gw_slice details);
/* The client has left: returns false where nothing was answered yet, and the exchange is to say
 * so. The call has been cancelled. The stream may be gone afterwards. */
bool gw_stream_abandon(struct gw_stream *stream);
/* With the request. NULL is allowed. */
void gw_stream_dispose(struct gw_stream *stream);

#endif
