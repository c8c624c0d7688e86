"""An HTTP/2 client of hand-written frames (RFC 9113), which can do what a decent client would not."""

import collections
import ctypes
import select
import socket
import ssl
import struct
import time

from harness import PREFACE, expect, frame

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 1, 1, 4
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED = range(6)
FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 6, 7, 8, 11
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 1, 2, 3, 4

Frame = collections.namedtuple("Frame", "kind flags stream payload")

# RFC 7541 appendix B, for digits.
HUFFMAN_DIGITS = {"00000": "0", "00001": "1", "00010": "2"}
HUFFMAN_DIGITS.update({format(0b011001 + i, "06b"): str(3 + i) for i in range(7)})
STATIC_STATUS = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}


def hpack_integer(value, prefix_bits, first=0):
    most = (1 << prefix_bits) - 1
    if value < most:
        return bytes([first | value])
    out, value = bytearray([first | most]), value - most
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def hpack_string(text):
    data = text if isinstance(text, bytes) else text.encode()
    return hpack_integer(len(data), 7) + data


def hpack(headers, indexed=False):
    """A header block of literals, without Huffman coding."""
    first = b"\x40" if indexed else b"\x00"
    return b"".join(first + hpack_string(name) + hpack_string(value) for name, value in headers)


def status_of(block):
    """:status is the first field of an answer's block."""
    while block[0] >> 5 == 1:  # table size updates, to 0
        block = block[1:]
    if block[0] & 0x80:
        return STATIC_STATUS[block[0] & 0x7F]
    index = block[0] & (0x3F if block[0] & 0x40 else 0x0F)
    expect(8 <= index <= 14, f"a literal :status in {block[:8]!r}")
    length, data = block[1] & 0x7F, block[2 : 2 + (block[1] & 0x7F)]
    if not block[1] & 0x80:
        return int(data[:length])
    bits, digits = "".join(format(byte, "08b") for byte in data), ""
    while len(digits) < 3:
        size = 5 if bits[:5] in HUFFMAN_DIGITS else 6
        digits, bits = digits + HUFFMAN_DIGITS[bits[:size]], bits[size:]
    return int(digits)


def first_fields(block):
    """The fields, by name, of the first block of headers on a connection."""
    library = ctypes.CDLL("libnghttp2.so.14")

    class Field(ctypes.Structure):
        _fields_ = [("name", ctypes.c_void_p), ("value", ctypes.c_void_p), ("name_length", ctypes.c_size_t),
                    ("value_length", ctypes.c_size_t), ("flags", ctypes.c_uint8)]

    inflater, field, flags, found = ctypes.c_void_p(), Field(), ctypes.c_int(), {}
    library.nghttp2_hd_inflate_new(ctypes.byref(inflater))
    take = library.nghttp2_hd_inflate_hd2
    take.restype, take.argtypes = ctypes.c_ssize_t, [ctypes.c_void_p] * 4 + [ctypes.c_size_t, ctypes.c_int]
    while not flags.value & 1:  # NGHTTP2_HD_INFLATE_FINAL
        taken = take(inflater, ctypes.byref(field), ctypes.byref(flags), block, len(block), 1)
        expect(taken >= 0, f"a block of headers, found {block!r}")
        block = block[taken:]
        if flags.value & 2:  # NGHTTP2_HD_INFLATE_EMIT
            name, value = (ctypes.string_at(base, length).decode() for base, length in
                           ((field.name, field.name_length), (field.value, field.value_length)))
            found[name] = value
    library.nghttp2_hd_inflate_del(inflater)
    return found


class Answer:
    """What has come on a stream."""

    def __init__(self):
        self.status, self.body, self.ended, self.reset = None, bytearray(), False, None
        self.data_frames = 0
        self.continues = 0  # answers of 100 before the one

    def is_over(self):
        return self.ended or self.reset is not None

    def __repr__(self):
        return f"{self.status} {self.body[:200]!r} ended={self.ended} reset={self.reset}"


