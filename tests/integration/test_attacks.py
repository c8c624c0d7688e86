"""Each attack of attacks.py for a moment: what limit answers it, and what a client beside it notices."""

import threading
import time

import attacks
from beside import Beside
from gateway_config import USER, endpoints
from harness import expect, expect_equal, wait_for

# Stalls are ended soon. What is sent within the limits is not.
LIMITS = "limits: {header_timeout: 1s, body_timeout: 1s, write_timeout: 1s}\n"


def start(t):
    service = t.service("user-service")
    return t.gateway(USER + LIMITS, BACKENDS=endpoints(service.address))


def beside(t, gateway):
    return Beside(t, gateway, most_mib=160, path="/v1/hello/beside")


def expect_limits(before, after, names):
    for name in names:
        if name is not None:
            expect(after[name] > before[name], f"the limit {name}: {before} before, {after} after")


def test_floods(t):
    gateway = start(t)
    for name, attack in attacks.ATTACKS.items():
        if not attack.waits:
            print(f"     {name}")
            before = attacks.limits(gateway)
            with beside(t, gateway):
                attack.run(gateway.port, time.monotonic() + 0.5)
            expect_limits(before, attacks.limits(gateway), [attack.limit])


def test_stalls_all_at_once(t):
    gateway = start(t)
    before = attacks.limits(gateway)
    stalls = [attack for attack in attacks.ATTACKS.values() if attack.waits]
    with beside(t, gateway):
        until = time.monotonic() + (8 if t.memory_slack else 3)  # a sanitizer is slow
        threads = [threading.Thread(target=attack.run, args=[gateway.port, until]) for attack in stalls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    expect_limits(before, attacks.limits(gateway), {attack.limit for attack in stalls})


def test_no_form_of_smuggling_passes(t):
    gateway = start(t)
    for what, form in attacks.SMUGGLING.items():
        answers = attacks.smuggle(gateway.port, form)
        expect_equal([answer.status for answer in answers], [400], what)
    lines = wait_for("all lines", lambda: (log := gateway.access_log()) and len(log) == len(attacks.SMUGGLING) and log)
    expect_equal({line["status"] for line in lines}, {400}, "status of what was logged")
    expect_equal([line["path"] for line in lines if "smuggled" in line["path"]], [], "what was smuggled")
