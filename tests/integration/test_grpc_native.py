"""Native gRPC through the gateway: grpcio on both sides, or our own services behind."""

import queue
import socket
import struct
import threading
import time

import grpc

import feed
import gateway_config
import h2
import harness
from harness import expect, expect_equal, expect_within

MIB = 1 << 20
CONFIG = feed.CONFIG.replace("- annotations: feed.v1.Feed", "- service: feed.v1.Feed")
USER = gateway_config.USER.replace("- annotations: user.v1.UserService", "- service: user.v1.UserService")


def start(t, config=CONFIG, limits="", **methods):
    return feed.gateway(t, feed.backend(t, **methods), config=config, limits=limits)


class Client:
    """Methods of feed.v1.Feed on a channel: client.Chat(items, timeout=5)."""

    def __init__(self, t, port, **options):
        self.channel = t.channel(port, **options)
        self._t = t

    def __getattr__(self, name):
        protos = feed.protos(self._t)
        request, answer = protos.method("feed.v1.Feed/" + name)
        kind = {
            (False, False): self.channel.unary_unary,
            (False, True): self.channel.unary_stream,
            (True, False): self.channel.stream_unary,
            (True, True): self.channel.stream_stream,
        }[protos.streams("feed.v1.Feed/" + name)]
        return kind("/feed.v1.Feed/" + name, request.SerializeToString, answer.FromString)


def request(t, **fields):
    return feed.protos(t).new("feed.v1.WatchRequest", **fields)


def count_request(t):
    return feed.protos(t).new("feed.v1.CountRequest")


def items(t, count, **fields):
    return [feed.item(t, number=number + 1, **fields) for number in range(count)]


def expect_status(call, code, details=None):
    try:
        answer = call()
    except grpc.RpcError as error:
        expect_equal(error.code(), code, f"status ({error.details()})")
        if details is not None:
            expect(details in error.details(), f"expected {details!r} in {error.details()!r}")
        return error
    raise harness.Failure(f"expected {code}, found {answer}")


def count(t):
    return lambda *_: feed.protos(t).new("feed.v1.Counters", sent=7)


def watch(t):
    def serve(asked, _):
        for one in items(t, asked.count, text="x" * asked.size):
            yield one

    return serve


def collect(t):
    def serve(requests, _):
        got = list(requests)
        return feed.protos(t).new(
            "feed.v1.Summary", items=len(got), bytes=sum(len(one.text) for one in got), feeds=[g.feed for g in got[:3]]
        )

    return serve


def echo(requests, _):
    yield from requests


# --- the four shapes ---


def test_a_unary_call(t):
    gateway = start(t, Count=count(t))
    expect_equal(Client(t, gateway.port).Count(count_request(t), timeout=5).sent, 7)
    metrics = gateway.metrics()
    calls = metrics.value("rpc_calls_total", service="feed.v1.Feed", method="Count", status="success", code="OK")
    expect_equal(calls, 1, "rpc_calls_total")
    line = harness.wait_for("the access log", gateway.access_log)[0]
    found = [line[name] for name in ("method", "path", "route", "status", "grpc_status", "tries")]
    expect_equal(found, ["POST", "/feed.v1.Feed/Count", "/feed.v1.Feed/Count", 200, 0, 1], "access log")


def test_a_server_stream(t):
    gateway = start(t, Watch=watch(t))
    client = Client(t, gateway.port)
    expect_equal([one.number for one in client.Watch(request(t, count=1000), timeout=10)], list(range(1, 1001)))
    expect_equal(list(client.Watch(request(t, count=0), timeout=10)), [], "an empty stream")


def test_a_client_stream(t):
    gateway = start(t, Collect=collect(t))
    client = Client(t, gateway.port)
    answer = client.Collect(iter(items(t, 1000, feed="a", text="xyz")), timeout=10)
    expect_equal((answer.items, answer.bytes, list(answer.feeds)), (1000, 3000, ["a"] * 3))
    expect_equal(client.Collect(iter([]), timeout=10).items, 0, "an empty stream")


def test_a_bidirectional_stream_goes_both_ways_at_once(t):
    gateway = start(t, Chat=echo)
    outgoing = queue.Queue()
    answers = Client(t, gateway.port).Chat(iter(outgoing.get, None), timeout=20)
    for number in range(200):
        outgoing.put(feed.item(t, number=number))
        expect_equal(next(answers).number, number)
    outgoing.put(None)
    expect_equal(list(answers), [])
    expect_equal(answers.code(), grpc.StatusCode.OK)


