"""WebSocket: methods that stream in each direction, their ends, limits, and clients that mean harm."""

import json
import os
import queue
import random
import re
import socket
import threading
import time

import grpc

import feed
import harness
from harness import expect, expect_equal, expect_error, expect_within, wait_for
from test_client_streams import Collector, echo
from test_server_streams import abort, items, warm_up
from test_tls import Site
from websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, WebSocket, frame

WATCH, COLLECT, CHAT = "/v1/feeds/news", "/v1/feeds/news/items", "/v1/feeds/news:chat"

# Besides the annotated routes: every method by its name.
CONFIG = feed.CONFIG.replace(
    "tracing: {}",
    """  - service: feed.v1.Feed
    upstream: feed
websocket: {@WEBSOCKET@}
tracing: {}""",
)


def start(t, backend, limits="", websocket="", more=""):
    return feed.gateway(t, backend, config=CONFIG.replace("@WEBSOCKET@", websocket) + more, limits=limits)


def connect(gateway, path, headers=(), **options):
    ws = WebSocket(gateway.port, path, headers, **options)
    expect_equal(ws.status, 101, f"status ({ws.headers})")
    return ws


# --- directions ---


def test_a_stream_of_answers(t):
    gateway = start(t, feed.backend(t, Watch=items(t, 3)))
    ws = connect(gateway, WATCH)
    expect_equal(ws.rest(), [{"feed": "news", "number": str(n)} for n in (1, 2, 3)])
    ws.expect_end(1000)


def test_the_request_comes_from_path_and_query(t):
    requests = []

    def watch(request, context):
        requests.append((request.feed, request.count, request.size))
        yield feed.item(t, text="last")

    gateway = start(t, feed.backend(t, Watch=watch))
    connect(gateway, "/v1/feeds/a%20b?count=3&size=4").expect_end(1000)
    expect_equal(requests, [("a b", 3, 4)])
    ws = WebSocket(gateway.port, "/v1/feeds/a?count=many")
    expect_equal(ws.status, 400)
    expect_equal(len(requests), 1, "calls")


def test_the_request_is_the_first_message_where_the_route_has_a_body(t):
    gateway = start(t, feed.backend(t, Watch=items(t, 2)))
    ws = connect(gateway, "/feed.v1.Feed/Watch")
    ws.send({"feed": "sport"})
    expect_equal(ws.rest(), [{"feed": "sport", "number": str(n)} for n in (1, 2)])
    ws.expect_end(1000)
    ws = connect(gateway, "/feed.v1.Feed/Watch")
    ws.send("")
    expect_equal(ws.rest(), [{"number": str(n)} for n in (1, 2)])


def test_a_stream_of_requests(t):
    collector = Collector(t)
    gateway = start(t, feed.backend(t, Collect=collector))
    ws = connect(gateway, COLLECT)
    for number in range(3):
        ws.send({"number": number, "feed": "other"})
    ws.send("")
    expect_equal(ws.rest(), [{"items": "3", "feeds": ["news"] * 3}])
    ws.expect_end(1000)
    expect_equal([one.number for one in collector.items[0]], [0, 1, 2])
    ws = connect(gateway, COLLECT)
    ws.send("")
    expect_equal(ws.rest(), [{}])


def test_both_directions_at_once(t):
    gateway = start(t, feed.backend(t, Chat=echo))
    for path in CHAT, "/feed.v1.Feed/Chat":
        ws = connect(gateway, path)
        for number in range(20):
            ws.send({"number": number + 1, "text": "hé\n"})
            answer = ws.message()
            expect_equal((answer["number"], answer["text"]), (str(number + 1), "hé\n"))
        ws.send("")
        ws.expect_end(1000)


def test_a_backend_that_ends_first(t):
    def chat(requests, context):
        yield next(requests)
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "enough")

    gateway = start(t, feed.backend(t, Chat=chat))
    ws = connect(gateway, CHAT)
    ws.send({"number": 1})
    expect_equal(ws.rest(), [{"feed": "news", "number": "1"}])
    ws.expect_end(4009, "enough")


