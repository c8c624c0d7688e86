"""How long calls may take: deadlines of clients, timeouts of the configuration, and what of both a backend is told."""

import queue
import re
import threading
import time

import grpc

import feed
import h2
import harness
from gateway_config import USER, Recorder, user_answer
from harness import expect, expect_equal, expect_error, expect_within
from others import GET_USER, Others
from test_backend_connections import Backend, Connection, pool
from test_grpc_native import Client, count_request, expect_status, items, request
from test_grpc_web import WEB, call_http1, call_http2, framed
from test_websocket import CHAT, handshake
from websocket import WebSocket

EXCEEDED, MALFORMED = grpc.StatusCode.DEADLINE_EXCEEDED, "malformed grpc-timeout"
COUNT = "/feed.v1.Feed/Count"

CONFIG = feed.CONFIG.replace("routes:", "routes:\n  - service: feed.v1.Feed\n    upstream: feed")
# Of the upstream, or of the routes.
OF_UPSTREAM = CONFIG.replace("timeout: 500ms", "timeout: @TIMEOUT@")
OF_ROUTES = CONFIG.replace("timeout: 500ms", "timeout: 9s").replace("    upstream: feed", "    upstream: feed\n    timeout: @TIMEOUT@")


class Slow:
    """Methods of a backend that answer after `seconds`, and note how much time each call has (None: any), and how
    long it took to be cancelled."""

    def __init__(self, t, seconds):
        self._t, self._seconds = t, seconds
        self.left, self.ended = queue.Queue(), queue.Queue()
        self.backend = feed.backend(t, Count=self._count, Watch=self._stream, Chat=self._chat, Collect=self._collect)

    def _wait(self, context):
        left = context.time_remaining()
        self.left.put(None if left is None or left > 1e8 else left)
        begin, over = time.monotonic(), threading.Event()
        context.add_callback(over.set)
        if over.wait(self._seconds):
            self.ended.put(time.monotonic() - begin)

    def _count(self, _, context):
        self._wait(context)
        return feed.protos(self._t).new("feed.v1.Counters", sent=7)

    def _stream(self, _, context):
        yield feed.item(self._t, number=1)
        self._wait(context)
        yield feed.item(self._t, number=2)

    def _chat(self, requests, context):
        next(requests, None)
        yield from self._stream(None, context)

    def _collect(self, requests, context):
        next(requests, None)
        self._wait(context)
        return feed.protos(self._t).new("feed.v1.Summary", items=1)

    def expect_left(self, low, high, what):
        left = self.left.get(timeout=5)
        expect(left is not None, f"{what}: the backend was told no deadline")
        expect_within(left, low, high, f"{what}: seconds that the backend has")

    def expect_any_time(self, what):
        expect_equal(self.left.get(timeout=5), None, f"{what}: seconds that the backend has")

    def expect_cancelled(self, high, what):
        expect_within(self.ended.get(timeout=5), 0, high, f"{what}: seconds until the backend knew")


def start(t, slow, config, timeout, limits=""):
    return feed.gateway(t, slow.backend, config=config.replace("@TIMEOUT@", timeout), limits=limits)


def grpc_calls(t, gateway, timeout):
    """Each kind of call, which raises what it ends with."""
    client = Client(t, gateway.port)
    return {
        "unary": lambda: client.Count(count_request(t), timeout=timeout),
        "answers": lambda: list(client.Watch(request(t), timeout=timeout)),
        "requests": lambda: client.Collect(iter(items(t, 1)), timeout=timeout),
        "both": lambda: list(client.Chat(iter(items(t, 1)), timeout=timeout)),
    }


# --- gRPC and gRPC-Web ---


