#include "payment/handlers.h"

#include "common/reply.h"
#include "payment/store.h"

enum {
    METHOD_MAX_BYTES = 64,
    REASON_MAX_BYTES = 512,
};

static const char payment_type[] = "payment.v1.Payment";

static void process_payment(struct gw_rpc *rpc, const ProtobufCMessage *message)
{
    const Payment__V1__ProcessPaymentRequest *request = (const void *)message;
    struct gw_db *db = gw_rpc_context(rpc);
    int64_t amount_cents = 0;
    struct gw_check check = gw_check_begin(rpc);
    gw_check_id(&check, "order_id", request->order_id);
    gw_check_id(&check, "user_id", request->user_id);
    gw_check_money(&check, "amount", request->amount, 1, &amount_cents);
    gw_check_text(&check, "payment_method", request->payment_method, METHOD_MAX_BYTES, GW_OPTIONAL);
    if (gw_check_failed(&check))
        return;
    Payment__V1__ProcessPaymentResponse response = PAYMENT__V1__PROCESS_PAYMENT_RESPONSE__INIT;
    int result = gw_payment_insert(db, gw_rpc_pool(rpc), request, amount_cents, &response.payment);
    if (result < 0)
        gw_reply_db_failed(rpc, db, result);
    else
        gw_rpc_reply(rpc, &response.base);
}

static void get_payment(struct gw_rpc *rpc, const ProtobufCMessage *message)
{
    const Payment__V1__GetPaymentRequest *request = (const void *)message;
    struct gw_db *db = gw_rpc_context(rpc);
    struct gw_check check = gw_check_begin(rpc);
    gw_check_id(&check, "payment_id", request->payment_id);
    if (gw_check_failed(&check))
        return;
    Payment__V1__GetPaymentResponse response = PAYMENT__V1__GET_PAYMENT_RESPONSE__INIT;
    int result = gw_payment_find(db, gw_rpc_pool(rpc), request->payment_id, &response.payment);
    if (result < 0)
        gw_reply_db_failed(rpc, db, result);
    else if (result == 0)
        gw_reply_not_found(rpc, "payment", payment_type, request->payment_id);
    else
        gw_rpc_reply(rpc, &response.base);
}

static void list_payments(struct gw_rpc *rpc, const ProtobufCMessage *message)
{
    const Payment__V1__ListPaymentsRequest *request = (const void *)message;
    struct gw_db *db = gw_rpc_context(rpc);
    struct gw_check check = gw_check_begin(rpc);
    gw_check_id(&check, "user_id", request->user_id);
    int32_t limit = gw_check_page_size(&check, "limit", request->limit);
    if (gw_check_failed(&check))
        return;
    int64_t total;
    Payment__V1__ListPaymentsResponse response = PAYMENT__V1__LIST_PAYMENTS_RESPONSE__INIT;
    int result =
        gw_payment_list(db, gw_rpc_pool(rpc), request->user_id, limit, &response.payments, &total);
    if (result < 0) {
        gw_reply_db_failed(rpc, db, result);
        return;
    }
    response.n_payments = (size_t)result;
    response.total = gw_total(total);
    gw_rpc_reply(rpc, &response.base);
}

static void refund_payment(struct gw_rpc *rpc, const ProtobufCMessage *message)
{
    const Payment__V1__RefundPaymentRequest *request = (const void *)message;
    struct gw_db *db = gw_rpc_context(rpc);
    int64_t amount_cents = 0;
    struct gw_check check = gw_check_begin(rpc);
    gw_check_id(&check, "payment_id", request->payment_id);
    gw_check_money(&check, "amount", request->amount, 1, &amount_cents);
    gw_check_text(&check, "reason", request->reason, REASON_MAX_BYTES, GW_OPTIONAL);
    if (gw_check_failed(&check))
        return;
    Payment__V1__Payment *payment;
    Payment__V1__RefundPaymentResponse response = PAYMENT__V1__REFUND_PAYMENT_RESPONSE__INIT;
    int result = gw_payment_refund(db, gw_rpc_pool(rpc), request->payment_id, amount_cents,
                                   request->reason, &payment);
    switch (result) {
    case GW_REFUND_DONE:
        response.payment = payment;
        gw_rpc_reply(rpc, &response.base);
        break;
    case GW_REFUND_NO_PAYMENT:
        gw_reply_not_found(rpc, "payment", payment_type, request->payment_id);
        break;
    case GW_REFUND_TOO_MUCH:
        gw_reply_precondition(rpc, "REFUND_AMOUNT", request->payment_id,
                              gw_pool_printf(gw_rpc_pool(rpc),
                                             "%.2f of %.2f is refunded already; %.2f is too much",
                                             payment->refunded, payment->amount, request->amount)
                                  .base);
        break;
    default:
        gw_reply_db_failed(rpc, db, result);
    }
}

const struct gw_rpc_method gw_payment_methods[] = {
    {.name = "ProcessPayment", .handler = process_payment},
    {.name = "GetPayment", .handler = get_payment},
    {.name = "ListPayments", .handler = list_payments},
    {.name = "RefundPayment", .handler = refund_payment},
    {0},
};
