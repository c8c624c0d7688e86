"""Readers of 1 KiB/s on endless streams: what each costs the gateway, and whether the backend is held back."""

import time

import measure  # first: it says where the others are
import feed
import harness
import readers
from certificates import Authority

READ_BYTES = 1024
FIELDS = {"size": 1000}

LISTEN = 'listen: [{address: "127.0.0.1:@PORT@"}]'
LISTEN_TLS = '{address: "127.0.0.1:@TLS_PORT@", tls: {certificate: @CERTIFICATE@, key: @KEY@}}'
CONFIG = feed.CONFIG.replace(LISTEN, f"{LISTEN[:-1]}, {LISTEN_TLS}]").replace(
    "routes:", "routes:\n  - service: feed.v1.Feed\n    upstream: feed"
)


def start(t, server):
    """A gateway with a plain listener and one with TLS, whose buffers towards the backend have their size."""
    tls_port = harness.free_port()
    certificate, key = Authority(t).issue("server", "DNS:localhost")
    config = CONFIG
    for name, value in ("TLS_PORT", tls_port), ("CERTIFICATE", certificate), ("KEY", key):
        config = config.replace(f"@{name}@", str(value))
    gateway = feed.gateway(t, server, config=config)
    harness.HttpStream(gateway.port, "GET", readers.target({"size": 1000, "count": 20000})).read()
    return gateway, tls_port


def read_all(clients, rounds):
    """A round a second; gives the seconds."""
    begin = time.monotonic()
    for number in range(rounds):
        for client in clients:
            client.read(READ_BYTES)
        time.sleep(max(0, begin + number + 1 - time.monotonic()))
    return time.monotonic() - begin


def until_still(server):
    """Waits until the backend sends no more; gives what it has sent."""
    sent = -1
    while sent != (sent := server.counters().sent):
        time.sleep(0.5)
    return sent


def measure_one(table, protocol, server, gateway, tls_port, options):
    before = server.counters().sent
    with measure.Meter(gateway.pid) as meter:
        clients = [protocol.open(gateway.port, tls_port, FIELDS) for _ in range(options.readers)]
        harness.wait_for("all streams", lambda: server.counters().open == len(clients), timeout=60)
        filled = until_still(server) - before
        seconds = read_all(clients, options.seconds)
        sent = until_still(server) - before - filled
        time.sleep(1)
        still = server.counters().sent - before - filled - sent
    begin = time.monotonic()
    good = protocol.open(gateway.port, tls_port, {"count": 100, "size": 100}, buffer=65536)
    good.read(1)
    first_ms = 1000 * (time.monotonic() - begin)
    for client in [good, *clients]:
        client.close()
    harness.wait_for("the cancels", lambda: server.counters().open == 0, timeout=30)
    table.row(protocol.name, f"{meter.grown_bytes / len(clients) / 1024:.0f}", f"{filled / len(clients):.0f}",
              f"{sent / seconds / len(clients):.2f}", still, f"{100 * meter.cpu:.0f}", f"{first_ms:.1f}")


def run(t, options):
    server = feed.FeedServer(t)
    table = measure.Table(f"{options.readers} readers, {READ_BYTES} B/s", "KiB each", "items sent at once", "then/s",
                          "while unread", "CPU %", "another's first byte, ms")
    for protocol in readers.PROTOCOLS:
        if options.only in protocol.name:
            gateway, tls_port = start(t, server)
            measure_one(table, protocol, server, gateway, tls_port, options)
            gateway.stop()


if __name__ == "__main__":
    measure.main(run, __doc__, readers=1000, seconds=10, only="")
