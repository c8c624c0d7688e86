"""What a backend may announce for a whole connection, and how it may end one: frame by frame, at moments of its choice."""

import collections
import queue
import socket
import struct
import threading
import time

import feed
import grpc
import h2
import harness
from gateway_config import USER, user_answer, user_gateway
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
    """`on_call(connection, stream)` sees each whole request, in a thread of the connection; on_data(connection, stream,
    payload) the bytes of its messages before that. `settings` come first. Windows are never opened."""

    def __init__(self, t, on_call, on_data=None, **settings):
        self.connections, self._on_call, self._on_data, self._settings = [], on_call, on_data, settings
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
            if kind == FRAME_DATA and self._on_data is not None:
                self._on_data(connection, stream, payload)
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


# --- endpoints that are full ---


class Full:
    """A backend with two streams at a time, which answers when it is told to."""

    def __init__(self, t):
        self._held = queue.Queue()
        self.backend = Backend(t, lambda connection, stream: self._held.put((connection, stream)), streams=2)
        self.address = self.backend.address

    def fill(self, gateway, endpoints=1):
        self.held = Calls(gateway, 2 * endpoints)
        harness.wait_for("the streams to be used up", lambda: self.backend.calls == 2)

    def answer(self, count):
        for _ in range(count):
            connection, stream = self._held.get(timeout=10)
            connection.answer(stream)


def test_a_full_endpoint_gets_no_calls_while_another_has_room(t):
    full, idle = Full(t), Backend(t, Connection.answer)
    gateway = user_gateway(t, full.address, idle.address, config=pool(1, 1))
    full.fill(gateway, endpoints=2)
    begin = time.monotonic()
    for _ in range(10):
        expect_equal(Calls(gateway, 20).statuses(), {200: 20}, "statuses")
    print(f"     200 calls beside a full endpoint: {time.monotonic() - begin:.2f} s")
    expect_equal((full.backend.calls, pending(gateway)), (2, 0), "calls of the full one, and waiting ones")
    full.answer(2)
    expect_equal(full.held.statuses(), {200: 4}, "those that filled it")


def test_calls_that_wait_move_to_the_first_room(t):
    """To an endpoint that comes back; and to the full one, when calls on it end."""
    port = harness.free_port()
    full = Full(t)
    gateway = user_gateway(t, full.address, f"127.0.0.1:{port}", config=pool(1, 1))
    full.fill(gateway)
    calls = Calls(gateway, 20)
    harness.wait_for("the calls to wait", lambda: pending(gateway) == 20)
    full.answer(1)
    harness.wait_for("one to move", lambda: full.backend.calls == 3 and pending(gateway) == 19)
    other = t.backend({"user.v1.UserService/GetUser": lambda request, _: user_answer(t, id=request.id)}, port=port)
    harness.wait_for("the others to move", lambda: pending(gateway) == 0)
    full.answer(2)
    expect_equal(calls.statuses(), {200: 20}, "statuses")
    expect_equal(other.calls.total(), 19, "calls of the one that came back")


def test_calls_that_wait_are_counted(t):
    """At most max_pending: beyond it 503 at once. Who leaves, and whose time is up, gives the place back."""
    full = Full(t)
    gateway = user_gateway(t, full.address, config=pool(1, 1, timeout="60s\n    max_pending: 5"))
    full.fill(gateway)

    def is_refused():
        begin = time.monotonic()
        body = expect_error(gateway.get("/v1/users/7"), 503, 14)
        expect_equal(body["message"], "user-service: all endpoints are full, and 5 calls wait already")
        expect_within(time.monotonic() - begin, 0, 5, "seconds")

    for leave in True, False:
        waiting = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(5)]
        for one in waiting:
            one.sendall(b"GET /v1/users/8 HTTP/1.1\r\nHost: x\r\n\r\n")
        harness.wait_for("the calls to wait", lambda: pending(gateway) == 5)
        is_refused()
        if leave:
            for one in waiting:
                one.close()
            harness.wait_for("the places to be free", lambda: pending(gateway) == 0)
    expect_equal(full.backend.calls, 2, "calls that were sent")
    full.answer(7)
    for one in waiting:
        expect(one.recv(4096).startswith(b"HTTP/1.1 200"), "the answer of one that waited")
        one.close()
    expect_equal(full.held.statuses(), {200: 2}, "those that filled it")


def test_a_deadline_passes_while_a_call_waits(t):
    full = Full(t)
    gateway = user_gateway(t, full.address, config=pool(1, 1, timeout="300ms\n    max_pending: 20", config=CONFIG + """
limits: {request_timeout: 300ms}
"""))
    for _ in range(2):
        calls = Calls(gateway, 22)
        expect_equal(calls.statuses(), {504: 22}, "statuses")
        expect_equal(pending(gateway), 0, "calls that wait")


