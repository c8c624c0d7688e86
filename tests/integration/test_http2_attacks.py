"""HTTP/2 clients that mean harm, each beside one that does not. Bounded, and on the loopback only."""

import struct
import threading
import time

import h2
import harness
from beside import Beside
from gateway_config import USER, user_answer, user_backend, user_gateway
from harness import expect, expect_equal, expect_within


def start(t, limits="", **methods):
    backend = user_backend(t, **methods)
    config = USER + (f"limits: {{{limits}}}\n" if limits else "")
    return user_gateway(t, backend.address, config=config), backend


def limit_count(gateway, name):
    return gateway.metrics().value("http_limits_total", limit=name)


def flood(client, data, times=2000):
    """Sends until the other side has had enough; gives GOAWAY's error."""
    for _ in range(times):
        if not client.send_raw(data) or client.goaway is not None:
            break
        client.read_some(0)
    return client.wait_closed()


def test_rapid_reset(t):
    gateway, backend = start(t)
    with Beside(t, gateway):
        for _ in range(20):
            with h2.Client(gateway.port) as client:
                client.settle()
                data = b""
                for _ in range(400):
                    stream, request = client.request_frames("/v1/users/reset")
                    data += request + h2.frame(h2.RST_STREAM, 0, stream, h2.CANCEL.to_bytes(4, "big"))
                expect_equal(flood(client, data, 1), h2.ENHANCE_YOUR_CALM)
    expect_equal(limit_count(gateway, "early_resets"), 20.0)


def test_rapid_reset_with_pauses_reaches_the_backend_only_within_the_budget(t):
    seen = []

    def answer(request, _):
        seen.append(request.id)
        time.sleep(0.02)
        return user_answer(t, id=request.id)

    gateway, _ = start(t, "early_resets: 40", GetUser=answer)
    with h2.Client(gateway.port) as client:
        sent = 0
        while client.goaway is None and not client.closed and sent < 500:
            stream = client.request("/v1/users/paused")
            time.sleep(0.001)
            client.send(h2.RST_STREAM, 0, stream, h2.CANCEL.to_bytes(4, "big"))
            client.read_some(0)
            sent += 1
        expect_equal(client.wait_closed(), h2.ENHANCE_YOUR_CALM)
    expect_within(len(seen), 0, 70, "calls")  # how many come so far before they are cancelled is chance


def slow_backend(t):
    """GetUser of "slow" takes longer than an early reset may, of "late" half a second."""

    def answer(request, context):
        if request.id == "slow":
            over = threading.Event()
            context.add_callback(over.set)
            over.wait(10)
        elif request.id == "late":
            time.sleep(0.5)
        return user_answer(t, id=request.id)

    return answer


def reset(client, stream):
    client.send(h2.RST_STREAM, 0, stream, h2.CANCEL.to_bytes(4, "big"))


def test_a_client_that_cancels_less_than_it_waits_for_keeps_its_connection(t):
    gateway, _ = start(t, "early_resets: 20", GetUser=slow_backend(t))
    for path in "/v1/users/1", "/nowhere":
        with h2.Client(gateway.port) as client:
            for _ in range(120):
                slow = client.request("/v1/users/slow")
                fast = [client.request(path) for _ in range(2)]
                for stream in fast:
                    client.answer(stream)
                reset(client, slow)
            client.settle()
            expect_equal(client.goaway, None)
    expect_equal(limit_count(gateway, "early_resets"), 0.0)


