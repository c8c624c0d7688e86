"""HTTP/2 in front: what a client sees."""

import json
import signal
import struct
import subprocess
import threading
import time
import types

import feed
import h2
import harness
from gateway_config import USER, Recorder, user_answer, user_backend, user_gateway
from harness import expect, expect_equal, expect_within
from test_http1 import BAD_HOSTS

BODY = '{"username":"alice"}'


def start(t, config=USER, **methods):
    backend = user_backend(t, **methods)
    return user_gateway(t, backend.address, config=config), backend


def curl(gateway, path, *options):
    """Status, headers by name, and body of an answer over HTTP/2."""
    command = ["curl", "-sS", "-i", "--http2-prior-knowledge", "--max-time", "20", *options]
    done = subprocess.run(command + [f"http://127.0.0.1:{gateway.port}{path}"], capture_output=True, check=False)
    expect_equal(done.returncode, 0, f"curl: {done.stderr.decode()}")
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), headers, body


def json_post(client, body, more=(), **kwargs):
    fields = [("content-type", "application/json"), *more]
    return client.request("/v1/users", "POST", fields, body if isinstance(body, bytes) else body.encode(), **kwargs)


def test_answers_are_those_of_http1(t):
    gateway, backend = start(t, CreateUser=lambda request, _: t.protos.new("user.v1.CreateUserResponse"))
    status, headers, body = curl(gateway, "/v1/users/7")
    expect_equal((status, json.loads(body)), (200, {"user": {"id": "7"}}))
    expect_equal(headers["content-type"], "application/json")
    expect_equal(headers["content-length"], str(len(body)))
    expect_equal(headers["server"], "sluice")
    for name in "date", "x-request-id", "x-trace-id", "x-span-id":
        expect(headers.get(name), f"{name} in {headers}")
    post = ["-X", "POST", "-H", "content-type: application/json", "-d"]
    expect_equal(curl(gateway, "/v1/users", *post, BODY)[0], 200)
    for path, options, wanted, code in [
        ("/nowhere", [], 404, 5),
        ("/v1/users/7", ["-X", "PATCH"], 405, 12),
        ("/v1/users", ["-d", BODY], 415, 3),
        ("/v1/users", [*post, '{"username":'], 400, 3),
        ("/v1/users/%zz", [], 400, 3),
    ]:
        status, headers, body = curl(gateway, path, *options)
        expect_equal((status, json.loads(body)["code"]), (wanted, code), f"{path} {options}")
        plain = gateway.request("GET" if not options else "PATCH" if "PATCH" in options else "POST", path,
                                options[-1] if "-d" in options else None,
                                {"Content-Type": "application/json"} if len(options) > 2 else
                                {"Content-Type": "application/x-www-form-urlencoded"} if options else ())
        expect_equal((plain.status, plain.body), (status, body), f"HTTP/1.1's answer to {path} {options}")
    expect_equal(backend.calls["user.v1.UserService/GetUser"], 1, "calls")


def test_requests_are_logged_and_counted(t):
    gateway, _ = start(t)
    expect_equal(curl(gateway, "/v1/users/7?x", "-H", "x-request-id: mine")[0], 400)
    expect_equal(curl(gateway, "/v1/users/7", "-H", "x-request-id: mine")[0], 200)
    lines = harness.wait_for("two lines", lambda: len(gateway.access_log()) == 2 and gateway.access_log())
    expect_equal([line["status"] for line in lines], [400, 200])
    line = lines[1]
    expect_equal([line[key] for key in ("method", "path", "route", "grpc_status", "remote_addr", "request_id")],
                 ["GET", "/v1/users/7", "/v1/users/{id}", 0, "127.0.0.1", "mine"])
    expect_equal(line["bytes_out"], len('{"user":{"id":"7"}}'))
    count = gateway.metrics().value("http_requests_total", route="/v1/users/{id}", method="GET", code="200")
    expect_equal(count, 1.0, "http_requests_total")


