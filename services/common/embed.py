"""embed.py INPUT OUTPUT: INPUT's bytes as C, for common/descriptor_set.h."""

import sys

source, target = sys.argv[1:]
with open(source, "rb") as file:
    data = file.read()
with open(target, "w") as file:
    file.write('#include "common/descriptor_set.h"\n\nstatic const unsigned char bytes[] = {\n')
    for at in range(0, len(data), 16):
        file.write("    " + " ".join(f"{byte}," for byte in data[at : at + 16]) + "\n")
    file.write("};\n\nstruct gw_slice gw_descriptor_set(void)\n{\n")
    file.write("    return gw_slice(bytes, sizeof(bytes));\n}\n")
