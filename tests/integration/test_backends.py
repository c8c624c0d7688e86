"""What a backend may send, frame by frame: legal but rare, and wrong."""

import struct
import time

import harness
from gateway_config import USER, user_answer, user_backend, user_gateway
from harness import (FRAME_DATA, FRAME_GOAWAY, FRAME_HEADERS, FRAME_PING, FRAME_RST, FRAME_SETTINGS, expect, expect_equal,
                     expect_error, expect_within, frame)

END_STREAM, END_HEADERS, PADDED = 1, 4, 8
NO_ERROR, ENHANCE_YOUR_CALM = 0, 11

# A GetUserResponse of the user "7", framed as gRPC does.
USER_7 = b"\0\0\0\0\x05" + b"\x0a\x03\x0a\x017"


def block(**fields):
    """A header block: literals without indexing. `_` stands for `-`, `status` for `:status`."""
    coded = b""
    for name, value in fields.items():
        name = {"status": ":status"}.get(name, name.replace("_", "-")).encode()
        value = value.encode()
        coded += b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value
    return coded


GRPC = {"status": "200", "content_type": "application/grpc"}


def headers(stream, end=False, **fields):
    return frame(FRAME_HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block(**fields))


def data(stream, payload, flags=0):
    return frame(FRAME_DATA, flags, stream, payload)


def answering(make):
    """A frame handler that answers each call with the bytes make(stream)."""

    def on_frame(connection, kind, flags, stream, payload):
        if kind == FRAME_HEADERS:
            connection.sendall(make(stream))

    return on_frame


def one_answer(t, make):
    """What a client gets where the backend sends the bytes make(stream)."""
    return user_gateway(t, t.http2_backend(answering(make)).address).get("/v1/users/7")


def test_answers_in_odd_but_legal_frames_are_read(t):
    parts = [USER_7[i:i + 1] for i in range(len(USER_7))]
    ok = {"grpc_status": "0"}
    for what, make in {
        "a byte a frame": lambda s: headers(s, **GRPC) + b"".join(data(s, one) for one in parts) + headers(s, True, **ok),
        "padding": lambda s: headers(s, **GRPC) + data(s, b"\x05" + USER_7 + bytes(5), PADDED) + headers(s, True, **ok),
        "empty frames": lambda s: headers(s, **GRPC) + data(s, b"") * 9 + data(s, USER_7) + data(s, b"")
                        + headers(s, True, **ok),
        "informational headers": lambda s: headers(s, status="103") + headers(s, **GRPC) + data(s, USER_7)
                                 + headers(s, True, **ok),
        "a content type with a suffix": lambda s: headers(s, status="200", content_type="application/grpc+proto")
                                        + data(s, USER_7) + headers(s, True, **ok),
        "an unknown frame": lambda s: frame(0xEE, 0, s, b"x") + headers(s, **GRPC) + frame(0xEF, 0, 0, b"") + data(s, USER_7)
                            + headers(s, True, **ok),
        "RST_STREAM(NO_ERROR) behind the trailers": lambda s: headers(s, **GRPC) + data(s, USER_7) + headers(s, True, **ok)
                                                    + frame(FRAME_RST, 0, s, bytes(4)),
        "a PING and SETTINGS between": lambda s: headers(s, **GRPC) + frame(FRAME_PING, 0, 0, bytes(8))
                                       + frame(FRAME_SETTINGS, 0, 0) + data(s, USER_7) + headers(s, True, **ok),
    }.items():
        response = one_answer(t, make)
        expect_equal((response.status, response.body), (200, b'{"user":{"id":"7"}}'), what)