# --- what is told ---


def test_metadata_goes_both_ways(t):
    seen = []

    def serve(_, context):
        seen.extend((one.key, one.value) for one in context.invocation_metadata())
        context.send_initial_metadata((("x-first", "1"), ("x-first", "2"), ("x-data-bin", bytes(range(256)))))
        context.set_trailing_metadata((("x-last", "3"), ("x-tail-bin", b"\0\1\2"), ("grpc-retry-pushback-ms", "5")))
        return feed.protos(t).new("feed.v1.Counters")

    gateway = start(t, Count=serve)
    sent = [("x-own", "a"), ("x-own", "b"), ("x-blob-bin", bytes(range(255, -1, -1))), ("authorization", "Bearer t")]
    trace = ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    _, call = Client(t, gateway.port).Count.with_call(
        count_request(t), metadata=[*sent, ("x-request-id", "mine"), trace], timeout=5
    )
    for one in sent:
        expect(one in seen, f"{one} in {seen}")
    names = [name for name, _ in seen]
    for name in ("x-request-id", "traceparent", "x-forwarded-for", "x-forwarded-proto"):
        expect_equal(names.count(name), 1, f"{name} in {seen}")
    expect(("x-request-id", "mine") in seen, "the client's x-request-id")
    expect(dict(seen)["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-"), "the client's trace")
    expect(dict(seen)["traceparent"] != trace[1], "a span of the gateway's own")
    initial = [tuple(one) for one in call.initial_metadata()]
    for one in (("x-first", "1"), ("x-first", "2"), ("x-data-bin", bytes(range(256))), ("x-request-id", "mine")):
        expect(one in initial, f"{one} in {initial}")
    trailing = [tuple(one) for one in call.trailing_metadata()]
    expect_equal(sorted(trailing), [("grpc-retry-pushback-ms", "5"), ("x-last", "3"), ("x-tail-bin", b"\0\1\2")])


def test_initial_metadata_do_not_wait_for_a_message(t):
    """A client may wait for them before it goes on."""

    def serve(requests, context):
        context.send_initial_metadata((("x-ready", "yes"),))
        return list(requests)

    def collect_one(requests, context):
        return feed.protos(t).new("feed.v1.Summary", items=len(serve(requests, context)))

    def chat(requests, context):
        yield from serve(requests, context)

    gateway = start(t, Collect=collect_one, Chat=chat)
    client = Client(t, gateway.port)
    for call, finish in ((client.Chat, list), (client.Collect.future, lambda running: running.result())):
        outgoing = queue.Queue()
        running = call(iter(outgoing.get, None), timeout=10)
        expect_equal(dict(running.initial_metadata())["x-ready"], "yes")
        outgoing.put(feed.item(t, number=1))
        outgoing.put(None)
        finish(running)


def test_a_call_that_fails_behind_its_headers(t):
    def fail(_, context):
        context.send_initial_metadata((("x-ready", "yes"),))
        context.abort(grpc.StatusCode.ABORTED, "enough")

    def fail_slowly(requests, context):
        context.send_initial_metadata((("x-ready", "yes"),))
        time.sleep(0.1)
        context.abort(grpc.StatusCode.ABORTED, "enough")

    gateway = start(t, Count=fail, Watch=fail_slowly, Collect=fail)
    client = Client(t, gateway.port)
    for call in (
        lambda: client.Count(count_request(t), timeout=5),
        lambda: list(client.Watch(request(t), timeout=5)),
        lambda: client.Collect(iter([]), timeout=5),
    ):
        error = expect_status(call, grpc.StatusCode.ABORTED, "enough")
        expect_equal(dict(error.initial_metadata())["x-ready"], "yes", "initial metadata")


