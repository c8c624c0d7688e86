"""What a listener with TLS accepts, as openssl s_client sees it, with an ECDSA certificate and with an RSA one; and
calls on new connections while its certificate is swapped."""

import os
import re
import subprocess
import time

import measure  # first: it says where the others are
import harness
from certificates import Authority
from gateway_config import USER, endpoints

LISTEN = 'listen: [{address: "127.0.0.1:@PORT@"}]'
VERSIONS = {"SSL 3.0": "-ssl3", "TLS 1.0": "-tls1", "TLS 1.1": "-tls1_1", "TLS 1.2": "-tls1_2", "TLS 1.3": "-tls1_3"}
GROUPS = ["X25519", "X448", "P-256", "P-384", "P-521", "ffdhe2048"]
SIGNATURES = ["RSA+SHA1", "ECDSA+SHA1", "RSA+SHA256", "RSA-PSS+SHA256", "ECDSA+SHA256", "ECDSA+SHA384"]
SUITES = [f"TLS_{name}_SHA{bits}" for name, bits in (("AES_128_GCM", 256), ("AES_256_GCM", 384),
          ("CHACHA20_POLY1305", 256), ("AES_128_CCM", 256), ("AES_128_CCM_8", 256))]
ANY = ("-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0")


class Site:
    def __init__(self, t, backend, rsa, more=""):
        self.authority = Authority(t, "authority-" + ("rsa" if rsa else "ec"))
        self.rsa, self.name = rsa, "rsa" if rsa else "ec"
        self.certificate, self.key = self.issue()
        block = f"{{certificate: {self.certificate}, key: {self.key}{more}}}"
        config = USER.replace(LISTEN, LISTEN.replace("}]", f", tls: {block}}}]"))
        config = config.replace('path: "-"', f"path: {os.devnull}")
        self.gateway = t.gateway(config, BACKENDS=endpoints(backend.address))

    def issue(self):
        return self.authority.issue(self.name, "DNS:localhost", "IP:127.0.0.1", rsa=self.rsa)

    def s_client(self, *args, text=""):
        target = f"127.0.0.1:{self.gateway.port}"
        command = ["openssl", "s_client", "-connect", target, "-CAfile", self.authority.certificate, *args]
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=20, check=False)

    def accepts(self, *args):
        """The cipher, or None."""
        found = re.search(r"Cipher is (\S+)", self.s_client(*args).stdout)
        return found[1] if found and found[1] != "(NONE)" else None


def ciphers(version):
    done = subprocess.run(["openssl", "ciphers", "-s", version, ANY[1]], capture_output=True, text=True, check=True)
    return done.stdout.strip().split(":")


def protocols(site):
    for name, option in VERSIONS.items():
        done = site.s_client(option, *(ANY if option != "-tls1_3" else ()))
        if "nknown option" in done.stderr:
            yield name, "not in this openssl"
        else:
            found = re.search(r"Cipher is (\S+)", done.stdout)
            yield name, "accepted" if found and found[1] != "(NONE)" else "refused"


def scan(site):
    yield from protocols(site)
    tried = [name for name in ciphers("-tls1_2") if not name.startswith("TLS_")]
    taken = [name for name in tried if site.accepts("-tls1_2", "-cipher", name + ":@SECLEVEL=0") == name]
    yield f"TLS 1.2, of {len(tried)} ciphers", " ".join(taken)
    yield "TLS 1.3", " ".join(name for name in SUITES if site.accepts("-tls1_3", "-ciphersuites", name) == name)
    yield "groups", " ".join(name for name in GROUPS if site.accepts("-tls1_3", "-groups", name))
    yield "signatures", " ".join(name for name in SIGNATURES
                                 if site.accepts("-tls1_2", "-sigalgs", name, *ANY))
    done = site.s_client("-tls1_2")
    yield "compression", re.search(r"Compression: (.*)", done.stdout)[1]
    yield "secure renegotiation", "told" if "Secure Renegotiation IS supported" in done.stdout else "not told"
    done = site.s_client("-tls1_2", text="R\n")
    is_refused = done.stderr.count("depth=0") == 1 and done.returncode != 0
    yield "renegotiation by the client", "refused" if is_refused else "ACCEPTED"
    yield from tickets(site)


def tickets(site):
    for option in "-tls1_2", "-tls1_3":
        session = site.certificate + option
        request = "GET /v1/hello/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        done = site.s_client(option, "-sess_out", session, "-ign_eof", text=request)
        lifetime = re.search(r"TLS session ticket lifetime hint: (\d+)", done.stdout)
        again = site.s_client(option, "-sess_in", session, "-ign_eof", text=request)
        yield f"tickets, {option[1:]}", (f"lifetime {lifetime[1] if lifetime else '?'} s, "
                                        f"{'resumed' if 'Reused' in again.stdout else 'not resumed'}")
        if option == "-tls1_3":
            yield "early data", re.search(r"Max Early Data: (\d+)", done.stdout)[1] + " bytes"


def swap_under_load(site, seconds, swaps):
    """Calls on new connections, the most often that h2load can."""
    end, calls, failed = time.monotonic() + seconds, 0, 0
    swap_at = [end - seconds + seconds * (i + 0.5) / swaps for i in range(swaps)]
    while time.monotonic() < end:
        if swap_at and time.monotonic() > swap_at[0]:
            site.issue()
            swap_at.pop(0)
        load = subprocess.run(["h2load", "-n200", "-c100", f"https://127.0.0.1:{site.gateway.port}/v1/hello/x"],
                              capture_output=True, text=True, check=True)
        found = re.search(r"requests: (\d+) total, .* (\d+) succeeded", load.stdout)
        calls, failed = calls + int(found[1]), failed + int(found[1]) - int(found[2])
    harness.wait_for("the last swap",
                     lambda: site.gateway.metrics().value("tls_reloads_total", result="done") == swaps)
    return f"{swaps} swaps; {calls} calls on {calls // 2} connections, {failed} failed"


def client_certificates(t, backend):
    authority, stranger = Authority(t, "clients"), Authority(t, "strangers")
    good, bad = authority.issue("alice"), stranger.issue("mallory")
    site = Site(t, backend, False, f", client_ca: {authority.certificate}")
    request = "GET /v1/hello/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    for what, identity in ("none", None), ("of a stranger", bad), ("of a known authority", good):
        more = () if identity is None else ("-cert", identity[0], "-key", identity[1])
        for option in "-tls1_2", "-tls1_3":
            done = site.s_client(option, *more, "-ign_eof", text=request)
            alert = re.search(r"alert ([a-z ]+)", done.stderr)
            answer = "200" if "HTTP/1.1 200" in done.stdout else f"refused: {alert[1].strip() if alert else 'closed'}"
            yield f"client certificate {what}, {option[1:]}", answer


def run(t, options):
    backend = t.service("user-service")
    for rsa in False, True:
        table = measure.Table("RSA certificate" if rsa else "ECDSA certificate", "openssl s_client " + " " * 40)
        site = Site(t, backend, rsa)
        for row in scan(site):
            table.row(*row)
    for row in client_certificates(t, backend):
        table.row(*row)
    table.row("certificate swapped under load", swap_under_load(site, options.seconds, 4))


if __name__ == "__main__":
    measure.main(run, __doc__, seconds=15)