def test_a_backend_that_counts_streams_a_moment_longer(t):
    """As gRPC's C core does at times: it refuses who takes the place of a call that it has just answered."""
    refused, left, lock = [0], collections.Counter(), threading.Lock()

    def on_call(connection, stream):
        now = time.monotonic()
        with lock:
            connection.gone = [one for one in getattr(connection, "gone", []) if one > now - 0.004]
            is_full = len(connection.gone) >= 5
            refused[0] += is_full
            if not is_full:
                connection.gone.append(now)
        if is_full:
            connection.reset(stream, REFUSED_STREAM)
        else:
            connection.answer(stream)

    backend = Backend(t, on_call, streams=5)
    gateway = user_gateway(t, backend.address, config=pool(1, 4))
    statuses = collections.Counter()
    for _ in range(20):
        statuses += Calls(gateway, 40).statuses()
    print(f"     {refused[0]} of {backend.calls} refused")
    expect_equal(statuses, {200: 800}, "statuses")
    expect_within(refused[0], 1, 20, "refusals: each of 4 connections learns by one turn of 5")


# --- ends ---


def by_turns(*actions):
    """A backend's on_call that does one after the other, and then answers."""
    left = list(actions)

    def on_call(connection, stream):
        (left.pop(0) if left else Connection.answer)(connection, stream)

    return on_call


def test_how_a_connection_may_be_retired(t):
    """The call of the GOAWAY is answered, or was not taken and goes again; the next ones go on another connection."""
    def announced(connection, stream):
        connection.goaway(ALL_STREAMS)
        connection.goaway(stream)
        connection.answer(stream)

    def closed_behind_the_answer(connection, stream):
        connection.answer(stream)
        connection.goaway(stream)
        connection.close()

    def half_closed(connection, stream):
        connection.goaway(stream)
        connection.answer(stream)
        connection.finish()

    def with_an_error(code):
        def go(connection, stream):
            connection.goaway(stream, code)
            connection.answer(stream)

        return go

    def not_taken(connection, stream):
        connection.goaway(0)

    def not_taken_and_closed(connection, stream):
        connection.goaway(0)
        connection.close()

    def decreasing(connection, stream):
        for last in ALL_STREAMS, 1001, stream:
            connection.goaway(last)
        connection.answer(stream)

    def not_taken_with_an_error(connection, stream):
        connection.goaway(0, ENHANCE_YOUR_CALM)

    for retire in (announced, closed_behind_the_answer, half_closed, with_an_error(NO_ERROR), with_an_error(INTERNAL_ERROR),
                   with_an_error(ENHANCE_YOUR_CALM), decreasing, not_taken, not_taken_and_closed, not_taken_with_an_error):
        backend = Backend(t, by_turns(retire))
        gateway = user_gateway(t, backend.address, config=pool(1, 1))
        for i in range(3):
            response = gateway.post("/v1/users", {"username": "a"})
            expect_equal(response.status, 200, f"call {i}, {retire.__name__}: {response}")
        expect_equal([one.streams for one in backend.connections][1:], [[1, 3, 5][:len(backend.connections[1].streams)]],
                     f"calls on the second connection: {retire.__name__}")
        again = int(retire in (not_taken, not_taken_and_closed, not_taken_with_an_error))
        expect_equal(backend.calls, 3 + again, f"calls that were sent: {retire.__name__}")


def test_what_a_backend_may_have_begun_with_is_not_sent_again(t):
    """Whatever it does with a call that it does not say it left alone."""
    def closes(connection, stream):
        connection.close()

    def finishes(connection, stream):
        connection.finish()

    def took_it_and_closes(connection, stream):
        connection.goaway(stream)
        connection.close()

    def may_have_taken_it(connection, stream):
        connection.goaway(ALL_STREAMS)
        connection.close()

    def refuses_too_late(connection, stream):
        connection.send(frame(FRAME_HEADERS, END_HEADERS, stream, HEADERS))
        connection.reset(stream, REFUSED_STREAM)

    def goes_away_too_late(connection, stream):
        connection.send(frame(FRAME_HEADERS, END_HEADERS, stream, HEADERS))
        connection.goaway(0)

    def raises_the_last_stream(connection, stream):
        connection.goaway(stream)
        connection.goaway(ALL_STREAMS)

    ends = [closes, finishes, took_it_and_closes, may_have_taken_it, refuses_too_late, goes_away_too_late,
            raises_the_last_stream]
    for code in range(16):
        if code != REFUSED_STREAM:
            ends.append(lambda connection, stream, code=code: connection.reset(stream, code))
    backends = [Backend(t, lambda connection, stream: end[0](connection, stream)) for _ in range(2)]
    gateway = user_gateway(t, *(one.address for one in backends), config=pool(1, 1))
    end = [None]
    for number, end[0] in enumerate(ends):
        what = f"end {number}, {end[0].__name__}"
        response = gateway.post("/v1/users", {"username": "a"})
        expect(response.status in (403, 429, 499, 502, 503), f"{what}: {response}")
        expect_equal(sum(one.calls for one in backends), number + 1, f"calls after {what}")
    end[0] = Connection.answer
    expect_equal(Calls(gateway, 20).statuses(), {200: 20}, "statuses afterwards")


