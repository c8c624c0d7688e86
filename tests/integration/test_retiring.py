"""Backends that end connections, refuse calls and run out of room, as healthy ones do: no call fails by it."""

import threading
import time

import harness
from gateway_config import USER, user_gateway
from harness import expect, expect_equal, expect_within
from proxies import Nginx


def hammer(gateway, calls, clients=16, path="/v1/hello/x"):
    """(answers that are not 200, seconds of each call in order)."""
    wrong, seconds, lock = [], [], threading.Lock()
    left = iter(range(calls))

    def work():
        connection = harness.http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
        while True:
            with lock:
                if next(left, None) is None:
                    break
            begin = time.monotonic()
            response = harness.request_on(connection, "GET", path)
            with lock:
                seconds.append(time.monotonic() - begin)
                if response.status != 200:
                    wrong.append(response)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong, sorted(seconds)


def expect_none_fails_behind_nginx(t, after, calls):
    service = t.service("user-service")
    gateway = user_gateway(t, Nginx.start(t, service.address, keepalive_requests=after).address)
    wrong, seconds = hammer(gateway, calls)
    p99 = seconds[len(seconds) * 99 // 100]
    retries = gateway.metrics().sum("upstream_retries_total", upstream="user-service")
    print(f"     GOAWAY after {after}: {calls} calls, {len(wrong)} failed, P99 {p99 * 1000:.1f} ms, "
          f"slowest {seconds[-1] * 1000:.1f} ms, {retries:.0f} sent again")
    expect_equal([repr(answer)[:200] for answer in wrong], [], "calls that failed")
    expect(p99 < 0.5, f"P99 {p99} s")


def test_goaway_after_1000_calls_fails_none(t):
    expect_none_fails_behind_nginx(t, 1000, 3000)


def test_goaway_after_100_calls_fails_none(t):
    expect_none_fails_behind_nginx(t, 100, 2000)


def test_goaway_after_10_calls_fails_none(t):
    expect_none_fails_behind_nginx(t, 10, 1000)


def test_goaway_after_every_call_fails_none(t):
    expect_none_fails_behind_nginx(t, 1, 500)