def test_head_has_no_body(t):
    gateway, _ = start(t)
    with h2.Client(gateway.port) as client:
        for path, status in ("/nowhere", 404), ("/v1/users/1", 405):
            answer = client.answer(client.request(path, "HEAD"))
            expect_equal((answer.status, answer.body, answer.data_frames), (status, b"", 0))
        expect_equal(client.answer(client.request()).status, 200)
    status, headers, body = curl(gateway, "/nowhere", "--head")
    expect_equal((status, body), (404, b""))
    expect(int(headers["content-length"]) > 0, "content-length")


def test_the_preface_may_come_byte_by_byte(t):
    gateway, _ = start(t)
    with h2.Client(gateway.port, preface=False) as client:
        _, request = client.request_frames()
        for byte in h2.PREFACE + client.settings_frame() + request:
            client.send_raw(bytes([byte]))
        expect_equal(client.answer(1).status, 200)


def test_http1_that_begins_like_the_preface_is_served(t):
    gateway, _ = start(t)
    for first, rest in (b"P", b"UT"), (b"PR", b"OPFIND"), (b"PRI", b"NT"), (b"PRI * HTTP/2", b""):
        with harness.socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as raw:
            raw.sendall(first)
            time.sleep(0.05)
            raw.sendall(rest + b" /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
            wanted = b"HTTP/1.1 404" if rest else b"HTTP/1.1 400"
            expect(raw.recv(65536).startswith(wanted), f"answer to {first + rest}")


def test_priorities_are_passed_over_but_not_one_that_depends_on_itself(t):
    gateway, _ = start(t)

    def priority(stream, on):
        return h2.frame(h2.PRIORITY, 0, stream, struct.pack(">IB", on, 15))

    with h2.Client(gateway.port) as client:
        client.send_raw(priority(7, 0) + priority(3, 7) + priority(1, 0x80000005))
        for byte in priority(1, 3):
            client.send_raw(bytes([byte]))
        expect_equal(client.answer(client.request()).status, 200)
        client.send_raw(priority(5, 0x80000005))
        expect_equal(client.wait_closed(), h2.PROTOCOL_ERROR)
    for size in 0, 4, 6:
        with h2.Client(gateway.port) as client:
            client.send(h2.PRIORITY, 0, 1, bytes(size))
            expect_equal(client.wait_closed(), h2.FRAME_SIZE_ERROR, f"{size} bytes")


def test_requests_on_one_connection_run_at_once(t):
    gate = threading.Barrier(10)

    def together(request, _):
        gate.wait(10)
        return user_answer(t, id=request.id)

    gateway, _ = start(t, GetUser=together)
    with h2.Client(gateway.port) as client:
        streams = [client.request(f"/v1/users/{i}") for i in range(10)]
        for i, stream in enumerate(streams):
            expect_equal(json.loads(client.answer(stream).body)["user"]["id"], str(i))


def test_h2load_sees_only_successes(t):
    gateway, _ = start(t)
    done = subprocess.run(["h2load", "-n", "2000", "-c", "8", "-m", "32", f"http://127.0.0.1:{gateway.port}/v1/users/1"],
                          capture_output=True, text=True, check=True)
    expect("2000 succeeded, 0 failed" in done.stdout, done.stdout)


def test_large_bodies_pass_in_both_directions(t):
    def create(request, _):
        return t.protos.new("user.v1.CreateUserResponse", user=t.protos.new("user.v1.User", full_name=request.full_name))

    gateway, _ = start(t, CreateUser=create)
    name = "é€" * 600_000
    path = t.write("body.json", json.dumps({"fullName": name}, ensure_ascii=False))
    status, _, body = curl(gateway, "/v1/users", "-H", "content-type: application/json", "--data-binary", "@" + path)
    expect_equal(status, 200)
    expect(json.loads(body)["user"]["fullName"] == name, "the name came back changed")


def test_bodies_over_the_limit_are_413(t):
    gateway, backend = start(t, USER + "limits: {request_body: 2KiB}\n")
    path = t.write("body.json", BODY + " " * 1_000_000)
    status, _, body = curl(gateway, "/v1/users", "-H", "content-type: application/json", "--data-binary", "@" + path)
    expect_equal((status, json.loads(body)["code"]), (413, 8))
    with h2.Client(gateway.port) as client:
        # Known when the first frame is in; what follows a little later does no harm.
        stream = json_post(client, b" " * 4096, end=False)
        expect_equal(client.answer(stream).status, 413)
        client.send(h2.DATA, h2.END_STREAM, stream, b" " * 1000)
        stream = json_post(client, b" " * 1000, end=False)
        client.send(h2.DATA, h2.END_STREAM, stream, b" " * 2000)
        expect_equal(client.answer(stream).status, 413)
        expect_equal(client.answer(client.request()).status, 200, "afterwards")
    expect_equal(sum(backend.calls.values()), 1, "calls")
    expect_equal(gateway.metrics().value("http_limits_total", limit="request_body"), 3.0)


def test_a_client_that_never_ends_an_answered_request_is_reset(t):
    gateway, _ = start(t, USER + "limits: {request_body: 2KiB, body_timeout: 500ms}\n")
    with h2.Client(gateway.port) as client:
        stream = json_post(client, b" " * 4096, end=False)
        expect_equal(client.answer(stream).status, 413)
        harness.wait_for("the line of the request", gateway.access_log)
        client.wait("RST_STREAM", lambda: client.answers[stream].reset is not None)
        expect_equal(client.answers[stream].reset, h2.NO_ERROR)
        expect_equal(client.answer(client.request()).status, 200, "afterwards")


def test_a_body_that_is_collected_gets_its_window_back(t):
    gateway, _ = start(t, CreateUser=lambda request, _: t.protos.new("user.v1.CreateUserResponse"))
    with h2.Client(gateway.port) as client:
        client.settle()
        stream = json_post(client, BODY, end=False)
        for _ in range(15):
            client.send(h2.DATA, 0, stream, b" " * 16384)
        client.settle()
        granted = [f for f in client.frames if f.kind == h2.WINDOW_UPDATE and f.stream == stream]
        expect(granted, "WINDOW_UPDATE on the stream")
        client.send(h2.DATA, h2.END_STREAM, stream)
        expect_equal(client.answer(stream).status, 200)


EXPECT = ("expect", "100-continue")


def test_a_body_that_is_wanted_is_asked_for(t):
    gateway, backend = start(t, CreateUser=lambda request, _: t.protos.new("user.v1.CreateUserResponse"))
    path = t.write("body.json", BODY + " " * 100_000)
    begin = time.monotonic()
    options = ("-H", "content-type: application/json", "-H", "expect: 100-continue", "--expect100-timeout", "10")
    done = subprocess.run(
        ["curl", "-sSv", "--http2-prior-knowledge", *options, "--data-binary", "@" + path, f"http://127.0.0.1:{gateway.port}/v1/users"],
        capture_output=True, check=True, timeout=20,
    )
    expect_within(time.monotonic() - begin, 0, 5, "seconds")
    expect(b"HTTP/2 100" in done.stderr and b"HTTP/2 200" in done.stderr, f"100 and 200 in {done.stderr!r}")
    with h2.Client(gateway.port) as client:
        for _ in range(3):
            stream = client.request("/v1/users", "POST", [("content-type", "application/json"), EXPECT], end=False)
            client.wait("100", lambda: client.answers[stream].continues == 1)
            client.send(h2.DATA, h2.END_STREAM, stream, BODY.encode())
            answer = client.answer(stream)
            expect_equal((answer.status, answer.continues), (200, 1))
            headers = [f.payload for f in client.frames if f.kind == h2.HEADERS and f.stream == stream]
            expect(b"x-request-id" not in headers[0] and b"x-request-id" in headers[1], "headers of the answer alone")
    expect_equal(sum(backend.calls.values()), 4, "calls")


def test_a_body_that_is_not_wanted_is_not_asked_for(t):
    gateway, backend = start(t)
    more = [("content-type", "application/json"), EXPECT]
    with h2.Client(gateway.port) as client:
        for path, status in ("/nowhere", 404), ("/v1/users/1", 405):
            answer = client.answer(client.request(path, "POST", more, end=False))
            expect_equal((answer.status, answer.continues), (status, 0), path)
        # Neither where it has come already, nor where there is none.
        for stream in json_post(client, b"{", [EXPECT]), client.request(more=[EXPECT]):
            expect_equal(client.answer(stream).continues, 0)
        answer = client.answer(client.request("/v1/users", "POST", [("expect", "miracles")], end=False))
        expect_equal((answer.status, json.loads(answer.body)["code"]), (417, 3))
    expect_equal(sum(backend.calls.values()), 1, "calls")


def test_an_answer_right_behind_100_has_its_headers(t):
    """A backend that is not there is known by the second request: the answer comes while 100 waits to be sent."""
    gateway = feed.gateway(t, types.SimpleNamespace(address=f"127.0.0.1:{harness.free_port()}"))
    with h2.Client(gateway.port) as client:
        client.settle()
        for _ in range(20):
            more = [("content-type", "application/x-ndjson"), EXPECT]
            stream = client.request("/v1/feeds/news/items", "POST", more, end=False)
            answer = client.answer(stream)
            expect_equal((answer.status, answer.continues), (503, 1))
            headers = [f.payload for f in client.frames if f.kind == h2.HEADERS and f.stream == stream]
            expect(b"x-request-id" not in headers[0] and b"x-request-id" in headers[1], "headers of the answer alone")


def test_malformed_requests_are_refused(t):
    gateway, backend = start(t)
    good = h2.Client.headers()
    malformed = {
        "upper case": [*good, ("X-Upper", "1")],
        "connection": [*good, ("connection", "close")],
        "transfer-encoding": [*good, ("transfer-encoding", "chunked")],
        "te": [*good, ("te", "gzip")],
        "no path": good[:2] + good[3:],
        "empty path": [*good[:2], (":path", ""), good[3]],
        "relative path": [*good[:2], (":path", "v1/users/1"), good[3]],
        "no method": good[1:],
        "no scheme": good[:1] + good[2:],
        "no authority": good[:3],
        "two paths": [*good, (":path", "/")],
        "unknown pseudo": [*good, (":user", "me")],
        "pseudo behind": [*good[:3], ("x-a", "b"), good[3]],
        "status": [*good, (":status", "200")],
        "line feed": [*good, ("x-a", "a\nb: c")],
        "space in a name": [*good, ("x a", "b")],
        "content-length": [*good, ("content-length", "5")],
    }
    for what, headers in malformed.items():
        with h2.Client(gateway.port) as client:
            answer = client.answer(client.request(headers=headers))
            expect_equal((answer.status, answer.reset), (None, h2.PROTOCOL_ERROR), what)
            expect_equal(client.answer(client.request()).status, 200, f"after {what}")
    with h2.Client(gateway.port) as client:
        for body, end in (b"1234", True), (b"123456", False):
            answer = client.answer(json_post(client, body, [("content-length", "5")], end=end))
            expect_equal(answer.reset, h2.PROTOCOL_ERROR, f"{body} as a body of 5")
        for what, headers in {
            "Host differs": [*good, ("host", "y")],
            **{f"{host!r} as :authority": [*good[:3], (":authority", host)] for host in BAD_HOSTS},
            **{f"{host!r} as host": [*good[:3], ("host", host)] for host in BAD_HOSTS},
            **{f"{path!r} as :path": [*good[:2], (":path", path), good[3]] for path in ("/v1/users/1#frag", "/#", "/v1/users/1?a#b")},
            "a scheme of others": [good[0], (":scheme", "ftp"), *good[2:]],
            "a scheme of others and their path": [good[0], (":scheme", "urn"), (":path", "v1/users/1"), good[3]],
            "CONNECT": [(":method", "CONNECT"), (":authority", "x:80")],
        }.items():
            answer = client.answer(client.request(headers=headers))
            if answer.reset != h2.PROTOCOL_ERROR:  # nghttp2 knows some by itself
                expect_equal((answer.status, json.loads(answer.body)["code"]), (400, 3), what)
        expect_equal(client.answer(client.request(headers=[*good, ("host", "X")])).status, 200, "Host alike")
        expect_equal(client.answer(client.request(headers=[*good[:3], ("host", "x")])).status, 200, "Host alone")
    expect_equal(backend.calls["user.v1.UserService/GetUser"], len(malformed) + 2, "calls")


def test_cookie_crumbs_become_one_header(t):
    recorder = Recorder(t)
    gateway, _ = start(t, USER + "forward_headers: [cookie, x-a]\n", GetUser=recorder)
    with h2.Client(gateway.port) as client:
        more = [("cookie", "a=1"), ("x-a", "b"), ("cookie", "c=2"), ("cookie", "d=3")]
        expect_equal(client.answer(client.request(more=more)).status, 200)
    metadata = recorder.last()
    expect_equal((metadata["cookie"], metadata["x-a"]), ("a=1; c=2; d=3", "b"))
    expect_equal((metadata["x-forwarded-host"], metadata["x-forwarded-proto"]), ("x", "http"))


def test_answers_on_their_way_to_streams_that_were_reset(t):
    """Their headers wait behind what the client has not read, and are dropped; nothing more is said of them."""
    gateway, _ = start(t, GetUser=lambda request, _: user_answer(t, full_name="x" * 1_000_000))
    wide = [(h2.INITIAL_WINDOW_SIZE, 0x7FFFFFFF)]
    with h2.Client(gateway.port, settings=wide, window=False, buffer=4096) as client:
        client.grant(0x7FFF0000 - 65535, 0)
        large = [client.request() for _ in range(8)]
        time.sleep(1)  # for the kernel's buffers to be full
        dropped = [client.request("/nowhere") for _ in range(10)]
        time.sleep(0.2)
        for stream in dropped:
            client.send(h2.RST_STREAM, 0, stream, h2.CANCEL.to_bytes(4, "big"))
        for stream in large:
            expect_equal(client.answer(stream).ended, True)
        client.settle()
        expect_equal([client.answers[stream] for stream in dropped if client.answers[stream].is_over()], [])


def test_trailers_of_a_request_are_passed_over(t):
    seen = []

    def create(_, context):
        seen.append(dict((one.key, one.value) for one in context.invocation_metadata()))
        return t.protos.new("user.v1.CreateUserResponse")

    gateway, _ = start(t, CreateUser=create)
    with h2.Client(gateway.port) as client:
        for at_once in True, False:
            more = [("content-type", "application/json")]
            stream, data = client.request_frames("/v1/users", "POST", more, BODY.encode(), end=False)
            trailers = h2.hpack([("authorization", "me"), ("x-request-id", "theirs"), ("content-type", "text/plain")])
            if not at_once:
                client.send_raw(data)
                client.settle()
                data = b""
            client.send_raw(data + h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, stream, trailers))
            expect_equal(client.answer(stream).status, 200)
            expect("authorization" not in seen[-1], seen[-1])
            expect(seen[-1]["x-request-id"] != "theirs", seen[-1])


