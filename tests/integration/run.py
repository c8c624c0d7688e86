"""run.py BUILD_ROOT SOURCE_ROOT [PART_OF_NAME...]: runs the integration tests beside it.

Prints a line for each test and at the end `N passed, N failed`; the exit status tells whether all
passed. With parts of names, only tests whose MODULE.NAME has one of them. Modules run beside each
other, each in a process of its own, because most of what tests do is wait.
"""

import faulthandler
import importlib
import os
import queue
import subprocess
import sys
import threading
import time
import traceback

import harness

# A test that hangs is ended with a dump of where it stands.
TEST_TIMEOUT = 120
# Modules at a time.
LANES = 3

PROTOS = [
    "user/v1/user.proto",
    "order/v1/order.proto",
    "payment/v1/payment.proto",
    "google/rpc/status.proto",
    "google/rpc/error_details.proto",
    "grpc/health/v1/health.proto",
    "grpc/reflection/v1/reflection.proto",
    "grpc/reflection/v1alpha/reflection.proto",
]


def find_modules(folder):
    return [file[:-3] for file in sorted(os.listdir(folder)) if file.startswith("test_") and file.endswith(".py")]


def find_tests(module, parts):
    for name, function in list(vars(importlib.import_module(module)).items()):
        full = f"{module}.{name}".removeprefix("test_").replace(".test_", ".")
        if name.startswith("test_") and (not parts or any(part in full for part in parts)):
            yield full, function


def run_test(name, function, build, source, protos):
    context = harness.Context(build, source, protos)
    begin = time.monotonic()
    problem = None
    faulthandler.dump_traceback_later(TEST_TIMEOUT, exit=True)
    for step in lambda: function(context), context.close:
        try:
            step()
        except Exception:  # pylint: disable=broad-except
            problem = (problem or "") + traceback.format_exc()
    faulthandler.cancel_dump_traceback_later()
    seconds = time.monotonic() - begin
    print(f"{'FAIL' if problem else 'ok  '} {name} ({seconds:.2f} s)", flush=True)
    if problem:
        print(problem + context.logs(), flush=True)
    context.remove()
    return problem is None


def run_module(module, lane, build, source, parts):
    """In this process; its exit status is whether all passed."""
    tests = list(find_tests(module, parts))
    if not tests:
        return 0
    harness.use_lane(lane, LANES)
    protos = harness.Protos(harness.compile_protos([os.path.join(source, "proto")], PROTOS))
    results = [run_test(name, function, build, source, protos) for name, function in tests]
    return 0 if all(results) else 1


def run_lane(lane, modules, build, source, parts, outcomes):
    """Takes modules until none is left."""
    while True:
        try:
            module = modules.get_nowait()
        except queue.Empty:
            return
        command = [sys.executable, __file__, build, source, "--module", module, str(lane), *parts]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        print(done.stdout, end="", flush=True)
        passed, failed = (sum(line.startswith(word) for line in done.stdout.splitlines()) for word in ("ok   ", "FAIL "))
        if done.returncode != 0 and failed == 0:
            print(f"FAIL {module} ended with status {done.returncode}", flush=True)
            failed = 1
        outcomes.append((passed, failed))


def main():
    build, source, *parts = sys.argv[1:]
    build, source = os.path.abspath(build), os.path.abspath(source)
    if parts[:1] == ["--module"]:
        return run_module(parts[1], int(parts[2]), build, source, parts[3:])
    modules, outcomes = queue.Queue(), []
    for module in find_modules(os.path.dirname(os.path.abspath(__file__))):
        modules.put(module)
    lanes = [
        threading.Thread(target=run_lane, args=(lane, modules, build, source, parts, outcomes)) for lane in range(LANES)
    ]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    passed, failed = (sum(counts) for counts in zip(*outcomes))
    print(f"{passed} passed, {failed} failed")
    return 0 if passed > 0 and failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
