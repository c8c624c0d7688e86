"""What integration tests stand on: real binaries on free ports, and an independent other side.

A test is a function `test_...(t)` in a test_*.py; `t` is a Context. What it starts ends with it: a
process gets SIGTERM and must then exit 0, which also makes every test a leak check in a sanitizer
build.
"""

import collections
import http.client
import json
import os
import random
import re
import select
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
from concurrent import futures

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

STOP_TIMEOUT = 20


class Failure(AssertionError):
    """A test's expectation that did not hold."""


def expect(condition, message):
    if not condition:
        raise Failure(message() if callable(message) else message)


def expect_equal(found, expected, what="value"):
    expect(found == expected, lambda: f"{what}: expected {expected!r}, found {found!r}")


def expect_within(found, low, high, what="value"):
    expect(low <= found <= high, lambda: f"{what}: expected {low} to {high}, found {found}")


def wait_for(what, probe, timeout=10.0, pause=0.02):
    """Calls `probe` until it gives something true, and returns that."""
    end = time.monotonic() + timeout
    while True:
        result = probe()
        if result:
            return result
        expect(time.monotonic() < end, f"waited {timeout} s for {what}")
        time.sleep(pause)


# Below the range from which the kernel gives ports to clients, so that none takes one meanwhile.
_ports = range(20000, 32000)
_ports_given = set()


def use_lane(lane, lanes):
    """Tests of other lanes run beside these: each has ports of its own."""
    global _ports  # pylint: disable=global-statement
    _ports = range(_ports.start + lane, _ports.stop, lanes)


def free_port():
    while True:
        port = random.choice(_ports)
        if port in _ports_given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _ports_given.add(port)
        return port


