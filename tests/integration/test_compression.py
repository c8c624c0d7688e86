"""Backends that compress their answers (grpc/doc/compression.md), asked or not, soundly or not. Others' calls go on
meanwhile, and Besides."""

import asyncio
import gzip
import json
import socket
import struct
import threading
import zlib

import grpc

import feed
import h2
from answering import Answering, sound
from beside import MIB, Beside
from gateway_config import Recorder, user_answer
from harness import FRAME_DATA, expect, expect_equal, expect_error, expect_within, free_port, wait_for
from others import CONFIG, GET_USER, Others
from test_backends import END_STREAM, GRPC, USER_7, data, headers
from test_grpc_web import TEXT, WEB, call_http1, call_http2, framed
from websocket import WebSocket

TEXT_OF_100_KB = "all work and no play " * 5000
PATH = "/user.v1.UserService/GetUser"
GRPC_CALL = [("content-type", "application/grpc"), ("te", "trailers")]


def compressing(kind):
    """Options of a grpcio server that compresses all that it sends, as compression=kind sets."""
    return [("grpc.default_compression_algorithm", int(kind))]


class AioBackend:
    """grpc.aio.server(compression=...) in a thread: GetUser answers a user whose name is long."""

    def __init__(self, t, compression):
        self._t, self._started = t, threading.Event()
        self.port = free_port()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(compression)), daemon=True)
        self._thread.start()
        expect(self._started.wait(10), "the server of asyncio started")

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    async def _run(self, compression):
        request, _ = self._t.protos.method(GET_USER)

        async def get_user(message, _):
            return user_answer(self._t, id=message.id, username=TEXT_OF_100_KB)

        handler = grpc.unary_unary_rpc_method_handler(get_user, request.FromString, lambda a: a.SerializeToString())
        server = grpc.aio.server(compression=compression, options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("user.v1.UserService", {"GetUser": handler})])
        server.add_insecure_port(self.address)
        await server.start()
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        self._started.set()
        await self._ended.wait()
        await server.stop(0)

    def stop(self):
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)


def long_user(t):
    return lambda request, context: user_answer(t, id=request.id, username=TEXT_OF_100_KB)


def native(gateway, message, more=(), path=PATH):
    """Of a client that sees each frame: the answer of h2.Client."""
    with h2.Client(gateway.port) as client:
        return client.answer(client.request(path, "POST", GRPC_CALL + list(more), framed(message)))


def expect_user(response, what=None):
    expect_equal(response.status, 200, f"{what}: {response}")
    expect_equal(response.json()["user"], {"id": "7", "username": TEXT_OF_100_KB}, what)
    for name, _ in response.headers:
        expect("encoding" not in name.lower() or name.lower() == "transfer-encoding", f"{what}: header {name}")


def test_answers_of_backends_that_compress_unasked(t):
    for kind in grpc.Compression.Gzip, grpc.Compression.Deflate:
        methods = {GET_USER: long_user(t)}
        backend = t.backend(methods, threads=30, options=compressing(kind))
        with Others(t, methods, backend=backend) as others:
            expect_user(others.gateway.get("/v1/users/7"), kind)
            # What the client is given in native gRPC is what the backend sent.
            answer = native(others.gateway, t.protos.new("user.v1.GetUserRequest", id="7").SerializeToString(),
                            [("grpc-accept-encoding", "gzip,deflate")])
            unpack = gzip.decompress if kind == grpc.Compression.Gzip else zlib.decompress
            expect_equal((answer.body[0], unpack(answer.body[5:]).count(b"all work")), (1, 5000), "native gRPC")
            expect_within(len(answer.body), 10, 5000, "bytes of the compressed answer")


def test_answers_of_asyncio_servers_that_compress(t):
    for kind in grpc.Compression.Gzip, grpc.Compression.Deflate:
        backend = t.started(AioBackend(t, kind))
        gateway = t.gateway(CONFIG, BACKEND=backend.address)
        expect_user(gateway.get("/v1/users/7"), kind)


def feed_gateway(t, kind, **methods):
    backend = t.backend({f"feed.v1.Feed/{name}": function for name, function in methods.items()}, feed.protos(t),
                        options=compressing(kind))
    config = feed.CONFIG.replace("tracing:", "  - service: feed.v1.Feed\n    upstream: feed\ntracing:")
    return feed.gateway(t, backend, config=config)


