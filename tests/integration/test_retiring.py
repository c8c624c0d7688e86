"""Backends that end connections, refuse calls and run out of room, as healthy ones do: no call fails by it."""

import asyncio
import threading
import time

import grpc
import harness
from gateway_config import user_answer, user_gateway
from harness import expect, expect_equal
from others import Others
from proxies import Nginx


def hammer(gateway, calls, clients=16, path="/v1/hello/x"):
    """(answers that are not 200, seconds of each call in order)."""
    wrong, seconds, lock = [], [], threading.Lock()
    left = iter(range(calls))

    def work():
        connection = harness.http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
        while True:
            with lock:
                if next(left, None) is None:
                    break
            begin = time.monotonic()
            response = harness.request_on(connection, "GET", path)
            with lock:
                seconds.append(time.monotonic() - begin)
                if response.status != 200:
                    wrong.append(response)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong, sorted(seconds)


def expect_none_fails_behind_nginx(t, after, calls):
    service = t.service("user-service")
    gateway = user_gateway(t, Nginx.start(t, service.address, keepalive_requests=after).address)
    wrong, seconds = hammer(gateway, calls)
    p99 = seconds[len(seconds) * 99 // 100]
    retries = gateway.metrics().sum("upstream_retries_total", upstream="user-service")
    print(f"     GOAWAY after {after}: {calls} calls, {len(wrong)} failed, P99 {p99 * 1000:.1f} ms, "
          f"slowest {seconds[-1] * 1000:.1f} ms, {retries:.0f} sent again")
    expect_equal([repr(answer)[:200] for answer in wrong], [], "calls that failed")
    # Pauses before new connections would show; a busy machine makes every call slow.
    expect(p99 < max(0.5, 100 * seconds[len(seconds) // 2]), f"P99 {p99} s")


def test_goaway_after_1000_calls_fails_none(t):
    expect_none_fails_behind_nginx(t, 1000, 3000)


def test_goaway_after_100_calls_fails_none(t):
    expect_none_fails_behind_nginx(t, 100, 2000)


def test_goaway_after_10_calls_fails_none(t):
    expect_none_fails_behind_nginx(t, 10, 1000)


def test_goaway_after_every_call_fails_none(t):
    expect_none_fails_behind_nginx(t, 1, 500)


def test_connections_that_grow_old_end_no_call_of_others(t):
    """gRPC's MAX_CONNECTION_AGE, of about the time that a call takes: the announced GOAWAY, and the one that follows."""
    find = {"user.v1.UserService/GetUser": lambda request, context: user_answer(t, id=request.id)}
    options = [("grpc.max_connection_age_ms", 300), ("grpc.max_connection_age_grace_ms", 60000)]
    backend = t.backend(find, threads=26, options=options)
    with Others(t, backend=backend) as others:
        wrong, _ = hammer(others.gateway, 300, clients=4, path="/v1/users/7")
        harness.wait_for("connections to be replaced", lambda: len(backend.peers) > 3, timeout=30)
    expect_equal([repr(answer)[:200] for answer in wrong], [], "calls that failed")


class AioBackend:
    """grpc.aio, which counts its streams in a way of its own."""

    def __init__(self, t, streams):
        self.port, self._loop = harness.free_port(), asyncio.new_event_loop()
        self._protos, self._streams = t.protos, streams
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=[self._serve()])
        self._ready = threading.Event()
        self._thread.start()
        expect(self._ready.wait(20), "grpc.aio serves")

    async def _serve(self):
        request, _ = self._protos.method("user.v1.UserService/SayHello")

        async def hello(message, _):
            return self._protos.new("user.v1.SayHelloResponse", message=message.name)

        method = grpc.unary_unary_rpc_method_handler(hello, request.FromString, lambda answer: answer.SerializeToString())
        self._server = grpc.aio.server(options=[("grpc.max_concurrent_streams", self._streams), ("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler("user.v1.UserService", {"SayHello": method})])
        expect_equal(self._server.add_insecure_port(self.address), self.port, "port")
        await self._server.start()
        self._ready.set()
        await self._server.wait_for_termination()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def stop(self):
        asyncio.run_coroutine_threadsafe(self._server.stop(None), self._loop)
        self._thread.join()


def test_few_streams_of_grpc_aio_fail_none(t):
    backend = t.started(AioBackend(t, 5))
    wrong, seconds = hammer(user_gateway(t, backend.address), 2000, clients=32)
    print(f"     P99 {seconds[len(seconds) * 99 // 100] * 1000:.1f} ms")
    expect_equal([repr(answer)[:200] for answer in wrong], [], "calls that failed")
