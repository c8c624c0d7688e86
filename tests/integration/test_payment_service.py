"""payment-service, called by grpcio."""

import math
import threading

import grpc
from grpc import StatusCode

from harness import expect_equal

PAYMENT = {"order_id": "o1", "user_id": "u1", "amount": 1299.99, "payment_method": "credit_card"}


def start(t):
    return t.stub(t.service("payment-service").port, "payment.v1.PaymentService")


def fields_of(refusal):
    return [violation.field for violation in refusal.details[0].field_violations]


def test_a_payment_can_be_read(t):
    payment = start(t)
    made = payment("ProcessPayment", **PAYMENT).payment
    for name, value in PAYMENT.items():
        expect_equal(getattr(made, name), value, name)
    expect_equal((made.refunded, made.status), (0.0, "COMPLETED"))
    expect_equal(payment("GetPayment", payment_id=made.payment_id).payment, made)


def test_wrong_payments_are_refused(t):
    payment = start(t)
    for wrong, field in [
        ({"order_id": ""}, "order_id"),
        ({"user_id": ""}, "user_id"),
        ({"amount": 0.0}, "amount"),
        ({"amount": -1.0}, "amount"),
        ({"amount": 1.005}, "amount"),
        ({"amount": 0.1 + 0.2}, "amount"),
        ({"amount": math.nan}, "amount"),
        ({"amount": math.inf}, "amount"),
        ({"amount": 1e15}, "amount"),
        ({"payment_method": "x" * 65}, "payment_method"),
    ]:
        refusal = payment.fails(StatusCode.INVALID_ARGUMENT, "ProcessPayment", **{**PAYMENT, **wrong})
        expect_equal(fields_of(refusal), [field], f"fields for {wrong}")


def test_unknown_payments_are_not_found(t):
    payment = start(t)
    refusal = payment.fails(StatusCode.NOT_FOUND, "GetPayment", payment_id="none")
    expect_equal(refusal.details[0].resource_type, "payment.v1.Payment")
    payment.fails(StatusCode.NOT_FOUND, "RefundPayment", payment_id="none", amount=1.0)
    payment.fails(StatusCode.INVALID_ARGUMENT, "GetPayment")


def test_payments_of_a_user_are_listed_newest_first(t):
    payment = start(t)
    ids = [payment("ProcessPayment", **PAYMENT).payment.payment_id for _ in range(25)]
    payment("ProcessPayment", **{**PAYMENT, "user_id": "u2"})
    answer = payment("ListPayments", user_id="u1")
    expect_equal([one.payment_id for one in answer.payments], ids[:4:-1])
    expect_equal(answer.total, 25, "total")
    expect_equal(len(payment("ListPayments", user_id="u1", limit=3).payments), 3, "limit")
    expect_equal(len(payment("ListPayments", user_id="u1", limit=1000).payments), 25, "limit above 100")
    expect_equal(payment("ListPayments", user_id="u2").payments[0].amount, PAYMENT["amount"], "amount")
    expect_equal(payment("ListPayments", user_id="nobody").total, 0, "total of nobody")
    payment.fails(StatusCode.INVALID_ARGUMENT, "ListPayments", user_id="u1", limit=-1)
    payment.fails(StatusCode.INVALID_ARGUMENT, "ListPayments")


def test_refunds_add_up_to_the_amount(t):
    payment = start(t)
    made = payment("ProcessPayment", **PAYMENT).payment

    def refund(amount):
        answer = payment("RefundPayment", payment_id=made.payment_id, amount=amount, reason="broken").payment
        return answer.refunded, answer.status

    def refuse(amount):
        return payment.fails(StatusCode.FAILED_PRECONDITION, "RefundPayment", payment_id=made.payment_id, amount=amount)

    expect_equal(refund(0.1), (0.1, "PARTIALLY_REFUNDED"))
    expect_equal(refund(0.2), (0.3, "PARTIALLY_REFUNDED"))
    refusal = refuse(1299.70)
    expect_equal(refusal.message, "0.30 of 1299.99 is refunded already; 1299.70 is too much")
    violation = refusal.details[0].violations[0]
    expect_equal((violation.type, violation.subject), ("REFUND_AMOUNT", made.payment_id))
    expect_equal(refund(1299.69), (1299.99, "REFUNDED"))
    refuse(0.01)
    expect_equal(payment("GetPayment", payment_id=made.payment_id).payment.status, "REFUNDED")


def test_wrong_refunds_are_refused(t):
    payment = start(t)
    made = payment("ProcessPayment", **PAYMENT).payment
    for amount in 0.0, -1.0, 0.001, math.nan, 1e300:
        refusal = payment.fails(StatusCode.INVALID_ARGUMENT, "RefundPayment", payment_id=made.payment_id, amount=amount)
        expect_equal(fields_of(refusal), ["amount"], f"fields for {amount}")
    refusal = payment.fails(StatusCode.INVALID_ARGUMENT, "RefundPayment", payment_id=made.payment_id, amount=1.0,
                            reason="x" * 513)
    expect_equal(fields_of(refusal), ["reason"])
    expect_equal(payment("GetPayment", payment_id=made.payment_id).payment, made)


def test_two_instances_never_refund_too_much(t):
    one = t.service("payment-service")
    two = t.service("payment-service", db=one.db)
    stubs = [t.stub(service.port, "payment.v1.PaymentService") for service in (one, two)]
    made = stubs[0]("ProcessPayment", **{**PAYMENT, "amount": 10.0}).payment
    outcomes = []

    def refund(stub):
        for _ in range(15):
            try:
                stub("RefundPayment", payment_id=made.payment_id, amount=0.3)
                outcomes.append("refunded")
            except grpc.RpcError as error:
                outcomes.append(error.code())

    threads = [threading.Thread(target=refund, args=[stub]) for stub in stubs * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect_equal(outcomes.count("refunded"), 33, "refunds of 0.30 out of 10.00")
    expect_equal(outcomes.count(StatusCode.FAILED_PRECONDITION), 60 - 33, "refusals")
    expect_equal(stubs[1]("GetPayment", payment_id=made.payment_id).payment.refunded, 9.9)