def test_what_is_under_way_is_answered_when_most_is_cancelled(t):
    gateway, _ = start(t, "early_resets: 20", GetUser=slow_backend(t))
    with Beside(t, gateway):
        with h2.Client(gateway.port) as client:
            late = [client.request("/v1/users/late") for _ in range(5)]
            body = client.request("/v1/users", "POST", [("content-type", "application/json")], b"{", end=False)
            resets = 0
            while client.goaway is None and resets < 60:
                reset(client, client.request("/v1/users/slow"))
                client.settle()
                resets += 1
            expect_equal(client.goaway, h2.ENHANCE_YOUR_CALM)
            expect_within(resets, 20, 40, "resets")
            last = struct.unpack(">I", next(f for f in client.frames if f.kind == h2.GOAWAY).payload[:4])[0]
            expect(last >= body, f"GOAWAY names {last}")
            after = [client.request("/v1/users/1") for _ in range(10)]
            client.send(h2.DATA, h2.END_STREAM, body, b"}")
            expect_equal([client.answer(stream).status for stream in late], [200] * 5)
            expect(client.answer(body).status in (200, 501), "the POST was answered")
            expect_equal(client.wait_closed(5), h2.ENHANCE_YOUR_CALM)
            expect_equal([client.answers[stream].status for stream in after], [None] * 10)
    expect_equal(limit_count(gateway, "early_resets"), 1.0)
    harness.wait_for("the line", lambda: "an HTTP/2 connection of 127.0.0.1 ends" in gateway.output())


def test_a_client_that_goes_on_is_cut_off(t):
    """Calls that are under way do not keep the connection for one that goes on to begin requests, or for long."""
    gateway, _ = start(t, "early_resets: 20, concurrent_streams: 30, request_timeout: 2s", GetUser=slow_backend(t))
    with Beside(t, gateway):
        for goes_on in True, False:
            with h2.Client(gateway.port) as client:
                client.request("/v1/users/slow")
                client.request("/v1/users", "POST", [("content-type", "application/json")], b"{", end=False)
                begin = time.monotonic()
                while client.goaway is None and time.monotonic() < begin + 5:
                    reset(client, client.request("/v1/users/slow"))
                    client.settle()
                for _ in range(60 if goes_on else 0):
                    reset(client, client.request("/v1/users/slow"))
                begin = time.monotonic()
                expect_equal(client.wait_closed(8), h2.ENHANCE_YOUR_CALM)
                expect_within(time.monotonic() - begin, 0, 0.9 if goes_on else 5, "seconds")
    expect_equal(limit_count(gateway, "early_resets"), 2.0)


def test_lines_about_attackers_are_few(t):
    gateway, _ = start(t, "early_resets: 1")
    begin = time.monotonic()
    for _ in range(30):
        with h2.Client(gateway.port) as client:
            for _ in range(3):
                reset(client, client.request("/v1/users/slow"))
            client.wait_closed()
    seconds = time.monotonic() - begin
    lines = gateway.output().count("an HTTP/2 connection of")
    expect_within(lines, 1, 2 * (1 + seconds), "lines of two workers")


def test_made_you_reset(t):
    """CVE-2025-8671: frames after which it is the server that resets."""
    provocations = {
        "a window over its most": lambda stream: h2.frame(h2.WINDOW_UPDATE, 0, stream, struct.pack(">I", 0x7FFFFFFF)),
        "malformed trailers": lambda stream: h2.frame(h2.HEADERS, 5, stream, h2.hpack([("X", "1")])),
        "more than content-length": lambda stream: h2.frame(h2.DATA, 0, stream, b"123456"),
    }
    gateway, _ = start(t)
    more = [("content-length", "5"), ("content-type", "application/json")]
    with Beside(t, gateway):
        for what, provoke in provocations.items():
            with h2.Client(gateway.port) as client:
                resets = 0
                while client.goaway is None and resets < 3000:
                    data = b""
                    for _ in range(50):
                        stream, request = client.request_frames("/v1/users", "POST", more, end=False)
                        data += request + provoke(stream)
                    client.send_raw(data)
                    client.wait("the last reset", lambda s=stream: client.answers[s].reset or client.goaway, 5)
                    resets += 50
                expect_equal(client.wait_closed(), h2.ENHANCE_YOUR_CALM, what)
                expect_within(resets, 150, 400, "resets")
    expect_equal(limit_count(gateway, "early_resets"), float(len(provocations)))