def test_a_status_alone_is_enough(t):
    """Trailers only: without a message about it, and with one."""
    body = expect_error(one_answer(t, lambda s: headers(s, True, **GRPC, grpc_status="7")), 403, 7)
    expect_equal(body["message"], "")
    body = expect_error(one_answer(t, lambda s: headers(s, True, **GRPC, grpc_status="5", grpc_message="no%20%C3%A9")), 404, 5)
    expect_equal(body["message"], "no é")
    # OK without a message is no answer to a unary call.
    expect_error(one_answer(t, lambda s: headers(s, True, **GRPC, grpc_status="0")), 502, 13)


def test_a_message_before_a_failure_is_dropped(t):
    response = one_answer(t, lambda s: headers(s, **GRPC) + data(s, USER_7) + headers(s, True, grpc_status="8"))
    expect_error(response, 429, 8)


def test_an_odd_status_is_unknown(t):
    for status in "17", "4294967296", "-1", "x", "":
        response = one_answer(t, lambda s, status=status: headers(s, True, **GRPC, grpc_status=status))
        expect(response.status in (500, 502), f"status of {response}")
        expect_error(response, response.status, response.json()["code"])


def test_http_answers_are_mapped(t):
    """doc/http-grpc-status-mapping.md of grpc."""
    for http, status, code in [("400", 500, 13), ("401", 401, 16), ("403", 403, 7), ("404", 501, 12), ("429", 503, 14),
                               ("502", 503, 14), ("503", 503, 14), ("504", 503, 14), ("500", 500, 2), ("302", 500, 2)]:
        page = lambda s, http=http: headers(s, status=http, content_type="text/html") + data(s, b"<h1>no</h1>", END_STREAM)
        expect_error(one_answer(t, page), status, code, http)


def test_an_answer_that_is_not_grpc(t):
    for what, make in {
        "HTML": lambda s: headers(s, status="200", content_type="text/html") + data(s, b"<h1>hello</h1>", END_STREAM),
        "no content type": lambda s: headers(s, status="200") + data(s, USER_7) + headers(s, True, grpc_status="0"),
        "no trailers": lambda s: headers(s, **GRPC) + data(s, USER_7, END_STREAM),
        "a DATA frame first": lambda s: data(s, USER_7, END_STREAM),
        "no :status": lambda s: headers(s, content_type="application/grpc") + data(s, USER_7, END_STREAM),
        "an upper-case name": lambda s: frame(FRAME_HEADERS, END_HEADERS, s, b"\x88\0\x01A\x01b") + data(s, USER_7, END_STREAM),
        "trailers that do not end the stream": lambda s: headers(s, **GRPC) + data(s, USER_7) + headers(s, grpc_status="0"),
    }.items():
        response = one_answer(t, make)
        expect(response.status in (500, 502), f"{what}: {response}")
        expect_error(response, response.status, response.json()["code"])


def test_compression_that_was_not_offered_is_502(t):
    coded = {**GRPC, "grpc_encoding": "gzip"}
    make = lambda s: headers(s, **coded) + data(s, b"\x01" + USER_7[1:]) + headers(s, True, grpc_status="0")
    expect_error(one_answer(t, make), 502, 13)


def test_header_lists_of_a_backend_have_a_limit(t):
    def make(stream):
        many = b"".join(b"\0\x04name\x64" + b"v" * 100 for _ in range(150))
        blocks = frame(FRAME_HEADERS, 0, stream, block(**GRPC))
        blocks += b"".join(frame(9, 0, stream, many) for _ in range(20))
        return blocks + frame(9, END_HEADERS, stream, b"") + data(stream, USER_7) + headers(stream, True, grpc_status="0")

    response = one_answer(t, make)
    expect(response.status in (502, 503), f"status of {response}")
    expect_error(response, response.status, response.json()["code"])


