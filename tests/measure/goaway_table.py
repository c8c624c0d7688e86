"""A backend that retires its connections (GOAWAY NO_ERROR) after N answers: what clients of each gateway notice.

The backend is nginx with `keepalive_requests N` and grpc_pass before user-service. Sluice, haproxy, nginx and nghttpx take
turns before it, under the same load: grpcio clients with a call each under way at all times, on one connection. Sluice is
asked by REST, too. "direct" is grpcio without a gateway.
"""

import http.client
import threading
import time

import grpc

import measure  # first: it says where the others are
import proxies

CONFIG = """
listen: [{address: "127.0.0.1:@PORT@"}]
admin: {address: "127.0.0.1:@ADMIN@"}
workers: 1
schema: {descriptor_sets: ["@SET@"]}
upstreams:
  - name: user-service
    endpoints: [{address: "@BACKEND@"}]
routes:
  - annotations: user.v1.UserService
    upstream: user-service
  - service: user.v1.UserService
    upstream: user-service
"""

# Answers until a connection ends, and calls to make.
ROWS = {1000: 12000, 100: 6000, 10: 3000, 1: 1000}
METHOD = "user.v1.UserService/SayHello"


class GrpcClient:
    """Calls on the one connection that all have."""

    def __init__(self, t, channel):
        request, answer = t.protos.method(METHOD)
        self._request = request(name="you")
        self._call = channel.unary_unary("/" + METHOD, request.SerializeToString, answer.FromString)

    def call(self):
        try:
            self._call(self._request, timeout=5)
            return None
        except grpc.RpcError as error:
            return f"{error.code().name}: {error.details()}"


class RestClient:
    """Calls on a connection of its own."""

    def __init__(self, port):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)

    def call(self):
        try:
            self._connection.request("GET", "/v1/hello/you")
            answer = self._connection.getresponse()
            body = answer.read()
            return None if answer.status == 200 else f"{answer.status} {body.decode()}"
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return repr(error)


class Load:
    """`count` calls by clients that call one after another, or what is done of them after `seconds`."""

    def __init__(self, clients, count, seconds):
        self.seconds, self.failures = [], []
        self._left, self._end, self._lock = count, time.monotonic() + seconds, threading.Lock()
        threads = [threading.Thread(target=self._run, args=[client]) for client in clients]
        begin = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.lasted = time.monotonic() - begin

    def _run(self, client):
        while time.monotonic() < self._end:
            with self._lock:
                if self._left == 0:
                    return
                self._left -= 1
            begin = time.monotonic()
            failure = client.call()
            with self._lock:
                self.seconds.append(time.monotonic() - begin)
                if failure:
                    self.failures.append(failure)


def measure_one(table, name, answers, clients, options):
    load = Load(clients, int(ROWS[answers] * options.share), options.seconds)
    p50, p99, most = (f"{1000 * measure.percentile(load.seconds, share):.1f}" for share in (0.5, 0.99, 1))
    why = max(set(load.failures), key=load.failures.count) if load.failures else ""
    table.row(name, answers, len(load.seconds), len(load.failures), p50, p99, most, f"{load.lasted:.1f}", why[:90])


def run(t, options):
    service = t.service("user-service")
    table = measure.Table("gateway", "answers", "calls", "failed", "P50 ms", "P99 ms", "most ms", "seconds",
                          "most failures")
    unlimited = 1000000000

    def native(port):
        channel = t.channel(port)
        return [GrpcClient(t, channel) for _ in range(options.clients)]

    ways = {
        "sluice, gRPC": lambda backend: native(t.gateway(CONFIG, BACKEND=backend).port),
        "sluice, REST": lambda backend: [RestClient(port) for port in [t.gateway(CONFIG, BACKEND=backend).port]
                                         for _ in range(options.clients)],
        "haproxy": lambda backend: native(proxies.Haproxy.start(t, backend).port),
        "nginx": lambda backend: native(proxies.Nginx.start(t, backend, keepalive_requests=unlimited).port),
        "nghttpx": lambda backend: native(proxies.Nghttpx.start(t, backend).port),
        "direct": lambda backend: native(int(backend.rpartition(":")[2])),
    }
    for answers in ROWS:
        for name, way in ways.items():
            if options.only in name:
                backend = proxies.Nginx.start(t, service.address, keepalive_requests=answers)
                measure_one(table, name, answers, way(backend.address), options)


if __name__ == "__main__":
    measure.main(run, __doc__, clients=16, seconds=15.0, share=1.0, only="")
