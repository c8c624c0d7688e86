"""What tests of streams share: feed.v1.Feed behind the gateway, with a backend of grpcio, or of our
own where there must be many streams or fast ones."""

import itertools
import os
import re

import harness
from gateway_config import endpoints

CONFIG = """
listen: [{address: "127.0.0.1:@PORT@"}]
admin: {address: "127.0.0.1:@ADMIN@"}
workers: 1
limits: {@LIMITS@}
streaming: {@STREAMING@}
schema: {descriptor_sets: ["@SET@"]}
upstreams:
  - name: feed
    endpoints: @BACKENDS@
    timeout: 500ms
routes:
  - annotations: feed.v1.Feed
    upstream: feed
tracing: {}
access_log: {path: "-"}
"""

_sets = {}


def protos(t):
    """The descriptor set of feed.proto as harness.Protos; compiled once."""
    here = os.path.dirname(os.path.abspath(__file__))
    if t.source not in _sets:
        include = [here, os.path.join(t.source, "proto")]
        _sets[t.source] = harness.Protos(harness.compile_protos(include, ["feed.proto"]))
    return _sets[t.source]


def gateway(t, backend, config=CONFIG, limits="", streaming="", env=None):
    return t.gateway(
        config,
        env,
        SET=t.write("feed.binpb", protos(t).bytes),
        BACKENDS=endpoints(backend.address),
        LIMITS=limits,
        STREAMING=streaming,
    )


def backend(t, **methods):
    """A grpcio backend of the methods given."""
    return t.backend({f"feed.v1.Feed/{name}": function for name, function in methods.items()}, protos(t))


def item(t, **fields):
    return protos(t).new("feed.v1.Item", **fields)


_numbers = itertools.count(1)


class FeedServer:
    """feed_server.c: its Watch sends `count` items with `size` bytes of text, 0 items for no end."""

    def __init__(self, t):
        path = os.path.join(t.build, "tests", "integration", "feed_server")
        self._process = t.process(f"feed_server-{next(_numbers)}", [path])
        self.port = int(harness.wait_for("feed_server's port", lambda: re.match(r"(\d+)\n", self._process.output()))[1])
        self._stub = t.channel(self.port).unary_unary(
            "/feed.v1.Feed/Count",
            protos(t).type("feed.v1.CountRequest").SerializeToString,
            protos(t).type("feed.v1.Counters").FromString,
        )
        self._request = protos(t).new("feed.v1.CountRequest")

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def counters(self):
        return self._stub(self._request, timeout=10)


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
