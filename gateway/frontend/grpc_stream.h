/* Answers of many messages in gRPC and gRPC-Web. */
#ifndef GW_FRONTEND_GRPC_STREAM_H
#define GW_FRONTEND_GRPC_STREAM_H

#include "frontend/exchange_internal.h"

/* Makes x->stream. */
void gw_grpc_stream_create(struct gw_exchange *x);

#endif