def test_streams_of_compressed_messages(t):
    def watch(request, _):
        for number in range(1, 6):
            yield feed.item(t, feed=request.feed, number=number, text=TEXT_OF_100_KB if number % 2 else "")

    def chat(requests, _):
        for one in requests:
            yield feed.item(t, feed=one.feed, text=one.text * 1000)

    def collect(requests, _):
        return feed.protos(t).new("feed.v1.Summary", feeds=[one.feed for one in requests] * 1000)

    gateway = feed_gateway(t, grpc.Compression.Gzip, Watch=watch, Chat=chat, Collect=collect)
    with Beside(t, gateway, path="/health", status=404):
        lines = [json.loads(line) for line in gateway.get("/v1/feeds/a").body.splitlines()]
        expect_equal([(one["number"], one.get("text", "")) for one in lines],
                     [(str(n), TEXT_OF_100_KB if n % 2 else "") for n in range(1, 6)])
        socket = WebSocket(gateway.port, "/v1/feeds/a:chat")
        for word in "one", "two":
            socket.send(json.dumps({"text": word}))
            expect_equal(json.loads(socket.text())["text"], word * 1000)
        socket.close()
        response = gateway.request("POST", "/v1/feeds/a/items", b'{"text":"x"}\n', {"Content-Type": "application/x-ndjson"})
        expect_equal(response.json()["feeds"], ["a"] * 1000)


def test_grpc_web_is_inflated_unless_the_client_takes_it(t):
    gateway = feed_gateway(t, grpc.Compression.Gzip,
                           Count=lambda *_: feed.protos(t).new("feed.v1.Counters", sent=7),
                           Watch=lambda request, _: (feed.item(t, text=TEXT_OF_100_KB) for _ in range(3)))
    ask = framed(feed.protos(t).new("feed.v1.WatchRequest", feed="a").SerializeToString())
    text = lambda message: feed.protos(t).type("feed.v1.Item").FromString(message).text
    for call in call_http1, call_http2:
        for kind in WEB, TEXT:
            for takes, flag in {"": 0, "identity": 0, "deflate": 0, "identity, gzip": 1, "gzip": 1}.items():
                what = f"{kind}, {takes!r}"
                answer = call(gateway, "/feed.v1.Feed/Watch", ask, kind, [("grpc-accept-encoding", takes)] if takes else [])
                expect_equal([one for one, _ in answer.messages], [flag] * 3, f"flags, {what}")
                plain = gzip.decompress if flag else bytes
                expect_equal([text(plain(one)) for _, one in answer.messages], [TEXT_OF_100_KB] * 3, what)
                expect_equal(answer.status, "0", what)
                if call is call_http1:
                    expect_equal(answer.headers.header("grpc-encoding"), "gzip" if flag else None, what)



# grpcio keeps grpc-accept-encoding to itself.
TELLING = """
class Hook
  def on_request(req)
    req.metadata["x-told"] = req.headers["grpc-accept-encoding"].to_s
  end
end
Hook.new
"""


def test_what_is_taken_is_told(t):
    record = Recorder(t)
    hooks = f'hooks: ["{t.write("telling.rb", TELLING)}"]\n'
    behind = t.gateway(CONFIG + hooks, BACKEND=t.backend({GET_USER: record}).address)
    gateway = t.gateway(CONFIG, BACKEND=f"127.0.0.1:{behind.port}")
    told = lambda: [value for name, value in record.metadata[-1] if name == "x-told"]
    ask = ask_for(t, "7")
    gateway.get("/v1/users/7")
    expect_equal(told(), ["identity,deflate,gzip"], "REST")
    call_http1(gateway, PATH, framed(ask), WEB, [("grpc-accept-encoding", "snappy,gzip")])
    expect_equal(told(), ["identity,deflate,gzip"], "gRPC-Web")
    native(gateway, ask, [("grpc-accept-encoding", "snappy,gzip")])
    expect_equal(told(), ["snappy,gzip"], "native gRPC")
    native(gateway, ask)
    expect_equal(told(), [""], "native gRPC of a client that says nothing")
    # Nobody else says it.
    gateway.get("/v1/users/7", [("grpc-metadata-grpc-accept-encoding", "snappy"), ("grpc-accept-encoding", "snappy")])
    expect_equal(told(), ["identity,deflate,gzip"], "REST, of a client that says something else")