class Client:
    """Acknowledges SETTINGS and PING by itself, and grants windows unless told otherwise. `tls` is an
    ssl.SSLContext, or None for plain text."""

    def __init__(self, port, settings=(), preface=True, window=True, acknowledge=True, buffer=None, tls=None):
        self.socket = socket.socket()
        if buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(15)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            tls.set_alpn_protocols(["h2"])
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
            expect(self.socket.selected_alpn_protocol() == "h2", "ALPN")
        self.answers = collections.defaultdict(Answer)
        self.frames, self.goaway, self.closed = [], None, False
        self.settings, self.window, self.acknowledge = {}, window, acknowledge
        self._input, self._next = b"", 1
        if preface:
            # No compression table, for none is kept here.
            self.send_raw(PREFACE + self.settings_frame([(HEADER_TABLE_SIZE, 0), *settings]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    # --- what goes out ---

    @staticmethod
    def settings_frame(settings=()):
        return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", key, value) for key, value in settings))

    def send_raw(self, data):
        """False where the other side has closed, which a test may expect."""
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def send(self, kind, flags, stream, payload=b""):
        return self.send_raw(frame(kind, flags, stream, payload))

    def next_stream(self):
        self._next += 2
        return self._next - 2

    @staticmethod
    def headers(path="/v1/users/1", method="GET", more=()):
        return [(":method", method), (":scheme", "http"), (":path", path), (":authority", "x"), *more]

    def request_frames(self, path="/v1/users/1", method="GET", more=(), body=None, headers=None, end=True):
        """The stream's number, and the bytes of a request."""
        stream = self.next_stream()
        block = hpack(headers if headers is not None else self.headers(path, method, more))
        last = END_STREAM if body is None and end else 0
        data = frame(HEADERS, END_HEADERS | last, stream, block)
        if body is not None:
            data += frame(DATA, END_STREAM if end else 0, stream, body)
        return stream, data

    def request_with_block(self, block, end=True):
        stream = self.next_stream()
        self.send(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block)
        return stream

    def request(self, *args, **kwargs):
        stream, data = self.request_frames(*args, **kwargs)
        self.send_raw(data)
        return stream

    # --- what comes in ---

    def _take(self, one):
        self.frames.append(one)
        answer = self.answers[one.stream]
        if one.kind == SETTINGS and not one.flags & ACK:
            self.settings.update(struct.iter_unpack(">HI", one.payload))
            if self.acknowledge:
                self.send(SETTINGS, ACK, 0)
        elif one.kind == PING and not one.flags & ACK and self.acknowledge:
            self.send(PING, ACK, 0, one.payload)
        elif one.kind == GOAWAY:
            self.goaway = struct.unpack(">II", one.payload[:8])[1]
        elif one.kind == RST_STREAM:
            answer.reset = struct.unpack(">I", one.payload)[0]
        elif one.kind == HEADERS:
            status = answer.status or status_of(one.payload)
            if status == 100:
                answer.continues += 1
            else:
                answer.status = status
        elif one.kind == DATA:
            answer.body += one.payload
            answer.data_frames += 1
            if self.window and one.payload:
                self.grant(len(one.payload), 0)
                self.grant(len(one.payload), one.stream)
        if one.kind in (HEADERS, DATA) and one.flags & END_STREAM:
            answer.ended = True

    def grant(self, size, stream):
        self.send(WINDOW_UPDATE, 0, stream, struct.pack(">I", size))

    def _is_pending(self):
        return isinstance(self.socket, ssl.SSLSocket) and self.socket.pending() > 0

    def read_some(self, timeout):
        """Takes what is there, or waits for it; False when nothing came."""
        if self.closed or not (self._is_pending() or select.select([self.socket], [], [], timeout)[0]):
            return False
        self.socket.settimeout(max(timeout, 0.001))  # what there is may be no data, on TLS
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        except TimeoutError:
            return False
        finally:
            self.socket.settimeout(15)
        if not data:
            self.closed = True
            return True
        self._input += data
        while len(self._input) >= 9:
            length = int.from_bytes(self._input[:3], "big")
            if len(self._input) < 9 + length:
                break
            kind, flags, stream = struct.unpack(">BBI", self._input[3:9])
            payload, self._input = self._input[9 : 9 + length], self._input[9 + length :]
            self._take(Frame(kind, flags, stream, payload))
        return True

    def wait(self, what, condition, timeout=15):
        end = time.monotonic() + timeout
        while not condition():
            left = end - time.monotonic()
            expect(left > 0, f"waited {timeout} s for {what}: {dict(self.answers)}, goaway {self.goaway}")
            expect(not self.closed, f"closed while waiting for {what}: {dict(self.answers)}, goaway {self.goaway}")
            self.read_some(left)

    def answer(self, stream, timeout=15):
        self.wait(f"the answer on stream {stream}", self.answers[stream].is_over, timeout)
        return self.answers[stream]

    def wait_closed(self, timeout=15):
        """Until the other side has closed; gives GOAWAY's error, or None."""
        end = time.monotonic() + timeout
        while not self.closed:
            left = end - time.monotonic()
            expect(left > 0, f"waited {timeout} s for the end: goaway {self.goaway}")
            self.read_some(left)
        return self.goaway

    def settle(self):
        """A PING there and back: everything sent before has been taken."""
        mark = struct.pack(">Q", time.monotonic_ns())
        self.send(PING, 0, 0, mark)
        self.wait("a PING back", lambda: any(f.kind == PING and f.payload == mark for f in self.frames))