def is_listening(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


# --- protocol buffers ---


class Protos:
    """Message classes and methods of a descriptor set, by full name."""

    def __init__(self, descriptor_set):
        self.bytes = descriptor_set
        self.pool = descriptor_pool.DescriptorPool()
        for file in descriptor_pb2.FileDescriptorSet.FromString(descriptor_set).file:
            self.pool.Add(file)
        self._factory = message_factory.MessageFactory(self.pool)

    def type(self, name):
        return self._factory.GetPrototype(self.pool.FindMessageTypeByName(name))

    def method(self, name):
        """ "user.v1.UserService/GetUser" to its request and response classes."""
        service, method = name.split("/")
        found = self.pool.FindServiceByName(service).FindMethodByName(method)
        return self._factory.GetPrototype(found.input_type), self._factory.GetPrototype(found.output_type)

    def streams(self, name):
        """Whether the method "SERVICE/METHOD" streams requests, and whether it streams answers."""
        service, method = name.split("/")
        found = descriptor_pb2.MethodDescriptorProto()
        self.pool.FindServiceByName(service).FindMethodByName(method).CopyToProto(found)
        return found.client_streaming, found.server_streaming

    def new(self, name, **fields):
        return self.type(name)(**fields)


def compile_protos(include, files):
    """The descriptor set that protoc makes of `files`, paths within the folders `include`."""
    with tempfile.TemporaryDirectory() as folder:
        target = os.path.join(folder, "set.binpb")
        command = ["protoc", "--include_imports", "--descriptor_set_out=" + target]
        command += ["-I" + path for path in include] + files
        subprocess.run(command, check=True)
        with open(target, "rb") as file:
            return file.read()


# --- HTTP ---


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def header(self, name):
        """The value, several of them joined, or None."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body!r}"


def request_on(connection, method, path, body=None, headers=()):
    """One exchange on an http.client.HTTPConnection. A body that is not bytes or str goes as JSON."""
    if body is not None and not isinstance(body, (bytes, str)):
        body = json.dumps(body, ensure_ascii=False)
    if isinstance(body, str):
        body = body.encode()
    headers = list(headers.items() if isinstance(headers, dict) else headers)
    if body is not None and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json"))
    connection.putrequest(method, path, skip_host=any(name.lower() == "host" for name, _ in headers))
    for name, value in headers:
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    response = connection.getresponse()
    return Response(response.status, response.getheaders(), response.read())


def http_request(port, method, path, body=None, headers=(), timeout=15):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        return request_on(connection, method, path, body, headers)
    finally:
        connection.close()


class RawClient:
    """A connection on which the test writes the bytes, and reads the answers one by one. `tls` is an
    ssl.SSLContext, or None for plain text; `buffer` is what the kernel keeps of what is not read."""

    def __init__(self, port, host="127.0.0.1", timeout=10, tls=None, buffer=None):
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        if buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(timeout)
        self.socket.connect((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self._file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.socket.sendall(data)

    def response(self, is_head=False):
        """The next answer; None where the connection has ended."""
        line = self._file.readline()
        if not line:
            return None
        match = re.fullmatch(rb"HTTP/1\.1 (\d{3}) ([^\r\n]*)\r\n", line)
        expect(match, f"not a status line: {line!r}")
        headers = http.client.parse_headers(self._file).items()
        response = Response(int(match.group(1)), headers, b"")
        length = response.header("content-length")
        if is_head or response.status == 100:
            pass
        elif length is not None:
            response.body = self._file.read(int(length))
            expect_equal(len(response.body), int(length), "bytes of the body")
        else:
            response.body = self._file.read()
        return response

    def is_closed(self):
        """Waits for the end."""
        try:
            return self._file.read(1) == b""
        except ConnectionResetError:
            return True

    def reset(self):
        """Leaves with a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        self._file.close()
        self.socket.close()


def http_raw(port, data, timeout=10):
    """Sends bytes as they are and reads the first answer."""
    with RawClient(port, timeout=timeout) as client:
        client.send(data)
        return client.response()


def expect_error(response, status, code, *message_parts):
    """The one error form."""
    expect_equal(response.status, status, f"status of {response}")
    expect_equal((response.header("content-type") or "").split(";")[0], "application/json", "content type")
    body = response.json()
    expect_equal(sorted(body), ["code", "details", "message"], "fields of the error")
    expect_equal(body["code"], code, f"code of {body}")
    for part in message_parts:
        expect(part in body["message"], f"expected {part!r} in {body['message']!r}")
    return body


class HttpStream:
    """An answer that is read as it comes."""

    def __init__(self, port, method, path, body=None, headers=(), timeout=15, receive_buffer=None):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        if receive_buffer is not None:
            self._connection.sock = socket.socket()
            self._connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            self._connection.sock.settimeout(timeout)
            self._connection.sock.connect(("127.0.0.1", port))
        self._connection.request(method, path, body, dict(headers))
        self._response = self._connection.getresponse()
        self.status, self.headers = self._response.status, self._response.getheaders()

    def header(self, name):
        return self._response.getheader(name)

    def line(self):
        """The next line without its end; None at the end of the answer."""
        line = self._response.readline()
        return line.decode().rstrip("\n") if line else None

    def message(self):
        """The next line, which is JSON; None at the end."""
        line = self.line()
        return None if line is None else json.loads(line)

    def read(self, count=None):
        return self._response.read(count)

    def piece(self):
        """What the next chunk brings."""
        return self._response.read1()

    def rest(self):
        """What is left, as messages."""
        return list(iter(self.message, None))

    def event(self):
        """The next event as (name, data), None for a comment; raises EOFError at the end."""
        name, data = "message", None
        while True:
            line = self.line()
            if line is None:
                raise EOFError
            if line == "":
                return None if data is None else (name, data)
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value
            elif field == "data":
                data = value if data is None else data + "\n" + value

    def close(self):
        self._response.close()
        self._connection.close()


METRIC_LINE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$")
METRIC_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"(?:,|$)')


class Metrics:
    """Prometheus text, parsed strictly."""

    def __init__(self, text):
        self.samples, self.types = {}, {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                self.types[name] = kind
            elif line and not line.startswith("#"):
                match = METRIC_LINE.match(line)
                expect(match, f"not a sample: {line!r}")
                name, labels, value = match.groups()
                pairs = METRIC_LABEL.findall(labels or "")
                expect_equal(METRIC_LABEL.sub("", labels or ""), "", f"rest of the labels in {line!r}")
                key = (name, frozenset(pairs))
                expect(key not in self.samples, f"twice: {line!r}")
                self.samples[key] = float(value)

    def value(self, name, **labels):
        """0 where the series is absent, as counters are before their first event."""
        return self.samples.get((name, frozenset(labels.items())), 0.0)

    def sum(self, name, **labels):
        """Over all series that have these labels, among others."""
        wanted = set(labels.items())
        return sum(v for (n, have), v in self.samples.items() if n == name and wanted <= have)

    def series(self, name):
        return [dict(labels) for (n, labels) in self.samples if n == name]


# --- gRPC backends ---


class Backend:
    """A grpcio server: methods by name, each a function of request and context."""

    def __init__(self, protos, port=None, threads=16, options=()):
        self.port = port or free_port()
        self.calls = collections.Counter()  # by method
        self.peers = collections.Counter()  # by the address that a connection comes from
        self._protos, self._lock = protos, threading.Lock()
        self._handlers = {}
        self._server = grpc.server(
            futures.ThreadPoolExecutor(threads),
            options=[
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", -1),
                ("grpc.max_send_message_length", -1),
                *options,
            ],
        )
        self._server.add_generic_rpc_handlers([self])
        bound = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        expect_equal(bound, self.port, "port of the backend")
        self._server.start()

    def on(self, method, function):
        """`function` gets an iterator instead of the request where the method streams requests, and
        gives an iterator where it streams answers."""
        request, _ = self._protos.method(method)

        def serve(message, context):
            with self._lock:
                self.calls[method] += 1
                self.peers[context.peer()] += 1
            return function(message, context)

        kinds = {
            (False, False): grpc.unary_unary_rpc_method_handler,
            (False, True): grpc.unary_stream_rpc_method_handler,
            (True, False): grpc.stream_unary_rpc_method_handler,
            (True, True): grpc.stream_stream_rpc_method_handler,
        }
        self._handlers["/" + method] = kinds[self._protos.streams(method)](
            serve, request.FromString, lambda answer: answer.SerializeToString()
        )
        return self

    def service(self, details):  # of grpc.GenericRpcHandler
        return self._handlers.get(details.method)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def stop(self):
        self._server.stop(0).wait(5)  # grpcio's own end may hang, of calls that were cut off


grpc.GenericRpcHandler.register(Backend)


FRAME_DATA, FRAME_HEADERS, FRAME_RST, FRAME_SETTINGS, FRAME_PING, FRAME_GOAWAY = 0, 1, 3, 4, 6, 7
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


class RawBackend:
    """A TCP server that does what a decent backend would not. `serve(connection)` gets each socket in
    a thread of its own; what it raises on a closed connection is ignored."""

    def __init__(self, serve, address=("127.0.0.1", 0)):
        self._serve, self._open = serve, []
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._listener = socket.create_server(address, family=family)
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._run, args=[connection], daemon=True).start()

    def _run(self, connection):
        try:
            self._serve(connection)
        except OSError:
            pass
        finally:
            connection.close()

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def relay(one, other):
    """Passes bytes both ways until one side ends."""
    while True:
        for source in select.select([one, other], [], [])[0]:
            data = source.recv(65536)
            if not data:
                return
            (other if source is one else one).sendall(data)


def receive(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise ConnectionError("closed")
        data += more
    return data


def http2_backend(on_frame):
    """A RawBackend that speaks just enough HTTP/2 to be sent calls; on_frame(connection, kind, flags,
    stream, payload) sees every frame that is not SETTINGS or PING."""

    def serve(connection):
        expect_equal(receive(connection, len(PREFACE)), PREFACE, "preface")
        connection.sendall(frame(FRAME_SETTINGS, 0, 0))
        while True:
            head = receive(connection, 9)
            length = int.from_bytes(head[:3], "big")
            kind, flags, stream = struct.unpack(">BBI", head[3:])
            payload = receive(connection, length)
            if kind == FRAME_SETTINGS and not flags & 1:
                connection.sendall(frame(FRAME_SETTINGS, 1, 0))
            elif kind == FRAME_PING and not flags & 1:
                connection.sendall(frame(FRAME_PING, 1, 0, payload))
            elif kind not in (FRAME_SETTINGS, FRAME_PING):
                on_frame(connection, kind, flags, stream, payload)

    return RawBackend(serve)


# --- processes ---


class Process:
    def __init__(self, name, command, log, env=None, cwd=None):
        self.name, self.log = name, log
        with open(log, "ab") as output:
            self._popen = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env, cwd=cwd
            )
        self.pid = self._popen.pid
        self.killed = False

    def output(self):
        if not os.path.isfile(self.log):
            return ""  # a pipe
        with open(self.log, errors="replace") as file:
            return file.read()

    def is_running(self):
        return self._popen.poll() is None

    def signal(self, number):
        self._popen.send_signal(number)

    def wait(self, timeout=STOP_TIMEOUT):
        return self._popen.wait(timeout)

    def kill(self):
        """kill -9, on purpose."""
        self.killed = True
        self._popen.kill()
        self._popen.wait()

    def stop(self):
        """SIGTERM; the exit status must be 0, whenever the process has ended."""
        if self.killed:
            return
        if self.is_running():
            self.signal(signal.SIGTERM)
        try:
            status = self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"{self.name} did not stop within {STOP_TIMEOUT} s of SIGTERM") from None
        expect_equal(status, 0, f"exit status of {self.name}")


