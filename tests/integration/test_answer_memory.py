"""What answers take in memory that their clients do not: it counts with that of requests, of a connection and of the
process. Backends are held back, then calls refused; an honest client goes on meanwhile."""

import base64
import contextlib
import ssl
import struct
import time

import feed
import h2
from beside import MIB, Beside
from certificates import Authority
from gateway_config import USER, endpoints, user_answer
from harness import expect, expect_equal, expect_error, expect_within, free_port, wait_for
from harness import RawClient
from others import Others
from websocket import WebSocket

LIMITS = "request_memory: 64MiB, request_memory_per_connection: 16MiB, write_timeout: 10s"
GRPC = [("content-type", "application/grpc"), ("te", "trailers")]
GET = "/user.v1.UserService/GetUser"
LARGE = 4 * MIB - 100


def find_user(t, size):
    """GetUser of the id "large" answers `size` bytes."""

    def find(request, _):
        return user_answer(t, id=request.id, username="x" * size if request.id == "large" else "")

    return find


def start(t, size=LARGE, limits=LIMITS, config=USER, timeout="2s"):
    backend = t.backend({"user.v1.UserService/GetUser": find_user(t, size)}, threads=80)
    config = config.replace("timeout: 2s", f"timeout: {timeout}\n    max_message: 8MiB").replace("workers: 2", "workers: 1")
    config = config.replace("routes:", "routes:\n  - service: user.v1.UserService\n    upstream: user-service")
    return t.gateway(config + f"limits: {{{limits}}}\n", BACKENDS=endpoints(backend.address))


def message(t, id):
    request = t.protos.new("user.v1.GetUserRequest", id=id).SerializeToString()
    return struct.pack(">BI", 0, len(request)) + request


def held(gateway):
    return gateway.metrics().value("http_request_memory_bytes")


def expect_all_given_back(gateway):
    wait_for("all memory back", lambda: held(gateway) == 0)


def refusals(gateway):
    return sum(gateway.metrics().value("http_limits_total", limit=name)
               for name in ("request_memory", "request_memory_per_connection"))


def ask(client, t, kind, count):
    if kind == "rest":
        return [client.request("/v1/users/large") for _ in range(count)]
    more = {"grpc": GRPC, "grpc-web": [("content-type", "application/grpc-web")],
            "grpc-web-text": [("content-type", "application/grpc-web-text")]}[kind]
    body = message(t, "large")
    if kind == "grpc-web-text":
        body = base64.b64encode(body)
    return [client.request(GET, "POST", more, body) for _ in range(count)]


KINDS = "rest", "grpc", "grpc-web", "grpc-web-text"


def test_an_http2_client_that_grants_no_window(t):
    """60 answers of 4 MiB on one connection, whose calls end after 2 s: those that found no room are refused."""
    gateway = start(t)
    for kind in KINDS:
        before = refusals(gateway)
        with Beside(t, gateway, most_mib=60, path="/nowhere", status=404):
            with h2.Client(gateway.port, window=False) as client:
                client.settle()
                ask(client, t, kind, 60)
                end = time.monotonic() + 10
                while time.monotonic() < end and refusals(gateway) < before + 5:
                    client.read_some(0.2)
                expect(held(gateway) <= 45 * MIB, "the gauge")
                small = client.request("/v1/users/1")
                client.grant(1 << 20, 0)
                client.grant(1 << 16, small)
                expect_equal(client.answer(small).status, 200, "a small one on the same connection")
                expect(client.goaway is None, "no GOAWAY")
        expect_within(refusals(gateway) - before, 5, 60, f"refusals of {kind}")
        expect_all_given_back(gateway)


def test_what_is_refused_says_so(t):
    """The first has all of the connection's room, the second waits for it until its deadline."""
    gateway = start(t, limits=LIMITS.replace("16MiB", "13MiB") + ", request_body: 3MiB")
    with h2.Client(gateway.port, settings=[(h2.INITIAL_WINDOW_SIZE, 1000)], window=False) as client:
        client.settle()
        client.request("/v1/users/large")
        wait_for("the first", lambda: held(gateway) > 3 * MIB)
        second = client.request("/v1/users/large")
        answer = client.answer(second)
        expect_equal(answer.status, 503)
        expect(b"the connection's answers take too much memory" in answer.body, answer.body)
        expect(b'"code":8' in answer.body, answer.body)


