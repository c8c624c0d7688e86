/* Methods that stream, over WebSocket (RFC 6455): a text frame is a message, in JSON, in either
 * direction; the code and reason of our close frame are the call's status. */
#ifndef GW_FRONTEND_WEBSOCKET_H
#define GW_FRONTEND_WEBSOCKET_H

#include "frontend/exchange_internal.h"

/* Where the request asks for a WebSocket, and a route of its path leads to a method that streams:
 * takes it over, or answers with what is wrong. False, and no answer, for every other request. */
bool gw_websocket_serve(struct gw_exchange *x, const struct gw_translate_request *request);
/* The same, behind x->route's hooks. */
void gw_websocket_open(struct gw_exchange *x, const struct gw_translate_request *request);

/* Ends all of the worker's calls over WebSocket, with code 1001. */
void gw_websockets_drain(struct gw_worker *worker);
/* Closes all sockets, without a word. */
void gw_websockets_close(struct gw_worker *worker);

#endif