def test_refusals_are_not_asked_for_again_and_again(t):
    """One call reaches at most two backends that refuse it, and three connections that are retired."""
    def refuse(connection, stream):
        connection.reset(stream, REFUSED_STREAM)

    def retire(connection, stream):
        connection.goaway(0)
        connection.close()

    def end_by_error(connection, stream):
        connection.goaway(0, ENHANCE_YOUR_CALM)
        connection.close()

    for on_call, most in (refuse, 2), (end_by_error, 2), (retire, 3):
        for count in 1, 5:
            backends = [Backend(t, on_call) for _ in range(count)]
            gateway = user_gateway(t, *(one.address for one in backends), config=pool(1, 1))
            expect_error(gateway.post("/v1/users", {"username": "a"}), 503, 14)
            expect_equal(sum(one.calls for one in backends), most, f"calls of {count} where each does {on_call.__name__}")


def test_a_connection_for_each_call_is_made_as_fast_as_calls_come(t):
    """What ends behind each answer is replaced, but not more often."""
    def answer_and_retire(connection, stream):
        connection.goaway(stream)
        connection.answer(stream)
        connection.close()

    backend = Backend(t, answer_and_retire, streams=1)
    gateway = user_gateway(t, backend.address, config=pool(1, 4))
    expect_equal(Calls(gateway, 40).statuses(), {200: 40}, "statuses")
    expect_equal(backend.calls, 40, "calls")
    time.sleep(0.5)
    expect_within(len(backend.connections), 40, 44, "connections: one a call, and those that wait for more")


def test_connections_that_carry_nothing_are_not_made_without_end(t):
    """A backend that ends each connection before a call of it is answered: pauses grow, whatever clients ask for."""
    def end(connection, stream):
        connection.close()

    backend = Backend(t, end)
    gateway = user_gateway(t, backend.address, config=pool(1, 4))
    stop = time.monotonic() + 2
    statuses = collections.Counter()
    while time.monotonic() < stop:
        statuses += Calls(gateway, 10).statuses()
    print(f"     {len(backend.connections)} connections in 2 s, {statuses}")
    expect_equal(set(statuses), {503}, "statuses")
    expect_within(len(backend.connections), 2, 30, "connections")


# --- streams ---


def chat(t, gateway):
    request, answer = feed.protos(t).method("feed.v1.Feed/Chat")
    outgoing = queue.Queue()
    call = t.channel(gateway.port).stream_stream("/feed.v1.Feed/Chat", request.SerializeToString, answer.FromString)
    return outgoing, call(iter(outgoing.get, None), timeout=20)


def test_a_stream_goes_again_while_its_first_message_is_held(t):
    """Refused or retired behind the first message: that one and what follows reach the next connection, in order."""
    config = feed.CONFIG.replace("- annotations: feed.v1.Feed", "- service: feed.v1.Feed")
    config = config.replace("timeout: 500ms", "timeout: 10s\n    pool: {initial_size: 1, max_size: 1}")

    def refuse(connection, stream):
        connection.reset(stream, REFUSED_STREAM)

    def retire(connection, stream):
        connection.goaway(0)

    def close(connection, stream):
        connection.close()

    def run(end, text, messages, again):
        """(status, what came of each stream of the call)."""
        got, seen = [], threading.Condition()

        def on_data(connection, stream, payload):
            with seen:
                if not got or got[-1][0] != (connection, stream):
                    got.append([(connection, stream), b""])
                got[-1][1] += payload
                size = len(got[-1][1])
                seen.notify_all()
            if len(got) == 1 and size >= messages * (len(item) + 5):
                end(connection, stream)

        def on_end(connection, stream):
            connection.send(frame(FRAME_HEADERS, END_HEADERS, stream, HEADERS),
                            frame(FRAME_HEADERS, END_HEADERS | END_STREAM, stream, TRAILERS))

        gateway = feed.gateway(t, Backend(t, on_end, on_data), config=config)
        outgoing, call = chat(t, gateway)
        item = feed.item(t, text=text).SerializeToString()
        for number in range(messages):
            outgoing.put(feed.item(t, text=text))
            with seen:
                expect(seen.wait_for(lambda number=number: got and len(got[0][1]) >= (number + 1) * (len(item) + 5), 10),
                       "the message has come")
        with seen:
            seen.wait_for(lambda: len(got) > 1, 10 if again else 0.05)
        outgoing.put(feed.item(t, text="next"))
        outgoing.put(None)
        try:
            list(call)
        except grpc.RpcError:
            pass
        return call.code(), [data for _, data in got], b"\0" + struct.pack(">I", len(item)) + item

    for end, again in (refuse, True), (retire, True), (close, False):
        for text, messages in ("small", 1), ("small", 2), ("large" * 1000, 1):
            goes_again = again and messages == 1 and text == "small"
            code, streams, first = run(end, text, messages, goes_again)
            what = f"{end.__name__} after {messages} of {len(first)} bytes: {code}"
            if goes_again:
                expect_equal(code, grpc.StatusCode.OK, what)
                expect_equal(len(streams), 2, f"streams, {what}")
                expect(streams[1].startswith(first) and len(streams[1]) == len(first) + 5 + len("next") + 2,
                       f"{what}: {streams}")
            else:
                expect_equal(code, grpc.StatusCode.UNAVAILABLE, what)
                expect_equal(len(streams), 1, f"streams, {what}")