def test_a_backend_cannot_write_headers_of_the_response(t):
    for value in "a\r\nx-injected: 1", "a\nx-injected: 1", "a\0b":
        for make in (
            lambda s, value=value: headers(s, **GRPC, x_evil=value) + data(s, USER_7) + headers(s, True, grpc_status="0"),
            lambda s, value=value: headers(s, **GRPC) + data(s, USER_7) + headers(s, True, grpc_status="0", x_evil=value),
        ):
            response = one_answer(t, make)
            expect_error(response, 502, 13)
            expect(response.header("x-injected") is None, f"{response}")
    response = one_answer(t, lambda s: headers(s, True, **GRPC, grpc_status="5", grpc_message="a%0D%0Ax-injected:%201"))
    expect_equal(expect_error(response, 404, 5)["message"], "a\r\nx-injected: 1")


def test_goaway_lets_calls_under_way_end(t):
    """A call below GOAWAY's last stream is answered; the next goes over a new connection."""
    def on_frame(connection, kind, flags, stream, payload):
        if kind == FRAME_HEADERS:
            connection.sendall(frame(FRAME_GOAWAY, 0, 0, struct.pack(">II", stream, NO_ERROR)))
            time.sleep(0.05)
            connection.sendall(headers(stream, **GRPC) + data(stream, USER_7) + headers(stream, True, grpc_status="0"))

    backend = t.http2_backend(on_frame)
    gateway = user_gateway(t, backend.address)
    for _ in range(6):
        expect_equal(gateway.get("/v1/users/7").status, 200)
    expect(backend.connections >= 6, f"{backend.connections} connections")


def test_an_angry_goaway_in_mid_call_is_503(t):
    def on_frame(connection, kind, flags, stream, payload):
        if kind == FRAME_HEADERS:
            connection.sendall(headers(stream, **GRPC) + frame(FRAME_GOAWAY, 0, 0, struct.pack(">II", stream, ENHANCE_YOUR_CALM)))
            connection.shutdown(harness.socket.SHUT_RDWR)

    gateway = user_gateway(t, t.http2_backend(on_frame).address)
    expect_error(gateway.get("/v1/users/7"), 503, 14)


