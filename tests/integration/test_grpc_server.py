"""The gRPC server (gateway/grpc) by echo_server: all shapes of calls, errors, limits, back pressure,
shutdown, and peers that mean harm. The other side is grpcio, curl, or frames written by hand."""

import collections
import concurrent.futures
import itertools
import json
import os
import queue
import re
import signal
import socket
import struct
import subprocess
import threading
import time

import grpc

from harness import PREFACE, expect, expect_equal, expect_within, frame, receive, wait_for

MIB = 1 << 20

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
SETTING_INITIAL_WINDOW = 4
ENHANCE_YOUR_CALM = 11


server_numbers = itertools.count(1)


class Server:
    def __init__(self, t, *options):
        command = [os.path.join(t.build, "tests", "integration", "echo_server"), t.expand("@SET@"), *options]
        self.process = t.process(f"echo_server-{next(server_numbers)}", command)
        self.port = int(wait_for("the port", lambda: re.match(r"(\d+)\n", self.process.output()))[1])
        self.channel = t.channel(self.port)

    def unary(self, method):
        return self.channel.unary_unary("/test.Echo/" + method)

    def stats(self):
        return json.loads(self.unary("Stats")(b"", timeout=10))

    def wait_for_stats(self, **expected):
        wait_for(f"{expected}", lambda: expected.items() <= self.stats().items())

    def still_answers(self):
        """On a new connection."""
        with grpc.insecure_channel(
            f"127.0.0.1:{self.port}", options=[("grpc.use_local_subchannel_pool", 1)]
        ) as channel:
            answer = channel.unary_unary("/test.Echo/Unary")(b"alive", timeout=10, wait_for_ready=True)
        expect_equal(answer, b"alive", "answer afterwards")


def status_of(call):
    try:
        call()
    except grpc.RpcError as error:
        return error
    return None


def expect_status(call, code, details=None):
    error = status_of(call)
    expect(error is not None, f"expected {code}, found success")
    expect_equal(error.code(), code, f"status ({error.details()})")
    if details is not None:
        expect_equal(error.details(), details, "message")
    return error


# --- calls of all shapes ---


def test_a_unary_call_echoes_message_and_metadata(t):
    server = Server(t)
    sent = [("x-text", "some text"), ("x-text", "twice"), ("x-data-bin", bytes(range(256)))]
    answer, call = server.unary("Unary").with_call(b"hello", metadata=sent, timeout=10)
    expect_equal(answer, b"hello", "answer")
    headers = [tuple(item) for item in call.initial_metadata()]
    trailers = [tuple(item) for item in call.trailing_metadata()]
    expect_equal(headers, sent, "headers")
    expect_equal(trailers, [("t-" + name, value) for name, value in sent], "trailers")


def test_an_empty_message_is_a_message(t):
    expect_equal(Server(t).unary("Unary")(b"", timeout=10), b"", "answer")


def test_the_peer_is_known(t):
    server = Server(t)
    expect(re.fullmatch(rb"127\.0\.0\.1:\d+", server.unary("Peer")(b"", timeout=10)), "an address")


def test_a_server_stream_carries_its_messages_in_order_and_its_status(t):
    server = Server(t)
    stream = server.channel.unary_stream("/test.Echo/ServerStream")
    answers = list(stream(b"100 10", timeout=10))
    expect_equal(answers, [bytes([97 + left % 26]) * 10 for left in range(100, 0, -1)], "answers")
    expect_equal(list(stream(b"0 0", timeout=10)), [], "answers of an empty stream")
    got = []
    error = status_of(lambda: got.extend(stream(b"3 10!", timeout=10)))
    expect_equal((len(got), error.code()), (3, grpc.StatusCode.ABORTED), "answers before the error")


def test_a_client_stream_is_delivered_message_by_message(t):
    call = Server(t).channel.stream_unary("/test.Echo/ClientStream")
    expect_equal(call(iter([]), timeout=10), b"0 0", "tally of nothing")
    messages = [b"x" * size for size in (0, 1, 5, 65535, 300000, 7)] * 10
    expect_equal(call(iter(messages), timeout=20), b"60 3655480", "tally")


def test_a_bidirectional_stream_answers_while_the_client_still_sends(t):
    call = Server(t).channel.stream_stream("/test.Echo/Bidi")
    outgoing = queue.Queue()
    answers = call(iter(outgoing.get, None), timeout=20)
    for i in range(50):
        outgoing.put(b"%d" % i)
        expect_equal(next(answers), b"%d" % i, "answer")
    outgoing.put(None)
    expect_equal(list(answers), [], "rest")


