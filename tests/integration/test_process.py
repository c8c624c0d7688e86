"""The gateway as a process: signals, files, ports, and what it says about them."""

import re
import resource
import signal
import subprocess
import threading
import time

import harness
from gateway_config import USER, endpoints, user_answer, user_backend, user_gateway
from harness import expect, expect_equal, expect_within, wait_for


def log_to(path):
    return USER.replace('access_log: {path: "-"}', f'access_log: {{path: "{path}"}}')


def test_a_full_disk_stops_the_log_and_nothing_else(t):
    gateway = user_gateway(t, user_backend(t).address, config=log_to("/dev/full"))
    for i in range(50):
        expect_equal(gateway.get(f"/v1/users/{i}").status, 200)
    wait_for("lines to be counted", lambda: gateway.metrics().value("sluice_access_log_dropped_total") == 50)
    expect_equal(gateway.output().count("access log /dev/full: No space left on device"), 1, "complaints")


def test_a_reader_of_the_log_that_leaves_stops_nothing(t):
    path = t.folder + "/fifo"
    harness.os.mkfifo(path)
    reader = harness.os.open(path, harness.os.O_RDONLY | harness.os.O_NONBLOCK)
    gateway = user_gateway(t, user_backend(t).address, config=log_to(path))
    expect_equal(gateway.get("/v1/users/1").status, 200)
    wait_for("a line", lambda: readable(reader))
    harness.os.close(reader)
    for i in range(5):
        expect_equal(gateway.get(f"/v1/users/{i}").status, 200)
    wait_for("lines to be counted", lambda: gateway.metrics().value("sluice_access_log_dropped_total") == 5)


def readable(reader):
    try:
        return harness.os.read(reader, 65536)
    except BlockingIOError:
        return None


