#!/usr/bin/python3
"""hooks_endurance.py BUILD [--calls 1000000] [--part PART]...: what hooks do to a gateway that runs for long, and bad ones to
others.

Parts: memory (a million calls through each hook, and resident memory on the way), exceptions, bomb (memory without end),
loop (a hook that never ends, and what calls on other workers see meanwhile), all (a hook that raises in the middle of
Sluice.all), leave (clients that leave while a hook waits). Prints figures; exits with 1 where the gateway does not
answer as it should.
"""

import argparse
import http.client
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
from harness import Metrics, free_port, http_request, is_listening, wait_for  # pylint: disable=wrong-import-position

BENCH = ["request_header", "response_header", "read_field", "change_field", "call", "rack"]
EXAMPLES = ["require_api_key", "redact_fields", "tenant_routing", "gather_user", "maintenance"]
BAD = {
    "raises": "def on_request(req) raise 'no' end",
    "bomb": "def on_request(req) @kept = []; while true; @kept << 'x' * 100000; end end",
    "loop": "def on_request(req) while true; end end",
    "all": "def on_request(req) Sluice.all(-> { Sluice.sleep(0.01) }, -> { raise 'in the middle' },"
           " -> { Sluice.call('user.v1.UserService/SayHello', {'name' => 'x'}) }) end",
    "waits": "def on_request(req) Sluice.sleep(1.0) end",
}

CONFIG = """
listen: [{{address: "127.0.0.1:{port}"}}]
admin: {{address: "127.0.0.1:{admin}"}}
workers: {workers}
schema: {{descriptor_sets: ["{build}/proto/services.binpb"]}}
upstreams:
  - {{name: user-service, endpoints: [{{address: "127.0.0.1:{user}"}}]}}
  - {{name: user-service-acme, endpoints: [{{address: "127.0.0.1:{user}"}}]}}
  - {{name: user-service-canary, endpoints: [{{address: "127.0.0.1:{user}"}}]}}
  - {{name: order-service, endpoints: [{{address: "127.0.0.1:{order}"}}]}}
  - {{name: payment-service, endpoints: [{{address: "127.0.0.1:{payment}"}}]}}
hook_limits: {{memory: 32MiB, time: 2s}}
routes:
  - {{match: "GET /none/{{name}}", grpc: user.v1.UserService/SayHello, upstream: user-service}}
  - {{match: "POST /users", grpc: user.v1.UserService/CreateUser, body: "*", upstream: user-service}}
  - {{match: "GET /unused/orders", grpc: order.v1.OrderService/ListOrders, upstream: order-service}}
  - {{match: "GET /unused/payments", grpc: payment.v1.PaymentService/ListPayments, upstream: payment-service}}
"""
ROUTE = """
  - match: GET /{name}/{{{variable}}}
    grpc: user.v1.UserService/{method}
    upstream: user-service
    hooks: [{file}]
"""


class System:
    def __init__(self, build, folder, workers):
        self.folder, self.processes = folder, []
        ports = {}
        for name in "user", "order", "payment":
            ports[name] = free_port()
            self.start([f"{build}/services/{name}-service", "--port", str(ports[name]), "--health-port",
                        str(free_port()), "--db", f"{folder}/{name}.db"], ports[name])
        self.port, self.admin = free_port(), free_port()
        text = CONFIG.format(port=self.port, admin=self.admin, workers=workers, build=build, **ports)
        for name in BENCH:
            text += ROUTE.format(name=name, variable="name", method="SayHello", file=f"{HERE}/hooks/{name}.rb")
        for name in EXAMPLES:
            gets = name in ("redact_fields", "gather_user")
            text += ROUTE.format(name=name, variable="id" if gets else "name", method="GetUser" if gets else "SayHello",
                                 file=f"{ROOT}/conf/hooks/{name}.rb")
        for name, code in BAD.items():
            file = self.write(f"{name}.rb", f"Class.new do\n  {code}\nend.new\n")
            text += ROUTE.format(name=name, variable="name", method="SayHello", file=file)
        env = {**os.environ, "API_KEYS": "bench:bench-key:users.personal", "MAINTENANCE": "/elsewhere"}
        self.gateway = self.start([f"{build}/gateway/sluice", "run", "-c", self.write("bench.yaml", text)], self.port,
                                  env)
        answer = http_request(self.port, "POST", "/users", {"username": "bench", "email": "bench@example.com"})
        self.user = answer.json()["user"]["id"]

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def start(self, command, port, env=None):
        log = open(os.path.join(self.folder, os.path.basename(command[0]) + ".log"), "ab")
        process = subprocess.Popen(command, stdout=log, stderr=log, env=env)
        self.processes.append(process)
        wait_for(f"port {port}", lambda: process.poll() is not None or is_listening(port))
        if process.poll() is not None:
            with open(log.name) as file:
                sys.exit(f"{command[0]} does not start: {file.read()}")
        return process

    def path(self, name):
        return f"/{name}/{self.user if name in ('redact_fields', 'gather_user') else 'bench'}"

    def resident_mib(self):
        with open(f"/proc/{self.gateway.pid}/status") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) / 1024

    def metrics(self):
        return Metrics(http_request(self.admin, "GET", "/metrics").body.decode())

    def expect_alive(self, what):
        answer = http_request(self.port, "GET", "/none/x")
        if self.gateway.poll() is not None or answer.status != 200:
            sys.exit(f"after {what} the gateway does not answer: {answer}")

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            process.wait()


