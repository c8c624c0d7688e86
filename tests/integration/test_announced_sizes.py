"""Sizes over the limit are refused when they are announced; nobody waits for the bytes. A Beside goes on meanwhile."""

import base64
import struct
import time

import feed
import grpc
import h2
import harness
from beside import Beside
from gateway_config import USER, endpoints, user_answer
from harness import expect, expect_equal, expect_error, expect_within
from websocket import CONTINUATION, TEXT, WebSocket, frame

CREATE = "/user.v1.UserService/CreateUser"
LIMITS = "limits: {request_body: 64KiB, body_timeout: 20s}\n"
POST = b"POST /v1/users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
JSON = ("content-type", "application/json")
GRPC, WEB, WEB_TEXT = "application/grpc", "application/grpc-web", "application/grpc-web-text"
AT_ONCE = 5  # seconds; what waits does so for 20


def start(t):
    """GetUser, with a CreateUser that is never called."""
    backend = t.backend({"user.v1.UserService/GetUser": lambda request, context: user_answer(t, id=request.id)})
    config = USER.replace("routes:", "routes:\n  - service: user.v1.UserService\n    upstream: user-service") + LIMITS
    return t.gateway(config, BACKENDS=endpoints(backend.address)), backend


class AtOnce:
    def __enter__(self):
        self._begin = time.monotonic()

    def __exit__(self, kind, *_):
        if kind is None:
            expect_within(time.monotonic() - self._begin, 0, AT_ONCE, "seconds until it was refused")


def test_chunks_and_lengths(t):
    """The size alone, behind a chunk that is there, in pieces, and as the sum of several; a length in the head."""
    gateway, backend = start(t)
    head = POST + b"Transfer-Encoding: chunked\r\n\r\n"
    small = b"8\r\n        \r\n"
    cases = (
        [head + b"10001\r\n"],
        [head, b"10001\r\n"],
        [head, b"FFFF", b"FFFFF;a=b\r", b"\n"],
        [head + b"ffffffffffffffff\r\n"],
        [head + small, small + b"fff9\r\n"],
        [head + b"8000\r\n" + b" " * 0x8000 + b"\r\n", b"8001\r\n "],
        [POST + b"Content-Length: 65538\r\n\r\n"],
        [POST + b"Content-Length: 18446744073709551615\r\n\r\n"],
    )
    with Beside(t, gateway), AtOnce():
        for pieces in cases:
            with gateway.client() as client:
                for piece in pieces:
                    client.send(piece)
                    time.sleep(0.05)
                answer = client.response()
                if answer.status != 400:  # a length that is no size_t
                    expect_error(answer, 413, 8)
                expect(client.is_closed(), "closed")
    expect_equal(gateway.metrics().value("http_limits_total", limit="request_body"), len(cases) - 1)
    with gateway.client() as client:  # the limit itself is none of these
        client.send(head + b"10000\r\n" + b" " * 0x10000 + b"\r\n0\r\n\r\n")
        expect_error(client.response(), 400, 3)
    expect_equal(backend.calls["user.v1.UserService/CreateUser"], 0)


def test_content_length_over_http2(t):
    gateway, _ = start(t)
    with Beside(t, gateway), AtOnce(), h2.Client(gateway.port) as client:
        for length in "65537", "4294967296":
            stream = client.request("/v1/users", "POST", [JSON, ("content-length", length)], end=False)
            answer = client.answer(stream)
            expect_equal(answer.status, 413)
            expect(b"the body is over 65536 bytes" in answer.body, f"{answer}")
        stream = client.request(CREATE, "POST", [("content-type", GRPC), ("content-length", "65542")], end=False)
        expect_equal(client.answer(stream).status, 200)
    expect_statuses(gateway, 1)


def expect_statuses(gateway, count):
    """So many gRPC calls were logged, all of them refused as too large."""

    def found():
        return [line["grpc_status"] for line in gateway.access_log()
                if line["path"].startswith(("/user.v1.", "/feed.v1."))]

    harness.wait_for("lines of the calls", lambda: len(found()) == count)
    expect_equal(set(found()), {8})


