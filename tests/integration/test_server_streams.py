"""Methods that stream their answer, over REST: the three forms, failures, readers that are slow or
leave, and time limits."""

import http.client
import json
import queue
import socket
import threading
import time

import grpc

import feed
import harness
from gateway_config import fail
from harness import expect, expect_equal, expect_error, expect_within

BROKEN_OFF = (http.client.IncompleteRead, ConnectionError)

NDJSON, SSE, JSON = "application/x-ndjson", "text/event-stream", "application/json"


def items(t, count, then=None):
    """A Watch that answers `count` items, and then calls `then` with the context."""

    def watch(request, context):
        for number in range(1, count + 1):
            yield feed.item(t, feed=request.feed, number=number)
        if then is not None:
            then(context)

    return watch


def abort(context):
    context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "no more")


def gateway_of(t, watch, **options):
    return feed.gateway(t, feed.backend(t, Watch=watch), **options)


def watch(gateway, accept=None, path="/v1/feeds/news", **options):
    return gateway.stream("GET", path, headers={"Accept": accept} if accept else {}, **options)


# --- forms ---


def test_a_stream_is_ndjson_by_default(t):
    gateway = gateway_of(t, items(t, 3))
    expected = [{"feed": "news", "number": str(n)} for n in (1, 2, 3)]
    for accept in None, "*/*", NDJSON, "application/*", "application/json;q=0.5, application/x-ndjson", "nonsense":
        stream = watch(gateway, accept)
        expect_equal(stream.status, 200)
        expect_equal(stream.header("content-type"), NDJSON, f"content type for {accept}")
        expect_equal(stream.header("transfer-encoding"), "chunked")
        expect_equal(stream.rest(), expected, f"messages for {accept}")


def test_a_stream_as_server_sent_events(t):
    gateway = gateway_of(t, items(t, 2))
    for accept in SSE, "text/*", "text/event-stream, */*", "text/event-stream;q=0.9, */*;q=0.1":
        stream = watch(gateway, accept)
        expect_equal(stream.header("content-type"), SSE, f"content type for {accept}")
        expect_equal(stream.header("cache-control"), "no-cache")
        expect_equal(
            stream.read(),
            b'data: {"feed":"news","number":"1"}\n\ndata: {"feed":"news","number":"2"}\n\nevent: end\ndata: {}\n\n',
            "events",
        )


def test_a_stream_as_a_json_array(t):
    gateway = gateway_of(t, items(t, 2))
    for accept in JSON, "application/json, text/plain, */*", "application/x-ndjson;q=0, application/json":
        stream = watch(gateway, accept)
        expect_equal(stream.header("content-type"), JSON, f"content type for {accept}")
        expect_equal(json.loads(stream.read()), [{"feed": "news", "number": "1"}, {"feed": "news", "number": "2"}])


def test_an_empty_stream(t):
    gateway = gateway_of(t, items(t, 0))
    for accept, body in (NDJSON, b""), (SSE, b"event: end\ndata: {}\n\n"), (JSON, b"[]"):
        stream = watch(gateway, accept)
        expect_equal((stream.status, stream.header("content-type"), stream.read()), (200, accept, body))


def test_response_body_holds_for_each_message(t):
    def texts(request, _):
        for text in "one", "", "three":
            yield feed.item(t, text=text)

    gateway = gateway_of(t, texts)
    expect_equal(watch(gateway, path="/v1/texts/a").rest(), ["one", "", "three"])


def test_what_is_not_acceptable_is_406_and_no_call(t):
    backend = feed.backend(t, Watch=items(t, 1))
    gateway = feed.gateway(t, backend)
    for accept in "text/html", "image/*", "application/json;q=0", "*/*;q=0":
        expect_error(gateway.get("/v1/feeds/news", {"Accept": accept}), 406, 3, "application/x-ndjson")
    expect_equal(backend.calls.total(), 0, "calls")


