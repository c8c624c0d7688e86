"""Memory, and the P99 of others, while clients do not read their answers, ask for much JSON, or send much."""

import http.client
import json
import multiprocessing
import time

import measure  # first: it says where the others are
import h2
import harness
from test_answer_size import start

BODY = b"[" + b",".join([b"1"] * 2_000_000) + b"]"


def probe(port, seconds, results):
    """A call of somebody else, that needs no backend, each 2 ms; in a process of its own."""
    connection, taken = http.client.HTTPConnection("127.0.0.1", port), []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.monotonic()
        connection.request("GET", "/nowhere/at/all")
        connection.getresponse().read()
        taken.append(1000 * (time.monotonic() - begin))
        time.sleep(0.002)
    taken.sort()
    results.put((taken[len(taken) * 99 // 100], taken[-1], len(taken)))


def unread(port, seconds, _):
    """60 answers on one connection over HTTP/2 that grants no window."""
    with h2.Client(port, window=False) as client:
        client.settle()
        for _ in range(60):
            client.request("/v1/text")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            client.read_some(0.2)


def asking(path):
    def ask(port, seconds, _):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            harness.http_request(port, "GET", path)
            time.sleep(0.01)

    return ask


def sending(port, seconds, _):
    end = time.monotonic() + seconds
    headers = [("content-type", "application/json")]
    while time.monotonic() < end:
        harness.http_request(port, "POST", "/v1/put/a", BODY, headers)
        time.sleep(0.01)


CASES = {
    "nothing": (lambda port, seconds, _: time.sleep(seconds), 1),
    "60 unread answers of 3 MiB": (unread, 1),
    "30 MB of JSON from 280 KB": (asking("/v1/wide"), 2),
    "424 MB of JSON from 4 MiB": (asking("/v1/colors"), 2),
    "bodies of 4 MB": (sending, 2),
}


def most_resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))


def run_all(t, options):
    def child(gate, function, argument):
        function(gate.get(), options.seconds, argument)

    fork = multiprocessing.get_context("fork")
    rows = []
    for name, (load, count) in CASES.items():
        results = fork.Queue()
        gates = [fork.SimpleQueue() for _ in range(count + 1)]

        works = [(probe, results)] + [(load, None)] * count
        children = [fork.Process(target=child, args=(gate, *work)) for gate, work in zip(gates, works)]
        for one in children:  # before gRPC has threads
            one.start()
        gateway = start(t)
        for gate in gates:
            gate.put(gateway.port)
        p99, worst, calls = results.get()
        for one in children:
            one.join()
        rows.append({"case": name, "P99 ms": round(p99, 2), "slowest ms": round(worst, 1), "calls": calls,
                     "most MiB": round(most_resident(gateway.pid))})
        print(json.dumps(rows[-1]), flush=True)
        gateway.stop()


if __name__ == "__main__":
    measure.main(run_all, __doc__, seconds=6.0)
