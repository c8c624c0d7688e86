"""Answers that a client has before it has sent all of its request, over HTTP/2: how their streams end, and what they cost
the others on the connection (RFC 9113 sections 5.1.2 and 8.1)."""

import collections
import json
import struct
import subprocess
import time

import feed
import grpc
import h2
import harness
from beside import Beside
from gateway_config import USER, user_backend, user_gateway
from harness import expect, expect_equal, expect_within
from others import Others

MIB = 1 << 20
GRPC = [("content-type", "application/grpc"), ("te", "trailers")]
GRPC_WEB = [("content-type", "application/grpc-web+proto")]
JSON = [("content-type", "application/json")]
NDJSON = [("content-type", "application/x-ndjson")]

CONFIG = feed.CONFIG.replace("routes:", "routes:\n  - service: feed.v1.Feed\n    upstream: feed")
SERVICE, COLLECT = "/feed.v1.Feed/", "/v1/feeds/news/items"

REPLY = "Class.new { def on_request(req) req.reply(403) end }.new\n"


def framed(size):
    return b"\0" + struct.pack(">I", size) + b"x" * size


def refusing(t, limits="request_body: 64KiB", config=CONFIG):
    """A gateway before a backend that fails streams of requests after their first message."""

    def collect(requests, context):
        next(requests)
        context.abort(grpc.StatusCode.ABORTED, "enough")

    def chat(requests, context):
        yield next(requests)
        context.abort(grpc.StatusCode.ABORTED, "enough")

    return feed.gateway(t, feed.backend(t, Collect=collect, Chat=chat), config=config, limits=limits)


def frames_of(client, stream):
    return [one for one in client.frames if one.stream == stream]


def post(client, path, more, data=b""):
    stream = client.request(path, "POST", more, end=False)
    for at in range(0, len(data), 16384):
        client.send(h2.DATA, 0, stream, data[at : at + 16384])
    return stream


def expect_reset_behind_the_answer(client, stream, what):
    client.wait(f"the reset of {what}", lambda: client.answers[stream].reset is not None, 5)
    expect_equal(client.answers[stream].reset, h2.NO_ERROR, what)
    last, reset = [one for one in frames_of(client, stream) if one.kind != h2.WINDOW_UPDATE][-2:]
    expect_equal((last.flags & h2.END_STREAM, reset.kind), (h2.END_STREAM, h2.RST_STREAM), what)


def test_grpc_is_reset_right_behind_its_status(t):
    replies = CONFIG + f"hooks: [{t.write('reply.rb', REPLY)}]\n"
    cases = [
        ("fails after its first message", CONFIG, "Collect", GRPC, framed(1)),
        ("fails behind its first answer", CONFIG, "Chat", GRPC, framed(1)),
        ("too large", CONFIG, "Count", GRPC, framed(70_000)),
        ("a message that is announced too large", CONFIG, "Collect", GRPC, framed(70_000)[:100]),
        ("no such method", CONFIG, "Nothing", GRPC, framed(10)[:7]),
        ("malformed timeout", CONFIG, "Count", [*GRPC, ("grpc-timeout", "soon")], b""),
        ("answered by a hook", replies, "Collect", GRPC, framed(1)),
    ]
    for what, config, method, more, data in cases:
        with h2.Client(refusing(t, config=config).port) as client:
            client.settle()
            begin = time.monotonic()
            stream = post(client, SERVICE + method, more, data)
            expect_reset_behind_the_answer(client, stream, what)
            expect_within(time.monotonic() - begin, 0, 0.9, f"seconds: {what}")
            client.send(h2.DATA, 0, stream, b"late")  # on its way meanwhile
            expect_equal(client.answer(client.request("/nothing")).status, 404, what)


class Sender(h2.Client):
    """Keeps to the windows that it is given."""

    def __init__(self, port):
        self.windows = collections.Counter({0: 65535})
        super().__init__(port)
        self.settle()

    def _take(self, one):
        super()._take(one)
        if one.kind == h2.WINDOW_UPDATE:
            self.windows[one.stream] += int.from_bytes(one.payload, "big")

    def upload(self, path, more, method="POST"):
        return Upload(self, path, more, method)


class Upload:
    """A client that sends as much as it may, and looks at the answer only when it must."""

    def __init__(self, client, path, more, method):
        self._client, self.sent = client, 0
        self.stream = client.request(path, method, more, end=False)
        client.windows[self.stream] += client.settings[h2.INITIAL_WINDOW_SIZE]

    def send(self, size, piece=b"\n" * 16384):
        """Up to `size` bytes; fewer where the stream is reset."""
        answer, windows = self._client.answers[self.stream], self._client.windows
        while self.sent < size and answer.reset is None:
            n = min(len(piece), size - self.sent)
            self._client.wait("room", lambda need=n: min(windows[0], windows[self.stream]) >= need
                              or answer.reset is not None)
            if answer.reset is None:
                self._client.send(h2.DATA, 0, self.stream, piece[:n])
                self.sent += n
                windows.subtract({0: n, self.stream: n})
        return answer

    def end(self):
        self._client.send(h2.DATA, h2.END_STREAM, self.stream, b"")