# --- what is not sound, with the calls of others on the same connection ---


def compressed(payload, encoding="gzip"):
    return lambda stream: sound(stream, framed(payload, flag=1), ("grpc-encoding", encoding))


def bomb(size):
    """A user whose name is `size` bytes of x; compressed a thousandth of it, which a stream's window has to hold."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    name = b"\x12" + varint(size)
    head = b"\x0a" + varint(len(name) + size) + name
    begin = packer.compress(head)
    pieces = [packer.compress(b"x" * min(MIB, size - at)) for at in range(0, size, MIB)]
    return begin + b"".join(pieces) + packer.flush()


def varint(value):
    coded = b""
    while value >= 128:
        coded, value = coded + bytes([value & 127 | 128]), value >> 7
    return coded + bytes([value])


USER = USER_7[5:]
LIMIT = "4194304 bytes"
# What comes of them: the status of gRPC, and parts of its message.
UNSOUND = {
    "no encoding": (lambda s: sound(s, framed(gzip.compress(USER), flag=1)), 13, "compressed", "grpc-encoding"),
    "identity": (compressed(USER, "identity"), 13, "compressed", "grpc-encoding"),
    "empty name": (compressed(USER, ""), 13, "compressed", "grpc-encoding"),
    "snappy": (compressed(USER, "snappy"), 13, "'snappy'", "gzip and deflate"),
    "zstd": (compressed(USER, "zstd"), 13, "'zstd'", "gzip and deflate"),
    "long name": (compressed(USER, "n" * 100), 13, "'" + "n" * 31 + "'"),
    "GZIP": (compressed(gzip.compress(USER), "GZIP"), 13, "'GZIP'"),
    "a list": (compressed(gzip.compress(USER), "gzip, deflate"), 13, "'gzip, deflate'"),
    "bomb": (compressed(bomb(200 * MIB)), 8, LIMIT, "inflated"),
    "a little more": (compressed(bomb(4 * MIB)), 8, LIMIT, "inflated"),
    "too large": (lambda s: headers(s, **GRPC, grpc_encoding="gzip") + data(s, struct.pack(">BI", 1, 4 * MIB + 1)),
                  8, LIMIT),
    "no gzip": (compressed(b"hello"), 13, "damaged"),
    "zlib as gzip": (compressed(zlib.compress(USER)), 13, "damaged"),
    "gzip as zlib": (compressed(gzip.compress(USER), "deflate"), 13, "damaged"),
    "raw deflate": (compressed(zlib.compress(USER)[2:-4], "deflate"), 13, "damaged"),
    "cut off": (compressed(gzip.compress(USER)[:-1]), 13, "damaged"),
    "wrong sum": (compressed(gzip.compress(USER)[:-8] + bytes(8)), 13, "damaged"),
    "more behind": (compressed(gzip.compress(USER) + b"x"), 13, "damaged"),
    "two zlib": (compressed(zlib.compress(USER) * 2, "deflate"), 13, "damaged"),
    "flag 2": (lambda s: sound(s, framed(gzip.compress(USER), flag=2), ("grpc-encoding", "gzip")), 13, "flag"),
    "no end": (lambda s: headers(s, **GRPC, grpc_encoding="gzip") + data(s, framed(gzip.compress(USER), flag=1), END_STREAM),
               2, "grpc-status"),
    "second message": (lambda s: sound(s, framed(gzip.compress(USER), flag=1) * 2, ("grpc-encoding", "gzip")), 13, "several"),
    "many bombs": (lambda s: sound(s, framed(gzip.compress(bytes(4 * MIB)), flag=1) * 40, ("grpc-encoding", "gzip")),
                   13, "several"),
}
SOUND = {
    "gzip": compressed(gzip.compress(USER)),
    "deflate": compressed(zlib.compress(USER), "deflate"),
    "members": compressed(gzip.compress(USER[:2]) + gzip.compress(b"") + gzip.compress(USER[2:])),
    "not all": lambda s: sound(s, USER_7, ("grpc-encoding", "gzip")),
    "not at all": lambda s: sound(s, USER_7, ("grpc-encoding", "snappy")),
}


def test_unsound_compression_fails_its_own_call(t):
    cases = {name: case[0] for name, case in UNSOUND.items()} | SOUND
    with Others(t, backend=t.started(Answering(t, cases))) as others:
        for name, (_, code, *parts) in UNSOUND.items():
            path = "/v1/users/" + name.replace(" ", "%20")
            # To a client of REST each of them is a bad answer.
            expect_error(others.gateway.get(path), 502, 13, *parts)
            web = call_http1(others.gateway, PATH, framed(ask_for(t, name)), WEB)
            expect_equal(web.status, str(code), f"gRPC-Web, {name}")
        for name in SOUND:
            response = others.gateway.get("/v1/users/" + name.replace(" ", "%20"))
            expect_equal((response.status, response.body), (200, b'{"user":{"id":"7"}}'), name)
            expect(response.header("grpc-encoding") is None, f"{name}: {response.headers}")
    expect_equal(others.backend.connections, 1, "connections to the backend")


def ask_for(t, name):
    return t.protos.new("user.v1.GetUserRequest", id=name).SerializeToString()


def test_an_empty_compressed_message_is_an_empty_one(t):
    with Others(t, backend=t.started(Answering(t, {"7": compressed(b""), "8": compressed(gzip.compress(b""))}))) as others:
        for name in "7", "8":
            response = others.gateway.get(f"/v1/users/{name}")
            expect_equal((response.status, response.body), (200, b"{}"))


def test_native_grpc_gets_what_the_backend_sent(t):
    """Whether it is sound is for the client to find; max_message is of the bytes on the wire."""
    cases = {name: UNSOUND[name][0] for name in ("no encoding", "snappy", "bomb", "no gzip")}
    with Others(t, backend=t.started(Answering(t, cases))) as others:
        for name in cases:
            answer = native(others.gateway, ask_for(t, name))
            expect_equal(answer.body[0], 1, name)
            expect_equal(len(answer.body), 5 + int.from_bytes(answer.body[1:5], "big"), name)


def test_bombs_hold_up_nobody(t):
    """One worker: while bombs are inflated, within the limit or not, another client is served."""
    cases = {"7": compressed(bomb(4 * MIB - 100)), "bomb": compressed(bomb(200 * MIB)), "1": compressed(gzip.compress(USER))}
    gateway = t.gateway(CONFIG, BACKEND=t.started(Answering(t, cases)).address)
    answers = []

    def repeat():
        answers.extend(gateway.get("/v1/users/bomb") for _ in range(10))

    with Beside(t, gateway, most_mib=80):
        threads = [threading.Thread(target=repeat) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    expect_equal(len(answers), 60, "answers")
    for answer in answers:
        expect_error(answer, 502, 13, LIMIT)
    expect_equal(len(gateway.get("/v1/users/7").json()["user"]["username"]), 4 * MIB - 100, "what is within the limit")


def test_inflated_messages_count_in_the_memory_of_answers(t):
    """They wait for room as they grow, and what finds none is refused; then all of it is given back."""
    limits = "limits: {request_body: 1MiB, request_memory: 16MiB, request_memory_per_connection: 6MiB}\n"
    size = 3 * MIB
    cases = {"7": compressed(bomb(size)), "bomb": compressed(bomb(200 * MIB)), "1": compressed(gzip.compress(USER))}
    gateway = t.gateway(CONFIG + limits, BACKEND=t.started(Answering(t, cases)).address)
    answers = []

    def repeat():
        answers.extend(gateway.get(f"/v1/users/{name}") for name in ("7", "bomb", "7"))

    with Beside(t, gateway, most_mib=80):
        threads = [threading.Thread(target=repeat) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # A client that reads nothing, and leaves.
        with h2.Client(gateway.port, window=False) as client:
            for _ in range(6):
                client.request("/v1/users/7")
            expect_equal(gateway.get("/v1/users/1").status, 200, "status of an answer beside")
    statuses = [answer.status for answer in answers]
    expect(set(statuses) <= {200, 502, 503} and 200 in statuses and 502 in statuses, f"{statuses}")
    for answer in answers:
        if answer.status == 200:
            expect_equal(len(answer.json()["user"]["username"]), size, "length of what is within the limit")
    # What waits for room may take a moment to leave.
    wait_for("room", lambda: gateway.get("/v1/users/7").status == 200)


def test_a_connection_that_ends_behind_an_answer_takes_nothing_of_it(t):
    """What is still to be inflated then is inflated at once, within bounds."""
    size = 3 * MIB
    answers = {"7": compressed(bomb(size)), "bomb": compressed(bomb(200 * MIB))}

    def answer_and_close(connection, kind, flags, stream, payload):
        if kind == FRAME_DATA and flags & END_STREAM:
            connection.sendall(answers[payload[7:].decode()](stream))
            connection.shutdown(socket.SHUT_RDWR)

    gateway = t.gateway(CONFIG, BACKEND=t.http2_backend(answer_and_close).address)
    for _ in range(5):
        response = wait_for("a connection", lambda: (r := gateway.get("/v1/users/7")).status != 503 and r)
        expect_equal((response.status, len(response.json()["user"]["username"])), (200, size))
        response = wait_for("a connection", lambda: (r := gateway.get("/v1/users/bomb")).status != 503 and r)
        expect_error(response, 502, 13, LIMIT)


HOOKS = """
class Hook
  def on_request(req)
    user = Sluice.call("user.v1.UserService/GetUser", {"id" => "7"})
    req.metadata["x-length"] = user["user"]["username"].length.to_s
  end
  def on_response(req, res)
    res.message["user"]["email"] = "#{res.message["user"]["username"].length} long"
  end
