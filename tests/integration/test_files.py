"""Routes to files: what is served, what is not, and how fast."""

import json
import os
import time

import h2
import harness
from beside import Beside
from harness import expect, expect_equal, expect_error, expect_within

CONFIG = """
listen: [{address: "127.0.0.1:@PORT@"}]
admin: {address: "127.0.0.1:@ADMIN@"}
workers: 1
limits: {@LIMITS@}
routes:
  - match: GET /docs/**
    files: docs
  - match: GET /docs/private/**
    files: private
access_log: {path: "-"}
"""


def folder(t):
    os.makedirs(os.path.join(t.folder, "docs", "sub"))
    os.makedirs(os.path.join(t.folder, "docs", "empty"))
    os.makedirs(os.path.join(t.folder, "private"))
    t.write("secret.txt", "secret")
    t.write("private/a.txt", "private")
    t.write("docs/index.html", "<h1>Docs</h1>")
    t.write("docs/a b.txt", "spaces")
    t.write("docs/style.css", "b{}")
    t.write("docs/sub/index.html", "sub")
    t.write("docs/sub/page.html", "page")
    t.write("docs/empty.txt", "")
    os.mkfifo(os.path.join(t.folder, "docs", "pipe"))
    os.symlink("../secret.txt", os.path.join(t.folder, "docs", "link"))


def start(t, limits=""):
    folder(t)
    return t.gateway(CONFIG, LIMITS=limits)


def test_files_are_served_with_their_type(t):
    gateway = start(t)
    for path, kind, body in (
        ("/docs/", "text/html", b"<h1>Docs</h1>"),
        ("/docs/index.html", "text/html", b"<h1>Docs</h1>"),
        ("/docs/style.css?v=2", "text/css", b"b{}"),
        ("/docs/a%20b.txt", "text/plain", b"spaces"),
        ("/docs/sub/", "text/html", b"sub"),
        ("/docs/sub/page.html", "text/html", b"page"),
        ("/docs/sub/../style.css", "text/css", b"b{}"),
        ("/docs/empty.txt", "text/plain", b""),
        ("/docs/link", "application/octet-stream", b"secret"),
        ("/docs/private/a.txt", "text/plain", b"private"),
    ):
        response = gateway.get(path)
        expect_equal((response.status, response.body), (200, body), f"answer to {path}")
        expect_equal(response.header("content-type"), kind, f"type of {path}")
        expect_equal(response.header("content-length"), str(len(body)))
        expect(response.header("x-request-id") and response.header("last-modified"), f"headers of {response}")
        with h2.Client(gateway.port) as client:
            answer = client.answer(client.request(path))
            expect_equal((answer.status, answer.body), (200, body), f"answer to {path} over HTTP/2")


def test_a_folder_is_redirected_to_its_slash(t):
    gateway = start(t)
    for path in "/docs", "/docs/sub":
        response = gateway.get(path)
        expect_equal(response.status, 301, f"status for {path}")
        expect(response.header("location").endswith(path + "/"), f"location {response.header('location')}")


def test_head_and_conditions_and_ranges(t):
    gateway = start(t)
    response = gateway.request("HEAD", "/docs/style.css")
    expect_equal((response.status, response.header("content-length"), response.body), (200, "3", b""))
    tag = gateway.get("/docs/style.css").header("etag")
    expect_equal(gateway.get("/docs/style.css", {"If-None-Match": tag}).status, 304)
    response = gateway.get("/docs/index.html", {"Range": "bytes=4-7"})
    expect_equal((response.status, response.body), (206, b"Docs"))
    t.write("docs/style.css", "changed{}")
    expect_equal(gateway.get("/docs/style.css", {"If-None-Match": tag}).body, b"changed{}")


def test_many_or_overlapping_ranges_are_the_whole_file(t):
    gateway = start(t)
    body = b"0123456789" * 100_000
    t.write("docs/large.txt", body.decode())
    whole = 0
    with Beside(t, gateway, path="/docs/style.css"):
        for ranges in "0-," * 999 + "0-", "0-,0-", "-5,-5", "0-9,9-19", ",".join(f"{i}-{i}" for i in range(0, 20, 2)):
            response = gateway.get("/docs/large.txt", {"Range": "bytes=" + ranges})
            expect_equal((response.status, response.body == body), (200, True), ranges[:20])
            with h2.Client(gateway.port) as client:
                for _ in range(5):
                    answer = client.answer(client.request("/docs/large.txt", more=[("range", "bytes=" + ranges)]))
                    expect_equal((answer.status, answer.body == body), (200, True), ranges[:20])
            whole += 1
    expect_equal(whole, 5)
    for ranges in "0-3,10-13", "5-9,-5", "0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14":
        response = gateway.get("/docs/large.txt", {"Range": "bytes=" + ranges})
        expect_equal(response.status, 206, ranges)
        expect(len(response.body) < 2000, f"{len(response.body)} bytes")
        expect_equal(response.body.count(b"Content-Range") or response.body.count(b"content-range"), ranges.count(",") + 1)