class PortTaken(Failure):
    """By somebody else, between free_port and the process's start."""


def expect_started(process):
    kind = PortTaken if "Address already in use" in process.output() else Failure
    if not process.is_running():
        raise kind(f"{process.name} ended: {process.output()}")


def limited(command, nofile):
    """`command` under a hard limit of open files; None: under the system's."""
    return command if nofile is None else ["prlimit", f"--nofile={nofile}:{nofile}", *command]


def started_on_free_ports(start):
    for _ in range(3):
        try:
            return start()
        except PortTaken as failure:
            last = failure
    raise last


class Service(Process):
    """One of ours."""

    def __init__(self, t, name, db=None, port=None, health_port=None, options=(), nofile=None):
        self.port, self.health_port = port or free_port(), health_port or free_port()
        self.db = db or os.path.join(t.folder, name + ".db")
        command = [os.path.join(t.build, "services", name), "--port", str(self.port)]
        command += ["--health-port", str(self.health_port), "--db", self.db, *options]
        super().__init__(name, limited(command, nofile), os.path.join(t.folder, f"{name}-{self.port}.log"))
        wait_for(f"{name} to listen", lambda: not self.is_running() or is_listening(self.health_port))
        expect_started(self)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"


class Gateway(Process):
    def __init__(self, t, config, env=None, log=None, nofile=None):
        self.port, self.admin_port = free_port(), free_port()
        self.config = t.write("gateway.yaml", t.expand(config, PORT=self.port, ADMIN=self.admin_port))
        command = [t.sluice, "run", "-c", self.config]
        log = log or os.path.join(t.folder, f"sluice-{self.port}.log")
        super().__init__("sluice", limited(command, nofile), log, {**os.environ, **(env or {})})
        wait_for("sluice to be ready", lambda: not self.is_running() or self.is_ready())
        expect_started(self)

    def is_ready(self):
        try:
            return self.admin("/ready").status == 200
        except OSError:
            return False

    def request(self, method, path, body=None, headers=(), timeout=15):
        return http_request(self.port, method, path, body, headers, timeout)

    def get(self, path, headers=()):
        return self.request("GET", path, None, headers)

    def post(self, path, body, headers=()):
        return self.request("POST", path, body, headers)

    def stream(self, method, path, body=None, headers=(), **options):
        return HttpStream(self.port, method, path, body, headers, **options)

    def raw(self, data):
        return http_raw(self.port, data)

    def client(self):
        return RawClient(self.port)

    def admin(self, path):
        return http_request(self.admin_port, "GET", path, timeout=5)

    def metrics(self):
        return Metrics(self.admin("/metrics").body.decode())

    def access_log(self):
        """The JSON lines of standard output."""
        return [json.loads(line) for line in self.output().splitlines() if line.startswith("{")]