def test_many_messages_in_one_write_keep_their_order(t):
    gateway = start(t, feed.FeedServer(t))
    ws = connect(gateway, CHAT)
    count = 20000
    data = b"".join(frame(TEXT, '{"number":%d}' % number) for number in range(1, count + 1)) + frame(TEXT)
    sender = threading.Thread(target=ws.send_raw, args=(data,))
    sender.start()
    numbers = [int(message["number"]) for message in ws.rest()]
    sender.join()
    expect_equal(numbers, list(range(1, count + 1)))
    ws.expect_end(1000)


def test_messages_behind_the_handshake_in_one_packet(t):
    gateway = start(t, feed.backend(t, Chat=echo))
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(handshake() + frame(TEXT, "{}") + frame(TEXT) + frame(CLOSE, b"\x03\xe8"))
        data = b""
        while piece := connection.recv(65536):
            data += piece
    expect(data.startswith(b"HTTP/1.1 101 "), data[:100])


def test_fragments_and_what_stands_between_them(t):
    gateway = start(t, feed.backend(t, Chat=echo))
    ws = connect(gateway, CHAT)
    text = '{"text": "é und ü"}'.encode()
    for size in 1, 2, 7:
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        for number, piece in enumerate(pieces):
            is_last = number == len(pieces) - 1
            ws.send_raw(frame(TEXT if number == 0 else CONTINUATION, piece, fin=is_last))
            if not is_last:
                ws.send_raw(frame(PING, b"between") + frame(CONTINUATION, b"", fin=False))
        expect_equal(ws.message(), {"feed": "news", "text": "é und ü"})
        expect_equal(ws.pong, b"between")
    data = b"".join(frame(TEXT, '{"number": %d}' % number) for number in (1, 2))
    for byte in data:
        ws.send_raw(bytes([byte]))
    expect_equal([ws.message()["number"] for _ in range(2)], ["1", "2"])
    ws.close()


def test_over_tls(t):
    def chat(requests, context):
        metadata.update((one.key, one.value) for one in context.invocation_metadata())
        yield from requests

    metadata = {}
    backend = feed.backend(t, Chat=chat, Watch=items(t, 100))
    listener = '{address: "127.0.0.1:@PORT@"}'
    config = CONFIG.replace("@WEBSOCKET@", "").replace(listener, '{address: "127.0.0.1:@PORT@", tls: @TLS@}')
    for name in "LIMITS", "STREAMING":
        config = config.replace(f"@{name}@", "")
    config = config.replace("@SET@", t.write("feed.binpb", feed.protos(t).bytes))
    site = Site(t, backend, config=config)
    ws = connect(site, CHAT, {"Authorization": "Bearer 1"}, tls=site.context())
    for number in range(1, 20):
        ws.send({"number": number, "text": "x" * 10000 * number})
        expect_equal(ws.message()["number"], str(number))
    ws.send("")
    ws.expect_end(1000)
    expect_equal((metadata["authorization"], metadata["x-forwarded-proto"]), ("Bearer 1", "https"))
    ws = connect(site, WATCH, tls=site.context())
    expect_equal(len(ws.rest()), 100)
    line = wait_for("the log line", lambda: [one for one in site.gateway.access_log() if one["status"] == 101])[0]
    expect_equal(line["tls_version"], "TLSv1.3")


def test_the_example_for_browsers(t):
    service = t.service("user-service")
    with open(os.path.join(t.source, "conf", "browser.yaml"), encoding="utf-8") as file:
        config = file.read()
    for old, new in (
        ("0.0.0.0:8080", "127.0.0.1:@PORT@"),
        ("127.0.0.1:9090", "127.0.0.1:@ADMIN@"),
        ("127.0.0.1:8001", service.address),
        ("127.0.0.1:8002", service.address),
        ("${SLUICE_DESCRIPTORS:-../build/proto/services.binpb}", "@SET@"),
    ):
        expect(old in config, f"{old} in the example")
        config = config.replace(old, new)
    gateway = t.gateway(config)
    page = {"Origin": "http://localhost:3000"}
    response = gateway.get("/v1/users", page)
    expect_equal((response.status, response.header("access-control-allow-origin")), (200, page["Origin"]))
    ws = connect(gateway, "/v1/health/user.v1.UserService", page)
    expect_equal(ws.message(), {"status": "SERVING"})
    ws.close()


