"""conf/hooks.yaml and the five hooks of conf/hooks, with our services behind."""

import os

from harness import expect, expect_equal, expect_error, wait_for

READER, SUPPORT = {"X-Api-Key": "reader-key"}, {"X-Api-Key": "support-key"}
ENVIRONMENT = {"API_KEYS": "reader:reader-key support:support-key:users.personal,orders"}


class System:
    """What ./run starts, on free ports."""

    def __init__(self, t, **environment):
        env = dict(ENVIRONMENT)
        self.services = {}
        for name in "user", "order", "payment":
            first = t.service(f"{name}-service")
            self.services[name] = [first, t.service(f"{name}-service", db=first.db)]
            for i, service in enumerate(self.services[name]):
                env[f"{name.upper()}_SERVICE_{i + 1}"] = service.address
        env.update(environment)
        folder = os.path.join(t.source, "conf")
        with open(os.path.join(folder, "hooks.yaml")) as file:
            config = file.read()
        config = config.replace("hooks/", folder + "/hooks/")
        for name, port in ("${HOOKS_LISTEN:-0.0.0.0:8081}", "PORT"), ("${HOOKS_ADMIN:-127.0.0.1:9091}", "ADMIN"):
            expect(name in config, f"{name} in conf/hooks.yaml")
            config = config.replace(name, f"127.0.0.1:@{port}@")
        config = config.replace("${SLUICE_DESCRIPTORS:-../build/proto/services.binpb}", "@SET@")
        self.gateway = t.gateway(config, env)

    def ok(self, method, path, body=None, headers=READER):
        response = self.gateway.request(method, path, body, headers)
        expect_equal(response.status, 200, f"status of {response}")
        return response.json()

    def get(self, path, headers=READER):
        return self.ok("GET", path, headers=headers)

    def new_user(self, name="alice"):
        user = {"username": name, "email": f"{name}@example.com", "fullName": name.title(), "age": 28}
        return self.ok("POST", "/v1/users", user, SUPPORT)["user"]["id"]

    def logged(self, **fields):
        """The last line of the access log that says all of this."""

        def matching():
            return [line for line in self.gateway.access_log() if fields.items() <= line.items()]

        return wait_for(f"{fields} in the access log", matching)[-1]

    def counted(self, name, **labels):
        return self.gateway.metrics().value(name, **labels)


def test_only_callers_with_a_key_get_in(t):
    system = System(t)
    expect_error(system.gateway.get("/v1/users"), 401, 16, "a key is required in x-api-key")
    for wrong in "", "reader", "reader-kez", "reader-key2", "reader:reader-key":
        expect_error(system.gateway.get("/v1/users", {"X-Api-Key": wrong}), 401, 16, "is not known")
    expect_equal(system.counted("api_key_refused_total"), 6, "refusals counted")
    expect_equal(system.get("/v1/users"), {}, "users")
    line = system.logged(path="/v1/users", status=200)
    expect_equal((line["ctx"]["client"], line["ctx"]["scopes"]), ("reader", ""), "what hooks say in the access log")
    for path in "/v1/orders/1", "/v1/payments/1", "/v1/users/1/overview":
        expect_error(system.gateway.get(path), 401, 16)


def test_without_keys_nobody_gets_in(t):
    system = System(t, API_KEYS="")
    expect_error(system.gateway.get("/v1/users", READER), 401, 16)


def test_the_backend_learns_who_calls(t):
    seen = []

    def get_user(request, context):
        seen.append(dict(context.invocation_metadata()).get("x-client"))
        return t.protos.new("user.v1.GetUserResponse")

    backend = t.backend({"user.v1.UserService/GetUser": get_user})
    system = System(t, USER_SERVICE_1=f"127.0.0.1:{backend.port}", USER_SERVICE_2=f"127.0.0.1:{backend.port}")
    system.get("/v1/users/7")
    system.get("/v1/users/7", {**SUPPORT, "Grpc-Metadata-X-Client": "somebody else"})
    expect_equal(seen, ["reader", "support"], "metadata x-client")


def test_fields_are_left_out_for_callers_without_the_scope(t):
    system = System(t)
    user_id = system.new_user()
    expect_equal(sorted(system.get(f"/v1/users/{user_id}", SUPPORT)["user"]),
                 ["age", "createdAt", "email", "fullName", "id", "updatedAt", "username"], "with the scope")
    expect_equal(sorted(system.get(f"/v1/users/{user_id}")["user"]), ["createdAt", "id", "updatedAt", "username"],
                 "without")
    system.new_user("bob")
    listed = system.get("/v1/users")
    expect_equal([sorted(user) for user in listed["users"]], [["createdAt", "id", "updatedAt", "username"]] * 2, "listed")
    expect_equal(listed["total"], 2, "what is not redacted")
    expect("email" in system.get("/v1/users", SUPPORT)["users"][0], "listed with the scope")
    expect_error(system.gateway.get("/v1/users/none", READER), 404, 5)


