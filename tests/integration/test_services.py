"""What all services have in common: health, reflection, pages, command line, end."""

import json
import os
import signal
import subprocess
import threading
import time

import grpc
from grpc import StatusCode

from harness import Failure, Metrics, expect, expect_equal, expect_within, http_raw, http_request, wait_for
from google.protobuf import descriptor_pb2

NAMES = ["user-service", "order-service", "payment-service"]


def full_name(name):
    kind = name.split("-")[0]
    return f"{kind}.v1.{kind.capitalize()}Service"


def test_health_page_says_who_and_how_many(t):
    for name in NAMES:
        service = t.service(name, options=["--version", "v2.1"])
        response = http_request(service.health_port, "GET", "/health")
        expect_equal(response.status, 200)
        expect_equal(response.header("content-type"), "application/json")
        page = response.json()
        kind = name.split("-")[0]
        expect_equal(list(page), ["status", "service", "version", "server_id", "timestamp", f"{kind}_count"])
        stamp = page.pop("timestamp")
        expect_equal(page, {"status": "healthy", "service": name, "version": "v2.1",
                            "server_id": f"{kind}-server-{service.port}", f"{kind}_count": 0})
        now = time.strftime("%Y-%m-%dT%H:", time.gmtime(time.time()))
        before = time.strftime("%Y-%m-%dT%H:", time.gmtime(time.time() - 60))
        expect(stamp.startswith((now, before)) and stamp.endswith("Z"), stamp)


def test_health_page_counts_what_is_kept(t):
    service = t.service("user-service")
    user = t.stub(service.port, "user.v1.UserService")
    for i in range(3):
        user("CreateUser", username=f"u{i}", email=f"u{i}@example.com")
    expect_equal(http_request(service.health_port, "GET", "/health").json()["user_count"], 3)


