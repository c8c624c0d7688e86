"""Clients on HTTP/1.1 that take their time, in plain text and on TLS: each limit by itself, beside a client that must not
notice."""

import threading
import time

import harness
from certificates import Authority
from gateway_config import USER, user_answer, user_backend, user_gateway
from harness import expect, expect_equal, expect_error, expect_within, wait_for

POST = b"POST /v1/users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
GET = b"GET /v1/users/%d HTTP/1.1\r\nHost: x\r\n"
HEADERS, BODY = "the request's headers did not arrive in time", "the body did not arrive in time"


class Gate:
    """A gateway with a plain and a TLS listener."""

    def __init__(self, t, limits, **methods):
        authority = Authority(t)
        certificate, key = authority.issue("server", "DNS:localhost")
        self.tls_port = harness.free_port()
        listener = f'{{address: "127.0.0.1:{self.tls_port}", tls: {{certificate: {certificate}, key: {key}}}}}'
        config = USER.replace("listen: [", f"listen: [{listener}, ")
        config = config.replace("timeout: 2s", "timeout: 20s\n    max_message: 16MiB") + f"limits: {{{limits}}}\n"
        self.gateway = user_gateway(t, user_backend(t, **methods).address, config=config)
        self._context = harness.ssl.create_default_context(cafile=authority.certificate)

    def client(self, tls, buffer=None):
        port = self.tls_port if tls else self.gateway.port
        return harness.RawClient(port, tls=self._context if tls else None, buffer=buffer)

    def limit(self, name):
        return self.gateway.metrics().value("http_limits_total", limit=name)

    def connections(self):
        return self.gateway.metrics().value("http_connections")


