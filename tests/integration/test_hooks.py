"""Ruby hooks: every phase on real calls, what they change, what they wait for, and what goes wrong."""

import json
import os
import signal
import threading
import time

import grpc

import feed
import h2
from gateway_config import Recorder, fail, user_answer
from harness import Failure, expect, expect_equal, expect_error, expect_within, wait_for
from test_client_streams import Collector
from websocket import WebSocket

CONFIG = """
listen: [{address: "127.0.0.1:@PORT@"}]
admin: {address: "127.0.0.1:@ADMIN@"}
workers: @WORKERS@
schema: {descriptor_sets: ["@SET@"]}
upstreams:
  - {name: user-service, timeout: 2s, endpoints: [{address: "@BACKEND@"}]}
  - {name: other, timeout: 2s, endpoints: [{address: "@OTHER@"}]}
routes:
  - {match: "GET /plain/{id}", grpc: user.v1.UserService/GetUser, upstream: user-service}
  - {annotations: user.v1.UserService, upstream: user-service@ROUTE_HOOKS@}
  - {service: user.v1.UserService, upstream: user-service@ROUTE_HOOKS@}
@HOOKS@
hook_limits: @LIMITS@
tracing: {}
access_log: {path: "-"}
"""


def start(t, backend, *codes, global_hooks=(), limits="{}", workers=1, other=None, config=CONFIG, env=None, log=None):
    """A gateway whose user routes have these hooks, as Ruby text."""

    def files(before, kind, texts):
        paths = [t.write(f"{kind}{i}.rb", text) for i, text in enumerate(texts)]
        return before + "hooks: " + json.dumps(paths) if paths else ""

    return t.gateway(
        config,
        env=env,
        log=log,
        BACKEND=backend.address,
        OTHER=(other or backend).address,
        ROUTE_HOOKS=files(", ", "route", codes),
        HOOKS=files("", "global", global_hooks),
        LIMITS=limits,
        WORKERS=workers,
    )


def recorder(t, **more):
    record = Recorder(t)
    methods = {"user.v1.UserService/GetUser": record}
    methods.update({f"user.v1.UserService/{name}": function for name, function in more.items()})
    return record, t.backend(methods)


def test_on_request_sees_the_request(t):
    _, backend = recorder(t)
    code = """
    class Hook
      def on_request(req)
        names = %w[method path query scheme authority remote_addr route grpc_method params message upstream]
        seen = names.map { |name| [name, req.send(name)] }.to_h
        seen["a"] = req.headers["X-A"]
        seen["metadata"] = req.metadata["authorization"]
        seen["trace"] = req.trace_id.size
        req.reply(200, headers: {"content-type" => "application/json"}, body: JSON.generate(seen))
      end
    end
    Hook.new
    """
    gateway = start(t, backend, code)
    headers = [("X-A", "1"), ("X-A", "2"), ("Authorization", "me")]
    answer = gateway.get("/v1/users?page=2&page_size=%33", headers)
    expect_equal(answer.header("content-type"), "application/json")
    expect_equal(
        answer.json(),
        {
            "method": "GET",
            "path": "/v1/users",
            "query": "page=2&page_size=%33",
            "scheme": "http",
            "authority": f"127.0.0.1:{gateway.port}",
            "remote_addr": "127.0.0.1",
            "route": "/v1/users",
            "grpc_method": "user.v1.UserService/ListUsers",
            "params": {"page": "2", "page_size": "3"},
            "message": {"page": 2, "page_size": 3},
            "upstream": "user-service",
            "a": "1, 2",
            "metadata": "me",
            "trace": 32,
        },
    )
    answer = gateway.get("/v1/users/a%20b")
    seen = answer.json()
    expect_equal((seen["path"], seen["params"], seen["message"]), ("/v1/users/a%20b", {"id": "a b"}, {"id": "a b"}))


def test_a_message_is_refused_as_without_hooks(t):
    record, backend = recorder(t)
    gateway = start(t, backend, "class Hook\n  def on_request(req) = req.message['id']\nend\nHook.new")
    expect_error(gateway.get("/v1/users/7?x=1"), 400, 3, 'query parameter "x"')
    answer = gateway.request("POST", "/v1/users", '{"age": "ten"}')
    expect_error(answer, 400, 3, 'age: expected an integer, found "ten"')
    expect_equal(gateway.get("/v1/users/7").json(), {"user": {"id": "7"}})
    expect_equal(len(record.requests), 1, "calls")


def test_request_headers_and_metadata_are_changed(t):
    record, backend = recorder(t)
    gateway = start(
        t,
        backend,
        """
        class Hook
          def on_request(req)
            req.headers["authorization"] = "Bearer " + req.headers["x-key"]
            req.headers["grpc-metadata-tenant"] = "t1"
            req.headers.delete("grpc-metadata-drop")
            req.metadata["added"] = "m"
          end
        end
        Hook.new
        """,
    )
    headers = {"X-Key": "k", "Authorization": "Basic x", "Grpc-Metadata-Drop": "1", "Grpc-Metadata-Keep": "2"}
    expect_equal(gateway.get("/v1/users/7", headers).status, 200)
    seen = record.last()
    expect_equal(
        [seen.get(name) for name in ("authorization", "tenant", "drop", "added", "keep")],
        ["Bearer k", "t1", None, "m", "2"],
    )
    expect("traceparent" in seen, f"the trace goes on: {seen}")