def test_a_grpc_clients_deadline_rules(t):
    """It may be later than the timeouts of upstreams, of routes, and of requests."""
    for config in OF_UPSTREAM, OF_ROUTES:
        slow = Slow(t, 0.6)
        gateway = start(t, slow, config, "150ms", limits="request_timeout: 300ms")
        for what, call in grpc_calls(t, gateway, 20).items():
            call()
            slow.expect_left(10, 20.1, what)
        for call in call_http1, call_http2:
            answer = call(gateway, COUNT, framed(b""), WEB, [("grpc-timeout", "20S")])
            expect_equal(answer.status, "0", "gRPC-Web")
            slow.expect_left(10, 20.1, "gRPC-Web")


def test_a_grpc_clients_deadline_may_be_sooner(t):
    slow = Slow(t, 10)
    gateway = start(t, slow, OF_UPSTREAM, "9s")
    for what, call in grpc_calls(t, gateway, 0.4).items():
        begin = time.monotonic()
        expect_status(call, EXCEEDED)
        expect_within(time.monotonic() - begin, 0.39, 3, f"seconds: {what}")
        slow.expect_left(0, 0.41, what)
        slow.expect_cancelled(3, what)


def test_a_grpc_call_without_deadline_has_the_timeout_and_tells_none(t):
    """Nobody asked for a deadline: the backend sees none, and that the call is cancelled when its time is over."""
    for config, limits, streams_too in (
        (OF_UPSTREAM, "", False),
        (OF_UPSTREAM.replace("@TIMEOUT@", "9s"), "request_timeout: 400ms", False),
        (OF_ROUTES, "", True),
    ):
        slow = Slow(t, 1.2)
        gateway = start(t, slow, config, "400ms", limits=limits)
        for what, call in grpc_calls(t, gateway, None).items():
            begin = time.monotonic()
            if what == "unary" or streams_too:
                expect_status(call, EXCEEDED)
                expect_within(time.monotonic() - begin, 0.39, 1.1, f"seconds: {what}")
                slow.expect_cancelled(1.1, what)
            else:
                call()
            slow.expect_any_time(what)
        for call in call_http1, call_http2:
            expect_equal(call(gateway, COUNT, framed(b""), WEB).status, "4", "gRPC-Web")
            slow.expect_any_time("gRPC-Web")


def test_timeout_none(t):
    for config in OF_UPSTREAM, OF_ROUTES:
        slow = Slow(t, 0.6)
        gateway = start(t, slow, config, "none")
        for what, call in grpc_calls(t, gateway, None).items():
            call()
            slow.expect_any_time(what)
        for path in "/v1/counters", "/v1/feeds/news":
            expect_equal(gateway.get(path).status, 200, path)
            slow.expect_any_time(path)
        expect_equal(gateway.get("/v1/counters", {"grpc-timeout": "20S"}).status, 200, "a deadline of the client")
        slow.expect_left(10, 20.1, "a deadline of the client")
    # What it leaves is limits.request_timeout, unless that is none, too.
    slow = Slow(t, 0.6)
    expect_error(start(t, slow, OF_UPSTREAM, "none", "request_timeout: 300ms").get("/v1/counters"), 504, 4)
    slow.expect_any_time("within request_timeout")
    expect_equal(start(t, slow, OF_ROUTES, "none", "request_timeout: none").get("/v1/counters").status, 200)


def test_max_deadline(t):
    slow = Slow(t, 10)
    gateway = start(t, slow, OF_UPSTREAM, "9s", limits="max_deadline: 400ms")
    for what, call in grpc_calls(t, gateway, 20).items():
        expect_status(call, EXCEEDED)
        slow.expect_left(0, 0.41, what)
    for path in "/v1/counters", "/v1/feeds/news":
        begin = time.monotonic()
        gateway.get(path, {"grpc-timeout": "99999999H"})
        expect_within(time.monotonic() - begin, 0.39, 3, f"seconds: {path}")
        slow.expect_left(0, 0.41, path)


# --- REST and WebSocket ---