def test_a_log_that_nobody_reads_holds_up_nothing(t):
    """A pipe that is full: its backlog has an end, what is beyond is dropped, and the stop still works."""
    path = t.folder + "/fifo"
    harness.os.mkfifo(path)
    reader = harness.os.open(path, harness.os.O_RDONLY | harness.os.O_NONBLOCK)
    gateway = user_gateway(t, user_backend(t).address, config=log_to(path))
    with gateway.client() as client:
        for _ in range(40):
            client.send(b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
            for _ in range(100):
                expect_equal(client.response().status, 404)
    expect_equal(gateway.get("/v1/users/1").status, 200)
    harness.os.close(reader)  # what waits in the pipe goes with it
    wait_for("the rest to be counted", lambda: gateway.metrics().value("sluice_access_log_dropped_total") > 0)


def test_a_log_that_cannot_be_opened_again_goes_on(t):
    folder = t.folder + "/logs"
    harness.os.mkdir(folder)
    gateway = user_gateway(t, user_backend(t).address, config=log_to(folder + "/access.log"))
    harness.os.rename(folder, folder + ".old")
    gateway.signal(signal.SIGUSR1)
    wait_for("the complaint", lambda: "access.log: No such file or directory" in gateway.output())
    gateway.get("/v1/users/1")
    with open(folder + ".old/access.log", encoding="utf-8") as file:
        wait_for("a line in the old file", lambda: file.read().count("\n") == 1)


def test_a_second_signal_ends_it_at_once(t):
    began, release = threading.Event(), threading.Event()

    def slow(request, _):
        began.set()
        release.wait(10)
        return user_answer(t, id=request.id)

    config = USER.replace("timeout: 2s", "timeout: 20s")
    gateway = user_gateway(t, user_backend(t, GetUser=slow).address, config=config)
    client = gateway.client()
    client.send(b"GET /v1/users/1 HTTP/1.1\r\nHost: x\r\n\r\n")
    expect(began.wait(5), "the call has begun")
    gateway.signal(signal.SIGTERM)
    wait_for("the drain", lambda: "draining" in gateway.output())
    expect(gateway.is_running(), "waits for the call")
    time.sleep(1.1)  # those within a second are one
    begin = time.monotonic()
    gateway.signal(signal.SIGTERM)
    expect_equal(gateway.wait(5), 1, "exit status")
    expect_within(time.monotonic() - begin, 0, 2, "seconds")
    release.set()
    client.close()
    gateway.killed = True  # its status has been looked at


def test_idle_connections_do_not_hold_up_the_stop(t):
    gateway = user_gateway(t, user_backend(t).address)
    clients = [gateway.client() for _ in range(20)]
    for client in clients[:10]:  # the others have never sent anything
        client.send(b"GET /v1/users/1 HTTP/1.1\r\nHost: x\r\n\r\n")
        expect_equal(client.response().status, 200)
    begin = time.monotonic()
    gateway.signal(signal.SIGTERM)
    expect_equal(gateway.wait(5), 0, "exit status")
    expect_within(time.monotonic() - begin, 0, 1, "seconds")
    for client in clients:
        expect(client.is_closed(), "a client sees the end")
        client.close()


def test_requests_on_open_connections_are_answered_while_it_drains(t):
    gateway = user_gateway(t, user_backend(t).address, config=USER + "drain: {delay: 1s, timeout: 5s}\n")
    with gateway.client() as client:
        client.send(b"GET /v1/users/1 HTTP/1.1\r\nHost: x\r\n\r\n")
        expect_equal(client.response().status, 200)
        gateway.signal(signal.SIGTERM)
        wait_for("/ready to be 503", lambda: gateway.admin("/ready").status == 503)
        client.send(b"GET /v1/users/2 HTTP/1.1\r\nHost: x\r\n\r\n")
        expect_equal(client.response().status, 200)
    expect_equal(gateway.wait(10), 0, "exit status")


def test_a_stop_under_load_answers_every_request_that_was_sent(t):
    gateway = user_gateway(t, user_backend(t).address)
    clients = [gateway.client() for _ in range(16)]
    begun, unanswered = threading.Event(), []

    def ask(client):
        for i in range(100000):
            try:
                client.send(b"GET /v1/users/1 HTTP/1.1\r\nHost: x\r\n\r\n")
                answer = client.response()
            except OSError:
                answer = None
            if answer is None:
                unanswered.append(i)
            if answer is None or answer.header("connection") == "close":
                return
            if i == 10:
                begun.set()

    threads = [threading.Thread(target=ask, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    expect(begun.wait(5), "requests are answered")
    gateway.signal(signal.SIGTERM)
    expect_equal(gateway.wait(5), 0, "exit status")
    for thread in threads:
        thread.join(5)
    expect_equal(unanswered, [], "requests without an answer")
    for client in clients:
        client.close()


def test_connections_that_linger_end_with_the_process(t):
    """Whose clients have their answer, and send on nevertheless."""
    limits = "limits: {request_body: 1KiB}\ndrain: {timeout: 100ms}\n"
    gateway = user_gateway(t, user_backend(t).address, config=USER + limits)
    clients = [gateway.client() for _ in range(5)]
    for client in clients:
        client.send(b"POST /v1/users HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n")
        expect_equal(client.response().status, 413)
    begin = time.monotonic()
    gateway.signal(signal.SIGTERM)
    expect_equal(gateway.wait(5), 0, "exit status")
    expect_within(time.monotonic() - begin, 0, 1, "seconds")
    for client in clients:
        client.close()


def test_it_says_which_ports_it_took(t):
    backend = user_backend(t)
    config = t.expand(USER, PORT=0, ADMIN=0, BACKENDS=endpoints(backend.address))
    process = t.process("sluice", [t.sluice, "run", "-c", t.write("any.yaml", config)])
    ready = wait_for("ready", lambda: re.search(r"ready, 2 workers, 6 routes, http://127\.0\.0\.1:(\d+), "
                                                r"admin http://127\.0\.0\.1:(\d+)\n", process.output()))
    expect_equal(harness.http_request(int(ready.group(1)), "GET", "/v1/users/1").status, 200)
    expect_equal(harness.http_request(int(ready.group(2)), "GET", "/ready").status, 200)


def test_several_ports_serve_the_same(t):
    other = harness.free_port()
    config = USER.replace('"127.0.0.1:@PORT@"}', f'"127.0.0.1:@PORT@"}}, {{address: "127.0.0.1:{other}"}}')
    gateway = user_gateway(t, user_backend(t).address, config=config)
    for port in gateway.port, other:
        expect_equal(harness.http_request(port, "GET", "/v1/users/1").status, 200)
    taken = t.run("run", "-c", gateway.config)
    expect_equal(taken.returncode, 1, "exit status where the ports are taken")
    expect(f"127.0.0.1:{gateway.port}: Address already in use" in taken.stderr, taken.stderr)


def with_file_limit(limit, start):
    """Runs start() so that processes begun in it may have `limit` files open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        return start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_soft_limit_of_open_files_is_raised(t):
    backend = user_backend(t)
    gateway = with_file_limit(64, lambda: user_gateway(t, backend.address))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    expect_equal(gateway.metrics().value("process_max_fds"), min(hard, 1 << 20))
    clients = [gateway.client() for _ in range(200)]
    for client in clients:
        client.send(b"GET /v1/users/1 HTTP/1.1\r\nHost: x\r\n\r\n")
    for client in clients:
        expect_equal(client.response().status, 200)
        client.close()


def start_within(t, limit, value, config):
    """Starts it under a limit of the system, for it to fail; gives what it says."""
    config = t.expand(config, PORT=0, ADMIN=0, BACKENDS=endpoints("127.0.0.1:1"))
    command = ["prlimit", f"--{limit}={value}", t.sluice, "run", "-c", t.write("limited.yaml", config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    expect_equal(done.returncode, 1, f"exit status with {done.stderr!r}")
    return done.stderr


def test_a_thread_that_cannot_start_ends_the_start(t):
    if t.memory_slack:
        return  # ThreadSanitizer does not start with such a stack
    too_large = 1 << 50  # what each thread would get as its stack
    without_log = USER.replace('access_log: {path: "-"}', "")
    expect_equal(start_within(t, "stack", too_large, USER),
                 "sluice: cannot start the access log: Resource temporarily unavailable\n")
    expect_equal(start_within(t, "stack", too_large, without_log),
                 "sluice: cannot start a worker: Resource temporarily unavailable\n")


def test_too_few_files_for_the_listeners_of_all_workers_end_the_start(t):
    ports = ", ".join(['{address: "127.0.0.1:0"}'] * 30)
    config = USER.replace('{address: "127.0.0.1:@PORT@"}', ports)
    expect_equal(start_within(t, "nofile", 60, config),
                 "sluice: 60 files may be open (ulimit -n), expected at least 126\n")
