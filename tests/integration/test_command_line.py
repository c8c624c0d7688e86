"""sluice check, routes, explain and hook; a user's own .proto; configurations that are broken."""

import json
import os
import socket
import subprocess

import harness
from gateway_config import USER, endpoints
from harness import Protos, compile_protos, expect, expect_equal, expect_error

SHOP_PROTO = """
syntax = "proto3";
package shop.v1;
import "google/api/annotations.proto";
import "google/protobuf/timestamp.proto";

service Shop {
  rpc GetItem(GetItemRequest) returns (Item) {
    option (google.api.http) = {get: "/v1/{name=shelves/*/items/*}"};
  }
  rpc Sell(SellRequest) returns (Receipt) {
    option (google.api.http) = {post: "/v1/items/{item.id}:sell" body: "item"};
  }
  rpc Watch(GetItemRequest) returns (stream Item) {
    option (google.api.http) = {get: "/v1/watch/{name}"};
  }
}

enum Color { COLOR_NONE = 0; RED = 1; BLUE = 2; }
message GetItemRequest { string name = 1; optional int32 depth = 2; repeated Color colors = 3; }
message Item {
  string id = 1;
  Color color = 2;
  optional int32 stock = 3;
  map<string, int64> sizes = 4;
  repeated Item parts = 5;
  oneof price { int64 cents = 6; string quote = 7; }
  google.protobuf.Timestamp since = 8;
  bytes picture = 9;
}
message SellRequest { Item item = 1; int32 count = 2; }
message Receipt { string text = 1; repeated double amounts = 2; }
"""

SHOP = """
listen: [{address: "127.0.0.1:@PORT@"}]
admin: {address: "127.0.0.1:@ADMIN@"}
workers: 1
schema: {descriptor_sets: [shop.binpb]}
upstreams:
  - name: shop
    endpoints: @BACKENDS@
routes:
  - annotations: shop.v1.Shop
    upstream: shop
  - match: GET /v1/any/{name=**}
    grpc: shop.v1.Shop/GetItem
    upstream: shop
"""


def shop(t):
    """Compiles the user's .proto; its path, for SHOP, is beside the configuration."""
    t.write("shop.proto", SHOP_PROTO)
    binpb = compile_protos([t.folder, os.path.join(t.source, "proto")], ["shop.proto"])
    t.write("shop.binpb", binpb)
    return Protos(binpb)


def shop_config(t, more=""):
    return t.write("shop.yaml", t.expand(SHOP + more, PORT=1, ADMIN=2, BACKENDS=endpoints("127.0.0.1:3")))


def test_a_proto_unknown_to_the_build_is_served(t):
    protos = shop(t)
    seen = []

    def get_item(request, _):
        seen.append(request)
        item = protos.new("shop.v1.Item", id=request.name, color=1, stock=0, sizes={"s": 2**53 + 1}, cents=5, picture=b"\xff")
        item.parts.add(id="part")
        item.since.FromJsonString("2026-01-31T12:00:00.5Z")
        return item

    def sell(request, _):
        return protos.new("shop.v1.Receipt", text=f"{request.count} of {request.item.id}", amounts=[1.5, float("inf")])

    backend = t.backend({"shop.v1.Shop/GetItem": get_item, "shop.v1.Shop/Sell": sell}, protos)
    gateway = t.gateway(SHOP, BACKENDS=endpoints(backend.address))
    response = gateway.get("/v1/shelves/a/items/b%20c?depth=0&colors=RED&colors=2")
    expect_equal(response.status, 200, f"status of {response}")
    expect_equal(response.json(), {
        "id": "shelves/a/items/b c",
        "color": "RED", "stock": 0, "sizes": {"s": "9007199254740993"}, "parts": [{"id": "part"}], "cents": "5",
        "since": "2026-01-31T12:00:00.500Z", "picture": "/w==",
    })
    expect_equal((seen[0].HasField("depth"), seen[0].depth, list(seen[0].colors)), (True, 0, [1, 2]))
    expect_equal(gateway.get("/v1/any/x/y/z").json()["id"], "x/y/z")
    expect(not seen[1].HasField("depth"), "an optional field that is absent")
    response = gateway.post("/v1/items/7:sell?count=3", {"id": "8", "color": "BLUE"})
    expect_equal(response.json(), {"text": "3 of 7", "amounts": [1.5, "Infinity"]})
    expect_error(gateway.get("/v1/watch/x"), 501, 12)
    expect_error(gateway.post("/v1/items/7:sell", {"color": "GREEN"}), 400, 3, "color", "GREEN")
    expect_error(gateway.post("/v1/items/7:buy", {}), 404, 5)


