/* What an HTTP/2 client may do that brings nothing: budgets, and frames out of order.
 * Worker-local; private to http2*.c. */
#ifndef GW_FRONTEND_HTTP2_GUARD_H
#define GW_FRONTEND_HTTP2_GUARD_H

#include "frontend/http2_stream.h"

/* The length of PRIORITY's payload, RFC 9113 section 6.3. */
#define GW_HTTP2_PRIORITY_BYTES 5

void gw_http2_guard_init(struct gw_http2_session *session);

/* To be called for every frame before nghttp2 takes it, those that it will pass over too. `payload`
 * is looked at where it is that of a PRIORITY frame of the right length. */
void gw_http2_guard_frame(struct gw_http2_session *session, const nghttp2_frame_hd *head,
                          const uint8_t *payload);
/* A request has begun. */
void gw_http2_guard_request(struct gw_http2_session *session, int32_t stream_id);
/* The client, or nghttp2 or we, have reset a stream. `stream` may be NULL. */
void gw_http2_guard_reset_received(struct gw_http2_session *session,
                                   const struct gw_http2_stream *stream);
void gw_http2_guard_reset_sent(struct gw_http2_session *session, uint32_t error_code);
/* A request is answered, and n bytes of it are dropped, for which its client is to get window.
 * False: it has sent enough of those. */
bool gw_http2_guard_drop(struct gw_http2_session *session, uint64_t n);
/* A request is answered. */
void gw_http2_guard_answered(struct gw_http2_session *session);
/* DATA of an answer was sent. */
void gw_http2_guard_progress(struct gw_http2_session *session);
/* A client that has us queue frames and does not take them. */
bool gw_http2_guard_is_flooded(const struct gw_http2_session *session);

#endif
