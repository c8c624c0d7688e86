"""run.py BUILD_ROOT SOURCE_ROOT [PART_OF_NAME...]: runs the integration tests beside it.

Prints a line for each test and at the end `N passed, N failed`; the exit status tells whether all
passed. With parts of names, only tests whose MODULE.NAME has one of them.
"""

import faulthandler
import importlib
import os
import sys
import time
import traceback

import harness

# A test that hangs is ended with a dump of where it stands.
TEST_TIMEOUT = 120

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


def find_tests(folder, parts):
    for file in sorted(os.listdir(folder)):
        if not (file.startswith("test_") and file.endswith(".py")):
            continue
        module = importlib.import_module(file[:-3])
        for name, function in list(vars(module).items()):
            full = f"{file[5:-3]}.{name}"
            if name.startswith("test_") and (not parts or any(part in full for part in parts)):
                yield full.replace(".test_", "."), function


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


def main():
    build, source, *parts = sys.argv[1:]
    here = os.path.dirname(os.path.abspath(__file__))
    protos = harness.Protos(harness.compile_protos([os.path.join(source, "proto")], PROTOS))
    results = [
        run_test(name, function, os.path.abspath(build), os.path.abspath(source), protos)
        for name, function in find_tests(here, parts)
    ]
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