def test_a_rest_clients_grpc_timeout_is_a_deadline(t):
    slow = Slow(t, 10)
    for config in OF_UPSTREAM, OF_ROUTES:
        gateway = start(t, slow, config, "9s")
        begin = time.monotonic()
        expect_error(gateway.get("/v1/counters", {"Grpc-Timeout": "400m"}), 504, 4)
        expect_within(time.monotonic() - begin, 0.39, 3, "seconds over HTTP/1.1")
        with h2.Client(gateway.port) as client:
            begin = time.monotonic()
            expect_equal(client.answer(client.request("/v1/counters", more=[("grpc-timeout", "400000u")])).status, 504)
            expect_within(time.monotonic() - begin, 0.39, 3, "seconds over HTTP/2")
        answer = gateway.post("/v1/feeds/news/items", b"{}", {"grpc-timeout": "400m", "content-type": "application/x-ndjson"})
        expect_error(answer, 504, 4)
        for what in "HTTP/1.1", "HTTP/2", "requests":
            slow.expect_left(0, 0.41, what)
            slow.expect_cancelled(3, what)


def test_a_rest_streams_deadline_ends_it_in_its_own_form(t):
    slow = Slow(t, 10)
    gateway = start(t, slow, OF_UPSTREAM, "9s")
    for accept, part in ("text/event-stream", b"event: error\n"), ("application/x-ndjson", b'"code":4'):
        for more in [("accept", accept), ("grpc-timeout", "400m")],:
            begin = time.monotonic()
            body = gateway.get("/v1/feeds/news", dict(more)).body
            expect_within(time.monotonic() - begin, 0.39, 3, f"seconds of {accept}")
            expect(b'"number":"1"' in body and part in body, f"a message and the error, found {body!r}")
            with h2.Client(gateway.port) as client:
                body = client.answer(client.request("/v1/feeds/news", more=more)).body
                expect(b'"number":"1"' in body and part in body, f"a message and the error, found {body!r}")
            for _ in range(2):
                slow.expect_left(0, 0.41, accept)
                slow.expect_cancelled(3, accept)


def test_the_soonest_holds_for_rest(t):
    for client, timeout, limits in ("20S", "400ms", ""), ("20S", "9s", "request_timeout: 400ms"), ("400m", "9s", ""):
        slow = Slow(t, 10)
        gateway = start(t, slow, OF_UPSTREAM, timeout, limits=limits)
        expect_error(gateway.get("/v1/counters", {"grpc-timeout": client}), 504, 4)
        slow.expect_left(0, 0.41, f"{client} and {timeout}, {limits}")
    gateway = start(t, slow, OF_ROUTES, "400ms")
    gateway.get("/v1/feeds/news", {"grpc-timeout": "20S"})
    slow.expect_left(0, 0.41, "a stream's route")


def test_a_websockets_handshake_may_bring_a_deadline(t):
    slow = Slow(t, 10)
    gateway = start(t, slow, CONFIG, "9s")
    ws = WebSocket(gateway.port, CHAT, {"grpc-timeout": "500m"})
    begin = time.monotonic()
    ws.send({})
    expect_equal(ws.message(), {"number": "1"})
    ws.expect_end(4004)
    expect_within(time.monotonic() - begin, 0, 3, "seconds")
    slow.expect_left(0, 0.51, "WebSocket")
    slow.expect_cancelled(3, "WebSocket")


# --- odd ones ---

# None of them is one to eight digits and a unit.
BROKEN = ["", "1", "S", "m1", "1s", "+5S", "-5S", "5 S", "1.5S", "0x5S", "123456789S", "99999999999999999999H", "1S, 2S", "5SS"]


def grpc_status(gateway, *timeouts):
    """At once, before all of the request is there. By hand: grpcio sends nothing that is wrong."""
    more = [("content-type", "application/grpc"), *(("grpc-timeout", one) for one in timeouts)]
    with h2.Client(gateway.port) as client:
        stream = client.request("/" + GET_USER, "POST", more, end=False)
        client.answer(stream, timeout=5)
        block = next(one.payload for one in client.frames if one.stream == stream and one.kind == h2.HEADERS)
    fields = h2.first_fields(block)
    return fields["grpc-status"], fields["grpc-message"]


