"""gRPC-Web (grpc/doc/PROTOCOL-WEB.md), binary and in base64, over HTTP/1.1 and HTTP/2, by a client of
sockets."""

import base64
import gzip
import queue
import re
import struct
import subprocess
import threading
import time

import grpc

import feed
import gateway_config
import h2
import harness
from harness import expect, expect_equal, expect_within

CONFIG = feed.CONFIG.replace("- annotations: feed.v1.Feed", "- service: feed.v1.Feed")
WEB, TEXT = "application/grpc-web", "application/grpc-web-text"
UNIMPLEMENTED, RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE = "12", "8", "13", "14"


def framed(message, flag=0):
    return struct.pack(">BI", flag, len(message)) + message


def encoded(kind, data):
    return base64.b64encode(data) if kind.startswith(TEXT) else data


def decoded(kind, body):
    """Base64 comes in pieces, each with its own padding."""
    if not kind.startswith(TEXT):
        return bytes(body)
    text, out = bytes(body), b""
    expect_equal(len(text) % 4, 0, "length of the base64")
    for piece in re.findall(rb"[^=]+=*", text):
        out += base64.b64decode(piece, validate=True)
    return out


class WebAnswer:
    """The messages (flag, bytes) of a body, and the trailers behind them."""

    def __init__(self, body):
        self.messages, self.trailers = [], None
        while body:
            expect(self.trailers is None, f"something follows the trailers: {body!r}")
            flag, length = struct.unpack(">BI", body[:5])
            data, body = body[5 : 5 + length], body[5 + length :]
            expect_equal(len(data), length, "length of the last frame")
            if flag & 0x80:
                lines = data.decode().split("\r\n")
                expect_equal(lines.pop(), "", "end of the trailers")
                self.trailers = dict(line.split(":", 1) for line in lines)
            else:
                self.messages.append((flag, data))

    @property
    def status(self):
        expect(self.trailers is not None, "no trailers")
        return self.trailers["grpc-status"]


def call_http1(gateway, method, data, kind, headers=()):
    response = gateway.request("POST", method, encoded(kind, data), {"Content-Type": kind, **dict(headers)})
    expect_equal(response.status, 200, f"status of {response}")
    answer = WebAnswer(decoded(response.header("content-type"), response.body))
    answer.headers = response
    return answer


def call_http2(gateway, method, data, kind, headers=()):
    with h2.Client(gateway.port) as client:
        stream = client.request(method, "POST", [("content-type", kind), *headers], encoded(kind, data))
        answer = client.answer(stream)
        expect_equal((answer.status, answer.ended), (200, True), f"{answer}")
        accept = dict(headers).get("accept", kind)
        return WebAnswer(decoded(accept, answer.body))


EVERY_WAY = [(call, kind) for call in (call_http1, call_http2) for kind in (WEB, TEXT, WEB + "+proto", TEXT + "+proto")]


def counters(t, **fields):
    return feed.protos(t).new("feed.v1.Counters", **fields)


def three(t):
    def serve(request, _):
        for number in range(3):
            yield feed.item(t, feed=request.feed, number=number + 1)

    return serve


def watch_request(t, **fields):
    return framed(feed.protos(t).new("feed.v1.WatchRequest", **fields).SerializeToString())


def item_of(t, data):
    return feed.protos(t).type("feed.v1.Item").FromString(data)


def test_a_unary_call_in_every_form(t):
    backend = feed.backend(t, Count=lambda *_: counters(t, sent=7))
    gateway = feed.gateway(t, backend, config=CONFIG)
    for call, kind in EVERY_WAY:
        answer = call(gateway, "/feed.v1.Feed/Count", framed(b""), kind)
        expect_equal(answer.messages, [(0, counters(t, sent=7).SerializeToString())], f"messages by {kind}")
        expect_equal(answer.trailers, {"grpc-status": "0"}, f"trailers by {kind}")
    calls = gateway.metrics().sum("rpc_calls_total", service="feed.v1.Feed", method="Count", code="OK")
    expect_equal(calls, len(EVERY_WAY), "rpc_calls_total")