def test_check_says_ok(t):
    shop(t)
    config = shop_config(t)
    done = t.run("check", "-c", config)
    expect_equal((done.returncode, done.stdout, done.stderr), (0, f"{config}: ok\n", ""))


def test_routes_are_listed_with_tabs(t):
    shop(t)
    done = t.run("routes", "-c", shop_config(t))
    expect_equal((done.returncode, done.stderr), (0, ""))
    expect_equal(sorted(line.split("\t") for line in done.stdout.splitlines()), sorted([
        ["GET", "/v1/{name=shelves/*/items/*}", "shop.v1.Shop/GetItem", "shop"],
        ["POST", "/v1/items/{item.id}:sell", "shop.v1.Shop/Sell", "shop"],
        ["GET", "/v1/watch/{name}", "shop.v1.Shop/Watch", "shop"],
        ["GET", "/v1/any/{name=**}", "shop.v1.Shop/GetItem", "shop"],
    ]))


def test_explain_shows_the_message(t):
    shop(t)
    config = shop_config(t)
    done = t.run("explain", "-c", config, "GET /v1/shelves/1/items/2?colors=BLUE")
    expect_equal((done.returncode, done.stderr), (0, ""))
    explained = json.loads(done.stdout)
    expect_equal(sorted(explained), ["grpc", "message", "route", "upstream"])
    expect_equal((explained["grpc"], explained["upstream"]), ("shop.v1.Shop/GetItem", "shop"))
    expect_equal(explained["message"], {"name": "shelves/1/items/2", "colors": ["BLUE"]})
    body = t.write("body.json", '{"id": "8", "cents": "5"}')
    done = t.run("explain", "-c", config, "POST /v1/items/7:sell?count=2", "--body", body)
    expect_equal(done.returncode, 0, done.stderr)
    expect_equal(json.loads(done.stdout)["message"], {"item": {"id": "7", "cents": "5"}, "count": 2})


def test_explain_shows_the_error(t):
    shop(t)
    config = shop_config(t)
    for request, part in [("GET /nowhere", "404"), ("PUT /v1/watch/x", "405"), ("GET /v1/any/x?depth=z", "depth")]:
        done = t.run("explain", "-c", config, request)
        expect_equal(done.returncode, 1, f"exit status for {request}")
        expect(part in done.stdout + done.stderr, f"{part} in {done.stdout + done.stderr!r}")


HOOK = """
Class.new do
  def on_request(req)
    return req.reply(401, body: "who are you?") unless req.headers["x-key"] == "7"
    req.message["depth"] = 3
  end

  def on_response(req, res)
    res.message["id"] += "!"
  end
end.new
"""


def test_hook_shows_what_a_hook_does(t):
    shop(t)
    config = shop_config(t)
    hook, answer = t.write("hook.rb", HOOK), t.write("answer.json", '{"id": "8"}')
    done = t.run("hook", "-c", config, hook, "GET /v1/any/x", "--header", "X-Key: 7", "--answer", answer)
    expect_equal((done.returncode, done.stderr), (0, ""))
    shown = json.loads(done.stdout)
    expect_equal((shown["hook"], shown["route"]), (hook, "GET /v1/any/{name=**}"))
    expect_equal(shown["on_request"], {"outcome": "goes on", "message": {"name": "x", "depth": 3}})
    expect_equal(shown["on_response"], {"outcome": "goes on", "message": {"id": "8!"}})
    done = t.run("hook", "-c", config, hook, "GET /v1/any/x")
    expect_equal(done.returncode, 0, done.stderr)
    expect_equal(json.loads(done.stdout)["on_request"]["reply"], {"status": 401, "body": "who are you?"})


def test_hook_shows_what_is_wrong(t):
    shop(t)
    config = shop_config(t)
    hook = t.write("hook.rb", "def on_request(req\n")
    done = t.run("hook", "-c", config, hook, "GET /v1/any/x")
    expect_equal((done.returncode, done.stdout), (1, ""))
    expect(done.stderr.startswith(f"{hook}:2:1: syntax error"), done.stderr)
    for arguments in [("hook",), ("hook", hook), ("check", "--header", "a: b"), ("explain", "GET /", "--answer", "x")]:
        expect_equal(t.run(*arguments, "-c", config).returncode, 2, str(arguments))


