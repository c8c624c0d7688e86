/* Calls of methods that stream, in either direction or both. */
#ifndef GW_FRONTEND_STREAMING_H
#define GW_FRONTEND_STREAMING_H

#include "frontend/exchange_internal.h"

/* Starts the call of x->route, or answers with what is wrong. */
void gw_streaming_serve(struct gw_exchange *x, const struct gw_route_match *match,
                        const struct gw_translate_request *request);

#endif