def test_a_malformed_deadline_is_refused(t):
    with Others(t, methods={GET_USER: lambda *_: user_answer(t)}) as others:
        gateway, path = others.gateway, "/" + GET_USER
        with h2.Client(gateway.port) as client:
            for value in BROKEN:
                more = [("grpc-timeout", value)]
                with gateway.client() as plain:
                    plain.send(f"GET /v1/users/1 HTTP/1.1\r\nHost: x\r\nGrpc-Timeout: {value}\r\n\r\n".encode())
                    expect_error(plain.response(), 400, 3, MALFORMED)
                answer = client.answer(client.request(more=more))
                expect_equal(answer.status, 400, f"{value!r} over HTTP/2")
                expect_equal(call_http2(gateway, path, framed(b""), WEB, more).status, "3", f"{value!r} of gRPC-Web")
                expect_equal(grpc_status(gateway, value), ("3", MALFORMED), f"{value!r} of gRPC")
            twice = [("grpc-timeout", "5S"), ("grpc-timeout", "5S")]
            expect_equal(client.answer(client.request(more=twice)).status, 400, "two of them")
            expect_equal(grpc_status(gateway, "5S", "5S"), ("3", MALFORMED), "two of them")
        expect_equal(others.backend.calls[GET_USER], 0, "calls")


def test_no_time_at_all_is_no_call(t):
    with Others(t, methods={GET_USER: lambda *_: user_answer(t)}) as others:
        gateway, path = others.gateway, "/" + GET_USER
        for value in "0n", "0S", "00000000H":
            expect_error(gateway.get("/v1/users/1", {"grpc-timeout": value}), 504, 4, "the deadline has passed")
            expect_equal(grpc_status(gateway, value), ("4", "the deadline has passed"), value)
            expect_equal(call_http1(gateway, path, framed(b""), WEB, [("grpc-timeout", value)]).status, "4", value)
        expect_equal(others.backend.calls[GET_USER], 0, "calls")


def test_odd_deadlines_in_a_websockets_handshake(t):
    gateway = start(t, Slow(t, 0), CONFIG, "9s")
    for value, status, code in ("5s", 400, 3), ("0S", 504, 4), ("", 400, 3):
        with gateway.client() as client:
            client.send(handshake(more=f"grpc-timeout: {value}\r\n"))
            expect_error(client.response(), status, code)


def test_what_is_sent_on_has_at_most_eight_digits(t):
    sent = bytearray()

    def serve(plain):
        class Tap:
            def __getattr__(self, name):
                return getattr(plain, name)

            def recv(self, *args):
                data = plain.recv(*args)
                sent.extend(data)
                return data

        backend._serve(Tap())  # pylint: disable=protected-access

    backend = Backend(t, Connection.answer)
    config = USER.replace("workers: 2", "workers: 1").replace("annotations: ", "service: ")
    gateway = t.gateway(config, BACKENDS=f'[{{address: "{t.raw_backend(serve).address}"}}]')
    for value in "99999999H", "99999999M", "99999999S", "99999999m", "99999999u", "99999999n", "1n", "1H":
        sent.clear()
        answer = call_http2(gateway, "/" + GET_USER, framed(b""), WEB, [("grpc-timeout", value)])
        found = re.findall(rb"grpc-timeout(.)(\d+)([HMSmun])", bytes(sent), re.DOTALL)
        if value == "1n" and not found:
            expect_equal(answer.status, "4", "a nanosecond")
            continue
        expect_equal(len(found), 1, f"deadlines for {value} in {bytes(sent)!r}")
        length, digits, _ = found[0]
        expect(1 <= len(digits) <= 8 and length[0] == len(digits) + 1, f"{found} for {value}")