def test_a_hook_that_never_ends_is_ended_on_the_command_line_too(t):
    shop(t)
    config = shop_config(t, "hook_limits: {time: 200ms}\n")
    hook = t.write("hook.rb", "class Hook\n  def on_request(req) = loop {}\nend\nHook.new")
    done = t.run("hook", "-c", config, hook, "GET /v1/any/x")
    expect_equal(done.returncode, 1)
    expect_equal(json.loads(done.stdout)["on_request"]["status"], 504)
    endless = t.write("endless.rb", "loop {}")
    config = shop_config(t, f"hook_limits: {{time: 200ms}}\nhooks: [{endless}]\n")
    done = t.run("check", "-c", config)
    expect_equal((done.returncode, done.stderr),
                 (1, f"{endless}:1:1: takes longer than `hook_limits.time` to load\n"))


def broken(t, old, new, base=USER, env=None):
    """The output of `check` for a configuration in which `old` became `new`."""
    expect(old in base, f"{old!r} in the configuration")
    text = t.expand(base.replace(old, new, 1), PORT=1, ADMIN=2, BACKENDS=endpoints("127.0.0.1:3"))
    path = t.write("broken.yaml", text)
    done = t.run("check", "-c", path, env=env)
    expect_equal((done.returncode, done.stdout), (1, ""), f"exit status and output ({done.stderr})")
    line = next(number for number, one in enumerate(text.split("\n"), 1) if new.split("\n")[-1] in one)
    for one in done.stderr.splitlines():
        expect(one.startswith(path + ":"), f"FILE: in {one!r}")
        place = one[len(path) + 1:].split(":")
        expect(place[0].isdigit() and place[1].isdigit() and place[2].startswith(" "), f"LINE:COLUMN: in {one!r}")
    return done.stderr, line


def expect_told(t, old, new, *parts, **more):
    """That one of the errors stands at the line of `new` and has all the parts."""
    output, line = broken(t, old, new, **more)
    told = [one for one in output.splitlines() if f":{line}:" in one and all(part in one for part in parts)]
    expect_equal(len(told), 1, f"errors in line {line} with {parts} in {output!r}")


def test_a_misspelt_key(t):
    expect_told(t, "upstream: user-service", "upstraem: user-service", "upstraem", 'did you mean "upstream"')


def test_a_wrong_type(t):
    expect_told(t, "workers: 2", "workers: many", "workers", "number", "many")
    expect_told(t, "timeout: 2s", "timeout: 2", "timeout", "ms")
    expect_told(t, "tracing: {}", "tracing: [x]", "tracing")


def test_an_unknown_method(t):
    route = "  - {match: GET /x, grpc: user.v1.UserService/GetUsr, upstream: user-service}\ntracing: {}"
    output, _ = broken(t, "tracing: {}", route)
    expect("GetUsr" in output and 'did you mean "user.v1.UserService/GetUser"' in output, output)
    expect_told(t, "annotations: user.v1.UserService", "annotations: user.v1.UserServce", "user.v1.UserService")


def test_an_unknown_upstream_or_field(t):
    expect_told(t, "upstream: user-service", "upstream: user-servic", 'did you mean "user-service"')
    route = "  - {match: 'GET /x/{ident}', grpc: user.v1.UserService/GetUser, upstream: user-service}\ntracing: {}"
    output, _ = broken(t, "tracing: {}", route)
    expect("ident" in output and "user.v1.GetUserRequest" in output, output)


def test_two_routes_that_clash(t):
    route = "  - {match: 'GET /v1/users/{id}', grpc: user.v1.UserService/GetUser, upstream: user-service}\ntracing: {}"
    output, _ = broken(t, "tracing: {}", route)
    expect("GET /v1/users/{id}" in output, output)
    expect("annotations" in output or "user.v1.UserService" in output or ":10" in output, f"both sides in {output}")


def test_an_unset_variable(t):
    output, _ = broken(t, "name: user-service", 'name: "${SLUICE_TEST_UNSET}"')
    expect("SLUICE_TEST_UNSET" in output, output)
    expect_equal(output.count("\n"), 1, f"errors, for the routes' upstream may be this one: {output}")
    text = USER.replace("name: user-service", 'name: "${SLUICE_TEST_NAME:-user-service}"')
    path = t.write("set.yaml", t.expand(text, PORT=1, ADMIN=2, BACKENDS=endpoints("127.0.0.1:3")))
    expect_equal(t.run("check", "-c", path).returncode, 0, "with the default")
    done = t.run("check", "-c", path, env={"SLUICE_TEST_NAME": "other"})
    expect_equal(done.returncode, 1, "with another value")


def test_what_is_not_there_yet_is_refused(t):
    for block in ("retry: {max: 3}", "circuit_breaker: {threshold: 5}", "health_check: {period: 15s}", "keepalive: {time: 10s}"):
        expect_told(t, "timeout: 2s", block, "not supported yet")


