"""What clients want to send as metadata and a backend's library takes for an attack; and header lists that are larger
than a backend has announced. Either is refused for the one, and costs the others nothing."""

import json
import re
import struct
import subprocess

import h2
from gateway_config import Recorder
from harness import expect, expect_equal, expect_error, frame
from others import CONFIG, GET_USER, Others
from websocket import WebSocket

METHOD = "/user.v1.UserService/GetUser"
# Each ends the connection of gRPC's C core 1.51.
BAD_BINARY = ["!", "A", "AAAA=AAA", "AB", "A_-A", "AA AA", "AA==AAAA", "AAAA,!", "user/1.0"]
BAD_NAMES = ["a!b", "a#b", "a~b", "-bin", "!"]
BAD = [("x-bin", value) for value in BAD_BINARY] + [(name, "AAAA") for name in BAD_NAMES]
BAD += [("user-agent-bin", "x/1"), ("-bin", "!"), ("a!-bin", "AAAA")]


def framed(message):
    return struct.pack(">BI", 0, len(message)) + message


# --- the entrances: each gives (HTTP status, gRPC code, message) ---


def rest(gateway, fields):
    answer = gateway.get("/v1/users/1", [("grpc-metadata-" + name, value) for name, value in fields])
    body = json.loads(answer.body)
    return answer.status, body.get("code", 0), body.get("message", "")


def by_json(gateway, fields):
    answer = gateway.request("POST", METHOD, {"id": "1"}, [("Grpc-Metadata-" + name, value) for name, value in fields])
    body = json.loads(answer.body)
    return answer.status, body.get("code", 0), body.get("message", "")


def rest_http2(gateway, fields):
    with h2.Client(gateway.port) as client:
        answer = client.answer(client.request(more=[("grpc-metadata-" + name, value) for name, value in fields]))
        body = json.loads(answer.body)
        return answer.status, body.get("code", 0), body.get("message", "")


def trailers_of(text):
    code = re.search(r"(?i)grpc-status: ?(\d+)", text)
    message = re.search(r"(?i)grpc-message: ?([^\r\n]*)", text)
    expect(code, f"no grpc-status in {text!r}")
    return int(code[1]), message[1].replace("%20", " ") if message else ""


def web(gateway, fields, kind="application/grpc-web"):
    answer = gateway.request("POST", METHOD, framed(b"\n\x011"), [("Content-Type", kind), *fields])
    return answer.status, *trailers_of(answer.body.decode("latin-1"))


def native(gateway, fields, data=framed(b"\n\x011")):
    """By curl, which says what grpcio would not."""
    command = ["curl", "-si", "--http2-prior-knowledge", "-H", "content-type: application/grpc", "-H", "te: trailers"]
    for name, value in fields:
        command += ["-H", f"{name}: {value}" if value else f"{name};"]
    command += ["--data-binary", "@-"] if data is not None else ["-X", "POST"]
    command.append(f"http://127.0.0.1:{gateway.port}{METHOD}")
    printed = subprocess.run(command, input=data, check=True, capture_output=True).stdout.decode("latin-1")
    return int(printed.split()[1]), *trailers_of(printed)


def native_refused(gateway, fields):
    """Without a body: curl loses an answer that comes before it has sent all."""
    return native(gateway, fields, None)


WATCH = """
  - match: GET /watch
    grpc: grpc.health.v1.Health/Watch
    upstream: user-service
"""


def websocket(gateway, fields):
    ws = WebSocket(gateway.port, "/watch", {"grpc-metadata-" + name: value for name, value in fields})
    ws.socket.close()
    return ws.status, 3, "metadata"


def watch(t, seen):
    def serve(_, context):
        seen.append([(one.key, one.value) for one in context.invocation_metadata()])
        yield t.protos.new("grpc.health.v1.HealthCheckResponse", status=1)

    return serve


REST = [rest, by_json, rest_http2]
GRPC, REFUSING = [web, native], [web, native_refused]


def start(t, more="", replace=(), **options):
    recorder, streams = Recorder(t), []
    methods = {GET_USER: recorder, "grpc.health.v1.Health/Watch": watch(t, streams)}
    others = Others(t, methods, more=more, replace={"\nroutes:": "\nroutes:" + WATCH, **dict(replace)}, **options)
    return others, recorder, streams


