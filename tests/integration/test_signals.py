"""Signals: each that may be meant for a server, with calls under way; and who sends one more than once."""

import os
import random
import re
import shutil
import signal
import subprocess
import threading
import time

import harness
from gateway_config import USER, user_answer, user_backend, user_gateway
from harness import expect, expect_equal, expect_within, wait_for

SLOW = USER.replace("timeout: 2s", "timeout: 20s")
GET = b"GET /v1/users/1 HTTP/1.1\r\nHost: x\r\n\r\n"
# That end a process by default, and are no faults.
HARMLESS = ("SIGHUP SIGUSR1 SIGUSR2 SIGPIPE SIGALRM SIGVTALRM SIGPROF SIGIO SIGXFSZ SIGWINCH SIGCHLD SIGURG "
            "SIGCONT").split()
DRAIN = "SIGTERM SIGINT SIGQUIT SIGPWR SIGXCPU".split()


class Calls:
    """`count` calls that have reached the backend, and end when they are released."""

    def __init__(self, t, count=10, config=SLOW):
        self._began, self._release = threading.Semaphore(0), threading.Event()

        def slow(request, _):
            self._began.release()
            self._release.wait(15)
            return user_answer(t, id=request.id)

        self.gateway = user_gateway(t, user_backend(t, GetUser=slow).address, config=config)
        self._clients = [self.gateway.client() for _ in range(count)]
        for client in self._clients:
            client.send(GET)
        for _ in self._clients:
            expect(self._began.acquire(timeout=10), "the calls have begun")

    def finish(self):
        self._release.set()
        for client in self._clients:
            expect_equal(client.response().status, 200, "a call that was under way")
            client.close()


def test_no_signal_that_asks_for_something_else_ends_it(t):
    calls = Calls(t)
    for name in HARMLESS:
        for _ in range(3):
            calls.gateway.signal(getattr(signal, name))
    wait_for("the lines", lambda: "SIGHUP is to reload the configuration: not yet" in calls.gateway.output() and
             "SIGUSR2 is to replace the program: not yet" in calls.gateway.output())
    expect(calls.gateway.is_running(), "goes on")
    expect_equal(calls.gateway.admin("/ready").status, 200)
    calls.finish()
    expect_equal(calls.gateway.get("/nowhere").status, 404)


def test_each_signal_that_asks_for_the_end_drains(t):
    for name in DRAIN:
        calls = Calls(t, count=3)
        calls.gateway.signal(getattr(signal, name))
        wait_for(f"the drain after {name}", lambda gateway=calls.gateway: "draining" in gateway.output())
        expect(calls.gateway.is_running(), f"waits for the calls after {name}")
        calls.finish()
        expect_equal(calls.gateway.wait(10), 0, f"exit status after {name}")


def test_signals_that_come_together_are_one(t):
    """As they do of `timeout`, and of Ctrl-C where a shell passes it on."""
    calls = Calls(t)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT) * 4:
        calls.gateway.signal(number)
        time.sleep(0.002)
    wait_for("the drain", lambda: "draining" in calls.gateway.output())
    calls.finish()
    expect_equal(calls.gateway.wait(10), 0, "exit status")
    expect_equal(calls.gateway.output().count("draining"), 1, "lines that it drains")


def test_sigquit_never_cuts_off(t):
    calls = Calls(t)
    calls.gateway.signal(signal.SIGTERM)
    wait_for("the drain", lambda: "draining" in calls.gateway.output())
    time.sleep(1.1)
    calls.gateway.signal(signal.SIGQUIT)
    calls.gateway.signal(signal.SIGHUP)
    wait_for("the line of what came behind", lambda: "not yet" in calls.gateway.output())
    calls.finish()
    expect_equal(calls.gateway.wait(10), 0, "exit status")


def test_signals_while_it_starts_wait(t):
    """A supervisor or logrotate need not know whether it has come so far."""
    backend = user_backend(t)
    config = t.write("starting.yaml", t.expand(SLOW, PORT=0, ADMIN=0,
                                               BACKENDS=f'[{{address: "{backend.address}"}}]'))
    sent = 0
    while sent == 0:  # the machine may have been busy until it was ready
        process = t.process("sluice", [t.sluice, "run", "-c", config])
        while process.is_running() and "ready" not in process.output():
            # Before its main has run, nothing of ours decides.
            if has_taken_hold(process.pid):
                sent += 1
                for number in signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2:
                    process.signal(number)
        expect(process.is_running(), process.output)
    wait_for("the line", lambda: "SIGHUP is to reload" in process.output())


def has_taken_hold(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        blocked = re.search(r"SigBlk:\s*([0-9a-f]+)", file.read())
    return blocked is not None and int(blocked.group(1), 16) >> (signal.SIGUSR2 - 1) & 1


def test_a_log_that_may_not_grow_stops_nothing(t):
    """SIGXFSZ, of a limit on the size of files, would end the process."""
    path = t.folder + "/access.log"
    gateway = user_gateway(t, user_backend(t).address,
                           config=USER.replace('access_log: {path: "-"}', f'access_log: {{path: "{path}"}}'))
    subprocess.run(["prlimit", f"--pid={gateway.pid}", "--fsize=2000"], check=True)
    for _ in range(50):
        expect_equal(gateway.get("/v1/users/1").status, 200)
    wait_for("lines to be counted", lambda: gateway.metrics().value("sluice_access_log_dropped_total") > 0)
    expect(os.path.getsize(path) <= 2000, "the size of the log")


def test_services_go_on_and_drain(t):
    service = t.service("user-service")
    health = t.stub(service.port, "grpc.health.v1.Health")
    for name in HARMLESS:
        service.signal(getattr(signal, name))
    wait_for("the line", lambda: "nothing to do, going on" in service.output())
    expect_equal(health("Check").status, 1, "SERVING")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT) * 5:
        service.signal(number)
    expect_equal(service.wait(10), 0, "exit status")


