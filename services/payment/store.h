/* Payments in the database. Messages are made in the pool. Functions return 0 or more, or a failure
 * of common/db.h. */
#ifndef PAYMENT_STORE_H
#define PAYMENT_STORE_H

#include "base/mem.h"
#include "common/db.h"
#include "payment/v1/payment.pb-c.h"

extern const struct gw_db_schema gw_payment_schema;

/* *ret_payment has a new id. */
int gw_payment_insert(struct gw_db *db, gw_pool *pool,
                      const Payment__V1__ProcessPaymentRequest *request, int64_t amount_cents,
                      Payment__V1__Payment **ret_payment);
/* 1: found. 0: there is none. */
int gw_payment_find(struct gw_db *db, gw_pool *pool, const char *id,
                    Payment__V1__Payment **ret_payment);

/* Newest first; *ret_payments has room for `limit`. *ret_total counts all of the user's. Returns
 * how many are in *ret_payments. */
int gw_payment_list(struct gw_db *db, gw_pool *pool, const char *user_id, int64_t limit,
                    Payment__V1__Payment ***ret_payments, int64_t *ret_total);

enum gw_refund_outcome { GW_REFUND_DONE, GW_REFUND_NO_PAYMENT, GW_REFUND_TOO_MUCH };

/* Gives back amount_cents of a payment, in one transaction, so that all refunds together, whoever
 * makes them, are never more than the amount. An outcome, or a failure. *ret_payment is the payment
 * afterwards; with GW_REFUND_TOO_MUCH, as it stands. */
int gw_payment_refund(struct gw_db *db, gw_pool *pool, const char *id, int64_t amount_cents,
                      const char *reason, Payment__V1__Payment **ret_payment);

#endif