# --- ends ---


def test_a_failure_is_the_code_and_reason(t):
    codes = {
        grpc.StatusCode.INVALID_ARGUMENT: 4003,
        grpc.StatusCode.NOT_FOUND: 4005,
        grpc.StatusCode.UNAUTHENTICATED: 4016,
    }
    for status, code in codes.items():
        gateway = start(t, feed.backend(t, Watch=lambda request, context: context.abort(status, "-grüße" * 30)))
        ws = connect(gateway, WATCH)
        found, reason = ws.ended()
        expect_equal(found, code, f"code ({reason!r})")
        expect_within(len(reason.encode()), 121, 123, "bytes of the reason")
        expect(("-grüße" * 30).startswith(reason), reason)


def test_a_failure_behind_messages(t):
    gateway = start(t, feed.backend(t, Watch=items(t, 2, abort)))
    ws = connect(gateway, WATCH)
    expect_equal(len(ws.rest()), 2)
    ws.expect_end(4008, "no more")


def test_no_backend(t):
    gateway = start(t, harness.collections.namedtuple("Nobody", "address")(f"127.0.0.1:{harness.free_port()}"))
    connect(gateway, WATCH).expect_end(4014)


def test_a_message_that_cannot_be_read(t):
    server = feed.FeedServer(t)
    gateway = start(t, server)
    ws = connect(gateway, CHAT)
    ws.send({"number": 1})
    ws.message()
    ws.send('{"number": "ten"}')
    ws.expect_end(4003, "message 2", "number")
    wait_for("the cancel", lambda: server.counters().cancelled == 1)
    ws = connect(gateway, "/feed.v1.Feed/Watch")
    ws.send("{")
    ws.expect_end(4003, "message 1")


def test_a_message_where_none_is_expected(t):
    forever = threading.Event()

    def watch(request, context):
        yield feed.item(t)
        context.add_callback(forever.set)
        forever.wait(10)

    gateway = start(t, feed.backend(t, Watch=watch, Collect=Collector(t)))
    ws = connect(gateway, WATCH)
    ws.message()
    ws.send("")
    ws.send({"feed": "x"})
    ws.expect_end(1008, "a message")
    expect(forever.wait(5), "the call is cancelled")


def test_the_client_closes(t):
    left = queue.Queue()

    def chat(requests, context):
        context.add_callback(lambda: left.put(time.monotonic()))
        for request in requests:
            yield request

    gateway = start(t, feed.backend(t, Chat=chat))
    for code, payload in (1000, b""), (4321, "tschüß".encode()), (1005, None):
        ws = connect(gateway, CHAT)
        ws.send({"number": 1})
        ws.message()
        begin = time.monotonic()
        ws.send_raw(frame(CLOSE, b"" if payload is None else code.to_bytes(2, "big") + payload))
        expect_within(left.get(timeout=5) - begin, 0, 0.5, "seconds until the backend sees the cancel")
        ws.expect_end(code)
    entry = wait_for("log lines", lambda: gateway.access_log()[2:])[0]
    expect_equal((entry["status"], entry["grpc_status"]), (101, 1))


def test_a_client_that_leaves_cancels_the_call_at_once(t):
    server = feed.FeedServer(t)
    gateway = start(t, server)
    delays = []
    for path, count in ((WATCH + "?size=1000", 1), (CHAT, 1), (COLLECT, 1), (WATCH, 50)):
        clients = [connect(gateway, path) for _ in range(count)]
        wait_for("the calls", lambda: server.counters().open == count)
        begin = time.monotonic()
        for one in clients:
            one.close()
        wait_for("the cancels", lambda: server.counters().open == 0, timeout=3, pause=0.001)
        delays.append(time.monotonic() - begin)
    expect_within(max(delays), 0, 0.5, "seconds until the backend sees the cancel")
    print(f"     the backend sees the cancel after {1e3 * sorted(delays[:-1])[1]:.1f} ms (median)")


