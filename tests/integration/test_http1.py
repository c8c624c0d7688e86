"""HTTP/1.1 byte by byte: what clients send that is odd, early, late, or cut short."""

import concurrent.futures
import threading
import time

import attacks
import harness
from gateway_config import USER, Recorder, user_answer, user_backend, user_gateway
from harness import expect, expect_equal, expect_error, expect_within, wait_for

JSON_POST = b"POST /v1/users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def get(path, *headers, version="1.1"):
    lines = [f"GET {path} HTTP/{version}", "Host: x", *headers, "", ""]
    return "\r\n".join(lines).encode()


def start(t, config=USER):
    """GetUser of an id "slow-..." takes its time; CreateUser answers the user it was given."""

    def find(request, _):
        if request.id.startswith("slow"):
            time.sleep(0.2)
        return user_answer(t, id=request.id)

    def create(request, _):
        user = t.protos.new("user.v1.User", username=request.username, age=request.age)
        return t.protos.new("user.v1.CreateUserResponse", user=user)

    backend = user_backend(t, GetUser=find, CreateUser=create)
    return user_gateway(t, backend.address, config=config), backend


def expect_refused(gateway, data, status, code, *parts):
    """One error answer, then the end of the connection."""
    with gateway.client() as client:
        client.send(data)
        response = client.response()
        expect(response is not None, f"an answer to {data[:80]!r}")
        expect_error(response, status, code, *parts)
        expect(response.header("x-request-id"), "a request id")
        expect(client.is_closed(), f"the connection is closed after {data[:80]!r}")


def test_malformed_request_lines_are_400(t):
    gateway, backend = start(t)
    for line in (
        b"GET",
        b"GET /v1/users/1",
        b"GET  /v1/users/1 HTTP/1.1",
        b"GET /v1/users/1  HTTP/1.1",
        b"GET /v1/users/1 HTTP/1.1 ",
        b"GET /v1/users/1 HTTP/1.1 x",
        b" GET /v1/users/1 HTTP/1.1",
        b"/v1/users/1 HTTP/1.1",
        b"G@T /v1/users/1 HTTP/1.1",
        b"GET /v1/users/\x01 HTTP/1.1",
        b"GET /v1/users/1\tHTTP/1.1",
        b"GET /v1/users/1 HTTP/1.2",
        b"GET /v1/users/1 HTTP/2.0",
        b"GET /v1/users/1 HTTP/1",
        b"GET /v1/users/1 http/1.1",
        b"GET /v1/users/1 HTTPS/1.1",
        b"GET v1/users/1 HTTP/1.1",
        b"GET * HTTP/1.1",
        b"CONNECT x:80 HTTP/1.1",
    ):
        expect_refused(gateway, line + b"\r\nHost: x\r\n\r\n", 400, 3)
    expect_equal(sum(backend.calls.values()), 0, "calls that reached the backend")


