"""JSON by method name: POST /SERVICE/METHOD, for the services of `service` routes."""

import json

import grpc

import feed
from gateway_config import USER, fail, user_backend, user_gateway
from harness import expect, expect_equal, expect_error

BY_NAME = USER.replace("- annotations: user.v1.UserService", "- service: user.v1.UserService")


def test_every_method_is_reached_by_its_name(t):
    def create(request, _):
        return t.protos.new("user.v1.CreateUserResponse", user=t.protos.new("user.v1.User", username=request.username))

    gateway = user_gateway(t, user_backend(t, CreateUser=create).address, config=BY_NAME)
    response = gateway.post("/user.v1.UserService/GetUser", {"id": "7"})
    expect_equal((response.status, response.json()), (200, {"user": {"id": "7"}}))
    response = gateway.post("/user.v1.UserService/CreateUser", {"username": "a"})
    expect_equal(response.json(), {"user": {"username": "a"}})
    expect_equal(gateway.post("/user.v1.UserService/GetUser", "").json(), {"user": {}}, "no body, no fields")


def test_errors_are_those_of_any_route(t):
    gateway = user_gateway(
        t, user_backend(t, GetUser=fail(grpc.StatusCode.NOT_FOUND, "user not found")).address, config=BY_NAME
    )
    path = "/user.v1.UserService/GetUser"
    expect_error(gateway.post(path, {"id": "7"}), 404, 5, "user not found")
    expect_error(gateway.post(path, {"nothing": 1}), 400, 3, "nothing")
    expect_error(gateway.post(path, "{}", {"Content-Type": "text/plain"}), 415, 3)
    expect_error(gateway.get(path), 405, 12)
    expect_error(gateway.post("/user.v1.UserService/Nothing", {}), 404, 5)
    expect_error(gateway.post("/user.v1.Nothing/GetUser", {}), 404, 5)
    expect_error(gateway.get("/v1/users/7"), 404, 5)


def test_methods_that_stream_have_names_too(t):
    def three(request, _):
        for number in range(3):
            yield feed.item(t, feed=request.feed, number=number + 1)

    def echo(requests, _):
        yield from requests

    config = feed.CONFIG.replace("- annotations: feed.v1.Feed", "- service: feed.v1.Feed")
    gateway = feed.gateway(t, feed.backend(t, Watch=three, Chat=echo), config=config)
    response = gateway.post("/feed.v1.Feed/Watch", {"feed": "a"})
    expect_equal([json.loads(line)["number"] for line in response.body.splitlines()], ["1", "2", "3"])
    response = gateway.post("/feed.v1.Feed/Chat", [{"number": 1}, {"number": 2}], {"Accept": "application/json"})
    expect_equal(response.json(), [{"number": "1"}, {"number": "2"}])


def test_both_kinds_of_routes_go_together(t):
    both = BY_NAME.replace("tracing:", "  - annotations: user.v1.UserService\n    upstream: user-service\ntracing:")
    gateway = user_gateway(t, user_backend(t).address, config=both)
    expect_equal(gateway.get("/v1/users/7").json(), gateway.post("/user.v1.UserService/GetUser", {"id": "7"}).json())


def test_the_command_line_knows_services(t):
    config = t.write("c.yaml", t.expand(BY_NAME, PORT=8080, ADMIN=9090, BACKENDS="[{address: \"127.0.0.1:1\"}]"))
    line = "POST\t/user.v1.UserService/GetUser\tuser.v1.UserService/GetUser\tuser-service\n"
    expect(line in t.run("routes", "-c", config).stdout, "routes")
    text = open(config, encoding="utf-8").read().replace("UserService", "UserServce")
    done = t.run("check", "-c", t.write("wrong.yaml", text))
    expect('unknown service "user.v1.UserServce"' in done.stderr and "user.v1.UserService" in done.stderr, done.stderr)
