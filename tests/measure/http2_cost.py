"""CPU of a request over HTTP/2: REST through the gateway, beside nghttpx, which forwards the same call as raw gRPC.

Both stand before the same backend, in turns, on a core of their own; h2load and the backend have the other. Once
without access logs, once with.
"""

import os
import re
import subprocess
import time

import measure  # first: it says where the others are
import harness
from gateway_config import USER, endpoints

CALL = "/user.v1.UserService/SayHello"
PATH = "/v1/hello/0b6f9f5e-3f3a-4b86-9a57-0d6c2a8f1e11"


def on_core(core, command):
    return ["taskset", "-c", str(core), *command]


class Nghttpx(harness.Process):
    def __init__(self, t, backend, log):
        self.port = harness.free_port()
        command = ["nghttpx", "-n1", "--single-process", "--conf=/dev/null"]
        command += [f"--frontend=127.0.0.1,{self.port};no-tls"]
        command += [f"--backend=127.0.0.1,{backend.port};;proto=h2", "--errorlog-file=/dev/null"]
        if log is not None:
            command.append(f"--accesslog-file={log}")
        super().__init__("nghttpx", on_core(0, command), os.path.join(t.folder, "nghttpx.log"))
        harness.wait_for("nghttpx to listen", lambda: harness.is_listening(self.port))

    def stop(self):
        self.kill()


def start_gateway(t, backend, log):
    config = USER.replace("workers: 2", "workers: 1").replace("tracing: {}", "tracing: {sample: 1.0}")
    log_block = 'access_log: {path: "-"}'
    harness.expect(log_block in config, "the access log's place in the configuration")
    config = config.replace(log_block, f"access_log: {{path: {log}}}" if log is not None else "")
    gateway = t.gateway(config, BACKENDS=endpoints(backend.address))
    subprocess.run(["taskset", "-acp", "0", str(gateway.pid)], check=True, stdout=subprocess.DEVNULL)
    return gateway


def requests_of(options, target, more):
    command = ["h2load", "-t1", f"-c{options.connections}", f"-m{options.streams}", f"-D{options.seconds}", *more]
    done = subprocess.run(on_core(1, [*command, target]), capture_output=True, text=True, check=True)
    found = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", done.stdout)
    harness.expect(found and found[2] == found[3] == "0", done.stdout)
    return int(found[1])


def cost(process, options, target, more):
    """Microseconds of CPU a request, and requests a second."""
    before, begin = measure.cpu_seconds(process.pid), time.monotonic()
    count = requests_of(options, target, more)
    return 1e6 * (measure.cpu_seconds(process.pid) - before) / count, count / (time.monotonic() - begin)


def run(t, options):
    backend = t.service("user-service")
    subprocess.run(["taskset", "-acp", "1", str(backend.pid)], check=True, stdout=subprocess.DEVNULL)
    request = t.protos.type("user.v1.SayHelloRequest")(name=PATH.rsplit("/", 1)[1]).SerializeToString()
    call = t.write("call", b"\0" + len(request).to_bytes(4, "big") + request)
    grpc = ["-d", call, "-H", "content-type: application/grpc", "-H", "te: trailers"]
    table = measure.Table("us of CPU a request", "median", "least", "most", "requests/s")
    for log, what in (None, "no access log"), (os.path.join(t.folder, "access.log"), "access log"):
        costs = {"sluice": [], "nghttpx": []}
        rates = {"sluice": [], "nghttpx": []}
        for _ in range(options.rounds):
            for name in costs:
                process = start_gateway(t, backend, log) if name == "sluice" else t.started(Nghttpx(t, backend, log))
                target = f"http://127.0.0.1:{process.port}"
                arguments = (target + PATH, []) if name == "sluice" else (target + CALL, grpc)
                cost(process, options, *arguments)
                one, rate = cost(process, options, *arguments)
                costs[name].append(one)
                rates[name].append(rate)
                process.stop()
                if log is not None:
                    os.truncate(log, 0)
        for name, values in costs.items():
            table.row(f"{name}, {what}", *(f"{value:.2f}" for value in (middle(values), min(values), max(values))),
                      f"{middle(rates[name]):.0f}")
        print(f"sluice / nghttpx, {what}: median {middle(costs['sluice']) / middle(costs['nghttpx']):.2f}, "
              f"least {min(costs['sluice']) / min(costs['nghttpx']):.2f}", flush=True)


def middle(values):
    return measure.percentile(values, 0.5)


if __name__ == "__main__":
    measure.main(run, __doc__, rounds=5, seconds=3, connections=16, streams=4)