def test_counts_and_log(t):
    gateway = start(t, feed.backend(t, Watch=items(t, 3)))
    ws = connect(gateway, WATCH)
    expect(re.fullmatch(r"[0-9a-f-]{36}", ws.headers["x-request-id"]), ws.headers)
    ws.expect_end(1000)
    entry = wait_for("the log line", gateway.access_log)[0]
    expect_equal((entry["method"], entry["path"], entry["route"]), ("GET", WATCH, "/v1/feeds/{feed}"))
    expect_equal((entry["status"], entry["grpc_status"], entry["upstream"], entry["tries"]), (101, 0, "feed", 1))
    expect_equal((entry["request_id"], entry["remote_addr"]), (ws.headers["x-request-id"], "127.0.0.1"))
    expect(entry["bytes_in"] > 0 and entry["bytes_out"] > 60, f"bytes in {entry}")
    metrics = gateway.metrics()
    expect_equal(metrics.value("http_requests_total", route="/v1/feeds/{feed}", method="GET", code="101"), 1)
    expect_equal(
        metrics.value("rpc_calls_total", service="feed.v1.Feed", method="Watch", status="success", code="OK"), 1
    )


# --- the handshake ---


def handshake(path=CHAT, key="dGhlIHNhbXBsZSBub25jZQ==", version="13", more="", host="x"):
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: {version}\r\n{more}\r\n"
    ).encode()


def test_the_accept_key(t):
    gateway = start(t, feed.backend(t, Chat=echo))
    with gateway.client() as client:
        client.send(handshake())
        answer = client.response(is_head=True)
        expect_equal((answer.status, answer.header("upgrade").lower()), (101, "websocket"))
        expect_equal(answer.header("connection").lower(), "upgrade")
        expect_equal(answer.header("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")


def test_wrong_handshakes(t):
    gateway = start(t, feed.backend(t, Chat=echo))
    for version in "8", "0", "", "13, 8":
        response = gateway.raw(handshake(version=version))
        expect_error(response, 426, 3, "sec-websocket-version")
        expect_equal((response.header("sec-websocket-version"), response.header("upgrade")), ("13", "websocket"))
    for key in "", "short", "dGhlIHNhbXBsZSBub25jZQ=", "!GhlIHNhbXBsZSBub25jZQ==", "x" * 24, "a" * 1000:
        expect_error(gateway.raw(handshake(key=key)), 400, 3, "sec-websocket-key")


def test_requests_that_are_answered_as_without_upgrade(t):
    counters = feed.protos(t).new("feed.v1.Counters", sent=7)
    gateway = start(t, feed.backend(t, Watch=items(t, 1), Count=lambda *_: counters))
    expect_equal(gateway.raw(handshake("/v1/counters")).json(), {"sent": "7"})
    expect_error(gateway.raw(handshake("/nowhere")), 404, 5)
    for old, new in (
        (b"GET", b"POST"),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"Upgrade: WebSocket", b"Upgrade: h2c"),
        (b"keep-alive, Upgrade", b"keep-alive"),
    ):
        response = gateway.raw(handshake(WATCH).replace(old, new).replace(b"keep-alive", b"close"))
        expect_equal(response.status, 405 if new == b"POST" else 200, f"status with {new}")


