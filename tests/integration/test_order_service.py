"""order-service, called by grpcio."""

import math
import uuid

from grpc import StatusCode

from harness import expect, expect_equal

LAPTOP = {"product_id": "p1", "product_name": "Laptop", "quantity": 1, "price": 1299.99}
CABLE = {"product_id": "p2", "product_name": "Cable", "quantity": 3, "price": 0.1}


def start(t):
    return t.stub(t.service("order-service").port, "order.v1.OrderService")


def test_a_created_order_can_be_read(t):
    order = start(t)
    made = order("CreateOrder", user_id="u1", items=[LAPTOP, CABLE]).order
    expect_equal(str(uuid.UUID(made.order_id)), made.order_id, "order_id")
    expect_equal((made.user_id, made.status, made.total), ("u1", "CREATED", 1300.29))
    expect_equal([(i.product_id, i.product_name, i.quantity, i.price) for i in made.items],
                 [tuple(LAPTOP.values()), tuple(CABLE.values())])
    expect(made.created_at.seconds > 1_700_000_000, "created_at")
    expect_equal(order("GetOrder", order_id=made.order_id).order, made)


def test_sums_are_of_whole_cents(t):
    order = start(t)
    items = [{**CABLE, "quantity": 1}, {**CABLE, "quantity": 1, "price": 0.2}]
    expect_equal(order("CreateOrder", user_id="u1", items=items).order.total, 0.3)
    items = [{**CABLE, "quantity": 1, "price": 0.01}] * 1000
    made = order("CreateOrder", user_id="u1", items=items).order
    expect_equal((made.total, len(made.items)), (10.0, 1000))
    expect_equal(order("GetOrder", order_id=made.order_id).order, made)


def test_wrong_items_are_refused(t):
    order = start(t)
    for wrong, field in [
        ({"product_id": ""}, "product_id"),
        ({"product_id": "x" * 65}, "product_id"),
        ({"product_name": "x" * 257}, "product_name"),
        ({"quantity": 0}, "quantity"),
        ({"quantity": -1}, "quantity"),
        ({"quantity": 1000001}, "quantity"),
        ({"price": -0.01}, "price"),
        ({"price": 9.999}, "price"),
        ({"price": math.nan}, "price"),
        ({"price": math.inf}, "price"),
        ({"price": -math.inf}, "price"),
        ({"price": 1e15}, "price"),
    ]:
        refusal = order.fails(StatusCode.INVALID_ARGUMENT, "CreateOrder", user_id="u1",
                              items=[LAPTOP, {**LAPTOP, **wrong}])
        fields = [violation.field for violation in refusal.details[0].field_violations]
        expect_equal(fields, [f"items[1].{field}"], f"fields for {wrong}")
    expect_equal(order("ListOrders", user_id="u1").total, 0, "orders made")


def test_a_sum_over_the_limit_is_refused(t):
    order = start(t)
    for items in (
        [{**LAPTOP, "price": 1e12, "quantity": 2}],
        [{**LAPTOP, "price": 1e12, "quantity": 1000000}] * 20,
        [{**LAPTOP, "price": 1e12}, {**LAPTOP, "price": 0.01}],
    ):
        refusal = order.fails(StatusCode.INVALID_ARGUMENT, "CreateOrder", user_id="u1", items=items)
        expect_equal([v.field for v in refusal.details[0].field_violations], ["items"])
    expect_equal(order("CreateOrder", user_id="u1", items=[{**LAPTOP, "price": 1e12}]).order.total, 1e12)


def test_an_order_needs_a_user_and_items(t):
    order = start(t)
    refusal = order.fails(StatusCode.INVALID_ARGUMENT, "CreateOrder")
    expect_equal([v.field for v in refusal.details[0].field_violations], ["user_id", "items"])
    order.fails(StatusCode.INVALID_ARGUMENT, "CreateOrder", user_id="u1", items=[LAPTOP] * 1001)
    refusal = order.fails(StatusCode.INVALID_ARGUMENT, "CreateOrder", user_id="u1", items=[{}] * 1000)
    expect(len(refusal.details[0].field_violations) <= 8, "violations are limited")


def test_unknown_orders_are_not_found(t):
    order = start(t)
    refusal = order.fails(StatusCode.NOT_FOUND, "GetOrder", order_id="none")
    expect_equal(refusal.message, "order not found")
    expect_equal(refusal.details[0].resource_type, "order.v1.Order")
    order.fails(StatusCode.INVALID_ARGUMENT, "GetOrder")


def test_orders_of_a_user_are_listed_newest_first(t):
    order = start(t)
    ids = [order("CreateOrder", user_id="u1", items=[LAPTOP]).order.order_id for _ in range(25)]
    order("CreateOrder", user_id="u2", items=[LAPTOP, CABLE])
    answer = order("ListOrders", user_id="u1")
    expect_equal([one.order_id for one in answer.orders], ids[:4:-1])
    expect_equal(answer.total, 25, "total")
    expect_equal(len(order("ListOrders", user_id="u1", limit=3).orders), 3, "limit")
    expect_equal(len(order("ListOrders", user_id="u1", limit=1000).orders), 25, "limit above 100")
    answer = order("ListOrders", user_id="u2")
    expect_equal([len(one.items) for one in answer.orders], [2])
    expect_equal(order("ListOrders", user_id="nobody").total, 0, "total of nobody")
    order.fails(StatusCode.INVALID_ARGUMENT, "ListOrders", user_id="u1", limit=-1)
    order.fails(StatusCode.INVALID_ARGUMENT, "ListOrders")
