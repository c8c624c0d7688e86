"""Proxies of others between the gateway and its backend, and between clients and the gateway."""

import grpc

from gateway_config import USER, user_answer, user_backend, user_gateway
from harness import expect_equal
from proxies import Nghttpx, Nginx

NATIVE = USER.replace("tracing: {}", "  - service: user.v1.UserService\n    upstream: user-service\ntracing: {}")


def backend(t):
    def get_user(request, context):
        if request.id == "nobody":
            context.abort(grpc.StatusCode.NOT_FOUND, "user not found")
        return user_answer(t, id=request.id)

    return user_backend(t, GetUser=get_user)


def expect_calls_pass(t, gateway, port):
    """REST through the gateway alone, gRPC through `port`."""
    response = gateway.get("/v1/users/7")
    expect_equal((response.status, response.json()["user"]["id"]), (200, "7"))
    expect_equal(gateway.get("/v1/users/nobody").status, 404)
    stub = t.stub(port, "user.v1.UserService")
    expect_equal(stub("GetUser", id="8").user.id, "8")
    expect_equal(stub.fails(grpc.StatusCode.NOT_FOUND, "GetUser", id="nobody").message, "user not found")


def test_nginx_before_the_backend(t):
    gateway = user_gateway(t, Nginx.start(t, backend(t).address).address, config=NATIVE)
    expect_calls_pass(t, gateway, gateway.port)


def test_nghttpx_before_the_backend(t):
    gateway = user_gateway(t, Nghttpx.start(t, backend(t).address).address, config=NATIVE)
    expect_calls_pass(t, gateway, gateway.port)


def test_nginx_before_the_gateway(t):
    gateway = user_gateway(t, backend(t).address, config=NATIVE)
    expect_calls_pass(t, gateway, Nginx.start(t, f"127.0.0.1:{gateway.port}").port)


def test_nghttpx_before_the_gateway(t):
    gateway = user_gateway(t, backend(t).address, config=NATIVE)
    expect_calls_pass(t, gateway, Nghttpx.start(t, f"127.0.0.1:{gateway.port}").port)
