"""TLS on listeners, seen by python's ssl, curl and openssl."""

import hashlib
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time

import h2
import harness
from certificates import Authority
from gateway_config import USER, Recorder, user_backend, user_gateway
from harness import expect, expect_equal, expect_error, expect_within, wait_for

# A gateway whose only listener speaks TLS; @TLS@ is its block.
TLS = USER.replace('listen: [{address: "127.0.0.1:@PORT@"}]', 'listen: [{address: "127.0.0.1:@PORT@", tls: @TLS@}]')


class Site:
    """A gateway with a certificate for localhost, and what clients need to trust it."""

    def __init__(self, t, backend=None, more="", config=TLS, client_ca=None, rsa=False):
        self.t = t
        self.authority = Authority(t)
        self.certificate, self.key = self.authority.issue("server", "DNS:localhost", "IP:127.0.0.1", rsa=rsa)
        if client_ca is not None:
            more += f", client_ca: {client_ca}"
        block = f"{{certificate: {self.certificate}, key: {self.key}{more}}}"
        address = (backend or user_backend(t)).address
        self.gateway = user_gateway(t, address, config=config.replace("@TLS@", block))
        self.port = self.gateway.port

    def context(self, identity=None, version=None):
        """For clients that trust the authority; `identity` is (certificate, key)."""
        context = ssl.create_default_context(cafile=self.authority.certificate)
        if identity is not None:
            context.load_cert_chain(*identity)
        if version is not None:
            context.minimum_version = context.maximum_version = version
        return context

    def connect(self, context=None, name="localhost", session=None):
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        try:
            return (context or self.context()).wrap_socket(raw, server_hostname=name, session=session)
        except BaseException:
            raw.close()
            raise

    def request(self, method, path, body=None, headers=(), context=None):
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=15, context=context or self.context())
        try:
            return harness.request_on(connection, method, path, body, headers)
        finally:
            connection.close()

    def get(self, path, headers=(), context=None):
        return self.request("GET", path, None, headers, context)

    def serial(self, name="localhost", check=True):
        """Of the certificate that a client gets."""
        context = self.context()
        context.check_hostname = check
        with self.connect(context, name) as connection:
            return connection.getpeercert()["serialNumber"]

    def s_client(self, *args, text=""):
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", "-CAfile", self.authority.certificate]
        return subprocess.run([*command, *args], input=text, capture_output=True, text=True, timeout=20, check=False)

    def handshakes(self, result):
        return self.gateway.metrics().value("tls_handshakes_total", result=result)


def fails_to(function, *args, **options):
    """The error of a client that is turned away, at its handshake or, on TLS 1.3, at its first read."""
    try:
        function(*args, **options)
    except (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected) as error:
        return str(error)
    raise harness.Failure("the client was let in")


# --- serving ---