def test_a_hundred_calls_at_once(t):
    server = Server(t)
    slow, unary = server.unary("Slow"), server.unary("Unary")
    begin = time.monotonic()
    calls = [slow.future(b"300", timeout=20) for _ in range(100)]
    calls += [unary.future(b"%d" % i, timeout=20) for i in range(100)]
    answers = [call.result() for call in calls]
    expect_equal(answers, [b"done"] * 100 + [b"%d" % i for i in range(100)], "answers")
    expect_within(time.monotonic() - begin, 0.3, 10, "seconds for all")
    server.wait_for_stats(started=200, closed=200)


def test_many_connections(t):
    server = Server(t)

    def one(i):
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(f"127.0.0.1:{server.port}", options=options) as channel:
            return channel.unary_unary("/test.Echo/Unary")(b"%d" % i, timeout=20)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        expect_equal(list(pool.map(one, range(100))), [b"%d" % i for i in range(100)], "answers")


# --- statuses ---


def test_a_status_has_its_message_details_and_trailers(t):
    server = Server(t)
    error = expect_status(
        lambda: server.unary("Fail")("5 no ünïcörn, 100 %\n".encode(), timeout=10),
        grpc.StatusCode.NOT_FOUND,
        "no ünïcörn, 100 %\n",
    )
    trailers = dict(error.trailing_metadata())
    expect_equal(trailers["grpc-status-details-bin"], b"\x08\x05\x12\x01x", "details")
    expect_equal(trailers["x-why"], "asked", "trailer")


def test_unknown_methods_and_services_are_unimplemented(t):
    server = Server(t)
    expect_status(
        lambda: server.unary("Nothing")(b"", timeout=10),
        grpc.StatusCode.UNIMPLEMENTED,
        "unknown method test.Echo/Nothing",
    )
    expect_status(
        lambda: server.channel.stream_stream("/test.Nobody/X")(iter([b"x"]), timeout=10).next(),
        grpc.StatusCode.UNIMPLEMENTED,
        "unknown service test.Nobody",
    )


def test_an_answer_before_the_end_of_the_request_ends_the_call(t):
    server = Server(t)
    never = threading.Event()

    def endless():
        while not never.is_set():
            yield b"x" * 1000

    call = server.channel.stream_unary("/test.Echo/Early")
    expect_status(lambda: call(endless(), timeout=10), grpc.StatusCode.FAILED_PRECONDITION, "enough")
    never.set()
    server.wait_for_stats(started=1, closed=1)


def test_headers_too_long_to_send_reset_the_call_alone(t):
    server = Server(t)
    expect(status_of(lambda: server.unary("Headers")(b"200000", timeout=10)) is not None, "a failure")
    expect_equal(server.unary("Unary")(b"x", timeout=10), b"x", "next call")
    server.wait_for_stats(started=2, closed=2)


# --- protobuf services ---


def test_a_protobuf_service_replies_and_fails_with_details(t):
    stub = t.stub(Server(t).port, "user.v1.UserService")
    expect_equal(stub("SayHello", name="Änne").message, "Hello, Änne!", "message")
    missing = stub.fails(grpc.StatusCode.NOT_FOUND, "GetUser", id="7")
    expect_equal([detail.resource_name for detail in missing.details], ["7"], "details")
    denied = stub.fails(grpc.StatusCode.PERMISSION_DENIED, "DeleteUser", id="100 %s")
    expect_equal(denied.message, "100 %s stays", "message")
    stub.fails(grpc.StatusCode.UNIMPLEMENTED, "ListUsers")


def test_a_request_that_is_not_the_message_is_refused(t):
    call = Server(t).channel.unary_unary("/user.v1.UserService/SayHello")
    for wrong in (b"\xff", b"\x0a\x05abc"):
        expect_status(
            lambda wrong=wrong: call(wrong, timeout=10),
            grpc.StatusCode.INTERNAL,
            "request is not a user.v1.SayHelloRequest",
        )


def test_strings_that_protobuf_c_would_cut_or_take_are_refused(t):
    channel = Server(t).channel
    hello = channel.unary_unary("/user.v1.UserService/SayHello")
    for text, why in (b"a\0b", "has a NUL character"), (b"\0", "has a NUL character"), (b"\xc3\x28", "is not UTF-8"):
        wrong = b"\x0a" + bytes([len(text)]) + text
        expect_status(lambda wrong=wrong: hello(wrong, timeout=10), grpc.StatusCode.INVALID_ARGUMENT, "name: " + why)
    # In a stream.
    for version in "v1", "v1alpha":
        reflect = channel.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo")
        list_services, cut = b"\x3a\x01*", b"\x22\x04x\0yz"
        answers = reflect(iter([list_services, cut]), timeout=10)
        next(answers)
        expect_status(
            lambda answers=answers: next(answers),
            grpc.StatusCode.INVALID_ARGUMENT,
            "file_containing_symbol: has a NUL character",
        )


