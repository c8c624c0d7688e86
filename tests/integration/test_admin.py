"""/metrics, /stats, /health, /ready, the access log, and the drain."""

import datetime
import re
import signal
import threading
import time

import feed
import h2
import harness
from grpc import StatusCode

from gateway_config import USER, fail, user_backend, user_gateway
from harness import expect, expect_equal, expect_error, expect_within, wait_for
from websocket import WebSocket

SERVICE = "user.v1.UserService"
BUCKETS = [".0005", ".001", ".0025", ".005", ".01", ".025", ".05", ".1", ".25", ".5", "1", "2.5", "5", "10", "+Inf"]


def after_known_calls(t):
    """A gateway that has answered: GetUser 5 times, CreateUser refused twice, and three wrong requests."""
    backend = user_backend(t, CreateUser=fail(StatusCode.ALREADY_EXISTS, "taken"))
    gateway = user_gateway(t, backend.address)
    for i in range(5):
        expect_equal(gateway.get(f"/v1/users/{i}").status, 200)
    for _ in range(2):
        expect_equal(gateway.post("/v1/users", {"username": "a"}).status, 409)
    expect_equal(gateway.get("/nowhere").status, 404)
    expect_equal(gateway.request("BREW", "/nowhere").status, 404)
    expect_equal(gateway.post("/v1/users", "{").status, 400)
    counted = {"route": "/v1/users", "method": "POST", "code": "400"}
    wait_for("the last request to be counted", lambda: gateway.metrics().value("http_requests_total", **counted) == 1)
    return gateway, backend


def test_metrics_count_what_happened(t):
    gateway, backend = after_known_calls(t)
    response = gateway.admin("/metrics")
    expect_equal(response.status, 200)
    expect(response.header("content-type").startswith("text/plain; version=0.0.4"), response.header("content-type"))
    metrics = gateway.metrics()

    def calls(method, status, code):
        return metrics.value("rpc_calls_total", service=SERVICE, method=method, status=status, code=code)

    expect_equal(calls("GetUser", "success", "OK"), 5)
    expect_equal(calls("CreateUser", "error", "ALREADY_EXISTS"), 2)
    expect_equal(metrics.sum("rpc_calls_total"), 7, "all calls")
    expect_equal(metrics.value("rpc_call_duration_seconds_count", service=SERVICE, method="GetUser"), 5)

    def requests(route, method, code):
        return metrics.value("http_requests_total", route=route, method=method, code=code)

    expect_equal(requests("/v1/users/{id}", "GET", "200"), 5)
    expect_equal(requests("/v1/users", "POST", "409"), 2)
    expect_equal(requests("/v1/users", "POST", "400"), 1)
    expect_equal(requests("none", "GET", "404"), 1)
    expect_equal(requests("none", "OTHER", "404"), 1)
    expect_equal(metrics.sum("http_requests_total"), 10, "all requests")
    expect_equal(metrics.value("http_request_duration_seconds_count", route="/v1/users/{id}"), 5)

    where = {"upstream": "user-service", "endpoint": backend.address}
    expect_equal(metrics.value("upstream_picks_total", **where), 7)
    expect_equal(metrics.value("upstream_endpoint_up", **where), 1)
    expect_within(metrics.sum("upstream_connections", upstream="user-service"), 1, 8, "connections")
    expect_equal(len(metrics.series("sluice_build_info")), 1, "series of sluice_build_info")
    expect(list(metrics.series("sluice_build_info")[0]) == ["version"], "its label")
    expect(metrics.value("process_resident_memory_bytes") > 1e6, "process_resident_memory_bytes")
    expect_within(metrics.value("process_start_time_seconds"), time.time() - 60, time.time() + 1, "start time")
    for name in "process_cpu_seconds_total", "process_virtual_memory_bytes", "process_open_fds", "process_max_fds":
        expect_equal(len(metrics.series(name)), 1, f"series of {name}")
    for name, kind in [("rpc_calls_total", "counter"), ("rpc_call_duration_seconds", "histogram"),
                       ("http_request_duration_seconds", "histogram"), ("upstream_connections", "gauge")]:
        expect_equal(metrics.types.get(name), kind, f"type of {name}")


