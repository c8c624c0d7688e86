#!/usr/bin/env python3
"""Writes prelude.rb as a C array."""

import sys

with open(sys.argv[1], "rb") as source, open(sys.argv[2], "w") as out:
    text = source.read()
    out.write("static const unsigned char prelude_text[] = {\n")
    for at in range(0, len(text), 24):
        out.write("    %s,\n" % ", ".join(str(byte) for byte in text[at : at + 24]))
    out.write("};\n")