def reset(connection):
    connection.setsockopt(harness.socket.SOL_SOCKET, harness.socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_connections_that_are_reset(t):
    """At each step of a connection's life; a good endpoint beside is not disturbed."""
    def at_once(connection):
        reset(connection)

    def after_preface(connection):
        harness.receive(connection, len(harness.PREFACE))
        reset(connection)

    def after_settings(connection):
        connection.sendall(frame(FRAME_SETTINGS, 0, 0))
        harness.receive(connection, len(harness.PREFACE))
        reset(connection)

    good = user_backend(t)
    for serve in at_once, after_preface, after_settings:
        alone = user_gateway(t, t.raw_backend(serve).address)
        response = alone.get("/v1/users/7")
        expect(response.status in (502, 503), f"{serve.__name__}: {response}")
        expect_error(response, response.status, response.json()["code"])
        gateway = user_gateway(t, t.raw_backend(serve).address, good.address)
        statuses = [gateway.get(f"/v1/users/{i}").status for i in range(20)]
        # A call that was sent before the reset may have been seen: it is not sent again.
        expect(set(statuses) <= {200, 503} and statuses.count(200) >= 10, f"{serve.__name__}: {statuses}")


def test_a_backend_that_ends_every_connection_is_not_flooded(t):
    def bye(connection):
        connection.sendall(frame(FRAME_SETTINGS, 0, 0))
        harness.receive(connection, len(harness.PREFACE))

    def go_away(connection):
        connection.sendall(frame(FRAME_SETTINGS, 0, 0) + frame(FRAME_GOAWAY, 0, 0, bytes(8)))
        while connection.recv(65536):
            pass

    for serve in bye, go_away:
        backend = t.raw_backend(serve)
        user_gateway(t, backend.address)
        time.sleep(1)
        expect_within(backend.connections, 2, 30, f"connections of 2 workers in a second: {serve.__name__}")


def test_calls_that_are_reset(t):
    """By a RST of TCP while calls are under way: before, within and behind the answer's headers."""
    for sent in b"", headers(1, **GRPC), headers(1, **GRPC) + data(1, USER_7), headers(1, **GRPC)[:5]:
        def on_frame(connection, kind, flags, stream, payload, sent=sent):
            if kind == FRAME_HEADERS:
                connection.sendall(sent)
                time.sleep(0.02)
                reset(connection)

        gateway = user_gateway(t, t.http2_backend(on_frame).address)
        expect_error(gateway.post("/v1/users", {"username": "a"}), 503, 14)


def test_a_large_message_passes_where_it_is_allowed(t):
    def find(request, _):
        return user_answer(t, id=request.id, full_name="x" * 10_000_000)

    config = USER.replace("timeout: 2s", "timeout: 10s\n    max_message: 16MiB") + "limits: {request_body: 16MiB}\n"

    def create(request, _):
        return t.protos.new("user.v1.CreateUserResponse", user=t.protos.new("user.v1.User", full_name=request.full_name))

    gateway = user_gateway(t, user_backend(t, GetUser=find, CreateUser=create).address, config=config)
    for _ in range(2):
        expect_equal(len(gateway.get("/v1/users/7").json()["user"]["fullName"]), 10_000_000)
        body = {"fullName": "y" * 10_000_000}
        expect_equal(gateway.post("/v1/users", body).json()["user"]["fullName"], body["fullName"])


def test_a_backend_that_takes_bytes_in_small_windows(t):
    """Flow control: a window of 1,000 bytes that is opened bit by bit."""
    def serve(connection):
        harness.receive(connection, len(harness.PREFACE))
        connection.sendall(frame(FRAME_SETTINGS, 0, 0, struct.pack(">HI", 4, 1000)))
        got = {}
        while True:
            head = harness.receive(connection, 9)
            kind, flags, stream = struct.unpack(">BBI", head[3:])
            payload = harness.receive(connection, int.from_bytes(head[:3], "big"))
            if kind == FRAME_SETTINGS and not flags & 1:
                connection.sendall(frame(FRAME_SETTINGS, 1, 0))
            elif kind == FRAME_DATA:
                expect(len(payload) <= 1000, f"{len(payload)} bytes in a window of 1000")
                got[stream] = got.get(stream, b"") + payload
                if flags & END_STREAM:
                    size = len(got[stream]) - 5
                    answer = b"\x0a" + bytes([len(str(size)) + 2]) + b"\x12" + bytes([len(str(size))]) + str(size).encode()
                    connection.sendall(headers(stream, **GRPC) + data(stream, struct.pack(">BI", 0, len(answer)) + answer)
                                       + headers(stream, True, grpc_status="0"))
                elif payload:
                    opened = struct.pack(">I", len(payload))
                    connection.sendall(frame(8, 0, stream, opened) + frame(8, 0, 0, opened))

    gateway = user_gateway(t, t.raw_backend(serve).address)
    response = gateway.post("/v1/users", {"username": "u" * 50_000})
    expect_equal(response.status, 200, f"status of {response}")
    expect_equal(response.json()["user"]["username"], "50004")


def test_requests_wait_where_no_stream_is_allowed(t):
    def serve(connection):
        connection.sendall(frame(FRAME_SETTINGS, 0, 0, struct.pack(">HI", 3, 0)))
        while connection.recv(65536):
            pass

    gateway = user_gateway(t, t.raw_backend(serve).address, config=USER.replace("timeout: 2s", "timeout: 300ms"))
    begin = time.monotonic()
    response = gateway.get("/v1/users/7")
    expect_error(response, 504, 4)
    expect_within(time.monotonic() - begin, 0.2, 1, "seconds")


def test_the_requests_timeout_bounds_the_calls(t):
    def slow(request, _):
        time.sleep(2)
        return user_answer(t, id=request.id)

    config = USER.replace("timeout: 2s", "timeout: 10s") + "limits: {request_timeout: 300ms}\n"
    gateway = user_gateway(t, user_backend(t, GetUser=slow).address, config=config)
    begin = time.monotonic()
    expect_error(gateway.get("/v1/users/7"), 504, 4)
    expect_within(time.monotonic() - begin, 0.25, 1, "seconds")


def test_the_routes_timeout_is_nearer(t):
    def slow(request, _):
        time.sleep(1)
        return user_answer(t, id=request.id)

    route = ("  - {match: 'GET /quick/{id}', grpc: user.v1.UserService/GetUser, upstream: user-service, timeout: 200ms}\n"
             "tracing: {}")
    gateway = user_gateway(t, user_backend(t, GetUser=slow).address, config=USER.replace("tracing: {}", route))
    expect_error(gateway.get("/quick/7"), 504, 4)
    expect_equal(gateway.get("/v1/users/7").status, 200)


def test_endpoints_by_name_and_over_ipv6(t):
    backend = user_backend(t)
    gateway = user_gateway(t, f"localhost:{backend.port}")
    for _ in range(4):
        expect_equal(gateway.get("/v1/users/7").status, 200)

    def answer(connection):
        # IPv6 only: a relay to the backend.
        with harness.socket.create_connection(("127.0.0.1", backend.port)) as other:
            harness.relay(connection, other)

    relay = t.started(harness.RawBackend(answer, address=("::1", 0)))
    gateway = user_gateway(t, f"[::1]:{relay.port}")
    expect_equal(gateway.get("/v1/users/7").status, 200)
    expect(relay.connections > 0, "connections over IPv6")


def test_a_name_that_nobody_knows_is_503(t):
    gateway = user_gateway(t, "no-such-host.invalid:1")
    begin = time.monotonic()
    expect_error(gateway.get("/v1/users/7"), 503, 14, "user-service: no endpoint can be reached")
    expect_within(time.monotonic() - begin, 0, 2, "seconds")
    good = user_backend(t)
    gateway = user_gateway(t, "no-such-host.invalid:1", good.address)
    expect_equal({gateway.get("/v1/users/7").status for _ in range(10)}, {200})


def test_endpoints_that_fail_are_left_out_until_they_are_back(t):
    """While they are in backoff nothing is picked, and the answer comes at once."""
    ports = [harness.free_port(), harness.free_port()]
    gateway = user_gateway(t, *(f"127.0.0.1:{port}" for port in ports))
    harness.wait_for("both to be known as failing", lambda: gateway.metrics().sum("upstream_endpoint_up") == 0)
    time.sleep(0.3)
    picks = gateway.metrics().sum("upstream_picks_total")
    for _ in range(20):
        expect_error(gateway.get("/v1/users/7"), 503, 14, "user-service: no endpoint can be reached")
    expect_equal(gateway.metrics().sum("upstream_picks_total"), picks, "picks")
    states = gateway.admin("/stats").json()["upstreams"]["user-service"]["endpoints"]
    expect_equal({one["state"] for one in states}, {"failing"})
    methods = {"user.v1.UserService/GetUser": lambda request, context: user_answer(t, id=request.id)}
    t.backend(methods, port=ports[1])
    harness.wait_for("the one that is back", lambda: gateway.get("/v1/users/7").status == 200, timeout=3)
    harness.wait_for("all workers to know", lambda: all(gateway.get("/v1/users/7").status == 200 for _ in range(10)), timeout=3)


def test_nothing_of_a_dead_backend_is_kept(t):
    """Calls under way are counted down however they end."""
    backend = t.http2_backend(lambda connection, kind, *_: reset(connection) if kind == FRAME_HEADERS else None)
    gateway = user_gateway(t, backend.address)
    for _ in range(20):
        gateway.get("/v1/users/7")
    harness.wait_for("no call in flight", lambda: gateway.metrics().sum("upstream_calls_in_flight") == 0)
    expect_equal(gateway.admin("/stats").json()["upstreams"]["user-service"]["endpoints"][0]["in_flight"], 0)