def test_pages_of_other_hosts(t):
    backend = feed.backend(t, Chat=echo)
    gateway = start(t, backend)
    for origin, status in (
        ("http://x", 101),
        ("https://X", 101),
        ("http://y", 403),
        ("http://x:81", 403),
        ("http://xx", 403),
        ("null", 403),
    ):
        with gateway.client() as client:
            client.send(handshake(more=f"Origin: {origin}\r\n"))
            answer = client.response(is_head=status == 101)
            expect_equal(answer.status, status, f"status for {origin}")
            if status == 403:
                expect_error(answer, 403, 7, "origin")
    gateway = start(t, backend, more='cors: {origins: ["https://*.example"]}\n')
    for origin, status in ("https://a.example", 101), ("http://x", 101), ("http://y", 403):
        with gateway.client() as client:
            client.send(handshake(more=f"Origin: {origin}\r\n"))
            expect_equal(client.response(is_head=status == 101).status, status, f"status for {origin}")


def test_metadata_and_time_of_the_call(t):
    seen = []

    def watch(request, context):
        seen.append((dict(context.invocation_metadata()), context.time_remaining()))
        yield feed.item(t)

    gateway = start(t, feed.backend(t, Watch=watch))
    connect(gateway, WATCH, {"Grpc-Metadata-Tenant": "blue", "X-Request-ID": "r-1"}).expect_end(1000)
    metadata, left = seen[0]
    expect_equal((metadata["tenant"], metadata["x-request-id"]), ("blue", "r-1"))
    expect(left is None or left > 1e6, f"a deadline in {left} s")


# --- frames that are wrong ---


def test_what_a_client_may_not_send(t):
    server = feed.FeedServer(t)
    gateway = start(t, server)
    cancelled = 0
    for data, code in (
        (frame(BINARY, b"{}"), 1003),
        (frame(TEXT, b"\xff\xfe"), 1007),
        (frame(TEXT, b"\xc3", fin=False) + frame(CONTINUATION, b""), 1007),
        (frame(TEXT, "{}", mask=False), 1002),
        (frame(TEXT, "{}", rsv=4), 1002),
        (frame(3, "{}"), 1002),
        (frame(11), 1002),
        (frame(CONTINUATION, "{}"), 1002),
        (frame(TEXT, "{", fin=False) + frame(TEXT, "}"), 1002),
        (frame(PING, b"x" * 126), 1002),
        (frame(PING, b"", fin=False), 1002),
        (b"\x81\xfe\x00\x05" + b"0" * 9, 1002),
        (frame(CLOSE, b"x"), 1002),
        (frame(CLOSE, (1005).to_bytes(2, "big")), 1002),
        (frame(CLOSE, (999).to_bytes(2, "big")), 1002),
        (frame(CLOSE, b"\x03\xe8\xff"), 1007),
    ):
        ws = connect(gateway, CHAT)
        ws.send({})
        expect_equal(ws.message(), {"feed": "news"})
        ws.send_raw(data)
        end, reason = ws.ended()
        ws.close()
        expect_equal(end, code, f"{data} {reason!r}")
        expect(0 < len(reason.encode()) <= 123, f"the reason {reason!r} for {data}")
        cancelled += 1
        wait_for(f"the cancel after {data}", lambda: server.counters().cancelled == cancelled)


def test_a_message_over_the_limit(t):
    gateway = start(t, feed.backend(t, Chat=echo), limits="request_body: 1KiB")
    ws = connect(gateway, CHAT)
    ws.send({"text": "x" * 1012})
    expect_equal(len(ws.message()["text"]), 1012)
    ws.send_raw(frame(TEXT, b"x" * 600, fin=False) + frame(CONTINUATION, b"x" * 424, fin=False))
    ws.send_raw(frame(CONTINUATION, b"x", fin=False))
    ws.expect_end(1009, "too large")
    ws = connect(gateway, CHAT)
    ws.send_raw(frame(TEXT, b"x" * 5000000))  # all of it: the answer is read nevertheless
    ws.expect_end(1009)
    expect_equal(gateway.metrics().value("http_limits_total", limit="request_body"), 2)


def test_a_message_in_very_many_fragments(t):
    gateway = start(t, feed.backend(t, Chat=echo))
    ws = connect(gateway, CHAT)
    ws.send_raw(frame(TEXT, b"", fin=False) + frame(CONTINUATION, b"", fin=False) * 20000)
    ws.expect_end(1009, "too many frames")


