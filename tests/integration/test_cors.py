"""CORS: preflights and what answers say to pages of other origins."""

import os

import feed
import h2
import harness
from gateway_config import USER, endpoints, fail, user_backend
from harness import expect_equal, expect_error

APP, OTHER = "https://app.example", "https://other.example"

CORS = """
cors:
  origins: ["https://app.example", "https://*.apps.example"]
  headers: [content-type, x-tenant]
  exposed_headers: [x-request-id, grpc-status]
  max_age: 10m
"""

# Beside the routes of UserService: files for everybody, a service with credentials, a route without CORS.
ROUTES = """
  - match: GET /docs/**
    files: docs
    cors: {origins: ["*"]}
  - service: user.v1.UserService
    upstream: user-service
    cors: {origins: ["https://app.example"], credentials: true, headers: ["*"]}
  - match: GET /v1/closed/{id}
    grpc: user.v1.UserService/GetUser
    upstream: user-service
    cors: {origins: []}
  - match: PUT /v1/closed/{id}
    grpc: user.v1.UserService/GetUser
    upstream: user-service
    cors: {origins: ["*"], methods: [PUT, PATCH]}
"""


def start(t, backend=None, cors=CORS, routes=ROUTES, more=""):
    os.makedirs(os.path.join(t.folder, "docs"), exist_ok=True)
    t.write("docs/a.txt", "text")
    config = USER.replace("tracing: {}", routes.lstrip("\n") + cors + more + "\ntracing: {}")
    return t.gateway(config, BACKENDS=endpoints((backend or user_backend(t)).address))


def preflight(gateway, path, method, origin=APP, headers=None):
    more = {"Origin": origin, "Access-Control-Request-Method": method}
    if headers is not None:
        more["Access-Control-Request-Headers"] = headers
    return gateway.request("OPTIONS", path, headers=more)