def test_tenants_and_a_share_of_all_calls_go_elsewhere(t):
    system = System(t)

    def routed(**headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        response = system.gateway.get("/v1/hello/x", {**READER, **headers})
        expect_equal(response.status, 200)
        return response.header("x-routed-to")

    expect_equal(routed(x_tenant="acme"), "user-service-acme")
    expect_equal(routed(x_tenant="acme", x_canary="always"), "user-service-acme")
    line = system.logged(path="/v1/hello/x", upstream="user-service-acme")
    expect_equal(line["endpoint"], system.services["user"][0].address)
    expect_equal(line["ctx"]["routed_to"], "user-service-acme")
    expect_equal(routed(x_canary="always"), "user-service-canary")
    line = system.logged(path="/v1/hello/x", upstream="user-service-canary")
    expect_equal(line["endpoint"], system.services["user"][1].address)
    expect_equal(routed(x_canary="Never"), "user-service")
    sides = [routed(x_session=f"session {i}") for i in range(300)]
    expect_equal(set(sides), {"user-service", "user-service-canary"}, "upstreams")
    share = sides.count("user-service-canary")
    expect(15 <= share <= 50, f"a tenth of 300, found {share}")
    expect_equal([routed(x_session=f"session {i}") for i in range(30)], sides[:30], "the same again")
    expect_equal(system.counted("routed_calls_total", upstream="user-service-acme"), 2, "calls counted")
    picks = sum(system.counted("upstream_picks_total", upstream="user-service-acme", endpoint=service.address)
                for service in system.services["user"])
    expect_equal(picks, 2, "picks")


def test_a_canary_may_have_everything_or_nothing(t):
    for percent, upstream in ("0", "user-service"), ("100", "user-service-canary"):
        system = System(t, CANARY_PERCENT=percent)
        for i in range(20):
            response = system.gateway.get("/v1/hello/x", {**READER, "X-Session": str(i)})
            expect_equal(response.header("x-routed-to"), upstream, f"{percent} percent")


def test_a_user_is_gathered_from_three_services(t):
    system = System(t)
    user_id = system.new_user()
    overview = f"/v1/users/{user_id}/overview"
    empty = system.get(overview)
    expect_equal((empty["user"]["username"], empty["orders"], empty["payments"]), ("alice", [], []))
    item = {"productId": "p1", "productName": "Laptop", "quantity": 1, "price": 1299.99}
    orders = [system.ok("POST", "/v1/orders", {"userId": user_id, "items": [item]})["order"] for _ in range(6)]
    payment = system.ok("POST", "/v1/payments", {"orderId": orders[0]["orderId"], "userId": user_id,
                                                 "amount": 1299.99, "paymentMethod": "card"})["payment"]
    gathered = system.get(overview, SUPPORT)
    expect_equal(gathered["user"], system.get(f"/v1/users/{user_id}", SUPPORT)["user"], "user")
    expect_equal(sorted(system.get(overview)["user"]), ["createdAt", "id", "username"], "user without the scope")
    expect_equal(gathered["orders"], orders[:0:-1], "the last five orders")
    expect_equal({**gathered["payments"][0], "refunded": 0}, {**payment, "refunded": 0}, "payments")
    response = system.gateway.get(overview, READER)
    expect_equal(response.header("content-type"), "application/json")
    system.logged(path=overview, trace_id=response.header("x-trace-id"))


def test_what_cannot_be_gathered_is_null(t):
    system = System(t)
    user_id = system.new_user()
    for service in system.services["order"]:
        service.stop()
    gathered = system.get(f"/v1/users/{user_id}/overview")
    expect_equal((gathered["orders"], gathered["payments"]), (None, []), "orders and payments")
    wait_for("what is logged", lambda: "gathered without order.v1.OrderService/ListOrders" in system.gateway.output())
    expect_error(system.gateway.get("/v1/users/none/overview", READER), 404, 5, "user not found")


def test_paths_under_maintenance_are_refused(t):
    system = System(t, MAINTENANCE="/v1/payments/ /v1/orders", MAINTENANCE_RETRY_AFTER="60")
    for method, path in [("GET", "/v1/payments/1"), ("GET", "/v1/p%61yments/1"), ("POST", "/v1/orders"),
                         ("POST", "/v1/payments/1:refund"), ("GET", "/v1/orders/7")]:
        response = system.gateway.request(method, path, {} if method == "POST" else None, READER)
        expect_error(response, 503, 14, "under maintenance")
        expect_equal(response.header("retry-after"), "60")
    expect_equal(system.get("/v1/users"), {}, "what is not under maintenance")
    expect_error(system.gateway.get("/v1/ordersx", READER), 404, 5)


def test_everything_may_be_under_maintenance_but_for_some_clients(t):
    system = System(t, MAINTENANCE="/")
    for path in "/v1/users", "/v1/hello/x":
        expect_error(system.gateway.get(path, READER), 503, 14)
    system = System(t, MAINTENANCE="/", MAINTENANCE_ALLOW="10.0.0.1 127.0.0.1")
    expect_equal(system.get("/v1/users"), {}, "for a client that is let through")
