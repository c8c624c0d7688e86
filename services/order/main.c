/* order-service: serves order.v1.OrderService. */
#include "common/app.h"
#include "order/handlers.h"
#include "order/store.h"

int main(int argc, char **argv)
{
    static const struct gw_app app = {
        .name = "order-service",
        .server_name = "order-server",
        .count_name = "order_count",
        .port = 8003,
        .service = &order__v1__order_service__descriptor,
        .methods = gw_order_methods,
        .schema = &gw_order_schema,
    };
    return gw_app_main(&app, argc, argv);
}