# --- ./run ---

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def take_signals():
    """What runs in the background, or under nohup, has children that ignore these, and bash cannot trap them."""
    for number in signal.SIGHUP, signal.SIGINT, signal.SIGQUIT:
        signal.signal(number, signal.SIG_DFL)


class Run:
    """./run, on ports of its own and of what is built already, in a session of its own as from a terminal."""

    def __init__(self, t, *before):
        self.folder = t.folder + "/run"
        by = free_distance()
        for name in ["run", "conf/development.yaml", "conf/hooks.yaml"]:
            self._copy(name, by)
        shutil.copytree(SOURCE + "/conf/hooks", self.folder + "/conf/hooks")
        os.symlink(t.build, self.folder + "/build")
        self._script("tools/install", "#!/bin/sh\n")
        self._script("bin/ninja", "#!/bin/sh\n")
        self.gateway_port = 8080 + by
        path = self.folder + "/bin:" + os.environ["PATH"]
        self.log = self.folder + "/log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([*before, self.folder + "/run"], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True, env={**os.environ, "PATH": path},
                                            preexec_fn=take_signals)

    def _copy(self, name, by):
        with open(f"{SOURCE}/{name}", encoding="utf-8") as file:
            text = re.sub(r"\b[89]0\d\d\b", lambda port: str(int(port.group()) + by), file.read())
        self._script(name, text)

    def _script(self, name, text):
        path = f"{self.folder}/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o755)

    def output(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait_until_ready(self):
        wait_for("./run to be ready", lambda: "Ctrl-C stops it" in self.output() or self.process.poll() is not None,
                 timeout=60)
        expect_equal(self.process.poll(), None, self.output())

    def left(self):
        """What it has started, and itself: process ids."""
        return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and folder_of(pid) == self.folder]

    def expect_end(self, status):
        try:
            expect_equal(self.process.wait(20), status, "exit status")
            expect_equal(self.left(), [], "processes left behind")
        finally:
            for pid in self.left():
                os.kill(pid, signal.SIGKILL)
        for name in "sluice", "sluice-hooks":
            with open(f"{self.folder}/var/{name}.log", encoding="utf-8") as file:
                log = file.read()
            expect("sluice: draining" in log and "sluice: stopped\n" in log, log)
            expect("at once" not in log, log)


def folder_of(pid):
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return None


def free_distance():
    """By which all ports of ./run are moved to such as are free."""
    ports = [8080, 8081, 9090, 9091, *range(8001, 8007), *range(9001, 9007)]
    while True:
        by = random.randrange(11000, 19000)
        if not any(harness.is_listening(port + by) for port in ports):
            return by


def test_run_ends_all_that_it_has_started(t):
    if t.memory_slack:
        return  # ten sanitized processes are too much at once
    for name, send, status in [
        ("Ctrl-C", lambda run: os.killpg(run.process.pid, signal.SIGINT), 130),
        ("Ctrl-\\", lambda run: os.killpg(run.process.pid, signal.SIGQUIT), 131),
        ("kill", lambda run: run.process.terminate(), 143),
        ("a terminal that goes", lambda run: os.killpg(run.process.pid, signal.SIGHUP), 129),
    ]:
        run = Run(t)
        try:
            run.wait_until_ready()
            send(run)
            run.expect_end(status)
        except BaseException:
            print(name, run.output())
            raise
        finally:
            shutil.rmtree(run.folder)


def test_run_in_a_timeout_ends_all_that_it_has_started(t):
    if t.memory_slack:
        return
    run = Run(t, "timeout", "--signal=TERM", "600")
    run.wait_until_ready()
    # `timeout` passes what it gets on to its child, and then to its whole group.
    run.process.terminate()
    run.expect_end(143)


def test_ctrl_c_of_run_leaves_calls_their_backends(t):
    """The group of the terminal is ./run alone: it ends the gateway first."""
    if t.memory_slack:
        return
    run = Run(t)
    run.wait_until_ready()
    watched = harness.HttpStream(run.gateway_port, "GET", "/v1/health/user.v1.UserService")
    expect_equal(watched.status, 200)
    begin = time.monotonic()
    os.killpg(run.process.pid, signal.SIGINT)
    time.sleep(1.5)
    expect_equal(run.process.poll(), None, "waits for the stream")
    expect_equal(len(run.left()), 8, "it, the gateway of the stream, and all services")
    os.killpg(run.process.pid, signal.SIGINT)  # who does not want to wait for that
    expect_equal(run.process.wait(10), 130, "exit status")
    expect_equal(run.left(), [], "processes left behind")
    expect_within(time.monotonic() - begin, 1, 10, "seconds")