# --- deadlines and cancelling ---


def test_past_its_deadline_the_server_ends_the_call(t):
    server = Server(t)
    expect_status(lambda: server.unary("Slow")(b"", timeout=0.2), grpc.StatusCode.DEADLINE_EXCEEDED)
    server.wait_for_stats(started=1, closed=1)
    # And by itself, for a client that has no clock.
    answer = curl(t, server, "Slow", message(b""), "grpc-timeout: 100m")
    expect_equal(answer.get("grpc-status"), "4", "status")
    server.wait_for_stats(started=2, closed=2, ended=2, ok=0)
    answer = curl(t, server, "Unary", message(b""), "grpc-timeout: 0m")
    expect_equal(answer.get("grpc-status"), "4", "status where there is no time at all")
    expect_equal(server.stats()["started"], 2, "calls started")


def test_a_stream_past_its_deadline_ends_after_what_was_sent(t):
    server = Server(t)
    outgoing = queue.Queue()
    answers = server.channel.stream_stream("/test.Echo/Bidi")(iter(outgoing.get, None), timeout=0.5)
    outgoing.put(b"x")
    expect_equal(next(answers), b"x", "answer")
    expect_status(lambda: next(answers), grpc.StatusCode.DEADLINE_EXCEEDED)
    outgoing.put(None)
    server.wait_for_stats(started=1, closed=1)


def test_malformed_timeouts_are_refused(t):
    server = Server(t)
    for wrong in ("1", "m", "123456789m", "-1m", "1x", "1 m"):
        answer = curl(t, server, "Unary", message(b""), "grpc-timeout: " + wrong)
        expect_equal(answer.get("grpc-status"), "13", f"status for {wrong!r}")


def test_a_cancelled_call_is_closed_once(t):
    server = Server(t)
    calls = [server.unary("Slow").future(b"", timeout=20) for _ in range(20)]
    wait_for("the calls to start", lambda: server.stats()["started"] == 20)
    for call in calls:
        call.cancel()
    server.wait_for_stats(started=20, closed=20, ok=0)
    expect_equal(server.unary("Unary")(b"x", timeout=10), b"x", "next call")


def test_a_lost_connection_closes_its_calls(t):
    server = Server(t)
    with Raw(server) as raw:
        for stream in (1, 3, 5):
            raw.call(stream, "Slow", message(b""))
        wait_for("the calls to start", lambda: server.stats()["started"] == 3)
    server.wait_for_stats(started=3, closed=3, ok=0)


# --- HTTP and framing, by curl ---


def message(body, flag=0):
    return struct.pack(">BI", flag, len(body)) + body


def curl(t, server, method, body, *headers, content_type="application/grpc"):
    """Response headers and trailers; ":status" among them, if any came. curl 7.88 waits for nothing
    after an answer that came before the request was sent; what it has printed by then is all there is."""
    file = t.write("request", body)
    command = ["curl", "-sS", "--http2-prior-knowledge", "--max-time", "3", "-D", "-", "-o", os.devnull]
    command += ["--data-binary", "@" + file, "-H", "te: trailers", "-H", "content-type: " + content_type]
    for header in headers:
        command += ["-H", header]
    command += [f"http://127.0.0.1:{server.port}/test.Echo/{method}"]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    found = {":status": lines[0].split()[1]} if lines else {}
    return found | dict(line.split(": ", 1) for line in lines[1:] if ": " in line)


def test_what_is_not_grpc_is_refused_in_http(t):
    server = Server(t)
    for wrong in ("application/json", "application/grpc-web", "text/plain", ""):
        answer = curl(t, server, "Unary", message(b"x"), content_type=wrong)
        expect_equal(answer[":status"], "415", f"status for {wrong!r}")
    for right in ("application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"):
        answer = curl(t, server, "Unary", message(b"x"), content_type=right)
        expect_equal((answer[":status"], answer["grpc-status"]), ("200", "0"), f"answer for {right!r}")
    url = f"http://127.0.0.1:{server.port}/test.Echo/Unary"
    got = subprocess.run(
        ["curl", "-sS", "-i", "--http2-prior-knowledge", url], capture_output=True, text=True, check=True
    ).stdout
    expect(got.startswith("HTTP/2 405") and "allow: POST" in got, f"405 with Allow, found {got}")


