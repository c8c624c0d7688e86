"""What clients may send, and what they are told when it is wrong."""

import threading

import harness
from gateway_config import USER, user_answer, user_backend, user_gateway
from harness import expect, expect_equal, expect_error


def start(t, config=USER):
    def create(request, _):
        return t.protos.new(
            "user.v1.CreateUserResponse",
            user=t.protos.new("user.v1.User", id="1", username=request.username, age=request.age),
        )

    def list_users(request, _):
        return t.protos.new("user.v1.ListUsersResponse", total=request.page * 1000 + request.page_size)

    backend = user_backend(t, CreateUser=create, ListUsers=list_users)
    return user_gateway(t, backend.address, config=config), backend


def test_unknown_paths_are_404(t):
    gateway, backend = start(t)
    for path in "/", "/v1", "/v1/", "/v1/user", "/v1/users/1/2/3", "/v1/users/", "/V1/users", "/v1//users", "/v1/users:x":
        expect_error(gateway.get(path), 404, 5)
    expect_equal(sum(backend.calls.values()), 0, "calls that reached the backend")


def test_other_methods_are_405_with_allow(t):
    gateway, _ = start(t)
    response = gateway.request("PATCH", "/v1/users/1")
    expect_error(response, 405, 12)
    expect_equal(sorted(response.header("allow").replace(" ", "").split(",")), ["DELETE", "GET", "PUT"])
    response = gateway.request("DELETE", "/v1/users")
    expect_error(response, 405, 12)
    expect_equal(sorted(response.header("allow").replace(" ", "").split(",")), ["GET", "POST"])
    expect_error(gateway.request("BREW", "/v1/users"), 405, 12)


def test_bodies_that_are_not_json_are_415(t):
    gateway, _ = start(t)
    body = '{"username":"a"}'
    for kind in "text/plain", "application/xml", "application/x-www-form-urlencoded", "application/jsonx", "x":
        expect_error(gateway.post("/v1/users", body, {"Content-Type": kind}), 415, 3)
    for kind in ("application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.api+json"):
        expect_equal(gateway.post("/v1/users", body, {"Content-Type": kind}).status, 200, kind)


def test_bodies_over_the_limit_are_413(t):
    gateway, _ = start(t, USER + "limits: {request_body: 2KiB}\n")
    padding = " " * 2000
    expect_equal(gateway.post("/v1/users", '{"username":"a"}' + padding).status, 200)
    expect_error(gateway.post("/v1/users", '{"username":"a"}' + padding * 2), 413, 8)
    expect_error(gateway.raw(b"POST /v1/users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                             b"Transfer-Encoding: chunked\r\n\r\n" + b"400\r\n" + b" " * 1024 + b"\r\n"
                             + b"401\r\n" + b" " * 1025 + b"\r\n0\r\n\r\n"), 413, 8)
    expect_equal(gateway.get("/v1/users/1").status, 200, "status afterwards")


def test_a_client_that_sends_a_large_body_to_its_end_sees_the_413(t):
    gateway, _ = start(t, USER + "limits: {request_body: 2KiB}\n")
    for _ in range(5):
        expect_error(gateway.post("/v1/users", b" " * (8 << 20)), 413, 8, "2048")
    harness.wait_for("the connections to close",
                     lambda: gateway.metrics().value("http_connections") == 0, timeout=5)


def test_too_many_or_too_large_headers_are_431(t):
    gateway, _ = start(t, USER + "limits: {header_count: 20, header_bytes: 4KiB}\n")
    few = [(f"X-Header-{i}", "x") for i in range(15)]
    expect_equal(gateway.get("/v1/users/1", few).status, 200)
    expect_error(gateway.get("/v1/users/1", few * 2), 431, 8)
    expect_equal(gateway.get("/v1/users/1", [("X-Large", "x" * 3000)]).status, 200)
    expect_error(gateway.get("/v1/users/1", [("X-Large", "x" * 5000)]), 431, 8)


def test_paths_that_cannot_be_decoded_are_400(t):
    gateway, backend = start(t)
    for path in "/v1/users/%", "/v1/users/%z1", "/v1/users/a%2", "/v1/users/%ff", "/v1/users/%C3":
        expect_error(gateway.get(path), 400, 3)
    expect_equal(sum(backend.calls.values()), 0, "calls")
    for path, expected in [("a%2Fb", "a/b"), ("a%20b", "a b"), ("a+b", "a+b"), ("%C3%A9", "é"), ("a%25", "a%")]:
        expect_equal(gateway.get("/v1/users/" + path).json()["user"]["id"], expected)


def test_broken_json_is_400_with_its_place(t):
    gateway, backend = start(t)
    for body, *parts in [
        ('{"age": "ten"}', "age", "expected an integer", '"ten"', "line 1, column 9"),
        ('{\n  "username": "a",\n  "age": true\n}', "age", "line 3, column 10"),
        ('{"username": 5}', "username", "expected a string", "line 1"),
        ('{"username": "a"', "line 1"),
        ('{"username": ', "line 1"),
        ('{"username": "a"} x', "line 1"),
        ("{'username': 1}", "line 1"),
        ('{"username": "a",}', "line 1"),
        ("[]", "line 1"),
        ("7", "line 1"),
        ('{"nothing": 1}', "nothing"),
        ('{"age": 99999999999}', "age"),
        ('{"age": 1.5}', "age"),
        ('{"age": 1e400}', "age"),
        ('{"age": ' + "9" * 5000 + "}", "age"),
        ('{"username": "\\ud800"}', "username"),
        ('{"username": "a\nb"}', "line 1"),
        (b'{"username": "\xff"}', "line 1"),
        ('{"username": "a", "username": "b"}', "username"),
        ("{" * 10000, "line 1"),
    ]:
        body_shown = body if len(body) < 80 else body[:80]
        response = gateway.post("/v1/users", body)
        expect_equal(response.status, 400, f"status for {body_shown!r}: {response}")
        error = expect_error(response, 400, 3, *parts)
        expect(len(error["message"]) < 512, f"length of the message for {body_shown!r}")
    expect_equal(sum(backend.calls.values()), 0, "calls that reached the backend")