def test_a_server_stream_in_every_form(t):
    gateway = feed.gateway(t, feed.backend(t, Watch=three(t)), config=CONFIG)
    for call, kind in EVERY_WAY:
        answer = call(gateway, "/feed.v1.Feed/Watch", watch_request(t, feed="a"), kind)
        found = [(item_of(t, data).feed, item_of(t, data).number) for _, data in answer.messages]
        expect_equal(found, [("a", 1), ("a", 2), ("a", 3)], f"messages by {kind}")
        expect_equal(answer.status, "0")


def test_the_answers_content_type(t):
    gateway = feed.gateway(t, feed.backend(t, Count=lambda *_: counters(t, sent=7), Watch=three(t)), config=CONFIG)
    for kind, accept, expected in (
        (WEB, None, WEB),
        (WEB + "+proto", "*/*", WEB + "+proto"),
        (TEXT, None, TEXT),
        (WEB, TEXT, TEXT),
        (TEXT + "+proto", WEB + "+proto", WEB + "+proto"),
    ):
        headers = {} if accept is None else {"Accept": accept}
        for method, data in (("Count", framed(b"")), ("Watch", watch_request(t)), ("Nothing", framed(b""))):
            answer = call_http1(gateway, "/feed.v1.Feed/" + method, data, kind, headers)
            expect_equal(answer.headers.header("content-type"), expected, f"{method} by {kind}, accepting {accept}")
    answer = call_http2(gateway, "/feed.v1.Feed/Count", framed(b""), WEB, [("accept", TEXT)])
    expect_equal(answer.status, "0")
    command = ["curl", "-si", "--http2-prior-knowledge", "-H", "Content-Type: " + TEXT, "-d", "AAAAAAA="]
    command.append(f"http://127.0.0.1:{gateway.port}/feed.v1.Feed/Count")
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    expect(printed.startswith("HTTP/2 200"), printed)
    expect(f"content-type: {TEXT}\n" in printed.replace("\r", ""), printed)


def test_metadata_goes_both_ways(t):
    seen = {}

    def serve(_, context):
        seen.update((one.key, one.value) for one in context.invocation_metadata())
        context.send_initial_metadata((("x-first", "1"), ("x-data-bin", b"\0\1")))
        context.set_trailing_metadata((("x-last", "3"),))
        return counters(t)

    gateway = feed.gateway(t, feed.backend(t, Count=serve), config=CONFIG)
    headers = {"X-Own": "a", "X-Blob-bin": "AAEC", "X-Request-Id": "mine", "grpc-timeout": "250m"}
    answer = call_http1(gateway, "/feed.v1.Feed/Count", framed(b""), WEB, headers)
    expect_equal((seen["x-own"], seen["x-blob-bin"], seen["x-request-id"]), ("a", b"\0\1\2", "mine"))
    found = [answer.headers.header(name) for name in ("x-first", "x-data-bin", "x-request-id")]
    expect_equal(found, ["1", "AAE", "mine"], "headers")
    expect_equal(answer.trailers, {"grpc-status": "0", "x-last": "3"})


def test_a_failing_call(t):
    def fail(_, context):
        context.set_trailing_metadata((("x-why", "because"), ("grpc-status-details-bin", b"\1\2\3")))
        context.abort(grpc.StatusCode.NOT_FOUND, "no é")

    def fail_later(request, context):
        yield feed.item(t, number=1)
        fail(request, context)

    gateway = feed.gateway(t, feed.backend(t, Count=fail, Watch=fail_later), config=CONFIG)
    expected = {
        "grpc-status": "5",
        "grpc-message": "no %C3%A9",
        "grpc-status-details-bin": "AQID",
        "x-why": "because",
    }
    for call, kind in EVERY_WAY:
        answer = call(gateway, "/feed.v1.Feed/Count", framed(b""), kind)
        expect_equal((answer.messages, answer.trailers), ([], expected), f"by {kind}")
        answer = call(gateway, "/feed.v1.Feed/Watch", watch_request(t), kind)
        expect_equal((len(answer.messages), answer.trailers), (1, expected), f"by {kind}")


