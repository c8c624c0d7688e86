/* payment-service: serves payment.v1.PaymentService. */
#include "common/app.h"
#include "payment/handlers.h"
#include "payment/store.h"

int main(int argc, char **argv)
{
    static const struct gw_app app = {
        .name = "payment-service",
        .server_name = "payment-server",
        .count_name = "payment_count",
        .port = 8005,
        .service = &payment__v1__payment_service__descriptor,
        .methods = gw_payment_methods,
        .schema = &gw_payment_schema,
    };
    return gw_app_main(&app, argc, argv);
}
