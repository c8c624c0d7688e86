/* The messages of a request in gRPC or gRPC-Web, framed as they come, and what can be wrong with
 * them. */
#ifndef GW_FRONTEND_GRPC_REQUEST_H
#define GW_FRONTEND_GRPC_REQUEST_H

#include "frontend/exchange_internal.h"

/* Of a body that is collected: limits.request_body holds for its message. */
uint64_t gw_grpc_body_limit(const struct gw_exchange *x);
/* Whether a body that begins with these bytes announces a message over limits.request_body; `arg`
 * is the exchange. */
bool gw_grpc_request_is_too_large(const void *arg, struct gw_slice bytes);
/* The one message of a body that is complete. -1 and the failure. *ret_framed is in the body or in
 * the request's pool. */
int gw_grpc_request_message(const struct gw_exchange *x, struct gw_slice *ret_framed,
                            struct gw_failure *ret_failure);
/* The length of the whole messages that `bytes`, of many, begin with; 0: none is whole, and more is
 * to come. -1 and the failure. */
int gw_grpc_request_measure(const struct gw_exchange *x, struct gw_slice bytes, size_t *ret_size,
                            struct gw_failure *ret_failure);

#endif