def load(system, name, seconds, status=200):
    """Calls made, and P99 in us; exits where they have another status."""
    command = ["wrk", "-t1", "-c32", f"-d{seconds}s", "--latency", "-H", "x-api-key: bench-key",
               f"http://127.0.0.1:{system.port}{system.path(name)}"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    requests = int(re.search(r"(\d+) requests in", output).group(1))
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    if (int(bad.group(1)) if bad else 0) != (0 if status == 200 else requests):
        sys.exit(f"{name}: {output}")
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", output).groups()
    return requests, float(value) * {"us": 1, "ms": 1000, "s": 1e6}[unit]


def memory(system, calls):
    for name in ["none", *BENCH, *EXAMPLES]:
        done, seconds, samples = 0, 0, []
        begin = time.monotonic()
        while done < calls and seconds < 600:
            done += load(system, name, 2)[0]
            seconds = time.monotonic() - begin
            samples.append(system.resident_mib())
        tenth = max(1, len(samples) // 10)
        shown = " ".join(f"{value:.1f}" for value in samples[tenth - 1 :: tenth])
        ruby = system.metrics().value("hooks_memory_bytes") / 1024
        print(f"memory {name:16s} {done:8d} calls in {seconds:4.0f} s; resident MiB {shown}; Ruby {ruby:.0f} KiB",
              flush=True)


def exceptions(system, calls):
    done, before = 0, system.resident_mib()
    while done < calls:
        done += load(system, "raises", 1, status=500)[0]
    answer = http_request(system.port, "GET", "/raises/x")
    print(f"exceptions: {done} calls, each {answer.status} {answer.body.decode()}; resident MiB {before:.1f} before, "
          f"{system.resident_mib():.1f} after")
    system.expect_alive("exceptions")


def bomb(system, _):
    before, statuses = system.resident_mib(), []
    for _ in range(20):
        statuses.append(http_request(system.port, "GET", "/bomb/x", timeout=30).status)
    rebuilds = system.metrics().value("hooks_vm_rebuilds_total")
    print(f"bomb: 20 calls, statuses {sorted(set(statuses))}, {rebuilds:.0f} VMs rebuilt; resident MiB {before:.1f} "
          f"before, {system.resident_mib():.1f} after")
    system.expect_alive("memory bombs")


class Client(threading.Thread):
    """One connection: a call every 2 ms, and how long each took."""

    def __init__(self, system, stop):
        super().__init__()
        self.system, self.stop, self.times, self.failures = system, stop, [], 0

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.system.port, timeout=60)
        while not self.stop.is_set():
            begin = time.monotonic()
            try:
                connection.request("GET", "/read_field/x")
                response = connection.getresponse()
                response.read()
                self.failures += response.status != 200
            except OSError:
                self.failures += 1
                connection.close()
            self.times.append(time.monotonic() - begin)
            time.sleep(0.002)
        connection.close()


def with_clients(system, action):
    """Latencies of connections that were never held up for half a second, and of those that were."""
    stop = threading.Event()
    clients = [Client(system, stop) for _ in range(24)]
    for client in clients:
        client.start()
    time.sleep(1)
    begin = time.monotonic()
    result = action()
    took = time.monotonic() - begin
    time.sleep(0.5)
    stop.set()
    for client in clients:
        client.join()
    free = [client for client in clients if max(client.times) < 0.5]
    held = [client for client in clients if max(client.times) >= 0.5]
    return result, took, free, held


def p99_ms(clients):
    times = sorted(value for client in clients for value in client.times)
    return 1000 * times[int(len(times) * 0.99)] if times else float("nan")


def loop(system, _):
    _, _, quiet, _ = with_clients(system, lambda: time.sleep(3))
    answer, took, free, held = with_clients(
        system, lambda: http_request(system.port, "GET", "/loop/x", timeout=60))
    print(f"loop: {answer.status} {answer.body.decode()} after {took:.2f} s")
    print(f"loop: P99 of calls on other workers {p99_ms(free):.1f} ms ({len(free)} connections; "
          f"{p99_ms(quiet):.1f} ms without the loop); on the worker held up the longest "
          f"{max([max(client.times) for client in held], default=0):.2f} s ({len(held)} connections, "
          f"{sum(client.failures for client in held)} failures)")
    system.expect_alive("an endless loop")


def raises_in_all(system, calls):
    before, done = system.resident_mib(), 0
    while done < calls:
        done += load(system, "all", 1, status=500)[0]
    print(f"all: {done} calls that raise in the middle, each 500; resident MiB {before:.1f} before, "
          f"{system.resident_mib():.1f} after")
    system.expect_alive("Sluice.all")


def leave(system, _):
    before = system.resident_mib()
    for _ in range(20):
        sockets = [socket.create_connection(("127.0.0.1", system.port)) for _ in range(100)]
        for one in sockets:
            one.sendall(b"GET /waits/x HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.05)
        for one in sockets:
            one.close()
    time.sleep(1.5)
    metrics = system.metrics()
    print(f"leave: 2000 clients left while their hooks waited; resident MiB {before:.1f} before, "
          f"{system.resident_mib():.1f} after; Ruby {metrics.value('hooks_memory_bytes') / 1024:.0f} KiB")
    system.expect_alive("clients that left")


PARTS = {"memory": memory, "exceptions": exceptions, "bomb": bomb, "loop": loop, "all": raises_in_all, "leave": leave}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--part", action="append", choices=PARTS, help="instead of all; can be given more than once")
    parser.add_argument("--calls", type=int, default=1000000)
    options = parser.parse_args()
    for part in options.part or PARTS:
        with tempfile.TemporaryDirectory() as folder:
            system = System(os.path.abspath(options.build), folder, workers=1 if part == "memory" else 4)
            try:
                PARTS[part](system, options.calls if part == "memory" else 10000)
            finally:
                system.stop()


if __name__ == "__main__":
    main()
