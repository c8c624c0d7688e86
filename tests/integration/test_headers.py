"""Headers to metadata and back, request ids, traces, status details."""

import base64
import re

from google.protobuf import any_pb2
from grpc import StatusCode

import h2
from gateway_config import USER, Recorder, fail, user_backend, user_gateway
from harness import expect, expect_equal, expect_error, expect_within, wait_for

HEX16, HEX32 = "[0-9a-f]{16}", "[0-9a-f]{32}"
UUID = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


def start(t, config=USER):
    recorder = Recorder(t)
    return user_gateway(t, user_backend(t, GetUser=recorder).address, config=config), recorder


def test_headers_become_metadata(t):
    gateway, recorder = start(t, USER + "forward_headers: [x-tenant]\n")
    headers = {
        "Authorization": "Bearer abc",
        "Grpc-Metadata-X-Color": "blue green",
        "Grpc-Metadata-X-Raw-Bin": base64.b64encode(b"\x00\xff\x01").decode(),
        "X-Tenant": "acme",
    }
    expect_equal(gateway.get("/v1/users/1", headers).status, 200)
    metadata = recorder.last()
    expect_equal(metadata["authorization"], "Bearer abc")
    expect_equal(metadata["x-color"], "blue green")
    expect_equal(metadata["x-raw-bin"], b"\x00\xff\x01")
    expect_equal(metadata["x-tenant"], "acme")


def test_other_headers_stay_here(t):
    gateway, recorder = start(t)
    names = ["cookie", "accept", "x-tenant", "accept-language", "referer", "origin", "via"]
    forbidden = ["grpc-timeout", "grpc-status", "te", "host", "connection", "transfer-encoding", ":path", "content-length",
                 "keep-alive", "upgrade", "proxy-connection"]
    headers = [(name, "x") for name in names] + [("grpc-metadata-" + name, "1S") for name in forbidden]
    raw = "GET /v1/users/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    raw += "".join(f"{name}: {value}\r\n" for name, value in headers if ":path" not in name)
    expect_equal(gateway.raw(raw.encode() + b"\r\n").status, 200)
    metadata = recorder.last()
    for name in names + forbidden:
        expect(name not in metadata, f"{name} in {metadata}")
    expect_within(recorder.time_left[-1], 1.0, 2.0, "seconds left")


def test_forwarded_headers_tell_of_the_client(t):
    gateway, recorder = start(t)
    gateway.get("/v1/users/1", {"Host": "api.example.com"})
    metadata = recorder.last()
    expect_equal(metadata["x-forwarded-for"], "127.0.0.1")
    expect_equal((metadata["x-forwarded-host"], metadata["x-forwarded-proto"]), ("api.example.com", "http"))
    gateway.get("/v1/users/1", {"X-Forwarded-For": "1.2.3.4, 5.6.7.8"})
    expect_equal(recorder.last()["x-forwarded-for"], "1.2.3.4, 5.6.7.8, 127.0.0.1")


FORWARDED = {"X-Forwarded-For": "1.2.3.4, 5.6.7.8", "X-Forwarded-Host": "shop.example", "X-Forwarded-Proto": "https"}


def test_a_trusted_proxy_tells_of_its_client(t):
    for proxies in "127.0.0.0/8", "10.0.0.0/8, 127.0.0.1":
        gateway, recorder = start(t, USER + f"trusted_proxies: [{proxies}]\n")
        gateway.get("/v1/users/1", FORWARDED)
        metadata = recorder.last()
        expect_equal(metadata["x-forwarded-for"], "1.2.3.4, 5.6.7.8, 127.0.0.1")
        expect_equal((metadata["x-forwarded-host"], metadata["x-forwarded-proto"]), ("shop.example", "https"))
        gateway.get("/v1/users/1", {"Host": "api.example"})
        metadata = recorder.last()
        expect_equal(metadata["x-forwarded-for"], "127.0.0.1")
        expect_equal((metadata["x-forwarded-host"], metadata["x-forwarded-proto"]), ("api.example", "http"))


