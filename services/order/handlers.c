#include "order/handlers.h"

#include "common/money.h"
#include "common/reply.h"
#include "order/store.h"

enum {
    ITEMS_MAX = 1000,
    NAME_MAX_BYTES = 256,
    QUANTITY_MAX = 1000000,
};

static const char order_type[] = "order.v1.Order";

static const char *item_field(struct gw_check *check, size_t at, const char *name)
{
    return gw_pool_printf(gw_rpc_pool(check->rpc), "items[%zu].%s", at, name).base;
}

static void check_item(struct gw_check *check, size_t at, const Order__V1__OrderItem *item,
                       int64_t *ret_price_cents)
{
    gw_check_id(check, item_field(check, at, "product_id"), item->product_id);
    gw_check_text(check, item_field(check, at, "product_name"), item->product_name, NAME_MAX_BYTES,
                  GW_OPTIONAL);
    if (item->quantity < 1 || item->quantity > QUANTITY_MAX)
        gw_check_add(check, item_field(check, at, "quantity"), "expected 1 to 1000000");
    gw_check_money(check, item_field(check, at, "price"), item->price, 0, ret_price_cents);
}

/* Fills prices_cents, and the total where nothing is wrong. */
static void check_items(struct gw_check *check, const Order__V1__CreateOrderRequest *request,
                        int64_t *prices_cents, int64_t *ret_total_cents)
{
    int64_t total = 0;
    for (size_t i = 0; i < request->n_items && check->count < GW_CHECK_MAX_VIOLATIONS; i++) {
        size_t count_before = check->count;
        check_item(check, i, request->items[i], &prices_cents[i]);
        if (check->count == count_before &&
            gw_money_add(&total, prices_cents[i], request->items[i]->quantity) != 0) {
            gw_check_add(check, "items", "expected a total of at most 1000000000000.00");
            return;
        }
    }
    *ret_total_cents = total;
}

static void create_order(struct gw_rpc *rpc, const ProtobufCMessage *message)
{
    const Order__V1__CreateOrderRequest *request = (const void *)message;
    struct gw_db *db = gw_rpc_context(rpc);
    int64_t prices_cents[ITEMS_MAX], total_cents = 0;
    struct gw_check check = gw_check_begin(rpc);
    gw_check_id(&check, "user_id", request->user_id);
    if (request->n_items == 0)
        gw_check_add(&check, "items", "is missing");
    else if (request->n_items > ITEMS_MAX)
        gw_check_add(&check, "items", "expected at most 1000");
    else
        check_items(&check, request, prices_cents, &total_cents);
    if (gw_check_failed(&check))
        return;
    Order__V1__CreateOrderResponse response = ORDER__V1__CREATE_ORDER_RESPONSE__INIT;
    int result =
        gw_order_insert(db, gw_rpc_pool(rpc), request, prices_cents, total_cents, &response.order);
    if (result < 0)
        gw_reply_db_failed(rpc, db, result);
    else
        gw_rpc_reply(rpc, &response.base);
}

static void get_order(struct gw_rpc *rpc, const ProtobufCMessage *message)
{
    const Order__V1__GetOrderRequest *request = (const void *)message;
    struct gw_db *db = gw_rpc_context(rpc);
    struct gw_check check = gw_check_begin(rpc);
    gw_check_id(&check, "order_id", request->order_id);
    if (gw_check_failed(&check))
        return;
    Order__V1__GetOrderResponse response = ORDER__V1__GET_ORDER_RESPONSE__INIT;
    int result = gw_order_find(db, gw_rpc_pool(rpc), request->order_id, &response.order);
    if (result < 0)
        gw_reply_db_failed(rpc, db, result);
    else if (result == 0)
        gw_reply_not_found(rpc, "order", order_type, request->order_id);
    else
        gw_rpc_reply(rpc, &response.base);
}

static void list_orders(struct gw_rpc *rpc, const ProtobufCMessage *message)
{
    const Order__V1__ListOrdersRequest *request = (const void *)message;
    struct gw_db *db = gw_rpc_context(rpc);
    struct gw_check check = gw_check_begin(rpc);
    gw_check_id(&check, "user_id", request->user_id);
    int32_t limit = gw_check_page_size(&check, "limit", request->limit);
    if (gw_check_failed(&check))
        return;
    int64_t total;
    Order__V1__ListOrdersResponse response = ORDER__V1__LIST_ORDERS_RESPONSE__INIT;
    int result =
        gw_order_list(db, gw_rpc_pool(rpc), request->user_id, limit, &response.orders, &total);
    if (result < 0) {
        gw_reply_db_failed(rpc, db, result);
        return;
    }
    response.n_orders = (size_t)result;
    response.total = gw_total(total);
    gw_rpc_reply(rpc, &response.base);
}

const struct gw_rpc_method gw_order_methods[] = {
    {.name = "CreateOrder", .handler = create_order},
    {.name = "GetOrder", .handler = get_order},
    {.name = "ListOrders", .handler = list_orders},
    {0},
};