def test_all_errors_come_at_once(t):
    output, _ = broken(t, "workers: 2", "workerz: 2\nlimits: {request_body: big, nothing: 1}\ndrain: {delay: -1s}")
    expect_equal(output.count("\n"), 4, f"lines of {output}")
    for part in "workers", "request_body", "nothing", "delay":
        expect(part in output, f"{part} in {output}")


def test_yaml_that_cannot_be_read(t):
    for text in "listen: [", "listen: {a: 1", "\t x", "a: b: c", "&a [*a]", "\xff\xfe", "", "[1, 2]":
        path = t.write("broken.yaml", text)
        done = t.run("check", "-c", path)
        expect_equal(done.returncode, 1, f"exit status for {text!r}")
        expect(done.stderr.startswith(path + ":"), f"place in {done.stderr!r}")
    done = t.run("check", "-c", "nowhere.yaml")
    expect_equal(done.returncode, 1, "exit status")
    expect("nowhere.yaml" in done.stderr, done.stderr)


def test_a_broken_descriptor_set_is_refused(t):
    t.write("shop.proto", SHOP_PROTO)
    whole = compile_protos([t.folder, os.path.join(t.source, "proto")], ["shop.proto"])
    config = shop_config(t)
    for content, part in [(whole[: len(whole) // 2], "shop.binpb"), (b"", "empty"), (b"not a set" * 50, "shop.binpb")]:
        t.write("shop.binpb", content)
        done = t.run("check", "-c", config)
        expect_equal(done.returncode, 1, "exit status")
        expect(part in done.stderr, f"{part} in {done.stderr!r}")
    alone = Protos(whole).pool.FindFileByName("shop.proto").serialized_pb
    t.write("shop.binpb", b"\x0a" + varint(len(alone)) + alone)
    done = t.run("check", "-c", config)
    expect_equal(done.returncode, 1, "exit status without imports")
    expect("google/protobuf/timestamp.proto" in done.stderr or "google/api/annotations.proto" in done.stderr, done.stderr)


def varint(number):
    data = b""
    while number > 0x7F:
        data += bytes([number & 0x7F | 0x80])
        number >>= 7
    return data + bytes([number])


# Everything of a configuration that names a file, as YAML with @FILE@ in it.
NAMED_FILES = {
    "descriptor set": 'schema: {descriptor_sets: ["@FILE@"]}\n',
    "hook": 'hooks: ["@FILE@"]\n',
    "certificate": 'listen: [{address: "127.0.0.1:1", tls: {certificate: "@FILE@", key: "@FILE@"}}]\n',
    "client_ca": 'listen: [{address: "127.0.0.1:1", tls: {certificate: x, key: y, client_ca: "@FILE@"}}]\n',
}


def no_files(t):
    """Names that lead to what is no file, and what is said of them."""
    fifo, link, path, sparse = (os.path.join(t.folder, name) for name in ("fifo", "link", "socket", "sparse"))
    os.mkfifo(fifo)
    os.symlink("/dev/zero", link)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.close()
    with open(sparse, "wb") as file:
        file.truncate(10 << 30)
    for name in fifo, link, "/dev/zero", "/dev/tty", path, t.folder:
        yield name, "not a regular file"
    yield sparse, "over "


def test_what_is_no_file_is_refused_where_it_is_named(t):
    base = 'listen: [{address: "127.0.0.1:1"}]\n'
    for name, reason in no_files(t):
        if name == "/dev/tty" and not os.path.exists(name):
            continue
        reason = reason if name != "/dev/tty" else "cannot "  # there may be no terminal to open
        for what, text in NAMED_FILES.items():
            text = text if "listen" in text else base + text
            config = t.write("named.yaml", text.replace("@FILE@", name))
            done = t.run("check", "-c", config)
            expect_equal(done.returncode, 1, f"{what} {name}")
            expect(reason in done.stderr and f'"{name}"' in done.stderr, f"{what} {name}: {done.stderr}")
            expect("named.yaml:" in done.stderr, f"the place: {done.stderr}")


def test_a_configuration_is_a_file_or_a_pipe(t):
    text = t.expand(USER, BACKENDS=endpoints("127.0.0.1:1"), PORT=1, ADMIN=2)
    for name, reason in no_files(t):
        done = t.run("check", "-c", name)
        expect_equal(done.returncode, 1, name)
        if name.endswith("/fifo"):  # nobody writes, so that it is empty
            expect(done.stderr, "says why")
        elif name != "/dev/tty":
            expect(reason in done.stderr or "neither a regular file nor a pipe" in done.stderr, done.stderr)
    config = t.write("piped.yaml", text)
    for command in f"'{t.sluice}' check -c <(sleep 0.1; cat '{config}')", f"cat '{config}' | '{t.sluice}' check -c /dev/stdin":
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=30, check=False)
        expect_equal((done.returncode, done.stderr), (0, ""), command)
    done = subprocess.run(["bash", "-c", f"'{t.sluice}' check -c <(yes '#')"], capture_output=True, text=True, timeout=30, check=False)
    expect_equal(done.returncode, 1, "exit status")
    expect("over 4194304 bytes" in done.stderr, done.stderr)


def test_a_body_has_an_end(t):
    config = t.write("user.yaml", t.expand(USER, BACKENDS=endpoints("127.0.0.1:1"), PORT=1, ADMIN=2))
    done = t.run("explain", "-c", config, "POST /v1/users", "--body", "/dev/zero")
    expect_equal((done.returncode, done.stderr), (1, "sluice: /dev/zero: cannot be read: neither a regular file nor a pipe\n"))
    command = f"""'{t.sluice}' explain -c '{config}' 'POST /v1/users' --body <(echo '{{"username": "a"}}')"""
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=30, check=False)
    expect_equal((done.returncode, done.stderr), (0, ""))
    command = f"'{t.sluice}' explain -c '{config}' 'POST /v1/users' --body - </dev/zero"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=30, check=False)
    expect_equal((done.returncode, done.stderr), (1, "sluice: -: cannot be read: over 67108864 bytes\n"))


