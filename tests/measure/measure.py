"""What the measurements share: binaries started as integration tests start them, a process's CPU and memory, tables.

Each script is `SCRIPT.py BUILD_ROOT SOURCE_ROOT [--OPTION VALUE]...`; it starts all that it needs on free ports of the
loopback, and ends it.
"""

import argparse
import os
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))

import harness  # pylint: disable=wrong-import-position
import run as integration  # pylint: disable=wrong-import-position

TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGESIZE")


def main(function, description, **options):
    """Calls function(t, arguments); `options` are names and defaults of what can be chosen."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("build")
    parser.add_argument("source")
    for name, default in options.items():
        parser.add_argument("--" + name.replace("_", "-"), type=type(default), default=default, help=f"{default}")
    arguments = parser.parse_args()
    build, source = os.path.abspath(arguments.build), os.path.abspath(arguments.source)
    protos = harness.Protos(harness.compile_protos([os.path.join(source, "proto")], integration.PROTOS))
    t = harness.Context(build, source, protos)
    try:
        function(t, arguments)
    except BaseException:
        print(t.logs(), file=sys.stderr)
        raise
    finally:
        t.close()
        t.remove()


def cpu_seconds(pid):
    """User and system time of all its threads, to the nanosecond."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total / 1e9


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * PAGE_BYTES


class Meter:
    """A process over the time of the block: CPU as a share of one core, and the most memory beyond what it had."""

    def __init__(self, pid):
        self._pid, self._stop = pid, threading.Event()
        self.cpu = self.grown_bytes = self.seconds = None

    def __enter__(self):
        self._memory = self._most = resident_bytes(self._pid)
        self._cpu, self._begin = cpu_seconds(self._pid), time.monotonic()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self):
        while not self._stop.wait(0.05):
            self._most = max(self._most, resident_bytes(self._pid))

    def __exit__(self, *_):
        self.seconds = time.monotonic() - self._begin
        self._stop.set()
        self._thread.join()
        self._most = max(self._most, resident_bytes(self._pid))
        self.cpu = (cpu_seconds(self._pid) - self._cpu) / self.seconds
        self.grown_bytes = self._most - self._memory


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Table:
    """Rows that are printed as they come, as Markdown."""

    def __init__(self, *columns):
        self._widths = [max(len(column), 9) for column in columns]
        self._widths[0] = 34
        self._print(columns)
        print("| " + " | ".join("-" * width for width in self._widths) + " |", flush=True)

    def _print(self, cells):
        cells = [str(cell).ljust(width) for cell, width in zip(cells, self._widths)]
        print("| " + " | ".join(cells) + " |", flush=True)

    def row(self, *cells):
        self._print(cells)