def test_requests_that_are_not_one_message_fail(t):
    server = Server(t)
    cases = {
        b"": "the request has no message",
        message(b"x") + message(b"y"): "more than one request message",
        message(b"xyz")[:-1]: "the request ends within a message",
        message(b"xyz")[:3]: "the request ends within a message",
        message(b"x", flag=2): "the request is not a sequence of gRPC messages",
        message(b"x", flag=1): "compressed message without grpc-encoding",
    }
    for body, text in cases.items():
        answer = curl(t, server, "Unary", body)
        expect_equal((answer["grpc-status"], answer["grpc-message"]), ("13", text), f"answer to {body}")
    answer = curl(t, server, "ClientStream", message(b"ok") + message(b"cut")[:-1])
    expect_equal(answer["grpc-status"], "13", "status of a stream that is cut off")


def test_compressed_messages_are_unimplemented(t):
    server = Server(t)
    expect_status(
        lambda: server.unary("Unary")(b"x" * 1000, compression=grpc.Compression.Gzip, timeout=10),
        grpc.StatusCode.UNIMPLEMENTED,
        "compression is not supported",
    )
    answer = curl(t, server, "Unary", message(b"x", flag=1), "grpc-encoding: gzip")
    expect_equal((answer["grpc-status"], answer["grpc-accept-encoding"]), ("12", "identity"), "answer")
    answer = curl(t, server, "Unary", message(b"x"), "grpc-encoding: gzip")
    expect_equal(answer["grpc-status"], "0", "status of a message that is not compressed")


# --- limits and back pressure ---


def test_messages_up_to_the_limit_pass(t):
    server = Server(t)
    big = os.urandom(4 * MIB)
    with grpc.insecure_channel(
        f"127.0.0.1:{server.port}", options=[("grpc.max_receive_message_length", -1)]
    ) as channel:
        call = channel.unary_unary("/test.Echo/Unary")
        expect(call(big, timeout=30) == big, "4 MiB come back")
        expect_status(
            lambda: call(big + b"x", timeout=30),
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "the request message is longer than 4194304 bytes",
        )
        stream = channel.stream_unary("/test.Echo/ClientStream")
        expect_status(lambda: stream(iter([b"x", big + b"x"]), timeout=30), grpc.StatusCode.RESOURCE_EXHAUSTED)
        expect_equal(stream(iter([big] * 5), timeout=60), b"5 20971520", "tally")


def test_a_slow_reader_holds_its_stream_back(t):
    server = Server(t)
    before = server.stats()["resident_kib"]
    answers = server.channel.unary_stream("/test.Echo/ServerStream")(b"10000 100000", timeout=60)
    next(answers)
    time.sleep(1)
    stats = server.stats()
    expect(stats["blocked"] > 0, "the handler was told to wait")
    expect_within(stats["resident_kib"] - before, -1000, 64 << 10, "growth in KiB with 1 GB unread")
    answers.cancel()
    server.wait_for_stats(closed=1)


