#!/usr/bin/python3
"""flow.py [URL]: by curl, through a running system: a user, an order, its payment, a refund of a part of it, and calls
that must be refused. Prints each call and its answer, and checks the whole of every body. URL: http://localhost:8080.

The last line counts the calls, `N passed, N failed`; exit status 1 unless all passed.
"""
import json
import re
import subprocess
import sys
import time

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")


def matches(value, expected):
    """Equal; but a pattern in `expected` stands for a text that differs each time."""
    if isinstance(expected, re.Pattern):
        return isinstance(value, str) and expected.fullmatch(value) is not None
    if isinstance(expected, dict):
        return (isinstance(value, dict) and value.keys() == expected.keys()
                and all(matches(value[key], expected[key]) for key in expected))
    if isinstance(expected, list):
        return isinstance(value, list) and len(value) == len(expected) and all(map(matches, value, expected))
    return value == expected


def refusal(code, message, detail):
    return {"code": code, "message": message, "details": [detail]}


class Flow:
    def __init__(self, url):
        self.url = url
        self.passed = self.failed = 0

    def call(self, path, body=None, *, status=200, answer):
        """`answer`: the body that must come. Returns the one that came, {} where it was no JSON."""
        data = [] if body is None else ["--json", json.dumps(body)]
        print("curl", *([data[0], f"'{data[1]}'"] if data else []), self.url + path)
        done = subprocess.run(["curl", "-sS", "--max-time", "10", "-w", "\n%{http_code}", *data, self.url + path],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        text, _, came = done.stdout.rpartition("\n")
        print("   ", came, text)
        try:
            got = json.loads(text)
        except ValueError:
            got = {}
        if came == str(status) and matches(got, answer):
            self.passed += 1
        else:
            self.failed += 1
            print("    FAILED: expected", status, answer)
        return got

    def run(self):
        name = f"flow-{time.time_ns()}"
        new = {"username": name, "email": f"{name}@example.com", "fullName": "Flow", "age": 28}
        user = self.call("/v1/users", new, answer={
            "user": {**new, "id": UUID, "createdAt": TIMESTAMP, "updatedAt": TIMESTAMP}})
        user_id = user.get("user", {}).get("id")
        self.call(f"/v1/users/{user_id}", answer=user)

        items = [{"productId": "p1", "productName": "Laptop", "quantity": 1, "price": 1299.99},
                 {"productId": "p2", "productName": "Mouse", "quantity": 2, "price": 25.5}]
        order = self.call("/v1/orders", {"userId": user_id, "items": items}, answer={
            "order": {"orderId": UUID, "userId": user_id, "items": items, "total": 1350.99, "status": "CREATED",
                      "createdAt": TIMESTAMP}})
        order_id = order.get("order", {}).get("orderId")
        self.call(f"/v1/orders/{order_id}", answer=order)
        self.call(f"/v1/users/{user_id}/orders", answer={"orders": [order.get("order")], "total": 1})

        new = {"orderId": order_id, "userId": user_id, "amount": 1350.99, "paymentMethod": "card"}
        paid = {**new, "paymentId": UUID, "status": "COMPLETED", "createdAt": TIMESTAMP}
        payment = self.call("/v1/payments", new, answer={"payment": paid})
        payment_id = payment.get("payment", {}).get("paymentId")
        self.call(f"/v1/payments/{payment_id}", answer=payment)
        refunded = {"payment": {**payment.get("payment", {}), "refunded": 99.99, "status": "PARTIALLY_REFUNDED"}}
        self.call(f"/v1/payments/{payment_id}:refund", {"amount": 99.99, "reason": "scratched"}, answer=refunded)
        self.call(f"/v1/payments/{payment_id}", answer=refunded)

        taken = f'username "{name}" is taken'
        self.call("/v1/users", {"username": name, "email": "x@example.com"}, status=409, answer=refusal(6, taken, {
            "@type": "type.googleapis.com/google.rpc.ResourceInfo", "resourceType": "user.v1.User",
            "resourceName": name, "description": taken}))
        self.call("/v1/users", {"email": "x@example.com"}, status=400, answer=refusal(3, "username: is missing", {
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": "username", "description": "is missing"}]}))
        self.call("/v1/users/none", status=404, answer=refusal(5, "user not found", {
            "@type": "type.googleapis.com/google.rpc.ResourceInfo", "resourceType": "user.v1.User",
            "resourceName": "none", "description": "user not found"}))
        much = "99.99 of 1350.99 is refunded already; 1300.00 is too much"
        self.call(f"/v1/payments/{payment_id}:refund", {"amount": 1300}, status=400, answer=refusal(9, much, {
            "@type": "type.googleapis.com/google.rpc.PreconditionFailure",
            "violations": [{"type": "REFUND_AMOUNT", "subject": payment_id, "description": much}]}))
        self.call(f"/v1/payments/{payment_id}", answer=refunded)


def main():
    flow = Flow(sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8080")
    flow.run()
    print(f"{flow.passed} passed, {flow.failed} failed")
    return 0 if flow.failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