def test_memory_for_messages_has_a_limit(t):
    gateway = start(t, feed.FeedServer(t), limits="request_body: 1MiB, request_memory: 16MiB")
    clients = []
    for _ in range(40):
        ws = connect(gateway, CHAT)
        ws.send_raw(frame(TEXT, b"x" * 900000, fin=False))
        clients.append(ws)
    wait_for("the limit", lambda: gateway.metrics().value("http_limits_total", limit="request_memory") > 0)
    clients[-1].expect_end(1013, "memory")
    for ws in clients:
        ws.close()
    wait_for("memory", lambda: gateway.metrics().value("http_request_memory_bytes") < 1 << 20)
    ws = connect(gateway, CHAT)
    ws.send({"text": "x" * 900000})
    expect_equal(len(ws.message()["text"]), 900000)


def test_a_flood_of_pings(t):
    gateway = start(t, feed.FeedServer(t), limits="control_frames: 200")
    ws = connect(gateway, CHAT)
    for _ in range(100):
        ws.ping(b"a")
        expect_equal(ws.next_pong(), b"a")
    try:
        ws.send_raw(frame(PING, b"x" * 125) * 1000)
    except OSError:
        pass
    ws.expect_end(1008, "too many pings")
    expect_equal(gateway.metrics().value("http_limits_total", limit="control_frames"), 1)


def test_pings_are_answered(t):
    gateway = start(t, feed.backend(t, Chat=echo))
    ws = connect(gateway, CHAT)
    for payload in b"", b"x", b"y" * 125:
        ws.ping(payload)
        expect_equal(ws.next_pong(), payload)
    ws.send_raw(frame(PONG, b"unasked"))
    ws.send({"number": 1})
    expect_equal(ws.message()["number"], "1")


def test_nonsense_leaves_the_gateway_well(t):
    gateway = start(t, feed.backend(t, Chat=echo))
    numbers = random.Random(7)
    for _ in range(200):
        data = bytearray(frame(TEXT, '{"number": 1}') * 3)
        for _ in range(numbers.randrange(1, 6)):
            data[numbers.randrange(len(data))] = numbers.randrange(256)
        ws = connect(gateway, CHAT)
        ws.send_raw(bytes(data[: numbers.randrange(len(data))]))
        if numbers.randrange(2):
            ws.send_raw(frame(CLOSE, b"\x03\xe8"))
        ws.close()
    ws = connect(gateway, CHAT)
    ws.send({})
    expect_equal(ws.message(), {"feed": "news"})


# --- time ---


def test_the_gateway_pings(t):
    gateway = start(t, feed.backend(t, Chat=echo), websocket="ping: 200ms, ping_timeout: 300ms")
    ws = connect(gateway, CHAT)
    timer = threading.Timer(1.3, lambda: ws.send(""))
    timer.start()
    ws.expect_end(1000)
    timer.join()
    expect_within(ws.pings, 4, 7, "pings in 1.3 s")


def test_a_client_that_answers_no_ping(t):
    server = feed.FeedServer(t)
    gateway = start(t, server, websocket="ping: 200ms, ping_timeout: 300ms")
    ws = connect(gateway, COLLECT, answers_pings=False)
    begin = time.monotonic()
    ws.expect_end(1011, "ping")
    expect_within(time.monotonic() - begin, 0.4, 1.5, "seconds")
    wait_for("the cancel", lambda: server.counters().cancelled == 1)
    ws = connect(gateway, COLLECT, answers_pings=False)
    for _ in range(6):
        time.sleep(0.2)
        ws.send({})  # it is there
    ws.send("")
    expect_equal(ws.rest()[0]["items"], "6")


def test_an_idle_stream_is_ended(t):
    server = feed.FeedServer(t)
    gateway = start(t, server, limits="stream_idle_timeout: 1s", websocket="ping: 200ms")
    ws = connect(gateway, COLLECT)
    for _ in range(3):
        time.sleep(0.5)
        ws.send({})
    begin = time.monotonic()
    ws.expect_end(4004, "no message within 1000 ms")
    expect_within(time.monotonic() - begin, 0.8, 2, "seconds")
    wait_for("the cancel", lambda: server.counters().cancelled == 1)