def test_what_the_gateway_says_itself(t):
    backend = feed.backend(t, Count=lambda *_: counters(t), Collect=None, Chat=None)
    gateway = feed.gateway(t, backend, config=CONFIG, limits="request_body: 1KiB")
    for call, kind in EVERY_WAY:
        for method, data, status in (
            ("Nothing", framed(b""), UNIMPLEMENTED),
            ("Collect", framed(b""), UNIMPLEMENTED),
            ("Chat", framed(b""), UNIMPLEMENTED),
            ("Count", b"", UNIMPLEMENTED),
            ("Count", framed(b"") * 2, UNIMPLEMENTED),
            ("Count", framed(b"abc")[:-1], INTERNAL),
            ("Count", b"\0\0", INTERNAL),
            ("Count", framed(b"", flag=0x80), INTERNAL),
            ("Count", framed(b"", flag=2), INTERNAL),
            ("Count", framed(b"x" * 3000), RESOURCE_EXHAUSTED),
        ):
            answer = call(gateway, "/feed.v1.Feed/" + method, data, kind)
            expect_equal((answer.messages, answer.status), ([], status), f"{method}({data[:20]!r}) by {kind}")
            expect(answer.trailers["grpc-message"], "a message")
    expect_equal(backend.calls["feed.v1.Feed/Count"], 0, "calls of the backend")
    for body in (b"AAAAAA", b"!!!!", b"AAA=AAA"):
        response = gateway.request("POST", "/feed.v1.Feed/Count", body, {"Content-Type": TEXT})
        expect_equal(WebAnswer(decoded(TEXT, response.body)).status, INTERNAL, f"{body!r}")


def test_messages_up_to_the_limit(t):
    def size(request, _):
        return counters(t, received=request.ByteSize())

    gateway = feed.gateway(t, feed.backend(t, Count=size), config=CONFIG, limits="request_body: 8KiB")
    for kind in (WEB, TEXT):
        expect_equal(call_http2(gateway, "/feed.v1.Feed/Count", framed(b"x" * 8192), kind).status, "0")
        expect_equal(call_http2(gateway, "/feed.v1.Feed/Count", framed(b"x" * 8193), kind).status, RESOURCE_EXHAUSTED)
    expect_equal(call_http1(gateway, "/feed.v1.Feed/Count", framed(b"x" * 8186), WEB).status, "0")


def test_base64_in_pieces(t):
    gateway = feed.gateway(t, feed.backend(t, Watch=three(t)), config=CONFIG)
    data = watch_request(t, feed="pieces")
    body = b"".join(base64.b64encode(data[at : at + 4]) for at in range(0, len(data), 4))
    expect(b"==" in body[:8], "padding within")
    response = gateway.request("POST", "/feed.v1.Feed/Watch", body, {"Content-Type": TEXT})
    answer = WebAnswer(decoded(TEXT, response.body))
    expect_equal([item_of(t, data).feed for _, data in answer.messages], ["pieces"] * 3)


def test_compressed_messages_pass_as_they_are(t):
    def serve(_, context):
        context.set_compression(grpc.Compression.Gzip)
        return counters(t, sent=7)

    gateway = feed.gateway(t, feed.backend(t, Count=serve), config=CONFIG)
    headers = {"grpc-encoding": "gzip", "grpc-accept-encoding": "gzip"}
    answer = call_http1(gateway, "/feed.v1.Feed/Count", framed(gzip.compress(b""), flag=1), WEB, headers)
    (flag, data), = answer.messages
    data = gzip.decompress(data) if flag else data
    expect_equal((answer.headers.header("grpc-encoding"), answer.status), ("gzip", "0"))
    expect_equal(data, counters(t, sent=7).SerializeToString())


def test_each_message_goes_out_when_it_is_in(t):
    outgoing = queue.Queue()

    def serve(_, __):
        yield from iter(outgoing.get, None)

    gateway = feed.gateway(t, feed.backend(t, Watch=serve), config=CONFIG)
    for kind in (WEB, TEXT):
        outgoing.put(feed.item(t, number=1))
        headers = {"Content-Type": kind}
        stream = gateway.stream("POST", "/feed.v1.Feed/Watch", encoded(kind, watch_request(t)), headers)
        for number in range(1, 5):
            (_, data), = WebAnswer(decoded(kind, stream.piece())).messages
            expect_equal(item_of(t, data).number, number)
            outgoing.put(feed.item(t, number=number + 1))
        outgoing.put(None)
        rest = WebAnswer(decoded(kind, stream.read()))
        expect_equal((len(rest.messages), rest.status), (1, "0"))
        stream.close()


