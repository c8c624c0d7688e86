/* Calls of clients that speak gRPC, or gRPC-Web: to routes with `service`, and their messages as
 * they are, compressed or not. What the gateway has to say itself it says as gRPC's status.
 *
 *     init -> begin (route known) -> serve (body known, unless requests stream) -> answer */
#ifndef GW_FRONTEND_GRPC_H
#define GW_FRONTEND_GRPC_H

#include "frontend/exchange_internal.h"

/* Sets x->grpc by the request's headers. */
void gw_grpc_init(struct gw_exchange *x);
/* x->route is what matched (`match`), or NULL. False: answered, because no such method can be
 * called. Else the body may be waited for, and has a limit of its own. */
bool gw_grpc_begin(struct gw_exchange *x, const struct gw_route_match *match);
/* Starts the call. */
void gw_grpc_serve(struct gw_exchange *x);
/* Answers instead of the call. */
void gw_grpc_answer_error(struct gw_exchange *x, int code, struct gw_slice message,
                          struct gw_slice details);
/* The same for an answer that libh2o makes: it is to be x->json with this type. gRPC-Web only. */
struct gw_slice gw_grpc_web_error(struct gw_exchange *x, int code, struct gw_slice message);

#endif
