"""h2spec (github.com/summerwind/h2spec) against the gateway: generic, http2 and hpack in strict mode, over plain text
and over TLS."""

import subprocess

import measure  # first: it says where the others are
import feed
from slow_readers import start


def run(t, options):
    server = feed.FeedServer(t)
    gateway, tls_port = start(t, server)
    for what, port, more in ("plain text", gateway.port, []), ("TLS", tls_port, ["--tls", "--insecure"]):
        command = [options.h2spec, "--strict", "-h", "127.0.0.1", "-p", str(port), "-P", "/v1/feeds/a?count=1", *more]
        done = subprocess.run([*command, "generic", "http2", "hpack"], capture_output=True, text=True, check=False)
        at = done.stdout.find("Failures:")
        if at >= 0:
            print(done.stdout[at:])
        print(f"{what}: {done.stdout.strip().splitlines()[-1]}", flush=True)


if __name__ == "__main__":
    measure.main(run, __doc__, h2spec="h2spec")
