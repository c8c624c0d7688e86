#!/usr/bin/python3
"""count_tests.py TESTLOG_JSON: the cases in a log of `meson test`, as `N passed, N failed`.

A cmocka executable and the integration tests are many cases each, which their last lines count; any other test is one
case. A test that ends badly counts at least one failure, whatever it printed before. Exit status 1 unless all passed.
"""
import json
import re
import sys

# What did not pass need not be listed as failed: a fault in a teardown is only an error.
CMOCKA_RUN = re.compile(r"^\[==========\] (\d+) test\(s\) run\.", re.MULTILINE)
CMOCKA_PASSED = re.compile(r"^\[  PASSED  \] (\d+) test\(s\)\.", re.MULTILINE)
CLOSING_LINE = re.compile(r"^(\d+) passed, (\d+) failed$", re.MULTILINE)


def count_cases(output):
    closing = CLOSING_LINE.findall(output)
    if closing:
        return int(closing[-1][0]), int(closing[-1][1])
    run = sum(map(int, CMOCKA_RUN.findall(output)))
    if run > 0:
        passed = sum(map(int, CMOCKA_PASSED.findall(output)))
        return passed, run - passed
    return None


def count_test(test):
    """(passed, failed, skipped) of one line of the log."""
    if test["result"] == "SKIP":
        return 0, 0, 1
    counted = count_cases((test.get("stdout") or "") + "\n" + (test.get("stderr") or ""))
    if test["result"] in ("OK", "EXPECTEDFAIL"):
        passed, failed = counted or (1, 0)
    else:
        passed, failed = counted or (0, 1)
        failed = max(failed, 1)
    return passed, failed, 0


def main():
    passed = failed = skipped = 0
    with open(sys.argv[1], encoding="utf-8") as log:
        for line in log:
            p, f, s = count_test(json.loads(line))
            passed, failed, skipped = passed + p, failed + f, skipped + s
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {failed} failed")
    return 0 if passed > 0 and failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