def test_histograms_have_the_buckets_agreed_on(t):
    gateway, _ = after_known_calls(t)
    metrics = gateway.metrics()
    labels = {"service": SERVICE, "method": "GetUser"}
    series = [one for one in metrics.series("rpc_call_duration_seconds_bucket") if labels.items() <= one.items()]
    limits = sorted((float(one["le"]), one["le"]) for one in series)
    expect_equal([limit for limit, _ in limits], [float(one) for one in BUCKETS], "buckets")
    values = [metrics.value("rpc_call_duration_seconds_bucket", **labels, le=le) for _, le in limits]
    expect_equal(values, sorted(values), "buckets add up")
    expect_equal(values[-1], 5, "+Inf")
    expect_within(metrics.value("rpc_call_duration_seconds_sum", **labels), 0.0001, 5, "sum")


def test_a_clients_text_never_becomes_a_label(t):
    gateway, _ = after_known_calls(t)
    before = len(gateway.metrics().samples)
    for i in range(50):
        gateway.get(f"/random/{i}")
        gateway.request(f"METHOD{i}", "/v1/users")
    after = gateway.metrics()
    expect_within(len(after.samples) - before, 0, 5, "new series")
    for _, labels in after.samples:
        expect(not any("random" in value or "METHOD" in value for _, value in labels), str(labels))


def test_stats_have_methods_and_upstreams(t):
    gateway, backend = after_known_calls(t)
    response = gateway.admin("/stats")
    expect_equal((response.status, response.header("content-type")), (200, "application/json"))
    stats = response.json()
    expect_equal(sorted(stats), ["methods", "upstreams"])
    get_user = stats["methods"][f"{SERVICE}/GetUser"]
    expect_equal(sorted(get_user), ["calls", "errors", "p50_ms", "p90_ms", "p95_ms", "p99_ms"])
    expect_equal((get_user["calls"], get_user["errors"]), (5, 0))
    quantiles = [get_user[f"p{q}_ms"] for q in (50, 90, 95, 99)]
    expect(quantiles[0] > 0 and quantiles == sorted(quantiles), f"quantiles {quantiles}")
    create_user = stats["methods"][f"{SERVICE}/CreateUser"]
    expect_equal((create_user["calls"], create_user["errors"]), (2, 2))
    expect_equal(sorted(stats["methods"]),
                 [f"{SERVICE}/{name}" for name in ("CreateUser", "DeleteUser", "GetUser", "ListUsers", "SayHello",
                                                   "UpdateUser")])
    endpoint, = stats["upstreams"]["user-service"]["endpoints"]
    expect_equal(sorted(endpoint), ["address", "in_flight", "picks", "state"])
    expect_equal((endpoint["address"], endpoint["in_flight"], endpoint["picks"]), (backend.address, 0, 7))


def test_health_and_ready(t):
    gateway, _ = after_known_calls(t)
    expect_equal(gateway.admin("/health").json(), {"status": "healthy"})
    expect_equal(gateway.admin("/ready").status, 200)
    for path in "/nothing", "/", "/metrics/", "/metrics/x", "/health2":
        expect_error(gateway.admin(path), 404, 5)
    expect_equal(gateway.admin("/health?x=1").status, 200)
    response = harness.http_request(gateway.admin_port, "POST", "/stats")
    expect_error(response, 405, 12)
    expect_equal(response.header("allow"), "GET, HEAD")
    expect_equal(harness.http_request(gateway.admin_port, "HEAD", "/health").body, b"")
    expect_equal(gateway.get("/metrics").status, 404, "/metrics on the public port")


LOG_FIELDS = ["time", "method", "path", "route", "status", "grpc_status", "error", "upstream", "endpoint", "tries",
              "duration_us", "bytes_in", "bytes_out", "trace_id", "request_id", "remote_addr"]


def test_the_access_log_has_a_line_for_each_request(t):
    gateway, backend = after_known_calls(t)
    trace = "0af7651916cd43dd8448eb211c80319c"
    answer = gateway.get("/v1/users/7", {"traceparent": f"00-{trace}-b7ad6b7169203331-01", "X-Request-ID": 'r"1'})
    lines = wait_for("11 lines", lambda: len(gateway.access_log()) == 11 and gateway.access_log())
    for line in lines:
        expect_equal(list(line), LOG_FIELDS, "fields")
        expect_equal(line["remote_addr"], "127.0.0.1")
    last, = (line for line in lines if line["request_id"] == 'r"1')
    when = datetime.datetime.fromisoformat(last.pop("time").replace("Z", "+00:00"))
    expect_within(abs(time.time() - when.timestamp()), 0, 60, "age of the time in seconds")
    expect_within(last.pop("duration_us"), 50, 5_000_000, "duration_us")
    expect(last.pop("bytes_out") >= len(answer.body), "bytes_out")
    expect_equal(last, {
        "method": "GET", "path": "/v1/users/7", "route": "/v1/users/{id}", "status": 200, "grpc_status": 0,
        "error": "", "upstream": "user-service", "endpoint": backend.address, "tries": 1, "bytes_in": 0, "trace_id": trace,
        "request_id": 'r"1', "remote_addr": "127.0.0.1",
    })
    created = [line for line in lines if line["status"] == 409]
    expect_equal([(line["grpc_status"], line["bytes_in"]) for line in created], [(6, 17)] * 2)
    unmatched = [line for line in lines if line["status"] == 404]
    expect_equal({line["method"] for line in unmatched}, {"GET", "BREW"})
    for line in unmatched:
        expect(not line["route"] and not line["endpoint"] and line["tries"] == 0, str(line))
        expect(line["grpc_status"] is None, "no call, no grpc_status")


