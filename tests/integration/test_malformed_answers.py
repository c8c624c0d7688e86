"""Answers of a backend that are no answers, in HTTP/2 or in gRPC: each fails its own call, in every protocol, and none of
the calls of others on the same connection."""

import struct

import h2
from answering import Answering, block, sound
from harness import FRAME_DATA, FRAME_HEADERS, FRAME_RST, expect, expect_equal, expect_error, frame, wait_for
from others import CONFIG, Others
from test_backends import USER_7
from test_grpc_web import WEB, call_http1, framed

END_STREAM, END_HEADERS = 1, 4
GRPC_CALL = [("content-type", "application/grpc"), ("te", "trailers")]
PATH = "/user.v1.UserService/GetUser"
MIB = 1 << 20
TYPE = ("content-type", "application/grpc")


def head(s, *fields, end=False):
    return frame(FRAME_HEADERS, END_HEADERS | (END_STREAM if end else 0), s, block(fields))


def begin(s, *more):
    return head(s, (":status", "200"), TYPE, *more)


def data(s, payload, end=False):
    return frame(FRAME_DATA, END_STREAM if end else 0, s, payload)


def end(s, *fields):
    return head(s, *(fields or [("grpc-status", "0")]), end=True)


def prefix(length, flag=0):
    return struct.pack(">BI", flag, length)


def whole(*fields, tail=()):
    """An answer that is sound but for its headers, or its trailers."""
    return lambda s: head(s, *fields) + data(s, USER_7) + end(s, *tail)


OK = (":status", "200")
CASES = {
    # Messages.
    **{f"flag {flag}": lambda s, flag=flag: sound(s, framed(USER_7[5:], flag)) for flag in (2, 3, 127, 128, 255)},
    "over the limit": lambda s: begin(s) + data(s, prefix(4 * MIB + 1)),
    "far over it": lambda s: begin(s) + data(s, prefix(0xFFFFFFFF)),
    "over, and ended": lambda s: begin(s) + data(s, prefix(4 * MIB + 1)) + end(s),
    "a byte behind": lambda s: sound(s, USER_7 + b"\0"),
    "a prefix behind": lambda s: sound(s, USER_7 + prefix(10)),
    "half a message behind": lambda s: sound(s, USER_7 + prefix(10) + b"x"),
    "another message": lambda s: sound(s, USER_7 * 2),
    "end in a prefix": lambda s: begin(s) + data(s, USER_7[:3], True),
    "end in a message": lambda s: begin(s) + data(s, USER_7[:-1], True),
    "trailers in a message": lambda s: sound(s, USER_7[:-1]),
    "no message": lambda s: sound(s, b""),
    # What ends the answer.
    "data ends it": lambda s: begin(s) + data(s, USER_7, True),
    "no grpc-status": whole(OK, TYPE, tail=[("x-tail", "1")]),
    **{f"grpc-status {value!r}": whole(OK, TYPE, tail=[("grpc-status", value)])
       for value in ("", "x", "-1", "0x0", "17", "4294967296", "99999999999999999999", " 0 ")},
    "headers end it": lambda s: head(s, OK, TYPE, end=True),
    # What begins it.
    "html": whole(OK, ("content-type", "text/html")),
    "html and 502": whole((":status", "502"), ("content-type", "text/html")),
    "no content-type": whole(OK),
    "grpc and 502": whole((":status", "502"), TYPE),
    "two content-types": whole(OK, ("content-type", "text/html"), ("content-type", "text/plain")),
    "204": whole((":status", "204"), TYPE),
    "1xx alone": lambda s: head(s, (":status", "103"), end=True),
    "101": lambda s: head(s, (":status", "101")) + sound(s, USER_7),
    "no status": whole(TYPE),
    "two statuses": whole(OK, OK, TYPE),
    "status x": whole((":status", "x"), TYPE),
    "status of four digits": whole((":status", "2000"), TYPE),
    "status behind": whole(TYPE, OK),
    "another pseudo-header": whole(OK, (":path", "/"), TYPE),
    "an unknown pseudo-header": whole(OK, (":x", "1"), TYPE),
    "status in trailers": whole(OK, TYPE, tail=[OK, ("grpc-status", "0")]),
    "upper case": whole(OK, TYPE, ("X-Upper", "1")),
    "upper case in trailers": whole(OK, TYPE, tail=[("grpc-status", "0"), ("X-Upper", "1")]),
    "a line feed": whole(OK, TYPE, ("x-a", "a\nb")),
    "a zero": whole(OK, TYPE, ("x-a", "a\0b")),
    "a name with a space": whole(OK, TYPE, ("x a", "1")),
    "no name": whole(OK, TYPE, ("", "1")),
    "connection": whole(OK, TYPE, ("connection", "close")),
    "transfer-encoding": whole(OK, TYPE, ("transfer-encoding", "chunked")),
    "content-length too short": whole(OK, TYPE, ("content-length", "3")),
    "content-length too long": whole(OK, TYPE, ("content-length", "300")),
    "content-length x": whole(OK, TYPE, ("content-length", "x")),
    # Frames.
    "headers in between": lambda s: begin(s) + data(s, USER_7) + head(s, ("grpc-status", "0")),
    "reset": lambda s: frame(FRAME_RST, 0, s, struct.pack(">I", 2)),
    "reset behind a message": lambda s: begin(s) + data(s, USER_7) + frame(FRAME_RST, 0, s, struct.pack(">I", 2)),
    "a window over its bound": lambda s: frame(8, 0, s, struct.pack(">I", 0x7FFFFFFF)),
}
# What nghttp2 takes for the end of the connection, with all calls in it: no application can send it, only a server that
# does not speak HTTP/2 well.
DEADLY = {
    "a window of nothing": lambda s: frame(8, 0, s, bytes(4)),
    "data first": lambda s: data(s, USER_7) + begin(s) + end(s),
    "data alone": lambda s: data(s, USER_7, True),
}
# Odd, and no fault.
GOOD = {
    "many 1xx": lambda s: head(s, (":status", "103"), ("link", "</x>")) * 10 + sound(s, USER_7),
    "two of the same type": whole(OK, TYPE, TYPE),
    "empty frames": lambda s: begin(s) + data(s, b"") * 10 + data(s, USER_7) + data(s, b"") + end(s),
    "a reset behind the end": lambda s: sound(s, USER_7) + frame(FRAME_RST, 0, s, bytes(4)),
    "data behind the end": lambda s: sound(s, USER_7) + data(s, USER_7),
    "headers behind the end": lambda s: sound(s, USER_7) + end(s),
    "another end": lambda s: sound(s, USER_7) + data(s, b"", True),
}