def test_the_request_message_is_changed(t):
    record, backend = recorder(t)
    gateway = start(
        t,
        backend,
        """
        class Hook
          def on_request(req)
            req.message["id"] = req.message["id"] + "-" + req.headers["x-tenant"]
          end
        end
        Hook.new
        """,
    )
    expect_equal(gateway.get("/v1/users/7", {"X-Tenant": "a"}).json(), {"user": {"id": "7-a"}})
    expect_equal(record.requests[0].id, "7-a")


def test_a_message_that_does_not_fit_names_the_field(t):
    _, backend = recorder(t)
    gateway = start(
        t, backend, "class Hook\n  def on_request(req)\n    req.message['id'] = 7\n  end\nend\nHook.new"
    )
    expect_error(gateway.get("/v1/users/7"), 500, 13, "hook failed")
    wait_for("what is wrong", lambda: "id: expected a string, found 7" in gateway.output())


def test_the_answer_is_changed(t):
    record, backend = recorder(t)
    record.initial, record.trailing = (("seen", "1"),), (("cost", "5"),)
    gateway = start(
        t,
        backend,
        """
        class Hook
          def on_response(req, res)
            raise "grpc" unless res.grpc_status == 0
            res.message["user"]["email"] = "hidden"
            res.message["user"]["age"] += 1
            res.headers["x-seen"] = res.headers["grpc-metadata-seen"].to_s
            res.headers.delete("grpc-metadata-seen")
            res.headers["server"] = "me"
            res.headers["x-request-id"] = "r"
            res.trailers["cost"] = (res.trailers["cost"].to_i + 1).to_s
            res.http_status = 203
          end
        end
        Hook.new
        """,
    )
    answer = gateway.get("/v1/users/7")
    expect_equal(answer.status, 203)
    expect_equal(answer.json(), {"user": {"id": "7", "email": "hidden", "age": 1}})
    names = ("x-seen", "grpc-metadata-seen", "server", "x-request-id", "grpc-trailer-cost")
    expect_equal([answer.header(name) for name in names], ["1", None, "me", "r", "6"])


def test_the_body_is_changed(t):
    _, backend = recorder(t)
    gateway = start(
        t,
        backend,
        """
        class Hook
          def on_response(req, res)
            res.body = res.body.sub("user", "person")
            res.headers["content-type"] = "application/x-person"
          end
        end
        Hook.new
        """,
    )
    answer = gateway.get("/v1/users/7")
    expect_equal((answer.status, answer.json()), (200, {"person": {"id": "7"}}))
    expect_equal(answer.header("content-type"), "application/x-person")


def test_later_phases_see_the_request_without_the_first(t):
    _, backend = recorder(t)
    code = """
    class Hook
      def on_response(req, res)
        res.headers["x-seen"] = [req.params["id"], req.body, req.message, req.upstream].inspect
      end
      def on_error(req, error)
        error.message = [req.params["id"], req.body].inspect
      end
    end
    Hook.new
    """
    gateway = start(t, backend, code)
    answer = gateway.get("/v1/users/a%20b")
    expect_equal(answer.header("x-seen"), '["a b", "", {"id"=>"a b"}, "user-service"]')
    expect_error(gateway.request("PUT", "/v1/users/7", '{"age": "ten"}'), 400, 3, '["7", "{\\"age\\": \\"ten\\"}"]')


def test_order(t):
    _, backend = recorder(t)

    def hook(name):
        return f"""
        class Hook{name}
          def on_request(req)
            (req.ctx["order"] ||= "") << "{name}"
          end
          def on_response(req, res)
            req.ctx["order"] << "{name.lower()}"
            res.headers["x-order"] = req.ctx["order"]
          end
        end
        Hook{name}.new
        """

    gateway = start(t, backend, hook("C"), hook("D"), global_hooks=[hook("A"), hook("B")])
    expect_equal(gateway.get("/v1/users/7").header("x-order"), "ABCDdcba")
    expect_equal(gateway.get("/plain/7").header("x-order"), "ABba")


def test_ctx_is_in_the_access_log(t):
    _, backend = recorder(t)
    gateway = start(
        t,
        backend,
        """
        class Hook
          def on_request(req)
            req.ctx["tenant"] = "a\\"b"
            req.ctx["n"] = 5
            req.ctx["hash"] = {}
          end
        end
        Hook.new
        """,
    )
    gateway.get("/v1/users/7")
    gateway.get("/plain/7")
    lines = wait_for("two lines", lambda: len(gateway.access_log()) >= 2 and gateway.access_log())
    expect_equal([line.get("ctx") for line in lines], [{"tenant": 'a"b', "n": 5}, None])


REPLY = """
class Hook
  def on_request(req)
    case req.headers["x-want"]
    when "text" then req.reply(403, headers: {"x-a" => "b"}, body: "no")
    when "message" then req.reply(200, message: {"user" => {"id" => "made", "age" => 3}})
    when "empty" then req.reply(204)
    when "redirect" then req.reply(302, headers: {"location" => "/else"})
    end
  end
  def on_response(req, res)
    res.headers["x-response"] = "1"
  end
end
Hook.new
"""