def test_a_status_keeps_its_message_details_and_trailers(t):
    details = bytes(range(200))

    def fail(_, context):
        context.set_trailing_metadata((("x-why", "because"), ("grpc-status-details-bin", details)))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, " été 100%\n")

    def fail_later(_, context):
        yield feed.item(t, number=1)
        fail(_, context)

    gateway = start(t, Count=fail, Watch=fail_later)
    client = Client(t, gateway.port)
    got = []
    for call in (lambda: client.Count(count_request(t), timeout=5), lambda: got.extend(client.Watch(request(t)))):
        error = expect_status(call, grpc.StatusCode.FAILED_PRECONDITION)
        expect_equal(error.details(), " été 100%\n", "message")
        trailing = dict(error.trailing_metadata())
        expect_equal((trailing["x-why"], trailing["grpc-status-details-bin"]), ("because", details))
    log = harness.wait_for("two lines", lambda: len(gateway.access_log()) == 2 and gateway.access_log())
    expect_equal([line["grpc_status"] for line in log], [9, 9], "grpc_status")


def test_what_the_gateway_says_itself_is_a_grpc_status(t):
    gateway = start(t, limits="request_body: 1KiB", Count=count(t), Collect=collect(t))
    client = Client(t, gateway.port)
    for path in ("/feed.v1.Feed/Nothing", "/feed.v1.Nothing/Count", "/v1/counters"):
        call = client.channel.unary_unary(path)
        expect_status(lambda call=call: call(b"", timeout=5), grpc.StatusCode.UNIMPLEMENTED, path)
    raw = client.channel.unary_unary("/feed.v1.Feed/Count")
    expect_equal(len(raw(b"x" * 1024, timeout=5)), 2, "a message of the limit")
    expect_status(lambda: raw(b"x" * 1025, timeout=5), grpc.StatusCode.RESOURCE_EXHAUSTED, "1024 bytes")
    expect_status(
        lambda: client.Collect(iter(items(t, 2, text="x" * 1025)), timeout=5), grpc.StatusCode.RESOURCE_EXHAUSTED, "1024"
    )
    many = client.channel.stream_unary("/feed.v1.Feed/Count")
    expect_status(lambda: many(iter([b"", b""]), timeout=5), grpc.StatusCode.UNIMPLEMENTED, "exactly one")
    expect_status(lambda: many(iter([]), timeout=5), grpc.StatusCode.UNIMPLEMENTED, "exactly one")
    expect_status(
        lambda: raw(b"", timeout=5, metadata=[(f"x-{n}", "1") for n in range(200)]), grpc.StatusCode.RESOURCE_EXHAUSTED
    )


def test_a_message_over_max_message_is_resource_exhausted(t):
    config = CONFIG.replace("timeout: 500ms", "timeout: 500ms\n    max_message: 1KiB")
    gateway = start(t, config=config, Watch=watch(t))
    client = Client(t, gateway.port)
    expect_status(
        lambda: list(client.Watch(request(t, count=1, size=2000), timeout=5)), grpc.StatusCode.RESOURCE_EXHAUSTED
    )


def test_grpc_over_http_1_is_refused_in_plain_words(t):
    gateway = start(t, Count=count(t))
    response = gateway.post("/feed.v1.Feed/Count", b"\0\0\0\0\0", {"Content-Type": "application/grpc"})
    harness.expect_error(response, 415, 3, "gRPC needs HTTP/2")


# --- time ---


def test_a_deadline_that_passes(t):
    release = threading.Event()
    ended = queue.Queue()

    def hang(_, context):
        context.add_callback(lambda: ended.put(time.monotonic()))
        release.wait(10)
        return feed.protos(t).new("feed.v1.Counters")

    def hang_stream(requests, context):
        hang(requests, context)
        yield feed.item(t)

    gateway = start(t, Count=hang, Chat=hang_stream)
    client = Client(t, gateway.port)
    for call in (
        lambda: client.Count(count_request(t), timeout=0.2),
        lambda: client.Count(count_request(t)),
        lambda: list(client.Chat(iter(items(t, 1)), timeout=0.2)),
    ):
        began = time.monotonic()
        expect_status(call, grpc.StatusCode.DEADLINE_EXCEEDED)
        expect_within(time.monotonic() - began, 0.19, 1.5, "seconds until the client knew")
        expect_within(ended.get(timeout=5) - began, 0.19, 1.5, "seconds until the backend knew")
    release.set()


