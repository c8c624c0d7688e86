"""Header blocks of backends that are larger than what is kept of one (64 KiB, 256 fields): they cost the call that they
answer, and no other on its connection."""

import json
import os
import threading
import time

import grpc
import harness
from gateway_config import USER, endpoints, user_answer, user_gateway
from h2 import hpack, hpack_integer, hpack_string
from harness import FRAME_GOAWAY, FRAME_HEADERS, FRAME_RST, expect, expect_equal, expect_error, frame, wait_for
from others import GET_USER, Others
from test_backends import GRPC, USER_7, answering, data, headers
from test_grpc_web import WEB, WebAnswer, framed
from websocket import WebSocket

FRAME_CONTINUATION = 9
END_STREAM, END_HEADERS = 1, 4
KIB, MIB = 1 << 10, 1 << 20
OVER = "the answer's metadata take"
INVALID = grpc.StatusCode.INVALID_ARGUMENT


def raises(text):
    raise ValueError(text)


def with_trailers(*trailers):
    def act(context):
        context.set_trailing_metadata(trailers)
        context.abort(INVALID, "m")

    return act


def with_headers(*metadata):
    return lambda context: context.send_initial_metadata(metadata)


# What a handler does, and how the error begins.
CASES = {
    "message": (lambda context: context.abort(INVALID, "m" * 70 * KIB), f"{OVER} 71"),
    "escaped message": (lambda context: context.abort(INVALID, "\n" * 30 * KIB), f"{OVER} 92"),
    "message of 1 MiB": (lambda context: context.abort(INVALID, "m" * MIB), f"{OVER} 1048"),
    "message of 20 MiB": (lambda context: context.abort(INVALID, "m" * 20 * MIB), f"{OVER} 20971"),
    "exception": (lambda context: raises("e" * 70 * KIB), f"{OVER} 71"),
    "details": (with_trailers(("grpc-status-details-bin", b"\x08" * 70 * KIB)), OVER),
    "random details": (with_trailers(("grpc-status-details-bin", os.urandom(70 * KIB))), OVER),
    "trailer": (with_trailers(("x-big", "v" * 70 * KIB)), f"{OVER} 71"),
    "name of a trailer": (with_trailers(("n" * 70 * KIB, "v")), OVER),
    "200 trailers": (with_trailers(*((f"x-{i}", "v" * KIB) for i in range(200))), f"{OVER} 212"),
    "1500 trailers": (with_trailers(*((f"x-{i}", "v" * KIB) for i in range(1500))), f"{OVER} 1049"),
    "300 small trailers": (with_trailers(*((f"x-{i}", "v") for i in range(300))), "the answer's metadata are over 256"),
    "initial metadata": (with_headers(("x-big", "v" * 70 * KIB)), f"{OVER} 71"),
    "initial metadata of 20 MiB": (with_headers(("x-big", "v" * 20 * MIB)), f"{OVER} 20971"),
    "200 of them": (with_headers(*((f"x-{i}", "v" * KIB) for i in range(200))), f"{OVER} 212"),
}


def get_user(t):
    """Does what the case of this id says, and answers."""

    def get(request, context):
        CASES[request.id][0](context)
        return user_answer(t, id=request.id)

    return {GET_USER: get}


def expect_one_connection(others):
    expect_equal(len(others.backend.peers), 1, "connections to the backend")


def logged_errors(gateway):
    return [line["error"] for line in gateway.access_log() if line["status"] == 502]


def test_rest(t):
    with Others(t, get_user(t)) as others:
        for case, (_, begin) in CASES.items():
            answer = others.gateway.get("/v1/users/" + case.replace(" ", "%20"))
            expect_error(answer, 502, 13, "user-service: " + begin)
            expect(len(answer.body) < 250, f"{case}: {len(answer.body)} bytes of answer")
    expect_one_connection(others)
    wait_for("all lines", lambda: len(logged_errors(others.gateway)) == len(CASES))
    line = "user-service: the answer's metadata take 71826 bytes, over 65536; grpc-message alone takes 71680"
    expect(line in logged_errors(others.gateway), line)


def test_grpc_and_web(t):
    with Others(t, get_user(t)) as others:
        stub = t.stub(others.gateway.port, "user.v1.UserService")
        for case, (_, begin) in CASES.items():
            error = stub.fails(grpc.StatusCode.RESOURCE_EXHAUSTED, "GetUser", id=case)
            expect(error.message.startswith("user-service: " + begin), error.message)
            request = t.protos.new("user.v1.GetUserRequest", id=case).SerializeToString()
            answer = others.gateway.post("/" + GET_USER, framed(request), {"Content-Type": WEB})
            trailers = WebAnswer(answer.body).trailers
            expect_equal(trailers["grpc-status"], "8", case)
            expect(trailers["grpc-message"].startswith("user-service: " + begin), str(trailers))
    expect_one_connection(others)


