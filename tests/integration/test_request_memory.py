"""What requests take in memory has a bound, of a connection and of the process; who meets it is told 503, and what is
let go fits others again."""

import time

import feed
import h2
import harness
from certificates import Authority
from gateway_config import USER, user_backend, user_gateway
from harness import expect, expect_equal, expect_error, expect_within, wait_for
from test_client_streams import echo
from websocket import CONTINUATION, TEXT, WebSocket, frame

POST = b"POST /v1/users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
H2_JSON = [("content-type", "application/json")]
NDJSON = ("content-type", "application/x-ndjson")
NO_MEMORY, NO_CONNECTION_MEMORY = "no memory for the request", "the connection's requests take too much memory"
MIB = 1 << 20
LIMITS = "request_memory: 16MiB, request_memory_per_connection: 4MiB, request_body: 1MiB, body_timeout: 8s"


def create(t):
    return lambda request, _: t.protos.new("user.v1.CreateUserResponse", user=t.protos.new("user.v1.User", id="new"))


def start(t, limits=LIMITS, config=USER):
    backend = user_backend(t, CreateUser=create(t))
    return user_gateway(t, backend.address, config=config + f"limits: {{{limits}}}\n"), backend


def limit(gateway, name="request_memory"):
    return gateway.metrics().value("http_limits_total", limit=name)


def expect_all_given_back(gateway):
    wait_for("all memory back", lambda: gateway.metrics().value("http_request_memory_bytes") == 0)


def fill(gateway, clients, head, rest):
    """Sends all but the last byte of each request; gives those that were not refused, and the refused ones' answers."""
    for client in clients:
        try:
            client.send(head + rest[:-1])
        except OSError:
            pass  # refused meanwhile; the answer can be read
    before, state = None, (0, 0)
    while state != before:  # until all has been read, and what is over the limit refused
        time.sleep(1.2)  # the gauge moves once a second
        before, state = state, (limit(gateway), gateway.metrics().value("http_request_memory_bytes"))
    going, answers = [], []
    for client in clients:
        client.socket.setblocking(False)
        try:
            is_going = client.socket.recv(1, harness.socket.MSG_PEEK) is None
        except BlockingIOError:
            is_going = True
        client.socket.settimeout(10)
        if is_going:
            going.append(client)
        else:
            answers.append(client.response())
            expect(client.is_closed(), "closed")
    return going, answers


def forms(body):
    return (
        (POST + b"Content-Length: %d\r\n\r\n" % len(body), body),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"),
    )


def test_bodies_of_many_clients_are_bounded(t):
    gateway, backend = start(t)
    body = b"{" + b" " * (MIB - 100_000) + b"}"
    refused = 0
    for head, rest in forms(body):
        before = feed.resident_bytes(gateway.pid)
        clients = [gateway.client() for _ in range(40)]
        going, answers = fill(gateway, clients, head, rest)
        growth = feed.resident_bytes(gateway.pid) - before
        expect_within(len(going), 6, 16, "bodies that fit in 16 MiB")
        expect(growth < 40 * MIB + t.memory_slack, f"the gateway grew by {growth} bytes")
        for answer in answers:
            expect_error(answer, 503, 14, NO_MEMORY)
        refused += len(answers)
        expect_equal((len(going) + len(answers), limit(gateway)), (40, refused))
        expect(gateway.metrics().value("http_request_memory_bytes") <= 16 * MIB, "the gauge")
        expect_equal(gateway.get("/v1/users/1").status, 200, "a request without body")
        expect_equal(gateway.post("/v1/users", "{}").status, 200, "a small one")
        for client in going:
            client.send(rest[-1:])
            expect_equal(client.response().status, 200, "one that fits")
            client.close()
        expect_all_given_back(gateway)
    expect_equal(limit(gateway, "request_memory_per_connection"), 0)