def test_queries_and_odd_bytes_in_the_access_log(t):
    gateway = user_gateway(t, user_backend(t).address)
    gateway.get("/v1/users?token=secret")
    gateway.raw(b'GET /v1/"\\%22\xc3\xa9\xff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    wait_for("2 lines", lambda: len(gateway.access_log()) == 2)
    expect("secret" not in gateway.output(), "no query in the log")


def test_the_access_log_goes_to_a_file_and_is_reopened(t):
    path = t.folder + "/access.log"
    config = USER.replace('access_log: {path: "-"}', f'access_log: {{path: "{path}", format: json}}')
    gateway = user_gateway(t, user_backend(t).address, config=config)

    def lines(name):
        try:
            with open(name, encoding="utf-8") as file:
                return file.read().count("\n")
        except FileNotFoundError:
            return 0

    gateway.get("/v1/users/1")
    wait_for("a line", lambda: lines(path) == 1)
    harness.os.rename(path, path + ".1")
    gateway.signal(signal.SIGUSR1)
    wait_for("the new file", lambda: harness.os.path.exists(path))
    gateway.get("/v1/users/2")
    wait_for("a line in the new file", lambda: lines(path) == 1)
    expect_equal(lines(path + ".1"), 1, "lines of the old file")


def slow_backend(t, began, release):
    def slow(request, _):
        began.set()
        release.wait(10)
        return t.protos.new("user.v1.GetUserResponse", user=t.protos.new("user.v1.User", id=request.id))

    return user_backend(t, GetUser=slow)


def test_a_drain_lets_calls_finish(t):
    began, release = threading.Event(), threading.Event()
    backend = slow_backend(t, began, release)
    config = USER.replace("timeout: 2s", "timeout: 20s") + "drain: {delay: 500ms, timeout: 10s}\n"
    gateway = user_gateway(t, backend.address, config=config)
    idle = harness.http.client.HTTPConnection("127.0.0.1", gateway.port)
    expect_equal(harness.request_on(idle, "GET", "/nowhere").status, 404)
    answers = []
    client = threading.Thread(target=lambda: answers.append(gateway.get("/v1/users/1")))
    client.start()
    expect(began.wait(5), "the call has begun")
    gateway.signal(signal.SIGTERM)
    wait_for("/ready to be 503", lambda: gateway.admin("/ready").status == 503, timeout=0.4)
    expect_equal(gateway.get("/nowhere").status, 404, "status during the delay")
    wait_for("the port to close", lambda: not harness.is_listening(gateway.port), timeout=5)
    expect(gateway.is_running(), "waits for the call")
    release.set()
    client.join(5)
    expect_equal([one.status for one in answers], [200], "the call in flight")
    expect_equal(gateway.wait(5), 0, "exit status")
    idle.close()


def test_a_drain_ends_after_its_timeout(t):
    began, release = threading.Event(), threading.Event()
    backend = slow_backend(t, began, release)
    config = USER.replace("timeout: 2s", "timeout: 20s") + "drain: {timeout: 500ms}\n"
    gateway = user_gateway(t, backend.address, config=config)
    client = threading.Thread(target=lambda: quiet(gateway.get, "/v1/users/1"))
    client.start()
    expect(began.wait(5), "the call has begun")
    begin = time.monotonic()
    gateway.signal(signal.SIGTERM)
    expect_equal(gateway.wait(10), 0, "exit status")
    expect_within(time.monotonic() - begin, 0.4, 3, "seconds")
    release.set()
    client.join(5)


def quiet(function, *args):
    try:
        function(*args)
    except (OSError, harness.http.client.HTTPException):
        pass


def test_an_idle_gateway_stops_at_once(t):
    gateway = user_gateway(t, user_backend(t).address)
    expect_equal(gateway.get("/v1/users/1").status, 200)
    gateway.signal(signal.SIGINT)
    begin = time.monotonic()
    expect_equal(gateway.wait(5), 0, "exit status")
    expect_within(time.monotonic() - begin, 0, 2, "seconds")


def test_a_port_that_is_taken_is_told(t):
    gateway = user_gateway(t, user_backend(t).address)
    done = t.run("run", "-c", gateway.config)
    expect_equal(done.returncode, 1, "exit status")
    expect(re.search(str(gateway.port) + r".*Address already in use", done.stderr), done.stderr)


def test_connections_over_the_limit_are_closed(t):
    gateway = user_gateway(t, user_backend(t).address, config=USER + "limits: {connections: 5}\n")
    open_ones = []
    for _ in range(5):
        connection = harness.http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=5)
        expect_equal(harness.request_on(connection, "GET", "/v1/users/1").status, 200)
        open_ones.append(connection)
    try:
        response = gateway.get("/v1/users/1")
        expect_error(response, 503, 14)
    except (OSError, harness.http.client.HTTPException):
        pass
    expect(gateway.metrics().value("http_limits_total", limit="connections") > 0, "counted")
    for connection in open_ones:
        expect_equal(harness.request_on(connection, "GET", "/v1/users/1").status, 200, "of those that were first")
        connection.close()
    wait_for("room again", lambda: quiet_status(gateway) == 200)