def test_the_log_names_the_client_behind_trusted_proxies(t):
    gateway, _ = start(t, USER + "trusted_proxies: [127.0.0.0/8, 10.0.0.0/8]\n")
    expected = []

    def expect_logged(*addresses):
        expected.extend(addresses)
        wait_for("the log", lambda: sorted(line["remote_addr"] for line in gateway.access_log()) == sorted(expected))

    chains = {"1.2.3.4": "1.2.3.4", "6.6.6.6, 1.2.3.4, 10.0.0.7": "1.2.3.4", "6.6.6.6, unknown": "127.0.0.1", "": "127.0.0.1"}
    for chain in chains:
        gateway.get("/v1/users/1", {"X-Forwarded-For": chain})
    expect_logged(*chains.values())
    # As two headers, which are one list; and over HTTP/2.
    gateway.raw(b"GET /v1/users/1 HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n")
    with h2.Client(gateway.port) as client:
        client.answer(client.request(more=[("x-forwarded-for", "6.6.6.6, 1.2.3.5")]))
    expect_logged("1.2.3.4", "1.2.3.5")


def test_nobody_else_tells_of_other_clients(t):
    for proxies in "", "10.0.0.0/8, 127.0.0.2":
        gateway, recorder = start(t, USER + f"trusted_proxies: [{proxies}]\n")
        forged = {f"Grpc-Metadata-{name}": value for name, value in FORWARDED.items()}
        for headers in FORWARDED, forged, {**FORWARDED, **forged}:
            gateway.get("/v1/users/1", {**headers, "Host": "api.example"})
            metadata = recorder.last()
            expect_equal(metadata["x-forwarded-for"], "127.0.0.1")
            expect_equal((metadata["x-forwarded-host"], metadata["x-forwarded-proto"]), ("api.example", "http"))
        wait_for("the log", lambda: [line["remote_addr"] for line in gateway.access_log()] == ["127.0.0.1"] * 3)


def test_metadata_and_trailers_become_headers(t):
    gateway, recorder = start(t)
    recorder.initial = (("x-color", "blue"), ("x-raw-bin", b"\x00\xff"), ("x-twice", "a"), ("x-twice", "b"))
    recorder.trailing = (("x-cost", "7"), ("x-sum-bin", b"\x01"))
    response = gateway.get("/v1/users/1")
    expect_equal(response.status, 200)
    expect_equal(response.header("grpc-metadata-x-color"), "blue")
    expect_equal(response.header("grpc-metadata-x-twice"), "a, b")
    expect_equal(response.header("grpc-trailer-x-cost"), "7")
    for name, value in ("grpc-metadata-x-raw-bin", b"\x00\xff"), ("grpc-trailer-x-sum-bin", b"\x01"):
        text = response.header(name)
        expect_equal(base64.b64decode(text + "=" * (-len(text) % 4)), value, name)
    for name, _ in response.headers:
        expect(not name.lower().startswith("grpc-") or "-x-" in name.lower(), f"{name} is nobody's business")


def test_trailers_come_with_errors_too(t):
    def refuse(_, context):
        context.send_initial_metadata((("x-color", "blue"),))
        context.set_trailing_metadata((("x-cost", "7"),))
        context.abort(StatusCode.PERMISSION_DENIED, "not you")

    gateway = user_gateway(t, user_backend(t, GetUser=refuse).address)
    response = gateway.get("/v1/users/1")
    expect_error(response, 403, 7, "not you")
    expect_equal((response.header("grpc-metadata-x-color"), response.header("grpc-trailer-x-cost")), ("blue", "7"))


def test_the_deadline_goes_upstream(t):
    gateway, recorder = start(t, USER.replace("timeout: 2s", "timeout: 700ms"))
    gateway.get("/v1/users/1")
    expect_within(recorder.time_left[-1], 0.2, 0.7, "seconds left")


def test_request_ids_are_kept_or_made(t):
    gateway, recorder = start(t)
    response = gateway.get("/v1/users/1", {"X-Request-ID": "order-42/7"})
    expect_equal((response.header("x-request-id"), recorder.last()["x-request-id"]), ("order-42/7", "order-42/7"))
    longest = "x" * 128
    expect_equal(gateway.get("/v1/users/1", {"X-Request-ID": longest}).header("x-request-id"), longest)
    made = set()
    for headers in {}, {"X-Request-ID": "x" * 129}, {"X-Request-ID": "a b"}, {"X-Request-ID": ""}:
        response = gateway.get("/v1/users/1", headers)
        expect(re.fullmatch(UUID, response.header("x-request-id")), response.header("x-request-id"))
        expect_equal(recorder.last()["x-request-id"], response.header("x-request-id"))
        made.add(response.header("x-request-id"))
    expect_equal(len(made), 4, "different ids")
    expect(gateway.get("/nowhere").header("x-request-id"), "an error has a request id too")


