"""Signals: each that may be meant for a server, with calls under way; and who sends one more than once."""

import os
import re
import signal
import subprocess
import threading
import time

from gateway_config import USER, user_answer, user_backend, user_gateway
from harness import expect, expect_equal, wait_for

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
