#!/usr/bin/env python3
"""Compares the JSON codec with Google's own (google.protobuf.json_format) on random messages.

    codec_differential.py DRIVER BUILD_ROOT [ROUNDS] [SEED] [DIGITS]

For each random message: its JSON by json_format goes through the codec to wire bytes, and its wire bytes (also
with fields in another order, in pieces, twice, or unknown) through the codec to JSON; what comes out must mean the
same as what json_format makes of it. DIGITS is how many digits of a double the codec keeps."""

import base64
import difflib
import json
import math
import random
import struct
import subprocess
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor as F

DRIVER, BUILD = sys.argv[1], sys.argv[2]
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 1500
SEED = int(sys.argv[4]) if len(sys.argv) > 4 else 20260131
DIGITS = int(sys.argv[5]) if len(sys.argv) > 5 else 17
SETS = [BUILD + "/tests/unit/schema/kinds.binpb", BUILD + "/proto/services.binpb"]
TYPES = [
    "test.v1.Scalars", "test.v1.Optionals", "test.v1.Repeated", "test.v1.Maps", "test.v1.Tree", "test.v1.Choice",
    "test.v1.WellKnown", "test.v1.Names", "test.v1.Sparse", "test.v1.Nothing", "test.v1.Everything",
    "test.v2.Labels", "test.v2.Defaults", "user.v1.User", "user.v1.ListUsersResponse", "order.v1.ListOrdersResponse",
]
ANY_TYPES = ["test.v1.Scalars", "test.v1.Tree", "google.protobuf.Timestamp", "google.protobuf.Struct", "user.v1.User"]

pool = descriptor_pool.Default()
seen = set()
for path in SETS:
    with open(path, "rb") as f:
        for proto in descriptor_pb2.FileDescriptorSet.FromString(f.read()).file:
            if proto.name not in seen and not proto.name.startswith("google/protobuf/"):
                pool.AddSerializedFile(proto.SerializeToString())
            seen.add(proto.name)
factory = message_factory.MessageFactory(pool)
rng = random.Random(SEED)


def new_message(name):
    return factory.GetPrototype(pool.FindMessageTypeByName(name))()


def integer(bits, signed):
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return rng.choice([0, 1, low, high, rng.randint(low, high), rng.randint(max(low, -200), 200)])


def real(is_float):
    pick = rng.randrange(8)
    if pick == 0:
        return rng.choice([0.0, -0.0, 1.0, -1.5, 1e21, 1e-7, 123456789012.0])
    if pick == 1:
        return rng.choice([math.inf, -math.inf, math.nan])
    if pick < 5:
        return round(rng.uniform(-1e5, 1e5), rng.randrange(6))
    size, code = (4, "<f") if is_float else (8, "<d")
    value = struct.unpack(code, rng.randbytes(size))[0]
    if not math.isfinite(value):
        return 0.5
    return value if is_float else float(f"{value:.{DIGITS}g}")


ALPHABET = 'abcXYZ019 _-/\\"\n\t\x01\x7fäß€漢字😀\u2028'


def text():
    length = rng.choice([0, 1, 3, 7, 8, 9, 30, 200]) if rng.randrange(4) else rng.randrange(20)
    letters = ALPHABET if rng.randrange(2) else "abcdefgh"
    return "".join(rng.choice(letters) for _ in range(length))


def scalar(field):
    kind = field.type
    if kind in (F.TYPE_DOUBLE, F.TYPE_FLOAT):
        return real(kind == F.TYPE_FLOAT)
    if kind in (F.TYPE_INT32, F.TYPE_SINT32, F.TYPE_SFIXED32):
        return integer(32, True)
    if kind in (F.TYPE_INT64, F.TYPE_SINT64, F.TYPE_SFIXED64):
        return integer(64, True)
    if kind in (F.TYPE_UINT32, F.TYPE_FIXED32):
        return integer(32, False)
    if kind in (F.TYPE_UINT64, F.TYPE_FIXED64):
        return integer(64, False)
    if kind == F.TYPE_BOOL:
        return rng.random() < 0.5
    if kind == F.TYPE_STRING:
        return text()
    if kind == F.TYPE_BYTES:
        return rng.randbytes(rng.choice([0, 1, 2, 3, 4, 50]))
    assert kind == F.TYPE_ENUM
    numbers = [v.number for v in field.enum_type.values]
    is_open = field.file.syntax == "proto3" and field.enum_type.name != "NullValue"
    return rng.choice(numbers + ([77, -5] if is_open else []))


def dynamic(depth):
    pick = rng.randrange(7 if depth < 4 else 5)
    if pick == 0:
        return None
    if pick == 1:
        return rng.random() < 0.5
    if pick == 2:
        value = real(False)
        return value if math.isfinite(value) else 2.5
    if pick < 5:
        return text()
    if pick == 5:
        return [dynamic(depth + 1) for _ in range(rng.randrange(4))]
    return {text(): dynamic(depth + 1) for _ in range(rng.randrange(4))}