def test_metadata_and_empty_streams_trailers_are_headers(t):
    def nothing(_, context):
        context.send_initial_metadata([("color", "red")])
        context.set_trailing_metadata([("cost", "7")])
        return iter(())

    def one(request, context):
        context.send_initial_metadata([("color", "blue")])
        yield feed.item(t)

    stream = watch(gateway_of(t, nothing))
    expect_equal((stream.header("grpc-metadata-color"), stream.header("grpc-trailer-cost")), ("red", "7"))
    expect_equal(watch(gateway_of(t, one)).header("grpc-metadata-color"), "blue")


# --- time ---


def test_each_message_goes_out_when_it_is_in(t):
    orders = queue.Queue()

    def ordered(request, _):
        for number in iter(orders.get, None):
            yield feed.item(t, number=number)

    gateway = gateway_of(t, ordered)
    for accept in NDJSON, SSE, JSON:
        orders.put(1)
        stream = watch(gateway, accept)
        for number in range(1, 5):
            piece = stream.piece().decode()
            expect(f'"number":"{number}"' in piece, f"expected item {number} in {piece!r}")
            orders.put(number + 1 if number < 4 else None)
        expect(b"number" not in stream.read(), "the end")


def test_a_stream_outlasts_the_timeouts_of_unary_calls(t):
    time_left = []

    def slow(request, context):
        time_left.append(context.time_remaining())
        for number in range(4):
            yield feed.item(t, number=number)
            time.sleep(0.25)

    # The upstream's timeout is 500 ms.
    gateway = gateway_of(t, slow, limits="request_timeout: 600ms")
    stream = watch(gateway)
    expect_equal(len(stream.rest()), 4, "messages")
    expect(time_left[0] is None or time_left[0] > 1e9, f"no deadline goes upstream, found {time_left}")


def test_a_routes_own_timeout_ends_the_stream(t):
    def endless(request, context):
        while context.is_active():
            yield feed.item(t)
            time.sleep(0.05)

    config = feed.CONFIG.replace("upstream: feed\n", "upstream: feed\n    timeout: 400ms\n", 1)
    begin = time.monotonic()
    messages = watch(gateway_of(t, endless, config=config)).rest()
    expect_within(time.monotonic() - begin, 0.35, 1.5, "seconds")
    expect_equal(messages[-1]["error"]["code"], 4, "code of the last line")
    expect_within(len(messages), 4, 10, "messages")


def test_a_silent_stream_ends_after_the_idle_timeout(t):
    ended = threading.Event()

    def silent(request, context):
        context.add_callback(ended.set)
        for number in range(3):
            yield feed.item(t, number=number)
            time.sleep(0.2)
        ended.wait(10)

    gateway = gateway_of(t, silent, limits="stream_idle_timeout: 400ms")
    begin = time.monotonic()
    messages = watch(gateway).rest()
    expect_within(time.monotonic() - begin, 0.7, 1.6, "seconds")
    expect_equal(len(messages), 4, "lines")
    error = messages[-1]["error"]
    expect_equal((error["code"], error["message"]), (4, "no message within 400 ms"))
    expect(ended.wait(2), "the backend sees the cancel")
    ended.clear()


def test_a_stream_without_a_first_message_times_out_with_504(t):
    ended = threading.Event()

    def silent(request, context):
        context.add_callback(ended.set)
        ended.wait(10)
        return iter(())

    gateway = gateway_of(t, silent, limits="stream_idle_timeout: 300ms")
    expect_error(gateway.get("/v1/feeds/news"), 504, 4, "no message within 300 ms")
    expect_equal(gateway.metrics().value("http_limits_total", limit="stream_idle_timeout"), 1)
    expect(ended.wait(2), "the backend sees the cancel")


def test_server_sent_events_have_a_heartbeat(t):
    release = threading.Event()

    def slow(request, context):
        yield feed.item(t, number=1)
        release.wait(10)
        yield feed.item(t, number=2)

    gateway = gateway_of(t, slow, streaming="heartbeat: 100ms")
    stream = watch(gateway, SSE)
    expect_equal(stream.event()[0], "message")
    begin = time.monotonic()
    for _ in range(5):
        expect_equal(stream.event(), None, "a comment")
    expect_within(time.monotonic() - begin, 0.4, 1.0, "seconds of 5 heartbeats")
    release.set()
    expect_equal(json.loads(stream.event()[1])["number"], "2")
    expect_equal(stream.event(), ("end", "{}"))


