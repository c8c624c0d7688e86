"""Backends that fail in every way there is; the gateway says so and goes on."""

import re
import threading
import time

import grpc
import harness
import websocket
from gateway_config import USER, user_answer, user_backend, user_gateway
from harness import FRAME_GOAWAY, FRAME_HEADERS, FRAME_RST, expect, expect_equal, expect_error, expect_within, frame

END_HEADERS, END_STREAM = 4, 1
REFUSED_STREAM, INTERNAL_ERROR = 7, 2


def timed(function, *args):
    begin = time.monotonic()
    result = function(*args)
    return result, time.monotonic() - begin


def test_a_backend_that_never_answers_is_504(t):
    seen = []
    backend = t.http2_backend(lambda connection, kind, flags, stream, payload: seen.append((kind, payload)))
    config = USER.replace("timeout: 2s", "timeout: 300ms")
    gateway = user_gateway(t, backend.address, config=config)
    response, seconds = timed(gateway.get, "/v1/users/1")
    expect_error(response, 504, 4)
    expect_within(seconds, 0.28, 1.0, "seconds")
    cancelled = (FRAME_RST, (8).to_bytes(4, "big"))
    harness.wait_for("RST_STREAM(CANCEL)", lambda: cancelled in seen)


def test_a_listener_that_says_nothing_is_504(t):
    backend = t.raw_backend(lambda connection: connection.recv(1 << 20) and time.sleep(5))
    config = USER.replace("timeout: 2s", "timeout: 300ms")
    response, seconds = timed(user_gateway(t, backend.address, config=config).get, "/v1/users/1")
    expect(response.status in (503, 504), f"status of {response}")
    expect_within(seconds, 0.2, 1.5, "seconds")


def test_a_backend_that_closes_in_mid_call_is_503_and_not_called_again(t):
    calls = []

    def close(connection, kind, *_):
        if kind == FRAME_HEADERS:
            calls.append(1)
            connection.shutdown(harness.socket.SHUT_RDWR)

    gateway = user_gateway(t, t.http2_backend(close).address, t.http2_backend(close).address)
    expect_error(gateway.post("/v1/users", {"username": "a"}), 503, 14)
    expect_equal(len(calls), 1, "calls")


def test_a_backend_that_closes_in_mid_message_is_503(t):
    def half(connection, kind, flags, stream, payload):
        if kind == FRAME_HEADERS:
            # :status 200 (8 of the static table), content-type: application/grpc, both literally.
            block = b"\x88\x5f\x10application/grpc"
            connection.sendall(frame(FRAME_HEADERS, END_HEADERS, stream, block))
            connection.sendall(frame(0, 0, stream, b"\0\0\0\0\x20only half"))
            connection.shutdown(harness.socket.SHUT_RDWR)

    expect_error(user_gateway(t, t.http2_backend(half).address).get("/v1/users/1"), 503, 14)


def test_a_stream_that_is_refused_goes_to_the_next(t):
    calls = []

    def refuse(connection, kind, flags, stream, payload):
        if kind == FRAME_HEADERS:
            calls.append(1)
            connection.sendall(frame(FRAME_RST, 0, stream, REFUSED_STREAM.to_bytes(4, "big")))

    good = user_backend(t)
    gateway = user_gateway(t, t.http2_backend(refuse).address, good.address)
    for i in range(10):
        expect_equal(gateway.get(f"/v1/users/{i}").status, 200)
    expect_equal(good.calls.total(), 10, "calls of the good one")
    expect_within(len(calls), 4, 6, "calls of the one that refuses")


def test_a_stream_above_goaway_goes_to_the_next(t):
    def go_away(connection, kind, flags, stream, payload):
        if kind == FRAME_HEADERS:
            connection.sendall(frame(FRAME_GOAWAY, 0, 0, bytes(8)))
            connection.shutdown(harness.socket.SHUT_WR)

    good = user_backend(t)
    gateway = user_gateway(t, t.http2_backend(go_away).address, good.address)
    for i in range(10):
        expect_equal(gateway.get(f"/v1/users/{i}").status, 200)
    expect_equal(good.calls.total(), 10, "calls of the good one")


