"""Calls of other clients, on the connection to a backend that a test sends hostile things over.

    with Others(t) as others:
        others.gateway.get("/v1/users/1", [("grpc-metadata-x-bin", "!")])

One worker, one endpoint, one connection to it, Debian's grpcio behind it: whatever ends that connection ends
calls of the others, and leaving the block then fails the test.
"""

import threading
import time

from gateway_config import user_answer
from harness import expect, expect_equal, http_request

CONFIG = """
listen: [{address: "127.0.0.1:@PORT@"}]
admin: {address: "127.0.0.1:@ADMIN@"}
workers: 1
schema: {descriptor_sets: ["@SET@"]}
upstreams:
  - name: user-service
    endpoints: [{address: "@BACKEND@"}]
    pool: {initial_size: 1, max_size: 1}
    timeout: 10s
routes:
  - annotations: user.v1.UserService
    upstream: user-service
  - service: user.v1.UserService
    upstream: user-service
tracing: {}
access_log: {path: "-"}
"""

# Of one call. At each moment all of the others have one under way.
SECONDS = 0.3
GET_USER, CREATE_USER = "user.v1.UserService/GetUser", "user.v1.UserService/CreateUser"


class Others:
    """`count` clients, each with a slow POST under way at all times while the block runs; none may fail. `methods` are
    further ones of the backend, `more` is appended to the configuration, `replace` maps parts of CONFIG to others."""

    def __init__(self, t, methods=None, more="", replace=None, count=10, backend=None):
        self.answers, self._count = [], count
        self._stop, self._threads = threading.Event(), []
        self.backend = backend or t.backend({
            GET_USER: lambda request, context: user_answer(t, id=request.id),
            **(methods or {}),
        }, threads=count + 16)
        self._under_way, self._lock = threading.Semaphore(0), threading.Lock()
        self.backend.on(CREATE_USER, self._slow(t))
        config = CONFIG + more
        for part, other in (replace or {}).items():
            expect(part in config, f"{part!r} in the configuration")
            config = config.replace(part, other)
        self.gateway = t.gateway(config, BACKEND=self.backend.address)

    def _slow(self, t):
        def create(request, _):
            self._under_way.release()
            time.sleep(SECONDS)
            user = t.protos.new("user.v1.User", username=request.username)
            return t.protos.new("user.v1.CreateUserResponse", user=user)

        return create

    def _go_on(self, name):
        while not self._stop.is_set():
            answer = http_request(self.gateway.port, "POST", "/v1/users", {"username": name}, timeout=30)
            with self._lock:
                self.answers.append(answer)
            if answer.status != 200:
                time.sleep(0.05)

    def __enter__(self):
        self._threads = [threading.Thread(target=self._go_on, args=(f"other-{i}",)) for i in range(self._count)]
        for thread in self._threads:
            thread.start()
        for _ in self._threads:
            expect(self._under_way.acquire(timeout=20), "all calls of the others reached the backend")
        return self

    def __exit__(self, kind, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if kind is None:
            failed = [answer for answer in self.answers if answer.status != 200]
            expect_equal([repr(answer)[:200] for answer in failed], [], "calls of others that failed")
            expect(len(self.answers) >= self._count, "the others were answered")