def test_a_range_that_is_not_in_the_file_is_416(t):
    gateway = start(t)
    for method in "GET", "HEAD":
        response = gateway.request(method, "/docs/style.css", headers={"Range": "bytes=10-20"})
        expect_equal((response.status, response.header("content-range")), (416, "bytes */3"))
        expect_equal(response.header("content-type"), "application/json")
        expect(response.header("x-request-id"), "a request id")
        if method == "GET":
            expect_error(response, 416, 11)
    with h2.Client(gateway.port) as client:
        answer = client.answer(client.request("/docs/style.css", more=[("range", "bytes=10-20")]))
        expect_equal((answer.status, json.loads(answer.body)["code"]), (416, 11))
    expect_equal(gateway.get("/docs/style.css", {"Range": "bytes=0-0"}).body, b"b")
    expect_equal(gateway.metrics().value("http_requests_total", route="/docs/**", method="GET", code="416"), 2)


def test_what_is_not_there_is_404(t):
    gateway = start(t)
    for path in "/docs/nothing", "/docs/index.html/x", "/docs/empty/", "/docs/pipe", "/docs/a%00b", "/docs/style.css%00":
        expect_error(gateway.get(path), 404, 5)
    expect_error(gateway.request("POST", "/docs/style.css", "{}"), 405, 12)
    os.chmod(os.path.join(t.folder, "docs", "style.css"), 0)
    if os.geteuid() != 0:
        expect_error(gateway.get("/docs/style.css"), 403, 7)


def test_nothing_outside_of_the_folder_is_served(t):
    gateway = start(t)
    for path in (
        "/docs/../secret.txt",
        "/docs/sub/../../secret.txt",
        "/docs/%2e%2e/secret.txt",
        "/docs/..%2fsecret.txt",
        "/docs/%2e%2e%2fsecret.txt",
        "/docs/sub/..%2f..%2fsecret.txt",
        "/docs/%252e%252e/secret.txt",
        "/docs//../../secret.txt",
        "/docs/..\\secret.txt",
        "/docs/./../secret.txt",
        "/docs/../private/a.txt",
    ):
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        response = gateway.raw(request.encode())
        expect(response.status in (400, 404), f"status for {path}: {response}")
        with h2.Client(gateway.port) as client:
            answer = client.answer(client.request(path))
            expect(answer.status in (400, 404), f"status for {path}: {answer}")


def test_a_folder_of_another_route_is_served_by_that_route_alone(t):
    """However its path is written: the other route may have hooks."""
    folder(t)
    os.makedirs(os.path.join(t.folder, "docs", "guarded"))
    t.write("docs/guarded/a.txt", "guarded")
    t.write("docs/100%.txt", "all")
    guard = t.write("guard.rb", "class Guard\n  def on_request(req) = req.reply(401)\nend\nGuard.new")
    route = f"  - {{match: GET /docs/guarded/**, files: docs/guarded, hooks: ['{guard}']}}\naccess_log:"
    gateway = t.gateway(CONFIG.replace("access_log:", route), LIMITS="")
    for path in ("guarded/a.txt", "%67uarded/a.txt"):
        expect_equal(gateway.get("/docs/" + path).status, 401, path)
    for path in (
        "./guarded/a.txt",
        "%2e/guarded/a.txt",
        ".%2fguarded/a.txt",
        "/guarded/a.txt",
        "///guarded//a.txt",
        "sub/../guarded/a.txt",
        "sub//..//guarded/a.txt",
        "..%2fdocs/guarded/a.txt",
        "guarded%2fa.txt",
        "guarded%2f/a.txt",
    ):
        for method in ("GET", "HEAD"):
            answer = gateway.request(method, "/docs/" + path)
            expect(answer.status in (401, 404), f"{method} {path}: {answer}")
            expect(b"guarded" not in answer.body, path)
    for path, body in (("sub//page.html", b"page"), ("100%25.txt", b"all"), ("./sub/./page.html", b"page")):
        answer = gateway.get("/docs/" + path)
        expect_equal((answer.status, answer.body), (200, body), path)