def test_a_request_cancelled_in_the_same_read_reaches_no_backend(t):
    gateway, backend = start(t)
    with h2.Client(gateway.port) as client:
        client.settle()
        data = b""
        for _ in range(50):
            stream, request = client.request_frames()
            data += request + h2.frame(h2.RST_STREAM, 0, stream, h2.CANCEL.to_bytes(4, "big"))
        client.send_raw(data)
        client.settle()
        expect_equal(client.answer(client.request()).status, 200, "afterwards")
    expect_equal(backend.calls["user.v1.UserService/GetUser"], 1, "calls")


class Waiter:
    """A GetUser that waits until its caller leaves, or a second."""

    def __init__(self, t):
        self._t = t
        self.began, self.left = threading.Event(), threading.Event()

    def __call__(self, request, context):
        context.add_callback(self.left.set)
        self.began.set()
        if not self.left.wait(1):
            return user_answer(self._t, id=request.id)
        context.abort(harness.grpc.StatusCode.CANCELLED, "")


def test_a_reset_cancels_the_call(t):
    waiter = Waiter(t)
    gateway, _ = start(t, GetUser=waiter)
    with h2.Client(gateway.port) as client:
        stream = client.request()
        expect(waiter.began.wait(5), "the call arrived")
        begin = time.monotonic()
        client.send(h2.RST_STREAM, 0, stream, h2.CANCEL.to_bytes(4, "big"))
        expect(waiter.left.wait(5), "the backend saw the cancel")
        expect_within(time.monotonic() - begin, 0, 0.5, "seconds until the backend saw it")
    line = harness.wait_for("a line", lambda: gateway.access_log() and gateway.access_log()[0])
    expect_equal((line["status"], line["grpc_status"]), (499, 1))


