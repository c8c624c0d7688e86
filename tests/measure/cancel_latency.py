"""From a client's leaving a stream until the backend sees the cancel, by protocol and by what the stream was doing."""

import socket
import struct
import time

import measure  # first: it says where the others are
import feed
import h2
import harness
import readers
from slow_readers import start

# What the stream was doing when its client left.
STATES = {
    "silent": {"count": 1, "stay": "true"},
    "stalled": {"size": 1000},  # its client does not read
    "flowing": {"size": 100},
}


def close(reader):
    reader.close()


def abort(reader):
    """With a RST of TCP."""
    reader.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    reader.close()


def reset(reader):
    """Of the stream alone; its connection stays."""
    reader.socket.sendall(h2.frame(h2.RST_STREAM, 0, 1, h2.CANCEL.to_bytes(4, "big")))


def ways(protocol):
    yield "close", close
    yield "abort", abort
    if isinstance(protocol.form, readers.Http2):
        yield "reset", reset


def make_ready(server, reader, state):
    reader.read(1)
    harness.wait_for("the stream at the backend", lambda: server.counters().open == 1, pause=0.001)
    if state == "stalled":
        harness.wait_for("the backend to be held back", lambda: is_still(server))
    elif state == "flowing":
        for _ in range(20):
            reader.read(65536)


def is_still(server):
    before = server.counters().sent
    time.sleep(0.03)
    return server.counters().sent == before


def leave_once(server, protocol, ports, state, leave):
    """Seconds. The backend is asked all the time, which takes it 0.3 ms or so."""
    cancelled = server.counters().cancelled
    reader = protocol.open(*ports, STATES[state], buffer=4096 if state == "stalled" else 65536)
    make_ready(server, reader, state)
    begin = time.monotonic()
    leave(reader)
    while server.counters().cancelled == cancelled:
        harness.expect(time.monotonic() < begin + 60, "the backend sees no cancel")
    seconds = time.monotonic() - begin
    reader.close()
    return seconds


def figures(server, protocol, ports, state, leave, times):
    ms = [1000 * leave_once(server, protocol, ports, state, leave) for _ in range(times)]
    return f"{measure.percentile(ms, 0.5):.1f} / {max(ms):.1f}"


def run(t, options):
    server = feed.FeedServer(t)
    gateway, tls_port = start(t, server)
    table = measure.Table(f"ms, median / most of {options.times}", "left by", *(f"  {state}  " for state in STATES))
    for protocol in readers.PROTOCOLS:
        for way, leave in ways(protocol):
            if options.only in protocol.name:
                ports = gateway.port, tls_port
                cells = [figures(server, protocol, ports, state, leave, options.times) for state in STATES]
                table.row(protocol.name, way, *cells)


if __name__ == "__main__":
    measure.main(run, __doc__, times=20, only="")
