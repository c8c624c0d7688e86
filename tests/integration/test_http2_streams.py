"""Methods that stream, over HTTP/2: messages go on as they come, in both directions at once, and
each side holds the other back."""

import json
import queue
import time

import feed
import h2
import harness
from harness import expect, expect_equal, expect_within

NDJSON = ("content-type", "application/x-ndjson")
COLLECT, CHAT = "/v1/feeds/news/items", "/v1/feeds/news:chat"


def open_chat(client, path=CHAT, more=(NDJSON,)):
    return client.request(path, "POST", more, end=False)


def send(client, stream, data, end=False):
    client.send(h2.DATA, h2.END_STREAM if end else 0, stream, data)


def lines_of(client, stream):
    return [json.loads(line) for line in client.answers[stream].body.split(b"\n")[:-1]]


def wait_lines(client, stream, count):
    client.wait(f"{count} lines", lambda: client.answers[stream].body.count(b"\n") >= count)
    return lines_of(client, stream)


def window(client, stream):
    """How many bytes of a body may have been sent, where all are sent on one stream."""
    granted = {0: 65535, stream: client.settings.get(h2.INITIAL_WINDOW_SIZE, 65535)}
    for one in client.frames:
        if one.kind == h2.WINDOW_UPDATE and one.stream in granted:
            granted[one.stream] += int.from_bytes(one.payload, "big")
    return min(granted.values())


def echo(requests, context):
    yield from requests


def test_the_forms_of_an_answer(t):
    def three(request, _):
        for number in range(1, 4):
            yield feed.item(t, number=number)

    gateway = feed.gateway(t, feed.backend(t, Watch=three))
    items = [b'{"number":"1"}', b'{"number":"2"}', b'{"number":"3"}']
    with h2.Client(gateway.port) as client:
        for accept, body in (
            ("*/*", b"".join(item + b"\n" for item in items)),
            ("text/event-stream", b"".join(b"data: " + item + b"\n\n" for item in items) + b"event: end\ndata: {}\n\n"),
            ("application/json", b"[" + b",\n".join(items) + b"]"),
        ):
            answer = client.answer(client.request("/v1/feeds/a", more=[("accept", accept)]))
            expect_equal((answer.status, answer.body, answer.ended), (200, body, True))
        answer = client.answer(client.request("/v1/feeds/a", more=[("accept", "text/html")]))
        expect_equal(answer.status, 406)


def test_an_array_that_fails_midway_is_reset_behind_the_error(t):
    def failing(request, context):
        yield feed.item(t, number=1)
        context.abort(harness.grpc.StatusCode.ABORTED, "enough")

    gateway = feed.gateway(t, feed.backend(t, Watch=failing))
    with h2.Client(gateway.port) as client:
        answer = client.answer(client.request("/v1/feeds/a", more=[("accept", "application/json")]))
        expect_equal((answer.ended, answer.reset), (False, h2.INTERNAL_ERROR))
        expect_equal(json.loads(answer.body + b"]")[1]["error"]["code"], 10)


def test_messages_go_on_as_they_come(t):
    gateway = feed.gateway(t, feed.backend(t, Chat=echo))
    with h2.Client(gateway.port) as client:
        for first, between, last in ("", "\n", ""), ("[", ",", "]"):
            kind = NDJSON if between == "\n" else ("content-type", "application/json")
            stream = open_chat(client, more=[kind])
            for number in range(1, 20):
                # A line is known to have ended only with its end.
                text = f'{{"number":{number}}}'
                text = text + between if between == "\n" else (first if number == 1 else between) + text
                send(client, stream, text.encode())
                expect_equal(wait_lines(client, stream, number)[-1], {"feed": "news", "number": str(number)})
            send(client, stream, last.encode(), end=True)
            answer = client.answer(stream)
            expect_equal((answer.ended, answer.reset), (True, None))


def test_messages_may_come_in_pieces(t):
    gateway = feed.gateway(t, feed.backend(t, Chat=echo))
    with h2.Client(gateway.port) as client:
        stream = open_chat(client)
        for byte in b'{"number":1}\n\n{"text":"\xc3\xa9"}\n':
            send(client, stream, bytes([byte]))
            client.settle()
        send(client, stream, b'{"number":3}', end=True)
        client.answer(stream)
        expect_equal([item.get("text") or item["number"] for item in lines_of(client, stream)], ["1", "é", "3"])