class Beside:
    """A client that goes on while the block runs."""

    def __init__(self, gate):
        self._gate, self._stop, self._seconds = gate, threading.Event(), []
        self._thread = threading.Thread(target=self._go_on)

    def _go_on(self):
        with self._gate.client(tls=False) as client:
            while not self._stop.is_set():
                begin = time.monotonic()
                client.send(GET % 7 + b"\r\n")
                expect_equal(client.response().status, 200)
                self._seconds.append(time.monotonic() - begin)
                time.sleep(0.01)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, kind, *_):
        self._stop.set()
        self._thread.join()
        if kind is None:
            expect(len(self._seconds) > 10, "the client beside was served")
            expect_within(sorted(self._seconds)[len(self._seconds) * 99 // 100], 0, 0.5, "P99 of the client beside, seconds")


def drip(client, data, pause=0.02):
    """Byte by byte, until the other side has had enough; whether it had."""
    try:
        for i in range(len(data)):
            client.send(data[i:i + 1])
            time.sleep(pause)
    except OSError:
        return True
    return False


def test_slow_heads_are_408(t):
    gate = Gate(t, "header_timeout: 400ms")
    count = 0
    for tls in False, True:
        for data in b"G", GET % 1, b"PRI * HT":
            with gate.client(tls) as client:
                begin = time.monotonic()
                client.send(data)
                expect_error(client.response(), 408, 4, HEADERS)
                expect(client.is_closed(), "closed")
                expect_within(time.monotonic() - begin, 0.35, 1.5, f"seconds behind {data}")
            count += 1
            expect_equal(gate.limit("header_timeout"), count)
    lines = wait_for("lines", lambda: (lines := gate.gateway.access_log()) and len(lines) == count and lines)
    expect_equal({line["status"] for line in lines}, {408})
    wait_for("all to be gone", lambda: gate.connections() == 0)


def test_a_client_that_says_nothing_is_closed_without_a_word(t):
    gate = Gate(t, "header_timeout: 300ms")
    for tls in False, True:
        with gate.client(tls) as client:
            begin = time.monotonic()
            expect(client.response() is None, "no answer")
            expect_within(time.monotonic() - begin, 0.25, 1.0, "seconds")
    expect_equal(gate.limit("header_timeout"), 2)


def test_dripping_does_not_prolong_a_head(t):
    gate = Gate(t, "header_timeout: 500ms")
    for tls in False, True:
        with gate.client(tls) as client:
            begin = time.monotonic()
            expect(drip(client, GET % 1 + b"A: " + b"b" * 1000), "given up")
            expect_within(time.monotonic() - begin, 0.45, 4, "seconds")


def test_idle_connections_have_a_limit_of_their_own(t):
    gate = Gate(t, "idle_timeout: 900ms, header_timeout: 300ms, body_timeout: 300ms")
    for tls in False, True:
        with gate.client(tls) as client:
            for pause in 0, 0.5, 0.5:  # longer than a head may take
                time.sleep(pause)
                client.send(GET % 1 + b"\r\n")
                expect_equal(client.response().status, 200)
            begin = time.monotonic()
            expect(client.response() is None, "no answer, but the end")
            expect_within(time.monotonic() - begin, 0.8, 2.0, "seconds")
    expect_equal((gate.limit("idle_timeout"), gate.limit("header_timeout")), (2, 0))


def test_a_slow_head_behind_an_answer_is_408(t):
    gate = Gate(t, "idle_timeout: 10s, header_timeout: 300ms")
    for tls in False, True:
        for first, rest in ((GET % 1 + b"\r\n", b"GET /v1"), (GET % 1 + b"\r\n" + b"GET /v1", b"/users"),
                            (GET % 1 + b"\r\n" + GET % 2 + b"A: " + b"x" * 3000, b"y")):
            with gate.client(tls) as client:
                begin = time.monotonic()
                client.send(first)
                expect_equal(client.response().status, 200)
                time.sleep(0.1)
                client.send(rest)
                expect_error(client.response(), 408, 4, HEADERS)
                expect(client.is_closed(), "closed")
                expect_within(time.monotonic() - begin, 0.28, 1.5, "seconds")
    expect_equal((gate.limit("header_timeout"), gate.limit("idle_timeout")), (6, 0))


def test_a_broken_head_behind_a_partial_one_is_refused(t):
    """libh2o has seen the beginning, and must not look behind what it is given instead."""
    gate = Gate(t, "header_bytes: 8KiB")
    for beginning in b"GET /v1/users/2 HTTP/1.1\r\n", GET % 2 + b"A: " + b"x" * 5000:
        with gate.client(tls=False) as client:
            client.send(GET % 1 + b"\r\n" + beginning)
            expect_equal(client.response().status, 200)
            client.send(b"\r\nB b: c\r\n\r\n")
            expect_error(client.response(), 400, 3)
            expect(client.is_closed(), "closed")
    with gate.client(tls=False) as client:
        client.send(GET % 1 + b"\r\n" + GET % 2 + b"A: " + b"x" * 9000)
        expect_equal(client.response().status, 200)
        expect_error(client.response(), 431, 8)
        expect(client.is_closed(), "closed")


def test_smuggled_framing_behind_an_answer_is_refused(t):
    gate = Gate(t, "body_timeout: 2s")
    with gate.client(tls=False) as client:
        client.send(GET % 1 + b"\r\n" + POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n")
        expect_equal(client.response().status, 200)
        client.send(b"0\r\n\r\n")
        expect_error(client.response(), 400, 3)
        expect(client.is_closed(), "closed")


def test_slow_bodies_are_408(t):
    gate = Gate(t, "body_timeout: 400ms, header_timeout: 5s")
    count = 0
    bodies = (b"Content-Length: 5\r\n\r\n{", b"Content-Length: 5\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n5\r\n{")
    with Beside(gate):
        for tls in False, True:
            for body in bodies:
                with gate.client(tls) as client:
                    begin = time.monotonic()
                    client.send(POST + body)
                    expect_error(client.response(), 408, 4, BODY)
                    expect(client.is_closed(), "closed")
                    expect_within(time.monotonic() - begin, 0.35, 1.5, f"seconds behind {body}")
                count += 1
            with gate.client(tls) as client:
                begin = time.monotonic()
                expect(drip(client, POST + b"Content-Length: 10000\r\n\r\n" + b" " * 10000, pause=0.005), "given up")
                expect_within(time.monotonic() - begin, 0.35, 5, "seconds of dripping")
            count += 1
    expect_equal((gate.limit("body_timeout"), gate.limit("header_timeout")), (count, 0))
    wait_for("all to be gone", lambda: gate.connections() == 0)


def test_a_body_that_is_announced_and_does_not_come_is_408(t):
    gate = Gate(t, "body_timeout: 400ms")
    for tls in False, True:
        with gate.client(tls) as client:
            client.send(POST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
            expect_equal(client.response().status, 100)
            expect_error(client.response(), 408, 4, BODY)
            expect(client.is_closed(), "closed")


def test_a_slow_body_behind_an_answer_is_408(t):
    gate = Gate(t, "body_timeout: 400ms")
    for tls in False, True:
        with gate.client(tls) as client:
            client.send(GET % 1 + b"\r\n" + POST + b"Content-Length: 5\r\n\r\n{")
            expect_equal(client.response().status, 200)
            expect_error(client.response(), 408, 4, BODY)
            expect(client.is_closed(), "closed")
    expect_equal(gate.limit("body_timeout"), 2)


def test_a_slow_call_is_no_slow_client(t):
    """Nothing is awaited of the client while the backend works."""

    def slow(request, _):
        time.sleep(1)
        return user_answer(t, id=request.id)

    limits = "header_timeout: 200ms, body_timeout: 200ms, idle_timeout: 200ms, write_timeout: 200ms"
    gate = Gate(t, limits, GetUser=slow)
    for tls in False, True:
        with gate.client(tls) as client:
            client.send(GET % 1 + b"\r\n")
            expect_equal(client.response().status, 200)


LARGE = 8_000_000


def large(t):
    return lambda request, _: user_answer(t, id=request.id, full_name="x" * (LARGE if request.id != "7" else 1))


def test_an_answer_that_nobody_takes_is_given_up(t):
    gate = Gate(t, "write_timeout: 600ms, request_timeout: 20s", GetUser=large(t))
    with Beside(gate):
        for tls in False, True:
            with gate.client(tls, buffer=4096) as client:
                client.send(GET % 1 + b"\r\n")
                begin = time.monotonic()
                wait_for("the limit", lambda: gate.limit("write_timeout") == 1 + tls, timeout=8)
                expect_within(time.monotonic() - begin, 0.5, 2.5, "seconds")
                wait_for("the place", lambda: gate.connections() == 1)


def test_an_answer_that_is_taken_slowly_arrives(t):
    gate = Gate(t, "write_timeout: 1500ms", GetUser=large(t))

    def take(tls, results):
        with gate.client(tls, buffer=65536) as client:
            client.send(GET % 1 + b"\r\n")
            client.socket.settimeout(10)
            received, more = 0, b"x"
            while received < LARGE and more:  # for longer than the limit
                more = client.socket.recv(LARGE // 16)
                received += len(more)
                time.sleep(len(more) / 400_000 if received < LARGE // 8 else 0)
            results.append(received >= LARGE)

    results = []
    threads = [threading.Thread(target=take, args=[tls, results]) for tls in (False, True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect_equal(results, [True, True], "whole answers")
    expect_equal(gate.limit("write_timeout"), 0)


def test_many_slow_clients_cost_little(t):
    gate = Gate(t, "header_timeout: 1s, body_timeout: 1s")
    with Beside(gate):
        clients = [gate.client(tls=i % 4 == 0) for i in range(200)]
        for i, client in enumerate(clients):
            client.send(GET % 1 if i % 2 else POST + b"Content-Length: 100\r\n\r\n")
        for client in clients:
            expect_equal(client.response().status, 408)
            client.close()
    expect_equal((gate.limit("header_timeout"), gate.limit("body_timeout")), (100, 100))
    wait_for("all to be gone", lambda: gate.connections() == 0)


def test_tls_clients_that_read_nothing_are_gone_in_the_end(t):
    """Wherever their answers fill the kernel's buffer: in the middle of one, or before the close_notify."""
    gate = Gate(t, "idle_timeout: 300ms, write_timeout: 400ms")
    clients = []
    for i in range(30):
        client = gate.client(tls=True, buffer=4096)
        client.send(b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n" * (1000 + 500 * i))
        clients.append(client)
    handshakes = {"name": "tls_handshakes_total", "result": "done"}
    wait_for("all handshakes", lambda: gate.gateway.metrics().value(**handshakes) == 30)
    time.sleep(1.2)  # connections are counted once a second
    wait_for("all to be gone", lambda: gate.connections() == 0, timeout=30)
    for client in clients:
        client.close()
