"""Attacks for some seconds each: what they cost the gateway, what a client beside them notices, which limit answers.

The attackers are processes of their own, which yield the processor to all others.
"""

import multiprocessing
import os
import time

import measure  # first: it says where the others are
import attacks
import h2
from gateway_config import USER, endpoints

LIMITS = "limits: {header_timeout: 2s, body_timeout: 2s, write_timeout: 2s}\n"
ATTACKERS = 2


class Beside:
    """A request after the other, on one connection, in a process of its own."""

    def __init__(self, port):
        self._port, self._queue = port, multiprocessing.Queue()
        self._stop = multiprocessing.Event()
        self._process = multiprocessing.Process(target=self._run)

    def _run(self):
        seconds, wrong = [], 0
        with h2.Client(self._port) as client:
            while not self._stop.is_set():
                begin = time.monotonic()
                wrong += client.answer(client.request("/v1/hello/beside")).status != 200
                seconds.append(time.monotonic() - begin)
                client.frames.clear()
                client.answers.clear()
                time.sleep(0.002)
        self._queue.put((seconds, wrong))

    def __enter__(self):
        self._process.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self.seconds, self.wrong = self._queue.get(timeout=30)
        self._process.join()


def attack_process(run, port, until, queue):
    os.nice(15)
    queue.put(run(port, until))


def all_attackers(run, port, seconds):
    """How many connections they have made."""
    queue, until = multiprocessing.Queue(), time.monotonic() + seconds
    arguments = run, port, until, queue
    processes = [multiprocessing.Process(target=attack_process, args=arguments) for _ in range(ATTACKERS)]
    for process in processes:
        process.start()
    connections = sum(queue.get(timeout=seconds + 60) for _ in processes)
    for process in processes:
        process.join()
    return connections


def nothing(_, until):
    time.sleep(max(0, until - time.monotonic()))
    return 0


def measure_one(table, name, run, t, service, options):
    """Each has a gateway of its own, so that none inherits another's memory."""
    config = USER.replace('path: "-"', f"path: {os.devnull}").replace("workers: 2", f"workers: {options.workers}")
    gateway = t.gateway(config + LIMITS, BACKENDS=endpoints(service.address))
    all_attackers(attacks.ordinary, gateway.port, 0.3)
    before = attacks.limits(gateway)
    with measure.Meter(gateway.pid) as meter, Beside(gateway.port) as beside:
        connections = all_attackers(run, gateway.port, options.seconds)
    met = attacks.limits(gateway) - before
    gateway.stop()
    p50, p99 = (1000 * measure.percentile(beside.seconds, share) for share in (0.5, 0.99))
    table.row(name, connections, f"{meter.grown_bytes / 1024 / 1024:.1f}", f"{100 * meter.cpu:.0f}", f"{p50:.2f}",
              f"{p99:.2f}", beside.wrong, ", ".join(f"{limit} {count}" for limit, count in met.items()) or "none")


def run(t, options):
    service = t.service("user-service")
    table = measure.Table("attack", "connections", "MiB grown", "CPU %", "P50 ms", "P99 ms", "refused",
                          "limits that were met")
    rows = {"none": nothing, "ordinary requests, 50 at a time": attacks.ordinary}
    rows.update((name, attack.run) for name, attack in attacks.ATTACKS.items())
    for name, function in rows.items():
        if options.only in name:
            measure_one(table, name, function, t, service, options)


if __name__ == "__main__":
    measure.main(run, __doc__, seconds=5.0, workers=2, only="")