def test_frames_that_bring_nothing(t):
    gateway, _ = start(t)
    floods = {
        "PING": h2.frame(h2.PING, 0, 0, b"12345678"),
        "PING ACK": h2.frame(h2.PING, h2.ACK, 0, b"12345678"),
        "SETTINGS": h2.Client.settings_frame(),
        "SETTINGS with entries": h2.Client.settings_frame([(h2.INITIAL_WINDOW_SIZE, 1000)] * 10),
        "PRIORITY": h2.frame(h2.PRIORITY, 0, 1, struct.pack(">IB", 0, 1)),
        "WINDOW_UPDATE": h2.frame(h2.WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)),
        "unknown": h2.frame(0xEE, 0, 0, b"x"),
        "RST_STREAM": h2.frame(h2.RST_STREAM, 0, 1, h2.CANCEL.to_bytes(4, "big")),
        "empty DATA": h2.frame(h2.DATA, 0, 3, b""),
        "padding": h2.frame(h2.DATA, 8, 3, b"\x03\0\0\0"),
    }
    with Beside(t, gateway):
        for what, data in floods.items():
            with h2.Client(gateway.port) as client:
                client.answer(client.request())
                client.request(method="POST", end=False)
                expect_equal(flood(client, data * 10), h2.ENHANCE_YOUR_CALM, what)
    expect_equal(limit_count(gateway, "control_frames"), float(len(floods)))


def test_answers_to_pings_that_nobody_reads(t):
    gateway, _ = start(t, "control_frames: 1000000, write_timeout: 1s")
    with Beside(t, gateway):
        with h2.Client(gateway.port, buffer=4096) as client:
            client.socket.settimeout(3)
            try:
                while client.send_raw(h2.frame(h2.PING, 0, 0, b"12345678") * 1000):
                    pass
            except TimeoutError:
                pass
            client.wait_closed()


def test_continuation_flood(t):
    gateway, _ = start(t)
    with Beside(t, gateway):
        for payload in b"", h2.hpack([("x-a", "b" * 1000)]):
            with h2.Client(gateway.port) as client:
                client.settle()
                client.send(h2.HEADERS, h2.END_STREAM, 1, h2.hpack(client.headers()))
                for _ in range(2000):
                    if not client.send(h2.CONTINUATION, 0, 1, payload):
                        break
                client.wait_closed()
        with h2.Client(gateway.port) as client:
            client.settle()
            expect_equal(client.answer(client.request()).status, 200)


def test_header_bomb(t):
    """One entry in the table, and a block of nothing but references to it."""
    gateway, _ = start(t)
    with Beside(t, gateway):
        for _ in range(5):
            with h2.Client(gateway.port) as client:
                client.settle()
                bomb = h2.hpack([("x-bomb", "b" * 3900)], indexed=True)
                headers = h2.hpack(client.headers()) + bomb
                expect_equal(len(headers) < 16384, True)
                client.send(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1, headers + b"\xbe" * 12000)
                expect_equal(client.wait_closed(), h2.ENHANCE_YOUR_CALM)
    expect_equal(limit_count(gateway, "headers"), 5.0)


def test_header_bombs_within_the_limits(t):
    """Of headers whose values are put together: what is kept grows with their size, not with its square."""
    gateway, _ = start(t)
    more = [("content-type", "application/json")]
    for name in "cookie", "x-forwarded-for", "traceparent", "tracestate":
        with Beside(t, gateway, most_mib=48):
            with h2.Client(gateway.port) as client:
                client.settle()
                table = h2.hpack([(name, "b" * 450)], indexed=True)
                client.answer(client.request_with_block(h2.hpack(client.headers()) + table))
                for _ in range(90):
                    block = h2.hpack(client.headers("/v1/users", "POST", more)) + b"\xbe" * 95
                    client.request_with_block(block, end=False)
                client.settle()
                expect_equal((client.goaway, client.closed), (None, False), name)
    expect_equal(limit_count(gateway, "headers"), 0.0)


