/* What answers in gRPC and gRPC-Web are made of: initial metadata, messages, and the status behind
 * them, which gRPC has in HTTP's trailers and gRPC-Web in a last frame of the body
 * (grpc/doc/PROTOCOL-HTTP2.md, Responses; grpc/doc/PROTOCOL-WEB.md). */
#ifndef GW_FRONTEND_GRPC_ANSWER_H
#define GW_FRONTEND_GRPC_ANSWER_H

#include "frontend/exchange_internal.h"

/* Adds the backend's initial metadata to the answer's headers. */
void gw_grpc_take_headers(struct gw_exchange *x, const struct gw_metadata *headers);
/* Appends framed messages. */
void gw_grpc_append_messages(const struct gw_exchange *x, struct gw_slice framed,
                             struct gw_buf *out);
/* Ends an answer that has a body or headers already: sets its trailers, or appends them. */
void gw_grpc_append_status(struct gw_exchange *x, const struct gw_call_result *result,
                           struct gw_buf *out);
/* Answers with the framed messages in x->json, and the status. */
void gw_grpc_answer(struct gw_exchange *x, const struct gw_call_result *result);

#endif