# --- bad metadata ---


def expect_refused(entrance, gateway, field):
    status, code, message = entrance(gateway, [field])
    expected = 200 if entrance in REFUSING else 400
    expect_equal((status, code), (expected, 3), f"{field} by {entrance.__name__}: {message}")
    expect(message.startswith("metadata"), f"{field} by {entrance.__name__}: {message}")


def test_bad_metadata_fail_their_call_alone(t):
    others, recorder, streams = start(t)
    with others:
        for field in BAD:
            for entrance in [*REST, *REFUSING, websocket]:
                expect_refused(entrance, others.gateway, field)
    expect_equal((recorder.metadata, streams), ([], []), "what was sent")
    expect_equal(others.gateway.output().count("cannot be reached"), 0)


def test_the_answer_names_what_is_wrong(t):
    others, _, _ = start(t)
    gateway = others.gateway
    expect_equal(rest(gateway, [("x-bin", "!")]),
                 (400, 3, "metadata x-bin: the value is not base64, as names in -bin have it"))
    expect_equal(rest(gateway, [("a!b", "x")]),
                 (400, 3, "metadata a!b: the name has more than a-z, 0-9, '_', '-' and '.'"))
    expect_equal(rest(gateway, [("x", "caf\xe9")]), (400, 3, "metadata x: the value is not printable ASCII"))
    long = "a" * 5000 + "!"
    expect_equal(rest(gateway, [(long, "x")])[2].split(":")[0], "metadata " + "a" * 64)
    # gRPC's own trace and tags go from end to end.
    for name in "grpc-trace-bin", "grpc-tags-bin", "x-bin":
        for entrance in REFUSING:
            expect_refused(entrance, gateway, (name, "!"))


def test_forwarded_headers_are_checked_too(t):
    others, recorder, _ = start(t, more="forward_headers: [x-tenant-bin, x-tenant]\n")
    with others:
        gateway = others.gateway
        for headers in {"x-tenant-bin": "!"}, {"x-tenant": "a\tb"}, {"authorization": "Bearer caf\xe9"}:
            expect_error(gateway.get("/v1/users/1", headers), 400, 3)
        expect_equal(recorder.metadata, [])
        expect_equal(gateway.get("/v1/users/1", {"x-tenant-bin": "AAEC", "x-tenant": "a b"}).status, 200)
    metadata = recorder.last()
    expect_equal((metadata["x-tenant-bin"], metadata["x-tenant"]), (b"\0\1\2", "a b"))


