/* What pages of other origins may do, and what their browsers are told of it (Fetch standard, CORS
 * protocol). The browser enforces; a request is served whatever its origin. */
#ifndef GW_FRONTEND_CORS_H
#define GW_FRONTEND_CORS_H

#include "config/config.h"

struct gw_exchange;

/* --- pure --- */

/* `origin` is the header's value; empty is none, and never allowed by name. */
bool gw_cors_allows_origin(const struct gw_config_cors *cors, struct gw_slice origin);
/* Of a method that the path has. */
bool gw_cors_allows_method(const struct gw_config_cors *cors, struct gw_slice method);
/* `names` is the value of Access-Control-Request-Headers; empty asks for nothing. */
bool gw_cors_allows_headers(const struct gw_config_cors *cors, struct gw_slice names);

/* --- answers --- */

/* Adds to an answer what x->cors has to say. */
void gw_cors_add_headers(struct gw_exchange *x);
/* Answers a preflight request for a path that has a route with `cors`: 204, with headers only where
 * what it asks for is allowed. False, and no answer, for every other request. */
bool gw_cors_serve_preflight(struct gw_exchange *x, struct gw_slice path);

#endif
