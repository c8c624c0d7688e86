"""What a backend may announce for a whole connection, and how it may end one: frame by frame, at moments of its choice."""

import collections
import socket
import struct
import threading
import time

import h2
import harness
from gateway_config import USER, user_gateway
from harness import (FRAME_DATA, FRAME_GOAWAY, FRAME_HEADERS, FRAME_PING, FRAME_RST, FRAME_SETTINGS, expect, expect_equal,
                     expect_error, expect_within, frame)

END_STREAM, END_HEADERS, ACK = 1, 4, 1
MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 3, 4
NO_ERROR, INTERNAL_ERROR, REFUSED_STREAM, ENHANCE_YOUR_CALM = 0, 2, 7, 11
ALL_STREAMS = 0x7FFFFFFF

USER_7 = b"\0\0\0\0\x05" + b"\x0a\x03\x0a\x017"
HEADERS = h2.hpack([(":status", "200"), ("content-type", "application/grpc")])
TRAILERS = h2.hpack([("grpc-status", "0")])

# One worker, and as few connections as the test says.
CONFIG = USER.replace("workers: 2", "workers: 1")


class Connection:
    """Of the gateway to a backend: what it has sent, and frames to answer with."""

    def __init__(self, plain):
        self._socket, self._lock = plain, threading.Lock()
        self.streams = []  # in the order of their headers
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, *frames):
        with self._lock:
            self._socket.sendall(b"".join(frames))

    def settings(self, **values):
        names = {"streams": MAX_CONCURRENT_STREAMS, "window": INITIAL_WINDOW_SIZE}
        self.send(frame(FRAME_SETTINGS, 0, 0, b"".join(struct.pack(">HI", names[name], value)
                                                      for name, value in values.items())))

    def answer(self, stream):
        self.send(frame(FRAME_HEADERS, END_HEADERS, stream, HEADERS), frame(FRAME_DATA, 0, stream, USER_7),
                  frame(FRAME_HEADERS, END_HEADERS | END_STREAM, stream, TRAILERS))

    def reset(self, stream, code):
        self.send(frame(FRAME_RST, 0, stream, struct.pack(">I", code)))

    def goaway(self, last, code=NO_ERROR):
        self.send(frame(FRAME_GOAWAY, 0, 0, struct.pack(">II", last, code)))

    def finish(self):
        self._socket.shutdown(socket.SHUT_WR)

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)


class Backend:
    """`on_call(connection, stream)` sees each whole request, in a thread of the connection; `settings` come first. Windows
    are never opened."""

    def __init__(self, t, on_call, **settings):
        self.connections, self._on_call, self._settings = [], on_call, settings
        self.raw = t.raw_backend(self._serve)
        self.address = self.raw.address

    @property
    def calls(self):
        return sum(len(one.streams) for one in self.connections)

    def _serve(self, plain):
        connection = Connection(plain)
        self.connections.append(connection)
        harness.receive(plain, len(harness.PREFACE))
        connection.settings(**self._settings)
        while True:
            head = harness.receive(plain, 9)
            kind, flags, stream = struct.unpack(">BBI", head[3:])
            payload = harness.receive(plain, int.from_bytes(head[:3], "big"))
            if kind in (FRAME_SETTINGS, FRAME_PING) and not flags & ACK:
                connection.send(frame(kind, ACK, 0, payload if kind == FRAME_PING else b""))
            elif kind == FRAME_HEADERS:
                connection.streams.append(stream)
            if kind in (FRAME_HEADERS, FRAME_DATA) and flags & END_STREAM:
                self._on_call(connection, stream)


def pool(initial, most, timeout="10s", config=CONFIG):
    return config.replace("timeout: 2s", f"timeout: {timeout}\n    pool: {{initial_size: {initial}, max_size: {most}}}")


class Calls:
    """`count` GETs at once."""

    def __init__(self, gateway, count, path="/v1/users/7"):
        self.answers = []
        self._threads = [threading.Thread(target=lambda: self.answers.append(gateway.get(path))) for _ in range(count)]
        for one in self._threads:
            one.start()

    def statuses(self):
        for one in self._threads:
            one.join()
        return collections.Counter(answer.status for answer in self.answers)


def pending(gateway):
    return gateway.metrics().sum("upstream_pending", upstream="user-service")


# --- limits that change ---


def test_no_stream_or_no_window_is_no_room(t):
    """Calls go to who has room; where nobody has, they wait, and go on when it comes."""
    for held_back in {"streams": 0}, {"window": 0}:
        backend = Backend(t, Connection.answer, **held_back)
        other = Backend(t, Connection.answer)
        gateway = user_gateway(t, backend.address, other.address, config=pool(1, 1))
        expect_equal(Calls(gateway, 20).statuses(), {200: 20}, f"statuses with {held_back}")
        expect_equal(backend.calls, 0, f"calls of who said {held_back}")

        gateway = user_gateway(t, backend.address, config=pool(1, 1))
        calls = Calls(gateway, 20)
        harness.wait_for("the calls to wait", lambda: pending(gateway) == 20)
        expect_equal(backend.calls, 0, f"calls of who said {held_back}")
        backend.connections[-1].settings(**{name: 100000 for name in held_back})
        expect_equal(calls.statuses(), {200: 20}, f"statuses when {held_back} is raised")
        expect_equal(pending(gateway), 0, "calls that wait")


def test_limits_may_change_under_way(t):
    """Streams and windows up and down, below what is in use: nothing fails, and nothing hangs."""
    def later(connection, stream):
        threading.Timer(0.02, lambda: connection.answer(stream)).start()

    backend = Backend(t, later, streams=100)
    gateway = user_gateway(t, backend.address, config=pool(1, 2))
    calls = [Calls(gateway, 20) for _ in range(5)]
    for _ in range(20):
        for change in {"streams": 1}, {"window": 0}, {"streams": 0}, {"window": 7}, {"streams": 3, "window": ALL_STREAMS}:
            for connection in backend.connections:
                connection.settings(**change)
            time.sleep(0.002)
    for connection in backend.connections:
        connection.settings(streams=100, window=65535)
    for one in calls:
        expect_equal(one.statuses(), {200: 20}, "statuses")
    expect_within(len(backend.connections), 1, 2, "connections")