def test_replies_at_once(t):
    record, backend = recorder(t)
    gateway = start(t, backend, REPLY)
    client = gateway.client()
    for version in range(2):  # on one connection, too
        client.send(b"GET /v1/users/7 HTTP/1.1\r\nHost: a\r\nX-Want: text\r\n\r\n")
        answer = client.response()
        expect_equal((answer.status, answer.body, answer.header("x-a")), (403, b"no", "b"), str(version))
        expect_equal(answer.header("x-response"), None)
    client.close()
    answer = gateway.get("/v1/users/7", {"X-Want": "message"})
    expect_equal((answer.status, answer.json()), (200, {"user": {"id": "made", "age": 3}}))
    expect_equal(answer.header("content-type"), "application/json")
    answer = gateway.get("/v1/users/7", {"X-Want": "empty"})
    expect_equal((answer.status, answer.body, answer.header("content-length")), (204, b"", None))
    answer = gateway.get("/v1/users/7", {"X-Want": "redirect"})
    expect_equal((answer.status, answer.header("location")), (302, "/else"))
    expect_equal(record.requests, [], "calls")
    expect_equal(gateway.get("/v1/users/7").header("x-response"), "1")


def test_errors_go_through_on_error(t):
    _, backend = recorder(t, DeleteUser=fail(grpc.StatusCode.NOT_FOUND, "no such user"))
    gateway = start(
        t,
        backend,
        """
        class Hook
          def on_request(req)
            raise "oops" if req.headers["x-raise"]
          end
          def on_error(req, error)
            req.response_headers["x-code"] = error.code.to_s
            if error.code == 5
              error.message = "gone: " + error.message
              error.http_status = 410
            elsif req.headers["x-cover"]
              req.reply(200, body: "covered")
            end
          end
        end
        Hook.new
        """,
    )
    answer = gateway.request("DELETE", "/v1/users/7")
    expect_error(answer, 410, 5, "gone: no such user")
    expect_equal(answer.header("x-code"), "5")
    answer = gateway.get("/v1/users/7?bad=1")
    expect_error(answer, 400, 3, 'query parameter "bad"')
    expect_equal(answer.header("x-code"), "3")
    answer = gateway.get("/v1/users/7", {"X-Raise": "1"})
    expect_error(answer, 500, 13, "hook failed")
    expect_equal(answer.header("x-code"), "13")
    answer = gateway.get("/v1/users/7", {"X-Raise": "1", "X-Cover": "1"})
    expect_equal((answer.status, answer.body), (200, b"covered"))


def test_global_hooks_see_errors_without_a_route(t):
    _, backend = recorder(t)
    hook = """
    class Hook
      def on_error(req, error)
        error.message = "#{req.route.inspect}: sorry"
      end
    end
    Hook.new
    """
    gateway = start(t, backend, global_hooks=[hook])
    expect_error(gateway.get("/nowhere"), 404, 5, "nil: sorry")
    expect_error(gateway.request("PATCH", "/plain/7"), 405, 12, "nil: sorry")
    backend.stop()
    expect_error(gateway.get("/plain/7"), 503, 14, '"/plain/{id}": sorry')


def test_another_upstream(t):
    _, backend = recorder(t)
    other = t.backend({"user.v1.UserService/GetUser": lambda request, context: user_answer(t, id="other")})
    gateway = start(
        t,
        backend,
        """
        class Hook
          def on_request(req)
            req.ctx["was"] = req.upstream
            req.upstream = req.headers["x-upstream"] if req.headers["x-upstream"]
          end
        end
        Hook.new
        """,
        other=other,
    )
    expect_equal(gateway.get("/v1/users/7").json(), {"user": {"id": "7"}})
    expect_equal(gateway.get("/v1/users/7", {"X-Upstream": "other"}).json(), {"user": {"id": "other"}})
    expect_error(gateway.get("/v1/users/7", {"X-Upstream": "none"}), 500, 13, "hook failed")
    lines = wait_for("three lines", lambda: len(gateway.access_log()) >= 3 and gateway.access_log())
    lines = [line for line in lines if "status" in line]
    expect_equal([line["upstream"] for line in lines], ["user-service", "other", ""])


GATHER = """
class Hook
  def on_request(req)
    ids = req.headers["x-ids"]
    return unless ids
    users = Sluice.all(*ids.split(",").map { |id|
      -> { Sluice.call("user.v1.UserService/GetUser", {"id" => id}, timeout: 1)["user"]["id"] }
    })
    req.reply(200, headers: {"content-type" => "application/json"}, body: JSON.generate(users))
  rescue Sluice::RPCError => e
    req.reply(502, body: "#{e.code} #{e.message}")
  end
end
Hook.new
"""


def test_calls_are_gathered(t):
    begun = []

    def get_user(request, context):
        if request.id == "bad":
            context.abort(grpc.StatusCode.NOT_FOUND, "no such user")
        if request.id != "7":
            begun.append(time.monotonic())
            time.sleep(0.3)
        return user_answer(t, id="<" + request.id + ">")

    backend = t.backend({"user.v1.UserService/GetUser": get_user})
    gateway = start(t, backend, GATHER)
    began = time.monotonic()
    expect_equal(gateway.get("/v1/users/7", {"X-Ids": "a,b,c"}).json(), ["<a>", "<b>", "<c>"])
    expect_within(time.monotonic() - began, 0.29, 0.8, "seconds for three calls at once")
    expect_within(max(begun) - min(begun), 0, 0.2, "between their begins")
    answer = gateway.get("/v1/users/7", {"X-Ids": "a,bad,c"})
    expect_equal((answer.status, answer.body), (502, b"5 no such user"))
    expect_equal(gateway.get("/v1/users/7").json(), {"user": {"id": "<7>"}})