def test_a_log_that_is_a_pipe_without_a_reader_is_refused(t):
    fifo = os.path.join(t.folder, "fifo")
    os.mkfifo(fifo)
    text = USER.replace('access_log: {path: "-"}', f'access_log: {{path: "{fifo}"}}')
    port, admin = harness.free_port(), harness.free_port()
    config = t.write("log.yaml", t.expand(text, BACKENDS=endpoints("127.0.0.1:1"), PORT=port, ADMIN=admin))
    done = t.run("run", "-c", config)
    expect_equal(done.returncode, 1, "exit status")
    expect(f"{fifo}: No such device or address" in done.stderr, done.stderr)


def test_control_characters_are_escaped_on_standard_error(t):
    # In YAML's own escapes: a template, a method, an upstream, a path of a hook, a key.
    config = t.write("wrong.yaml", t.expand(USER, BACKENDS=endpoints("127.0.0.1:1"), PORT=1, ADMIN=2) + r"""
  - {match: "GET /\e[2J{x}", grpc: "\e]0;title\a", upstream: "\x9b1m"}
  - {match: "GET /{\e[1m", grpc: user.v1.UserService/GetUser, upstream: user-service}
hooks: ["\e[5m.rb"]
"\e[7m": 1
""".replace("  - {match", "  - {match"))
    text = open(config, encoding="utf-8").read()
    routes = text[text.index("  - {match") : text.index("hooks:")]
    text = text.replace(routes, "").replace("    upstream: user-service\n", "    upstream: user-service\n" + routes, 1)
    for name in "wrong.yaml", "\x1b[2J.yaml":
        done = t.run("check", "-c", t.write(name, text))
        expect_equal(done.returncode, 1, "exit status")
        expect("\\x1b" in done.stderr, done.stderr)
        wrong = [c for c in done.stderr if (c < " " and c != "\n") or "\x7f" <= c < "\xa0"]
        expect_equal(wrong, [], f"control characters in {done.stderr!r}")
    for arguments in ("\x1b[2J",), ("check", "-c", "/\x1b[2J"), ("check", "\x1b[2J"):
        done = t.run(*arguments)
        expect("\x1b" not in done.stderr and "\\x1b[2J" in done.stderr, done.stderr)


def test_wrong_usage_exits_with_2(t):
    for args in ["version", "x"], ["check", "-b", "x"], ["run", "-t", "x/y"]:
        done = t.run(*args)
        expect_equal((done.returncode, done.stdout), (2, ""), f"{args}")
    for args in ["nothing"], ["check", "-c"], ["explain"], ["check", "--nothing"], ["explain", "-c", "x", "a", "b"]:
        done = t.run(*args)
        expect_equal(done.returncode, 2, f"exit status of {args}")
        expect(done.stderr.startswith("sluice: "), f"says why: {done.stderr!r}")
    done = t.run("version")
    expect_equal(done.returncode, 0)
    expect(done.stdout.startswith("sluice "), done.stdout)
