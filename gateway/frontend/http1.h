/* HTTP/1.1 by libh2o, and what stands between it and a connection's bytes: the strict look at each
 * request's head, and the time limits, of which libh2o has but one. Worker-local. */
#ifndef GW_FRONTEND_HTTP1_H
#define GW_FRONTEND_HTTP1_H

#include <h2o.h>
#include <stdbool.h>

struct gw_connection;
struct gw_exchange;

/* Looks at a head that is coming in. False: it is not all there. One that is refused has been
 * replaced, so that libh2o makes a request of it, which has http1.fault. */
bool gw_http1_admit(struct gw_connection *connection);
/* Has libh2o serve the connection, whose first head was admitted. */
void gw_http1_serve(struct gw_connection *connection);

/* A request is under way; the client is waited for no more. */
void gw_http1_request_begun(struct gw_connection *connection, struct gw_exchange *exchange);
/* It is over, and libh2o is about to go on to the next. */
void gw_http1_request_done(struct gw_connection *connection, const h2o_req_t *req);
/* The connection ends. One that was never served is allowed. */
void gw_http1_dispose(struct gw_connection *connection);

/* What the client should have sent has not come in time. Before the first head was admitted, too.
 * It is told 408 if anything has come, and the connection ends. */
void gw_http1_late(struct gw_connection *connection);
/* Ends a connection on which nothing is under way. */
void gw_http1_close(struct gw_connection *connection);

#endif