def test_headers_that_the_gateway_makes_carry_no_harm(t):
    """Trace headers, ids and x-forwarded-* of a client, which become metadata in the gateway's words."""
    names = ["traceparent", "tracestate", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-flags", "x-trace-id", "x-span-id",
             "x-parent-id", "x-request-id", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"]
    for tracing in "tracing: {}", "":
        others, _, _ = start(t, more="trusted_proxies: [127.0.0.0/8]\n", replace={"tracing: {}": tracing})
        with others:
            for name in names:
                for value in "!", "a\xe9", "\t", "x" * 200, "a=\xe9,b=1", "":
                    status = others.gateway.get("/v1/users/1", {name: value}).status
                    expect_equal(status, 200, f"{name}: {value!r} with {tracing!r}")


def test_text_that_grpc_does_not_know_stays_here(t):
    """gRPC's document: whoever gets an odd text as metadata fails no call for it."""
    others, recorder, _ = start(t)
    for value in "caf\xe9", "a\tb":
        expect_equal(web(others.gateway, [("x-city", value), ("cookie", value)])[:2], (200, 0))
        expect("x-city" not in recorder.last() and "cookie" not in recorder.last(), "odd text was sent")
        expect_equal(rest(others.gateway, [("x-city", value)])[:2], (400, 3))


def test_lists_of_binary_values_arrive_one_by_one(t):
    others, recorder, _ = start(t)
    with others:
        for entrance in [*REST, *GRPC]:
            status, code, message = entrance(others.gateway, [("x-bin", "AA==,AAE , AAEC,,AAEC")])
            expect_equal((status, code), (200, 0), f"by {entrance.__name__}: {message}")
            values = [value for name, value in recorder.metadata[-1] if name == "x-bin"]
            expect_equal(values, [b"\0", b"\0\1", b"\0\1\2", b"", b"\0\1\2"], entrance.__name__)
        # So many that the list is too large, though the header is not.
        for value in "," * 7000, "AA," * 2000:
            expect_equal(rest(others.gateway, [("x-bin", value)])[:2], (431, 8))


def test_hooks_cannot_send_what_clients_cannot(t):
    hook = t.write("h.rb", """
class Sender
  def on_request(req)
    name, value = req.headers["x-name"], req.headers["x-value"]
    begin
      case req.headers["x-by"]
      when "metadata" then req.metadata[name] = value
      when "header" then req.headers["grpc-metadata-" + name] = value
      when "call" then Sluice.call("user.v1.UserService/GetUser", {"id" => "1"}, metadata: {name => value})
      end
    rescue ArgumentError => e
      req.reply(418, headers: {"x-refusal" => e.message})
    end
  end
end
Sender.new
""")
    others, recorder, _ = start(t, more=f"hooks: [{json.dumps(hook)}]\n")
    with others:
        for name, value in BAD:
            for by in "metadata", "header", "call":
                answer = others.gateway.get("/v1/users/1", {"x-name": name, "x-value": value, "x-by": by})
                expect_equal(answer.status, 418, f"{name}: {value} by {by}")
        expect_equal(recorder.metadata, [])
        for by in "metadata", "header", "call":
            answer = others.gateway.get("/v1/users/1", {"x-name": "x-bin", "x-value": "AAE,AA", "x-by": by})
            expect_equal(answer.status, 200, by)
            seen = recorder.metadata[0 if by == "call" else -1]
            expect_equal([value for key, value in seen if key == "x-bin"], [b"\0\1", b"\0"], by)
            recorder.metadata.clear()


# --- header lists over the backend's limit ---


def test_a_header_list_over_the_limit_fails_its_call_alone(t):
    others, recorder, _ = start(t, more="limits: {header_bytes: 128KiB}\nforward_headers: [cookie]\n")
    with others:
        gateway = others.gateway
        jwt = "Bearer " + "x" * 9000
        for headers in ({"authorization": jwt}, [("grpc-metadata-x", "y" * 1024)] * 60, {"x-forwarded-for": "1.2.3.4, " * 1000 + "1.2.3.4"},
                        {"cookie": "a=" + "b" * 12000}, {"grpc-metadata-" + "n" * 8192: "x"}, {"grpc-metadata-x-bin": "A" * 8400}):
            body = expect_error(gateway.get("/v1/users/1", headers), 431, 8)
            expect(re.fullmatch(r"user-service: the call's metadata take \d+ bytes, and the backend takes 8192", body["message"]),
                   body["message"])
        for entrance in [*REST, *GRPC]:
            status, code, message = entrance(gateway, [("authorization" if entrance in GRPC else "x", jwt)])
            expect_equal((status, code), (200 if entrance in GRPC else 431, 8), f"by {entrance.__name__}: {message}")
        ws = WebSocket(gateway.port, "/watch", {"grpc-metadata-x": jwt})
        expect_equal(ws.status, 101)
        ws.expect_end(4008)
        expect_equal(recorder.metadata, [])
        expect_equal(gateway.get("/v1/users/1", {"authorization": "Bearer " + "x" * 6000}).status, 200)


def test_the_limit_is_kept_to_the_byte(t):
    """As RFC 9113 section 6.5.2 counts: names, values and 32 bytes a field; the backend agrees."""
    others, recorder, _ = start(t)
    with others:
        def takes(length):
            status, code, message = rest(others.gateway, [("x-fill", "f" * length)])
            expect(status in (200, 431), f"{status} {message}")
            return status == 200, message

        low, high = 1000, 9000
        while low + 1 < high:
            middle = (low + high) // 2
            low, high = (middle, high) if takes(middle)[0] else (low, middle)
        # The ids differ from call to call, but are of one length; grpc-timeout is counted as its longest.
        expect("take 8193 bytes" in takes(low + 1)[1], takes(low + 1)[1])
        expect(takes(low)[0], f"{low} bytes are taken again")


def test_sluice_call_is_measured_too(t):
    hook = t.write("h.rb", """
class Sender
  def on_request(req)
    return unless req.headers["x-size"]
    Sluice.call("user.v1.UserService/GetUser", {"id" => "1"}, metadata: {"x" => "y" * req.headers["x-size"].to_i})
  rescue Sluice::RPCError => e
    req.reply(418, headers: {"x-code" => e.code.to_s})
  end
end
Sender.new
""")
    others, recorder, _ = start(t, more=f"hooks: [{json.dumps(hook)}]\n")
    with others:
        answer = others.gateway.get("/v1/users/1", {"x-size": "9000"})
        expect_equal((answer.status, answer.header("x-code")), (418, "8"))
        expect_equal(recorder.metadata, [])


# --- user-agent ---


def test_clients_user_agents_go_on(t):
    others, recorder, _ = start(t)
    gateway = others.gateway
    ours = r"sluice/[0-9.]+"

    def expect_sent(expected):
        agent = [value for name, value in recorder.metadata[-1] if name == "user-agent"]
        expect(len(agent) == 1 and re.fullmatch(expected, agent[0]), f"{agent}, expected {expected}")

    channel = t.channel(gateway.port)
    call = channel.unary_unary(METHOD, lambda message: message, lambda data: data)
    call(b"\n\x011", timeout=10)
    expect_sent(r"grpc-python/\S+ grpc-c/\S+ \([^)]*\) " + ours)
    expect_equal(native(gateway, [("user-agent", "mine/1 (x)")])[:2], (200, 0))
    expect_sent(r"mine/1 \(x\) " + ours)
    expect_equal(native(gateway, [("user-agent", "m" * 3000)])[:2], (200, 0))
    expect_sent("m{3000} " + ours)
    expect_equal(native(gateway, [("user-agent", "m" * 9000)])[:2], (200, 8))
    web(gateway, [("x-user-agent", "grpc-web-javascript/0.1"), ("user-agent", "Mozilla/5.0")])
    expect_sent("grpc-web-javascript/0.1 " + ours)
    web(gateway, [("user-agent", "Mozilla/5.0")])
    expect_sent("Mozilla/5.0 " + ours)
    web(gateway, [("user-agent", "caf\xe9")])
    expect_sent(ours)
    rest(gateway, [])
    expect_sent(ours)


# --- what comes back ---

CORS = """
cors: {origins: ["https://shop.example"]}
"""


def test_backends_do_not_speak_for_cors(t):
    recorder = Recorder(t)
    recorder.initial = (("access-control-allow-origin", "*"), ("access-control-allow-credentials", "true"),
                        ("access-control-expose-headers", "x-secret"), ("x-own", "1"))
    backend = t.backend({GET_USER: recorder})
    for more, expected in (CORS, ["https://shop.example"]), ("", ["*"]):
        others = Others(t, backend=backend, more=more)
        for origin, allowed in ("https://shop.example", expected), ("https://evil.example", [] if more else ["*"]):
            answer = others.gateway.request("POST", METHOD, framed(b"\n\x011"), {"Content-Type": "application/grpc-web", "Origin": origin})
            found = [value for name, value in answer.headers if name.lower() == "access-control-allow-origin"]
            expect_equal((answer.status, found), (200, allowed), origin)
            credentials = answer.header("access-control-allow-credentials")
            expect_equal(credentials, None if more else "true")
            expect_equal(answer.header("x-own"), "1")


def test_a_hook_and_cors_speak_once(t):
    hook = t.write("h.rb", """
class Open
  def on_response(req, res)
    res.headers["access-control-allow-origin"] = "*"
  end
end
Open.new
""")
    others, _, _ = start(t, more=CORS + f"hooks: [{json.dumps(hook)}]\n")
    answer = others.gateway.get("/v1/users/1", {"Origin": "https://shop.example"})
    found = [value for name, value in answer.headers if name.lower() == "access-control-allow-origin"]
    expect_equal((answer.status, found), (200, ["https://shop.example"]))


USER_1 = framed(b"\n\x03\n\x011")


def answering(fields, trailers):
    """A backend of hand-written frames, for what grpcio would not say."""

    def on_frame(connection, kind, flags, stream, _):
        if kind in (h2.HEADERS, h2.DATA) and flags & h2.END_STREAM:
            head = h2.hpack([(":status", "200"), ("content-type", "application/grpc"), *fields])
            tail = h2.hpack([("grpc-status", "0"), *trailers])
            connection.sendall(frame(h2.HEADERS, h2.END_HEADERS, stream, head) + frame(h2.DATA, 0, stream, USER_1) +
                               frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, stream, tail))

    return on_frame