# --- what a test gets ---


class Stub:
    """Calls a service by method name and fields: stub("GetUser", id="7")."""

    def __init__(self, protos, channel, service):
        self._protos, self._channel, self._service = protos, channel, service

    def __call__(self, method, timeout=10, metadata=(), **fields):
        request, response = self._protos.method(f"{self._service}/{method}")
        call = self._channel.unary_unary(
            f"/{self._service}/{method}", request.SerializeToString, response.FromString
        )
        return call(request(**fields), timeout=timeout, metadata=metadata)

    def fails(self, status, method, **fields):
        """Expects that status; returns the error with its parsed details in `details`."""
        try:
            answer = self(method, **fields)
        except grpc.RpcError as error:
            expect_equal(error.code(), status, f"status ({error.details()})")
            return Refusal(self._protos, error)
        raise Failure(f"{method}({fields}): expected {status}, found the answer {answer}")


class Refusal:
    def __init__(self, protos, error):
        self.message = error.details()
        packed = dict(error.trailing_metadata()).get("grpc-status-details-bin")
        self.details = []
        if packed is not None:
            status = protos.type("google.rpc.Status").FromString(packed)
            expect_equal(status.code, error.code().value[0], "code in the details")
            expect_equal(status.message, self.message, "message in the details")
            self.details = [unpack(protos, detail) for detail in status.details]