def test_calls_of_hooks(t):
    hook = t.write("hook.rb", """
        class Both
          def on_request(req)
            return unless req.headers["x-case"]
            answers = Sluice.all(-> { ask(req.headers["x-case"]) }, -> { ask(req.headers["x-case"]) })
            req.reply(200, body: answers.join("|"))
          end
          def ask(id)
            Sluice.call("user.v1.UserService/GetUser", {"id" => id})
            "answered"
          rescue Sluice::RPCError => e
            "#{e.code} #{e.message}"
          end
        end
        Both.new
    """)
    with Others(t, get_user(t), more=f"hooks: [{json.dumps(hook)}]\n") as others:
        for case, (_, begin) in CASES.items():
            answer = others.gateway.get("/v1/users/x", {"x-case": case})
            expect_equal(answer.status, 200, repr(answer))
            expect(answer.body.decode().count(begin) == 2, f"{case}: {answer}")
    expect_one_connection(others)


def test_statuses_are_fitted_to_their_client(t):
    """grpcio takes header lists of 8 KiB by default, and ends its connection for a larger one."""

    def get(request, context):
        kind, size = request.id.split()
        if kind == "slow":
            time.sleep(1)
            return user_answer(t, id=request.id)
        if kind == "trailer":
            context.set_trailing_metadata([("x-big", "v" * int(size))])
        if kind == "details":
            context.set_trailing_metadata([("grpc-status-details-bin", b"\x08" * int(size))])
        if kind == "initial":
            context.send_initial_metadata([("x-big", "v" * int(size))])
            return user_answer(t, id=request.id)
        context.abort(INVALID, "\u00e4" * int(size) if kind == "message" else "m")

    with Others(t, {GET_USER: get}) as others:
        stub, slow = t.stub(others.gateway.port, "user.v1.UserService"), []
        thread = threading.Thread(target=lambda: slow.append(stub("GetUser", id="slow 0").user.id))
        thread.start()
        expect_equal(stub.fails(INVALID, "GetUser", id="message 1000").message, "\u00e4" * 1000)
        for size in 2000, 10_000:
            message = stub.fails(INVALID, "GetUser", id=f"message {size}").message
            kept = message.removesuffix(" [cut off]")
            expect(1100 < len(kept) < 1366 and kept == "\u00e4" * len(kept) and kept != message, message)
        error = stub.fails(INVALID, "GetUser", id="details 20000")
        expect_equal((error.message, error.details), ("m", []))
        error = stub.fails(grpc.StatusCode.RESOURCE_EXHAUSTED, "GetUser", id="trailer 20000")
        expect("trailers take 200" in error.message and error.message.endswith("the client's 8192"), error.message)
        expect_equal(stub("GetUser", id="initial 7000").user.id, "initial 7000")
        error = stub.fails(grpc.StatusCode.RESOURCE_EXHAUSTED, "GetUser", id="initial 20000")
        expect("the answer's initial metadata take 20" in error.message, error.message)
        thread.join()
        expect_equal(slow, ["slow 0"], "the call beside them")
        stub = harness.Stub(t.protos, t.channel(others.gateway.port, max_metadata_size=64 * KIB), "user.v1.UserService")
        expect_equal(stub.fails(INVALID, "GetUser", id="message 10000").message, "\u00e4" * 10_000)


# --- streams ---

FEED = "feed.v1.Feed"


def both_services(t):
    """Others whose backend has feed.v1.Feed too: messages, then what the feed's case does."""
    here = os.path.dirname(os.path.abspath(__file__))
    include = [here, os.path.join(t.source, "proto")]
    protos = harness.Protos(harness.compile_protos(include, ["feed.proto", "user/v1/user.proto"]))

    def watch(request, context):
        if request.feed in ("initial metadata", "200 of them"):
            CASES[request.feed][0](context)
        for number in range(2):
            yield protos.new("feed.v1.Item", number=number)
        CASES[request.feed][0](context)

    def chat(items, context):
        for item in items:
            yield item
            CASES[item.feed][0](context)

    methods = {f"{FEED}/Watch": watch, f"{FEED}/Chat": chat}
    backend = t.backend({GET_USER: lambda request, context: user_answer(t, id=request.id), **methods}, protos, threads=26)
    return Others(t, backend=backend, replace={
        '"@SET@"': json.dumps(t.write("both.binpb", protos.bytes)),
        "routes:\n": f"routes:\n  - {{annotations: {FEED}, upstream: user-service}}\n"
                     f"  - {{service: {FEED}, upstream: user-service}}\n",
    }), protos