def test_malformed_headers_are_400(t):
    gateway, backend = start(t)
    for header in (
        b"NoColon",
        b": x",
        b"Na me: x",
        b"Name : x",
        b"Name: x\x00y",
        b"Name: x\x7fy",
        b"Name: x\ry",
        b" Folded: x",
        b"Name: x\r\n folded",
        b"N\xc3\xa4me: x",
        b"Content-Length: -1",
        b"Content-Length: 1x",
        b"Content-Length: 0x10",
        b"Content-Length: 99999999999999999999",
        b"Content-Length: 1, 1",
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: chunked, chunked",
        b"Transfer-Encoding: xchunked",
        b"Host: y",
    ):
        expect_refused(gateway, b"POST /v1/users HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n\r\n", 400, 3)
    expect_refused(gateway, b"GET /v1/users/1 HTTP/1.1\nHost: x\n\n", 400, 3, "CR LF")
    expect_refused(gateway, b"POST /v1/users HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, 3)
    expect_equal(sum(backend.calls.values()), 0, "calls that reached the backend")


def test_smuggled_requests_are_refused_behind_others(t):
    """In the same read, in two, and behind one that takes its time; test_attacks.py has them alone."""
    gateway, _ = start(t)
    for name, form in attacks.SMUGGLING.items():
        for first in "1", "slow":
            for cut in len(form), 60:
                with gateway.client() as client:
                    client.send(get("/v1/users/" + first) + form[:cut])
                    if cut < len(form):
                        time.sleep(0.01)
                        client.send(form[cut:])
                    client.send(attacks.SMUGGLED)
                    expect_equal(client.response().status, 200, f"the first, before {name}")
                    expect_error(client.response(), 400, 3)
                    expect(client.is_closed(), f"closed after {name}")
    lines = wait_for("all lines", lambda: (log := gateway.access_log()) and len(log) == len(attacks.SMUGGLING) * 8 and log)
    expect_equal({line["path"] for line in lines if line["upstream"]}, {"/v1/users/1", "/v1/users/slow"})
    expect_equal([line["path"] for line in lines if "smuggled" in line["path"]], [], "what was smuggled")


def test_absolute_targets_name_the_host(t):
    recorder = Recorder(t)
    gateway = user_gateway(t, user_backend(t, GetUser=recorder).address)
    for target in b"http://example.com/v1/users/7", b"https://example.com/v1/users/7?", b"HTTP://example.com/v1/users/7":
        response = gateway.raw(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        expect_equal((response.status, response.json()), (200, {"user": {"id": "7"}}))
        expect_equal(recorder.last()["x-forwarded-host"], "example.com")
    for target in b"http://h", b"http://h?x=/v1/users/7", b"http://h/", b"//h/v1/users/7":
        expect_error(gateway.raw(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n"), 404, 5)
    expect_error(gateway.raw(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"), 404, 5)
    lines = wait_for("all lines", lambda: (log := gateway.access_log()) and len(log) == 8 and log)
    paths = [line["path"] for line in lines if line["status"] == 404]
    expect_equal(sorted(paths), ["*", "/", "/", "/", "//h/v1/users/7"])


def test_targets_that_are_none_are_400(t):
    gateway, backend = start(t)
    for target in (b"http://h#/v1/users/7", b"/v1/users/7#frag", b"/v1/users/7?x#", b"#", b"http:///v1/users/7",
                   b"http://u:p@h/v1/users/7", b"http://h:abc/v1/users/7", b"ftp://h/v1/users/7", b"h:80", b"v1/users/7",
                   b"?x", b"*"):
        expect_refused(gateway, b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n", 400, 3, "target")
    expect_equal(sum(backend.calls.values()), 0, "calls")


BAD_HOSTS = ["x/evil", "u:p@y", "x, y", "x,y", "x:abc", "x:80:80", "x:99999", "[::1", "::1", "[x]", "x y", "<x>", "x#", "x?y", ""]


def test_a_host_is_a_host(t):
    recorder = Recorder(t)
    gateway = user_gateway(t, user_backend(t, GetUser=recorder).address)
    for host in BAD_HOSTS:
        for version in b"1.1", b"1.0":
            expect_refused(gateway, b"GET /v1/users/1 HTTP/%s\r\nHost: %s\r\n\r\n" % (version, host.encode()), 400, 3, "Host")
    for host in "x", "X.example.com:8080", "[::1]:80", "127.0.0.1", "x:", "a_b.example":
        expect_equal(gateway.raw(b"GET /v1/users/1 HTTP/1.1\r\nHost: %s\r\n\r\n" % host.encode()).status, 200, host)
        expect_equal(recorder.last()["x-forwarded-host"], host)
    expect_equal(gateway.raw(b"GET /v1/users/1 HTTP/1.0\r\n\r\n").status, 200, "no Host in HTTP/1.0")
    expect("x-forwarded-host" not in recorder.last(), recorder.last())


def test_a_trusted_proxy_names_a_host(t):
    recorder = Recorder(t)
    config = USER + "trusted_proxies: [127.0.0.0/8]\n"
    gateway = user_gateway(t, user_backend(t, GetUser=recorder).address, config=config)
    for host in BAD_HOSTS:
        gateway.raw(b"GET /v1/users/1 HTTP/1.1\r\nHost: own\r\nX-Forwarded-Host: %s\r\n\r\n" % host.encode())
        expect_equal(recorder.last()["x-forwarded-host"], "own", host)


def test_white_space_around_values_is_cut(t):
    """Once, for all who look at them."""
    recorder = Recorder(t)
    config = USER + "forward_headers: [x-a]\ntrusted_proxies: [127.0.0.0/8, 10.0.0.0/8]\n"
    config += 'cors: {origins: ["https://shop.example"]}\n'
    gateway = user_gateway(t, user_backend(t, GetUser=recorder, CreateUser=lambda *_: t.protos.new("user.v1.CreateUserResponse")).address, config=config)
    for space in " ", "\t", " \t  ":
        head = "GET /v1/users/1 HTTP/1.1\r\n" + "".join(
            f"{name}:{space}{value}{space}\r\n"
            for name, value in {
                "Host": "x", "Authorization": "Bearer x", "X-Forwarded-For": "1.2.3.4", "Origin": "https://shop.example",
                "X-A": "b  c", "X-Request-ID": "id-1", "Grpc-Metadata-X-Color": "blue", "Connection": "close, x-gone",
                "X-Gone": "y",
            }.items()
        )
        with gateway.client() as client:
            client.send(head.encode() + b"\r\n")
            response = client.response()
            expect_equal(response.status, 200)
            expect_equal(response.header("access-control-allow-origin"), "https://shop.example")
            expect_equal(response.header("x-request-id"), "id-1")
            expect(client.is_closed(), "closed")
        found = recorder.last()
        expect_equal([found[name] for name in ("authorization", "x-a", "x-color", "x-forwarded-host")], ["Bearer x", "b  c", "blue", "x"])
        expect_equal(found["x-forwarded-for"], "1.2.3.4, 127.0.0.1")
        wait_for("the client in the log", lambda: "1.2.3.4" in [line["remote_addr"] for line in gateway.access_log()])
        for framing, body in ("Content-Length:{0}2{0}", b"{}"), ("Transfer-Encoding:{0}chunked{0}", b"2\r\n{{}}\r\n0\r\n\r\n".replace(b"{{}}", b"{}")):
            lines = ["POST /v1/users HTTP/1.1", "Host: x", f"Content-Type:{space}application/json{space}", f"Expect:{space}100-continue{space}"]
            with gateway.client() as client:
                client.send("\r\n".join([*lines, framing.format(space), "", ""]).encode())
                expect_equal(client.response().status, 100, framing)
                client.send(body)
                expect_equal(client.response().status, 200, framing)
        preflight = f"OPTIONS /v1/users HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOrigin: https://shop.example{space}\r\n"
        preflight += f"Access-Control-Request-Method: POST{space}\r\nAccess-Control-Request-Headers:{space}content-type{space}\r\n\r\n"
        expect_equal(gateway.raw(preflight.encode()).header("access-control-allow-methods"), "POST, GET")


def test_headers_that_connection_names_end_here(t):
    recorder = Recorder(t)
    config = USER + "forward_headers: [x-tenant, x-a]\n"
    gateway = user_gateway(t, user_backend(t, GetUser=recorder).address, config=config)
    for connection in "x-tenant", "X-Tenant", "keep-alive, ,x-tenant,", "close, x-tenant, x-none", "TE\r\nConnection: x-tenant":
        response = gateway.raw(
            f"GET /v1/users/1 HTTP/1.1\r\nHost: x\r\nX-Tenant: acme\r\nConnection: {connection}\r\nX-A: b\r\n\r\n".encode()
        )
        expect_equal(response.status, 200, connection)
        expect("x-tenant" not in recorder.last() and recorder.last()["x-a"] == "b", f"{connection}: {recorder.last()}")
    calls = len(recorder.requests)
    for name in ("authorization", "Authorization", "cookie", "origin", "host", "content-length", "transfer-encoding", "x-api-key",
                 "X-Forwarded-For", "x-forwarded-host", "x-real-ip", "x-request-id", "traceparent", "sec-websocket-key", "grpc-timeout",
                 "content-type", "close, authorization", "keep-alive\r\nConnection: cookie", "a b", "a;b", ",".join(f"x-{i}" for i in range(17))):
        head = f"GET /v1/users/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nConnection: {name}\r\n\r\n"
        expect_refused(gateway, head.encode(), 400, 3, "Connection")
    expect_equal(len(recorder.requests), calls, "calls")


def test_broken_chunks_are_400(t):
    gateway, backend = start(t)
    for chunks in b"x\r\n{}\r\n0\r\n\r\n", b"2\r\n{}xx0\r\n\r\n", b"-2\r\n{}\r\n0\r\n\r\n", b"ffffffffffffffffff\r\n{}":
        expect_refused(gateway, JSON_POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks, 400, 3)
    expect_equal(sum(backend.calls.values()), 0, "calls that reached the backend")


def test_chunks_that_break_late_are_400(t):
    """When libh2o has some of the body already."""
    gateway, backend = start(t)
    head = JSON_POST + b"Transfer-Encoding: chunked\r\n"
    for more in b"", b"Expect: 100-continue\r\n":
        for first, second in (b"1\r\n{\r\n", b"0x1\r\n}\r\n0\r\n\r\n"), (b"2;a", b"\n{}\r\n0\r\n\r\n"), (b"2\r\n{", b"}\n"):
            with gateway.client() as client:
                client.send(head + more + b"\r\n")
                if more:
                    expect_equal(client.response().status, 100)
                client.send(first)
                time.sleep(0.02)
                client.send(second + attacks.SMUGGLED)
                answer = client.response()
                expect_error(answer, 400, 3, "chunk")
                expect(client.is_closed(), f"closed after {first + second}")
    expect_equal(sum(backend.calls.values()), 0, "calls that reached the backend")


def test_chunks_make_one_body(t):
    gateway, _ = start(t)
    head = JSON_POST + b"Transfer-Encoding: chunked\r\n\r\n"
    body = b'{"username":"a","age":7}'
    with gateway.client() as client:
        client.send(head + b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n")
        expect_equal(client.response().json(), {"user": {"username": "a", "age": 7}})
        client.send(head + b"18;name=value\r\n" + body + b"\r\n0\r\nTrailer: x\r\n\r\n" + get("/v1/users/1"))
        expect_equal(client.response().json(), {"user": {"username": "a", "age": 7}})
        expect_equal(client.response().json(), {"user": {"id": "1"}})


def test_a_request_may_come_byte_by_byte(t):
    gateway, _ = start(t)
    body = b'{"username":"a"}'
    with gateway.client() as client:
        for byte in JSON_POST + b"Content-Length: %d\r\n\r\n" % len(body) + body + get("/v1/users/1"):
            client.send(bytes([byte]))
            time.sleep(0.001)
        expect_equal(client.response().json(), {"user": {"username": "a"}})
        expect_equal(client.response().json(), {"user": {"id": "1"}})


def test_pipelined_answers_keep_their_order_behind_a_slow_one(t):
    gateway, backend = start(t)
    body = b'{"username":"a"}'
    with gateway.client() as client:
        client.send(
            get("/v1/users/slow")
            + get("/v1/users/2")
            + JSON_POST + b"Content-Length: %d\r\n\r\n" % len(body) + body
            + get("/nowhere")
            + get("/v1/users/slow-2")
            + get("/v1/users/%zz")
            + get("/v1/users/3")
        )
        statuses = [client.response() for _ in range(7)]
        expect_equal([one.status for one in statuses], [200, 200, 200, 404, 200, 400, 200])
        expect_equal(statuses[0].json()["user"]["id"], "slow")
        expect_equal(statuses[2].json()["user"]["username"], "a")
        expect_equal(statuses[6].json()["user"]["id"], "3")
        client.send(get("/v1/users/4"))
        expect_equal(client.response().json()["user"]["id"], "4")
    expect_equal(sum(backend.calls.values()), 6, "calls")


def test_a_broken_request_behind_a_good_one_is_refused_in_its_turn(t):
    gateway, backend = start(t)
    for first in "slow", "1":
        for broken in b"GET / HTTP/1.1\r\n\r\n", JSON_POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}":
            with gateway.client() as client:
                client.send(get("/v1/users/" + first) + broken + get("/v1/users/smuggled"))
                expect_equal(client.response().json()["user"]["id"], first)
                expect_error(client.response(), 400, 3)
                expect(client.is_closed(), "nothing behind it is answered")
    expect_equal(sum(backend.calls.values()), 4, "calls")


def test_a_client_that_stops_sending_counts_as_gone(t):
    began, cancelled = threading.Event(), threading.Event()

    def never(_, context):
        context.add_callback(cancelled.set)
        began.set()
        cancelled.wait(10)
        return t.protos.new("user.v1.GetUserResponse")

    config = USER.replace("timeout: 2s", "timeout: 20s")
    gateway = user_gateway(t, user_backend(t, GetUser=never).address, config=config)
    with gateway.client() as client:
        client.send(get("/v1/users/1"))
        expect(began.wait(5), "the call has begun")
        client.socket.shutdown(harness.socket.SHUT_WR)
        expect(cancelled.wait(3), "the call is cancelled")
        expect_error(client.response(), 499, 1)
        expect(client.is_closed(), "the connection is closed")
    wait_for("the log", lambda: [line["status"] for line in gateway.access_log()] == [499])


def test_clients_that_leave_at_any_point_do_no_harm(t):
    gateway, _ = start(t)
    expect_equal(gateway.get("/v1/users/1").status, 200)
    files = gateway.metrics().value("process_open_fds")
    body = b'{"username":"abc"}'
    whole = JSON_POST + b"Content-Length: %d\r\n\r\n" % len(body) + body + get("/v1/users/slow") + get("/v1/users/2")
    for length in range(0, len(whole), 3):
        client = gateway.client()
        client.send(whole[:length])
        (client.reset if length % 2 else client.close)()
    expect_equal(gateway.get("/v1/users/1").status, 200, "status afterwards")
    wait_for("the connections to end", lambda: gateway.metrics().value("http_connections") < 2, timeout=5)
    wait_for("the calls to end", lambda: gateway.metrics().sum("upstream_calls_in_flight") == 0)
    wait_for("the files to be closed", lambda: gateway.metrics().value("process_open_fds") <= files)


def test_expect_100_continue(t):
    gateway, _ = start(t, USER + "limits: {request_body: 2KiB}\n")
    body = b'{"username":"a"}'
    head = JSON_POST + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n"
    with gateway.client() as client:
        for _ in range(2):
            client.send(head % len(body))
            expect_equal(client.response().status, 100)
            client.send(body)
            expect_equal(client.response().status, 200)
    expect_refused(gateway, head % 4096, 413, 8)
    expect_refused(gateway, JSON_POST + b"Content-Length: 2\r\nExpect: a-miracle\r\n\r\n{}", 417, 3)


def test_http_1_0_closes_unless_asked_not_to(t):
    gateway, _ = start(t)
    with gateway.client() as client:
        client.send(b"GET /v1/users/1 HTTP/1.0\r\n\r\n")
        expect_equal(client.response().json()["user"]["id"], "1")
        expect(client.is_closed(), "the connection is closed")
    with gateway.client() as client:
        for i in "12":
            client.send(f"GET /v1/users/{i} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".encode())
            response = client.response()
            expect_equal((response.status, response.header("connection")), (200, "keep-alive"))


def test_a_connection_goes_on_after_errors(t):
    gateway, _ = start(t)
    with gateway.client() as client:
        for request, status in (
            (get("/nowhere"), 404),
            (get("/v1/users/%"), 400),
            (get("/v1/users?page=x"), 400),
            (b"DELETE /v1/users HTTP/1.1\r\nHost: x\r\n\r\n", 405),
            (JSON_POST + b"Content-Length: 1\r\n\r\n{", 400),
            (JSON_POST.replace(b"/json", b"/xml") + b"Content-Length: 2\r\n\r\n{}", 415),
            (get("/v1/users/1"), 200),
        ):
            client.send(request)
            expect_equal(client.response().status, status, f"status of {request}")


def test_large_urls(t):
    gateway, _ = start(t)
    long_id = "x" * 60000
    expect_equal(gateway.get("/v1/users/" + long_id).json()["user"]["id"], long_id)
    expect_error(gateway.get("/v1/users/" + "/".join("x" * 30000)), 404, 5)
    expect_error(gateway.get("/v1/users?" + "&".join(["page=1"] * 8000)), 400, 3, "query parameters")
    expect_refused(gateway, get("/v1/users/" + "x" * 70000), 431, 8)
    expect_refused(gateway, b"GET /" + b"x" * 70000, 431, 8)


def test_header_limits_are_exact(t):
    gateway, _ = start(t, USER + "limits: {header_count: 10, header_bytes: 1KiB}\n")
    expect_equal(gateway.raw(get("/v1/users/1", *["A: b"] * 9)).status, 200)
    expect_refused(gateway, get("/v1/users/1", *["A: b"] * 10), 431, 8)
    fixed = len(get("/v1/users/1", "A: "))
    expect_equal(gateway.raw(get("/v1/users/1", "A: " + "x" * (1024 - fixed))).status, 200)
    expect_refused(gateway, get("/v1/users/1", "A: " + "x" * (1025 - fixed)), 431, 8)
    # Behind another in the same bytes, too.
    with gateway.client() as client:
        client.send(get("/v1/users/1") + get("/v1/users/2", *["A: b"] * 10))
        expect_equal(client.response().status, 200)
        expect_error(client.response(), 431, 8)


def test_body_limits_are_exact(t):
    gateway, _ = start(t, USER + "limits: {request_body: 1KiB}\n")

    def body(length):
        return b'{"username":"a"' + b" " * (length - 16) + b"}"

    for length, status in (1024, 200), (1025, 413):
        data = JSON_POST + b"Content-Length: %d\r\n\r\n" % length + body(length)
        expect_equal(gateway.raw(data).status, status, f"status of {length} bytes")
        data = JSON_POST + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % length + body(length) + b"\r\n0\r\n\r\n"
        expect_equal(gateway.raw(data).status, status, f"status of {length} bytes in a chunk")


def test_a_client_that_sends_too_much_can_read_why(t):
    """Also one that reads only after it has sent all: no reset takes the answer away."""
    gateway, _ = start(t)
    body = b"[" + b" " * 20_000_000
    for _ in range(3):
        chunk = b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
        expect_error(gateway.raw(JSON_POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunk), 413, 8)
        expect_error(gateway.raw(get("/v1/users/1", "A: " + "x" * 5_000_000)), 431, 8)
        expect_error(gateway.raw(b"GET / HTTP/1.1\r\n\r\n" + body), 400, 3)


def test_requests_that_do_not_come_to_an_end_are_closed(t):
    gateway, _ = start(t, USER + "limits: {request_timeout: 500ms}\n")
    for data in b"", b"GET /v1", b"GET /v1/users/1 HTTP/1.1\r\nHost: x\r\n", JSON_POST + b"Content-Length: 5\r\n\r\n{":
        with gateway.client() as client:
            begin = time.monotonic()
            client.send(data)
            answer = client.response()
            expect_equal(answer and answer.status, 408 if data else None, f"answer to {data}")
            expect(client.is_closed(), f"closed after {data}")
            expect_within(time.monotonic() - begin, 0.4, 3, f"seconds after {data}")


def test_drip_feeding_does_not_keep_a_connection(t):
    gateway, _ = start(t, USER + "limits: {request_timeout: 500ms}\n")
    with gateway.client() as client:
        begin = time.monotonic()
        client.send(b"GET /v1/users/1 HTTP/1.1\r\nHost: x\r\n")
        try:
            while time.monotonic() - begin < 5:
                client.send(b"A: b\r\n")
                time.sleep(0.05)
        except OSError:
            pass
        expect_within(time.monotonic() - begin, 0.4, 3, "seconds")


def test_an_answer_that_is_not_read_is_given_up(t):
    def large(request, _):
        return user_answer(t, id=request.id, full_name="x" * 4_000_000)

    config = USER.replace("timeout: 2s", "max_message: 8MiB") + "limits: {write_timeout: 1s}\n"
    gateway = user_gateway(t, user_backend(t, GetUser=large).address, config=config)
    with gateway.client() as client:
        client.socket.setsockopt(harness.socket.SOL_SOCKET, harness.socket.SO_RCVBUF, 4096)
        client.send(get("/v1/users/1"))
        wait_for("the request to be over", lambda: len(gateway.access_log()) == 1, timeout=8)
    expect_equal(len(gateway.get("/v1/users/1").json()["user"]["fullName"]), 4_000_000)


def test_a_thousand_clients_at_once(t):
    gateway, backend = start(t)
    clients = [gateway.client() for _ in range(1000)]
    for turn in range(3):
        for number, client in enumerate(clients):
            client.send(get(f"/v1/users/{turn}-{number}"))
        for number, client in enumerate(clients):
            expect_equal(client.response().json()["user"]["id"], f"{turn}-{number}")
    for client in clients:
        client.close()
    expect_equal(sum(backend.calls.values()), 3000, "calls")
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        done = pool.map(lambda number: gateway.get(f"/v1/users/{number}").status, range(1000))
    expect_equal(set(done), {200}, "statuses of new connections")


def test_ipv6(t):
    backend = user_backend(t)
    text = USER.replace('"127.0.0.1:@PORT@"', '"[::1]:@PORT@"')
    gateway = user_gateway(t, backend.address, config=text)
    with harness.RawClient(gateway.port, host="::1") as client:
        client.send(get("/v1/users/1"))
        expect_equal(client.response().status, 200)
    wait_for("the log", lambda: [line["remote_addr"] for line in gateway.access_log()] == ["::1"])
    both = user_gateway(t, backend.address, config=USER.replace('"127.0.0.1:@PORT@"', '"[::]:@PORT@"'))
    expect_equal(both.get("/v1/users/1").status, 200, "over IPv4")
    wait_for("the log", lambda: [line["remote_addr"] for line in both.access_log()] == ["127.0.0.1"])