def test_a_hook_that_sleeps_holds_nobody_up(t):
    _, backend = recorder(t)
    hook = "class Hook\n  def on_request(req) = (Sluice.sleep(0.5) if req.headers['x-slow'])\nend\nHook.new"
    gateway = start(t, backend, hook)
    done = []

    def slow():
        began = time.monotonic()
        answer = gateway.get("/v1/users/7", {"X-Slow": "1"})
        done.append((answer.status, time.monotonic() - began))

    threads = [threading.Thread(target=slow) for _ in range(20)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    slowest = 0
    for _ in range(50):
        began = time.monotonic()
        expect_equal(gateway.get("/v1/users/7").status, 200)
        slowest = max(slowest, time.monotonic() - began)
    for thread in threads:
        thread.join()
    expect_within(slowest, 0, 0.25, "slowest other call")
    expect_equal([status for status, _ in done], [200] * 20)
    for _, seconds in done:
        expect_within(seconds, 0.49, 1.5, "seconds with a hook of half a second")


def test_time_is_limited(t):
    _, backend = recorder(t)
    hook = "class Hook\n  def on_request(req) = Sluice.sleep(30)\nend\nHook.new"
    gateway = start(t, backend, hook, limits="{time: 200ms}")
    began = time.monotonic()
    expect_error(gateway.get("/v1/users/7"), 504, 4, "took too long")
    expect_within(time.monotonic() - began, 0.19, 1, "seconds")


def test_an_exception_is_logged_with_its_place(t):
    _, backend = recorder(t)
    code = """class Hook
  def on_request(req)
    deeper(req)
  end

  def deeper(req)
    req.nothing
  end
end
Hook.new
"""
    gateway = start(t, backend, code)
    answer = gateway.get("/v1/users/7")
    expect_equal(answer.json(), {"code": 13, "message": "hook failed", "details": []})
    output = wait_for("the exception", lambda: "NoMethodError" in (text := gateway.output()) and text)
    expect("route0.rb:7" in output and "route0.rb:3" in output, output)
    expect_equal(gateway.get("/plain/7").status, 200)


def test_a_log_of_hooks_that_nobody_reads_holds_up_nothing(t):
    """A pipe that is full: its backlog has an end, what is beyond is dropped, and the stop still works."""
    _, backend = recorder(t)
    path = os.path.join(t.folder, "fifo")
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    code = "class Hook\n  def on_request(req) = 3.times { Sluice.log(:info, 'x' * 4000) }\nend\nHook.new"
    gateway = start(t, backend, code, log=path, config=CONFIG.replace('access_log: {path: "-"}', ""))
    with gateway.client() as client:
        for _ in range(500):
            client.send(b"GET /v1/users/7 HTTP/1.1\r\nHost: a\r\n\r\n")
            expect_equal(client.response().status, 200)
    os.close(reader)  # what waits in the pipe goes with it
    wait_for("the rest to be counted", lambda: gateway.metrics().value("hooks_log_dropped_total") > 0)


def rss_kb(process):
    with open(f"/proc/{process._popen.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_ten_thousand_exceptions_keep_memory_flat(t):
    _, backend = recorder(t)
    gateway = start(t, backend, "class Hook\n  def on_request(req) = raise('x' * 1000)\nend\nHook.new")
    client = gateway.client()
    request = b"GET /v1/users/7 HTTP/1.1\r\nHost: a\r\n\r\n"

    def many(count):
        for _ in range(count // 50):
            client.send(request * 50)
            for _ in range(50):
                expect_equal(client.response().status, 500)

    many(2000)
    before = rss_kb(gateway)
    many(10000)
    grown = rss_kb(gateway) - before
    client.close()
    expect_within(grown, -(1 << 20), 4096 + t.memory_slack // 1024, "KiB more after 10,000 exceptions")
    print(f"     {grown} KiB more after 10,000 exceptions")


def test_a_memory_bomb_ends_alone(t):
    _, backend = recorder(t)
    hook = """
    class Hook
      def on_request(req)
        Sluice.sleep(0.5) if req.headers["x-wait"]
        a = "x" * 1000 if req.headers["x-bomb"]
        while a
          a = a + a
        end
      end
    end
    Hook.new
    """
    gateway = start(t, backend, hook, limits="{memory: 8MiB}")
    for _ in range(3):
        expect_error(gateway.get("/v1/users/7", {"X-Bomb": "1"}), 500, 13, "hook failed")
        expect_equal(gateway.get("/v1/users/7").json(), {"user": {"id": "7"}})
    waiting = []
    thread = threading.Thread(target=lambda: waiting.append(gateway.get("/v1/users/7", {"X-Wait": "1"})))
    thread.start()
    time.sleep(0.15)
    expect_error(gateway.get("/v1/users/7", {"X-Bomb": "1"}), 500, 13, "hook failed")
    thread.join()
    expect_error(waiting[0], 500, 13, "hook failed")
    expect_equal(gateway.get("/v1/users/7").status, 200)


def test_an_endless_loop_is_ended_and_others_go_on(t):
    _, backend = recorder(t)
    hook = """
    class Hook
      def on_request(req)
        loop { } if req.headers["x-loop"]
      end
    end
    Hook.new
    """
    gateway = start(t, backend, hook, limits="{time: 500ms, kill_after: 20s}", workers=2)
    result = []
    thread = threading.Thread(target=lambda: result.append(gateway.get("/v1/users/7", {"X-Loop": "1"})))
    # Connections go to the worker that has fewer: one client on each.
    clients = [gateway.client() for _ in range(2)]
    request = b"GET /v1/users/7 HTTP/1.1\r\nHost: a\r\n\r\n"
    for client in clients:
        client.send(request)
        expect_equal(client.response().status, 200)
    thread.start()
    time.sleep(0.1)
    times = [[], []]

    def ask(i):
        while not result:
            began = time.monotonic()
            clients[i].send(request)
            expect_equal(clients[i].response().status, 200)
            times[i].append(time.monotonic() - began)

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    thread.join()
    for client in clients:
        client.close()
    expect_error(result[0], 504, 4, "took too long")
    free, blocked = sorted(times, key=len, reverse=True)
    p99 = sorted(free)[int(len(free) * 0.99)]
    expect_within(p99, 0, 0.1, "P99 of the other worker's calls")
    expect(blocked[0] < 3, f"the worker with the loop went on after {blocked[0]} s")
    print(f"     other worker: {len(free)} calls, P99 {p99 * 1000:.1f} ms")
    expect_equal(gateway.get("/v1/users/7").status, 200)


def test_a_client_that_leaves_cancels_what_its_hook_waits_for(t):
    cancelled = threading.Event()
    begun = threading.Event()

    def get_user(request, context):
        if request.id != "slow":
            return user_answer(t, id=request.id)
        context.add_callback(cancelled.set)
        begun.set()
        cancelled.wait(5)
        return user_answer(t, id="late")

    backend = t.backend({"user.v1.UserService/GetUser": get_user})
    hook = """
    class Hook
      def on_request(req)
        Sluice.call("user.v1.UserService/GetUser", {"id" => "slow"})
      end
    end
    Hook.new
    """
    gateway = start(t, backend, hook)
    client = gateway.client()
    client.send(b"GET /v1/users/7 HTTP/1.1\r\nHost: a\r\n\r\n")
    expect(begun.wait(5), "the hook's call")
    client.close()
    expect(cancelled.wait(2), "the hook's call is cancelled soon after its client has left")
    lines = wait_for("its line", lambda: [one for one in gateway.access_log() if "status" in one])
    expect_equal([line["status"] for line in lines], [499])
    expect_equal(gateway.get("/plain/7").status, 200)


def test_an_exception_within_all_is_raised_when_all_have_ended(t):
    _, backend = recorder(t)
    hook = """
    class Hook
      def on_request(req)
        ended = []
        begin
          Sluice.all(-> { Sluice.sleep(0.05); raise "first" }, -> { Sluice.sleep(0.2); ended << 1; "ok" })
        rescue => e
          req.reply(200, body: "#{e.message} #{ended.size}")
        end
      end
    end
    Hook.new
    """
    gateway = start(t, backend, hook)
    expect_equal(gateway.get("/v1/users/7").body, b"first 1")


def test_drain_waits_for_a_hook(t):
    _, backend = recorder(t)
    gateway = start(t, backend, "class Hook\n  def on_request(req) = Sluice.sleep(0.5)\nend\nHook.new")
    result = []
    thread = threading.Thread(target=lambda: result.append(gateway.get("/v1/users/7")))
    thread.start()
    time.sleep(0.15)
    gateway.stop()
    thread.join()
    expect_equal(result[0].json(), {"user": {"id": "7"}})


def test_a_stop_that_cannot_wait_ends_hooks(t):
    _, backend = recorder(t)
    hook = """
    class Hook
      def on_request(req)
        begin
          Sluice.sleep(20)
        rescue Exception
          Sluice.call("user.v1.UserService/GetUser", {"id" => "1"})
        end
      end
    end
    Hook.new
    """
    gateway = start(t, backend, hook, limits="{time: 30s}", config=CONFIG + "drain: {timeout: 300ms}\n")
    result = []

    def ask():
        try:
            result.append(gateway.get("/v1/users/7").status)
        except OSError:
            result.append(None)

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.2)
    gateway.stop()
    thread.join()
    expect(result[0] in (503, None), f"answer {result[0]}")


def test_check_compiles_hooks(t):
    config = t.write("hook.rb", "class Hook\n  def on_request(req\nend\n")
    path = t.write("check.yaml", f'listen: [{{address: "127.0.0.1:0"}}]\nhooks: ["{config}"]\n')
    checked = t.run("check", "-c", path)
    expect_equal(checked.returncode, 1)
    expect("hook.rb:3:" in checked.stderr and "syntax error" in checked.stderr, checked.stderr)
    t.write("hook.rb", "class Hook\n  def on_request(req) = nil\nend\nHook.new\n")
    expect_equal(t.run("check", "-c", path).stdout, f"{path}: ok\n")


def test_faults_of_files_are_told_at_start(t):
    backend = t.backend()

    def told(*parts, **hooks):
        try:
            start(t, backend, **hooks)
        except Failure as failure:
            for part in parts:
                expect(part in str(failure), f"expected {part!r} in {failure}")
            return
        raise Failure(f"{hooks}: the gateway has started")

    told("global0.rb:2:", "syntax error", global_hooks=["x = 1\ny = = 2"])
    told("global0.rb:1:", "boom", global_hooks=["raise 'boom'"])
    told("cannot read hook", config=CONFIG.replace("@HOOKS@", 'hooks: ["/nowhere.rb"]'))


# --- protocols ---


PROTOCOLS = """
class Hook
  def on_request(req)
    req.reply(401, body: "no key") unless req.headers["x-key"]
    req.reply(500, body: JSON.generate({"code" => 8, "message" => "too many"})) if req.headers["x-key"] == "many"
    req.message["id"] << "!" if req.message
  end
  def on_response(req, res)
    res.headers["x-hook"] = "1"
    res.message["user"]["email"] = "hidden" if res.message
  end
  def on_error(req, error)
    error.message = error.message + " (hooked)"
  end
end
Hook.new
"""


def test_native_grpc_goes_through_hooks(t):
    record, backend = recorder(t, DeleteUser=fail(grpc.StatusCode.NOT_FOUND, "no such user"))
    gateway = start(t, backend, PROTOCOLS)
    stub = t.stub(gateway.port, "user.v1.UserService")
    refusal = stub.fails(grpc.StatusCode.UNAUTHENTICATED, "GetUser", id="7")
    expect_equal(refusal.message, "no key")
    refusal = stub.fails(grpc.StatusCode.RESOURCE_EXHAUSTED, "GetUser", id="7", metadata=[("x-key", "many")])
    expect_equal(refusal.message, "too many")
    answer = stub("GetUser", metadata=[("x-key", "k")], id="7")
    expect_equal((answer.user.id, answer.user.email), ("7!", "hidden"))
    try:
        stub("DeleteUser", metadata=[("x-key", "k")], id="7")
        raise Failure("expected an error")
    except grpc.RpcError as error:
        expect_equal((error.code(), error.details()), (grpc.StatusCode.NOT_FOUND, "no such user (hooked)"))


def test_replies_in_http_terms_have_the_codes_that_the_gateway_gives(t):
    _, backend = recorder(t)
    code = PROTOCOLS.replace("401", 'req.headers["x-status"].to_i')
    stub = t.stub(start(t, backend, code).port, "user.v1.UserService")
    for status, expected in (
        ("400", grpc.StatusCode.INVALID_ARGUMENT),
        ("405", grpc.StatusCode.UNIMPLEMENTED),
        ("413", grpc.StatusCode.RESOURCE_EXHAUSTED),
        ("415", grpc.StatusCode.INVALID_ARGUMENT),
        ("500", grpc.StatusCode.INTERNAL),
        ("503", grpc.StatusCode.UNAVAILABLE),
        ("418", grpc.StatusCode.UNKNOWN),
    ):
        expect_equal(stub.fails(expected, "GetUser", id="7", metadata=[("x-status", status)]).message, "no key")


def test_compressed_messages_do_not_pass_hooks_unseen(t):
    record, backend = recorder(t)
    gateway = start(t, backend, PROTOCOLS)
    channel = t.channel(gateway.port)
    request, response = t.protos.method("user.v1.UserService/GetUser")
    call = channel.unary_unary("/user.v1.UserService/GetUser", request.SerializeToString, response.FromString)
    try:
        call(request(id="7" * 1000), metadata=[("x-key", "k")], compression=grpc.Compression.Gzip, timeout=5)
        raise Failure("expected an error")
    except grpc.RpcError as error:
        expect_equal(error.code(), grpc.StatusCode.UNIMPLEMENTED, error.details())
    expect_equal(record.requests, [], "calls")


def test_grpc_web_goes_through_hooks(t):
    _, backend = recorder(t)
    gateway = start(t, backend, PROTOCOLS)
    message = t.protos.new("user.v1.GetUserRequest", id="7").SerializeToString()
    frame = b"\0" + len(message).to_bytes(4, "big") + message
    headers = {"Content-Type": "application/grpc-web+proto"}
    answer = gateway.request("POST", "/user.v1.UserService/GetUser", frame, headers)
    expect(b"grpc-status:16" in answer.body and b"grpc-message:no key" in answer.body, f"{answer}")
    answer = gateway.request("POST", "/user.v1.UserService/GetUser", frame, {**headers, "X-Key": "k"})
    expect(b"hidden" in answer.body and b"grpc-status:0" in answer.body, f"{answer}")
    expect_equal(answer.header("x-hook"), "1")


def test_http2_goes_through_hooks(t):
    _, backend = recorder(t)
    gateway = start(t, backend, PROTOCOLS)
    with h2.Client(gateway.port) as client:
        refused = client.request("/v1/users/7")
        served = client.request("/v1/users/7", more=[("x-key", "k")])
        expect_equal(client.answer(refused).status, 401)
        answer = client.answer(served)
        expect_equal((answer.status, json.loads(answer.body)), (200, {"user": {"id": "7!", "email": "hidden"}}))


def test_a_stream_that_is_reset_cancels_what_its_hook_waits_for(t):
    cancelled = threading.Event()
    begun = threading.Event()

    def get_user(request, context):
        context.add_callback(cancelled.set)
        begun.set()
        cancelled.wait(5)
        return user_answer(t, id="late")

    backend = t.backend({"user.v1.UserService/GetUser": get_user})
    code = """
    class Hook
      def on_request(req) = Sluice.call("user.v1.UserService/GetUser", {"id" => "slow"})
    end
    Hook.new
    """
    gateway = start(t, backend, code)
    with h2.Client(gateway.port) as client:
        stream = client.request("/v1/users/7")
        expect(begun.wait(5), "the hook's call")
        client.send(h2.RST_STREAM, 0, stream, (8).to_bytes(4, "big"))
        expect(cancelled.wait(2), "the hook's call is cancelled soon after its stream is reset")
        client.settle()


FEED = feed.CONFIG.replace("tracing: {}", "hooks: [@HOOK@]\ntracing: {}")


def feed_gateway(t, backend, code):
    path = t.write("hook.rb", code)
    return feed.gateway(t, backend, config=FEED.replace("@HOOK@", path))


STREAMED = """
class Hook
  def on_request(req)
    raise "message" unless req.message.nil?
    req.reply(401, body: "no key") unless req.headers["x-key"]
    req.metadata["seen"] = "1"
  end
  def on_response(req, res)
    raise "message" unless res.message.nil?
    Sluice.sleep(0.1)
    case req.headers["x-want"]
    when "reply" then req.reply(418, body: "a pot")
    when "raise" then raise "no"
    end
    res.headers["x-hook"] = "1"
  end
  def on_error(req, error)
    error.message = error.message + " (hooked)"
  end
end
Hook.new
"""


def test_streams_go_through_hooks(t):
    ended = threading.Event()

    def watch(request, context):
        expect_equal(dict(context.invocation_metadata()).get("seen"), "1")
        context.add_callback(ended.set)
        if request.feed == "none":
            context.abort(grpc.StatusCode.NOT_FOUND, "no feed")
        for number in (1, 2, 3):
            yield feed.item(t, feed=request.feed, number=number)
        if request.feed == "long":
            ended.wait(5)

    gateway = feed_gateway(t, feed.backend(t, Watch=watch), STREAMED)
    answer = gateway.get("/v1/feeds/news")
    expect_equal((answer.status, answer.body), (401, b"no key"))
    stream = gateway.stream("GET", "/v1/feeds/news", headers={"X-Key": "k"})
    expect_equal((stream.status, stream.header("x-hook")), (200, "1"))
    expect_equal([one["number"] for one in stream.rest()], ["1", "2", "3"])
    expect_error(gateway.get("/v1/feeds/none", {"X-Key": "k"}), 404, 5, "no feed (hooked)")
    ended.clear()
    answer = gateway.get("/v1/feeds/long", {"X-Key": "k", "X-Want": "reply"})
    expect_equal((answer.status, answer.body), (418, b"a pot"))
    expect(ended.wait(2), "the call behind a reply is cancelled")
    expect_error(gateway.get("/v1/feeds/news", {"X-Key": "k", "X-Want": "raise"}), 500, 13, "hook failed (hooked)")


def test_streams_of_requests_go_through_hooks(t):
    collector = Collector(t)
    code = STREAMED.replace("unless res.message.nil?", "unless res.message['items'] == 2")
    gateway = feed_gateway(t, feed.backend(t, Collect=collector), code)
    body = b'{"number": "1"}\n{"number": "2"}\n'
    headers = {"Content-Type": "application/x-ndjson", "X-Key": "k"}
    answer = gateway.request("POST", "/v1/feeds/news/items", body, headers)
    expect_equal((answer.status, answer.json()["items"], answer.header("x-hook")), (200, "2", "1"))
    with h2.Client(gateway.port) as client:
        ndjson, key = ("content-type", "application/x-ndjson"), ("x-key", "k")
        stream = client.request("/v1/feeds/news/items", "POST", [ndjson, key], body)
        expect_equal(json.loads(client.answer(stream).body)["items"], "2")
        stream = client.request("/v1/feeds/news/items", "POST", [ndjson], body, end=False)
        expect_equal(client.answer(stream).status, 401)


def test_a_client_that_leaves_a_stream_that_its_hook_holds(t):
    ended = threading.Event()

    def watch(request, context):
        context.add_callback(ended.set)
        yield feed.item(t, feed=request.feed, number=1)
        ended.wait(10)

    code = "class Hook\n  def on_response(req, res) = Sluice.sleep(4)\nend\nHook.new"
    gateway = feed_gateway(t, feed.backend(t, Watch=watch), code)
    client = gateway.client()
    client.send(b"GET /v1/feeds/news HTTP/1.1\r\nHost: a\r\n\r\n")
    time.sleep(0.3)
    client.close()
    expect(ended.wait(2), "the call is cancelled soon after its client has left")


HELD = """
class Hook
  def on_response(req, res)
    res.headers["x-held"] = "1"
    Sluice.sleep(0.4)
    req.reply(418, body: "a pot") if req.headers["x-want"] == "reply"
    raise "no" if req.headers["x-want"] == "raise"
  end
  def on_error(req, error)
    Sluice.sleep(0.1)
    error.message = error.message + " (hooked)"
  end
end
Hook.new
"""


def failing_soon(t):
    """A feed that begins, and fails without a message while a hook holds its answer."""

    def watch(_, context):
        context.send_initial_metadata((("x-begun", "1"),))
        time.sleep(0.15)
        context.abort(grpc.StatusCode.DATA_LOSS, "lost")

    return feed.backend(t, Watch=watch)


def test_a_stream_fails_while_its_hook_holds_it(t):
    config = FEED.replace("routes:", "routes:\n  - {service: feed.v1.Feed, upstream: feed}")
    config = config.replace("@HOOK@", t.write("hook.rb", HELD))
    gateway = feed.gateway(t, failing_soon(t), config=config, streaming="heartbeat: 30ms")

    def watch(want):
        call = t.channel(gateway.port).unary_stream(
            "/feed.v1.Feed/Watch",
            feed.protos(t).type("feed.v1.WatchRequest").SerializeToString,
            feed.protos(t).type("feed.v1.Item").FromString,
        )(feed.protos(t).new("feed.v1.WatchRequest", feed="news"), timeout=5, metadata=(("x-want", want),))
        try:
            return list(call)
        except grpc.RpcError as error:
            return error.code(), error.details(), dict(call.initial_metadata()).get("x-held")

    expect_equal(watch("none"), (grpc.StatusCode.DATA_LOSS, "lost", "1"))
    expect_equal(watch("raise"), (grpc.StatusCode.INTERNAL, "hook failed (hooked)", "1"))
    expect_equal(watch("reply")[:2], (grpc.StatusCode.UNKNOWN, "a pot"))

    stream = gateway.stream("GET", "/v1/feeds/news", headers={"Accept": "text/event-stream", "X-Want": "none"})
    expect_equal(stream.status, 500)  # heartbeats wait for a message, and so does on_response
    expect_equal(json.loads(stream.read())["message"], "lost (hooked)")
    expect_equal(gateway.metrics().sum("http_requests_total"), 4, "requests")


def test_websockets_go_through_hooks(t):
    seen = []

    def watch(request, context):
        seen.append(dict(context.invocation_metadata()).get("seen"))
        yield feed.item(t, feed=request.feed, number=1)

    code = """
    class Hook
      def on_request(req)
        req.ctx["who"] = "me"
        Sluice.sleep(0.1)
        req.reply(401, body: "no key") unless req.headers["x-key"]
        req.metadata["seen"] = "1"
        req.response_headers["x-hook"] = "1"
      end
    end
    Hook.new
    """
    gateway = feed_gateway(t, feed.backend(t, Watch=watch), code)
    refused = WebSocket(gateway.port, "/v1/feeds/news")
    expect_equal(refused.status, 401)
    ws = WebSocket(gateway.port, "/v1/feeds/news", {"X-Key": "k"})
    expect_equal((ws.status, ws.headers.get("x-hook")), (101, "1"))
    expect_equal(ws.rest(), [{"feed": "news", "number": "1"}])
    ws.expect_end(1000)
    expect_equal(seen, ["1"])
    lines = wait_for("two lines", lambda: len(gateway.access_log()) >= 2 and gateway.access_log())
    expect_equal([(line["status"], line["ctx"]) for line in lines], [(401, {"who": "me"}), (101, {"who": "me"})])


def test_files_are_behind_hooks(t):
    os.makedirs(os.path.join(t.folder, "docs"))
    t.write("docs/a.txt", "text")
    hook = t.write(
        "hook.rb",
        """
        class Hook
          def on_request(req)
            req.reply(401, body: "no key") unless req.headers["x-key"]
            req.response_headers["x-hook"] = "1"
          end
          def on_response(req, res)
            raise "message" unless res.message.nil? && res.body.nil?
            Sluice.sleep(0.05)
            res.headers["x-response"] = "1"
            res.body = "hidden" if req.headers["x-key"] == "hide"
          end
          def on_error(req, error)
            error.message = "sorry"
          end
        end
        Hook.new
        """,
    )
    config = """
listen: [{address: "127.0.0.1:@PORT@"}]
admin: {address: "127.0.0.1:@ADMIN@"}
routes: [{match: GET /docs/**, files: docs, hooks: [@HOOK@]}]
"""
    gateway = t.gateway(config, HOOK=hook)
    expect_equal(gateway.get("/docs/a.txt").status, 401)
    answer = gateway.get("/docs/a.txt", {"X-Key": "k"})
    expect_equal((answer.status, answer.body, answer.header("x-hook")), (200, b"text", "1"))
    expect_equal((answer.header("x-response"), answer.header("content-type")), ("1", "text/plain"))
    answer = gateway.get("/docs/a.txt", {"X-Key": "hide"})
    expect_equal((answer.status, answer.body, answer.header("x-hook")), (200, b"hidden", "1"))
    expect_error(gateway.get("/docs/b.txt", {"X-Key": "k"}), 404, 5, "sorry")


def test_many_at_once_keep_apart(t):
    """Pipelined, over several connections, with hooks that wait for different times."""
    _, backend = recorder(t)
    code = """
    class Hook
      def on_request(req)
        req.ctx["id"] = req.params["id"]
        Sluice.sleep(req.params["id"].to_i % 7 * 0.003)
        req.message["id"] << "-" << req.ctx["id"]
      end
      def on_response(req, res)
        Sluice.sleep(req.params["id"].to_i % 5 * 0.002)
        res.message["user"]["username"] = req.ctx["id"]
      end
    end
    Hook.new
    """
    gateway = start(t, backend, code, workers=2)
    failures = []

    def ask(first):
        client = gateway.client()
        numbers = range(first, first + 40)
        client.send(b"".join(b"GET /v1/users/%d HTTP/1.1\r\nHost: a\r\n\r\n" % n for n in numbers))
        for n in numbers:
            user = client.response().json()["user"]
            if user != {"id": f"{n}-{n}", "username": str(n)}:
                failures.append((n, user))
        client.close()

    threads = [threading.Thread(target=ask, args=(1000 * i,)) for i in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect_equal(failures, [])


def test_a_request_comes_in_after_the_end_of_draining(t):
    """It waits in the socket while a hook holds up its worker beyond drain.timeout."""
    _, backend = recorder(t)
    code = """
    class Hook
      def on_request(req)
        loop {} if req.params["id"] == "busy"
      end
      def on_error(req, error)
        Sluice.sleep(0.001)
        Sluice.call("user.v1.UserService/GetUser", {"id" => "8"})
      end
    end
    Hook.new
    """
    config = CONFIG.replace("tracing: {}", "drain: {timeout: 250ms}\ntracing: {}")
    gateway = start(t, backend, code, limits="{time: 1s, kill_after: 20s}", config=config)
    request = b"GET /v1/users/%s HTTP/1.1\r\nHost: a\r\n\r\n"
    with gateway.client() as busy, gateway.client() as late, gateway.client() as slow:
        for client in (busy, late, slow):
            client.send(request % b"7")
            expect_equal(client.response().status, 200)
        gateway.signal(signal.SIGTERM)
        time.sleep(0.1)
        busy.send(request % b"busy")
        time.sleep(0.3)
        expect(gateway.is_running(), "it is busy")
        late.send(request % b"7")
        slow.send(request % b"bad?x=1")
        expect_equal(gateway.wait(), 0, "exit status")
