#!/usr/bin/python3
"""hooks_cost.py BUILD [--rounds 7] [--seconds 2]: what hooks cost a call, by the CPU time of the gateway's process.

The same call with a hook and without, in turns; beside it nginx with libnginx-mod-http-lua, where that is installed,
setting a header against its own bare cost, in the same run. BUILD is a release build; the gateway and nginx have core
0, everything else core 1. Prints the median over the rounds of what is added, and the latency of 4 clients.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
from harness import free_port, is_listening, wait_for  # pylint: disable=wrong-import-position

HOOKS = ["request_header", "response_header", "read_field", "change_field", "call", "rack"]
NGINX_MODULES = "/usr/lib/nginx/modules"

SLUICE = """
listen: [{{address: "127.0.0.1:{port}"}}]
admin: {{address: "127.0.0.1:{admin}"}}
workers: 1
schema: {{descriptor_sets: ["{build}/proto/services.binpb"]}}
upstreams:
  - name: user-service
    endpoints: [{{address: "127.0.0.1:{backend}"}}]
tracing: {{sample: 1.0}}
access_log: {{path: {folder}/access.log}}
routes:
  - {{match: "GET /none/{{name}}", grpc: user.v1.UserService/SayHello, upstream: user-service}}
"""
ROUTE = """
  - match: GET /{hook}/{{name}}
    grpc: user.v1.UserService/SayHello
    upstream: user-service
    hooks: [{here}/hooks/{hook}.rb]
"""

NGINX = """
load_module {modules}/ndk_http_module.so;
load_module {modules}/ngx_http_lua_module.so;
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 1024; }}
http {{
    access_log {folder}/nginx-access.log;
    client_body_temp_path {folder};
    proxy_temp_path {folder};
    fastcgi_temp_path {folder};
    uwsgi_temp_path {folder};
    scgi_temp_path {folder};
    upstream backend {{ server 127.0.0.1:{backend}; keepalive 64; }}
    server {{
        listen 127.0.0.1:{port};
        keepalive_requests 1000000000;
        location /none/ {{ rewrite .* /user.v1.UserService/SayHello break; grpc_pass grpc://backend; }}
        location /request_header/ {{
            rewrite .* /user.v1.UserService/SayHello break;
            access_by_lua_block {{ ngx.req.set_header("x-bench", "1") }}
            grpc_pass grpc://backend;
        }}
        location /response_header/ {{
            rewrite .* /user.v1.UserService/SayHello break;
            header_filter_by_lua_block {{ ngx.header["x-bench"] = "1" }}
            grpc_pass grpc://backend;
        }}
    }}
}}
"""
# SayHello{name: "bench"} as gRPC's bytes: flag, length, message.
GRPC = r"""
wrk.method = "POST"
wrk.headers["content-type"] = "application/grpc"
wrk.headers["te"] = "trailers"
wrk.body = "\0\0\0\0\7\10\5bench"
"""


class Server:
    """Everything on the core; CPU of the process that serves."""

    def __init__(self, command, port, core, folder):
        log = open(os.path.join(folder, os.path.basename(command[0]) + ".log"), "ab")
        self.port = port
        self.process = subprocess.Popen(["taskset", "-c", str(core), *command], stdout=log, stderr=log)
        wait_for(f"port {port}", lambda: self.process.poll() is not None or is_listening(port))
        if self.process.poll() is not None:
            sys.exit(f"{command[0]} does not start; see {log.name}")

    def pids(self):
        pid = self.process.pid
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [pid, *map(int, file.read().split())]

    def cpu_ns(self):
        total = 0
        for pid in self.pids():
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/schedstat") as file:
                    total += int(file.read().split()[0])
        return total

    def resident_kib(self):
        total = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/status") as file:
                total += int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))
        return total

    def stop(self):
        self.process.terminate()
        self.process.wait()


def load(server, path, seconds, connections, script=None):
    """(CPU in us a request, P99 in us) of a load by wrk."""
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    command += ["-s", script] if script else []
    before = server.cpu_ns()
    output = subprocess.run([*command, f"http://127.0.0.1:{server.port}/{path}/bench"], check=True,
                            capture_output=True, text=True).stdout
    cpu_ns = server.cpu_ns() - before
    if "Non-2xx" in output:
        sys.exit(f"{path}: {output}")
    requests = int(re.search(r"(\d+) requests in", output).group(1))
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", output).groups()
    return cpu_ns / 1000 / requests, float(value) * {"us": 1, "ms": 1000, "s": 1e6}[unit]


def measure(name, server, paths, rounds, seconds, script=None):
    costs = {path: [] for path in ["none", *paths]}
    latencies = {path: [] for path in costs}
    for path in costs:
        load(server, path, 1, 64, script)
    for _ in range(rounds):
        for path in costs:
            costs[path].append(load(server, path, seconds, 64, script)[0])
            latencies[path].append(load(server, path, 1, 4, script)[1])
    bare = statistics.median(costs["none"])
    for path, values in costs.items():
        added = statistics.median(value - none for value, none in zip(values, costs["none"]))
        cost = statistics.median(values)
        print(f"{name + ' ' + path:26s} {cost:7.2f} us  added {added:6.2f} us  x{cost / bare:5.2f}"
              f"  P99 {statistics.median(latencies[path]):6.0f} us  ({min(values):.2f} to {max(values):.2f})", flush=True)
    print(f"{name:26s} resident {server.resident_kib() / 1024:.1f} MiB")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=2)
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    servers = []
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)  # nginx's worker is another user

        def write(name, text):
            path = os.path.join(folder, name)
            with open(path, "w") as file:
                file.write(text)
            return path

        def start(command, port, core):
            servers.append(Server(command, port, core, folder))
            return servers[-1]

        try:
            backend = free_port()
            start([f"{build}/services/user-service", "--port", str(backend), "--health-port", str(free_port()),
                   "--db", f"{folder}/user.db"], backend, 1)
            port = free_port()
            config = SLUICE.format(port=port, admin=free_port(), build=build, backend=backend, folder=folder)
            config += "".join(ROUTE.format(hook=hook, here=HERE) for hook in HOOKS)
            sluice = start([f"{build}/gateway/sluice", "run", "-c", write("sluice.yaml", config)], port, 0)
            nginx = None
            if shutil.which("nginx") and os.path.exists(f"{NGINX_MODULES}/ngx_http_lua_module.so"):
                port = free_port()
                text = NGINX.format(port=port, backend=backend, folder=folder, modules=NGINX_MODULES)
                nginx = start(["nginx", "-e", f"{folder}/nginx-start.log", "-c", write("nginx.conf", text)], port, 0)
            print(f"load before: {os.getloadavg()[0]:.2f}")
            measure("sluice", sluice, HOOKS, options.rounds, options.seconds)
            if nginx:
                script = write("grpc.lua", GRPC)
                measure("nginx", nginx, ["request_header", "response_header"], options.rounds, options.seconds, script)
            print(f"load after: {os.getloadavg()[0]:.2f}")
        finally:
            for server in reversed(servers):
                server.stop()


if __name__ == "__main__":
    main()