# --- traces ---

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def traced(t, headers, config=USER):
    """The answer's headers and the metadata that went upstream."""
    gateway, recorder = start(t, config)
    response = gateway.get("/v1/users/1", headers)
    expect_equal(response.status, 200)
    return response, recorder.last()


def expect_trace(response, metadata, trace, parent, sampled="01"):
    """That all forms tell of one new span of `trace`, child of `parent`."""
    span = response.header("x-span-id")
    expect(re.fullmatch(HEX16, span) and span != parent, f"span {span}")
    expect_equal(metadata["traceparent"], f"00-{trace}-{span}-{sampled}")
    b3 = metadata["b3"].split("-")
    expect_equal(b3[:3], [trace, span, str(int(sampled))], "b3")
    expect_equal(metadata["x-span-id"], span)
    if parent:
        expect_equal(metadata["x-parent-id"], parent)
        expect(b3[3:] in ([], [parent]), f"parent in b3 {b3}")


def test_w3c_traces_are_continued(t):
    response, metadata = traced(t, {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "a=1,b=2"})
    expect_trace(response, metadata, TRACE, SPAN)
    expect_equal(metadata["tracestate"], "a=1,b=2")
    expect_equal((response.header("x-trace-id"), metadata["x-trace-id"]), (TRACE, TRACE))


def test_b3_single_is_continued(t):
    response, metadata = traced(t, {"b3": f"{TRACE}-{SPAN}-1-05e3ac9a4f6e3b90"})
    expect_trace(response, metadata, TRACE, SPAN)
    expect_equal(response.header("x-trace-id"), TRACE)


def test_b3_multi_is_continued(t):
    response, metadata = traced(t, {"X-B3-TraceId": TRACE, "X-B3-SpanId": SPAN, "X-B3-Sampled": "0"})
    expect_trace(response, metadata, TRACE, SPAN, sampled="00")


def test_x_trace_id_is_continued(t):
    response, metadata = traced(t, {"X-Trace-ID": TRACE, "X-Span-ID": SPAN})
    expect_trace(response, metadata, TRACE, SPAN)
    expect_equal((response.header("x-trace-id"), metadata["x-trace-id"]), (TRACE, TRACE))


def test_an_x_trace_id_of_any_form_is_kept(t):
    gateway, recorder = start(t)
    seen = set()
    for value in "order-42", "order-42", "order-43":
        response = gateway.get("/v1/users/1", {"X-Trace-ID": value})
        metadata = recorder.last()
        expect_equal((response.header("x-trace-id"), metadata["x-trace-id"]), (value, value))
        trace = metadata["traceparent"].split("-")[1]
        expect(re.fullmatch(HEX32, trace), trace)
        expect_equal(metadata["b3"].split("-")[0], trace, "trace id in b3")
        seen.add(trace)
    expect_equal(len(seen), 2, "hashes of two ids")


def test_a_16_digit_trace_id_is_widened(t):
    response, metadata = traced(t, {"X-Trace-ID": "8448eb211c80319c"})
    expect_equal(metadata["traceparent"].split("-")[1], "0" * 16 + "8448eb211c80319c")
    expect(response.header("x-trace-id").endswith("8448eb211c80319c"), response.header("x-trace-id"))


def test_the_first_form_wins(t):
    other = "f" * 32
    response, metadata = traced(t, {
        "traceparent": f"00-{TRACE}-{SPAN}-01",
        "b3": f"{other}-{SPAN}-1",
        "X-B3-TraceId": other,
        "X-B3-SpanId": SPAN,
        "X-Trace-ID": other,
    })
    expect_trace(response, metadata, TRACE, SPAN)
    response, metadata = traced(t, {"traceparent": "00-broken", "b3": f"{TRACE}-{SPAN}-1", "X-Trace-ID": other})
    expect_trace(response, metadata, TRACE, SPAN)


