/* HTTP/2 (RFC 9113): nghttp2 sessions on libh2o's sockets, as one more protocol of libh2o's core.
 * Requests reach the same handlers and filters as those of HTTP/1.1, but when their headers are in;
 * for the rest see request_body.h. A request whose client resets it, or leaves, is disposed of at
 * once. Worker-local. */
#ifndef GW_FRONTEND_HTTP2_H
#define GW_FRONTEND_HTTP2_H

#include <h2o.h>

#include "base/slice.h"
#include "frontend/request_fault.h"

struct gw_connection;
struct gw_http2;
struct gw_request_body;
struct gw_worker;

/* A worker's sessions, and what they share. */
struct gw_http2 *gw_http2_create(struct gw_worker *worker);
/* After gw_http2_close. */
void gw_http2_destroy(struct gw_http2 *http2);

enum gw_http2_preface {
    GW_HTTP2_PREFACE_ABSENT,
    GW_HTTP2_PREFACE_INCOMPLETE,
    GW_HTTP2_PREFACE_PRESENT
};

/* Do a connection's first bytes begin with the client preface (RFC 9113 section 3.4)? */
enum gw_http2_preface gw_http2_preface_check(struct gw_slice bytes);

/* Serves HTTP/2 on a connection, beginning with what is in the socket's input already. */
void gw_http2_accept(struct gw_connection *connection);

/* Applies the time limits. About once a second. */
void gw_http2_sweep(struct gw_http2 *http2);
/* Tells all clients to go elsewhere (GOAWAY); closes each connection after its last request. */
void gw_http2_drain(struct gw_http2 *http2);
/* Ends all requests and connections. */
void gw_http2_close(struct gw_http2 *http2);

/* Says on standard error that a client cancels most of its requests, and is not served any more. */
void gw_http2_tell_parting(struct gw_http2 *http2, const struct gw_connection *connection);

/* --- of a request whose version is 0x200 --- */

struct gw_request_body *gw_http2_request_body(h2o_req_t *req);
struct gw_request_fault gw_http2_fault(const h2o_req_t *req);
/* Ends the request and its answer, soon: not from within. */
void gw_http2_reset(h2o_req_t *req);
/* The client, which speaks gRPC, ends a call when it has the status: what it still has to send is
 * not waited for, and the stream reset without an error right behind the answer. */
void gw_http2_end_when_answered(h2o_req_t *req);
/* Trailers of the answer, to be sent behind its body; before the last h2o_send. Names are lower
 * case; they and the values live as long as the request. */
void gw_http2_set_trailers(h2o_req_t *req, const h2o_headers_t *trailers);
/* What the client takes of an answer's header list: its SETTINGS_MAX_HEADER_LIST_SIZE, which counts
 * as RFC 9113 section 10.5.1 says, but 64 KiB at most, because nghttp2 sends no more. Some clients
 * end the connection for more. */
size_t gw_http2_max_header_list(h2o_req_t *req);

#endif