def path_of(case):
    return "/v1/feeds/" + case.replace(" ", "%20")


STREAM_CASES = ["message", "message of 20 MiB", "details", "trailer", "200 trailers", "1500 trailers"]


def test_rest_streams(t):
    others, _ = both_services(t)
    with others:
        for accept, last in ("application/x-ndjson", '{"error":'), ("text/event-stream", "data: "):
            for case in STREAM_CASES:
                stream = others.gateway.stream("GET", path_of(case), headers={"Accept": accept})
                lines = [line for line in iter(stream.line, None) if line]
                expect('"number":"1"' in "".join(lines), f"{case}: {lines}")
                expect(lines[-1].startswith(last) and CASES[case][1] in lines[-1], f"{case}: {lines}")
                stream.close()
            for case in "initial metadata", "200 of them":
                answer = others.gateway.get(path_of(case), {"Accept": accept})
                expect_error(answer, 502, 13, CASES[case][1])
    expect_one_connection(others)


def test_grpc_streams(t):
    others, protos = both_services(t)
    with others:
        channel = t.channel(others.gateway.port)
        for method, kind in ("Watch", channel.unary_stream), ("Chat", channel.stream_stream):
            request, response = protos.method(f"{FEED}/{method}")
            call = kind(f"/{FEED}/{method}", request.SerializeToString, response.FromString)
            for case in STREAM_CASES:
                stop = threading.Event()

                def items(case=case, stop=stop, request=request):
                    yield request(feed=case)
                    stop.wait(10)  # the client's side stays open

                got = []
                try:
                    for item in call(items() if method == "Chat" else request(feed=case), timeout=20):
                        got.append(item)
                    raise harness.Failure(f"{method}, {case}: ended well")
                except grpc.RpcError as error:
                    expect_equal(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED, f"{case}: {error.details()}")
                    expect(CASES[case][1] in error.details(), error.details())
                finally:
                    stop.set()
                expect_equal(len(got), 2 if method == "Watch" else 1, case)
    expect_one_connection(others)


def test_websockets(t):
    others, _ = both_services(t)
    with others:
        for case in STREAM_CASES:
            client = WebSocket(others.gateway.port, path_of(case) + ":chat")
            client.send({})
            expect_equal(client.message()["feed"], case)
            client.expect_end(4013, CASES[case][1])
    expect_one_connection(others)


# --- backends that mean it ---


def cut(stream, block, step=16384, end=True):
    """The frames of a block."""
    parts = [block[i:i + step] for i in range(0, len(block), step)] or [b""]
    out = b""
    for i, part in enumerate(parts):
        flags = (END_HEADERS if i + 1 == len(parts) else 0) | (END_STREAM if end and i == 0 else 0)
        out += frame(FRAME_CONTINUATION if i else FRAME_HEADERS, flags, stream, part)
    return out


class Hostile:
    """A backend that holds its first call back, answers the second with what the test gives, and then the first and
    all others as it should."""

    def __init__(self, t, make):
        self._make, self._held, self.frames = make, [], []
        self.backend = t.http2_backend(self._on_frame)
        config = USER.replace("workers: 2", "workers: 1").replace(
            "endpoints:", "pool: {initial_size: 1, max_size: 1}\n    endpoints:")
        self.gateway = t.gateway(config, BACKENDS=endpoints(self.backend.address))

    def _on_frame(self, connection, kind, flags, stream, payload):
        self.frames.append((kind, stream, payload))
        if kind != FRAME_HEADERS:
            return
        good = headers(stream, **GRPC) + data(stream, USER_7) + headers(stream, True, grpc_status="0")
        if self._held == []:
            self._held.append(good)
        elif self._held:
            connection.sendall(self._make(stream) + self._held[0])
            self._held = None
        else:
            connection.sendall(good)

    def run(self):
        """What the second call gets; the first and a third must be answered well on the same connection."""
        first = []
        thread = threading.Thread(target=lambda: first.append(self.gateway.get("/v1/users/7")))
        thread.start()
        wait_for("the first call", lambda: any(kind == FRAME_HEADERS for kind, *_ in self.frames))
        second = self.gateway.get("/v1/users/7")
        thread.join()
        expect_equal([answer.status for answer in first], [200], f"the call beside it: {first}")
        expect_equal(self.gateway.get("/v1/users/7").status, 200, "the call behind it")
        expect_equal(self.backend.connections, 1, "connections")
        return second