def printed_by_curl(gateway, version, headers, path=METHOD, data=framed(b"\n\x011")):
    command = ["curl", "-sSi", version]
    for header in headers:
        command += ["-H", header]
    if data is not None:
        command += ["--data-binary", "@-"]
    done = subprocess.run([*command, f"http://127.0.0.1:{gateway.port}{path}"], input=data, capture_output=True, check=False)
    expect_equal((done.returncode, done.stderr), (0, b""), f"curl, {version} {headers}")
    return done.stdout.decode("latin-1")


GRPC_CLIENT = ["content-type: application/grpc", "te: trailers"]
WEB_CLIENT = ["content-type: application/grpc-web"]


def test_what_belongs_to_a_hop_does_not_come_back(t):
    """Nor what a client's library takes for an attack: curl is nghttp2, and strict."""
    bad = [("content-encoding", "gzip"), ("accept-encoding", "gzip"), ("host", "x"), ("trailer", "x"),
           ("http2-settings", "x"), ("content-length-x", "1"), ("x-pad", " both "), ("x-odd", "a\tb"), ("x-bin", "!"),
           ("y-bin", "AAEC, AA")]
    for initial, trailing in (bad, []), ([], bad), (bad, bad):
        backend = t.http2_backend(answering(initial, trailing))
        gateway = t.gateway(CONFIG, BACKEND=backend.address)
        for version, headers in [("--http2-prior-knowledge", GRPC_CLIENT), ("--http2-prior-knowledge", WEB_CLIENT), ("--http1.1", WEB_CLIENT)]:
            printed = printed_by_curl(gateway, version, headers).lower()
            expect(re.search(r"grpc-status: ?0", printed), printed)
            for name in "content-encoding", "accept-encoding", "host", "trailer", "http2-settings", "x-odd", "x-bin":
                expect(not re.search(rf"(?m)(^|[^-\w]){name}:", printed), f"{name} in {printed}")
            expect_equal(len(re.findall(r"x-pad: ?both\r", printed)), bool(initial) + bool(trailing), printed)
            for value in "aaec", "aa":
                expect_equal(len(re.findall(rf"y-bin: ?{value}\r", printed)), bool(initial) + bool(trailing), printed)
        for version in "--http2-prior-knowledge", "--http1.1":
            printed = printed_by_curl(gateway, version, [], "/v1/users/1", None)
            expect(printed.split()[1] == "200" and '"id":"1"' in printed, printed)
            expect_equal(len(re.findall(r"(?im)x-pad: both\r", printed)), bool(initial) + bool(trailing), printed)
            expect(not re.search(r"(?im)^(content-encoding|trailer):", printed), printed)


def test_grpcio_keeps_its_connection_whatever_a_backend_says(t):
    """The same library as a client of the gateway: a -bin value that is none ends its connection, too."""
    backend = t.http2_backend(answering([("x-bin", "!"), ("y-bin", "AA,AAEC")], [("z-bin", "A"), ("grpc-tags-bin", "!")]))
    gateway = t.gateway(CONFIG, BACKEND=backend.address)
    call = t.channel(gateway.port).unary_unary(METHOD, lambda message: message, lambda data: data)
    for _ in range(20):
        answer, state = call.with_call(b"\n\x011", timeout=10)
        expect_equal(answer, USER_1[5:])
        expect_equal([one.value for one in state.initial_metadata() if one.key == "y-bin"], [b"\0", b"\0\1\2"])
        expect_equal([one.key for one in state.trailing_metadata() if one.key.endswith("-bin")], [])