def test_a_stream_may_be_longer_than_a_body(t):
    server = feed.FeedServer(t)
    gateway = feed.gateway(t, server, limits="request_body: 64KiB")
    with h2.Client(gateway.port) as client:
        stream = open_chat(client, COLLECT)
        piece = b'{"text":"' + b"x" * 990 + b'"}\n'
        for number in range(1, 1001):
            client.wait("room to send", lambda end=number * len(piece): window(client, stream) >= end)
            send(client, stream, piece)
        send(client, stream, b"", end=True)
        answer = client.answer(stream)
        expect_equal((answer.status, json.loads(answer.body)["items"]), (200, "1000"))


def test_a_message_over_the_limit_is_413(t):
    server = feed.FeedServer(t)
    gateway = feed.gateway(t, server, limits="request_body: 1KiB")
    with h2.Client(gateway.port) as client:
        stream = open_chat(client, COLLECT)
        send(client, stream, b'{"text":"' + b"x" * 900 + b'"}\n')
        send(client, stream, b'{"text":"' + b"x" * 1100)
        answer = client.answer(stream)
        expect_equal((answer.status, json.loads(answer.body)["code"]), (413, 8))
        expect("message 2 has over 1024 bytes" in json.loads(answer.body)["message"], f"{answer}")
    harness.wait_for("the cancel", lambda: server.counters().open == 0)


def test_a_broken_message_is_told_at_its_end(t):
    gateway = feed.gateway(t, feed.FeedServer(t))
    with h2.Client(gateway.port) as client:
        stream = open_chat(client, COLLECT)
        send(client, stream, b'{"number":1}\n{"number":\n')
        answer = client.answer(stream)
        expect_equal(answer.status, 400)
        expect("message 2: number: " in json.loads(answer.body)["message"], f"{answer}")
        stream = open_chat(client)
        send(client, stream, b'{"number":1}\n')
        wait_lines(client, stream, 1)
        send(client, stream, b'{"number":"x"}\n')
        client.answer(stream)
        error = lines_of(client, stream)[1]["error"]
        expect_equal(error["code"], 3)
        expect("message 2: number: " in error["message"] and "(line 2, column 11)" in error["message"], f"{error}")


def test_a_body_that_ends_too_soon_is_400(t):
    gateway = feed.gateway(t, feed.FeedServer(t))
    with h2.Client(gateway.port) as client:
        stream = open_chat(client, COLLECT, [("content-type", "application/json")])
        send(client, stream, b'[{"number":1},')
        client.settle()
        send(client, stream, b"", end=True)
        answer = client.answer(stream)
        expect_equal((answer.status, json.loads(answer.body)["code"]), (400, 3))


def test_without_content_type_the_body_has_to_be_empty(t):
    gateway = feed.gateway(t, feed.FeedServer(t))
    with h2.Client(gateway.port) as client:
        expect_equal(client.answer(client.request(COLLECT, "POST")).status, 200)
        expect_equal(client.answer(open_chat(client, COLLECT, [])).status, 415)


def test_a_wrong_path_is_answered_before_the_body(t):
    gateway = feed.gateway(t, feed.FeedServer(t))
    with h2.Client(gateway.port) as client:
        expect_equal(client.answer(open_chat(client, "/nothing")).status, 404)
        expect_equal(client.answer(client.request("/v1/counters")).status, 200)


def test_a_reset_cancels_the_call_in_both_directions(t):
    server = feed.FeedServer(t)
    gateway = feed.gateway(t, server)
    with h2.Client(gateway.port) as client:
        chat, collect = open_chat(client), open_chat(client, COLLECT)
        watch = client.request("/v1/feeds/a?size=10", more=[])
        send(client, chat, b"{}\n")
        send(client, collect, b"{}\n")
        wait_lines(client, chat, 1)
        wait_lines(client, watch, 1)
        harness.wait_for("three calls", lambda: server.counters().open == 3)
        begin = time.monotonic()
        for stream in chat, collect, watch:
            client.send(h2.RST_STREAM, 0, stream, h2.CANCEL.to_bytes(4, "big"))
        harness.wait_for("the cancels", lambda: server.counters().open == 0, timeout=2, pause=0.001)
        expect_within(time.monotonic() - begin, 0, 0.5, "seconds until the backend sees the cancel")
        expect_equal(server.counters().cancelled, 3)