# What is answered before the body is there: how, path, headers, method, HTTP status.
EARLY = [
    ("no such path", "/nothing", JSON, "POST", 404),
    ("too large", SERVICE + "Count", JSON, "POST", 413),
    ("another method", COLLECT, JSON, "PUT", 405),
    ("another type", COLLECT, [("content-type", "text/x")], "POST", 415),
    ("another form of the answer", "/v1/feeds/news:chat", [*NDJSON, ("accept", "text/html")], "POST", 406),
    ("an unknown expectation", COLLECT, [*NDJSON, ("expect", "money")], "POST", 417),
    ("too many headers", COLLECT, [*NDJSON, *((f"x-{i}", "y") for i in range(101))], "POST", 431),
    ("gRPC-Web to no method", SERVICE + "Nothing", GRPC_WEB, "POST", 200),
    ("gRPC-Web that would stream", SERVICE + "Collect", GRPC_WEB, "POST", 200),
]


def test_others_may_send_to_the_end_of_their_request(t):
    gateway = refusing(t)
    replies = refusing(t, config=CONFIG + f"hooks: [{t.write('reply.rb', REPLY)}]\n")
    cases = [(gateway, *case) for case in EARLY]
    cases.append((replies, "answered by a hook", COLLECT, NDJSON, "POST", 403))
    for server, what, path, more, method, status in cases:
        with Sender(server.port) as client:
            upload = client.upload(path, more, method)
            answer = upload.send(2 * MIB)
            expect_equal((upload.sent, answer.status, answer.ended, answer.reset), (2 * MIB, status, True, None), what)
            upload.end()
            expect_equal(client.answer(client.request("/nothing")).status, 404, what)
            client.settle()
            expect_equal((answer.reset, client.goaway), (None, None), what)


def test_what_waits_for_a_window_when_the_answer_comes_is_dropped_too(t):
    """Of a stream of requests whose messages the backend did not take."""
    gateway = refusing(t, "request_body: 1MiB")
    with Sender(gateway.port) as client:
        upload = client.upload(COLLECT, NDJSON)
        answer = upload.send(1 * MIB, piece=b'{"number":1}\n' * 500)
        expect_equal((upload.sent, answer.status, answer.reset), (1 * MIB, 409, None))


def test_a_client_that_goes_on_is_reset(t):
    gateway = refusing(t)
    with h2.Client(gateway.port) as client:
        client.settle()
        streams = {}
        for what, path, more, method, _ in EARLY:
            streams[what] = client.request(path, method, more, end=False)
            for _ in range(5):
                client.send(h2.DATA, 0, streams[what], b" " * 14_000)
        begin = time.monotonic()
        for (what, *_, status) in EARLY:
            answer = client.answers[streams[what]]
            client.wait(what, lambda one=answer: one.ended, 5)
            expect_equal(answer.status, status, what)
        expect_within(time.monotonic() - begin, 0, 0.9, "seconds")
        for what, stream in streams.items():
            client.wait(f"the reset of {what}", lambda one=client.answers[stream]: one.reset is not None, 5)
            expect_equal(client.answers[stream].reset, h2.NO_ERROR, what)
        expect_within(time.monotonic() - begin, 0.9, 3.5, "seconds")
        expect_equal(client.answer(client.request("/nothing")).status, 404)


def test_what_is_dropped_is_bounded(t):
    gateway = refusing(t)
    with Beside(t, gateway, path="/nothing", status=404):
        with Sender(gateway.port) as client:
            begin = time.monotonic()
            uploads = [client.upload("/nothing", JSON) for _ in range(20)]
            for upload in uploads:
                upload.send(8 * MIB)
            most = (64 + 16 * (time.monotonic() - begin)) * MIB + 20 * client.settings[h2.INITIAL_WINDOW_SIZE]
            expect_within(sum(upload.sent for upload in uploads), 32 * MIB, most, "bytes")
            expect_equal(client.answers[uploads[-1].stream].reset, h2.NO_ERROR)
            expect_equal(client.answer(client.request("/nothing")).status, 404)