def test_a_client_that_cancels_is_seen_by_the_backend(t):
    began, ended = threading.Event(), queue.Queue()

    def endless(_, context):
        context.add_callback(lambda: ended.put(time.monotonic()))
        began.set()
        while context.is_active():
            yield feed.item(t)
            time.sleep(0.01)

    def hang(_, context):
        context.add_callback(lambda: ended.put(time.monotonic()))
        began.set()
        while context.is_active():
            time.sleep(0.01)
        return feed.protos(t).new("feed.v1.Summary")

    gateway = start(t, Watch=endless, Chat=endless, Collect=hang)
    client = Client(t, gateway.port)
    outgoing = queue.Queue()
    for call in (
        lambda: client.Watch(request(t), timeout=20),
        lambda: client.Chat(iter(outgoing.get, None), timeout=20),
        lambda: client.Collect.future(iter(outgoing.get, None), timeout=20),
    ):
        began.clear()
        running = call()
        expect(began.wait(5), "the call to reach the backend")
        left = time.monotonic()
        running.cancel()
        took = ended.get(timeout=5) - left
        print(f"cancelled after {took * 1000:.1f} ms")
        expect_within(took, 0, 1, "seconds until the backend knew")
    outgoing.put(None)
    outgoing.put(None)
    cancelled = lambda: gateway.metrics().sum("rpc_calls_total", code="CANCELLED")
    harness.wait_for("3 cancelled calls", lambda: cancelled() == 3)


def test_a_backend_that_dies(t):
    began = threading.Event()

    def serve(connection, kind, flags, stream, payload):
        if kind == harness.FRAME_HEADERS:
            began.set()
        if kind == harness.FRAME_DATA:
            connection.close()

    gateway = t.gateway(
        CONFIG,
        SET=t.write("feed.binpb", feed.protos(t).bytes),
        BACKENDS=gateway_config.endpoints(t.http2_backend(serve).address),
        LIMITS="",
        STREAMING="",
    )
    client = Client(t, gateway.port)
    expect_status(lambda: client.Count(count_request(t), timeout=5), grpc.StatusCode.UNAVAILABLE)
    expect_status(lambda: list(client.Chat(iter(items(t, 1)), timeout=5)), grpc.StatusCode.UNAVAILABLE)
    expect(began.is_set(), "the backend was reached")


def test_no_backend_at_all(t):
    backend = feed.backend(t, Count=count(t))
    gateway = feed.gateway(t, backend, config=CONFIG)
    client = Client(t, gateway.port)
    client.Count(count_request(t), timeout=5)
    backend.stop()
    expect_status(lambda: client.Count(count_request(t), timeout=5), grpc.StatusCode.UNAVAILABLE)
    expect_status(lambda: list(client.Watch(request(t), timeout=5)), grpc.StatusCode.UNAVAILABLE)


# --- much ---


def test_a_hundred_calls_at_once_on_one_channel(t):
    barrier = threading.Barrier(20)

    def together(_, __):
        barrier.wait(10)
        return feed.protos(t).new("feed.v1.Counters")

    config = CONFIG.replace("timeout: 500ms", "timeout: 10s")
    backend = t.backend({"feed.v1.Feed/Count": together, "feed.v1.Feed/Chat": echo}, feed.protos(t), threads=20)
    gateway = feed.gateway(t, backend, config=config)
    client = Client(t, gateway.port)
    running = [client.Count.future(count_request(t), timeout=20) for _ in range(100)]
    for one in running:
        one.result()
    expect_equal(len(backend.peers), 1, "connections of the gateway to the backend")


def test_large_messages(t):
    gateway = start(t, limits="request_body: 5MiB", Chat=echo, Collect=collect(t), Watch=watch(t))
    client = Client(t, gateway.port, max_receive_message_length=5 * MIB)
    big = feed.item(t, text="y" * (4 * MIB - 100))
    got = [len(one.text) for one in client.Chat(iter([big, feed.item(t, text="z"), big]), timeout=30)]
    expect_equal(got, [4 * MIB - 100, 1, 4 * MIB - 100])
    expect_equal(client.Collect(iter([big] * 5), timeout=30).bytes, 5 * (4 * MIB - 100))
    sizes = [len(one.text) for one in client.Watch(request(t, count=3, size=4 * MIB - 100), timeout=30)]
    expect_equal(sizes, [4 * MIB - 100] * 3)