def unpack(protos, any_message):
    return protos.type(any_message.type_url.split("/")[-1]).FromString(any_message.value)


class Context:
    """A test's folder and what it has started."""

    def __init__(self, build, source, protos):
        self.build, self.source, self.protos = build, source, protos
        self.sluice = os.path.join(build, "gateway", "sluice")
        self.folder = tempfile.mkdtemp(prefix="sluice-test-")
        self._started, self._channels = [], []
        with open(self.sluice, "rb") as file:
            code = file.read()
        # AddressSanitizer keeps 256 MiB of what was freed; ThreadSanitizer shadows what is in use.
        self.memory_slack = 300 << 20 if re.search(b"__[at]san_init", code) else 0
        # ThreadSanitizer keeps signals back from code that is not its own, such as an endless loop of Ruby.
        self.keeps_signals_back = b"__tsan_init" in code

    def write(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        return path

    def expand(self, text, **values):
        """Replaces @NAME@ by the value; @SET@ is the path of this project's descriptor set."""
        values.setdefault("SET", os.path.join(self.folder, "services.binpb"))
        if values["SET"].startswith(self.folder) and not os.path.exists(values["SET"]):
            self.write("services.binpb", self.protos.bytes)
        return re.sub(r"@([A-Z][A-Z0-9_]*)@", lambda match: str(values[match.group(1)]), text)

    def run(self, *args, env=None):
        """Runs `sluice ARGS...` to its end."""
        return subprocess.run(
            [self.sluice, *args],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            cwd=self.folder,
            env={**os.environ, **(env or {})},
        )

    def started(self, thing):
        self._started.append(thing)
        return thing

    def process(self, name, command):
        return self.started(Process(name, command, os.path.join(self.folder, name + ".log")))

    def service(self, name, **options):
        return self.started(started_on_free_ports(lambda: Service(self, name, **options)))

    def gateway(self, config, env=None, log=None, nofile=None, **values):
        """`log`: the file for its standard output and error; `nofile`: how many files it may have open."""
        config = self.expand_known(config, values)
        return self.started(started_on_free_ports(lambda: Gateway(self, config, env, log, nofile)))

    def expand_known(self, config, values):
        """@NAME@ of the test's own values; the gateway fills in its ports."""
        values = {**values, "PORT": "@PORT@", "ADMIN": "@ADMIN@"}
        return self.expand(config, **values)

    def backend(self, methods=None, protos=None, **options):
        backend = self.started(Backend(protos or self.protos, **options))
        for name, function in (methods or {}).items():
            backend.on(name, function)
        return backend

    def raw_backend(self, serve):
        return self.started(RawBackend(serve))

    def http2_backend(self, on_frame):
        return self.started(http2_backend(on_frame))

    def channel(self, port, **options):
        """A connection of its own; options without their "grpc."."""
        settings = [("grpc.use_local_subchannel_pool", 1)]
        settings += [(f"grpc.{name}", value) for name, value in options.items()]
        channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=settings)
        self._channels.append(channel)
        return channel

    def stub(self, port, service):
        return Stub(self.protos, self.channel(port), service)

    def logs(self):
        """What the processes wrote, for a failed test."""
        parts = [
            f"--- {thing.name} ---\n{thing.output()[-4000:]}" for thing in self._started if isinstance(thing, Process)
        ]
        return "\n".join(parts)

    def close(self):
        """Stops everything, the last started first; raises the first failure once all is done."""
        failure = None
        for channel in self._channels:
            channel.close()
        for thing in reversed(self._started):
            try:
                thing.stop()
            except Exception as error:  # pylint: disable=broad-except
                failure = failure or error
        if failure is not None:
            raise failure

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)