def test_a_client_that_leaves_cancels_its_calls(t):
    waiter = Waiter(t)
    gateway, _ = start(t, GetUser=waiter)
    with h2.Client(gateway.port) as client:
        client.request()
        expect(waiter.began.wait(5), "the call arrived")
    expect(waiter.left.wait(5), "the backend saw the cancel")


def test_an_answer_waits_for_its_window(t):
    gateway, _ = start(t, GetUser=lambda request, _: user_answer(t, full_name="x" * 300_000))
    with h2.Client(gateway.port, settings=[(h2.INITIAL_WINDOW_SIZE, 1000)], window=False) as client:
        stream = client.request()
        client.wait("the first 1000 bytes", lambda: len(client.answers[stream].body) >= 1000)
        client.settle()
        expect_equal(len(client.answers[stream].body), 1000)
        client.grant(500, stream)
        client.settle()
        expect_equal(len(client.answers[stream].body), 1500)
        client.grant(1 << 20, stream)
        client.settle()
        expect_equal(len(client.answers[stream].body), 65535, "bytes within the connection's window")
        client.grant(1 << 20, 0)
        answer = client.answer(stream)
        expect_equal(len(json.loads(answer.body)["user"]["fullName"]), 300_000)


def test_streams_over_the_limit_are_refused(t):
    gate = threading.Event()

    def when_open(request, _):
        gate.wait(10)
        return user_answer(t, id=request.id)

    gateway, _ = start(t, USER + "limits: {concurrent_streams: 3}\n", GetUser=when_open)
    with h2.Client(gateway.port) as client:
        # Until it has acknowledged our SETTINGS, a client may not know.
        streams = [client.request(f"/v1/users/{i}") for i in range(5)]
        expect_equal([client.answer(stream).reset for stream in streams[3:]], [h2.REFUSED_STREAM] * 2)
        gate.set()
        expect_equal([client.answer(stream).status for stream in streams[:3]], [200] * 3)
        expect_equal(client.settings[h2.MAX_CONCURRENT_STREAMS], 3)
    expect_equal(gateway.metrics().value("http_limits_total", limit="concurrent_streams"), 2.0)