def test_a_routes_timeout_is_the_streams(t):
    config = CONFIG.replace("  - annotations: feed.v1.Feed\n", "  - annotations: feed.v1.Feed\n    timeout: 500ms\n")
    forever = threading.Event()

    def chat(requests, context):
        context.add_callback(forever.set)
        yield feed.item(t)
        forever.wait(5)

    gateway = feed.gateway(t, feed.backend(t, Chat=chat), config=config.replace("@WEBSOCKET@", ""))
    ws = connect(gateway, CHAT)
    expect_equal(ws.message(), {})
    ws.expect_end(4004)


def test_a_client_that_does_not_close(t):
    gateway = start(t, feed.backend(t, Watch=items(t, 1)))
    with gateway.client() as client:
        client.send(handshake(WATCH))
        expect_equal(client.response(is_head=True).status, 101)
        begin = time.monotonic()
        while not client.is_closed():
            pass
        expect_within(time.monotonic() - begin, 1.5, 4, "seconds")


# --- slow readers, slow backends ---


def test_slow_readers_hold_the_backend_back(t):
    """In two rounds: memory that the first makes the process keep for reuse counts for none."""
    readers = 4
    server = feed.FeedServer(t)
    gateway = start(t, server, websocket="ping: 200ms, ping_timeout: 300ms")
    for is_measured in False, True:
        before, begun_with = feed.resident_bytes(gateway.pid), server.counters().sent
        clients = [connect(gateway, WATCH + "?size=1000", receive_buffer=4096) for _ in range(readers)]
        sent = -1
        while sent != (sent := server.counters().sent):
            time.sleep(0.5)
        expect(sent - begun_with < readers * 3000, f"the backend has sent {sent - begun_with} of endless items of 1 KB")
        for _ in range(1000):
            clients[0].message()
        wait_for("more to come", lambda: server.counters().sent > sent)
        growth = (feed.resident_bytes(gateway.pid) - before - t.memory_slack) // readers
        expect(growth < 1 << 20 or not is_measured, f"the gateway grew by {growth} bytes a reader")
        expect_equal(server.counters().open, readers, "streams")
        for one in clients:
            one.close()
        wait_for("the cancels", lambda: server.counters().open == 0)
    print(f"     slow readers: {growth / 1024:.0f} KiB each")


def test_a_thousand_slow_readers(t):
    server = feed.FeedServer(t)
    gateway = start(t, server)
    warm_up(gateway)
    before = feed.resident_bytes(gateway.pid)
    readers = []
    for _ in range(1000):
        reader = socket.socket()
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect(("127.0.0.1", gateway.port))
        reader.sendall(handshake(WATCH + "?size=1000"))
        readers.append(reader)
    wait_for("all streams", lambda: server.counters().open == 1000, timeout=30)
    for _ in range(3):
        for reader in readers:
            expect(reader.recv(1024), "bytes")
        time.sleep(0.3)
    growth = (feed.resident_bytes(gateway.pid) - before) / 1000
    expect(growth < (1 << 20) + t.memory_slack, f"the gateway grew by {growth} bytes for each reader")
    begin = time.monotonic()
    expect_equal(len(connect(gateway, "/v1/feeds/b?count=100").rest()), 100, "items of a good reader")
    expect_within(time.monotonic() - begin, 0, 1, "seconds of a good reader")
    for reader in readers:
        reader.close()
    wait_for("the cancels", lambda: server.counters().open == 0, timeout=10)
    print(f"     1000 slow readers: {growth / 1024:.0f} KiB each")


