"""Ways to read feed.v1.Feed/Watch through the gateway, as a table: an entry for each protocol that a client may choose.

To add one: a class with `request(fields)`, the bytes that ask for it, and `reply(count, is_first)`, what its client
sends back on `count` bytes; and an entry in PROTOCOLS.
"""

from __future__ import annotations

import base64
import dataclasses
import socket
import ssl
import struct
import urllib.parse

import h2

WATCH = "/v1/feeds/a"
# What a client grants before it reads: the connection's and the stream's window of most clients.
H2_WINDOW_BYTES = 65535
GRPC_PATH = "/feed.v1.Feed/Watch"


def target(fields):
    return WATCH + "?" + urllib.parse.urlencode(fields)


def grpc_message(fields):
    """A WatchRequest behind gRPC's five bytes."""
    message = b"\x0a\x01a"
    for number, name in (2, "count"), (3, "size"), (4, "stay"):
        if name in fields:
            value = 1 if fields[name] == "true" else fields[name]
            message += bytes([number << 3]) + varint(value)
    return b"\0" + len(message).to_bytes(4, "big") + message


def varint(value):
    out = b""
    while value >= 128:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


class Http1:
    """REST over HTTP/1.1, in the form that `accept` asks for."""

    def __init__(self, accept):
        self._accept = accept

    def request(self, fields):
        return f"GET {target(fields)} HTTP/1.1\r\nHost: x\r\nAccept: {self._accept}\r\n\r\n".encode()

    def reply(self, count, is_first):
        del count, is_first
        return b""


class WebSocket1(Http1):
    """A WebSocket, whose pings are not answered: for less time than their timeout."""

    def request(self, fields):
        return (f"GET {target(fields)} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode()


class GrpcWeb1(Http1):
    """gRPC-Web over HTTP/1.1; `accept` is its content type."""

    def request(self, fields):
        body = grpc_message(fields)
        if "text" in self._accept:
            body = base64.b64encode(body)
        head = (f"POST {GRPC_PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: {self._accept}\r\n"
                f"Accept: {self._accept}\r\nContent-Length: {len(body)}\r\n\r\n")
        return head.encode() + body


class Http2:
    """REST over HTTP/2. With `is_wide` its windows are without bound, and only the socket is read slowly."""

    def __init__(self, accept, is_wide=False):
        self._accept, self._is_wide = accept, is_wide

    def headers(self, fields):
        return [(":method", "GET"), (":scheme", "http"), (":path", target(fields)), (":authority", "x"),
                ("accept", self._accept)]

    def body(self, fields):
        """The request's, None for none."""
        del fields

    def request(self, fields):
        body, window = self.body(fields), (1 << 31) - 1
        settings = [(h2.HEADER_TABLE_SIZE, 0), (h2.INITIAL_WINDOW_SIZE, window if self._is_wide else H2_WINDOW_BYTES)]
        out = h2.PREFACE + h2.Client.settings_frame(settings)
        if self._is_wide:
            out += h2.frame(h2.WINDOW_UPDATE, 0, 0, struct.pack(">I", window - H2_WINDOW_BYTES))
        flags = h2.END_HEADERS | (h2.END_STREAM if body is None else 0)
        out += h2.frame(h2.HEADERS, flags, 1, h2.hpack(self.headers(fields)))
        return out if body is None else out + h2.frame(h2.DATA, h2.END_STREAM, 1, body)

    def reply(self, count, is_first):
        out = h2.frame(h2.SETTINGS, h2.ACK, 0) if is_first else b""
        for stream in () if self._is_wide else (0, 1):
            out += h2.frame(h2.WINDOW_UPDATE, 0, stream, struct.pack(">I", count))
        return out


class Reader:
    """One client that has asked for a stream. `buffer` is what the kernel keeps of what is not read."""

    def __init__(self, form, port, fields, tls=None, buffer=4096):
        self._form, self._is_first = form, True
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(30)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket)
        self.socket.sendall(form.request(fields))

    def read(self, most):
        """At most so many bytes; fails at the end of the connection."""
        data = self.socket.recv(most)
        if not data:
            raise EOFError
        reply = self._form.reply(len(data), self._is_first)
        self._is_first = False
        if reply:
            self.socket.sendall(reply)
        return data

    def close(self):
        self.socket.close()


class Grpc2(Http2):
    """gRPC or gRPC-Web over HTTP/2; `accept` is its content type."""

    def headers(self, fields):
        return [(":method", "POST"), (":scheme", "http"), (":path", GRPC_PATH), (":authority", "x"), ("te", "trailers"),
                ("content-type", self._accept)]

    def body(self, fields):
        return grpc_message(fields)


@dataclasses.dataclass
class Protocol:
    name: str
    form: object
    alpn: str | None = None  # None: plain text

    def open(self, port, tls_port, fields, **options):
        """A Reader; `tls_port` is the listener's with TLS."""
        if self.alpn is None:
            return Reader(self.form, port, fields, **options)
        return Reader(self.form, tls_port, fields, tls=tls_context(self.alpn), **options)


def tls_context(alpn):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols([alpn])
    return context


PROTOCOLS = [
    Protocol("NDJSON, HTTP/1.1", Http1("application/x-ndjson")),
    Protocol("NDJSON, HTTP/1.1, TLS", Http1("application/x-ndjson"), "http/1.1"),
    Protocol("SSE, HTTP/1.1", Http1("text/event-stream")),
    Protocol("NDJSON, HTTP/2", Http2("application/x-ndjson")),
    Protocol("NDJSON, HTTP/2, wide window", Http2("application/x-ndjson", is_wide=True)),
    Protocol("NDJSON, HTTP/2, TLS", Http2("application/x-ndjson"), "h2"),
    Protocol("SSE, HTTP/2", Http2("text/event-stream")),
    Protocol("gRPC", Grpc2("application/grpc")),
    Protocol("gRPC, wide window", Grpc2("application/grpc", is_wide=True)),
    Protocol("gRPC-Web, HTTP/1.1", GrpcWeb1("application/grpc-web+proto")),
    Protocol("gRPC-Web text, HTTP/1.1", GrpcWeb1("application/grpc-web-text")),
    Protocol("WebSocket", WebSocket1("")),
    Protocol("WebSocket, TLS", WebSocket1(""), "http/1.1"),
    Protocol("gRPC-Web, HTTP/2", Grpc2("application/grpc-web+proto")),
]