def test_bodies_behind_100_continue_are_bounded(t):
    gateway, _ = start(t)
    body = b"{" + b" " * (MIB - 100_000) + b"}"
    for first in b"", b"GET /v1/users/1 HTTP/1.1\r\nHost: x\r\n\r\n":  # behind another request, too
        for head, rest in forms(body):
            clients = [gateway.client() for _ in range(30)]
            for client in clients:
                client.send(first + head.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
            for client in clients:
                expect_equal([client.response().status for _ in range(2 if first else 1)], [200, 100] if first else [100])
            going, answers = fill(gateway, clients, b"", rest)
            expect_within(len(going), 6, 16, "bodies that fit in 16 MiB")
            for answer in answers:
                expect_error(answer, 503, 14, NO_MEMORY)
            for client in going:
                client.send(rest[-1:])
                expect_equal(client.response().status, 200, "one that fits")
                client.close()
            expect_all_given_back(gateway)


def test_tls_clients_are_bounded(t):
    authority = Authority(t)
    certificate, key = authority.issue("server", "DNS:localhost")
    tls = f'PORT@", tls: {{certificate: {certificate}, key: {key}}}}}'
    gateway, _ = start(t, config=USER.replace('PORT@"}', tls))
    context = harness.ssl.create_default_context(cafile=authority.certificate)
    clients = [harness.RawClient(gateway.port, tls=context) for _ in range(30)]
    head, rest = forms(b"{" + b" " * (MIB - 100_000) + b"}")[0]
    refused = 0
    for client in clients:
        try:
            client.send(head + rest[:-1])
        except OSError:
            pass
    wait_for("refusals", lambda: limit(gateway) >= 30 - 16)
    for client in clients:
        try:
            client.send(rest[-1:])
        except OSError:
            pass
        status = client.response().status
        expect(status in (200, 503), f"status {status}")
        refused += status == 503
        client.close()
    expect_equal(refused, limit(gateway))
    expect_all_given_back(gateway)


def test_clients_that_leave_give_back(t):
    gateway, _ = start(t)
    head, rest = forms(b"{" + b" " * (MIB - 100_000) + b"}")[0]
    for leave in "close", "reset":
        clients = [gateway.client() for _ in range(6)]
        going, _ = fill(gateway, clients, head, rest)
        expect_equal(len(going), 6)
        wait_for("the gauge", lambda: gateway.metrics().value("http_request_memory_bytes") >= 6 * MIB)
        for client in clients:
            getattr(client, leave)()
        expect_all_given_back(gateway)


def test_heads_count_too(t):
    gateway, _ = start(t)
    clients = [gateway.client() for _ in range(300)]
    for client in clients:
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 60000)
    wait_for("refusals", lambda: limit(gateway) >= 300 - 16 * MIB // 65536)
    answered = 0
    for client in clients:
        try:
            client.send(b"\r\n\r\n")
        except OSError:
            pass
        response = client.response()
        if response.status == 503:
            expect_error(response, 503, 14, NO_MEMORY)
            answered += 1
        client.close()
    expect_equal(answered, limit(gateway))
    expect_all_given_back(gateway)


def open_posts(client, count, size):
    """Streams with bodies that have not ended."""
    client.settle()  # for the gateway's windows
    streams = []
    for _ in range(count):
        stream = client.request("/v1/users", "POST", H2_JSON, end=False)
        for sent in range(0, size, 16384):
            client.send(h2.DATA, 0, stream, b" " * min(16384, size - sent))
        client.settle()
        streams.append(stream)
    return streams


def test_an_http2_connection_has_its_own_bound(t):
    gateway, _ = start(t)
    with h2.Client(gateway.port) as client:
        streams = open_posts(client, 40, 250_000)
        refused = [stream for stream in streams if client.answers[stream].status is not None]
        expect_equal(len(refused), 40 - 16, "16 of 256 KiB each fit")
        for stream in refused:
            answer = client.answer(stream)
            expect_equal(answer.status, 503)
            expect(NO_CONNECTION_MEMORY.encode() in answer.body, f"the message of {answer}")
        expect_equal(limit(gateway, "request_memory_per_connection"), len(refused))
        expect_equal(client.answer(client.request()).status, 200, "a request without body")
        for stream in set(streams) - set(refused):
            client.send(h2.DATA, h2.END_STREAM, stream, b"{}")
            expect_equal(client.answer(stream).status, 200, "one that fits")
        expect_equal(client.answer(open_and_end(client)).status, 200, "another one")
        expect(client.goaway is None, "no GOAWAY")
    expect_all_given_back(gateway)
    expect_equal(limit(gateway), 0)


def open_and_end(client):
    stream = open_posts(client, 1, 250_000)[0]
    client.send(h2.DATA, h2.END_STREAM, stream, b"{}")
    return stream


def test_http2_connections_share_the_total(t):
    gateway, _ = start(t)
    clients = [h2.Client(gateway.port) for _ in range(8)]
    streams = [open_posts(client, 16, 250_000) for client in clients]
    refused = 0
    for client, of_client in zip(clients, streams):
        for stream in of_client:
            if client.answers[stream].status is None:
                client.send(h2.DATA, h2.END_STREAM, stream, b"{}")
                expect_equal(client.answer(stream).status, 200)
            else:
                answer = client.answer(stream)
                expect(answer.status == 503 and NO_MEMORY.encode() in answer.body, f"{answer}")
                refused += 1
        client.socket.close()
    expect_within(refused, 8 * 16 - 64, 8 * 16 - 60, "requests over 16 MiB")
    expect_equal(limit(gateway), refused)
    expect_all_given_back(gateway)


def test_resets_give_back(t):
    gateway, _ = start(t)
    with h2.Client(gateway.port) as client:
        for _ in range(5):
            streams = open_posts(client, 16, 250_000)
            expect(all(client.answers[stream].status is None for stream in streams), "all fit")
            for stream in streams:
                client.send(h2.RST_STREAM, 0, stream, b"\0\0\0\x08")
            client.settle()
    expect_all_given_back(gateway)


def test_messages_that_do_not_end_are_bounded(t):
    """A stream's message is kept until it is whole, outside of the stream's window."""

    def collect(requests, _):
        return feed.protos(t).new("feed.v1.Summary", items=len(list(requests)))

    gateway = feed.gateway(t, feed.backend(t, Collect=collect), limits=LIMITS)
    with h2.Client(gateway.port) as client:
        client.settle()
        streams = []
        for _ in range(24):
            stream = client.request("/v1/feeds/news/items", "POST", [NDJSON], end=False)
            client.send(h2.DATA, 0, stream, b'{"number": 1}\n{"text":"')
            for _ in range(250_000 // 16384):
                client.send(h2.DATA, 0, stream, b"x" * 16384)
            client.settle()
            streams.append(stream)
        refused = [stream for stream in streams if client.answers[stream].is_over()]
        expect_within(len(refused), 24 - 16, 24 - 6, "refused")
        for stream in refused:
            answer = client.answers[stream]
            expect(answer.status == 503 or answer.reset == h2.ENHANCE_YOUR_CALM, f"{answer}")
        # Their ends move them out of what is kept; while that is twice there, some more have no room.
        whole = 0
        for stream in set(streams) - set(refused):
            client.send(h2.DATA, h2.END_STREAM, stream, b'"}')
            answer = client.answer(stream)
            expect(answer.status in (200, 503), f"{answer}")
            whole += answer.status == 200
        expect(whole >= 6, f"{whole} of {len(streams) - len(refused)} were whole")
    expect_equal(limit(gateway, "request_memory_per_connection"), len(streams) - whole)
    expect_all_given_back(gateway)


def test_streams_that_are_held_up_are_bounded(t):
    """What waits within the windows of streams whose backend takes nothing."""
    gateway = feed.gateway(t, t.http2_backend(lambda *_: None), limits=LIMITS)
    line = b'{"text":"' + b"x" * 16000 + b'"}\n'
    with h2.Client(gateway.port) as client:
        client.settle()
        streams = [client.request("/v1/feeds/news/items", "POST", [NDJSON], end=False) for _ in range(40)]
        client.settle()
        for stream in streams:
            for _ in range(15):
                client.send(h2.DATA, 0, stream, line)
            client.settle()
        refused = [stream for stream in streams if client.answers[stream].is_over()]
        expect_within(len(refused), 40 - 18, 40 - 14, "streams that were refused")
        for stream in refused:
            answer = client.answers[stream]
            expect(answer.reset == h2.ENHANCE_YOUR_CALM or answer.status == 503, f"{answer}")
        expect(any(client.answers[stream].reset for stream in refused), "resets")
        expect_equal(limit(gateway, "request_memory_per_connection"), len(refused))
        expect_within(gateway.metrics().value("http_request_memory_bytes"), 0, 4 * MIB, "the gauge")
    expect_all_given_back(gateway)


def test_websocket_messages_are_bounded(t):
    gateway = feed.gateway(t, feed.backend(t, Chat=echo), limits=LIMITS)
    size = 250_000
    begin = frame(TEXT, b'{"text":"' + b"x" * size, fin=False)
    clients = []
    for _ in range(100):
        client = WebSocket(gateway.port, "/v1/feeds/news:chat")
        client.send_raw(begin)
        clients.append(client)
    wait_for("refusals", lambda: limit(gateway) >= 100 - 64)
    time.sleep(0.2)
    refused = whole = 0
    for client in clients:
        try:
            client.send_raw(frame(CONTINUATION, b'"}'))
        except OSError:
            pass
        message = client.message()
        if message is None:
            client.expect_end(1013, "no memory")
            refused += 1
        else:
            expect_equal(len(message["text"]), size)
            whole += 1
            client.close()
    expect_equal(refused, limit(gateway))
    expect(whole >= 16, f"{whole} messages had room")
    expect_all_given_back(gateway)