def test_clients_of_http1_that_do_not_read(t):
    """40 connections, and one with 40 requests at once; plain and TLS."""
    authority = Authority(t)
    certificate, key = authority.issue("server", "DNS:localhost")
    tls_port = free_port()
    config = USER.replace('"127.0.0.1:@PORT@"}', '"127.0.0.1:@PORT@"}, {address: "127.0.0.1:%d", tls: {certificate: "%s", key: "%s"}}'
                          % (tls_port, certificate, key))
    gateway = start(t, config=config)
    request = b"GET /v1/users/large HTTP/1.1\r\nHost: x\r\n\r\n"
    for is_tls in False, True:
        # JSON's buffers grow by doubling; MALLOC_PERTURB_ touches what is only reserved of them.
        with Beside(t, gateway, most_mib=170, path="/nowhere", status=404), contextlib.ExitStack() as stack:
            for times in (1,) * 40 + (40,):
                client = stack.enter_context(
                    RawClient(tls_port, tls=ssl.create_default_context(cafile=authority.certificate), buffer=4096) if is_tls else
                    RawClient(gateway.port, buffer=4096))
                client.send(request * times)
            time.sleep(3)
            expect(held(gateway) <= 64 * MIB, "the gauge")
        expect_all_given_back(gateway)
    expect(refusals(gateway) > 0, "refusals")


def test_streams_of_large_messages_that_nobody_reads(t):
    """Of each form, 40 streams of messages of 1 MiB."""
    server = feed.FeedServer(t)
    config = feed.CONFIG.replace("tracing: {}", "  - service: feed.v1.Feed\n    upstream: feed\ntracing: {}")
    gateway = feed.gateway(t, server, config=config, limits=LIMITS)
    path = f"/v1/feeds/a?size={MIB}"
    request = feed.protos(t).new("feed.v1.WatchRequest", feed="a", size=MIB).SerializeToString()
    request = struct.pack(">BI", 0, len(request)) + request
    grpc_web = [("content-type", "application/grpc-web")]
    for name, arguments in (
        ("NDJSON", (path,)),
        ("Server-Sent Events", (path, "GET", [("accept", "text/event-stream")])),
        ("gRPC", ("/feed.v1.Feed/Watch", "POST", GRPC, request)),
        ("gRPC-Web", ("/feed.v1.Feed/Watch", "POST", grpc_web, request)),
    ):
        with Beside(t, gateway, most_mib=100, path="/nowhere", status=404):
            with h2.Client(gateway.port, window=False) as client:
                client.settle()
                for _ in range(40):
                    client.request(*arguments)
                until_still(client, gateway)
                expect(held(gateway) <= 64 * MIB, f"the gauge, {name}")
                expect(client.goaway is None, "no GOAWAY")
        wait_for("the streams' end", lambda: server.counters().open == 0)
        expect_all_given_back(gateway)
    with Beside(t, gateway, most_mib=100, path="/nowhere", status=404), contextlib.ExitStack() as stack:
        for _ in range(80):
            stack.enter_context(contextlib.closing(WebSocket(gateway.port, path, receive_buffer=4096).socket))
        time.sleep(2)
        expect(held(gateway) <= 64 * MIB, "the gauge, WebSocket")
    wait_for("the streams' end", lambda: server.counters().open == 0)
    expect_all_given_back(gateway)


def until_still(client, gateway):
    before = None
    while before != (before := held(gateway)):
        end = time.monotonic() + 1.5  # the gauge moves once a second
        while time.monotonic() < end:
            client.read_some(0.1)


def test_a_client_that_reads_gets_all(t):
    """One answer at a time has room, and its client is slow: the others wait for theirs."""
    limits = LIMITS.replace("16MiB", "8MiB") + ", request_body: 2MiB"
    gateway = start(t, size=2 * MIB, limits=limits, timeout="30s")
    for kind in KINDS:
        with h2.Client(gateway.port) as client:
            client.settle()
            streams = ask(client, t, kind, 3)
            for stream in streams:
                answer = client.answer(stream, timeout=60)
                expect_equal(answer.status, 200, kind)
                expect(len(answer.body) > 2 * MIB, f"{len(answer.body)} bytes of {kind}")
        expect_equal(refusals(gateway), 0, f"refusals of {kind}")
        expect_all_given_back(gateway)


def test_what_is_held_back_holds_up_no_others(t):
    """Twenty calls that wait for room, on the one connection to the backend that all share."""
    with Others(t, {"user.v1.UserService/GetUser": find_user(t, LARGE)}, more=f"limits: {{{LIMITS}}}\n") as others:
        with h2.Client(others.gateway.port, window=False) as client:
            client.settle()
            ask(client, t, "rest", 20)
            others_before = len(others.answers)
            wait_for("answers of others", lambda: len(others.answers) >= others_before + 30, timeout=30)
            begin = time.monotonic()
            expect_equal(others.gateway.get("/v1/users/1").status, 200)
            expect_within(time.monotonic() - begin, 0, 2, "seconds of a call beside")


def test_an_answer_that_never_fits_is_refused_at_once(t):
    gateway = start(t, size=7 * MIB, limits="request_body: 1MiB, request_memory: 16MiB, request_memory_per_connection: 4MiB")
    begin = time.monotonic()
    expect_error(gateway.get("/v1/users/large"), 503, 8, "the connection's answers take too much memory")
    expect_within(time.monotonic() - begin, 0, 1.5, "seconds")
    expect_all_given_back(gateway)