def test_a_trace_begins_where_there_is_none(t):
    gateway, recorder = start(t)
    seen = set()
    for headers in {}, {"traceparent": "00-" + "0" * 32 + f"-{SPAN}-01"}, {"b3": "x"}:
        response = gateway.get("/v1/users/1", headers)
        trace = response.header("x-trace-id")
        expect(re.fullmatch(HEX32, trace), trace)
        expect_trace(response, recorder.last(), trace, None)
        expect("x-parent-id" not in recorder.last(), "no parent")
        seen.add(trace)
    expect_equal(len(seen), 3, "different traces")


def test_sampling_is_the_callers_first(t):
    config = USER.replace("tracing: {}", "tracing: {sample: 0}")
    _, metadata = traced(t, {}, config)
    expect_equal(metadata["traceparent"][-2:], "00", "where the caller does not say")
    _, metadata = traced(t, {"traceparent": f"00-{TRACE}-{SPAN}-01"}, config)
    expect_equal(metadata["traceparent"][-2:], "01", "where the caller does")


def test_only_the_forms_asked_for_are_used(t):
    config = USER.replace("tracing: {}", "tracing: {propagate: [w3c]}")
    _, metadata = traced(t, {"b3": f"{TRACE}-{SPAN}-1", "X-Trace-ID": TRACE}, config)
    expect(metadata["traceparent"].split("-")[1] != TRACE, "b3 is not read")
    for name in "b3", "x-trace-id", "x-span-id", "x-parent-id":
        expect(name not in metadata, f"{name} is not sent")
    _, metadata = traced(t, {"traceparent": f"00-{TRACE}-{SPAN}-01"}, USER.replace("tracing: {}", ""))
    expect("traceparent" not in metadata, "nothing is sent without the block")


# --- status ---


def test_every_grpc_status_has_its_http_status(t):
    expected = [None, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401]
    statuses = {code.value[0]: code for code in StatusCode}

    def refuse(request, context):
        context.abort(statuses[int(request.id)], "because of 100 % é\n")

    gateway = user_gateway(t, user_backend(t, GetUser=refuse).address)
    for code in range(1, 17):
        body = expect_error(gateway.get(f"/v1/users/{code}"), expected[code], code)
        expect_equal((body["message"], body["details"]), ("because of 100 % é\n", []))


def test_status_details_become_json(t):
    def packed(message):
        detail = any_pb2.Any(type_url="type.googleapis.com/" + message.DESCRIPTOR.full_name,
                             value=message.SerializeToString())
        return detail

    violation = t.protos.new("google.rpc.PreconditionFailure.Violation", type="T", subject="s", description="d")
    known = packed(t.protos.new("google.rpc.PreconditionFailure", violations=[violation]))
    user = packed(t.protos.new("user.v1.User", id="7", full_name="Alice"))
    unknown = any_pb2.Any(type_url="type.googleapis.com/some.Unknown", value=b"\x01\x02\xff")
    status = t.protos.type("google.rpc.Status")(code=9, message="no")
    for detail in known, user, unknown:
        status.details.add(type_url=detail.type_url, value=detail.value)
    backend = user_backend(t, GetUser=fail(StatusCode.FAILED_PRECONDITION, "no", status.SerializeToString()))
    gateway = user_gateway(t, backend.address)
    body = expect_error(gateway.get("/v1/users/1"), 400, 9, "no")
    expect_equal(body["details"], [
        {"@type": "type.googleapis.com/google.rpc.PreconditionFailure",
         "violations": [{"type": "T", "subject": "s", "description": "d"}]},
        {"@type": "type.googleapis.com/user.v1.User", "id": "7", "fullName": "Alice"},
        {"@type": "type.googleapis.com/some.Unknown", "value": "AQL/"},
    ])


def test_broken_status_details_do_no_harm(t):
    backend = user_backend(t, GetUser=fail(StatusCode.NOT_FOUND, "gone", b"\xff\xff\xff"))
    body = expect_error(user_gateway(t, backend.address).get("/v1/users/1"), 404, 5, "gone")
    expect_equal(body["details"], [])
