/* The methods of order.v1.OrderService. Their context is the database (gw_order_schema). */
#ifndef ORDER_HANDLERS_H
#define ORDER_HANDLERS_H

#include "grpc/service.h"

extern const struct gw_rpc_method gw_order_methods[];

#endif