def test_answered_streams_do_not_count(t):
    """As many as one likes, whether the client ends them or not; the oldest are reset where they become many."""
    gateway = refusing(t, "request_body: 64KiB, concurrent_streams: 3")
    with h2.Client(gateway.port) as client:
        for path, more in ("/nothing", JSON), (SERVICE + "Count", GRPC):
            data = framed(70_000) if more is GRPC else b""
            for _ in range(40):
                answer = client.answers[post(client, path, more, data)]
                client.wait("the answer", lambda one=answer: one.ended)
        streams = sorted(client.answers)[1:]
        open_ones = [stream for stream in streams if client.answers[stream].reset is None]
        expect_within(len(open_ones), 0, 3, "streams that are open")
        expect_equal({client.answers[stream].reset for stream in streams}, {h2.NO_ERROR} | ({None} if open_ones else set()))
        expect_equal(client.goaway, None)


def test_a_stream_too_many_is_refused_alone(t):
    """Also of a client that has acknowledged how many there may be."""
    with Others(t, more="limits: {concurrent_streams: 3}\n") as others:
        with h2.Client(others.gateway.port) as client:
            client.settle()
            expect_equal(client.settings[h2.MAX_CONCURRENT_STREAMS], 3)
            for _ in range(5):
                streams = [client.request("/v1/users", "POST", JSON, b"{}") for _ in range(8)]
                answers = [client.answer(stream) for stream in streams]
                expect_equal([one.status for one in answers[:3]], [200] * 3)
                expect_equal([one.reset for one in answers[3:]], [h2.REFUSED_STREAM] * 5)
                streams = [post(client, "/v1/users", JSON, b"{}") for _ in range(6)]
                for stream in streams:
                    client.send(h2.DATA, h2.END_STREAM, stream, b"")  # on its way when it is refused
                answers = [client.answer(stream) for stream in streams]
                expect_equal([one.status for one in answers[:3]], [200] * 3)
                expect_equal([one.reset for one in answers[3:]], [h2.REFUSED_STREAM] * 3)
            expect_equal(client.goaway, None)


def test_two_hundred_streams_at_once(t):
    """Where 128 may be open, of a client that knows, or does not know yet: in one write, with and without bodies that go
    on. Those too many are refused by themselves, and the connection goes on."""
    with Others(t) as others:
        for knows in False, True:
            with h2.Client(others.gateway.port) as client:
                if knows:
                    client.settle()
                for more in {"body": b'{"username":"x"}'}, {"end": False}:
                    asked = [client.request_frames("/v1/users", "POST", JSON, **more) for _ in range(200)]
                    client.send_raw(b"".join(data for _, data in asked))
                    if "end" in more:
                        late = [h2.frame(h2.DATA, h2.END_STREAM, stream, b"{}") for stream, _ in asked]
                        client.send_raw(b"".join(late))
                    answers = [client.answer(stream, timeout=30) for stream, _ in asked]
                    expect_equal([one.status for one in answers[:128]], [200] * 128, f"statuses with {more}")
                    expect_equal([one.reset for one in answers[128:]], [h2.REFUSED_STREAM] * 72, f"resets with {more}")
                    expect_equal(client.goaway, None, "GOAWAY")


def test_grpcio_and_calls_that_are_too_large(t):
    """Debian's grpcio, all on one connection: none of the good calls may fail, and none wait."""

    def count(_, context):
        return feed.protos(t).new("feed.v1.Counters", sent=7)

    config = CONFIG.replace("500ms", "10s")
    gateway = feed.gateway(t, feed.backend(t, Count=count), config=config, limits="request_body: 1MiB")
    channel = t.channel(gateway.port)
    call = channel.unary_unary(SERVICE + "Count", None, feed.protos(t).type("feed.v1.Counters").FromString)
    for _ in range(3):
        large = [call.future(b"x" * (5 * MIB), timeout=20) for _ in range(60)]
        for _ in range(100):
            expect_equal(call(b"", timeout=20).sent, 7)
        for one in large:
            expect_equal(one.exception().code(), grpc.StatusCode.RESOURCE_EXHAUSTED)


def test_curl_reads_the_answer(t):
    gateway = refusing(t)
    path = t.write("large", b" " * (10 * MIB))
    for what, target, more, method, status in EARLY:
        if status == 200:
            continue  # curl 7.88 sends on for ever where the status is no error
        command = ["curl", "-sS", "--http2-prior-knowledge", "--max-time", "20", "-X", method, "-w", "\n%{http_code}"]
        for name, value in more:
            command += ["-H", f"{name}: {value}"]
        command += ["--data-binary", "@" + path, f"http://127.0.0.1:{gateway.port}{target}"]
        done = subprocess.run(command, capture_output=True, check=False, text=True)
        body, _, code = done.stdout.rpartition("\n")
        expect_equal((done.returncode, int(code)), (0, status), f"{what}: {done.stderr}")
        expect("code" in json.loads(body), body)
