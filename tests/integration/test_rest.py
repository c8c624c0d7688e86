"""REST in, our own services behind: the flow of the README, and JSON both ways."""

import re

from harness import expect, expect_equal, expect_error

CONFIG = """
listen: [{address: "127.0.0.1:@PORT@"}]
admin: {address: "127.0.0.1:@ADMIN@"}
workers: 2
schema: {descriptor_sets: ["@SET@"]}
upstreams:
  - {name: user-service, endpoints: [{address: "@USER_1@"}, {address: "@USER_2@"}]}
  - {name: order-service, endpoints: [{address: "@ORDER_1@"}, {address: "@ORDER_2@"}]}
  - {name: payment-service, endpoints: [{address: "@PAYMENT_1@"}, {address: "@PAYMENT_2@"}]}
routes:
  - {annotations: user.v1.UserService, upstream: user-service}
  - {annotations: order.v1.OrderService, upstream: order-service}
  - {annotations: payment.v1.PaymentService, upstream: payment-service}
tracing: {}
"""

ALICE = {"username": "alice", "email": "alice@example.com", "fullName": "Alice", "age": 28}


def start(t):
    """The gateway before two instances of each service."""
    values = {}
    for kind in "user", "order", "payment":
        first = t.service(kind + "-service")
        second = t.service(kind + "-service", db=first.db)
        values.update({f"{kind.upper()}_1": first.address, f"{kind.upper()}_2": second.address})
    return t.gateway(CONFIG, **values)


def ok(response):
    expect_equal(response.status, 200, f"status of {response}")
    expect_equal(response.header("content-type"), "application/json", "content type")
    expect_equal(response.header("content-length"), str(len(response.body)), "content length")
    return response.json()


def test_the_whole_flow(t):
    gateway = start(t)
    user = ok(gateway.post("/v1/users", ALICE))["user"]
    expect_equal(list(user), ["id", "username", "email", "fullName", "age", "createdAt", "updatedAt"])
    expect(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z|.*\d\dZ", user["createdAt"]), user["createdAt"])
    for _ in range(4):  # both instances
        expect_equal(ok(gateway.get("/v1/users/" + user["id"])), {"user": user})

    items = [
        {"productId": "p1", "productName": "Laptop", "quantity": 1, "price": 1299.99},
        {"productId": "p2", "productName": "Cable", "quantity": 3, "price": 0.1},
    ]
    order = ok(gateway.post("/v1/orders", {"userId": user["id"], "items": items}))["order"]
    expect_equal((order["total"], order["status"], order["items"]), (1300.29, "CREATED", items))
    expect_equal(ok(gateway.get("/v1/orders/" + order["orderId"])), {"order": order})
    expect_equal(ok(gateway.get(f"/v1/users/{user['id']}/orders?limit=5")), {"orders": [order], "total": 1})

    paid = {"orderId": order["orderId"], "userId": user["id"], "amount": 1300.29, "paymentMethod": "credit_card"}
    payment = ok(gateway.post("/v1/payments", paid))["payment"]
    expect_equal(payment["status"], "COMPLETED", "status")
    path = "/v1/payments/" + payment["paymentId"]
    expect_equal(ok(gateway.get(path)), {"payment": payment})
    refunded = ok(gateway.post(path + ":refund", {"amount": 100.29, "reason": "late"}))["payment"]
    expect_equal((refunded["refunded"], refunded["status"]), (100.29, "PARTIALLY_REFUNDED"))
    error = expect_error(gateway.post(path + ":refund", {"amount": 1200.01}), 400, 9, "too much")
    expect_equal(error["details"][0]["@type"], "type.googleapis.com/google.rpc.PreconditionFailure")
    expect_equal(error["details"][0]["violations"][0]["subject"], payment["paymentId"], "subject")


def test_users_are_updated_listed_and_deleted(t):
    gateway = start(t)
    expect_equal(ok(gateway.get("/v1/hello/Z%C3%B6e%20M")), {"message": "Hello, Zöe M!"})
    expect_equal(ok(gateway.get("/v1/users")), {})
    user = ok(gateway.post("/v1/users", ALICE))["user"]
    changed = ok(gateway.request("PUT", "/v1/users/" + user["id"], {"fullName": "Alice B."}))["user"]
    expect_equal((changed["fullName"], changed["age"]), ("Alice B.", 28))
    for i in range(3):
        ok(gateway.post("/v1/users", {"username": f"u{i}", "email": f"u{i}@example.com"}))
    page = ok(gateway.get("/v1/users?page=2&page_size=3"))
    expect_equal(([one["username"] for one in page["users"]], page["total"]), (["u2"], 4))
    expect_equal(ok(gateway.get("/v1/users?page=2&pageSize=3")), page)
    expect_equal(ok(gateway.request("DELETE", "/v1/users/" + user["id"])), {"success": True})
    expect_error(gateway.get("/v1/users/" + user["id"]), 404, 5, "user not found")


def test_refusals_of_services_reach_the_client(t):
    gateway = start(t)
    error = expect_error(gateway.post("/v1/users", {}), 400, 3, "username: is missing")
    expect_equal(
        error["details"],
        [
            {
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [
                    {"field": "username", "description": "is missing"},
                    {"field": "email", "description": "is missing"},
                ],
            }
        ],
    )
    ok(gateway.post("/v1/users", ALICE))
    error = expect_error(gateway.post("/v1/users", ALICE), 409, 6, 'username "alice" is taken')
    expect_equal(error["details"][0]["@type"], "type.googleapis.com/google.rpc.ResourceInfo")
    error = expect_error(gateway.get("/v1/orders/none"), 404, 5, "order not found")
    expect_equal(error["details"][0]["resourceName"], "none")
    expect_error(gateway.post("/v1/payments", {"orderId": "o", "userId": "u", "amount": "NaN"}), 400, 3, "amount")
