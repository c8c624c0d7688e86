"""Servers of others that stand before a backend: HTTP/2 in, gRPC out, each retiring connections in its own way.

    nginx = Nginx.start(t, backend.address, keepalive_requests=10)     # GOAWAY after 10 calls
    gateway = user_gateway(t, nginx.address)

Or between a client and the gateway: Nginx.start(t, f"127.0.0.1:{gateway.port}"). They come from tools/unpack.
"""

import getpass
import os
import signal

from harness import Process, expect, expect_started, free_port, is_listening, started_on_free_ports, wait_for


class Proxy(Process):
    """One that forwards all that comes on `port` to `backend`, HOST:PORT. Subclasses say how."""

    PACKAGE = PROGRAM = None

    def __init__(self, t, backend, **options):
        self.port = free_port()
        root = os.path.join(t.build, self.PACKAGE)
        expect(os.path.isdir(root), f"no {self.PACKAGE} in {t.build}; try: tools/unpack {self.PACKAGE} {root}")
        self.folder = os.path.join(t.folder, f"{self.PACKAGE}-{self.port}")
        os.mkdir(self.folder)
        config = os.path.join(self.folder, "config")
        with open(config, "w", encoding="utf-8") as file:
            file.write(self.config(backend, **options))
        command = [os.path.join(root, self.PROGRAM), *self.arguments(config)]
        super().__init__(self.PACKAGE, command, os.path.join(self.folder, "log"))
        wait_for(f"{self.name} to listen", lambda: not self.is_running() or is_listening(self.port))
        expect_started(self)

    @classmethod
    def start(cls, t, backend, **options):
        return t.started(started_on_free_ports(lambda: cls(t, backend, **options)))

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def stop(self):
        """How it takes a SIGTERM is its own affair."""
        if self.is_running():
            self.signal(signal.SIGTERM)
        self.wait()

    def config(self, backend, **options):
        raise NotImplementedError

    def arguments(self, config):
        raise NotImplementedError


class Nginx(Proxy):
    """nginx with grpc_pass. `keepalive_requests`: a connection of a client gets GOAWAY after so many calls; the default
    is nginx's. `more` goes into the block `server`."""

    PACKAGE, PROGRAM = "nginx", "usr/sbin/nginx"

    def config(self, backend, keepalive_requests=1000, more=""):
        folders = "".join(f"    {kind}_temp_path {self.folder}/{kind};\n"
                          for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return f"""
daemon off;
user {getpass.getuser()} {getpass.getuser()};
worker_processes 1;
pid {self.folder}/pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
{folders}
    upstream backend {{
        server {backend};
        keepalive 64;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{self.port} http2;
        keepalive_requests {keepalive_requests};
        client_max_body_size 0;
        location / {{ grpc_pass grpc://backend; }}
        {more}
    }}
}}
"""

    def arguments(self, config):
        return ["-p", self.folder, "-c", config, "-e", "stderr"]


class Nghttpx(Proxy):
    """nghttpx. `lines` are further ones of its configuration."""

    PACKAGE, PROGRAM = "nghttp2-proxy", "usr/sbin/nghttpx"

    def config(self, backend, lines=()):
        fixed = ["workers=1", "single-process=yes", f"frontend=127.0.0.1,{self.port};no-tls",
                 f"backend={backend.replace(':', ',')};;proto=h2", "accesslog-file=/dev/null", "errorlog-file=/dev/stderr"]
        return "\n".join([*fixed, *lines]) + "\n"

    def arguments(self, config):
        return [f"--conf={config}"]


class Haproxy(Proxy):
    """haproxy. Its libraries liblua5.3-0 and libopentracing-c-wrapper0 have to be installed."""

    PACKAGE, PROGRAM = "haproxy", "usr/sbin/haproxy"

    def config(self, backend):
        return f"""
global
    nbthread 1
defaults
    mode http
    retries 3
    retry-on all-retryable-errors
    timeout connect 2s
    timeout client 30s
    timeout server 30s
listen all
    bind 127.0.0.1:{self.port} proto h2
    server backend {backend} proto h2
"""

    def arguments(self, config):
        return ["-db", "-f", config]