def test_a_stream_that_is_reset_is_not_called_again(t):
    calls = []

    def reset(connection, kind, flags, stream, payload):
        if kind == FRAME_HEADERS:
            calls.append(1)
            connection.sendall(frame(FRAME_RST, 0, stream, INTERNAL_ERROR.to_bytes(4, "big")))

    gateway = user_gateway(t, t.http2_backend(reset).address, t.http2_backend(reset).address)
    response = gateway.get("/v1/users/1")
    expect(response.status in (500, 502, 503), f"status of {response}")
    expect_error(response, response.status, response.json()["code"])
    expect_equal(len(calls), 1, "calls")


def test_a_backend_that_is_not_http2_is_502(t):
    for answer in b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", b"\0" * 500, b"SSH-2.0-OpenSSH_9.2\r\n" * 10:
        def garbage(connection, answer=answer):
            connection.sendall(answer)
            while connection.recv(65536):
                pass

        gateway = user_gateway(t, t.raw_backend(garbage).address)
        expect_error(gateway.get("/v1/users/1"), 502, 13)


def test_malformed_grpc_is_502(t):
    ok_headers = b"\x88\x5f\x10application/grpc"
    ok_status = b"\0\x0bgrpc-status\x010"
    cases = {
        "a compressed message": b"\x01\0\0\0\x01x",
        "a message that is cut": b"\0\0\0\0\x10x",
        "two messages": b"\0\0\0\0\0" * 2,
        "no message": b"",
        "a message that is no User": b"\0\0\0\0\x02\x0a\xff",
    }
    for what, data in cases.items():
        def answer(connection, kind, flags, stream, payload, data=data):
            if kind == FRAME_HEADERS:
                connection.sendall(
                    frame(FRAME_HEADERS, END_HEADERS, stream, ok_headers)
                    + (frame(0, 0, stream, data) if data else b"")
                    + frame(FRAME_HEADERS, END_HEADERS | END_STREAM, stream, ok_status)
                )

        response = user_gateway(t, t.http2_backend(answer).address).get("/v1/users/1")
        expect_equal(response.status, 502, f"status for {what}: {response}")
        expect_error(response, 502, 13)


def test_an_http_error_of_a_backend_is_mapped(t):
    def answer(connection, kind, flags, stream, payload):
        if kind == FRAME_HEADERS:
            # :status 503, text/html: a proxy's page, not gRPC.
            connection.sendall(frame(FRAME_HEADERS, END_HEADERS | END_STREAM, stream, b"\x08\x03503\x5f\x09text/html"))

    response = user_gateway(t, t.http2_backend(answer).address).get("/v1/users/1")
    expect_error(response, 503, 14)


def test_a_message_over_the_limit_is_502(t):
    def large(request, _):
        user = t.protos.new("user.v1.User", full_name="x" * int(request.id))
        return t.protos.new("user.v1.GetUserResponse", user=user)

    backend = user_backend(t, GetUser=large)
    gateway = user_gateway(t, backend.address, config=USER.replace("timeout: 2s", "max_message: 2KiB"))
    expect_equal(gateway.get("/v1/users/2000").status, 200)
    expect_error(gateway.get("/v1/users/2100"), 502, 13)
    expect_error(gateway.get("/v1/users/3000000"), 502, 13)
    expect_equal(gateway.get("/v1/users/2000").status, 200, "status afterwards")


def test_all_down_is_503_at_once(t):
    gateway = user_gateway(t, *(f"127.0.0.1:{harness.free_port()}" for _ in range(3)))
    for _ in range(20):
        response, seconds = timed(gateway.get, "/v1/users/1")
        expect_error(response, 503, 14)
        expect_within(seconds, 0, 0.1, "seconds")
        time.sleep(0.05)


def test_one_of_two_down_is_not_noticed(t):
    good = user_backend(t)
    gateway = user_gateway(t, f"127.0.0.1:{harness.free_port()}", good.address)
    for i in range(50):
        expect_equal(gateway.get(f"/v1/users/{i}").status, 200)
    expect_equal(good.calls.total(), 50, "calls")