def test_a_client_that_leaves_cancels_its_streams(t):
    server = feed.FeedServer(t)
    gateway = feed.gateway(t, server)
    with h2.Client(gateway.port) as client:
        streams = [open_chat(client) for _ in range(20)]
        for stream in streams:
            send(client, stream, b"{}\n")
        for stream in streams:
            wait_lines(client, stream, 1)
    harness.wait_for("the cancels", lambda: server.counters().open == 0, timeout=1)


def test_a_reader_without_window_holds_the_backend_back(t):
    server = feed.FeedServer(t)
    gateway = feed.gateway(t, server)
    with h2.Client(gateway.port, window=False) as client:
        stalled = client.request("/v1/feeds/a?size=1000")
        sent = -1
        while sent != (sent := server.counters().sent):
            client.read_some(0.2)
        expect(sent < 2000, f"the backend has sent {sent} of endless items of 1 KB")
        expect(len(client.answers[stalled].body) <= 65535, "no more than the window")
        # Another stream on the connection goes on.
        client.grant(1 << 20, 0)
        answer = client.answer(client.request("/v1/feeds/b?count=10&size=10"))
        expect_equal(answer.body.count(b"\n"), 10)
        client.grant(1 << 20, stalled)
        harness.wait_for("more to come", lambda: client.read_some(0.05) and server.counters().sent > sent)


def test_a_conversation_whose_answers_are_not_read_takes_no_more_requests(t):
    server = feed.FeedServer(t)
    gateway = feed.gateway(t, server)
    with h2.Client(gateway.port, window=False) as client:
        stream = open_chat(client)
        piece = (b'{"text":"' + b"x" * 1000 + b'"}\n') * 8
        sent, end = 0, time.monotonic() + 1
        while time.monotonic() < end:
            if window(client, stream) >= sent + len(piece):
                send(client, stream, piece)
                sent += len(piece)
            else:
                client.read_some(0.05)
        expect_within(sent, 60000, 3 << 20, "bytes that the client could send")
        client.window = True
        client.grant(1 << 20, 0)
        client.grant(1 << 20, stream)
        send(client, stream, b"", end=True)
        expect_equal(len(wait_lines(client, stream, sent // len(piece) * 8)), sent // len(piece) * 8, "answers")


def test_many_messages_there_and_back(t):
    server = feed.FeedServer(t)
    gateway = feed.gateway(t, server)
    with h2.Client(gateway.port) as client:
        stream = open_chat(client)
        count = 2000
        for number in range(1, count + 1):
            send(client, stream, b'{"number":%d}\n' % number)
            if number % 50 == 0:
                wait_lines(client, stream, number)
        send(client, stream, b"", end=True)
        expect_equal([int(item["number"]) for item in wait_lines(client, stream, count)], list(range(1, count + 1)))


def test_an_idle_conversation_ends(t):
    server = feed.FeedServer(t)
    gateway = feed.gateway(t, server, limits="stream_idle_timeout: 500ms")
    with h2.Client(gateway.port) as client:
        stream, collect = open_chat(client), open_chat(client, COLLECT)
        for _ in range(4):
            send(client, stream, b"{}\n")
            send(client, collect, b"{}\n")
            time.sleep(0.25)
        expect_equal(client.answers[stream].is_over(), False)
        begin = time.monotonic()
        client.answer(stream)
        expect_within(time.monotonic() - begin, 0.1, 1.5, "seconds")
        expect_equal(lines_of(client, stream)[-1]["error"]["code"], 4)
        expect_equal(client.answer(collect).status, 504)
    harness.wait_for("the cancels", lambda: server.counters().open == 0)


def test_a_drain_lets_streams_end(t):
    orders = queue.Queue()

    def ordered(request, _):
        for number in iter(orders.get, None):
            yield feed.item(t, number=number)

    gateway = feed.gateway(t, feed.backend(t, Watch=ordered))
    orders.put(1)
    http1 = gateway.stream("GET", "/v1/feeds/a")
    expect_equal(http1.message(), {"number": "1"})
    gateway.signal(harness.signal.SIGTERM)
    time.sleep(0.3)
    orders.put(2)
    expect_equal(http1.message(), {"number": "2"})
    orders.put(None)
    expect_equal(http1.message(), None)
    expect_equal(gateway.wait(), 0, "exit status")
