#!/usr/bin/env python3
"""Writes the powers of ten that number.c multiplies by: 10^k as a 128-bit fraction, rounded up."""

import sys

FIRST, LAST = -292, 324


def fraction(k):
    shift = ((k * 1741647) >> 19) - 127  # floor(log2(10^k)) - 127
    numerator, denominator = (10**k, 1) if k >= 0 else (1, 10**-k)
    if shift >= 0:
        denominator <<= shift
    else:
        numerator <<= -shift
    return -(-numerator // denominator)


with open(sys.argv[1], "w") as out:
    out.write(f"#define POW10_FIRST ({FIRST})\n#define POW10_LAST {LAST}\n")
    out.write(f"static const struct {{\n    uint64_t high, low;\n}} pow10_table[{LAST - FIRST + 1}] = {{\n")
    for k in range(FIRST, LAST + 1):
        value = fraction(k)
        assert value >> 127 == 1
        out.write(f"    {{0x{value >> 64:016x}u, 0x{value & (2**64 - 1):016x}u}},\n")
    out.write("};\n")