def fill_well_known(message, depth):
    name = message.DESCRIPTOR.name
    if name == "Timestamp":
        message.seconds = rng.choice([-62135596800, 253402300799, 0, rng.randint(-62135596800, 253402300799)])
        message.nanos = rng.choice([0, 1, 999999999, 120000000, 345000, rng.randrange(10**9)])
    elif name == "Duration":
        sign = rng.choice([-1, 1])
        message.seconds = sign * rng.choice([0, 1, 315576000000 - 1, rng.randrange(315576000000)])
        message.nanos = sign * rng.choice([0, 1, 999999999, 120000000, 345000])
    elif name == "FieldMask":
        paths = ["a", "user.display_name", "x_y_z", "deep.er.pa_th"]
        message.paths.extend(rng.choice(paths) for _ in range(rng.randrange(4)))
    elif name == "Struct":
        for key in {text() for _ in range(rng.randrange(4))}:
            json_format.ParseDict(dynamic(depth), message.fields[key])
    elif name == "Value":
        json_format.ParseDict(dynamic(depth), message)
    elif name == "ListValue":
        for _ in range(rng.randrange(4)):
            json_format.ParseDict(dynamic(depth), message.values.add())
    elif name == "Any":
        if rng.randrange(4):
            inner = new_message(rng.choice(ANY_TYPES))
            fill(inner, depth + 1)
            message.Pack(inner)
    elif name == "Empty":
        pass
    else:
        assert name.endswith("Value"), name
        message.value = scalar(message.DESCRIPTOR.fields[0])
    message.SetInParent()


def fill_map(message, field, depth):
    key_field, value_field = field.message_type.fields_by_name["key"], field.message_type.fields_by_name["value"]
    entries = getattr(message, field.name)
    for _ in range(rng.choice([1, 2, 3, 20])):
        key = scalar(key_field)
        if value_field.message_type:
            fill(entries[key], depth + 1)
        else:
            entries[key] = scalar(value_field)


def fill(message, depth=0):
    if message.DESCRIPTOR.file.package == "google.protobuf":
        fill_well_known(message, depth)
        return
    density = rng.choice([0.1, 0.5, 0.95]) if depth < 3 else 0.1
    for field in message.DESCRIPTOR.fields:
        required = field.label == F.LABEL_REQUIRED
        if not required and (rng.random() > density or (field.message_type and depth > 4)):
            continue
        if field.message_type and field.message_type.GetOptions().map_entry:
            fill_map(message, field, depth)
        elif field.label == F.LABEL_REPEATED:
            for _ in range(rng.choice([1, 2, 5, 40]) if depth < 2 else 1):
                if field.message_type:
                    fill(getattr(message, field.name).add(), depth + 1)
                else:
                    getattr(message, field.name).append(scalar(field))
        elif field.message_type:
            getattr(message, field.name).SetInParent()
            fill(getattr(message, field.name), depth + 1)
        else:
            setattr(message, field.name, scalar(field))


def varint(data, at):
    n, shift = 0, 0
    while True:
        n |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return n, at


def pieces(data):
    """The fields of a message, as byte strings."""
    at, result = 0, []
    while at < len(data):
        start = at
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            _, at = varint(data, at)
        elif kind == 2:
            length, at = varint(data, at)
            at += length
        else:
            assert kind in (1, 5)
            at += 8 if kind == 1 else 4
        result.append(data[start:at])
    return result


UNKNOWN = [b"\xf8\x7f\x05", b"\xfa\x7f\x03abc", b"\xfd\x7f\x01\x02\x03\x04", b"\xf9\x7f\x01\x02\x03\x04\x05\x06\x07\x08",
           b"\xfb\x7f\x08\x01\xfb\x7f\xfc\x7f\xfc\x7f"]


def disturb(message, data):
    """Other bytes that mean a message of the type, if not the same."""
    pick = rng.randrange(4)
    parts = pieces(data)
    if pick == 0:
        rng.shuffle(parts)
    elif pick == 1 and message.DESCRIPTOR.name not in ("WellKnown", "Everything"):  # not one Any's type, another's value
        other = new_message(message.DESCRIPTOR.full_name)
        fill(other)
        parts += pieces(other.SerializeToString())
        rng.shuffle(parts)
    elif pick == 2:
        for part in UNKNOWN:
            parts.insert(rng.randint(0, len(parts)), part)
    else:
        parts += [rng.choice(parts) for _ in range(3)] if parts else []
    return b"".join(parts)