def test_heartbeats_do_not_keep_a_silent_stream_alive(t):
    release = threading.Event()

    def silent(request, context):
        context.add_callback(release.set)
        release.wait(10)
        return iter(())

    gateway = gateway_of(t, silent, limits="stream_idle_timeout: 500ms", streaming="heartbeat: 100ms")
    stream = watch(gateway, SSE)  # begins with the first heartbeat
    expect_equal(stream.status, 200)
    for _ in range(3):
        expect_equal(stream.event(), None, "a comment")
    while (event := stream.event()) is None:
        pass
    expect_equal((event[0], json.loads(event[1])["code"]), ("error", 4))


# --- failures ---


def test_a_call_that_fails_before_its_first_message_is_a_plain_error(t):
    gateway = gateway_of(t, fail(grpc.StatusCode.NOT_FOUND, "no such feed"))
    for accept in NDJSON, SSE, JSON:
        expect_error(gateway.get("/v1/feeds/news", {"Accept": accept}), 404, 5, "no such feed")


def test_a_call_that_fails_midway_says_so_at_the_end(t):
    gateway = gateway_of(t, items(t, 2, abort))
    error = {"code": 8, "message": "no more", "details": []}
    stream = watch(gateway)
    expect_equal(stream.status, 200)
    expect_equal(stream.rest()[2:], [{"error": error}], "the last line")
    stream = watch(gateway, SSE)
    events = [stream.event() for _ in range(3)]
    expect_equal((events[2][0], json.loads(events[2][1])), ("error", error))
    expect_equal(stream.line(), None, "the end")


def test_a_json_array_that_fails_midway_is_broken_off(t):
    gateway = gateway_of(t, items(t, 2, abort))
    stream = watch(gateway, JSON)
    body = b""
    try:
        while True:
            piece = stream.read(1)
            expect(piece, "an answer that ends as if it were whole")
            body += piece
    except BROKEN_OFF as error:
        body += getattr(error, "partial", b"")
    messages = json.loads(body.decode() + "]")
    expect_equal(len(messages), 3)
    expect_equal(messages[2]["error"]["code"], 8)


def test_details_of_the_error_are_kept(t):
    status = t.protos.new("google.rpc.Status", code=5, message="gone")
    info = t.protos.new("google.rpc.ResourceInfo", resource_type="feed", resource_name="news")
    status.details.add().Pack(info)

    def watch_and_fail(request, context):
        yield feed.item(t)
        context.set_trailing_metadata([("grpc-status-details-bin", status.SerializeToString())])
        context.abort(grpc.StatusCode.NOT_FOUND, "gone")

    error = watch(gateway_of(t, watch_and_fail)).rest()[-1]["error"]
    expect_equal((error["code"], error["message"]), (5, "gone"))
    expect_equal(error["details"][0]["@type"], "type.googleapis.com/google.rpc.ResourceInfo")


def test_a_message_that_does_not_fit_its_type_ends_the_stream(t):
    ok_headers = b"\x88\x5f\x10application/grpc"
    good, bad = b"\0\0\0\0\x02\x10\x07", b"\0\0\0\0\x02\x0a\xff"

    def answer(*messages):
        def on_frame(connection, kind, flags, stream, payload):
            if kind == harness.FRAME_HEADERS:
                connection.sendall(harness.frame(harness.FRAME_HEADERS, 4, stream, ok_headers))
                for message in messages:
                    connection.sendall(harness.frame(harness.FRAME_DATA, 0, stream, message))

        return feed.gateway(t, t.http2_backend(on_frame))

    expect_error(answer(bad).get("/v1/feeds/news"), 502, 13)
    messages = watch(answer(good, good, bad)).rest()
    expect_equal(messages[:2], [{"number": "7"}] * 2)
    expect_equal(messages[2]["error"]["code"], 13)


