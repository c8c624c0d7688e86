/* The request that asks for a WebSocket (RFC 6455 section 4.2): what is wrong with it, and what the
 * answer says. */
#ifndef GW_FRONTEND_WEBSOCKET_HANDSHAKE_H
#define GW_FRONTEND_WEBSOCKET_HANDSHAKE_H

#include <h2o.h>

#include "base/buf.h"
#include "config/config.h"
#include "frontend/request_fault.h"

/* Whether it asks for one at all, be it wrongly. */
bool gw_websocket_is_asked_for(const h2o_req_t *req);
/* 426 another version, 400 a key that is none, 403 a page of another host that `cors` (NULL: there
 * is none) does not name; http_status is 0: none. */
struct gw_request_fault gw_websocket_fault(const h2o_req_t *req, const struct gw_config_cors *cors);
/* Adds the headers of the answer 101, or of 426. */
void gw_websocket_add_headers(h2o_req_t *req);
void gw_websocket_add_version(h2o_req_t *req);

/* --- pure --- */

#define GW_WEBSOCKET_KEY_LENGTH 24

/* The base64 of 16 bytes. */
bool gw_websocket_is_key(struct gw_slice key);
/* Appends Sec-WebSocket-Accept's value. */
void gw_websocket_accept(struct gw_slice key, struct gw_buf *out);
/* Whether Origin ("https://a.example") names the host of Host ("a.example"). */
bool gw_websocket_is_same_host(struct gw_slice origin, struct gw_slice host);

#endif
