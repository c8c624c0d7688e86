"""Methods that stream their requests, over REST: the body as NDJSON or a JSON array, and
bidirectional calls."""

import json
import queue
import socket
import threading
import time

import grpc

import feed
import harness
from harness import expect, expect_equal, expect_error, expect_within

NDJSON = {"Content-Type": "application/x-ndjson"}
COLLECT, CHAT = "/v1/feeds/news/items", "/v1/feeds/news:chat"


class Collector:
    """A Collect that keeps what it got, and how it ended."""

    def __init__(self, t):
        self._t = t
        self.items, self.ends = [], queue.Queue()

    def __call__(self, requests, context):
        items, end = [], "cancelled"
        context.add_callback(lambda: self.ends.put(end))
        try:
            for item in requests:
                items.append(item)
            end = "complete"
        except Exception:  # grpcio raises a bare Exception where the call is over
            pass
        self.items.append(items)
        return feed.protos(self._t).new("feed.v1.Summary", items=len(items), feeds=[one.feed for one in items])


def collecting(t):
    collector = Collector(t)
    backend = feed.backend(t, Collect=collector)
    return collector, backend, feed.gateway(t, backend)


def echo(requests, context):
    yield from requests


# --- forms ---


def test_the_body_is_a_stream_of_messages(t):
    collector, _, gateway = collecting(t)
    lines = '{"number": 1}\n\n {"text": "a\\nb"} \r\n{"number":"3"}'
    array = '[{"number": 1}, {"text": "a\\nb"},\n {"number":"3"}]'
    values = '{"number":\n1}{"text": "a\\nb"}\n{"number":"3"}'
    for body, headers in (lines, NDJSON), (array, {}), (values, {}):
        response = gateway.post(COLLECT, body, headers)
        expect_equal(response.status, 200, f"status of {response}")
        expect_equal(response.json(), {"items": "3", "feeds": ["news"] * 3})
        items = collector.items.pop()
        expect_equal([(one.number, one.text) for one in items], [(1, ""), (0, "a\nb"), (3, "")])


def test_path_and_query_hold_for_each_message(t):
    collector, _, gateway = collecting(t)
    response = gateway.request("PUT", "/v1/feeds/news/notes?number=7", [{"text": "a"}, {}, {"text": "b"}])
    expect_equal(response.status, 200, f"status of {response}")
    items = collector.items.pop()
    expect_equal([(one.feed, one.number, one.note.text) for one in items], [("news", 7, x) for x in ("a", "", "b")])


def test_no_message_at_all(t):
    _, _, gateway = collecting(t)
    for body, headers in ("[]", {}), ("", {}), ("\n\n", NDJSON), (" ", {}), (None, {}):
        response = gateway.request("POST", COLLECT, body, headers)
        expect_equal((response.status, response.body), (200, b"{}"), f"answer to {body!r}")


def test_many_messages(t):
    server = feed.FeedServer(t)
    gateway = feed.gateway(t, server)
    body = "".join(f'{{"number":{number},"text":"{"x" * 20}"}}\n' for number in range(70000))
    response = gateway.post(COLLECT, body, NDJSON)
    expect_equal(response.json()["items"], "70000", f"items of {response}")


def test_a_body_over_the_limit_is_413(t):
    _, backend, gateway = collecting(t)
    expect_error(gateway.post(COLLECT, b" " * (5 << 20), NDJSON), 413, 8)
    expect_equal(backend.calls.total(), 0, "calls")


def test_what_is_not_json_is_415(t):
    _, backend, gateway = collecting(t)
    expect_error(gateway.post(COLLECT, "{}", {"Content-Type": "text/plain"}), 415, 3, "application/x-ndjson")
    expect_equal(backend.calls.total(), 0, "calls")


# --- failures ---


def test_a_broken_message_cancels_the_call(t):
    collector, _, gateway = collecting(t)
    for body, headers, parts in (
        ('{"number": 1}\n{"number": "x"}\n', NDJSON, ["message 2: number: ", "(line 2, column 12)"]),
        ('{"number": 1}\n{"number": 2\n{}', NDJSON, ["message 2: ", "line 2"]),
        ('[{"number": 1},\n {"nothing": 2}]', {}, ["message 2: ", "nothing", "(line 2, column 3)"]),
        ('[{"number": 1}, {"number": 2}', {}, ["expected ',' or ']'", "(line 1, column 30)"]),
        ('[{"number": 1}}', {}, ["expected ',' or ']', found '}'", "(line 1, column 15)"]),
        ('[{"number": 1}] x', {}, ["expected the end of the text", "(line 1, column 17)"]),
    ):
        expect_error(gateway.post(COLLECT, body, headers), 400, 3, *parts)
    expect_error(gateway.post(COLLECT + "?number=7", '{"feed": "x"}', NDJSON), 400, 3, "query parameters")
    ends = [collector.ends.get(timeout=5) for _ in range(collector.ends.qsize())]
    expect("complete" not in ends, f"a call that ended well: {ends}")
    expect_equal(gateway.post(COLLECT, '{"number": 1}', NDJSON).status, 200, "status afterwards")


def test_a_backend_may_answer_before_the_end(t):
    def refuse(requests, context):
        next(requests)
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "enough")

    gateway = feed.gateway(t, feed.backend(t, Collect=refuse))
    body = b'{"text":"' + b"x" * 1000 + b'"}\n'
    connection = harness.http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    for _ in range(5):
        expect_error(harness.request_on(connection, "POST", COLLECT, body * 4000, NDJSON), 400, 9, "enough")
    connection.close()