def test_headers_over_the_limits_are_431(t):
    gateway, backend = start(t, "header_count: 20, header_bytes: 4KiB")
    with h2.Client(gateway.port) as client:
        for count, size, status in (15, 1, 200), (21, 1, 431), (3, 900, 200), (4, 1000, 431), (30, 400, 431):
            more = [(f"x-header-{i}", "x" * size) for i in range(count)]
            expect_equal(client.answer(client.request(more=more)).status, status, f"{count} of {size}")
        # The block was read to its end: the compression context is whole.
        expect_equal(client.answer(client.request()).status, 200)
    expect_equal(backend.calls["user.v1.UserService/GetUser"], 3, "calls")
    expect_equal(limit_count(gateway, "headers"), 3.0)


def test_a_header_block_that_does_not_end(t):
    gateway, _ = start(t, "header_timeout: 1s")
    with Beside(t, gateway):
        slow = [h2.Client(gateway.port) for _ in range(50)]
        for i, client in enumerate(slow):
            client.settle()
            block = h2.hpack(client.headers())
            if i % 2:
                client.send(h2.HEADERS, h2.END_STREAM, 1, block)
            else:
                client.send_raw(h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1, block)[:20])
        for client in slow:
            expect_equal(client.wait_closed(5), h2.ENHANCE_YOUR_CALM)
            client.socket.close()
    expect_equal(limit_count(gateway, "header_timeout"), 50.0)


def test_a_header_block_that_was_refused_has_ended(t):
    gateway, _ = start(t, "header_timeout: 1s")
    with h2.Client(gateway.port) as client:
        malformed = client.answer(client.request(more=[("X-Upper", "1")]))
        expect_equal(malformed.reset, h2.PROTOCOL_ERROR)
        stream = client.next_stream()
        block = h2.hpack(client.headers(more=[("X-Upper", "1")]))
        client.send(h2.HEADERS, h2.END_STREAM, stream, block[:20])
        client.send(h2.CONTINUATION, h2.END_HEADERS, stream, block[20:])
        expect_equal(client.answer(stream).reset, h2.PROTOCOL_ERROR)
        time.sleep(2.2)
        expect_equal(client.answer(client.request()).status, 200)


def test_connections_that_say_nothing_or_little(t):
    gateway, _ = start(t, "header_timeout: 1s")
    with Beside(t, gateway):
        begin = time.monotonic()
        beginnings = b"", b"P", h2.PREFACE[:23], b"GET / HTTP/1.1\r\nHost: x\r\n", b"G"
        slow = []
        for start_of_it in beginnings * 10:
            client = h2.Client(gateway.port, preface=False)
            client.send_raw(start_of_it)
            slow.append(client)
        for client in slow:
            expect_equal(client.wait_closed(5), None)
            client.socket.close()
        expect_within(time.monotonic() - begin, 0.9, 4, "seconds")
    expect_equal(limit_count(gateway, "header_timeout"), 50.0)


def test_settings_that_are_not_acknowledged(t):
    gateway, _ = start(t, "header_timeout: 1s")
    with h2.Client(gateway.port, acknowledge=False) as client:
        expect_equal(client.answer(client.request()).status, 200)
        expect_equal(client.wait_closed(5), h2.SETTINGS_TIMEOUT)