def told(response):
    """What an answer says to other origins, without the common beginning of the names."""
    names = "allow-origin", "allow-credentials", "allow-methods", "allow-headers", "expose-headers", "max-age"
    found = {name: response.header("access-control-" + name) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def expect_refused(response):
    expect_equal((response.status, response.body), (204, b""))
    expect_equal(told(response), {})


def test_a_preflight_is_answered_by_the_gateway(t):
    backend = user_backend(t)
    gateway = start(t, backend)
    for origin in APP, "https://one.apps.example":
        response = preflight(gateway, "/v1/users/7", "GET", origin, "x-tenant,content-type")
        expect_equal((response.status, response.body, response.header("vary")), (204, b"", "origin"))
        expect_equal(response.header("content-length"), None, "content-length of a 204")
        answer = told(response)
        methods = answer.pop("allow-methods")
        expect_equal(sorted(methods.split(", ")), ["DELETE", "GET", "PUT"], "methods of the path")
        expect_equal(
            answer,
            {
                "allow-origin": origin,
                "allow-headers": "content-type, x-tenant",
                "max-age": "600",
            },
        )
    expect_equal(backend.calls, {}, "calls")


def test_a_preflight_that_is_refused_has_no_headers(t):
    gateway = start(t)
    path = "/v1/users/7"
    for origin in OTHER, "https://a.b.apps.example", "https://apps.example", "null", APP + ".evil", APP.upper():
        expect_refused(preflight(gateway, path, "GET", origin))
    expect_refused(preflight(gateway, path, "PATCH"))
    expect_refused(preflight(gateway, path, "GET", headers="x-other"))
    expect_refused(preflight(gateway, "/v1/closed/1", "GET"))
    expect_error(preflight(gateway, "/nowhere", "GET"), 404, 5)


def test_options_that_is_no_preflight_goes_its_way(t):
    gateway = start(t)
    for headers in {}, {"Origin": APP}, {"Access-Control-Request-Method": "GET"}:
        expect_error(gateway.request("OPTIONS", "/v1/users/7", headers=headers), 405, 12)


def test_answers_tell_whom_they_are_for(t):
    gateway = start(t)
    response = gateway.get("/v1/users/7", {"Origin": APP})
    expect_equal((response.status, response.header("vary")), (200, "origin"))
    expect_equal(told(response), {"allow-origin": APP, "expose-headers": "x-request-id, grpc-status"})
    for headers in {"Origin": OTHER}, {}:
        response = gateway.get("/v1/users/7", headers)
        expect_equal((response.status, response.header("vary"), told(response)), (200, "origin", {}))


def test_errors_can_be_read_by_other_origins(t):
    backend = user_backend(t, GetUser=fail(harness.grpc.StatusCode.NOT_FOUND, "none"))
    gateway = start(t, backend, more="limits: {request_body: 1KiB}")
    origin = {"Origin": APP}
    for response, status, code in (
        (gateway.get("/v1/users/7", origin), 404, 5),
        (gateway.get("/nowhere", origin), 404, 5),
        (gateway.request("PUT", "/v1/users", headers=origin), 405, 12),
        (gateway.request("POST", "/v1/users", "{", origin), 400, 3),
        (gateway.request("POST", "/v1/users", "x" * 2000, origin), 413, 8),
        (gateway.request("POST", "/user.v1.UserService/GetUser", "x" * 2000, origin), 413, 8),
    ):
        expect_error(response, status, code)
        expect_equal((told(response)["allow-origin"], response.header("vary")), (APP, "origin"))
    expect_equal(told(response).get("allow-credentials"), "true", "the route's own policy before its handler runs")
    for path in "/docs/none", "/docs/a.txt":
        expect_equal(told(gateway.get(path, {"Origin": OTHER})), {"allow-origin": "*"}, path)


def test_a_route_has_its_own_instead_of_the_global_one(t):
    gateway = start(t)
    response = preflight(gateway, "/user.v1.UserService/GetUser", "POST", headers="x-grpc-web, content-type")
    expect_equal(
        told(response),
        {
            "allow-origin": APP,
            "allow-credentials": "true",
            "allow-methods": "POST",
            "allow-headers": "x-grpc-web, content-type",
            "max-age": "5",
        },
    )
    expect_refused(preflight(gateway, "/user.v1.UserService/GetUser", "POST", "https://one.apps.example"))
    expect_refused(preflight(gateway, "/user.v1.UserService/GetUser", "POST", headers='"x"'))
    response = gateway.post("/user.v1.UserService/GetUser", {"id": "7"}, {"Origin": APP})
    expect_equal((response.status, told(response)), (200, {"allow-origin": APP, "allow-credentials": "true"}))


def test_any_origin(t):
    gateway = start(t)
    response = preflight(gateway, "/docs/a.txt", "GET", OTHER)
    expect_equal(
        (told(response), response.header("vary")),
        (
            {
                "allow-origin": "*",
                "allow-methods": "GET, HEAD",
                "allow-headers": "content-type",
                "max-age": "5",
            },
            None,
        ),
    )
    for headers in {"Origin": "null"}, {}:
        response = gateway.get("/docs/a.txt", headers)
        expect_equal((response.body, told(response), response.header("vary")), (b"text", {"allow-origin": "*"}, None))


def test_methods_of_a_path_with_several_policies(t):
    gateway = start(t)
    expect_equal(told(preflight(gateway, "/v1/closed/1", "PUT", OTHER))["allow-methods"], "PUT, PATCH")
    expect_refused(preflight(gateway, "/v1/closed/1", "PATCH", OTHER))
    expect_refused(preflight(gateway, "/v1/closed/1", "GET", OTHER))


def test_without_cors_nothing_is_said(t):
    gateway = start(t, cors="", routes="")
    expect_error(preflight(gateway, "/v1/users/7", "GET"), 405, 12)
    response = gateway.get("/v1/users/7", {"Origin": APP})
    expect_equal((response.status, told(response), response.header("vary")), (200, {}, None))


def test_preflights_over_http2(t):
    gateway = start(t)
    with h2.Client(gateway.port) as client:
        more = [("origin", APP), ("access-control-request-method", "GET")]
        answer = client.answer(client.request("/v1/users/7", "OPTIONS", more))
        expect_equal((answer.status, answer.body), (204, b""))
        answer = client.answer(client.request("/v1/users/7", "GET", more))
        expect_equal(answer.status, 200)


def test_streams_and_keep_alive(t):
    backend = feed.backend(t, Watch=lambda request, context: iter([feed.item(t, number=1)]))
    gateway = feed.gateway(t, backend, config=feed.CONFIG + 'cors: {origins: ["https://app.example"]}\n')
    stream = gateway.stream("GET", "/v1/feeds/a", headers={"Origin": APP})
    expect_equal(stream.header("access-control-allow-origin"), APP)
    expect_equal(stream.rest(), [{"number": "1"}])
    connection = harness.http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    headers = {"Origin": APP, "Access-Control-Request-Method": "GET"}
    for _ in range(3):
        expect_equal(harness.request_on(connection, "OPTIONS", "/v1/feeds/a", headers=headers).status, 204)
        connection.sock.getpeername()  # it is still the same connection
    connection.close()


def test_preflights_are_counted_and_logged(t):
    gateway = start(t)
    preflight(gateway, "/v1/users/7", "GET")
    entry = harness.wait_for("the log line", gateway.access_log)[0]
    expect_equal((entry["method"], entry["path"], entry["status"]), ("OPTIONS", "/v1/users/7", 204))
    expect_equal(gateway.metrics().value("http_requests_total", route="none", method="OPTIONS", code="204"), 1)


def test_mistakes_are_told_with_their_place(t):
    path = t.write("bad.yaml", 'listen: [{address: "a:1"}]\ncors: {origins: ["*"], credentials: true}\n')
    done = t.run("check", "-c", path)
    expect_equal(
        (done.returncode, done.stderr),
        (1, f'{path}:2:18: `origins`: "*" beside `credentials`, expected them one by one\n'),
    )