def test_query_parameters_are_bound_by_name(t):
    gateway, backend = start(t)
    for query in "page=2&page_size=3", "pageSize=3&page=2", "page=%32&page_size=3":
        expect_equal(gateway.get("/v1/users?" + query).json(), {"total": 2003})
    for query, part in [("nothing=1", "nothing"), ("page=x", "page"), ("page=2147483648", "page"), ("page=%zz", "")]:
        expect_error(gateway.get("/v1/users?" + query), 400, 3, part)
    expect_equal(backend.calls["user.v1.UserService/ListUsers"], 3, "calls")
    expect_error(gateway.post("/v1/users?age=3", {"username": "a"}), 400, 3, "age")


def test_a_body_where_none_belongs_is_400(t):
    gateway, backend = start(t)
    expect_error(gateway.request("GET", "/v1/users/1", {"id": "2"}), 400, 3, "body")
    expect_equal(sum(backend.calls.values()), 0, "calls")


def test_a_path_variable_beats_the_body(t):
    def update(request, _):
        return t.protos.new("user.v1.UpdateUserResponse", user=t.protos.new("user.v1.User", id=request.id))

    gateway = user_gateway(t, user_backend(t, UpdateUser=update).address)
    expect_equal(gateway.request("PUT", "/v1/users/7", {"id": "8"}).json()["user"]["id"], "7")


def test_requests_on_one_connection_follow_each_other(t):
    gateway, _ = start(t)
    connection = harness.http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    for i in range(20):
        path = f"/v1/users/{i}" if i % 3 else "/nowhere"
        response = harness.request_on(connection, "GET", path)
        expect_equal(response.status, 200 if i % 3 else 404)
        if i % 3:
            expect_equal(response.json()["user"]["id"], str(i))
    connection.close()
    pipelined = b"".join(f"GET /v1/users/{i} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for i in range(10))
    pipelined += b"GET /v1/users/last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with harness.socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as raw:
        raw.sendall(pipelined)
        answer = b""
        while more := raw.recv(65536):
            answer += more
    expect_equal(answer.count(b"HTTP/1.1 200 "), 11, "answers to pipelined requests")
    order = [answer.index(f'"id":"{i}"'.encode()) for i in [*range(10), "last"]]
    expect_equal(order, sorted(order), "order of the answers")


def test_ambiguous_framing_is_refused(t):
    gateway, backend = start(t)
    body = b'{"username":"a"}'
    head = b"POST /v1/users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    for headers in (
        b"Content-Length: 16\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 16\r\nContent-Length: 17\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 16\r\n folded: x\r\n",
        b"Content-Length: +16\r\n",
        b"Host: y\r\nContent-Length: 16\r\n",
    ):
        response = gateway.raw(head + headers + b"\r\n" + body)
        expect_equal(response.status, 400, f"status for {headers}")
    expect_equal(gateway.raw(b"GET /v1/users/1 HTTP/1.1\r\n\r\n").status, 400, "without Host")
    expect_equal(sum(backend.calls.values()), 0, "calls that reached the backend")


def test_other_protocols_are_closed_or_refused(t):
    gateway, _ = start(t)
    for data in b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200, b"\0" * 100 + b"\r\n\r\n":
        with harness.socket.create_connection(("127.0.0.1", gateway.port), timeout=15) as raw:
            raw.sendall(data)
            raw.shutdown(harness.socket.SHUT_WR)
            answer = raw.recv(65536)
            expect(answer == b"" or answer.startswith(b"HTTP/1.1 400"), f"answer {answer!r}")
    expect_equal(gateway.get("/v1/users/1").status, 200, "status afterwards")


def test_head_has_no_body(t):
    gateway, _ = start(t)
    connection = harness.http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    for path, status in ("/v1/nowhere", 404), ("/v1/users/1", 405), ("/v1/users/%", 400):
        response = harness.request_on(connection, "HEAD", path)
        expect_equal((response.status, response.body), (status, b""))
    expect_equal(harness.request_on(connection, "GET", "/v1/users/1").status, 200, "what follows on the connection")
    connection.close()


def test_messages_of_the_largest_size_pass(t):
    backend = user_backend(t, GetUser=lambda request, context: user_answer(t, id=request.id, full_name="x" * 3_000_000),
                           CreateUser=lambda request, _: t.protos.new(
                               "user.v1.CreateUserResponse",
                               user=t.protos.new("user.v1.User", full_name=request.full_name)))
    gateway = user_gateway(t, backend.address)
    expect_equal(len(gateway.get("/v1/users/1").json()["user"]["fullName"]), 3_000_000)
    name = "é€" * 500_000
    expect_equal(gateway.post("/v1/users", {"fullName": name}).json()["user"]["fullName"], name)


def test_many_clients_at_once(t):
    gateway, backend = start(t)
    wrong = []

    def work(number):
        connection = harness.http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
        for i in range(20):
            response = harness.request_on(connection, "GET", f"/v1/users/{number}-{i}")
            if response.status != 200 or response.json()["user"]["id"] != f"{number}-{i}":
                wrong.append(response)
        connection.close()

    threads = [threading.Thread(target=work, args=[number]) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect_equal(wrong, [])
    expect_equal(backend.calls["user.v1.UserService/GetUser"], 600, "calls")
