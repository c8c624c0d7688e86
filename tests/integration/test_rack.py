"""Hooks in libh2o's own convention: the same files under Sluice and under Debian's h2o, with the same answers."""

import getpass
import os

from harness import (Process, expect, expect_equal, expect_started, free_port, http_request, is_listening,
                     started_on_free_ports, wait_for)

RACK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rack")

# Each has a host of its own under h2o and a path of its own under Sluice; both are in every request.
NAMES = sorted(name[:-3] for name in os.listdir(RACK) if name.endswith(".rb") and name != "shows_env.rb")

SLUICE = """
listen: [{address: "127.0.0.1:@PORT@"}]
admin: {address: "127.0.0.1:@ADMIN@"}
workers: 1
schema: {descriptor_sets: ["@SET@"]}
upstreams:
  - name: nobody
    endpoints: [{address: "127.0.0.1:1"}]
routes:
"""

# Written by servers themselves, or by Sluice on every answer.
OWN_HEADERS = {"date", "server", "connection", "content-length", "transfer-encoding", "x-request-id", "x-trace-id",
               "x-span-id"}


class H2o(Process):
    def __init__(self, t):
        self.port = free_port()
        config = [f"listen: {{host: 127.0.0.1, port: {self.port}}}", "num-threads: 1", f"user: {getpass.getuser()}",
                  "hosts:"]
        for name in NAMES:
            config += [f'  "{name}":', "    paths:", "      /:"]
            config += [f"        - mruby.handler-file: {RACK}/{file}.rb" for file in (name, "shows_env")]
        path = t.write("h2o.yaml", "\n".join(config) + "\n")
        root = os.path.join(t.build, "h2o", "usr")  # by tools/unpack
        expect(os.path.isdir(root), f"no h2o in {t.build}; try: tools/unpack h2o {t.build}/h2o")
        super().__init__("h2o", [os.path.join(root, "bin", "h2o"), "-c", path],
                         os.path.join(t.folder, f"h2o-{self.port}.log"),
                         env=dict(os.environ, H2O_ROOT=root))
        wait_for("h2o to listen", lambda: not self.is_running() or is_listening(self.port))
        expect_started(self)


def sluice(t):
    routes = ""
    for name in NAMES:
        for match, body in ((f"GET /{name}/{{name=**}}", ""), (f"POST /{name}/{{name=**}}", 'body: "*", ')):
            routes += (f"  - {{match: '{match}', grpc: user.v1.UserService/SayHello, {body}upstream: nobody, "
                       f"hooks: [{RACK}/{name}.rb, {RACK}/shows_env.rb]}}\n")
    return t.gateway(SLUICE + routes)


class Both:
    def __init__(self, t):
        self.h2o = t.started(started_on_free_ports(lambda: H2o(t)))
        self.sluice = sluice(t)

    def ask(self, name, path="/x", method="GET", body=None, headers=()):
        """The answers of h2o and of Sluice, each as status, headers by name, body."""
        answers = []
        for port in self.h2o.port, self.sluice.port:
            response = http_request(port, method, f"/{name}{path}", body, [("Host", name), *headers])
            fields = sorted((key.lower(), value) for key, value in response.headers if key.lower() not in OWN_HEADERS)
            text = response.body.decode().replace(str(port), "PORT")
            answers.append((response.status, fields, text))
        return answers

    def same(self, name, *args, **options):
        """The one answer of both."""
        h2o, ours = self.ask(name, *args, **options)
        expect_equal(ours, h2o, f"answer to {name} {args} {options}")
        return ours

    def both_fail(self, name, path):
        """With bodies of their own form."""
        for status, _, _ in self.ask(name, path):
            expect_equal(status, 500, f"status of {name}{path}")


