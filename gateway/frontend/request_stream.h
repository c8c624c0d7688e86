/* A request of many messages: cut out of the body, translated one by one or sent on as they are,
 * and no faster than the backend takes them. */
#ifndef GW_FRONTEND_REQUEST_STREAM_H
#define GW_FRONTEND_REQUEST_STREAM_H

#include "frontend/exchange_internal.h"

/* Makes x->request_stream, in the request's pool, and begins to read x->body; x->call has been
 * started. */
void gw_request_stream_begin(struct gw_exchange *x, const struct gw_message_source *source);
/* The same for messages that go on as they are, framed. */
void gw_request_stream_begin_framed(struct gw_exchange *x);
/* The on_sent of calls; `arg` is their exchange, which need not have a request stream. */
void gw_request_stream_on_sent(void *arg);
/* With the request. NULL is allowed. */
void gw_request_stream_dispose(struct gw_request_stream *stream);

#endif