def test_prefixes_of_grpc_messages(t):
    """Unary calls, whose body is collected, and streams, which are read as they come."""
    gateway, backend = start(t)
    prefix = struct.pack(">BI", 0, 65537)
    with Beside(t, gateway), AtOnce(), h2.Client(gateway.port) as client:
        for begin in prefix, struct.pack(">BI", 1, 1 << 31), prefix + b"\x0a\x03abc":
            for step in 1, len(begin):
                stream = client.request(CREATE, "POST", [("content-type", GRPC), ("te", "trailers")], end=False)
                for at in range(0, len(begin), step):
                    client.send(h2.DATA, 0, stream, begin[at : at + step])
                answer = client.answer(stream)
                expect_equal(answer.status, 200, f"{begin[:5]!r}")
        for kind, begin in (
            (WEB, prefix),
            (WEB_TEXT, base64.b64encode(prefix)),
            (WEB_TEXT, base64.b64encode(prefix[:3]) + base64.b64encode(prefix[3:]) + b"AAAA"),
            (WEB_TEXT, b"".join(base64.b64encode(prefix[i : i + 1]) for i in range(5))),
        ):
            stream = client.request(CREATE, "POST", [("content-type", kind)], end=False)
            client.send(h2.DATA, 0, stream, begin)
            answer = client.answer(stream)
            body = base64.b64decode(answer.body) if kind == WEB_TEXT else answer.body
            expect(answer.status == 200 and b"grpc-status:8" in body, f"{answer}")
    expect_statuses(gateway, 10)
    expect_equal(backend.calls["user.v1.UserService/CreateUser"], 0)
    config = feed.CONFIG.replace("- annotations: feed.v1.Feed", "- service: feed.v1.Feed")
    gateway = feed.gateway(t, feed.backend(t, Collect=collect), config, limits="request_body: 64KiB")
    with AtOnce(), h2.Client(gateway.port) as client:
        stream = client.request("/feed.v1.Feed/Collect", "POST", [("content-type", GRPC), ("te", "trailers")], end=False)
        client.send(h2.DATA, 0, stream, prefix)
        expect_equal(client.answer(stream).status, 200)
    expect_statuses(gateway, 1)


def collect(requests, _):
    return list(requests)


def test_prefixes_of_backends(t):
    """An answer's message over max_message fails when its prefix is in, for REST and gRPC."""

    def on_frame(connection, kind, flags, stream, payload):
        if kind == h2.HEADERS:
            headers = h2.hpack([(":status", "200"), ("content-type", "application/grpc")])
            connection.sendall(h2.frame(h2.HEADERS, h2.END_HEADERS, stream, headers))
            connection.sendall(h2.frame(h2.DATA, 0, stream, struct.pack(">BI", 0, (4 << 20) + 1)))

    backend = t.http2_backend(on_frame)
    config = USER.replace("timeout: 2s", "timeout: 20s").replace(
        "routes:", "routes:\n  - service: user.v1.UserService\n    upstream: user-service")
    gateway = t.gateway(config, BACKENDS=endpoints(backend.address))
    with AtOnce():
        expect_error(gateway.get("/v1/users/1"), 502, 13, "over the limit")
        stub = t.stub(gateway.port, "user.v1.UserService")
        try:
            stub("GetUser", id="1")
            expect(False, "a failure")
        except grpc.RpcError as error:
            expect_equal(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)


def test_websocket_frames(t):
    """The head of a frame is enough, and so is the sum of a message's frames."""
    gateway = feed.gateway(t, feed.backend(t, Chat=feed_echo), limits="request_body: 1KiB")
    mask = b"abcd"
    cases = (
        struct.pack(">BBH", 0x81, 0xFE, 1025) + mask,
        struct.pack(">BBQ", 0x81, 0xFF, 1 << 40) + mask,
        struct.pack(">BBQ", 0x01, 0xFF, (1 << 63) - 1) + mask,
        frame(TEXT, b"x" * 1000, fin=False) + struct.pack(">BB", 0x80, 0x80 | 25) + mask,
        frame(TEXT, b"x" * 600, fin=False) + frame(CONTINUATION, b"y" * 400, fin=False) +
        struct.pack(">BBH", 0x00, 0xFE, 200) + mask,
    )
    with AtOnce():
        for bytes_of in cases:
            for step in len(bytes_of), 1:
                if step == 1 and len(bytes_of) > 200:
                    step = len(bytes_of) - 5
                ws = WebSocket(gateway.port, "/v1/feeds/news:chat")
                for at in range(0, len(bytes_of), step):
                    ws.send_raw(bytes_of[at : at + step])
                ws.expect_end(1009, "too large")
    expect_equal(gateway.metrics().value("http_limits_total", limit="request_body"), 2 * len(cases))
    ws = WebSocket(gateway.port, "/v1/feeds/news:chat")
    ws.send({"text": "x" * 1012})
    expect_equal(len(ws.message()["text"]), 1012, "a message of the limit's length")
    ws.close()


def feed_echo(requests, _):
    yield from requests