def test_a_client_that_does_not_read_its_answers_cannot_send_on(t):
    server = Server(t)
    before = server.stats()["resident_kib"]
    with Raw(server, window=65535) as raw:
        raw.headers(1, "Bidi")
        sent = raw.send_until_blocked(1, message(b"x" * 10000), 64 * MIB)
        expect_within(sent, 64 << 10, MIB, "bytes taken")
        expect_within(server.stats()["resident_kib"] - before, -1000, 16 << 10, "growth in KiB")
        # It reads after all: everything comes.
        raw.grow_window(0, 1 << 30)
        raw.grow_window(1, 1 << 30)
        while raw.received[1] < sent // 10005 * 10005:
            raw.next_frame(DATA)
        expect_equal(raw.received[1], sent // 10005 * 10005, "bytes echoed")


def test_streams_above_the_limit_are_refused(t):
    server = Server(t, "max_streams=5")
    with Raw(server) as raw:
        for stream in range(1, 21, 2):
            raw.call(stream, "Slow", message(b""))
        refused = [raw.next_frame(RST_STREAM) for _ in range(5)]
        expect_equal({payload for _, _, payload in refused}, {struct.pack(">I", 7)}, "REFUSED_STREAM")
        expect_equal(server.stats()["started"], 5, "calls started")
    # A client that respects it waits instead.
    calls = [server.unary("Slow").future(b"50", timeout=20) for _ in range(30)]
    expect_equal([call.result() for call in calls], [b"done"] * 30, "answers")


def test_connections_above_the_limit_wait(t):
    server = Server(t, "max_connections=3")
    server.stats()
    first, second = Raw(server), Raw(server)
    first.next_frame(SETTINGS), second.next_frame(SETTINGS)
    with Raw(server, greet=False) as third:
        third.socket.settimeout(0.3)
        try:
            expect(not third.socket.recv(1), "no greeting above the limit")
        except TimeoutError:
            pass
        first.close()
        third.socket.settimeout(10)
        third.greet()
        third.next_frame(SETTINGS)
    second.close()


def test_too_large_headers_exhaust_resources(t):
    server = Server(t)
    for headers in (["x-big: " + "v" * 70000], [f"x-{i}: v" for i in range(201)]):
        answer = curl(t, server, "Unary", message(b"x"), *headers)
        if ":status" in answer:
            expect_equal(answer["grpc-status"], "8", "status")
    server.still_answers()
    expect_equal(server.stats()["started"], 1, "calls started")


def test_without_file_descriptors_accepting_waits(t):
    server = Server(t)
    server.stats()
    used = len(os.listdir(f"/proc/{server.process.pid}/fd"))
    subprocess.run(["prlimit", f"--pid={server.process.pid}", f"--nofile={used + 2}"], check=True)
    raws = [Raw(server) for _ in range(4)]
    raws[0].next_frame(SETTINGS), raws[1].next_frame(SETTINGS)
    before = cpu_seconds(server.process.pid)
    time.sleep(1)
    expect_within(cpu_seconds(server.process.pid) - before, 0, 0.3, "CPU seconds in one second")
    raws[0].close(), raws[1].close()
    raws[2].next_frame(SETTINGS), raws[3].next_frame(SETTINGS)
    raws[2].close(), raws[3].close()


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- health and reflection ---


def test_health_is_checked_and_watched(t):
    server = Server(t)
    stub = t.stub(server.port, "grpc.health.v1.Health")
    set_health = server.unary("Health")
    expect_equal(stub("Check").status, 1, "status of the server")
    stub.fails(grpc.StatusCode.NOT_FOUND, "Check", service="a.B")

    request, response = t.protos.method("grpc.health.v1.Health/Watch")
    watch = server.channel.unary_stream(
        "/grpc.health.v1.Health/Watch", request.SerializeToString, response.FromString
    )
    changes = watch(request(service="a.B"), timeout=20)
    expect_equal(next(changes).status, 3, "status of an unknown service")
    for status in (1, 2, 1):
        set_health(b"a.B %d" % status, timeout=10)
        expect_equal(next(changes).status, status, "status watched")
    set_health(b"a.B 1", timeout=10)
    set_health(b"other 2", timeout=10)
    set_health(b"a.B 2", timeout=10)
    expect_equal(next(changes).status, 2, "next change: only changes are told")
    expect_equal(stub("Check", service="a.B").status, 2, "status checked")
    changes.cancel()


class Reflection:
    def __init__(self, t, version):
        service = f"grpc.reflection.{version}.ServerReflection"
        self._request, response = t.protos.method(service + "/ServerReflectionInfo")
        self._call = Server(t).channel.stream_stream(
            f"/{service}/ServerReflectionInfo", self._request.SerializeToString, response.FromString
        )
        self._files = t.protos.type("google.protobuf.FileDescriptorProto")

    def ask(self, *questions):
        """All on one stream."""
        return list(self._call(iter([self._request(**q) for q in questions]), timeout=10))

    def files(self, answer):
        return [
            self._files.FromString(blob).name for blob in answer.file_descriptor_response.file_descriptor_proto
        ]


def test_reflection_lists_services(t):
    for version in ("v1", "v1alpha"):
        answer = Reflection(t, version).ask({"list_services": "*", "host": "h"})[0]
        names = {service.name for service in answer.list_services_response.service}
        expect_equal(
            names,
            {
                "test.Echo",
                "user.v1.UserService",
                "grpc.health.v1.Health",
                "grpc.reflection.v1.ServerReflection",
                "grpc.reflection.v1alpha.ServerReflection",
            },
            "services",
        )
        expect_equal((answer.valid_host, answer.original_request.list_services), ("h", "*"), "echo")


def test_reflection_finds_files_by_name_and_symbol(t):
    reflection = Reflection(t, "v1")
    user = ["user/v1/user.proto", "google/api/annotations.proto", "google/protobuf/timestamp.proto"]
    user += ["google/api/http.proto", "google/protobuf/descriptor.proto"]
    symbols = ["user.v1.User", "user.v1.User.age", ".user.v1.UserService", "user.v1.UserService.GetUser"]
    for question in [{"file_by_filename": user[0]}] + [{"file_containing_symbol": s} for s in symbols]:
        found = reflection.files(reflection.ask(question)[0])
        expect_equal(found[0], user[0], f"first file for {question}")
        expect_equal(sorted(found), sorted(user), f"files for {question}")
    others = {
        "grpc.health.v1.HealthCheckResponse.ServingStatus": "grpc/health/v1/health.proto",
        "grpc.health.v1.HealthCheckResponse.SERVING": "grpc/health/v1/health.proto",
        "google.rpc.BadRequest.FieldViolation": "google/rpc/error_details.proto",
        "google.api.http": "google/api/annotations.proto",
        "google.protobuf.FieldDescriptorProto.TYPE_INT32": "google/protobuf/descriptor.proto",
        "google.api.HttpRule.pattern": "google/api/http.proto",
    }
    for symbol, file in others.items():
        found = reflection.files(reflection.ask({"file_containing_symbol": symbol})[0])
        expect_equal(found[0], file, f"first file for {symbol}")


def test_reflection_sends_an_import_once_a_stream(t):
    reflection = Reflection(t, "v1")
    first, second, again = reflection.ask(
        {"file_by_filename": "user/v1/user.proto"},
        {"file_by_filename": "order/v1/order.proto"},
        {"file_by_filename": "user/v1/user.proto"},
    )
    expect_equal(len(reflection.files(first)), 5, "files of the first answer")
    expect_equal(reflection.files(second), ["order/v1/order.proto"], "files of the second")
    expect_equal(reflection.files(again), ["user/v1/user.proto"], "what is asked for comes again")


def test_reflection_finds_extensions(t):
    reflection = Reflection(t, "v1alpha")
    options = "google.protobuf.MethodOptions"
    found, numbers, none = reflection.ask(
        {"file_containing_extension": {"containing_type": options, "extension_number": 72295728}},
        {"all_extension_numbers_of_type": options},
        {"all_extension_numbers_of_type": "user.v1.User"},
    )
    expect_equal(reflection.files(found)[0], "google/api/annotations.proto", "file of the extension")
    answer = numbers.all_extension_numbers_response
    expect_equal((answer.base_type_name, list(answer.extension_number)), (options, [72295728]), "numbers")
    expect_equal(list(none.all_extension_numbers_response.extension_number), [], "numbers of User")


def test_reflection_says_what_it_does_not_find(t):
    reflection = Reflection(t, "v1")
    questions = [
        {"file_by_filename": "no.proto"},
        {"file_containing_symbol": "user.v1.Nobody"},
        {"file_containing_extension": {"containing_type": "user.v1.User", "extension_number": 1}},
        {"all_extension_numbers_of_type": "user.v1.Nobody"},
    ]
    for answer in reflection.ask(*questions):
        expect_equal(answer.error_response.error_code, 5, f"code of {answer}")
    expect_status(lambda: reflection.ask({}), grpc.StatusCode.INVALID_ARGUMENT)


# --- shutdown ---


def test_sigterm_lets_calls_finish(t):
    server = Server(t)
    slow = [server.unary("Slow").future(b"700", timeout=20) for _ in range(10)]
    watch = server.channel.unary_stream("/grpc.health.v1.Health/Watch")(b"", timeout=20)
    next(watch)
    wait_for("the calls to start", lambda: server.stats()["started"] == 10)
    begin = time.monotonic()
    server.process.signal(signal.SIGTERM)
    expect_status(lambda: list(watch), grpc.StatusCode.UNAVAILABLE, "the server is stopping")
    expect_equal([call.result() for call in slow], [b"done"] * 10, "answers")
    expect_equal(server.process.wait(), 0, "exit status")
    expect_within(time.monotonic() - begin, 0.3, 5, "seconds until the end")


def test_sigterm_resets_what_does_not_finish_in_time(t):
    server = Server(t, "shutdown_ms=300")
    call = server.unary("Slow").future(b"", timeout=20)
    silent = Raw(server, greet=False)
    wait_for("the call to start", lambda: server.stats()["started"] == 1)
    server.process.signal(signal.SIGTERM)
    expect_equal(server.process.wait(), 0, "exit status")
    expect_equal(call.code(), grpc.StatusCode.UNAVAILABLE, "status of the call")
    silent.close()


def test_no_call_is_lost_to_a_shutdown_under_load(t):
    server = Server(t)
    results, stop = [], threading.Event()

    def load():
        channel = grpc.insecure_channel(
            f"127.0.0.1:{server.port}", options=[("grpc.use_local_subchannel_pool", 1)]
        )
        call = channel.unary_unary("/test.Echo/Unary")
        while not stop.is_set():
            results.append(status_of(lambda: call(b"x" * 100, timeout=10)))
        channel.close()

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_for("some calls", lambda: len(results) > 500)
    server.process.signal(signal.SIGTERM)
    server.process.wait()
    stop.set()
    for thread in threads:
        thread.join()
    failures = [error for error in results if error is not None]
    wrong = [e for e in failures if e.code() != grpc.StatusCode.UNAVAILABLE or "refused" not in e.details()]
    expect(not wrong, lambda: f"calls lost: {[(e.code(), e.details()) for e in wrong[:3]]}")


# --- peers that mean harm ---


def literal(name, value):
    """HPACK, without indexing (RFC 7541 section 6.2.2)."""
    return b"\x00" + bytes([len(name)]) + name + integer(len(value), 7) + value


def integer(value, bits, first=0):
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([first | value])
    encoded, value = bytes([first | limit]), value - limit
    while value >= 128:
        encoded, value = encoded + bytes([value & 127 | 128]), value >> 7
    return encoded + bytes([value])


def request_headers(method):
    pairs = {b":method": b"POST", b":scheme": b"http", b":path": b"/test.Echo/" + method.encode()}
    pairs |= {b":authority": b"x", b"content-type": b"application/grpc", b"te": b"trailers"}
    return b"".join(literal(name, value) for name, value in pairs.items())


class Raw:
    """A connection of frames written by hand."""

    def __init__(self, server, window=None, greet=True):
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        self._window = window
        self.received = collections.Counter()  # bytes of DATA, by stream
        if greet:
            self.greet()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def greet(self):
        settings = b"" if self._window is None else struct.pack(">HI", SETTING_INITIAL_WINDOW, self._window)
        self.send(PREFACE + frame(SETTINGS, 0, 0, settings))

    def send(self, data):
        self.socket.sendall(data)

    def try_send(self, data):
        """False once the peer has closed."""
        try:
            self.send(data)
            return True
        except OSError:
            return False

    def headers(self, stream, method, flags=0, more=b""):
        self.send(frame(HEADERS, END_HEADERS | flags, stream, request_headers(method) + more))

    def call(self, stream, method, body):
        self.headers(stream, method)
        self.send(frame(DATA, END_STREAM, stream, body))

    def grow_window(self, stream, by):
        self.send(frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", by)))

    def read_frame(self):
        head = receive(self.socket, 9)
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        payload = receive(self.socket, int.from_bytes(head[:3], "big"))
        if kind == DATA:
            self.received[stream] += len(payload)
        return kind, flags, stream, payload

    def next_frame(self, wanted):
        """Flags, stream and payload of the next frame of that kind."""
        while True:
            kind, flags, stream, payload = self.read_frame()
            if kind == wanted:
                return flags, stream, payload

    def send_until_blocked(self, stream, data, limit):
        """Sends within the windows that the server gives; gives up when they stay empty for a second."""
        sent, windows = 0, {0: 65535, stream: 65535}
        self.socket.settimeout(1)
        pending = b""
        while sent < limit:
            pending = pending or data
            room = min(windows[0], windows[stream], len(pending), 16384)
            if room > 0:
                self.send(frame(DATA, 0, stream, pending[:room]))
                pending, sent = pending[room:], sent + room
                windows = {of: window - room for of, window in windows.items()}
                continue
            try:
                kind, flags, of, payload = self.read_frame()
            except TimeoutError:
                break
            if kind == WINDOW_UPDATE:
                windows[of] += struct.unpack(">I", payload)[0]
            elif kind == SETTINGS and not flags & ACK:
                for at in range(0, len(payload), 6):
                    setting, value = struct.unpack(">HI", payload[at : at + 6])
                    if setting == SETTING_INITIAL_WINDOW:
                        windows[stream] += value - 65535
                self.send(frame(SETTINGS, ACK, 0))
        self.socket.settimeout(10)
        return sent

    def goaway_code(self):
        """Error code of the last GOAWAY before the server closes; None where it just closes."""
        code = None
        try:
            while True:
                kind, _, _, payload = self.read_frame()
                if kind == GOAWAY:
                    code = struct.unpack(">II", payload[:8])[1]
        except OSError:
            return code


def test_garbage_instead_of_http2_is_closed(t):
    server = Server(t)
    for garbage in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", os.urandom(5000)):
        with Raw(server, greet=False) as raw:
            raw.try_send(garbage)
            raw.goaway_code()
    with Raw(server) as raw:
        raw.try_send(os.urandom(5000))
        raw.goaway_code()
    with Raw(server, greet=False) as raw:
        raw.send(PREFACE[:10])
    server.still_answers()


def test_rapid_reset_is_calmed(t):
    server = Server(t)
    with Raw(server) as raw:
        reset = lambda stream: frame(RST_STREAM, 0, stream, struct.pack(">I", 8))
        block = request_headers("Slow")
        for stream in range(1, 20001, 2):
            if not raw.try_send(frame(HEADERS, END_HEADERS, stream, block) + reset(stream)):
                break
        expect_equal(raw.goaway_code(), ENHANCE_YOUR_CALM, "error code")
    stats = server.stats()
    expect_within(stats["started"], 100, 400, "calls that were begun")
    expect_equal(stats["closed"], stats["started"], "calls closed")
    server.still_answers()


def test_resets_provoked_from_the_server_are_calmed(t):
    server = Server(t)
    with Raw(server) as raw:
        block = request_headers("Slow")
        for stream in range(1, 20001, 2):
            headers = frame(HEADERS, END_HEADERS, stream, block)
            overflow = frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", 0x7FFFFFFF))
            if not raw.try_send(headers + overflow):
                break
        expect_equal(raw.goaway_code(), ENHANCE_YOUR_CALM, "error code")
    stats = server.stats()
    expect_equal(stats["closed"], stats["started"], "calls closed")
    server.still_answers()


def test_cancelling_what_has_waited_is_no_attack(t):
    server = Server(t)
    for _ in range(2):
        calls = [server.unary("Slow").future(b"", timeout=1.2) for _ in range(400)]
        codes = {call.code() for call in calls}
        expect_equal(codes, {grpc.StatusCode.DEADLINE_EXCEEDED}, "statuses")
    server.wait_for_stats(started=800, closed=800)


def test_a_header_bomb_costs_nothing(t):
    server = Server(t)
    before = server.stats()["resident_kib"]
    with Raw(server) as raw:
        # One entry of 4,000 bytes into the dynamic table, then 16,000 times one byte that names it.
        entry = b"\x40\x01x" + integer(4000, 7) + b"v" * 4000
        raw.headers(1, "Unary", END_STREAM, entry + b"\xbe" * 11000)
        raw.next_frame(HEADERS)
        raw.headers(3, "Unary", 0, b"\xbe" * 3)
        raw.send(frame(DATA, END_STREAM, 3, message(b"x")))
        raw.next_frame(DATA)
    expect_within(server.stats()["resident_kib"] - before, -1000, 8 << 10, "growth in KiB")
    expect_equal(server.stats()["started"], 1, "calls started")


def test_endless_continuations_are_closed(t):
    server = Server(t)
    with Raw(server) as raw:
        raw.send(frame(HEADERS, 0, 1, request_headers("Unary")))
        for i in range(10000):
            if not raw.try_send(frame(CONTINUATION, 0, 1, literal(b"x-%d" % i, b"v" * 1000))):
                break
        else:
            raise AssertionError("10,000 CONTINUATION frames were taken")
    server.still_answers()


def test_pings_without_reading_are_bounded(t):
    server = Server(t)
    before = server.stats()["resident_kib"]
    for flood in (frame(PING, 0, 0, b"12345678"), frame(SETTINGS, 0, 0)):
        with Raw(server) as raw:
            raw.socket.settimeout(3)
            sent = 0
            while sent < 64 * MIB and raw.try_send(flood * 4096):
                sent += len(flood) * 4096
            expect(sent < 64 * MIB, "the server gives up")
    expect_within(server.stats()["resident_kib"] - before, -1000, 16 << 10, "growth in KiB")
    server.still_answers()


def test_a_window_that_never_opens_holds_bounded_memory(t):
    server = Server(t)
    before = server.stats()["resident_kib"]
    with Raw(server, window=0) as raw:
        for stream in range(1, 201, 2):
            raw.call(stream, "ServerStream", message(b"1000 10000"))
        raw.call(201, "Unary", message(b"x" * 100))
        wait_for("the calls to start", lambda: server.stats()["started"] == 101)
        # 100 streams of at most 64 KiB and a message each, in buffers that double.
        expect_within(server.stats()["resident_kib"] - before, -1000, 64 << 10, "growth in KiB of 1 GB")
        server.still_answers()
    server.wait_for_stats(closed=102)


def test_a_window_that_never_opens_does_not_outlive_the_deadline(t):
    server = Server(t)
    with Raw(server, window=0) as raw:
        raw.headers(1, "Unary", 0, literal(b"grpc-timeout", b"300m"))
        raw.send(frame(DATA, END_STREAM, 1, message(b"x")))
        _, stream, payload = raw.next_frame(RST_STREAM)
        expect_equal((stream, payload), (1, struct.pack(">I", 8)), "CANCEL")
    server.wait_for_stats(started=1, closed=1)


def test_a_large_message_in_tiny_frames_arrives(t):
    server = Server(t)
    body = message(os.urandom(3000))
    with Raw(server) as raw:
        raw.headers(1, "Unary")
        for at in range(len(body)):
            raw.send(frame(DATA, END_STREAM if at == len(body) - 1 else 0, 1, body[at : at + 1]))
        raw.next_frame(HEADERS)
        _, _, payload = raw.next_frame(DATA)
        expect_equal(payload, body, "answer")
