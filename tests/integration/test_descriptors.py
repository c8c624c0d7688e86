"""File descriptors that run out: who has a share that clients cannot take, and what is told."""

import os
import resource
import socket
import subprocess
import time

import harness
from gateway_config import USER, endpoints, user_answer, user_backend, user_gateway
from harness import expect, expect_equal, expect_within, wait_for

GET = b"GET /v1/users/1 HTTP/1.1\r\nHost: x\r\n\r\n"
# So few that what is left for clients is used up at once.
FEW = 64


def ask(client, request=GET):
    client.send(request)
    return client.response()


def crowd(port, count):
    """Clients that only connect; those that were closed at once are among them."""
    return [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(count)]


def leave(clients):
    for client in clients:
        client.close()


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def expect_rest(pid, what):
    """A process that spins takes all of a core, as far as it gets one: of the time that passes we look at a second."""
    before = time.monotonic(), cpu_seconds(pid)
    time.sleep(1)
    expect_within((cpu_seconds(pid) - before[1]) / (time.monotonic() - before[0]), 0, 0.3, f"share of a core {what}")


def expect_admin_answers(gateway):
    for page in "/health", "/ready", "/metrics", "/stats":
        expect_equal(gateway.admin(page).status, 200, page)


def test_idle_clients_leave_the_admin_port_and_the_endpoints_their_share(t):
    one, other_port = user_backend(t), harness.free_port()
    config = USER.replace("timeout: 2s", "timeout: 2s\n    pool: {initial_size: 1, max_size: 3}")
    gateway = t.gateway(config, nofile=FEW, BACKENDS=endpoints(one.address, f"127.0.0.1:{other_port}"))
    expect("clients at a time, not 10000 as limits.connections has it: 64 files may be open (ulimit -n)\n"
           in gateway.output(), gateway.output())
    before = [gateway.client() for _ in range(4)]
    for client in before:
        expect_equal(ask(client).status, 200, "before the crowd")
    idle = crowd(gateway.port, 200)
    wait_for("clients to be refused", lambda: gateway.metrics().value("http_connections_rejected_total") > 150)
    expect_admin_answers(gateway)
    for client in before:
        expect_equal(ask(client).status, 200, "in the crowd")
    # A new connection to an endpoint can be made.
    t.backend({"user.v1.UserService/GetUser": lambda request, _: user_answer(t, id=request.id)}, port=other_port)
    wait_for("the endpoint", lambda: f"127.0.0.1:{other_port} is back" in gateway.output())
    for client in before * 4:
        expect_equal(ask(client).status, 200, "with the new endpoint")
    expect_rest(gateway.pid, "with a crowd")
    expect("Too many open files" not in gateway.output(), gateway.output())
    leave(idle)
    wait_for("a place", lambda: is_served(gateway))
    leave(before)


def is_served(gateway):
    try:
        return gateway.get("/v1/users/1").status == 200
    except OSError:
        return False


def test_a_crowd_on_the_admin_port_takes_no_more_than_its_share(t):
    gateway = t.gateway(USER, nofile=FEW, BACKENDS=endpoints(user_backend(t).address))
    client = gateway.client()
    idle = crowd(gateway.admin_port, 100)
    for _ in range(5):
        expect_equal(ask(client).status, 200, "beside a crowd of the admin port")
    expect_rest(gateway.pid, "with more than it accepts")
    expect_equal(gateway.get("/v1/users/1").status, 200, "a new client")
    leave(idle)
    wait_for("the admin port", lambda: gateway.is_ready())
    client.close()


def test_it_goes_on_when_files_run_out(t):
    """Fewer than it has shared out: clients wait, nothing spins, it is told once, and all is well when some left."""
    gateway = user_gateway(t, user_backend(t).address)
    client = gateway.client()
    expect_equal(ask(client).status, 200)
    resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (60, 60))
    idle = crowd(gateway.port, 100)
    told = "a client cannot be accepted, and waits: Too many open files"
    wait_for("the line", lambda: told in gateway.output())
    expect_rest(gateway.pid, "while no file is left")
    for _ in range(5):
        expect_equal(ask(client).status, 200, "a client that was there")
    expect_equal(gateway.output().count(told), 1, "lines")
    leave(idle)
    expect_equal(gateway.get("/v1/users/1").status, 200)
    expect(gateway.metrics().value("sluice_shortages_total", of="client") > 1, "shortages are counted")
    client.close()


def test_the_admin_port_comes_back_by_itself(t):
    gateway = user_gateway(t, user_backend(t).address)
    limit = resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (3, limit[1]))
    waiting = harness.RawClient(gateway.admin_port)
    waiting.send(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    wait_for("the line", lambda: "a client of the admin port cannot be accepted, and waits" in gateway.output())
    expect_rest(gateway.pid, "while no file is left")
    resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, limit)
    expect_equal(waiting.response().status, 200, "who has waited")
    waiting.close()