def test_a_slow_body_is_408(t):
    gateway, backend = start(t, "body_timeout: 1s")
    with Beside(t, gateway):
        with h2.Client(gateway.port) as client:
            begin = time.monotonic()
            streams = [client.request("/v1/users", "POST", [("content-type", "application/json")], b"{", end=False)
                       for _ in range(100)]
            while not client.answers[streams[-1]].is_over() and time.monotonic() < begin + 5:
                for stream in streams:
                    client.send(h2.DATA, 0, stream, b" ")
                client.read_some(0.1)
            for stream in streams:
                answer = client.answer(stream)
                expect_equal((answer.status, harness.json.loads(answer.body)["code"]), (408, 4))
            expect_within(time.monotonic() - begin, 0.9, 4, "seconds")
    expect_equal(limit_count(gateway, "body_timeout"), 100.0)
    expect_equal(backend.calls["user.v1.UserService/CreateUser"], 0, "calls")


def test_zero_window_stall(t):
    gateway, _ = start(t, "write_timeout: 1s", GetUser=lambda request, _: user_answer(t, full_name="x" * 100_000))
    with Beside(t, gateway, most_mib=48):
        with h2.Client(gateway.port, settings=[(h2.INITIAL_WINDOW_SIZE, 0)], window=False) as client:
            streams = [client.request() for _ in range(100)]
            for stream in streams:
                answer = client.answer(stream)
                expect_equal((answer.status, answer.reset), (200, h2.CANCEL))
            expect_equal(client.closed, False)
        with h2.Client(gateway.port, settings=[(h2.INITIAL_WINDOW_SIZE, 1)], window=False) as client:
            stream = client.request()
            for _ in range(25):  # a slow reader is none that takes nothing
                client.read_some(0.1)
                client.grant(10, stream)
            expect_equal(client.answers[stream].is_over(), False)
            client.grant(200_000, stream)
            client.grant(200_000, 0)
            expect_equal(client.answer(stream).ended, True)
    expect_equal(limit_count(gateway, "write_timeout"), 100.0)


def test_a_client_that_does_not_read(t):
    gateway, _ = start(t, "write_timeout: 1s", GetUser=lambda request, _: user_answer(t, full_name="x" * 1_000_000))
    with Beside(t, gateway, most_mib=80):
        wide = [(h2.INITIAL_WINDOW_SIZE, 0x7FFFFFFF)]
        with h2.Client(gateway.port, settings=wide, window=False, buffer=4096) as client:
            client.grant(0x7FFF0000 - 65535, 0)
            for _ in range(20):
                client.request()
            harness.wait_for("the limit", lambda: limit_count(gateway, "write_timeout") >= 1, timeout=10)
            client.wait_closed()


def test_an_idle_connection_is_closed(t):
    gateway, _ = start(t, "idle_timeout: 1s")
    with h2.Client(gateway.port) as client:
        expect_equal(client.answer(client.request()).status, 200)
        begin = time.monotonic()
        while not client.closed:  # which PING does not prevent
            client.send(h2.PING, 0, 0, b"12345678")
            client.read_some(0)
            time.sleep(0.05)
            expect(time.monotonic() < begin + 5, "still open")
        expect_equal(client.goaway, h2.NO_ERROR)
    expect_equal(limit_count(gateway, "idle_timeout"), 1.0)


def test_many_connections_with_many_streams(t):
    gateway, _ = start(t)
    clients = [h2.Client(gateway.port) for _ in range(20)]
    streams = [[client.request() for _ in range(50)] for client in clients]
    for client, own in zip(clients, streams):
        for stream in own:
            expect_equal(client.answer(stream).status, 200)
        client.socket.close()


def test_random_frames(t):
    """Whatever comes, the next client is served."""
    gateway, _ = start(t)
    random = harness.random.Random(7)
    for _ in range(200):
        with h2.Client(gateway.port) as client:
            stream, request = client.request_frames()
            data = bytearray(request)
            for _ in range(30):
                payload = random.randbytes(random.choice([0, 1, 4, 5, 6, 8, 17, 100]))
                data += h2.frame(random.randrange(12), random.randrange(256), random.choice([0, 1, 3, 5, 7]), payload)
            client.send_raw(bytes(data))
            client.read_some(0.01)
    with h2.Client(gateway.port) as client:
        expect_equal(client.answer(client.request()).status, 200)