def test_access_control_by_header(t):
    both = Both(t)
    status, headers, body = both.same("access_control")
    expect_equal((status, body), (403, "access forbidden\n"))
    expect_equal(headers, [("content-type", "text/plain"), ("x-reason", "no key")])
    status, _, body = both.same("access_control", headers=[("X-Key", "open sesame")])
    expect_equal(status, 200)
    expect("REQUEST_METHOD=\"GET\"\n" in body, body)


def test_a_hook_that_falls_through_leaves_variables_and_headers(t):
    both = Both(t)
    status, headers, body = both.same("changes_headers", headers=[("X-Team", "blue")])
    expect_equal(status, 200)
    expect('CALLER_NAME="alice blue"\nPOSTDATA="1"\n' in body, body)
    expect_equal(headers, [("cache-control", "max-age=60"), ("content-type", "text/plain"), ("set-cookie", "a=1"),
                           ("set-cookie", "b=2")])


def test_the_environment_is_the_same(t):
    both = Both(t)
    headers = [("X-Key", "open sesame"), ("X-Team", "a"), ("Accept", "text/plain"), ("X-Team", "b"),
               ("Cookie", "a=1"), ("Cookie", "b=2")]
    for path in ["/", "/a/b", "/a%20b", "/a?x=1&y=%20", "/a?", "/%C3%A9?x=a?b"]:
        both.same("access_control", path, headers=headers)
    both.same("access_control", "/a", "POST", {"a": 1}, headers=headers)
    _, _, body = both.same("access_control", "/a?b", "POST", "{}", headers=[*headers, ("Content-Type",
                                                                                      "application/json")])
    for part in ['SCRIPT_NAME=""', 'PATH_INFO="/access_control/a"', 'QUERY_STRING="b"', 'CONTENT_LENGTH="2"',
                 'CONTENT_TYPE="application/json"', 'HTTP_X_TEAM="a, b"', 'rack.url_scheme="http"']:
        expect(part + "\n" in body, f"{part} in {body}")


def test_bodies_are_arrays_and_whatever_has_each(t):
    both = Both(t)
    status, headers, body = both.same("array_body")
    expect_equal((status, body), (201, "abc1two\n"))
    expect_equal(headers, [("content-type", "text/plain"), ("x-lines", "one"), ("x-lines", "two"), ("x-number", "7"),
                           ("x-symbol", "s")])
    for _ in range(3):
        expect_equal(both.same("each_body")[2], "open: 1\nline 0\nline 1\nline 2\n", "body, closed each time")
    expect_equal(both.same("string_body")[2], "one text\n")
    expect_equal(both.same("no_body")[2], "")
    expect_equal(both.same("no_body", "/x?204")[0], 204)
    expect_equal(both.same("no_body", "/x?304")[0], 304)


def test_headers_are_a_hash_an_array_or_whatever_has_each(t):
    both = Both(t)
    expected = [("x-one", "1"), ("x-two", "2"), ("x-two", "3")]
    expect_equal(both.same("each_headers", "/x?array")[1], expected)
    expect_equal(both.same("each_headers", "/x")[1], expected)


def test_a_hook_that_raises_is_a_500_and_goes_on(t):
    both = Both(t)
    for i, wrong in enumerate(["exception", "name", "no%20array", "range", "headers", "each"]):
        both.both_fail("raises", f"/x?{wrong}")
        expect_equal(both.same("raises")[2], f"{2 * i + 2} calls")


def test_input_regular_expressions_and_json(t):
    both = Both(t)
    expect_equal(both.same("reads_input", method="POST", body='{"a": 1}')[2], '["{\\"","a\\": 1}","1"]')
    both.same("reads_input")
    expect_equal(both.same("user_path", "/user/alice/x")[1], [("x-user", "alice")])
    both.same("user_path", "/other")


def test_an_object_with_call(t):
    both = Both(t)
    _, _, body = both.same("app_object", "/x?y", headers=[("User-Agent", "test/1"), ("Cookie", "a=1")])
    expect_equal(body, "User-Agent:test/1 path:/app_object/x method:GET query:y cookies:a=1\n")