end
Hook.new
"""


def test_hooks_see_inflated_messages(t):
    methods = {GET_USER: long_user(t)}
    backend = t.backend(methods, threads=30, options=compressing(grpc.Compression.Gzip))
    more = f'hooks: ["{t.write("compression.rb", HOOKS)}"]\n'
    gateway = t.gateway(CONFIG + more, BACKEND=backend.address)
    length = f"{len(TEXT_OF_100_KB)} long"
    expect_equal(gateway.get("/v1/users/7").json()["user"]["email"], length, "REST")
    answer = native(gateway, ask_for(t, "7"), [("grpc-accept-encoding", "gzip")])
    of = lambda message: t.protos.type("user.v1.GetUserResponse").FromString(bytes(message)).user.email
    expect_equal((answer.body[0], of(answer.body[5:])), (0, length), "native gRPC")
    web = call_http1(gateway, PATH, framed(ask_for(t, "7")), WEB, [("grpc-accept-encoding", "gzip")])
    expect_equal([(flag, of(message)) for flag, message in web.messages], [(0, length)], "gRPC-Web")
    expect_equal(web.headers.header("grpc-encoding"), None, "grpc-encoding of what a hook has seen")


def test_requests_that_are_compressed(t):
    """gRPC's go on as they are; a body of REST is not inflated."""
    backend = t.backend({GET_USER: lambda request, _: user_answer(t, id=request.id)})
    gateway = t.gateway(CONFIG, BACKEND=backend.address)
    ask = framed(gzip.compress(ask_for(t, "7")), flag=1)
    coded = [("grpc-encoding", "gzip")]
    with h2.Client(gateway.port) as client:
        answer = client.answer(client.request(PATH, "POST", GRPC_CALL + coded, ask))
        expect_equal(bytes(answer.body), USER_7, "native gRPC")
    for call in call_http1, call_http2:
        for kind in WEB, TEXT:
            expect_equal(call(gateway, PATH, ask, kind, coded).messages, [(0, USER)], kind)
            # The backend's to refuse.
            expect_equal(call(gateway, PATH, ask, kind).status, "13", f"{kind}, without grpc-encoding")
    body = gzip.compress(b'{"username":"a"}')
    response = gateway.request("POST", "/v1/users", body, {"Content-Type": "application/json", "Content-Encoding": "gzip"})
    expect(response.status in (400, 415), f"{response}")