def test_a_4_mib_message_each_way_with_the_default_limits(t):
    def serve(asked, _):
        return gateway_config.user_answer(t, id=asked.id)

    gateway = gateway_config.user_gateway(t, gateway_config.user_backend(t, GetUser=serve).address, config=USER)
    channel = t.channel(gateway.port, max_receive_message_length=5 * MIB)
    call = channel.unary_unary("/user.v1.UserService/GetUser")
    wire = t.protos.new("user.v1.GetUserRequest", id="x" * (4 * MIB - 5)).SerializeToString()
    expect_equal(len(wire), 4 * MIB)
    expect_status(lambda: call(wire + b"\x12\1x", timeout=20), grpc.StatusCode.RESOURCE_EXHAUSTED, "over")
    # The answer has a few bytes more around the id.
    fits = t.protos.new("user.v1.GetUserRequest", id="x" * (4 * MIB - 10)).SerializeToString()
    expect_equal(len(call(fits, timeout=20)), 4 * MIB)


def test_compressed_messages_pass_as_they_are(t):
    seen = []

    def serve(requests, context):
        seen.extend(one.value for one in context.invocation_metadata() if one.key == "grpc-encoding")
        for one in requests:
            yield one

    def compressing(asked, context):
        context.set_compression(grpc.Compression.Gzip)
        return feed.protos(t).new("feed.v1.Counters", sent=7)

    gateway = start(t, Chat=serve, Count=compressing)
    backend_bytes = lambda: gateway.access_log()
    client = Client(t, gateway.port)
    sent = items(t, 3, text="a" * 100000)
    got = list(client.Chat(iter(sent), timeout=10, compression=grpc.Compression.Gzip))
    expect_equal([len(one.text) for one in got], [100000] * 3)
    line = harness.wait_for("the access log", backend_bytes)[0]
    expect_within(line["bytes_in"], 1, 30000, "bytes of three compressed messages")
    expect_equal(client.Count(count_request(t), timeout=5).sent, 7)
    raw = client.channel.unary_unary("/feed.v1.Feed/Count")
    expect_equal(feed.protos(t).type("feed.v1.Counters").FromString(raw(b"", timeout=5)).sent, 7)


def test_a_reader_that_does_not_read_holds_the_backend_back(t):
    backend = feed.FeedServer(t)
    gateway = feed.gateway(t, backend, config=CONFIG)
    before = feed.resident_bytes(gateway.pid)
    streams, channels = [], []
    for _ in range(8):
        client = Client(t, gateway.port)
        stream = client.Watch(request(t, count=0, size=1000), timeout=60)
        next(stream)
        streams.append(stream)
        channels.append(client)

    def at_rest():
        one = backend.counters().sent
        time.sleep(0.3)
        return backend.counters().sent == one

    harness.wait_for("the backend to be held back", at_rest, timeout=30)
    growth = (feed.resident_bytes(gateway.pid) - before - t.memory_slack) // len(streams)
    print(f"{growth} bytes a reader")
    expect(growth < MIB, f"the gateway grew by {growth} bytes for each reader")
    sent = backend.counters().sent
    for stream in streams:
        for _ in range(3000):
            next(stream)
    harness.wait_for("the backend to go on", lambda: backend.counters().sent > sent + 3000)
    for stream in streams:
        stream.cancel()
    harness.wait_for("the backend to see 8 cancels", lambda: backend.counters().cancelled == 8)