def test_backends_that_are_down_or_late(t):
    late = threading.Event()

    def hang(_, context):
        late.wait(5)
        return counters(t)

    backend = feed.backend(t, Count=hang)
    gateway = feed.gateway(t, backend, config=CONFIG)
    began = time.monotonic()
    answer = call_http1(gateway, "/feed.v1.Feed/Count", framed(b""), WEB, {"grpc-timeout": "200m"})
    expect_equal(answer.status, "4")
    expect_within(time.monotonic() - began, 0.19, 1.5, "seconds")
    late.set()
    backend.stop()
    for call, kind in EVERY_WAY:
        expect_equal(call(gateway, "/feed.v1.Feed/Count", framed(b""), kind).status, UNAVAILABLE)


def test_a_client_that_leaves_cancels_the_call(t):
    began, ended = queue.Queue(), queue.Queue()

    def endless(_, context):
        context.add_callback(lambda: ended.put(time.monotonic()))
        began.put(True)
        while context.is_active():
            yield feed.item(t)
            time.sleep(0.01)

    gateway = feed.gateway(t, feed.backend(t, Watch=endless), config=CONFIG)
    stream = gateway.stream("POST", "/feed.v1.Feed/Watch", watch_request(t), {"Content-Type": WEB})
    began.get(timeout=5)
    stream.piece()
    left = time.monotonic()
    stream.close()
    over_http1 = ended.get(timeout=5) - left
    with h2.Client(gateway.port) as client:
        number = client.request("/feed.v1.Feed/Watch", "POST", [("content-type", WEB)], watch_request(t))
        began.get(timeout=5)
        left = time.monotonic()
        client.send(h2.RST_STREAM, 0, number, struct.pack(">I", h2.CANCEL))
        over_http2 = ended.get(timeout=5) - left
    print(f"cancelled after {over_http1 * 1000:.1f} ms over HTTP/1.1, {over_http2 * 1000:.1f} ms over HTTP/2")
    expect_within(over_http1, 0, 1.5, "seconds until the backend knew")
    expect_within(over_http2, 0, 1.5, "seconds until the backend knew")


def test_slow_readers_hold_the_backend_back(t):
    backend = feed.FeedServer(t)
    gateway = feed.gateway(t, backend, config=CONFIG)
    before = feed.resident_bytes(gateway.pid)
    streams = []
    for kind in (WEB, TEXT) * 4:
        body = encoded(kind, watch_request(t, count=0, size=1000))
        headers = {"Content-Type": kind}
        streams.append(gateway.stream("POST", "/feed.v1.Feed/Watch", body, headers, receive_buffer=16384))

    def at_rest():
        one = backend.counters().sent
        time.sleep(0.3)
        return backend.counters().sent == one

    harness.wait_for("the backend to be held back", at_rest, timeout=30)
    growth = (feed.resident_bytes(gateway.pid) - before - t.memory_slack) // len(streams)
    print(f"{growth} bytes a reader")
    expect(growth < 1 << 20, f"the gateway grew by {growth} bytes for each reader")
    for stream in streams:
        stream.close()
    harness.wait_for("the backend to see the cancels", lambda: backend.counters().cancelled == len(streams))


def test_our_services(t):
    config = gateway_config.USER.replace("- annotations: user.v1.UserService", "- service: user.v1.UserService")
    gateway = gateway_config.user_gateway(t, t.service("user-service").address, config=config)
    request = t.protos.new("user.v1.CreateUserRequest", username="eve", email="e@x.org", full_name="Eve", age=30)
    answer = call_http1(gateway, "/user.v1.UserService/CreateUser", framed(request.SerializeToString()), TEXT)
    (_, data), = answer.messages
    expect_equal(t.protos.type("user.v1.CreateUserResponse").FromString(data).user.username, "eve")
    answer = call_http2(gateway, "/user.v1.UserService/CreateUser", framed(request.SerializeToString()), WEB)
    expect_equal((answer.status, answer.messages), ("6", []))