driver = subprocess.Popen([DRIVER] + SETS, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def codec(direction, name, options, data):
    line = f"{direction} {name} {options} :{base64.b64encode(data).decode()}\n"
    driver.stdin.write(line.encode())
    driver.stdin.flush()
    answer = driver.stdout.readline().decode().rstrip("\n")
    if answer.startswith("ok"):
        return base64.b64decode(answer[3:]), None
    assert answer.startswith("error "), answer
    return None, answer[6:]


def fail(what, message, *more):
    print(f"seed {SEED}, {message.DESCRIPTOR.full_name}: {what}", *more, sep="\n")
    print("message:", message.SerializeToString().hex())
    sys.exit(1)


def differences(a, b, path="$"):
    if isinstance(a, dict) and isinstance(b, dict):
        for key in a.keys() | b.keys():
            if key not in a or key not in b:
                yield f"{path}.{key}: only in {'json_format' if key in b else 'the codec'}'s"
            else:
                yield from differences(a[key], b[key], f"{path}.{key}")
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for index, pair in enumerate(zip(a, b)):
            yield from differences(*pair, f"{path}[{index}]")
    elif isinstance(a, bool) or isinstance(b, bool) or not isinstance(a, (int, float)) or not isinstance(b, (int, float)):
        is_null_value = a is None and b == 0  # json_format writes NullValue as a number where enums are
        if not is_null_value and (type(a) is not type(b) or a != b):
            yield f"{path}: {a!r}, not {b!r}"
    elif a != b and not math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-37):  # the shortest form of a float differs
        yield f"{path}: {a!r}, not {b!r}"


def settle_any(message):
    for field, value in message.ListFields():
        if not field.message_type:
            continue
        is_map = field.message_type.GetOptions().map_entry
        if is_map and not field.message_type.fields_by_name["value"].message_type:
            continue
        for item in value.values() if is_map else value if field.label == F.LABEL_REPEATED else [value]:
            settle_any(item)
    if message.DESCRIPTOR.full_name == "google.protobuf.Any" and message.type_url:
        inner = new_message(message.TypeName())
        inner.ParseFromString(message.value)
        inner.DiscardUnknownFields()
        message.value = bytes_of(inner)


def bytes_of(message):
    copy = new_message(message.DESCRIPTOR.full_name)
    copy.CopyFrom(message)
    settle_any(copy)
    return copy.SerializeToString(deterministic=True)


def oracle_json(message, options):
    return json_format.MessageToJson(
        message, preserving_proto_field_name="p" in options, including_default_value_fields="d" in options,
        use_integers_for_enums="e" in options, descriptor_pool=pool, ensure_ascii=rng.random() < 0.5,
        indent=rng.choice([None, 2]))


def check_to_wire(message):
    name = message.DESCRIPTOR.full_name
    options = rng.choice(["-", "p", "e", "d"])
    wire, error = codec("j", name, "-", oracle_json(message, options).encode())
    if error:
        fail("json_format's JSON is refused", message, error)
    back = new_message(name)
    back.ParseFromString(wire)
    want = message
    if "d" in options:
        want = json_format.Parse(oracle_json(message, options), new_message(name), descriptor_pool=pool)
    if bytes_of(back) != bytes_of(want):
        fail("the wire bytes differ", message, back, wire.hex())


def check_to_json(name, data):
    message = new_message(name)
    message.ParseFromString(data)
    # json_format adds defaults of proto2's fields too, although they have presence.
    options = rng.choice(["-", "p", "e"] + (["d", "pde"] if message.DESCRIPTOR.file.syntax == "proto3" else []))
    text_form, error = codec("w", name, options, data)
    if error:
        fail("json_format's message is refused", message, error, data.hex())
    got, want = json.loads(text_form), json.loads(oracle_json(message, options))
    difference = next(differences(got, want), None)
    if difference:
        fail("the JSON differs", message, difference, f"options {options}, bytes {data.hex()}", text_form.decode())
    try:
        back = json_format.Parse(text_form, new_message(name), descriptor_pool=pool)
    except json_format.ParseError as error:
        fail("json_format refuses the JSON", message, error, data.hex(), text_form.decode())
    known = new_message(name)
    known.CopyFrom(message)
    known.DiscardUnknownFields()
    if "d" not in options and bytes_of(back) != bytes_of(known):
        lines = difflib.unified_diff(str(known).split("\n"), str(back).split("\n"), "was", "read", "", "", 2, "")
        fail("json_format reads another message", message, text_form.decode(), *lines)


for _ in range(ROUNDS):
    subject = new_message(rng.choice(TYPES))
    fill(subject)
    serialized = subject.SerializeToString()
    check_to_wire(subject)
    check_to_json(subject.DESCRIPTOR.full_name, serialized)
    check_to_json(subject.DESCRIPTOR.full_name, disturb(subject, serialized))
driver.stdin.close()
if driver.wait() != 0:
    sys.exit(f"the driver ended with status {driver.returncode}")
print(f"{ROUNDS} messages, seed {SEED}")