def test_rest_is_served(t):
    recorder = Recorder(t)
    site = Site(t, user_backend(t, GetUser=recorder))
    for version, name in (ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3"):
        response = site.get("/v1/users/7", context=site.context(version=version))
        expect_equal((response.status, response.json()["user"]["id"]), (200, "7"))
        expect_equal(recorder.last()["x-forwarded-proto"], "https")
        line = wait_for("a line", lambda: [one for one in site.gateway.access_log() if one["tls_version"] == name])[0]
        expect_equal((line["status"], line["tls_client_subject"], line["tls_client_names"]), (200, "", ""))
    expect("https://127.0.0.1" in site.gateway.output(), site.gateway.output())
    expect_equal(site.handshakes("done"), 2)


def test_curl_is_content(t):
    site = Site(t)
    for option, version in ("--http1.1", "1.1"), ("--http2", "2"):
        command = ["curl", "-sS", option, "-w", "%{stderr}%{http_version}", "--cacert", site.authority.certificate]
        command.append(f"https://localhost:{site.port}/v1/users/7")
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        expect_equal((done.returncode, done.stderr), (0, version))
        expect_equal(json.loads(done.stdout)["user"]["id"], "7")


def test_plain_text_and_tls_stand_side_by_side(t):
    plain = harness.free_port()
    site = Site(t, config=TLS.replace("tls: @TLS@}]", f'tls: @TLS@}}, {{address: "127.0.0.1:{plain}"}}]'))
    expect_equal(site.get("/v1/users/1").status, 200)
    expect_equal(harness.http_request(plain, "GET", "/v1/users/2").status, 200)
    lines = wait_for("two lines", lambda: (lines := site.gateway.access_log()) and len(lines) == 2 and lines)
    expect_equal(sorted("tls_version" in line for line in lines), [False, True])  # workers log in no order


def test_large_bodies_go_through(t):
    def echo(request, _):
        return t.protos.new("user.v1.CreateUserResponse", user=t.protos.new("user.v1.User", full_name=request.full_name))

    site = Site(t, user_backend(t, CreateUser=echo))
    name = "x" * 3000000
    with site.connect() as connection:
        body = json.dumps({"username": "a", "fullName": name}).encode()
        head = f"POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        response = http.client.HTTPResponse(connection)
        response.begin()
        expect_equal(response.status, 200)
        expect_equal(json.loads(response.read())["user"]["fullName"], name)


def test_requests_on_one_connection_and_in_one_packet(t):
    site = Site(t)
    request = b"GET /v1/users/%d HTTP/1.1\r\nHost: a\r\n\r\n"
    with site.connect() as connection:
        connection.sendall(b"".join(request % i for i in range(5)))
        answers = b""
        while answers.count(b"HTTP/1.1 200 OK") < 5 or not answers.endswith(b"}}"):
            answers += connection.recv(65536)
    found = [int(i) for i in re.findall(rb'"id":"(\d)"', answers)]
    expect_equal(found, list(range(5)), "ids")


def client_without_a_socket(site):
    """A handshake whose bytes the test carries: (tls, to the gateway, from it)."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    return site.context().wrap_bio(incoming, outgoing, server_hostname="localhost"), incoming, outgoing


def client_hello(site):
    tls, _, outgoing = client_without_a_socket(site)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise harness.Failure("a handshake without an answer")


def shake_hands(site, connection):
    """Up to the client's last words, which are not sent yet."""
    tls, incoming, outgoing = client_without_a_socket(site)
    while True:
        try:
            tls.do_handshake()
            return tls, incoming, outgoing
        except ssl.SSLWantReadError:
            connection.sendall(outgoing.read())
            incoming.write(connection.recv(65536))


def test_a_request_may_come_with_the_end_of_the_handshake(t):
    site = Site(t)
    for request, status in (b"GET /v1/users/1 HTTP/1.1\r\nHost: a\r\n\r\n", b"200"), (b"GET / HTTP/1.1\r\n\r\n", b"400"):
        with socket.create_connection(("127.0.0.1", site.port), timeout=10) as connection:
            tls, incoming, outgoing = shake_hands(site, connection)
            tls.write(request)
            connection.sendall(outgoing.read())
            answer = b""
            while b"}" not in answer:
                try:
                    answer += tls.read(65536)
                except ssl.SSLWantReadError:
                    incoming.write(connection.recv(65536))
            expect(answer.startswith(b"HTTP/1.1 " + status), answer)
            expect(b"application/json" in answer, answer)


def test_a_request_may_come_byte_by_byte_in_its_records(t):
    site = Site(t)
    with socket.create_connection(("127.0.0.1", site.port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tls, incoming, outgoing = shake_hands(site, connection)
        for part in b"GET /v1/users/1 HTTP/1.1\r\n", b"Host: a\r\n", b"\r\n":
            tls.write(part)
        for byte in outgoing.read():
            connection.sendall(bytes([byte]))
        answer = b""
        while b"}}" not in answer:
            try:
                answer += tls.read(65536)
            except ssl.SSLWantReadError:
                incoming.write(connection.recv(65536))
        expect(answer.startswith(b"HTTP/1.1 200 "), answer)


def test_a_client_that_leaves_cancels_the_call(t):
    began, cancelled = threading.Event(), threading.Event()

    def slow(_, context):
        context.add_callback(cancelled.set)
        began.set()
        cancelled.wait(10)
        return t.protos.new("user.v1.GetUserResponse")

    site = Site(t, user_backend(t, GetUser=slow), config=TLS.replace("timeout: 2s", "timeout: 30s"))
    connection = site.connect()
    connection.sendall(b"GET /v1/users/1 HTTP/1.1\r\nHost: x\r\n\r\n")
    expect(began.wait(5), "the call has begun")
    connection.close()
    expect(cancelled.wait(3), "the backend sees the call cancelled")
    wait_for("499 in the log", lambda: [one for one in site.gateway.access_log() if one["status"] == 499])


# --- HTTP/2 ---


def test_http2_is_served(t):
    clients = Authority(t, "clients")
    recorder = Recorder(t)
    site = Site(t, user_backend(t, GetUser=recorder), client_ca=clients.certificate)
    for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
        with h2.Client(site.port, tls=site.context(clients.issue("alice"), version)) as client:
            streams = [client.request(f"/v1/users/{i}") for i in range(20)]
            for i, stream in enumerate(streams):
                expect_equal(json.loads(client.answer(stream).body)["user"]["id"], str(i))
        expect_equal(recorder.last()["x-forwarded-proto"], "https")
        expect("CN=alice" in recorder.last()["x-forwarded-client-cert"], f"{recorder.last()}")
    lines = wait_for("40 lines", lambda: (lines := site.gateway.access_log()) and len(lines) == 40 and lines)
    expect_equal({line["tls_client_subject"] for line in lines}, {"CN=alice,O=Example"}, "clients")


def test_http2_bodies_are_large(t):
    def echo(request, _):
        return t.protos.new("user.v1.CreateUserResponse", user=t.protos.new("user.v1.User", full_name=request.full_name))

    site = Site(t, user_backend(t, CreateUser=echo))
    name = "x" * 3000000
    body = json.dumps({"username": "a", "fullName": name}).encode()
    command = ["curl", "-sS", "--http2", "--cacert", site.authority.certificate, "--json", "@-", f"https://localhost:{site.port}/v1/users"]
    done = subprocess.run(command, input=body, capture_output=True, timeout=30, check=False)
    expect_equal(done.returncode, 0, done.stderr)
    expect_equal(json.loads(done.stdout)["user"]["fullName"], name)


def test_h2load_sees_only_successes(t):
    site = Site(t)
    done = subprocess.run(["h2load", "-n", "2000", "-c", "8", "-m", "16", f"https://127.0.0.1:{site.port}/v1/users/1"],
                          capture_output=True, text=True, check=True, timeout=60)
    expect("2000 succeeded, 0 failed" in done.stdout, done.stdout)
    expect("Application protocol: h2" in done.stdout, done.stdout)
    wait_for("the connections to end", lambda: site.gateway.metrics().value("http_connections") == 0)


def test_http2_connections_end_with_a_close_notify(t):
    site = Site(t)
    with h2.Client(site.port, tls=site.context()) as client:
        expect_equal(client.answer(client.request()).status, 200)
        site.gateway.signal(harness.signal.SIGTERM)
        expect_equal(client.wait_closed(), h2.NO_ERROR)  # ssl would raise SSLEOFError
    expect_equal(site.gateway.wait(), 0)


def test_http2_without_its_preface_is_no_http2(t):
    site = Site(t)
    with h2.Client(site.port, preface=False, tls=site.context()) as client:
        client.send_raw(b"GET /v1/users/1 HTTP/1.1\r\nHost: a\r\n\r\n")
        client.wait_closed(timeout=5)
    expect_equal(site.get("/v1/users/1").status, 200)


# --- versions, ciphers, protocols ---


def test_versions(t):
    site = Site(t)
    weak = ("-cipher", "ALL:@SECLEVEL=0")
    for option, version in ("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3"):
        done = site.s_client(option)
        expect(f"Protocol  : {version}" in done.stdout or f"{version}, Cipher is" in done.stdout, done.stdout)
        expect("Verify return code: 0 (ok)" in done.stdout, done.stdout)
        expect("Compression: NONE" in done.stdout, done.stdout)
    for option in "-tls1", "-tls1_1":
        done = site.s_client(option, *weak)
        expect("alert protocol version" in done.stderr, done.stderr)
    strict = Site(t, more=", min_version: 1.3")
    expect("alert protocol version" in strict.s_client("-tls1_2").stderr, "1.2 is refused")
    expect_equal(strict.get("/v1/users/1").status, 200)


def test_ciphers(t):
    names = subprocess.run(["openssl", "ciphers", "-s", "-tls1_2", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"], capture_output=True,
                           text=True, check=True).stdout.strip().split(":")
    expect(len(names) > 30, f"ciphers to try: {names}")
    for rsa, kind in (False, "ECDSA"), (True, "RSA"):
        site = Site(t, rsa=rsa)
        accepted = {name for name in names if not name.startswith("TLS_") and
                    f"Cipher is {name}" in site.s_client("-tls1_2", "-cipher", name + ":@SECLEVEL=0").stdout}
        wanted = "AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"
        expect_equal(accepted, {f"ECDHE-{kind}-{cipher}" for cipher in wanted}, "ciphers of TLS 1.2")
        for name in "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256":
            expect(f"Cipher is {name}" in site.s_client("-tls1_3", "-ciphersuites", name).stdout, name)


def test_there_is_no_renegotiation_and_no_early_data(t):
    site = Site(t)
    done = site.s_client("-tls1_2", text="R\n")
    expect("RENEGOTIATING" in done.stderr, done.stderr)
    expect_equal(done.stderr.count("depth=0"), 1, "certificates that were sent")
    expect_equal(done.returncode, 1, "the end of the connection")
    session = os.path.join(t.folder, "session.pem")
    done = site.s_client("-tls1_3", "-sess_out", session, "-ign_eof",
                         text="GET /v1/users/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    expect("Max Early Data: 0" in done.stdout, done.stdout)


def test_alpn(t):
    site = Site(t)
    context = site.context()
    for offered, chosen in (["h3", "http/1.1"], "http/1.1"), (["http/1.1", "h2"], "h2"), (["h2"], "h2"), ([], None):
        context.set_alpn_protocols(offered)
        with site.connect(context) as connection:
            expect_equal(connection.selected_alpn_protocol(), chosen, f"of {offered}")
    context.set_alpn_protocols(["h3", "spdy/1"])
    error = fails_to(site.connect, context)
    expect("NO_APPLICATION_PROTOCOL" in error.upper().replace(" ", "_"), error)
    wait_for("the refusal to be counted", lambda: site.handshakes("failed") == 1)


def test_names_choose_certificates(t):
    authority = Authority(t)
    pairs = [authority.issue("one", "DNS:one.example"), authority.issue("two", "DNS:two.example", "DNS:*.two.example")]
    block = "{certificates: [" + ", ".join(f"{{certificate: {c}, key: {k}}}" for c, k in pairs) + "]}"
    gateway = user_gateway(t, user_backend(t).address, config=TLS.replace("@TLS@", block))
    subjects = {}
    for name in "one.example", "TWO.example", "a.two.example", "three.example", None:
        context = ssl.create_default_context(cafile=authority.certificate)
        context.check_hostname = False
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as raw:
            with context.wrap_socket(raw, server_hostname=name) as connection:
                subjects[name] = dict(pair[0] for pair in connection.getpeercert()["subject"])["commonName"]
    expect_equal(subjects, {"one.example": "one", "TWO.example": "two", "a.two.example": "two", "three.example": "one",
                            None: "one"}, "certificates")


def test_sessions_are_resumed(t):
    authority = Authority(t, "clients")
    site = Site(t, client_ca=authority.certificate)
    for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
        context = site.context(authority.issue("alice"), version)
        session, reused = None, []
        for _ in range(4):
            with site.connect(context, session=session) as connection:
                connection.sendall(b"GET /v1/users/1 HTTP/1.1\r\nHost: a\r\n\r\n")
                expect(connection.recv(65536).startswith(b"HTTP/1.1 200"), "answer")
                reused.append(connection.session_reused)
                session = connection.session
        expect_equal(reused, [False, True, True, True], str(version))
    lines = wait_for("lines", lambda: (lines := site.gateway.access_log()) and len(lines) == 8 and lines)
    expect_equal({line["tls_client_subject"] for line in lines}, {"CN=alice,O=Example"}, "clients of resumed sessions")


# --- client certificates ---


def test_client_certificates_are_required(t):
    clients, strangers = Authority(t, "clients"), Authority(t, "strangers")
    recorder = Recorder(t)
    site = Site(t, user_backend(t, GetUser=recorder), client_ca=clients.certificate)
    alice = clients.issue("alice", "URI:spiffe://example/alice", "DNS:alice.example")
    mallory = strangers.issue("mallory")
    for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
        expect_equal(site.get("/v1/users/1", context=site.context(alice, version)).status, 200)
        fails_to(site.get, "/v1/users/1", context=site.context(None, version))
        fails_to(site.get, "/v1/users/1", context=site.context(mallory, version))
    expect_equal(len(recorder.requests), 2, "calls")
    cert = recorder.last()["x-forwarded-client-cert"]
    with open(alice[0], encoding="ascii") as file:
        der = ssl.PEM_cert_to_DER_cert(file.read())
    digest = hashlib.sha256(der).hexdigest()
    expect_equal(cert, f'Hash={digest};Subject="CN=alice,O=Example";URI=spiffe://example/alice;DNS=alice.example')
    line = wait_for("a line", site.gateway.access_log)[0]
    expect_equal(line["tls_client_subject"], "CN=alice,O=Example")
    expect_equal(line["tls_client_names"], "URI=spiffe://example/alice;DNS=alice.example")
    wait_for("refusals to be counted", lambda: site.handshakes("client_certificate") == 4)
    expect_equal(site.handshakes("done"), 2)


def test_a_client_is_told_why_it_is_refused(t):
    clients, strangers = Authority(t, "clients"), Authority(t, "strangers")
    site = Site(t, client_ca=clients.certificate)
    certificate, key = strangers.issue("mallory")
    for args, alert in (
        ((), "alert certificate required"),
        (("-tls1_2",), "alert handshake failure"),
        (("-cert", certificate, "-key", key), "alert unknown ca"),
        (("-tls1_2", "-cert", certificate, "-key", key), "alert unknown ca"),
    ):
        done = site.s_client(*args, "-ign_eof", text="GET / HTTP/1.1\r\n\r\n")
        expect(alert in done.stderr, f"{alert} in {done.stderr}")


def test_expired_client_certificates_are_refused(t):
    clients = Authority(t, "clients")
    site = Site(t, client_ca=clients.certificate)
    error = fails_to(site.get, "/v1/users/1", context=site.context(clients.issue("late", days=-1)))
    expect("expired" in error, error)


def test_client_certificates_may_be_optional(t):
    clients = Authority(t, "clients")
    recorder = Recorder(t)
    site = Site(t, user_backend(t, GetUser=recorder), client_ca=clients.certificate, more=", client_certificate: optional")
    expect_equal(site.get("/v1/users/1", context=site.context(clients.issue("alice"))).status, 200)
    expect("CN=alice" in recorder.last()["x-forwarded-client-cert"], "alice is told of")
    expect_equal(site.get("/v1/users/1").status, 200)
    expect("x-forwarded-client-cert" not in recorder.last(), "nobody is told of")
    mallory = Authority(t, "strangers").issue("mallory")
    fails_to(site.get, "/v1/users/1", context=site.context(mallory))


def test_a_client_cannot_say_who_it_is_by_a_header(t):
    recorder = Recorder(t)
    config = TLS + "forward_headers: [x-forwarded-client-cert, x-forwarded_client-cert]\n"
    clients = Authority(t, "clients")
    site = Site(t, user_backend(t, GetUser=recorder), client_ca=clients.certificate,
                more=", client_certificate: optional", config=config)
    forged = {"X-Forwarded-Client-Cert": 'Subject="CN=root"', "Grpc-Metadata-X-Forwarded-Client-Cert": 'Subject="CN=root"'}
    site.get("/v1/users/1", forged)
    expect("x-forwarded-client-cert" not in recorder.last(), f"{recorder.last()}")
    site.get("/v1/users/1", forged, site.context(clients.issue("alice")))
    expect("CN=alice" in recorder.last()["x-forwarded-client-cert"], f"{recorder.last()}")


# --- reload ---


def test_certificates_are_swapped_under_load_without_a_failed_call(t):
    site = Site(t)
    before = site.serial()
    stop, failures, calls = threading.Event(), [], [0, 0]
    kept = http.client.HTTPSConnection("localhost", site.port, timeout=15, context=site.context())

    def call_anew():
        context = site.context()
        while not stop.is_set():
            try:
                if site.get("/v1/users/1", context=context).status != 200:
                    failures.append("status")
            except OSError as error:
                failures.append(repr(error))
            calls[0] += 1

    def call_on_one_connection():
        while not stop.is_set():
            try:
                if harness.request_on(kept, "GET", "/v1/users/1").status != 200:
                    failures.append("status")
            except OSError as error:
                failures.append(repr(error))
            calls[1] += 1

    threads = [threading.Thread(target=call_anew) for _ in range(3)] + [threading.Thread(target=call_on_one_connection)]
    for thread in threads:
        thread.start()
    serials = {before}
    for _ in range(3):
        site.authority.issue("server", "DNS:localhost", "IP:127.0.0.1")
        after = wait_for("the new certificate", lambda: (serial := site.serial()) not in serials and serial)
        serials.add(after)
    stop.set()
    for thread in threads:
        thread.join()
    kept.close()
    expect_equal(failures, [], "failures")
    expect_within(calls[0], 50, 10**6, "calls on new connections")
    expect_within(calls[1], 50, 10**6, "calls on the old one")
    expect_equal(site.gateway.metrics().value("tls_reloads_total", result="done"), 3)
    expect_equal(site.gateway.output().count("certificates were read again"), 3)


def test_the_end_of_the_certificate_in_use_is_a_metric(t):
    site = Site(t)

    def days():
        labels = {"listener": f"127.0.0.1:{site.port}", "certificate": site.certificate}
        return (site.gateway.metrics().value("tls_certificate_expiry_seconds", **labels) - time.time()) / 86400

    expect_within(days(), 1.9, 2.0, "days")
    site.authority.issue("server", "DNS:localhost", days=30)
    wait_for("the new end", lambda: 29.9 < days() <= 30)


def test_a_broken_certificate_leaves_the_old_one(t):
    site = Site(t)
    before = site.serial()
    with open(site.certificate, "rb") as file:
        good = file.read()
    t.write("server.pem", "not a certificate\n")
    wait_for("the complaint", lambda: "those read before stay" in site.gateway.output())
    expect(re.search(r"gateway\.yaml:2:\d+: `certificate`: \".*server\.pem\" has no certificate in PEM form",
                     site.gateway.output()), site.gateway.output())
    time.sleep(2.5)
    expect_equal(site.gateway.output().count("those read before stay"), 1, "complaints")
    expect_equal(site.serial(), before)
    os.unlink(site.certificate)
    wait_for("another complaint", lambda: "No such file or directory" in site.gateway.output())
    expect_equal(site.serial(), before)
    expect_equal(site.gateway.metrics().value("tls_reloads_total", result="failed"), 2)
    t.write("server.pem", good)
    wait_for("the good one to be read", lambda: "certificates were read again" in site.gateway.output())
    expect_equal(site.serial(), before)
    site.authority.issue("server", "DNS:localhost")
    wait_for("the next one", lambda: site.serial() != before)


def test_a_certificate_without_its_key_is_not_taken(t):
    site = Site(t)
    before = site.serial()
    shutil.copy(site.key, site.key + ".old")
    site.authority.issue("server", "DNS:localhost")
    os.rename(site.key + ".old", site.key)
    wait_for("the complaint", lambda: "is not the key of certificate" in site.gateway.output())
    expect_equal(site.serial(), before)


def test_client_authorities_are_read_again(t):
    clients, others = Authority(t, "clients"), Authority(t, "others")
    trusted = os.path.join(t.folder, "trusted.pem")
    shutil.copy(clients.certificate, trusted)
    site = Site(t, client_ca=trusted)
    alice, bob = site.context(clients.issue("alice")), site.context(others.issue("bob"))
    expect_equal(site.get("/v1/users/1", context=alice).status, 200)
    fails_to(site.get, "/v1/users/1", context=bob)
    with site.connect(alice) as connection:
        connection.sendall(b"GET /v1/users/1 HTTP/1.1\r\nHost: a\r\n\r\n")
        connection.recv(65536)
        session = connection.session
    shutil.copy(others.certificate, trusted)
    wait_for("the change", lambda: "certificates were read again" in site.gateway.output())
    time.sleep(0.1)
    expect_equal(site.get("/v1/users/1", context=bob).status, 200)
    fails_to(site.get, "/v1/users/1", context=alice)

    def resume():
        with site.connect(alice, session=session) as connection:
            connection.sendall(b"GET /v1/users/1 HTTP/1.1\r\nHost: a\r\n\r\n")
            expect_equal(connection.recv(65536), b"", "a session of before the change")

    fails_to(lambda: resume() or (_ for _ in ()).throw(ConnectionError()))


# --- clients that are not in earnest ---


def test_garbage_is_closed_and_counted(t):
    site = Site(t)
    garbage_of_all_sorts = [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01\xff\xff", b"\x80\x2e\x01" + bytes(60), bytes(300)]
    for garbage in garbage_of_all_sorts:
        with socket.create_connection(("127.0.0.1", site.port), timeout=10) as connection:
            connection.sendall(garbage)
            try:
                answer = connection.recv(100)
                expect(answer == b"" or answer[0] == 0x15, f"an alert or nothing, found {answer!r}")
            except ConnectionResetError:
                pass
    wait_for("the failures", lambda: site.handshakes("failed") == 4)
    expect_equal(site.get("/v1/users/1").status, 200)


def test_slow_handshakes_are_ended(t):
    site = Site(t, config=TLS + "limits: {handshake_timeout: 300ms}\n")
    hello = client_hello(site)
    for part in b"", hello[:1], hello[:100], hello:
        with socket.create_connection(("127.0.0.1", site.port), timeout=10) as connection:
            begin = time.monotonic()
            connection.sendall(part)
            while connection.recv(65536):
                pass
            expect_within(time.monotonic() - begin, 0.25, 1.0, f"seconds behind {len(part)} bytes")
    with socket.create_connection(("127.0.0.1", site.port), timeout=10) as connection:
        begin = time.monotonic()
        try:
            for i in range(200):  # byte by byte: each one in time, all of them too late
                connection.sendall(hello[i:i + 1])
                time.sleep(0.02)
        except (BrokenPipeError, ConnectionResetError):
            pass
        expect_within(time.monotonic() - begin, 0.25, 1.5, "seconds of dripping")
    wait_for("five late ones", lambda: site.handshakes("timeout") == 5)
    expect_equal(site.gateway.metrics().value("http_limits_total", limit="handshake_timeout"), 5)
    expect_equal(site.get("/v1/users/1").status, 200)
    expect_equal(site.gateway.metrics().value("http_connections_rejected_total"), 0)


def test_clients_that_leave_in_mid_handshake_are_forgotten(t):
    site = Site(t)
    for length in 0, 1, 50, 1000:
        connection = socket.create_connection(("127.0.0.1", site.port), timeout=10)
        connection.sendall(client_hello(site)[:length])
        connection.close()
    wait_for("four that left", lambda: site.handshakes("closed") == 4)
    wait_for("their places", lambda: site.gateway.metrics().value("http_connections") == 0)


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+) kB", file.read())[1])


def test_handshakes_leave_no_memory_behind(t):
    clients = Authority(t, "clients")
    site = Site(t, client_ca=clients.certificate)
    alice, nobody = site.context(clients.issue("alice")), site.context()

    def visit(times):
        for _ in range(times):
            with site.connect(alice) as connection:
                connection.sendall(b"GET /v1/users/1 HTTP/1.1\r\nHost: a\r\n\r\n")
                expect(connection.recv(65536), "an answer")
            fails_to(site.get, "/v1/users/1", context=nobody)

    visit(100)
    before = resident_kib(site.gateway.pid)
    visit(200)
    grown = resident_kib(site.gateway.pid) - before
    expect_within(grown, -65536, 1024 + t.memory_slack // 1024, "KiB more after 400 handshakes")


def test_idle_connections_cost_little_memory(t):
    site = Site(t)
    context = site.context()
    connections = [site.connect(context) for _ in range(50)]
    before = resident_kib(site.gateway.pid)
    connections += [site.connect(context) for _ in range(200)]
    for connection in connections:
        connection.sendall(b"GET /v1/users/1 HTTP/1.1\r\nHost: a\r\n\r\n")
        expect(connection.recv(65536).startswith(b"HTTP/1.1 200"), "answer")
    grown = resident_kib(site.gateway.pid) - before
    for connection in connections:
        connection.close()
    expect_within(grown, 0, 200 * 60 + t.memory_slack // 1024, "KiB for 200 connections")


# --- stopping ---


def test_a_drain_waits_for_requests_and_not_for_silent_clients(t):
    began, release = threading.Event(), threading.Event()

    def slow(_, __):
        began.set()
        release.wait(10)
        return t.protos.new("user.v1.GetUserResponse", user=t.protos.new("user.v1.User", id="7"))

    site = Site(t, user_backend(t, GetUser=slow), config=TLS.replace("timeout: 2s", "timeout: 20s"))
    silent = socket.create_connection(("127.0.0.1", site.port))
    idle = site.connect()
    answers = []
    thread = threading.Thread(target=lambda: answers.append(site.get("/v1/users/7").status))
    thread.start()
    expect(began.wait(5), "the call has begun")
    site.gateway.signal(harness.signal.SIGTERM)
    idle.settimeout(5)
    expect_equal(idle.recv(100), b"", "the idle connection ends")
    begin = time.monotonic()
    release.set()
    thread.join()
    expect_equal(answers, [200])
    expect_equal(site.gateway.wait(), 0)
    expect_within(time.monotonic() - begin, 0, 2, "seconds to the end")
    silent.close()
    idle.close()


# --- sluice check ---


def test_the_example_in_conf_is_sound(t):
    authority = Authority(t)
    certificate, key = authority.issue("server")
    env = {"TLS_CERTIFICATE": certificate, "TLS_KEY": key, "TLS_CLIENT_CA": authority.certificate}
    env["SLUICE_DESCRIPTORS"] = t.write("services.binpb", t.protos.bytes)
    done = t.run("check", "-c", os.path.join(t.source, "conf", "tls.yaml"), env=env)
    expect_equal((done.returncode, done.stderr), (0, ""))


def test_check_reads_certificates_and_keys(t):
    authority = Authority(t)
    one, two = authority.issue("one"), authority.issue("two")

    def check(block):
        text = TLS.replace("@TLS@", block)
        path = t.write("check.yaml", t.expand(text, PORT=1, ADMIN=2, BACKENDS='[{address: "127.0.0.1:3"}]'))
        done = t.run("check", "-c", path)
        return done.returncode, done.stdout + done.stderr

    status, output = check(f"{{certificate: {one[0]}, key: {one[1]}, client_ca: {authority.certificate}}}")
    expect_equal((status, output), (0, os.path.join(t.folder, "check.yaml") + ": ok\n"))
    status, output = check("{certificate: missing.pem, key: missing.key, client_ca: missing.ca}")
    expect_equal(status, 1)
    for key, name in ("certificate", "missing.pem"), ("key", "missing.key"), ("client_ca", "missing.ca"):
        expect(re.search(rf'check\.yaml:2:\d+: `{key}`: "{t.folder}/{name}" cannot be read: No such file', output), output)
    status, output = check(f"{{certificate: {one[0]}, key: {two[1]}}}")
    expect_equal(status, 1)
    column = TLS.replace("@TLS@", f"{{certificate: {one[0]}, key: ").splitlines()[1].index("key: ") + len("key: ") + 1
    column -= len("@PORT@") - len("1")
    expect(f":2:{column}: `key`: \"{two[1]}\" is not the key of certificate \"{one[0]}\"\n" in output, f"{column} in {output}")