def test_pages_answer_only_what_they_are_for(t):
    port = t.service("user-service").health_port
    expect_equal(http_request(port, "GET", "/nothing").status, 404)
    expect_equal(http_request(port, "POST", "/health", b"{}").status, 405)
    expect_equal(http_request(port, "POST", "/health", b"x" * 2000).status, 413)
    expect_equal(http_request(port, "HEAD", "/health").body, b"")
    expect_equal(http_raw(port, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").status, 400)
    expect_equal(http_request(port, "GET", "/health").status, 200)


def test_metrics_count_calls_by_method_and_code(t):
    service = t.service("user-service")
    user = t.stub(service.port, "user.v1.UserService")
    for _ in range(3):
        user("SayHello", name="x")
    user.fails(StatusCode.NOT_FOUND, "GetUser", id="none")
    user.fails(StatusCode.INVALID_ARGUMENT, "CreateUser")

    def read():
        response = http_request(service.health_port, "GET", "/metrics")
        expect_equal(response.header("content-type"), "text/plain; version=0.0.4")
        return Metrics(response.body.decode())

    def calls(method, status, code):
        return read().value("rpc_calls_total", service="user.v1.UserService", method=method, status=status, code=code)

    wait_for("the last call to be counted", lambda: calls("CreateUser", "error", "INVALID_ARGUMENT") == 1)
    expect_equal(calls("SayHello", "success", "OK"), 3)
    expect_equal(calls("GetUser", "error", "NOT_FOUND"), 1)
    labels = {"service": "user.v1.UserService", "method": "SayHello"}
    expect_equal(read().value("rpc_call_duration_seconds_count", **labels), 3)
    expect_equal(read().value("rpc_call_duration_seconds_bucket", **labels, le="+Inf"), 3)
    expect(read().value("process_resident_memory_bytes") > 1e6, "process_resident_memory_bytes")


def test_grpc_health_check(t):
    health = t.stub(t.service("order-service").port, "grpc.health.v1.Health")
    for service in "", "order.v1.OrderService":
        expect_equal(health("Check", service=service).status, 1, f"status of {service!r}")
    health.fails(StatusCode.NOT_FOUND, "Check", service="nothing")


def watch(t, service, name):
    request, response = t.protos.method("grpc.health.v1.Health/Watch")
    call = t.channel(service.port).unary_stream(
        "/grpc.health.v1.Health/Watch", request.SerializeToString, response.FromString
    )
    return call(request(service=name), timeout=20)


def test_grpc_health_watch_tells_of_the_end(t):
    service = t.service("user-service")
    watched = watch(t, service, "user.v1.UserService")
    expect_equal(next(watched).status, 1, "first status")
    service.signal(signal.SIGTERM)
    begin = time.monotonic()
    expect_equal(next(watched).status, 2, "status after SIGTERM")
    try:
        next(watched)
        raise Failure("the watch goes on")
    except grpc.RpcError as error:
        expect_equal(error.code(), StatusCode.UNAVAILABLE, "end of the watch")
    expect_equal(service.wait(5), 0, "exit status")
    expect_within(time.monotonic() - begin, 0, 2, "seconds: the watch does not hold up the end")


def test_grpc_health_watch_of_an_unknown_service(t):
    watched = watch(t, t.service("user-service"), "nothing")
    expect_equal(next(watched).status, 3, "SERVICE_UNKNOWN")
    watched.cancel()


def reflect(t, channel, version, **question):
    request, response = t.protos.method(f"grpc.reflection.{version}.ServerReflection/ServerReflectionInfo")
    call = channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request.SerializeToString,
        response.FromString,
    )
    return list(call(iter([request(**question)]), timeout=10))[0]


def test_reflection_answers_in_both_versions(t):
    for name in NAMES:
        channel = t.channel(t.service(name).port)
        for version in "v1", "v1alpha":
            answer = reflect(t, channel, version, list_services="*")
            names = {one.name for one in answer.list_services_response.service}
            expect(full_name(name) in names, f"{full_name(name)} in {names}")
            expect("grpc.health.v1.Health" in names, f"health in {names}")
            answer = reflect(t, channel, version, file_containing_symbol=full_name(name))
            files = [descriptor_pb2.FileDescriptorProto.FromString(file)
                     for file in answer.file_descriptor_response.file_descriptor_proto]
            services = [f"{file.package}.{one.name}" for file in files for one in file.service]
            expect(full_name(name) in services, f"{full_name(name)} in {services}")
            answer = reflect(t, channel, version, file_containing_symbol="no.such.Thing")
            expect_equal(answer.error_response.error_code, StatusCode.NOT_FOUND.value[0], "error")


def test_every_listed_service_can_be_described(t):
    channel = t.channel(t.service("user-service").port)
    for one in reflect(t, channel, "v1", list_services="*").list_services_response.service:
        answer = reflect(t, channel, "v1", file_containing_symbol=one.name)
        expect(answer.HasField("file_descriptor_response"), f"{one.name}: {answer.error_response}")


def test_unknown_methods_are_unimplemented(t):
    channel = t.channel(t.service("user-service").port)
    for path in "/user.v1.UserService/Nothing", "/no.Such/Service":
        try:
            channel.unary_unary(path)(b"", timeout=5)
        except grpc.RpcError as error:
            expect_equal(error.code(), StatusCode.UNIMPLEMENTED, path)
        else:
            expect(False, f"{path} answered")


def test_a_request_that_is_no_message_is_refused(t):
    channel = t.channel(t.service("user-service").port)
    try:
        channel.unary_unary("/user.v1.UserService/GetUser")(b"\x0a\xff", timeout=5)
    except grpc.RpcError as error:
        expect(error.code() in (StatusCode.INTERNAL, StatusCode.INVALID_ARGUMENT), str(error.code()))
    else:
        expect(False, "answered")


# A request for each string of every service, the string left out: {0} is its value.
STRINGS = {
    "user.v1.UserService": [
        ("SayHello", "GET", "/v1/hello/{0}", None, ["name"]),
        ("CreateUser", "POST", "/v1/users", {"username": "a", "email": "a@b.c", "fullName": "A"}, None),
        ("GetUser", "GET", "/v1/users/{0}", None, ["id"]),
        ("UpdateUser", "PUT", "/v1/users/{0}", {"username": "a", "email": "a@b.c", "fullName": "A"}, ["id"]),
        ("DeleteUser", "DELETE", "/v1/users/{0}", None, ["id"]),
    ],
    "order.v1.OrderService": [
        ("CreateOrder", "POST", "/v1/orders",
         {"userId": "u", "items": [{"productId": "p", "productName": "n", "quantity": 1, "price": 1}]}, None),
        ("GetOrder", "GET", "/v1/orders/{0}", None, ["order_id"]),
        ("ListOrders", "GET", "/v1/users/{0}/orders", None, ["user_id"]),
    ],
    "payment.v1.PaymentService": [
        ("ProcessPayment", "POST", "/v1/payments",
         {"orderId": "o", "userId": "u", "amount": 1, "paymentMethod": "card"}, None),
        ("GetPayment", "GET", "/v1/payments/{0}", None, ["payment_id"]),
        ("ListPayments", "GET", "/v1/users/{0}/payments", None, ["user_id"]),
        ("RefundPayment", "POST", "/v1/payments/{0}:refund", {"amount": 1, "reason": "r"}, ["payment_id"]),
    ],
}


def with_each_string(value, text):
    """The value once for each string in it, which is `text` then."""
    if isinstance(value, str):
        yield text
    elif isinstance(value, list):
        for i, one in enumerate(value):
            for changed in with_each_string(one, text):
                yield value[:i] + [changed] + value[i + 1 :]
    elif isinstance(value, dict):
        for name, one in value.items():
            for changed in with_each_string(one, text):
                yield {**value, name: changed}


def test_a_nul_in_any_string_is_refused_by_rest(t):
    services = {name: t.service(f"{name.split('.')[0]}-service") for name in STRINGS}
    config = """
listen: [{address: "127.0.0.1:@PORT@"}]
admin: {address: "127.0.0.1:@ADMIN@"}
schema: {descriptor_sets: ["@SET@"]}
upstreams:
"""
    config += "".join(f"  - {{name: {name}, endpoints: [{{address: '{one.address}'}}]}}\n" for name, one in services.items())
    config += "routes:\n" + "".join(f"  - {{annotations: {name}, upstream: {name}}}\n" for name in services)
    gateway = t.gateway(config)

    def expect_refused(name, verb, path, body):
        body = json.dumps(body) if body is not None else None
        response = gateway.request(verb, path, body, {"Content-Type": "application/json"} if body else {})
        expect_equal(response.status, 400, f"{name} {path} {body}: {response.body}")
        expect_equal(response.json()["code"], 3, name)
        expect("has a NUL character" in response.json()["message"], str(response.body))

    count = 0
    for methods in STRINGS.values():
        for name, verb, path, body, in_path in methods:
            cases = [(path.format("x"), changed) for changed in with_each_string(body, "a\0b")]
            if in_path:
                cases.append((path.format("a%00b"), body))
            for case in cases:
                expect_refused(name, verb, *case)
                count += 1
    expect_equal(count, 22, "strings")
    for name, one in services.items():
        kind = name.split(".")[0]
        expect_equal(http_request(one.health_port, "GET", "/health").json()[f"{kind}_count"], 0, "made")


def test_a_wrong_string_is_refused_by_grpc(t):
    channel = t.channel(t.service("order-service").port)
    create = channel.unary_unary("/order.v1.OrderService/CreateOrder")
    for text, what in (b"a\0b", "has a NUL character"), (b"\xffab", "is not UTF-8"):
        item = b"\x0a\x01p\x12\x03" + text
        try:
            create(b"\x0a\x01u\x12\x03\x0a\x01p\x12" + bytes([len(item)]) + item, timeout=5)
        except grpc.RpcError as error:
            expect_equal((error.code(), error.details()), (StatusCode.INVALID_ARGUMENT, f"items[1].product_name: {what}"))
        else:
            expect(False, "answered")


def test_many_calls_at_once(t):
    service = t.service("user-service")
    user = t.stub(service.port, "user.v1.UserService")
    failures = []

    def work(number):
        try:
            for i in range(25):
                name = f"u{number}-{i}"
                made = user("CreateUser", username=name, email=name + "@example.com").user
                expect_equal(user("GetUser", id=made.id).user.username, name)
        except Exception as error:  # pylint: disable=broad-except
            failures.append(error)

    threads = [threading.Thread(target=work, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect_equal(failures, [])
    expect_equal(user("ListUsers").total, 200, "total")


def test_sigterm_sigint_and_sigquit_end_it_with_0(t):
    for number in signal.SIGTERM, signal.SIGINT, signal.SIGQUIT:
        for name in NAMES:
            service = t.service(name, db=os.path.join(t.folder, f"{name}-{number}.db"))
            service.signal(number)
            begin = time.monotonic()
            expect_equal(service.wait(), 0, f"exit status of {name}")
            expect_within(time.monotonic() - begin, 0, 1, "seconds to the end")


def test_an_idle_client_does_not_hold_up_the_end(t):
    service = t.service("user-service")
    t.stub(service.port, "grpc.health.v1.Health")("Check")
    service.signal(signal.SIGTERM)
    begin = time.monotonic()
    expect_equal(service.wait(), 0, "exit status")
    expect_within(time.monotonic() - begin, 0, 4, "seconds to the end")


def test_the_folder_of_the_data_is_made(t):
    db = os.path.join(t.folder, "a", "b", "users.db")
    t.service("user-service", db=db)
    expect(os.path.exists(db), db)


def start_badly(t, *options):
    command = [os.path.join(t.build, "services", "user-service"), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, cwd=t.folder, check=False)


def test_what_cannot_start_says_why(t):
    service = t.service("user-service")
    for options, message in [
        (["--port", str(service.port), "--db", "x.db"], "Address already in use"),
        (["--port", "20000", "--health-port", str(service.health_port), "--db", "x.db"], "Address already in use"),
        (["--address", "nowhere", "--db", "x.db"], "nowhere port 8001"),
        (["--db", "/dev/null/x.db"], "/dev/null"),
        (["--db", "/proc/x.db"], "/proc/x.db"),
    ]:
        done = start_badly(t, *options)
        expect_equal(done.returncode, 1, f"exit status of {options}")
        expect(message in done.stderr, f"{message!r} in {done.stderr!r}")


def test_a_wrong_command_line_exits_with_2(t):
    for options in ["--nonsense"], ["--port"], ["--port", "x"], ["word"]:
        done = start_badly(t, *options)
        expect_equal(done.returncode, 2, f"exit status of {options}")
        expect(done.stderr, "says why")
    done = start_badly(t, "--help")
    expect_equal((done.returncode, done.stderr), (0, ""))
    expect("--health-port" in done.stdout, done.stdout)
