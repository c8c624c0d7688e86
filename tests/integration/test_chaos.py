"""Clients, backends and hooks that do what comes to their mind, and leave in the middle of it. Whatever they did, the
gateway answers afterwards, and has nothing left of them. CHAOS_SEED and CHAOS_SECONDS are for longer runs by hand."""

import json
import os
import random
import signal
import socket
import ssl
import struct
import threading
import time

import grpc

import feed
import h2
import harness
import websocket
from certificates import Authority
from harness import expect, expect_equal, wait_for

SEED = int(os.environ.get("CHAOS_SEED", "1"))
SECONDS = float(os.environ.get("CHAOS_SECONDS", "4"))
CLIENTS = 12

CONFIG = """
listen:
  - {address: "127.0.0.1:@PORT@"}
  - {address: "127.0.0.1:@TLS@", tls: {certificate: "@CERTIFICATE@", key: "@KEY@"}}
admin: {address: "127.0.0.1:@ADMIN@"}
workers: 2
limits:
  header_timeout: 300ms
  body_timeout: 300ms
  write_timeout: 300ms
  idle_timeout: 1s
  stream_idle_timeout: 400ms
  request_timeout: 500ms
  request_body: 100KiB
  request_memory: 16MiB
  request_memory_per_connection: 4MiB
  early_resets: 10000
streaming: {heartbeat: 20ms}
drain: {timeout: 300ms}
cors: {origins: ["https://*.example.org"]}
hooks: ["@HOOK@"]
hook_limits: {time: 60ms, memory: 8MiB, kill_after: 30s}
schema: {descriptor_sets: ["@SET@"]}
upstreams:
  - {name: feed, endpoints: [{address: "@GOOD@"}], timeout: 500ms}
  - {name: bad, endpoints: [{address: "@BAD@"}, {address: "@GOOD@"}], timeout: 200ms}
  - {name: gone, endpoints: [{address: "127.0.0.1:1"}], timeout: 100ms}
routes:
  - {annotations: feed.v1.Feed, upstream: feed}
  - {service: feed.v1.Feed, upstream: feed}
  - {match: GET /files/**, files: "@FOLDER@"}
tracing: {}
access_log: {path: "-"}
"""

HOOK = """
class Chaos
  COUNT = "feed.v1.Feed/Count"

  def act(req, phase, res = nil)
    req.headers["x-do"].to_s.split(" ").each do |word|
      at, what = word.split("-")
      next unless at == phase
      case what
      when "sleep" then Sluice.sleep(rand(0.03))
      when "late" then Sluice.sleep(1)
      when "call" then Sluice.call(COUNT)
      when "bad" then Sluice.call(COUNT, {}, upstream: "bad", timeout: 0.02)
      when "gone" then Sluice.call(COUNT, {}, upstream: "gone")
      when "all" then Sluice.all(-> { Sluice.sleep(rand(0.01)) }, -> { Sluice.call(COUNT) }, -> { Sluice.all(-> { Sluice.call(COUNT) }) })
      when "half" then Sluice.all(-> { raise "half" }, -> { Sluice.sleep(rand(0.05)) })
      when "raise" then raise "chaos"
      when "reply" then req.reply([200, 204, 304, 418, 503].sample, headers: {"x-a" => "b"}, body: "own")
      when "memory" then "x" * 100_000_000
      when "allmemory" then Sluice.all(-> { Sluice.sleep(0.001); "x" * 100_000_000 }, -> { Sluice.call(COUNT) })
      when "loop" then loop {}
      when "message" then req.message && req.message.to_s
      when "headers" then 20.times { |i| req.headers["grpc-metadata-h#{i}"] = "v"; req.response_headers["x-#{i}"] = "w" }
      when "ctx" then (req.ctx["seen"] ||= "") << phase
      when "other" then req.upstream = ["bad", "gone"].sample
      when "body" then res.body = "{}" if res
      when "status" then res.http_status = 201 if res
      end
    end
  end

  def on_request(req) = act(req, "q")
  def on_response(req, res) = act(req, "s", res)
  def on_error(req, error) = act(req, "e")
end
Chaos.new
"""

RARE = ["memory", "allmemory"]
OFTEN = ["sleep", "late", "call", "bad", "gone", "all", "half", "raise", "reply", "message", "headers", "ctx", "other",
         "body", "status"]
FEEDS = ["ok", "none", "slow", "fails", "middle", "silent", "endless", "large"]


# --- backends ---