# --- what takes time on the way ---


def test_the_time_that_is_left_behind_a_queue_goes_on(t):
    record, release, taken = Recorder(t), threading.Event(), threading.Event()

    def hold(*_):
        taken.set()
        release.wait(10)
        return user_answer(t)

    backend = t.backend({GET_USER: hold}, options=[("grpc.max_concurrent_streams", 1)])
    config = pool(1, 1, config=USER.replace("workers: 2", "workers: 1"))
    config = config.replace("  - annotations:", "  - service: user.v1.UserService\n    upstream: user-service\n  - annotations:")
    gateway = t.gateway(config, BACKENDS=f'[{{address: "{backend.address}"}}]')
    threads, answers = [], []

    def call(function):
        threads.append(threading.Thread(target=lambda: answers.append(function())))
        threads[-1].start()

    call(lambda: gateway.get("/v1/users/1").status)
    expect(taken.wait(5), "the call that fills the backend")
    backend.on(GET_USER, record)
    stub = t.stub(gateway.port, "user.v1.UserService")
    call(lambda: stub("GetUser", timeout=4, id="1") and 200)
    call(lambda: gateway.get("/v1/users/1", {"grpc-timeout": "4S"}).status)
    harness.wait_for("both to wait", lambda: gateway.metrics().sum("upstream_pending", upstream="user-service") == 2)
    began = time.monotonic()
    expect_error(gateway.get("/v1/users/1", {"grpc-timeout": "700m"}), 504, 4, "waiting for a connection")
    expect_within(time.monotonic() - began, 0.69, 3, "seconds in the queue")
    release.set()
    for thread in threads:
        thread.join()
    expect_equal(answers, [200] * 3, "answers")
    for left in record.time_left:
        expect_within(left, 0, 3.4, "seconds left of 4, behind the queue")


def test_hooks_spend_the_clients_time(t):
    """What Sluice.call is given ends with the client's deadline, and the call behind the hook has the rest."""
    hook = t.write("hook.rb", """
class Hook
  def on_request(req)
    Sluice.call("user.v1.UserService/GetUser", {"id" => "1"}, timeout: 7, upstream: "user-service")
    Sluice.sleep(0.5)
  end
  def on_error(err, req)
    Sluice.call("user.v1.UserService/GetUser", {"id" => "2"}, upstream: "user-service")
  rescue Sluice::RPCError => e
    Sluice.log(:warn, e.message)
  end
end
Hook.new
""")
    record = Recorder(t)
    backend = t.backend({GET_USER: record})
    config = USER.replace("timeout: 2s", "timeout: none") + f"hooks: [{hook}]\nhook_limits: {{time: 20s}}\n"
    gateway = t.gateway(config, BACKENDS=f'[{{address: "{backend.address}"}}]')
    expect_equal(gateway.get("/v1/users/1", {"grpc-timeout": "5S"}).status, 200)
    expect_within(record.time_left[0], 1, 5.01, "seconds of the hook's call")
    expect_within(record.time_left[1], 0, 4.51, "seconds of the call behind it")
    expect_equal(gateway.get("/v1/users/1").status, 200)
    expect_within(record.time_left[2], 2, 7.01, "seconds of the hook's call, by itself")
    expect(record.time_left[3] is None or record.time_left[3] > 1e8, "no deadline behind it")
    # Over before the hook is: the call does not begin, and on_error has time again.
    expect_error(gateway.get("/v1/users/1", {"grpc-timeout": "400m"}), 504, 4, "deadline exceeded")
    expect_within(record.time_left[4], 0, 0.41, "seconds of the hook's call")
    expect_equal([one.id for one in record.requests[4:]], ["1", "2"], "calls")
    expect(record.time_left[5] is None or record.time_left[5] > 1e8, "no deadline for on_error")