def ask_for(t, name):
    return framed(t.protos.new("user.v1.GetUserRequest", id=name).SerializeToString())


def native_answer(gateway, ask):
    with h2.Client(gateway.port) as client:
        return client.answer(client.request(PATH, "POST", GRPC_CALL, ask))


def run(t, cases, check):
    wrong = []
    with Others(t, backend=t.started(Answering(t, cases))) as others:
        for name in cases:
            before = others.backend.connections
            rest = others.gateway.get("/v1/users/" + name.replace(" ", "%20"))
            web = call_http1(others.gateway, PATH, ask_for(t, name), WEB)
            native = native_answer(others.gateway, ask_for(t, name))
            wrong += [f"{name}: {problem}" for problem in check(rest, web, native)]
            if others.backend.connections != before:
                wrong.append(f"{name}: another connection")
    expect_equal(wrong, [], "what went wrong")


def test_malformed_answers_fail_their_own_call(t):
    def check(rest, web, native):
        if rest.status not in (500, 502, 503) or rest.json()["code"] not in (2, 13, 14, 17):
            yield f"{rest}"
        if web.status == "0":
            yield f"gRPC-Web: {web.trailers}"
        # Its status is in trailers, or stands alone: then no message has come.
        if not native.ended or native.body == USER_7 * 2:
            yield f"gRPC: {native}"

    run(t, CASES, check)


def test_odd_answers_are_answers(t):
    def check(rest, web, native):
        if (rest.status, rest.body) != (200, b'{"user":{"id":"7"}}'):
            yield f"{rest}"
        if (web.status, web.messages) != ("0", [(0, USER_7[5:])]):
            yield f"gRPC-Web: {web.messages} {web.trailers}"
        if (native.body, native.ended) != (USER_7, True):
            yield f"gRPC: {native}"

    run(t, GOOD, check)


def test_after_a_connection_that_broke_http2_comes_another(t):
    backend = t.started(Answering(t, {**DEADLY, "sound": lambda s: sound(s, USER_7)}))
    gateway = t.gateway(CONFIG, BACKEND=backend.address)
    for name in DEADLY:
        before = backend.connections
        expect_error(gateway.get("/v1/users/" + name.replace(" ", "%20")), 502, 13, "HTTP/2")
        wait_for("another connection", lambda: gateway.get("/v1/users/sound").status == 200)
        expect(backend.connections > before, f"connections after {name}")
