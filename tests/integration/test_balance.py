"""Who gets the calls: 3,000 of them on 64 connections, with 2 workers."""

import math
import threading

import harness
from gateway_config import USER, user_backend, user_gateway
from harness import expect, expect_equal, expect_within

CALLS, CONNECTIONS = 3000, 64
# One connection a worker and endpoint, so that the backends can tell the workers apart.
ONE_CONNECTION = USER.replace("timeout: 2s", "timeout: 10s\n    pool: {initial_size: 1, max_size: 1}")


def call_all(gateway):
    shares = [CALLS // CONNECTIONS + (i < CALLS % CONNECTIONS) for i in range(CONNECTIONS)]
    ready, wrong = threading.Barrier(CONNECTIONS), []

    def work(number):
        connection = harness.http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
        connection.connect()
        ready.wait()
        for _ in range(number):
            response = harness.request_on(connection, "GET", "/v1/users/1")
            if response.status != 200:
                wrong.append(response)
        connection.close()

    threads = [threading.Thread(target=work, args=[number]) for number in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect_equal(wrong, [])


def distribute(t, strategy, weights=(1, 1, 1)):
    """The calls that each of three backends got, after comparing them with /metrics and /stats."""
    backends = [user_backend(t) for _ in weights]
    config = ONE_CONNECTION.replace("timeout: 10s", f"timeout: 10s\n    strategy: {strategy}")
    gateway = user_gateway(t, *((one.address, weight) for one, weight in zip(backends, weights)), config=config)
    call_all(gateway)
    counts = [one.calls.total() for one in backends]
    expect_equal(sum(counts), CALLS, "calls")
    metrics = gateway.metrics()
    picks = [metrics.value("upstream_picks_total", upstream="user-service", endpoint=one.address) for one in backends]
    expect_equal(picks, counts, "upstream_picks_total")
    stats = gateway.admin("/stats").json()["upstreams"]["user-service"]["endpoints"]
    expect_equal([(one["address"], one["picks"]) for one in stats],
                 [(one.address, count) for one, count in zip(backends, counts)], "/stats")
    for backend in backends:
        shares = [count / backend.calls.total() for count in backend.peers.values()]
        expect_equal(len(shares), 2, "connections, one of each worker")
        expect(min(shares) >= 0.3, f"each worker serves at least 30 %, found {shares}")
    return counts


def test_round_robin_is_exact_to_a_pick_per_worker(t):
    for count in distribute(t, "round_robin"):
        expect_within(count, 1000 - 2, 1000 + 2, "calls")


def test_weighted_is_exact_to_a_pick_per_worker(t):
    counts = distribute(t, "weighted", (3, 1, 1))
    for count, share in zip(counts, (1800, 600, 600)):
        expect_within(count, share - 2, share + 2, f"calls out of {counts}")


def test_random_is_uniform_within_5_sigma(t):
    sigma = math.sqrt(CALLS * (1 / 3) * (2 / 3))
    for count in distribute(t, "random"):
        expect_within(count, 1000 - 5 * sigma, 1000 + 5 * sigma, "calls")


def test_weighted_is_smooth(t):
    """With one worker and one client the order is seen: never four in a row for 3 of 3:1."""
    order = []
    heavy = user_backend(t, GetUser=lambda *_: order.append("h") or t.protos.new("user.v1.GetUserResponse"))
    light = user_backend(t, GetUser=lambda *_: order.append("l") or t.protos.new("user.v1.GetUserResponse"))
    config = USER.replace("timeout: 2s", "strategy: weighted").replace("workers: 2", "workers: 1")
    gateway = user_gateway(t, (heavy.address, 3), (light.address, 1), config=config)
    for _ in range(80):
        gateway.get("/v1/users/1")
    expect_equal((order.count("h"), order.count("l")), (60, 20))
    expect("hhhh" not in "".join(order), "".join(order))
