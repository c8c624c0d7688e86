"""A backend of frames for Others, which gives some calls the answers that a test makes."""

import threading

from harness import FRAME_DATA, frame, http2_backend

FRAME_HEADERS, END_STREAM, END_HEADERS = 1, 1, 4


class Answering:
    """A call whose request is for the user NAME is answered with the bytes cases[NAME](stream); all others after a while,
    as Others want it. They speak to it over as many connections as `connections` says."""

    def __init__(self, t, cases):
        answer = t.protos.new("user.v1.CreateUserResponse", user=t.protos.new("user.v1.User", id="7")).SerializeToString()
        self._slow_answer = b"\0" + len(answer).to_bytes(4, "big") + answer
        self._cases, self._lock, self._create = cases, threading.Lock(), None
        self._raw = http2_backend(self._on_frame)
        self.address, self.stop = self._raw.address, self._raw.stop

    @property
    def connections(self):
        return self._raw.connections

    def on(self, _, function):
        self._create = function

    def _send(self, connection, frames):
        with self._lock:
            connection.sendall(frames)

    def _on_frame(self, connection, kind, flags, stream, payload):
        if kind != FRAME_DATA or not flags & END_STREAM:
            return
        name = payload[7:].decode()
        if name in self._cases:
            self._send(connection, self._cases[name](stream))
        else:
            threading.Thread(target=self._answer_slowly, args=[connection, stream], daemon=True).start()

    def _answer_slowly(self, connection, stream):
        self._create(type("Request", (), {"username": "x"}), None)
        try:
            self._send(connection, sound(stream, self._slow_answer))
        except OSError:
            pass  # the test is over


def block(fields):
    """A header block of pairs: literals without indexing."""
    coded = b""
    for name, value in fields:
        name, value = name.encode(), value.encode("latin-1")
        coded += b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value
    return coded


def sound(stream, payload, *more):
    """The frames of an answer that is well-formed, whatever its messages are; `more` fields stand in its headers."""
    head = [(":status", "200"), ("content-type", "application/grpc"), *more]
    pieces = [payload[at:at + 16384] for at in range(0, len(payload), 16384)]
    return (frame(FRAME_HEADERS, END_HEADERS, stream, block(head))
            + b"".join(frame(FRAME_DATA, 0, stream, one) for one in pieces)
            + frame(FRAME_HEADERS, END_HEADERS | END_STREAM, stream, block([("grpc-status", "0")])))
