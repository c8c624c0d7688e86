"""Messages that are large, or whose JSON is: what it may be at most, and who waits while it is made."""

import functools
import os
import threading

import h2
import harness
from beside import MIB
from gateway_config import endpoints
from harness import expect, expect_equal, expect_error, wait_for

PROTO = """
syntax = "proto3";
package size.v1;
import "google/api/annotations.proto";
service Sizes {
  rpc Put(Answer) returns (GetRequest) { option (google.api.http) = {post: "/v1/put/{text}" body: "colors"}; }
  rpc Get(GetRequest) returns (Answer) { option (google.api.http) = {get: "/v1/{kind}"}; }
}
message GetRequest { string kind = 1; }
message Answer { repeated Color colors = 1; string text = 2; }
enum Color { NONE = 0; A_COLOR_WHOSE_NAME_IS_SO_LONG_THAT_A_BYTE_OF_THE_MESSAGE_BECOMES_MORE_THAN_A_HUNDRED_BYTES_OF_JSON_TEXT = 1; }
"""

CONFIG = """
listen: [{address: "127.0.0.1:@PORT@"}]
admin: {address: "127.0.0.1:@ADMIN@"}
workers: 1
schema: {descriptor_sets: ["@SET@"]}
upstreams:
  - name: sizes
    endpoints: @BACKENDS@
    timeout: 20s
routes:
  - annotations: size.v1.Sizes
    upstream: sizes
tracing: {}
access_log: {path: "-"}
"""

HOOK = """
class Length
  def on_response(req, res)
    res.headers["x-length"] = res.message["text"].size.to_s
  end
end
Length.new
"""

# Of each kind: colors, and bytes of text. The JSON of "colors" is 424 MB, that of "wide" 30 MB.
KINDS = {"colors": (4 * MIB - 100, 0), "wide": (280_000, 0), "text": (0, 3 * MIB), "small": (1, 10)}


@functools.lru_cache
def compiled(folder, include):
    with open(os.path.join(folder, "size.proto"), "w", encoding="utf-8") as file:
        file.write(PROTO)
    return harness.Protos(harness.compile_protos([folder, include], ["size.proto"]))


def start(t, more=""):
    protos = compiled(t.folder, os.path.join(t.source, "proto"))
    answers = {kind: protos.new("size.v1.Answer", colors=[1] * colors, text="x" * text)
               for kind, (colors, text) in KINDS.items()}
    backend = t.backend({
        "size.v1.Sizes/Get": lambda request, _: answers[request.kind],
        "size.v1.Sizes/Put": lambda request, _: protos.new("size.v1.GetRequest", kind=f"{request.text} {len(request.colors)}"),
    }, protos)
    return t.gateway(CONFIG + more, SET=t.write("size.binpb", protos.bytes), BACKENDS=endpoints(backend.address))


def expect_whole(answer, kind):
    colors, text = KINDS[kind]
    expect_equal(answer.status, 200, kind)
    value = answer.json()
    expect_equal((len(value.get("colors", [])), len(value.get("text", ""))), (colors, text), kind)


def test_json_over_max_json_is_502(t):
    gateway = start(t)
    for _ in range(2):
        expect_error(gateway.get("/v1/colors"), 502, 13, "over 33554432 bytes of JSON")
    for kind in "wide", "text", "small":
        expect_whole(gateway.get(f"/v1/{kind}"), kind)
    wait_for("all memory back", lambda: gateway.metrics().value("http_request_memory_bytes") == 0)


def test_many_large_answers_at_once(t):
    gateway = start(t)
    wrong = []

    def go_on():
        for kind in ("wide", "small", "colors", "text"):
            answer = gateway.get(f"/v1/{kind}")
            if answer.status != (502 if kind == "colors" else 200):
                wrong.append(answer)

    threads = [threading.Thread(target=go_on) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect_equal(wrong, [])
    wait_for("all memory back", lambda: gateway.metrics().value("http_request_memory_bytes") == 0)


def test_clients_that_leave_while_json_is_made(t):
    gateway = start(t)
    for number in range(24):
        if number % 2 == 0:
            with gateway.client() as client:
                for _ in range(1 + number % 3):
                    client.send(b"GET /v1/wide HTTP/1.1\r\nHost: x\r\n\r\n")
                threading.Event().wait(0.004 * number)
        else:
            with h2.Client(gateway.port) as client:
                streams = [client.request("/v1/wide") for _ in range(3)]
                threading.Event().wait(0.004 * number)
                client.send(3, 0, streams[0], b"\0\0\0\x08")  # RST_STREAM(CANCEL)
    expect_whole(gateway.get("/v1/wide"), "wide")
    wait_for("all memory back", lambda: gateway.metrics().value("http_request_memory_bytes") == 0)


def test_the_gateway_may_end_while_json_is_made(t):
    gateway = start(t, "drain: {timeout: 100ms}\n")
    clients = [gateway.client() for _ in range(6)]
    for client in clients:
        client.send(b"GET /v1/colors HTTP/1.1\r\nHost: x\r\n\r\n")
    threading.Event().wait(0.2)
    gateway.stop()


def test_a_large_answer_that_a_hook_has_seen(t):
    hook = t.write("hook.rb", HOOK)
    gateway = start(t, f"hooks: [{hook}]\n")
    answer = gateway.get("/v1/text")
    expect_whole(answer, "text")
    expect_equal(answer.header("x-length"), str(3 * MIB))
    expect(gateway.get("/v1/small").status == 200, "a small one")


def test_large_bodies(t):
    """Path, body and error are those of small ones; clients may leave."""
    gateway = start(t)
    count = 1_000_000
    body = b"[" + b",".join([b"1"] * count) + b"]"
    for path, text in ("a", "a"), ("a%20b", "a b"):
        answer = gateway.post(f"/v1/put/{path}", body)
        expect_equal((answer.status, answer.json()), (200, {"kind": f"{text} {count}"}))
    expect_error(gateway.post("/v1/put/a", body[:-1] + b",!]"), 400, 3, "line 1, column 2000002")
    expect_error(gateway.post("/v1/put/a?text=b", body), 400, 3, "text")
    for number in range(12):
        with gateway.client() as client:
            client.send(b"POST /v1/put/a HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                        b"Content-Length: %d\r\n\r\n" % len(body) + body)
            threading.Event().wait(0.003 * number)
        with h2.Client(gateway.port) as client:
            client.request("/v1/put/a", "POST", [("content-type", "application/json")], body[:60000] + b"]")
            threading.Event().wait(0.003 * number)
    expect_equal(gateway.post("/v1/put/a", "[1]").json(), {"kind": "a 1"})
    wait_for("all memory back", lambda: gateway.metrics().value("http_request_memory_bytes") == 0)