def test_a_backend_that_dies_midway(t):
    def answer(connection, kind, flags, stream, payload):
        if kind == harness.FRAME_HEADERS:
            connection.sendall(
                harness.frame(harness.FRAME_HEADERS, 4, stream, b"\x88\x5f\x10application/grpc")
                + harness.frame(harness.FRAME_DATA, 0, stream, b"\0\0\0\0\x02\x10\x07")
            )
            connection.shutdown(socket.SHUT_RDWR)

    messages = watch(feed.gateway(t, t.http2_backend(answer))).rest()
    expect_equal((messages[0], messages[1]["error"]["code"]), ({"number": "7"}, 14))


def test_all_backends_down_is_503(t):
    class Nobody:
        address = f"127.0.0.1:{harness.free_port()}"

    expect_error(feed.gateway(t, Nobody).get("/v1/feeds/news"), 503, 14)


# --- other HTTP ---


def test_the_connection_goes_on_after_a_stream(t):
    gateway = gateway_of(t, items(t, 3))
    connection = harness.http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    for _ in range(3):
        response = harness.request_on(connection, "GET", "/v1/feeds/news")
        expect_equal(len(response.body.splitlines()), 3, "lines")
    expect_error(harness.request_on(connection, "GET", "/nothing"), 404, 5)
    connection.close()


def test_http_1_0_gets_the_stream_until_the_end_of_the_connection(t):
    gateway = gateway_of(t, items(t, 2))
    for accept, body in (
        (NDJSON, b'{"feed":"news","number":"1"}\n{"feed":"news","number":"2"}\n'),
        (JSON, b'[{"feed":"news","number":"1"},\n{"feed":"news","number":"2"}]'),
    ):
        request = f"GET /v1/feeds/news HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nAccept: {accept}\r\n\r\n"
        response = gateway.raw(request.encode())
        expect_equal((response.status, response.header("transfer-encoding")), (200, None))
        expect_equal(response.header("connection"), "close")
        expect_equal(response.body, body)


def test_http_1_0_and_empty_or_failing_streams(t):
    request = b"GET /v1/feeds/news HTTP/1.0\r\nHost: x\r\n\r\n"
    expect_equal(gateway_of(t, items(t, 0)).raw(request).body, b"")
    lines = gateway_of(t, items(t, 1, abort)).raw(request).body.splitlines()
    expect_equal(json.loads(lines[1])["error"]["code"], 8)