def good_backend(t):
    def behave(name, context):
        if name == "fails":
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no \u2603 here\r\nX: y")
        if name in ("slow", "silent"):
            context.send_initial_metadata((("x-slow", "1"),))
            time.sleep(0.02 if name == "slow" else 0.6)

    def watch(request, context):
        behave(request.feed, context)
        count = {"none": 0, "endless": 2000, "large": 40}.get(request.feed, 5)
        for number in range(count):
            if not context.is_active():
                return
            yield feed.item(t, feed=request.feed, number=number, text="x" * (20000 if request.feed == "large" else 20))
            if request.feed == "middle" and number == 2:
                context.abort(grpc.StatusCode.DATA_LOSS, "in the middle")

    def collect(items, context):
        count = 0
        for item in items:
            behave(item.feed, context)
            count += 1
        return feed.protos(t).new("feed.v1.Summary", items=count)

    def chat(items, context):
        for item in items:
            behave(item.feed, context)
            yield item

    def count(_, context):
        context.set_trailing_metadata((("cost", "1"),))
        return feed.protos(t).new("feed.v1.Counters", sent=1)

    methods = {"Watch": watch, "Collect": collect, "Chat": chat, "Count": count}
    return t.backend({f"feed.v1.Feed/{name}": one for name, one in methods.items()}, feed.protos(t), threads=100)


def bad_backend(t, rng):
    """HTTP/2 of sorts."""

    def on_frame(connection, kind, flags, stream, _):
        if kind != harness.FRAME_HEADERS and rng.random() < 0.7:
            return
        headers = h2.hpack([(":status", "200"), ("content-type", "application/grpc"), ("x-a", "b")])
        ended = h2.hpack([(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "9")])
        answers = [
            lambda: connection.sendall(harness.frame(harness.FRAME_RST, 0, stream, struct.pack(">I", rng.choice([0, 7, 8, 11])))),
            lambda: connection.sendall(harness.frame(harness.FRAME_HEADERS, 4, stream, headers)),
            lambda: connection.sendall(harness.frame(harness.FRAME_HEADERS, 5, stream, ended)),
            lambda: connection.sendall(harness.frame(harness.FRAME_DATA, 1, stream, b"\0\0\0\0\2\x08\1")),
            lambda: connection.sendall(harness.frame(harness.FRAME_HEADERS, 4, stream, headers) + harness.frame(harness.FRAME_DATA, rng.choice([0, 1]), stream, b"\0\0\0\0\x09\x08")),
            lambda: connection.sendall(harness.frame(harness.FRAME_GOAWAY, 0, 0, struct.pack(">II", stream, 0))),
            lambda: connection.sendall(os.urandom(30)),
            lambda: connection.shutdown(socket.SHUT_RDWR),
            lambda: None,
        ]
        rng.choice(answers)()

    return t.http2_backend(on_frame)


# --- clients ---