def test_a_drain_lets_calls_end(t):
    waiter = Waiter(t)
    gateway, _ = start(t, GetUser=waiter)
    idle = h2.Client(gateway.port)
    idle.settle()
    with h2.Client(gateway.port) as client:
        stream = client.request()
        expect(waiter.began.wait(5), "the call arrived")
        gateway.signal(signal.SIGTERM)
        client.wait("GOAWAY", lambda: client.goaway is not None)
        expect_equal(client.goaway, h2.NO_ERROR)
        expect_equal(client.answer(stream).status, 200)
        expect_equal(client.wait_closed(), h2.NO_ERROR)
    expect_equal(idle.wait_closed(), h2.NO_ERROR)
    expect_equal(gateway.wait(), 0, "exit status")


def test_a_drain_does_not_wait_for_a_client_that_says_nothing(t):
    gateway, _ = start(t)
    with h2.Client(gateway.port, acknowledge=False) as client:
        expect_equal(client.answer(client.request()).status, 200)
        begin = time.monotonic()
        gateway.signal(signal.SIGTERM)
        expect_equal(client.wait_closed(), h2.NO_ERROR)
        expect_equal(gateway.wait(), 0, "exit status")
        expect_within(time.monotonic() - begin, 0, 5, "seconds")


def test_idle_connections_cost_little(t):
    gateway, _ = start(t)

    def resident():
        with open(f"/proc/{gateway.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * 4096

    clients = []
    for _ in range(50):  # what the first ones bring along
        clients.append(h2.Client(gateway.port))
        expect_equal(clients[-1].answer(clients[-1].request()).status, 200)
    before = resident()
    for _ in range(300):
        clients.append(h2.Client(gateway.port))
        expect_equal(clients[-1].answer(clients[-1].request()).status, 200)
    each = (resident() - before) / 300
    for client in clients:
        client.socket.close()
    print(f"     an idle connection has {each / 1024:.0f} KiB")
    expect_within(each, 0, 40_000 + t.memory_slack / 300, "bytes for an idle connection")


def test_a_stream_goes_out_message_by_message(t):
    gate = threading.Event()

    def two(request, _):
        yield feed.item(t, number=1)
        gate.wait(10)
        yield feed.item(t, number=2)

    gateway = feed.gateway(t, feed.backend(t, Watch=two))
    with h2.Client(gateway.port) as client:
        stream = client.request("/v1/feeds/news")
        client.wait("the first message", lambda: client.answers[stream].body)
        expect_equal(client.answers[stream].body, b'{"number":"1"}\n')
        gate.set()
        answer = client.answer(stream)
        expect_equal((answer.status, answer.body), (200, b'{"number":"1"}\n{"number":"2"}\n'))


def test_a_slow_reader_holds_the_backend_back(t):
    server = feed.FeedServer(t)
    gateway = feed.gateway(t, server)
    with h2.Client(gateway.port) as client:
        client.answer(client.request("/v1/feeds/a?size=1000&count=20000"))
    before = feed.resident_bytes(gateway.pid)
    with h2.Client(gateway.port, window=False) as client:
        stream = client.request("/v1/feeds/a?size=1000")
        client.wait("a full window", lambda: len(client.answers[stream].body) == 65535)
        sent = -1
        while sent != (sent := server.counters().sent):
            client.read_some(0.3)
        expect(sent - 20000 < 3000, f"the backend has sent {sent - 20000} of endless items of 1 KB")
        expect_equal(len(client.answers[stream].body), 65535, "bytes within the window")
        growth = feed.resident_bytes(gateway.pid) - before
        expect(growth < (1 << 20) + t.memory_slack, f"the gateway grew by {growth} bytes for one reader")
        other = client.request("/nowhere", "HEAD")  # needs no window
        expect_equal(client.answer(other).status, 404, "an answer beside")
        client.grant(1 << 20, 0)
        client.grant(1 << 20, stream)
        harness.wait_for("more to come", lambda: server.counters().sent > sent)
        client.send(h2.RST_STREAM, 0, stream, h2.CANCEL.to_bytes(4, "big"))
        harness.wait_for("the cancel", lambda: server.counters().open == 0)


def test_a_stream_that_stands_still_is_reset_alone(t):
    server = feed.FeedServer(t)
    gateway = feed.gateway(t, server, limits="stream_idle_timeout: 1s")
    with h2.Client(gateway.port, window=False) as client:
        stream = client.request("/v1/feeds/a?size=1000")
        client.wait("the reset", lambda: client.answers[stream].reset is not None)
        expect_equal(client.answers[stream].reset, h2.CANCEL)
        harness.wait_for("the cancel", lambda: server.counters().open == 0)
        expect_equal(client.answer(client.request("/nowhere", "HEAD")).status, 404, "afterwards")


def test_a_hundred_streams_on_one_connection(t):
    server = feed.FeedServer(t)
    gateway = feed.gateway(t, server)
    with h2.Client(gateway.port) as client:
        streams = [client.request(f"/v1/feeds/{i}?size=100&count=200") for i in range(100)]
        for stream in streams:
            answer = client.answer(stream)
            expect_equal((answer.status, answer.body.count(b"\n")), (200, 200))