def test_a_thousand_slow_readers(t):
    """By frames: half of them with a small window, half with a large one that they do not empty."""
    backend = feed.FeedServer(t)
    gateway = feed.gateway(t, backend, config=CONFIG)
    before = feed.resident_bytes(gateway.pid)
    wire = request(t, count=0, size=1000).SerializeToString()
    fields = h2.Client.headers("/feed.v1.Feed/Watch", "POST", [("content-type", "application/grpc")])
    opening = [
        harness.frame(h2.HEADERS, h2.END_HEADERS, 1, h2.hpack(fields)),
        harness.frame(h2.DATA, h2.END_STREAM, 1, struct.pack(">BI", 0, len(wire)) + wire),
    ]
    readers = []
    for number in range(1000):
        window = struct.pack(">HI", h2.INITIAL_WINDOW_SIZE, 1 << 24) if number % 2 else b""
        frames = [harness.PREFACE, harness.frame(h2.SETTINGS, 0, 0, window)]
        if window:
            frames.append(harness.frame(h2.WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 24)))
        reader = socket.socket()
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect(("127.0.0.1", gateway.port))
        reader.sendall(b"".join(frames + opening))
        readers.append(reader)
    harness.wait_for("all streams", lambda: backend.counters().open == 1000, timeout=30)
    for _ in range(3):
        for reader in readers:
            expect(reader.recv(1024), "bytes")
        time.sleep(0.3)
    growth = (feed.resident_bytes(gateway.pid) - before) / 1000
    print(f"1000 slow readers: {growth / 1024:.0f} KiB each")
    expect(growth < MIB + t.memory_slack, f"the gateway grew by {growth} bytes for each reader")
    sent = backend.counters().sent
    expect(sent < 1000 * 3000, f"the backend has sent {sent} messages of 1 KB")
    began = time.monotonic()
    expect_equal(len(list(Client(t, gateway.port).Watch(request(t, count=100), timeout=10))), 100, "a good reader")
    expect_within(time.monotonic() - began, 0, 1, "seconds of a good reader")
    for reader in readers:
        reader.close()
    harness.wait_for("the cancels", lambda: backend.counters().open == 0, timeout=10)


def test_a_backend_that_does_not_read_holds_the_client_back(t):
    release = threading.Event()

    def serve(requests, _):
        release.wait(30)
        return feed.protos(t).new("feed.v1.Summary", items=sum(1 for _ in requests))

    gateway = start(t, Collect=serve)
    client = Client(t, gateway.port)
    given = []

    def outgoing():
        for one in items(t, 3000, text="x" * 10000):
            given.append(one)
            yield one

    before = feed.resident_bytes(gateway.pid)
    running = client.Collect.future(outgoing(), timeout=60)

    def at_rest():
        one = len(given)
        time.sleep(0.3)
        return one > 0 and len(given) == one

    harness.wait_for("the client to be held back", at_rest, timeout=30)
    expect(len(given) < 3000, "the client was held back")
    growth = feed.resident_bytes(gateway.pid) - before - t.memory_slack
    expect(growth < 2 * MIB, f"the gateway grew by {growth} bytes")
    release.set()
    expect_equal(running.result().items, 3000)


# --- our own backends ---


def test_our_services_health_and_reflection(t):
    service = t.service("user-service")
    config = USER.replace(
        "tracing:",
        """  - service: grpc.health.v1.Health
    upstream: user-service
  - service: grpc.reflection.v1alpha.ServerReflection
    upstream: user-service
  - service: grpc.reflection.v1.ServerReflection
    upstream: user-service
tracing:""",
    )
    gateway = gateway_config.user_gateway(t, service.address, config=config)
    channel = t.channel(gateway.port)
    stub = harness.Stub(t.protos, channel, "user.v1.UserService")
    user = stub("CreateUser", username="eve", email="eve@example.com", full_name="Eve", age=30).user
    expect_equal(stub("GetUser", id=user.id).user.username, "eve")
    missing = stub.fails(grpc.StatusCode.NOT_FOUND, "GetUser", id="00000000-0000-0000-0000-000000000000")
    expect(missing.message, "a message")
    health = harness.Stub(t.protos, channel, "grpc.health.v1.Health")
    expect_equal(health("Check").status, 1, "SERVING")
    for version in ("v1alpha", "v1"):
        service_name = f"grpc.reflection.{version}.ServerReflection"
        request_type, answer_type = t.protos.method(service_name + "/ServerReflectionInfo")
        call = channel.stream_stream(
            f"/{service_name}/ServerReflectionInfo", request_type.SerializeToString, answer_type.FromString
        )
        asked = [request_type(list_services=""), request_type(file_containing_symbol="user.v1.UserService")]
        names, file = list(call(iter(asked), timeout=10))
        expect("user.v1.UserService" in [one.name for one in names.list_services_response.service], str(names))
        expect(len(file.file_descriptor_response.file_descriptor_proto) > 0, "a file")
    watching = channel.unary_stream(
        "/grpc.health.v1.Health/Watch",
        t.protos.type("grpc.health.v1.HealthCheckRequest").SerializeToString,
        t.protos.type("grpc.health.v1.HealthCheckResponse").FromString,
    )(t.protos.new("grpc.health.v1.HealthCheckRequest"), timeout=10)
    expect_equal(next(watching).status, 1, "SERVING")
    watching.cancel()