class Chaos:
    def __init__(self, t):
        self.t = t
        rng = random.Random(SEED)
        authority = Authority(t)
        certificate, key = authority.issue("localhost", "DNS:localhost")
        self.tls_port = harness.free_port()
        os.makedirs(os.path.join(t.folder, "files"), exist_ok=True)
        t.write("files/a.txt", "a" * 200000)
        self.gateway = t.gateway(
            CONFIG,
            TLS=self.tls_port,
            CERTIFICATE=certificate,
            KEY=key,
            HOOK=t.write("chaos.rb", HOOK),
            SET=t.write("feed.binpb", feed.protos(t).bytes),
            GOOD=good_backend(t).address,
            BAD=bad_backend(t, rng).address,
            FOLDER=os.path.join(t.folder, "files"),
        )
        self.rare = RARE if t.keeps_signals_back else RARE + ["loop"]
        self.done, self.unexpected, self.stops = 0, [], False

    def context(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    # --- what is asked for ---

    def headers(self, rng):
        found = [("x-do", " ".join(
            f"{rng.choice('qse')}-{rng.choice(self.rare) if rng.random() < 0.01 else rng.choice(OFTEN)}"
            for _ in range(rng.choice([0, 0, 0, 1, 2, 3]))
        ))]
        more = [("accept", rng.choice(["text/event-stream", "application/json", "application/x-ndjson", "x/y"])),
                ("origin", rng.choice(["https://a.example.org", "https://evil.org", "null"])),
                ("expect", "100-continue"), ("grpc-timeout", rng.choice(["10m", "1n", "99999999H", "x"])),
                ("grpc-metadata-a", "b"), ("x-forwarded-for", "1.2.3.4, 5.6.7.8"), ("authorization", "me")]
        return found + rng.sample(more, rng.choice([0, 1, 1, 2]))

    def request(self, rng):
        """Method, path, headers, body."""
        headers, name = self.headers(rng), rng.choice(FEEDS)
        items = b"".join(b'{"feed": "%s", "number": "%d"}\n' % (name.encode(), n) for n in range(rng.choice([0, 1, 3, 50])))
        ndjson = ("content-type", "application/x-ndjson")
        kinds = [
            lambda: ("GET", "/v1/counters", headers, None),
            lambda: (rng.choice(["GET", "HEAD"]), f"/v1/feeds/{name}", headers, None),
            lambda: ("POST", f"/v1/feeds/{name}/items", headers + [ndjson], items),
            lambda: ("POST", f"/v1/feeds/{name}:chat", headers + [ndjson], items),
            lambda: ("GET", "/files/a.txt", headers, None),
            lambda: ("GET", "/v1/nothing", headers, None),
            lambda: ("OPTIONS", f"/v1/feeds/{name}", headers + [("origin", "https://a.example.org"), ("access-control-request-method", "GET")], None),
            lambda: self.grpc_request(rng, headers, name),
            lambda: self.grpc_request(rng, headers, name),
        ]
        return rng.choice(kinds)()

    def grpc_request(self, rng, headers, name):
        method, message = rng.choice([
            ("Count", b""), ("Watch", b"\n" + bytes([len(name)]) + name.encode()), ("Collect", b"\n\2ok"),
            ("Chat", b"\n" + bytes([len(name)]) + name.encode()), ("Nothing", b""),
        ])
        count = 1 if method in ("Count", "Watch") else rng.choice([0, 1, 5])
        body = b"".join(b"\0" + struct.pack(">I", len(message)) + message for _ in range(count))
        kind = rng.choice(["application/grpc", "application/grpc", "application/grpc-web", "application/grpc-web-text"])
        if rng.random() < 0.1:
            body = body[: rng.randrange(len(body) + 1)] + os.urandom(3)
        return "POST", f"/feed.v1.Feed/{method}", headers + [("content-type", kind), ("te", "trailers")], body

    # --- how ---

    def http1(self, rng, tls):
        data = b""
        for _ in range(rng.choice([1, 1, 1, 2, 4])):
            method, path, headers, body = self.request(rng)
            head = "".join(f"{name}: {value}\r\n" for name, value in [("host", "a")] + headers)
            if body is not None and rng.random() < 0.5:
                head += "transfer-encoding: chunked\r\n"
                body = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
                body += b"0\r\n\r\n"
            elif body is not None:
                head += f"content-length: {len(body)}\r\n"
            data += f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + (body or b"")
        self.talk(rng, self.connect(tls), data)

    def http2(self, rng, tls):
        context = None
        if tls:
            context = self.context()
        with h2.Client(self.tls_port if tls else self.gateway.port, tls=context, window=rng.random() < 0.8) as client:
            for _ in range(rng.choice([1, 2, 5, 20])):
                method, path, headers, body = self.request(rng)
                stream, data = client.request_frames(path, method, headers, body, end=rng.random() < 0.9)
                client.send_raw(data if rng.random() < 0.95 else data[: rng.randrange(len(data))])
                if rng.random() < 0.3:
                    client.read_some(rng.random() * 0.03)
                if rng.random() < 0.3:
                    client.send(h2.RST_STREAM, 0, stream, struct.pack(">I", 8))
                elif rng.random() < 0.1:
                    client.send(h2.DATA, 0, stream, os.urandom(10))
            end = time.monotonic() + rng.choice([0, 0.01, 0.05, 0.3])
            while time.monotonic() < end and not client.closed:
                client.read_some(0.02)
            self.leave(rng, client.socket)

    def websocket(self, rng, tls):
        name = rng.choice(FEEDS)
        path = rng.choice([f"/v1/feeds/{name}", f"/v1/feeds/{name}/items", f"/v1/feeds/{name}:chat"])
        headers = "".join(f"{key}: {value}\r\n" for key, value in self.headers(rng) if key != "expect")
        data = (f"GET {path} HTTP/1.1\r\nhost: a\r\n{headers}connection: upgrade\r\nupgrade: websocket\r\n"
                "sec-websocket-version: 13\r\nsec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n").encode()
        text = json.dumps({"feed": name, "number": "1"})
        frames = [
            lambda: websocket.frame(websocket.TEXT, text), lambda: websocket.frame(websocket.TEXT, text),
            lambda: websocket.frame(websocket.TEXT, "{"), lambda: websocket.frame(websocket.TEXT, b"\xff"),
            lambda: websocket.frame(websocket.TEXT, ""), lambda: websocket.frame(websocket.PING, b"p"),
            lambda: websocket.frame(websocket.TEXT, text[:5], fin=False) + websocket.frame(websocket.CONTINUATION, text[5:]),
            lambda: websocket.frame(websocket.CLOSE, struct.pack(">H", rng.choice([1000, 1005, 4000])) + b"why"),
            lambda: websocket.frame(websocket.BINARY, b"x"), lambda: websocket.frame(websocket.TEXT, "x", mask=False),
            lambda: websocket.frame(websocket.TEXT, " " * 120000), lambda: os.urandom(8),
        ]
        for _ in range(rng.choice([0, 1, 3, 30])):
            data += rng.choice(frames[:7] if rng.random() < 0.9 else frames)()
        self.talk(rng, self.connect(tls), data)

    def connect(self, tls):
        sock = socket.create_connection(("127.0.0.1", self.tls_port if tls else self.gateway.port), timeout=5)
        return self.context().wrap_socket(sock, server_hostname="localhost") if tls else sock

    def talk(self, rng, sock, data):
        """Sends it in pieces, reads in between, and leaves: at the end, or before."""
        with sock:
            if rng.random() < 0.4:
                data = data[: rng.randrange(len(data) + 1)]
            while data:
                piece = rng.choice([len(data), len(data), rng.randrange(1, len(data) + 1), 1])
                sock.sendall(data[:piece])
                data = data[piece:]
                self.read(sock, rng.choice([0, 0, 0.002, 0.01]))
            self.read(sock, rng.choice([0, 0, 0.01, 0.05, 0.2]))
            self.leave(rng, sock)

    @staticmethod
    def read(sock, seconds):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            sock.settimeout(left)
            try:
                if not sock.recv(65536):
                    return
            except (TimeoutError, ssl.SSLWantReadError):
                pass
            finally:
                sock.settimeout(5)

    @staticmethod
    def leave(rng, sock):
        how = rng.random()
        if how < 0.3:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif how < 0.5:
            sock.shutdown(socket.SHUT_WR)
            time.sleep(rng.random() * 0.05)

    def be_a_client(self, number, end):
        rng = random.Random(SEED * 1000 + number)
        while time.monotonic() < end and not self.stops:
            kind = rng.choice([self.http1, self.http1, self.http2, self.http2, self.websocket])
            try:
                kind(rng, rng.random() < 0.25)
            except (OSError, harness.Failure):
                pass  # it was refused, or cut off: rightly, for what it did
            except Exception as error:  # pylint: disable=broad-except
                self.unexpected.append(repr(error))
            self.done += 1

    def run(self, seconds):
        end = time.monotonic() + seconds
        clients = [threading.Thread(target=self.be_a_client, args=(i, end)) for i in range(CLIENTS)]
        for client in clients:
            client.start()
        return clients


def join(clients):
    for client in clients:
        client.join()


def test_chaos_leaves_nothing_behind(t):
    chaos = Chaos(t)
    join(chaos.run(SECONDS))
    expect_equal(chaos.unexpected[:3], [], "mistakes of the test")
    expect(chaos.done > 10 * SECONDS, f"clients: {chaos.done}")
    gateway = chaos.gateway
    answer = wait_for("an answer", lambda: (a := gateway.get("/v1/counters")).status == 200 and a)
    expect_equal(answer.json(), {"sent": "1"})

    def left():
        metrics = gateway.metrics()
        return {
            name: metrics.sum(name)
            for name in ("http_connections", "http_request_memory_bytes", "upstream_calls_in_flight")
            if metrics.sum(name) != 0
        }

    end = time.monotonic() + 10
    while left() and time.monotonic() < end:
        time.sleep(0.1)
    expect_equal(left(), {}, "what is left")
    print(f"{chaos.done} clients")


def test_chaos_ends(t):
    """The gateway is stopped in the middle of it."""
    for part in range(max(1, int(SECONDS / 3))):
        chaos = Chaos(t)
        clients = chaos.run(10)
        time.sleep(0.5 + 0.2 * part)
        chaos.gateway.signal(signal.SIGTERM)
        try:
            expect_equal(chaos.gateway.wait(), 0, "exit status")
        finally:
            chaos.stops = True
            join(clients)
