"""A client without harm, beside those that mean some."""

import threading
import time

import h2
from harness import expect, expect_equal, expect_within

MIB = 1 << 20


class Beside:
    """A well-behaved client that goes on while the block runs, and must not notice; the gateway must neither grow nor
    work itself hot."""

    def __init__(self, t, gateway, most_mib=24, path="/v1/users/1", status=200):
        self._path, self._status = path, status
        self._gateway, self._most = gateway, most_mib * MIB + t.memory_slack
        self._stop, self._seconds, self._wrong = threading.Event(), [], []

    def _memory(self, what="VmRSS"):
        with open(f"/proc/{self._gateway.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith(what))

    def _cpu(self):
        with open(f"/proc/{self._gateway.pid}/stat", encoding="ascii") as file:
            return sum(map(int, file.read().rsplit(")", 1)[1].split()[11:13])) / 100

    def _go_on(self):
        with h2.Client(self._gateway.port) as client:
            while not self._stop.is_set():
                begin = time.monotonic()
                answer = client.answer(client.request(self._path))
                self._seconds.append(time.monotonic() - begin)
                if answer.status != self._status:
                    self._wrong.append(answer)
                time.sleep(0.005)

    def __enter__(self):
        self._thread = threading.Thread(target=self._go_on)
        self._thread.start()
        self._before, self._cpu_before, self._begin = self._memory(), self._cpu(), time.monotonic()
        return self

    def __exit__(self, kind, *_):
        lasted, cpu = time.monotonic() - self._begin, self._cpu() - self._cpu_before
        time.sleep(0.1)
        self._stop.set()
        self._thread.join()
        if kind is not None:
            return
        expect_equal(self._wrong, [], "answers of the client beside")
        expect(self._seconds, "the client beside was served")
        p99 = sorted(self._seconds)[len(self._seconds) * 99 // 100]
        grown = self._memory("VmHWM") - self._before
        print(f"     beside: P99 {1000 * p99:.1f} ms, grown {grown / MIB:.1f} MiB, CPU {cpu:.2f} s in {lasted:.2f} s")
        expect_within(p99, 0, 2, "P99 of the client beside, seconds")
        expect(grown <= self._most, f"growth of the gateway at its peak: {grown} bytes")
