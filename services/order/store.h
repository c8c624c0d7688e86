/* Orders in the database. Messages are made in the pool. Functions return 0 or more, or a failure
 * of common/db.h. */
#ifndef ORDER_STORE_H
#define ORDER_STORE_H

#include "base/mem.h"
#include "common/db.h"
#include "order/v1/order.pb-c.h"

extern const struct gw_db_schema gw_order_schema;

/* prices_cents has one for each item. *ret_order has a new id. */
int gw_order_insert(struct gw_db *db, gw_pool *pool, const Order__V1__CreateOrderRequest *request,
                    const int64_t *prices_cents, int64_t total_cents, Order__V1__Order **ret_order);
/* 1: found. 0: there is none. */
int gw_order_find(struct gw_db *db, gw_pool *pool, const char *id, Order__V1__Order **ret_order);
/* Newest first; *ret_orders has room for `limit`. *ret_total counts all of the user's. Returns how
 * many are in *ret_orders. */
int gw_order_list(struct gw_db *db, gw_pool *pool, const char *user_id, int64_t limit,
                  Order__V1__Order ***ret_orders, int64_t *ret_total);

#endif