OK_STATUS = b"\x88" + hpack([("content-type", "application/grpc")])


def test_a_block_of_few_bytes_that_means_many(t):
    """An entry of 4 KiB, and a hundred thousand references to it: 400 MiB of fields."""
    entry = b"\x40" + hpack_string("x") + hpack_string("v" * 4000)
    hostile = Hostile(t, lambda stream: cut(stream, OK_STATUS + entry + b"\xbe" * 100_000))
    expect_error(hostile.run(), 502, 13, OVER, "bytes and more, over 65536")
    resets = [stream for kind, stream, _ in hostile.frames if kind == FRAME_RST]
    expect_equal(len(resets), 1, "streams that were reset")


def test_long_names_by_reference(t):
    """Each field puts the name of 4,000 bytes into the table once more."""
    entry = b"\x40" + hpack_string("n" * 4000) + hpack_string("v")
    hostile = Hostile(t, lambda stream: cut(stream, OK_STATUS + entry + b"\x7e\x00" * 500_000))
    expect_error(hostile.run(), 502, 13, OVER, "bytes and more, over 65536")


def test_the_table_stays_in_step(t):
    """The call behind it is answered with what the large block has left in the table."""
    long = b"\x40" + hpack_string("x-long") + hpack_string("v" * 70_000)
    status = b"\x40" + hpack_string("grpc-status") + hpack_string("0")

    def make(stream):
        held = stream - 2
        return cut(stream, OK_STATUS + long + status) + headers(held, **GRPC) + data(held, USER_7) + cut(held, b"\xbe")

    hostile = Hostile(t, make)
    expect_error(hostile.run(), 502, 13, "x-long alone takes 70000")


def test_continuations_without_end(t):
    """Empty ones are taken in small numbers, and in large ones up to the bound on a block."""

    def make(stream, count):
        return (frame(FRAME_HEADERS, END_STREAM, stream, OK_STATUS) + frame(FRAME_CONTINUATION, 0, stream) * count
                + frame(FRAME_CONTINUATION, END_HEADERS, stream, hpack([("grpc-status", "5")])))

    expect_error(Hostile(t, lambda stream: make(stream, 5000)).run(), 404, 5)
    gateway = user_gateway(t, t.http2_backend(answering(lambda stream: make(stream, 100_000))).address)
    expect_error(gateway.get("/v1/users/7"), 503, 14, "metadata over 64 MiB")


def test_informational_answers_without_end(t):
    hostile = Hostile(t, lambda stream: headers(stream, status="103") * 100_000)
    expect_error(hostile.run(), 502, 13, "sends no answer but 1xx")
    hostile = Hostile(t, lambda stream: cut(stream, hpack([(":status", "103"), ("link", "v" * 70_000)]), end=False))
    expect_error(hostile.run(), 502, 13, "link alone takes 70000")


def test_odd_fields(t):
    """Empty and unsound names and values beside a long one; pseudo-headers that are long themselves."""
    long = hpack([("x-long", "v" * 70_000)])
    for what, block in {
        "an empty name": OK_STATUS + hpack([("", "x")]) + long,
        "a name with spaces": OK_STATUS + hpack([("a b", "x")]) + long,
        "a value with zeros": OK_STATUS + hpack([("x", "\0")]) + long,
    }.items():
        answer = Hostile(t, lambda stream, block=block: cut(stream, block)).run()
        expect(answer.status == 502, f"{what}: {answer}")
    for name in ":status", "content-length":
        answer = Hostile(t, lambda stream, name=name: cut(stream, hpack([(name, "2" * 70_000)]))).run()
        expect_error(answer, 502, 13)


def test_over_the_last_bound(t):
    """A string that announces more than 64 MiB ends the connection at once, with ENHANCE_YOUR_CALM and a reason."""
    announced = frame(FRAME_HEADERS, 0, 1, OK_STATUS + b"\x00\x01n" + hpack_integer((64 << 20) + 1, 7))
    frames = []

    def on_frame(connection, kind, flags, stream, payload):
        frames.append((kind, payload))
        if kind == FRAME_HEADERS:
            connection.sendall(announced)

    gateway = user_gateway(t, t.http2_backend(on_frame).address)
    expect_error(gateway.get("/v1/users/7"), 503, 14, "metadata over 64 MiB")
    goaway = wait_for("GOAWAY", lambda: [payload for kind, payload in frames if kind == FRAME_GOAWAY])
    expect_equal(goaway[0][4:8], b"\0\0\0\x0b", "its code")