def test_a_backend_that_takes_nothing_is_504_after_the_idle_timeout(t):
    ended = threading.Event()

    def stuck(requests, context):
        context.add_callback(ended.set)
        ended.wait(10)
        return feed.protos(t).new("feed.v1.Summary")

    gateway = feed.gateway(t, feed.backend(t, Collect=stuck), limits="stream_idle_timeout: 400ms")
    begin = time.monotonic()
    expect_error(gateway.post(COLLECT, '{"number": 1}\n', NDJSON), 504, 4, "no message within 400 ms")
    expect_within(time.monotonic() - begin, 0.35, 1.5, "seconds")
    expect(ended.wait(2), "the backend sees the cancel")


def test_a_slow_backend_is_waited_for(t):
    def slow(requests, context):
        count = 0
        for _ in requests:
            count += 1
        time.sleep(1)
        return feed.protos(t).new("feed.v1.Summary", items=count)

    # The upstream's timeout is 500 ms.
    gateway = feed.gateway(t, feed.backend(t, Collect=slow), limits="request_timeout: 600ms")
    expect_equal(gateway.post(COLLECT, "[{},{}]").json(), {"items": "2"})


def test_a_client_that_leaves_cancels_the_call(t):
    begun, ended = threading.Event(), threading.Event()

    def stuck(requests, context):
        context.add_callback(ended.set)
        begun.set()
        ended.wait(10)
        return feed.protos(t).new("feed.v1.Summary")

    gateway = feed.gateway(t, feed.backend(t, Collect=stuck))
    with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
        head = f"POST {COLLECT} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\n"
        connection.sendall(head.encode() + b"[{}]")
        expect(begun.wait(5), "the call")
    expect(ended.wait(1), "the backend sees the cancel")


def test_the_first_connection_may_fail(t):
    """Nothing has been sent then: the call goes to the next endpoint."""
    collector = Collector(t)
    backend = feed.backend(t, Collect=collector)

    class Both:
        address = f"127.0.0.1:{harness.free_port()}"

    config = feed.CONFIG.replace("@BACKENDS@", f'[{{address: "{Both.address}"}}, {{address: "{backend.address}"}}]')
    gateway = feed.gateway(t, backend, config=config)
    for _ in range(6):
        expect_equal(gateway.post(COLLECT, "[{},{}]").json(), {"items": "2", "feeds": ["news", "news"]})


# --- both ways ---


def test_messages_go_both_ways(t):
    gateway = feed.gateway(t, feed.backend(t, Chat=echo))
    expected = [{"feed": "news", "number": str(number)} for number in range(1, 4)]
    for body, headers in ('{"number":1}\n{"number":2}\n{"number":3}', NDJSON), ([{"number": n} for n in (1, 2, 3)], {}):
        response = gateway.post(CHAT, body, headers)
        expect_equal(response.header("content-type"), "application/x-ndjson")
        expect_equal([json.loads(line) for line in response.body.splitlines()], expected)
    response = gateway.post(CHAT, [{"number": 1}], {"Accept": "application/json", "Content-Type": "application/json"})
    expect_equal(response.json(), expected[:1])


def test_without_a_body_there_is_one_message(t):
    gateway = feed.gateway(t, feed.backend(t, Chat=echo))
    response = gateway.get(CHAT + "?number=5")
    expect_equal(json.loads(response.body), {"feed": "news", "number": "5"})


def test_a_broken_message_midway_ends_the_answer(t):
    answered = threading.Event()

    def slow_to_take(requests, context):
        for item in requests:
            yield item
            answered.set()

    gateway = feed.gateway(t, feed.backend(t, Chat=slow_to_take))
    response = gateway.post(CHAT, '{"number":1}\n{"number":"x"}\n', NDJSON)
    if response.status == 200:  # the first answer was faster than the second message
        last = json.loads(response.body.splitlines()[-1])
        expect_equal(last["error"]["code"], 3)
        expect("message 2: number: " in last["error"]["message"], f"the place in {last}")
    else:
        expect_error(response, 400, 3, "message 2: number: ")


def test_a_long_conversation_in_bounded_memory(t):
    server = feed.FeedServer(t)
    gateway = feed.gateway(t, server)
    body = b'{"text":"' + b"x" * 40 + b'"}\n'
    for _ in range(2):
        gateway.post(CHAT, body * 60000, NDJSON)
    before = feed.resident_bytes(gateway.pid)
    for _ in range(3):
        response = gateway.post(CHAT, body * 60000, NDJSON)
        expect_equal(response.body.count(b"\n"), 60000, "lines")
    growth = feed.resident_bytes(gateway.pid) - before
    expect(growth < (4 << 20) + t.memory_slack, f"the gateway grew by {growth} bytes")


def test_a_reader_that_does_not_read_holds_its_own_messages_back(t):
    server = feed.FeedServer(t)
    gateway = feed.gateway(t, server)
    body = b'{"text":"' + b"x" * 1000 + b'"}\n'
    stream = gateway.stream("POST", CHAT, body * 4000, NDJSON, receive_buffer=4096)
    time.sleep(1)
    received = server.counters().received
    expect(received < 3000, f"the backend got {received} messages of a client that reads none")
    expect_equal(len(stream.rest()), 4000, "messages in the end")