def test_a_reader_that_stops_is_ended(t):
    server = feed.FeedServer(t)
    gateway = start(t, server, limits="stream_idle_timeout: 1s")
    stopped = connect(gateway, WATCH + "?size=1000", receive_buffer=4096)
    slow = connect(gateway, WATCH + "?size=1000", receive_buffer=4096)
    end = time.monotonic() + 4
    while time.monotonic() < end:
        for _ in range(20):
            slow.message()
        time.sleep(0.1)
    expect_equal(server.counters().open, 1, "streams left")
    slow.close()
    stopped.close()


def test_a_backend_that_takes_nothing_holds_the_client_back(t):
    release = threading.Event()
    left = queue.Queue()

    def collect(requests, context):
        context.add_callback(lambda: left.put(time.monotonic()))
        release.wait(20)
        return feed.protos(t).new("feed.v1.Summary", items=sum(1 for _ in requests))

    gateway = start(t, feed.backend(t, Collect=collect))
    message = frame(TEXT, json.dumps({"text": "x" * 10000}))

    def stuff():
        """Sends until nothing more is taken."""
        ws = connect(gateway, COLLECT)
        ws.socket.settimeout(1)
        sent = 0
        try:
            while sent < 5000:
                ws.socket.sendall(message)
                sent += 1
        except TimeoutError:
            pass
        expect(sent < 2000, f"{sent} messages of 10 KB were taken")
        return ws

    clients = [stuff()]
    before = feed.resident_bytes(gateway.pid)
    clients += [stuff() for _ in range(3)]
    growth = (feed.resident_bytes(gateway.pid) - before - t.memory_slack) // 3
    expect(growth < 1 << 20, f"the gateway grew by {growth} bytes a client")
    for ws in clients:
        begin = time.monotonic()
        ws.reset()
        expect_within(left.get(timeout=5) - begin, 0, 1.5, "seconds until the backend sees the cancel")
    release.set()
    print(f"     clients held back: {growth / 1024:.0f} KiB each")


def test_large_messages(t):
    gateway = start(t, feed.FeedServer(t))
    ws = connect(gateway, CHAT, timeout=30)
    for size in 65535, 65536, 1000000, 4000000:
        text = "x" * size
        sender = threading.Thread(target=ws.send, args=({"text": text},))
        sender.start()
        expect_equal(len(ws.message()["text"]), size)
        sender.join()
    ws.send("")
    ws.expect_end(1000)


def test_idle_sockets_cost_little(t):
    server = feed.FeedServer(t)
    gateway = start(t, server)
    warm_up(gateway)
    clients = [connect(gateway, CHAT)]
    before = feed.resident_bytes(gateway.pid)
    for _ in range(200):
        ws = connect(gateway, CHAT)
        ws.send({"text": "x" * 100000})
        ws.message()
        clients.append(ws)
    growth = (feed.resident_bytes(gateway.pid) - before) / 200
    expect(growth < (64 << 10) + t.memory_slack, f"the gateway grew by {growth} bytes for each socket")
    print(f"     idle sockets: {growth / 1024:.0f} KiB each")
    for one in clients:
        one.close()


# --- the gateway's end ---


def test_drain_closes_with_going_away(t):
    server = feed.FeedServer(t)
    gateway = start(t, server)
    clients = [connect(gateway, path) for path in (WATCH + "?size=10", CHAT, COLLECT)]
    wait_for("the calls", lambda: server.counters().open == 3)
    begin = time.monotonic()
    gateway.signal(harness.signal.SIGTERM)
    for ws in clients:
        ws.expect_end(1001)
    wait_for("the cancels", lambda: server.counters().open == 0)
    gateway.wait()
    expect_within(time.monotonic() - begin, 0, 5, "seconds of the drain")


def test_drain_does_not_wait_for_clients_that_do_not_close(t):
    gateway = start(t, feed.backend(t, Chat=echo))
    with gateway.client() as client:
        client.send(handshake(CHAT))
        expect_equal(client.response(is_head=True).status, 101)
        begin = time.monotonic()
        gateway.signal(harness.signal.SIGTERM)
        gateway.wait()
        expect_within(time.monotonic() - begin, 0, 6, "seconds of the drain")