def quiet_status(gateway):
    try:
        return gateway.get("/v1/users/1").status
    except (OSError, harness.http.client.HTTPException):
        return None


def test_calls_whose_client_left_are_no_errors(t):
    """Whatever the protocol; but what a backend calls cancelled itself is one."""
    began = threading.Semaphore(0)

    def wait(context):
        began.release()
        over = threading.Event()
        context.add_callback(over.set)
        over.wait(20)

    def count(_, context):
        wait(context)
        return feed.protos(t).new("feed.v1.Counters")

    def watch(asked, context):
        if asked.feed == "gone":
            context.abort(StatusCode.CANCELLED, "the backend's own")
        yield feed.item(t)
        wait(context)

    config = feed.CONFIG.replace("routes:", "routes:\n  - service: feed.v1.Feed\n    upstream: feed")
    gateway = feed.gateway(t, feed.backend(t, Count=count, Watch=watch), config=config.replace("500ms", "20s"))

    def reached():
        expect(began.acquire(timeout=10), "the call reached the backend")

    def http1(request):
        with gateway.client() as client:
            client.send(request)
            reached()

    message = b"\0\0\0\0\0"
    http1(b"GET /v1/counters HTTP/1.1\r\nHost: x\r\n\r\n")
    http1(b"GET /v1/feeds/a HTTP/1.1\r\nHost: x\r\n\r\n")
    http1(b"POST /feed.v1.Feed/Count HTTP/1.1\r\nHost: x\r\nContent-Type: application/grpc-web\r\n"
          b"Content-Length: 5\r\n\r\n" + message)
    socket = WebSocket(gateway.port, "/v1/feeds/a")
    reached()
    socket.close()
    with h2.Client(gateway.port) as client:
        for path, more in ("/v1/counters", []), ("/v1/feeds/a", []):
            stream = client.request(path, more=more)
            reached()
            client.send(h2.RST_STREAM, 0, stream, h2.CANCEL.to_bytes(4, "big"))
        for kind in "application/grpc", "application/grpc-web":
            for method in "Count", "Watch":
                stream = client.request("/feed.v1.Feed/" + method, "POST", [("content-type", kind)], message)
                reached()
                client.send(h2.RST_STREAM, 0, stream, h2.CANCEL.to_bytes(4, "big"))
        client.settle()

    def calls(method, status):
        labels = {"service": "feed.v1.Feed", "method": method, "code": "CANCELLED"}
        return gateway.metrics().value("rpc_calls_total", status=status, **labels)

    wait_for("all to be counted", lambda: (calls("Count", "cancelled"), calls("Watch", "cancelled")) == (5, 5))
    expect_equal(gateway.get("/v1/feeds/gone").status, 499)
    expect_equal((calls("Count", "error"), calls("Watch", "error")), (0, 1))
    methods = gateway.admin("/stats").json()["methods"]
    found = {name: (methods["feed.v1.Feed/" + name]["calls"], methods["feed.v1.Feed/" + name]["errors"])
             for name in ("Count", "Watch")}
    expect_equal(found, {"Count": (5, 0), "Watch": (6, 1)})