def test_an_endpoint_that_gets_no_descriptor_is_a_clear_503(t):
    config = USER.replace("timeout: 2s", "timeout: 2s\n    pool: {initial_size: 0}").replace("workers: 2", "workers: 1")
    gateway = t.gateway(config, BACKENDS=endpoints(user_backend(t).address))
    limit = resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE)
    client = gateway.client()
    expect_equal(ask(client, b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n").status, 404)
    resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (3, limit[1]))
    answer = ask(client)
    expect_equal(answer.status, 503)
    expect(b"open files" not in answer.body and b"127.0.0.1" not in answer.body, answer.body)
    wait_for("the line", lambda: "fails: " in gateway.output() and "Too many open files" in gateway.output())
    resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, limit)
    wait_for("the endpoint", lambda: ask(client).status == 200)
    client.close()


FILES = """
listen: [{address: "127.0.0.1:@PORT@"}]
admin: {address: "127.0.0.1:@ADMIN@"}
workers: 1
routes:
  - match: GET /docs/**
    files: docs
"""


def test_files_take_no_more_than_their_share(t):
    os.makedirs(os.path.join(t.folder, "docs"))
    with open(os.path.join(t.folder, "docs", "large.bin"), "wb") as file:
        file.truncate(64 << 20)
    gateway = t.gateway(FILES, nofile=FEW)
    streams = [gateway.stream("GET", "/docs/large.bin", receive_buffer=4096) for _ in range(15)]
    served = [stream for stream in streams if stream.status == 200]
    refused = [stream for stream in streams if stream.status != 200]
    expect_within(len(served), 5, 14, "answers with a file")
    for stream in refused:
        expect_equal(stream.status, 503)
        expect_equal(stream.message(), {"code": 14, "message": "the file cannot be opened now", "details": []})
    expect_admin_answers(gateway)
    wait_for("the line", lambda: "a file cannot be opened, and is answered with 503: Too many" in gateway.output())
    expect_equal(gateway.metrics().value("sluice_shortages_total", of="file"), len(refused))
    for stream in streams:
        stream.close()
    wait_for("a share", lambda: head(gateway) == 200)


def head(gateway):
    return gateway.request("HEAD", "/docs/large.bin").status


def test_a_file_that_gets_no_descriptor_is_no_forbidden_one(t):
    os.makedirs(os.path.join(t.folder, "docs"))
    t.write("docs/a.txt", "a")
    gateway = t.gateway(FILES)
    limit = resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE)
    client, request = gateway.client(), b"GET /docs/a.txt HTTP/1.1\r\nHost: x\r\n\r\n"
    expect_equal(ask(client, request).status, 200)
    resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (3, limit[1]))
    answer = ask(client, request)
    expect_equal((answer.status, answer.json()["message"]), (503, "the file cannot be opened now"))
    wait_for("the line", lambda: "a file cannot be opened" in gateway.output())
    resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, limit)
    expect_equal(ask(client, request).status, 200)
    client.close()


def test_with_any_limit_it_serves_or_says_what_it_needs(t):
    """libh2o ends the process where it gets no descriptor for its own."""
    config = t.expand(USER, PORT=0, ADMIN=0, BACKENDS=endpoints(user_backend(t).address))
    path = t.write("limited.yaml", config)
    needed = None
    for limit in [*range(4, 16, 2), 20, 25, 30, 33]:
        done = subprocess.run(harness.limited([t.sluice, "run", "-c", path], limit), capture_output=True, text=True,
                              timeout=20, check=False)
        expect_equal(done.returncode, 1, f"exit status with {limit} files: {done.stderr}")
        start, _, number = done.stderr.rpartition("expected at least ")
        expect(number or "Too many open files" in done.stderr, done.stderr)
        if number:
            expect(start.endswith(f"{limit} files may be open (ulimit -n), "), done.stderr)
            needed = int(number)
    expect(needed is not None, "it said how many it needs")
    gateway = t.gateway(USER, nofile=needed, BACKENDS=endpoints(user_backend(t).address))
    expect_equal(gateway.get("/v1/users/1").status, 200, "with just as many as it needs")
    expect_admin_answers(gateway)


def test_services_keep_their_pages_from_idle_clients(t):
    service = t.service("user-service", nofile=FEW)
    page = lambda: harness.http_request(service.health_port, "GET", "/health", timeout=5)
    idle = crowd(service.port, 100)
    for _ in range(5):
        expect_equal(page().status, 200, "/health in a crowd")
    expect_rest(service.pid, "with a crowd")
    leave(idle)
    health = t.stub(service.port, "grpc.health.v1.Health")
    expect_equal(health("Check").status, 1, "SERVING")
