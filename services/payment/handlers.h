/* The methods of payment.v1.PaymentService. Their context is the database (gw_payment_schema). */
#ifndef PAYMENT_HANDLERS_H
#define PAYMENT_HANDLERS_H

#include "grpc/service.h"

extern const struct gw_rpc_method gw_payment_methods[];

#endif