def test_a_stopped_backend_costs_no_call(t):
    one, two = t.service("user-service"), t.service("user-service")
    gateway = user_gateway(t, one.address, two.address)
    statuses = []
    stop = threading.Event()

    def call():
        connection = harness.http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
        while not stop.is_set():
            statuses.append(harness.request_on(connection, "GET", "/v1/hello/x").status)
        connection.close()

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    one.stop()
    time.sleep(0.3)
    stop.set()
    for thread in threads:
        thread.join()
    expect(len(statuses) > 50, f"{len(statuses)} calls were made")
    expect_equal({status: statuses.count(status) for status in set(statuses)}, {200: len(statuses)}, "statuses")


def test_a_killed_backend_costs_only_its_calls_in_flight(t):
    one, two = t.service("user-service"), t.service("user-service")
    gateway = user_gateway(t, one.address, two.address)
    statuses, stop, clients = [], threading.Event(), 16

    def call():
        connection = harness.http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
        while not stop.is_set():
            statuses.append(harness.request_on(connection, "GET", "/v1/hello/x").status)
        connection.close()

    threads = [threading.Thread(target=call) for _ in range(clients)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    one.kill()
    time.sleep(0.5)
    again = t.service("user-service", port=one.port)
    calls_before = gateway.metrics().value("upstream_picks_total", upstream="user-service", endpoint=one.address)
    begin = time.monotonic()
    hello = {"service": "user.v1.UserService", "method": "SayHello", "status": "success", "code": "OK"}

    def served():
        page = harness.http_request(again.health_port, "GET", "/metrics").body.decode()
        return harness.Metrics(page).value("rpc_calls_total", **hello) > 0

    harness.wait_for("a call to the restarted backend", served, timeout=5)
    expect_within(time.monotonic() - begin, 0, 2, "seconds to the first call")
    stop.set()
    for thread in threads:
        thread.join()
    failures = [status for status in statuses if status != 200]
    expect(set(failures) <= {503}, f"statuses {set(failures)}")
    expect_within(len(failures), 0, clients, "failures")
    picks = gateway.metrics().value("upstream_picks_total", upstream="user-service", endpoint=one.address)
    expect(picks > calls_before, "the restarted backend is picked again")


def test_the_first_call_after_a_restart_comes_within_2_s(t):
    service = t.service("user-service")
    gateway = user_gateway(t, service.address)
    expect_equal(gateway.get("/v1/hello/x").status, 200)
    service.kill()
    time.sleep(3)  # so that the pauses between attempts to connect have grown
    expect_error(gateway.get("/v1/hello/x"), 503, 14)
    t.service("user-service", port=service.port)
    begin = time.monotonic()
    harness.wait_for("an answer", lambda: gateway.get("/v1/hello/x").status == 200, timeout=5)
    expect_within(time.monotonic() - begin, 0, 2, "seconds")


def test_a_client_that_leaves_cancels_the_call(t):
    began, cancelled, release = threading.Event(), threading.Event(), threading.Event()

    def slow(request, context):
        context.add_callback(lambda: cancelled.set() if not release.is_set() else None)
        began.set()
        release.wait(10)
        return t.protos.new("user.v1.GetUserResponse")

    gateway = user_gateway(t, user_backend(t, GetUser=slow).address, config=USER.replace("timeout: 2s", "timeout: 30s"))
    connection = harness.socket.create_connection(("127.0.0.1", gateway.port))
    connection.sendall(b"GET /v1/users/1 HTTP/1.1\r\nHost: x\r\n\r\n")
    expect(began.wait(5), "the call has begun")
    connection.close()
    expect(cancelled.wait(3), "the backend sees the call cancelled")
    release.set()
    labels = {"service": "user.v1.UserService", "method": "GetUser", "status": "cancelled", "code": "CANCELLED"}
    harness.wait_for("the call to be counted", lambda: gateway.metrics().value("rpc_calls_total", **labels) == 1)
    harness.wait_for("the request to be logged", lambda: [one for one in gateway.access_log() if one["status"] == 499])


def test_calls_wait_for_streams_when_a_backend_allows_few(t):
    """MAX_CONCURRENT_STREAMS is kept to: here 1 a connection, with one connection a worker."""
    lock, at_once, most = threading.Lock(), [0], [0]

    def slow(request, _):
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        time.sleep(0.02)
        with lock:
            at_once[0] -= 1
        return t.protos.new("user.v1.GetUserResponse", user=t.protos.new("user.v1.User", id=request.id))

    backend = t.backend({"user.v1.UserService/GetUser": slow}, options=[("grpc.max_concurrent_streams", 1)])
    config = USER.replace("timeout: 2s", "timeout: 10s\n    pool: {initial_size: 1, max_size: 1}")
    gateway = user_gateway(t, backend.address, config=config)
    statuses = []
    threads = [threading.Thread(target=lambda: statuses.append(gateway.get("/v1/users/1").status)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect_equal(statuses, [200] * 20, "statuses")
    expect_within(most[0], 1, 2, "calls at once, of 2 workers")


# --- what clients are told of it, and what the logs are ---


def full_listener():
    """One whose queue is full: the kernel drops what comes, and connecting takes for ever."""
    listener = harness.socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    held = []
    for _ in range(8):
        one = harness.socket.socket()
        one.setblocking(False)
        one.connect_ex(listener.getsockname())
        held.append(one)
    return listener, held


def logged_error(gateway, path):
    return harness.wait_for(
        "the access log's line",
        lambda: next((line["error"] for line in gateway.access_log() if line["path"] == path), None),
    )


def test_addresses_and_the_systems_words_are_in_the_logs_only(t):
    """Refused, timed out and lost are told apart there."""
    refused = f"127.0.0.1:{harness.free_port()}"
    gateway = user_gateway(t, refused)
    body = expect_error(gateway.get("/v1/users/1"), 503, 14)
    expect_equal(body["message"], "user-service: no endpoint can be reached")
    inner = f"({refused}: cannot connect: Connection refused)"
    expect_equal(logged_error(gateway, "/v1/users/1"), "user-service: no endpoint can be reached " + inner)

    listener, held = full_listener()
    address = "127.0.0.1:%d" % listener.getsockname()[1]
    config = USER.replace("timeout: 2s", "timeout: 2s\n    pool: {connect_timeout: 300ms}")
    gateway = user_gateway(t, address, config=config)
    body = expect_error(gateway.get("/v1/users/2"), 503, 14)
    expect_equal(body["message"], "user-service: no endpoint can be reached")
    expect(f"({address}: cannot connect: Connection timed out)" in logged_error(gateway, "/v1/users/2"), "timed out")
    for one in (listener, *held):
        one.close()

    def close(connection, kind, *_):
        if kind == FRAME_HEADERS:
            connection.shutdown(harness.socket.SHUT_RDWR)

    backend = t.http2_backend(close)
    gateway = user_gateway(t, backend.address)
    body = expect_error(gateway.get("/v1/users/3"), 503, 14)
    expect_equal(body["message"], "user-service: the connection was lost")
    inner = f"({backend.address}: connection lost: closed by the peer)"
    expect_equal(logged_error(gateway, "/v1/users/3"), "user-service: the connection was lost " + inner)

    def reset(connection, kind, *_):
        if kind == FRAME_HEADERS:
            reset_connection(connection)

    backend = t.http2_backend(reset)
    gateway = user_gateway(t, backend.address)
    body = expect_error(gateway.get("/v1/users/4"), 503, 14)
    expect_equal(body["message"], "user-service: the connection was lost")
    inner = f"({backend.address}: connection lost: Connection reset by peer)"
    expect_equal(logged_error(gateway, "/v1/users/4"), "user-service: the connection was lost " + inner)

    backend = t.raw_backend(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    gateway = user_gateway(t, backend.address)
    body = expect_error(gateway.get("/v1/users/5"), 502, 13)
    expect_equal(body["message"], "user-service: no endpoint can be reached")
    expect("does not speak HTTP/2" in logged_error(gateway, "/v1/users/5"), "not HTTP/2")


def reset_connection(connection):
    connection.setsockopt(harness.socket.SOL_SOCKET, harness.socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


EVERY_WAY = USER.replace(
    "routes:",
    """routes:
  - service: user.v1.UserService
    upstream: user-service
  - service: grpc.health.v1.Health
    upstream: user-service
  - {match: "GET /watch", grpc: grpc.health.v1.Health/Watch, upstream: user-service}""",
)


def test_no_protocol_tells_a_client_an_address(t):
    """What reads the same in REST, gRPC, gRPC-Web, streams and WebSockets."""
    address = f"127.0.0.1:{harness.free_port()}"
    gateway = user_gateway(t, address, config=EVERY_WAY)
    told = "user-service: no endpoint can be reached"
    expect_equal(gateway.get("/v1/users/1").json()["message"], told)
    expect_equal(gateway.get("/watch", headers={"Accept": "text/event-stream"}).json()["message"], told)
    with grpc.insecure_channel(f"127.0.0.1:{gateway.port}") as channel:
        stub = harness.Stub(t.protos, channel, "user.v1.UserService")
        expect_equal(stub.fails(grpc.StatusCode.UNAVAILABLE, "GetUser", id="1").message, told)
    answer = gateway.post(
        "/user.v1.UserService/GetUser", b"\0\0\0\0\0", headers={"Content-Type": "application/grpc-web+proto"}
    )
    expect(told.replace(" ", "%20").encode() in answer.body or told.encode() in answer.body, f"gRPC-Web: {answer}")
    socket = websocket.WebSocket(gateway.port, "/watch")
    expect_equal(socket.ended(), (4014, told), "code and reason")
    lines = harness.wait_for("five lines", lambda: (lambda all: all if len(all) == 5 else None)(gateway.access_log()))
    for line in lines:
        expect_equal(line["error"], f"{told} ({address}: cannot connect: Connection refused)", f"error of {line}")


def test_endpoints_that_fail_and_are_back_are_told_on_stderr(t):
    """One line each, however many workers there are and however often it is tried."""
    port = harness.free_port()
    gateway = user_gateway(t, f"127.0.0.1:{port}")
    fails = f"sluice: user-service: 127.0.0.1:{port} fails: cannot connect: Connection refused\n"
    back = f"sluice: user-service: 127.0.0.1:{port} is back\n"
    harness.wait_for("the line", lambda: fails in gateway.output())
    time.sleep(1)
    methods = {"user.v1.UserService/GetUser": lambda request, context: user_answer(t, id=request.id)}
    t.backend(methods, port=port)
    harness.wait_for("the line", lambda: back in gateway.output())
    expect_equal((gateway.output().count(fails), gateway.output().count(back)), (1, 1), "lines")


class FullQueue:
    """A port that takes no connection and refuses none: its queue is full, and SYNs are dropped."""

    def __init__(self):
        self._listener = harness.socket.create_server(("127.0.0.1", 0), backlog=0)
        self.port = self._listener.getsockname()[1]
        self._clients = [harness.socket.socket() for _ in range(4)]
        for client in self._clients:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", self.port))

    def close(self):
        for one in [*self._clients, self._listener]:
            one.close()


def test_why_an_endpoint_fails_is_told_apart_on_stderr(t):
    full, refused = FullQueue(), harness.free_port()
    mute = t.raw_backend(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    gateway = user_gateway(t, f"127.0.0.1:{full.port}", f"127.0.0.1:{refused}", mute.address, "nowhere.invalid:1",
                           config=USER.replace("timeout: 2s", "timeout: 2s\n    pool: {connect_timeout: 300ms}"))
    for endpoint, why in [
        (f"127.0.0.1:{full.port}", "cannot connect: Connection timed out"),
        (f"127.0.0.1:{refused}", "cannot connect: Connection refused"),
        (mute.address, "the peer does not speak HTTP/2"),
        ("nowhere.invalid:1", ""),  # in the resolver's words
    ]:
        line = f"sluice: user-service: {endpoint} fails: {why}"
        harness.wait_for(line, lambda line=line: line in gateway.output())
        expect_equal(gateway.output().count(f"{endpoint} fails"), 1, f"lines about {endpoint}")
    full.close()


def test_endpoints_that_come_and_go_do_not_fill_the_log(t):
    ports = [harness.free_port() for _ in range(150)]
    gateway = user_gateway(t, *[f"127.0.0.1:{port}" for port in ports])

    def changes():
        """That had a line, and all."""
        told = gateway.output().count(" fails: cannot connect: Connection refused")
        rest = re.findall(r"sluice: (\d+) more changes of endpoints; /stats has", gateway.output())
        return told, told + sum(map(int, rest))

    harness.wait_for("all to be told", lambda: changes()[1] == 150)
    expect_within(changes()[0], 100, 130, "lines")