def test_large_files(t):
    gateway = start(t)
    content = os.urandom(1 << 20) * 20
    t.write("docs/large.bin", content)
    for _ in range(2):
        expect(gateway.get("/docs/large.bin").body == content, "the file over HTTP/1.1")
    with h2.Client(gateway.port) as client:
        expect(client.answer(client.request("/docs/large.bin")).body == content, "the file over HTTP/2")


def test_a_file_that_shrinks_is_cut_off(t):
    gateway = start(t)
    for client in "HTTP/1.1", "HTTP/2":
        t.write("docs/large.bin", bytes(20 << 20))
        if client == "HTTP/2":
            with h2.Client(gateway.port, window=False) as client:
                stream = client.request("/docs/large.bin")
                client.wait("the beginning", lambda: client.answers[stream].body)
                t.write("docs/large.bin", b"short")
                client.window = True
                client.grant(1 << 24, 0)
                client.grant(1 << 24, stream)
                answer = client.answer(stream)
                expect_equal((answer.ended, answer.reset), (False, h2.INTERNAL_ERROR))
        else:
            stream = gateway.stream("GET", "/docs/large.bin", receive_buffer=4096)
            t.write("docs/large.bin", b"short")
            try:
                received = len(stream.read())
            except harness.http.client.IncompleteRead as error:
                received = len(error.partial)
            expect(received < 20 << 20, f"{received} bytes of a file that has 5")
    begin = time.process_time()
    expect_equal(gateway.get("/docs/style.css").status, 200, "status afterwards")
    expect_within(time.process_time() - begin, 0, 1)


def test_a_slow_reader_gets_its_file_and_one_that_stops_does_not(t):
    gateway = start(t, limits="request_timeout: 1s, write_timeout: 2s")
    t.write("docs/large.bin", bytes(30 << 20))
    slow = gateway.stream("GET", "/docs/large.bin", receive_buffer=4096)
    stopped = gateway.stream("GET", "/docs/large.bin", receive_buffer=4096)
    end = time.monotonic() + 5
    received = 0
    while time.monotonic() < end:
        received += len(slow.read(400000))
        time.sleep(0.1)
    expect_equal(received + len(slow.read()), 30 << 20, "bytes of the slow reader")
    try:
        length = len(stopped.read())
    except (harness.http.client.IncompleteRead, ConnectionError) as error:
        length = len(getattr(error, "partial", b""))
    expect(length < 30 << 20, "the reader that stopped got all")


def test_requests_for_files_are_counted_and_logged(t):
    gateway = start(t)
    gateway.get("/docs/style.css")
    gateway.get("/docs/nothing")
    lines = harness.wait_for("two lines", lambda: len(gateway.access_log()) == 2 and gateway.access_log())
    expect_equal([(line["route"], line["status"]) for line in lines], [("/docs/**", 200), ("/docs/**", 404)])
    expect_equal(lines[0]["bytes_out"], 3)
    labels = {"route": "/docs/**", "method": "GET"}
    expect_equal(gateway.metrics().value("http_requests_total", code="404", **labels), 1)


def test_the_command_line_knows_files(t):
    folder(t)
    config = t.write("c.yaml", CONFIG.replace("@PORT@", "8080").replace("@ADMIN@", "9090").replace("@LIMITS@", ""))
    docs = os.path.join(t.folder, "docs")
    expect_equal(t.run("check", "-c", config).stdout, f"{config}: ok\n")
    expect(f"GET\t/docs/**\t-\t{docs}\nHEAD\t/docs/**\t-\t{docs}\n" in t.run("routes", "-c", config).stdout, "routes")
    done = t.run("explain", "-c", config, "GET /docs/x")
    expect_equal(done.stdout, f'{{"route": "GET /docs/**", "files": "{docs}"}}\n')
    for wrong, message in (
        ("match: GET /docs/{a}", "files are matched by a path such as /docs/**"),
        ("match: POST /docs/**", "files are matched by GET"),
        ("match: GET /docs/private/**", "clashes with"),
    ):
        text = open(config, encoding="utf-8").read().replace("match: GET /docs/**", wrong)
        done = t.run("check", "-c", t.write("wrong.yaml", text))
        expect_equal(done.returncode, 1)
        expect(message in done.stderr, f"expected {message!r} in {done.stderr}")
    text = open(config, encoding="utf-8").read().replace("files: docs", "files: nowhere")
    expect("is not a folder" in t.run("check", "-c", t.write("wrong.yaml", text)).stderr, "no folder")