def test_http_1_0_clients_that_leave_behind_a_byte_too_many(t):
    """Their leaving is found by the sweep, which goes on to the next of them."""
    ended = queue.Queue()

    def endless(request, context):
        context.add_callback(lambda: ended.put(request.feed))
        yield feed.item(t)
        while context.is_active():
            time.sleep(0.05)

    overwrite_what_is_freed = {"MALLOC_PERTURB_": "165", "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}
    gateway = gateway_of(t, endless, env=overwrite_what_is_freed)
    clients = [gateway.client() for _ in range(4)]
    for client in clients:
        client.send(f"GET /v1/feeds/news HTTP/1.0\r\nHost: x\r\nAccept: {SSE}\r\n\r\n".encode())
        received = b""
        while b"\n\n" not in received:
            received += client.socket.recv(4096)
        client.send(b"G")
    time.sleep(0.2)  # for the bytes to be seen before the ends
    for client in clients:
        client.close()
    for _ in clients:
        ended.get(timeout=5)
    expect_equal(gateway.get("/nothing").status, 404)


def test_head_gets_the_headers_only(t):
    ended = threading.Event()

    def endless(request, context):
        context.add_callback(ended.set)
        while context.is_active():
            yield feed.item(t)

    gateway = gateway_of(t, endless)
    connection = harness.http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    for accept in NDJSON, SSE, JSON:
        response = harness.request_on(connection, "HEAD", "/v1/feeds/news", headers={"Accept": accept})
        expect_equal((response.status, response.header("content-type"), response.body), (200, accept, b""))
        expect(ended.wait(2), "the call is cancelled")
        ended.clear()
    connection.close()
    for then, status in (None, 200), (abort, 429):
        response = gateway_of(t, items(t, 0, then)).request("HEAD", "/v1/feeds/news")
        expect_equal((response.status, response.body), (status, b""))


def test_pipelined_requests_behind_a_stream(t):
    gateway = gateway_of(t, items(t, 2))
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        one = b"GET /v1/feeds/news HTTP/1.1\r\nHost: x\r\n"
        connection.sendall((one + b"\r\n") * 2 + one + b"Connection: close\r\n\r\n")
        data = b""
        while piece := connection.recv(65536):
            data += piece
    expect_equal(data.count(b'"number":"2"'), 3, "last items")


def test_calls_are_counted_and_logged(t):
    gateway = gateway_of(t, items(t, 2, abort))
    watch(gateway).rest()
    entry = harness.wait_for("the log line", gateway.access_log)[0]
    expect_equal((entry["status"], entry["grpc_status"]), (200, 8))
    labels = {"service": "feed.v1.Feed", "method": "Watch"}
    expect_equal(
        gateway.metrics().value("rpc_calls_total", status="error", code="RESOURCE_EXHAUSTED", **labels), 1, "calls"
    )
    expect_equal(gateway.metrics().value("http_requests_total", route="/v1/feeds/{feed}", method="GET", code="200"), 1)


# --- readers ---


def test_a_client_that_leaves_cancels_the_call_at_once(t):
    server = feed.FeedServer(t)
    gateway = feed.gateway(t, server)
    delays = []

    def leave(stream_count, act):
        streams = [watch(gateway, path="/v1/feeds/a?size=100") for _ in range(stream_count)]
        harness.wait_for("streams to open", lambda: server.counters().open == stream_count)
        act(streams)
        begin = time.monotonic()
        for stream in streams:
            stream.close()
        harness.wait_for("the cancels", lambda: server.counters().open == 0, timeout=2, pause=0.001)
        delays.append(time.monotonic() - begin)

    for _ in range(5):
        leave(1, lambda streams: None)  # the gateway waits for room
        leave(1, lambda streams: streams[0].read(10000000))
    leave(50, lambda streams: None)
    expect_equal(server.counters().cancelled, 60)
    expect_within(max(delays[:-1]), 0, 0.5, "seconds until the backend sees the cancel")
    print(f"     the backend sees the cancel after {1e3 * sorted(delays)[len(delays) // 2]:.1f} ms (median)")


def test_a_client_that_leaves_an_idle_stream_cancels_the_call_at_once(t):
    left = queue.Queue()
    forever = threading.Event()

    def idle(request, context):
        context.add_callback(lambda: left.put(time.monotonic()))
        for number in range(int(request.count)):
            yield feed.item(t)
        forever.wait(10)

    gateway = gateway_of(t, idle)
    for version in b"1.1", b"1.0":
        for count in 0, 1:
            with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
                connection.sendall(b"GET /v1/feeds/a?count=%d HTTP/%s\r\nHost: x\r\n\r\n" % (count, version))
                if count > 0:
                    connection.recv(1)
                time.sleep(0.1)
                begin = time.monotonic()
            expect_within(left.get(timeout=5) - begin, 0, 0.5, "seconds until the backend sees the cancel")
    forever.set()
    expect_equal(gateway.get("/v1/feeds/a?count=1").status, 200, "afterwards")


def warm_up(gateway):
    """So that buffers of the connection to the backend have their size."""
    watch(gateway, path="/v1/feeds/a?size=1000&count=20000").read()


def test_slow_readers_hold_the_backend_back(t):
    """Several at once: memory that the first one makes the process keep for reuse counts for none."""
    readers = 4
    server = feed.FeedServer(t)
    gateway = feed.gateway(t, server)
    warm_up(gateway)
    before = feed.resident_bytes(gateway.pid)
    for accept in NDJSON, SSE, JSON:
        begun_with = server.counters().sent
        streams = [watch(gateway, accept, path="/v1/feeds/a?size=1000", receive_buffer=4096) for _ in range(readers)]
        sent = -1
        while sent != (sent := server.counters().sent):
            time.sleep(0.3)
        expect(sent - begun_with < readers * 3000, f"the backend has sent {sent - begun_with} of endless items of 1 KB")
        streams[0].read(1000000)
        harness.wait_for("more to come", lambda: server.counters().sent > sent)
        growth = (feed.resident_bytes(gateway.pid) - before - t.memory_slack) // readers
        expect(growth < 1 << 20, f"the gateway grew by {growth} bytes a reader")
        already = server.counters().sent
        for stream in streams:
            stream.close()
        harness.wait_for("the cancels", lambda: server.counters().open == 0)
        expect(server.counters().sent < already + readers * 3000, "items sent")


def test_large_messages_and_a_slow_reader(t):
    server = feed.FeedServer(t)
    gateway = feed.gateway(t, server)
    stream = watch(gateway, path="/v1/feeds/a?size=3000000&count=3", receive_buffer=65536)
    time.sleep(0.5)
    lengths = [len(message["text"]) for message in stream.rest()]
    expect_equal(lengths, [3000000] * 3)


def test_a_thousand_slow_readers(t):
    server = feed.FeedServer(t)
    gateway = feed.gateway(t, server)
    warm_up(gateway)
    before = feed.resident_bytes(gateway.pid)
    request = b"GET /v1/feeds/a?size=1000 HTTP/1.1\r\nHost: x\r\n\r\n"
    readers = []
    for _ in range(1000):
        reader = socket.socket()
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect(("127.0.0.1", gateway.port))
        reader.sendall(request)
        readers.append(reader)
    harness.wait_for("all streams", lambda: server.counters().open == 1000, timeout=30)
    for _ in range(3):
        for reader in readers:
            expect(reader.recv(1024), "bytes")
        time.sleep(0.3)
    growth = (feed.resident_bytes(gateway.pid) - before) / 1000
    expect(growth < (1 << 20) + t.memory_slack, f"the gateway grew by {growth} bytes for each reader")
    begin = time.monotonic()
    expect_equal(len(watch(gateway, path="/v1/feeds/b?count=100").rest()), 100, "items of a good reader")
    expect_within(time.monotonic() - begin, 0, 1, "seconds of a good reader")
    for reader in readers:
        reader.close()
    harness.wait_for("the cancels", lambda: server.counters().open == 0, timeout=10)
    print(f"     1000 slow readers: {growth / 1024:.0f} KiB each")


def test_readers_that_break_off_leave_nothing_behind(t):
    """Some while libh2o has written all that it has, but has not yet said so; and more of them than a connection to the
    backend may reset calls for."""
    server = feed.FeedServer(t)
    gateway = feed.gateway(t, server)
    for number in range(900):
        with harness.RawClient(gateway.port) as reader:
            reader.send(b"GET /v1/feeds/a?size=100 HTTP/1.1\r\nHost: x\r\n\r\n")
            expect_equal(reader.socket.recv(65536)[:15], b"HTTP/1.1 200 OK", f"answer to number {number}")
            reader.reset()
    harness.wait_for("the cancels", lambda: server.counters().open == 0)
    harness.wait_for("the connections' end", lambda: gateway.metrics().value("http_connections") == 0)


def test_a_reader_that_stops_is_ended_and_one_that_goes_on_is_not(t):
    server = feed.FeedServer(t)
    gateway = feed.gateway(t, server, limits="stream_idle_timeout: 1s")
    stopped = watch(gateway, path="/v1/feeds/a?size=1000", receive_buffer=4096)
    slow = watch(gateway, path="/v1/feeds/a?size=1000", receive_buffer=4096)
    end = time.monotonic() + 4
    while time.monotonic() < end:
        slow.read(20000)
        time.sleep(0.1)
    expect_equal(server.counters().open, 1, "streams left")
    expect_equal(gateway.metrics().value("http_limits_total", limit="stream_idle_timeout"), 1)
    slow.read(100000)
    slow.close()
    stopped.close()


def test_a_huge_stream(t):
    server = feed.FeedServer(t)
    gateway = feed.gateway(t, server)
    warm_up(gateway)
    before = feed.resident_bytes(gateway.pid)
    stream = watch(gateway, path="/v1/feeds/a?count=1000000&size=20")
    received = 0
    while piece := stream.read(1 << 20):
        received += piece.count(b"\n")
    expect_equal(received, 1000000, "lines")
    growth = feed.resident_bytes(gateway.pid) - before
    expect(growth < (3 << 20) + t.memory_slack, f"the gateway grew by {growth} bytes over 60 MB")
