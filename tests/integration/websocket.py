"""A WebSocket client: python3-wsproto on a socket, and frames written by hand where a decent client would not."""

import json
import os
import socket
import struct

from wsproto import ConnectionType, WSConnection, events
from wsproto.frame_protocol import Opcode
from wsproto.utilities import LocalProtocolError

from harness import expect, expect_equal

TEXT, BINARY, CONTINUATION = Opcode.TEXT, Opcode.BINARY, Opcode.CONTINUATION
CLOSE, PING, PONG = Opcode.CLOSE, Opcode.PING, Opcode.PONG


def frame(opcode, payload=b"", fin=True, mask=True, rsv=0):
    """The bytes of one frame."""
    if isinstance(payload, str):
        payload = payload.encode()
    first, masked = int(opcode) | (0x80 if fin else 0) | rsv << 4, 0x80 if mask else 0
    if len(payload) < 126:
        head = struct.pack(">BB", first, masked | len(payload))
    elif len(payload) < 1 << 16:
        head = struct.pack(">BBH", first, masked | 126, len(payload))
    else:
        head = struct.pack(">BBQ", first, masked | 127, len(payload))
    if not mask:
        return head + payload
    key = os.urandom(4)
    pad = (key * (len(payload) // 4 + 1))[: len(payload)]
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")
    return head + key + mixed.to_bytes(len(payload), "big")


class WebSocket:
    """`tls` is an ssl.SSLContext; `answers_pings` is what a client has to do."""

    def __init__(self, port, path, headers=(), tls=None, receive_buffer=None, timeout=10, answers_pings=True):
        self._answers_pings = answers_pings
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(("127.0.0.1", port))
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self._connection = WSConnection(ConnectionType.CLIENT)
        self._events, self._text = [], ""
        self.code, self.reason = None, None  # of the gateway's close frame
        self.pings, self.pong = 0, None
        more = [(name.encode(), value.encode()) for name, value in dict(headers).items()]
        self._send(events.Request(host=f"localhost:{port}", target=path, extra_headers=more))
        answer = self._next()
        self.status = 101 if isinstance(answer, events.AcceptConnection) else answer.status_code
        found = answer.extra_headers if self.status == 101 else answer.headers
        self.headers = {name.decode().lower(): value.decode() for name, value in found}

    def _send(self, event):
        self.socket.sendall(self._connection.send(event))

    def _next(self):
        """The next event; None where the connection has ended."""
        while not self._events:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            self._connection.receive_data(data)
            self._events = list(self._connection.events())
        return self._events.pop(0)

    def send(self, message):
        """A text frame; what is not str goes as JSON."""
        self._send(events.TextMessage(data=message if isinstance(message, str) else json.dumps(message)))

    def send_raw(self, data):
        self.socket.sendall(data)

    def ping(self, payload=b""):
        self._send(events.Ping(payload=payload))

    def text(self):
        """The next message; None at the end, whose code and reason are known then."""
        while (event := self._next()) is not None:
            if isinstance(event, events.TextMessage):
                self._text += event.data
                if event.message_finished:
                    text, self._text = self._text, ""
                    return text
            elif isinstance(event, events.Ping):
                self.pings += 1
                if self._answers_pings:
                    self._send(event.response())
            elif isinstance(event, events.Pong):
                self.pong = bytes(event.payload)
            elif isinstance(event, events.CloseConnection):
                self.code, self.reason = int(event.code), event.reason or ""
                try:
                    self._send(event.response())
                except (LocalProtocolError, OSError):
                    pass  # this side has closed first
                return None
        return None

    def message(self):
        text = self.text()
        return None if text is None else json.loads(text)

    def rest(self):
        """What is left, up to the close frame."""
        return list(iter(self.message, None))

    def next_pong(self):
        event = self._next()
        expect(isinstance(event, events.Pong), lambda: f"expected a pong, found {event}")
        return bytes(event.payload)

    def ended(self):
        """Waits for the end; the close frame's code and reason."""
        self.rest()
        while self.socket_is_open():
            pass
        return self.code, self.reason

    def socket_is_open(self):
        try:
            return self.socket.recv(65536) != b""
        except ConnectionResetError:
            return False

    def expect_end(self, code, *parts):
        found, reason = self.ended()
        expect_equal(found, code, f"code of the close frame ({reason!r})")
        for part in parts:
            expect(part in reason, f"expected {part!r} in {reason!r}")
        self.close()

    def send_close(self, code=1000, reason=""):
        self._send(events.CloseConnection(code=code, reason=reason))

    def reset(self):
        """Leaves with a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        self.socket.close()
