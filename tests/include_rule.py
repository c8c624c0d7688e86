#!/usr/bin/python3
"""The include rule: who may include whom, and who may use which library.

    include_rule.py SOURCE_ROOT BUILD_ROOT      checks the tree
    include_rule.py --self-test                 checks that violations are found

The rule itself is the table in gateway/README.md; this file only reads it. Besides, a source file includes its own
header first, no include has "..", every header can be compiled alone, and no circle of includes crosses a folder. A
header stands for the .c files of its folder that define what it declares, so a.c needs b.h and b.c a.h is a circle.
Those within a folder are listed.
"""
import concurrent.futures
import fnmatch
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile

# A header that matches one of these is allowed only where the table says so.
THIRD_PARTY = ("h2o.h", "h2o/*", "nghttp2/*", "protobuf-c/*", "*.pb-c.h", "yaml.h", "openssl/*", "sqlite3.h", "wslay/*",
               "mruby.h", "mruby/*", "pcre2.h", "zlib.h", "ck_*")
# A word of the table for several headers: libh2o below HTTP.
ALIASES = {"h2o-io": ["h2o/%s.h" % name for name in
                      ("hostinfo", "linklist", "memory", "multithread", "socket", "timeout")]}
SOURCE_FOLDERS = ("gateway", "services")


class Part:
    """A row of the table: a folder, or one file."""

    def __init__(self, path, level, third_party):
        self.path = path  # "gateway/base", "gateway/main.c", "services/common"
        self.name = path[len("gateway/"):] if path.startswith("gateway/") else path
        self.level = level
        self.third_party = third_party
        self.may_include = set()


def parse_third_party(cell):
    patterns = []
    for word in re.findall(r"`([^`]+)`", cell):
        patterns += ALIASES.get(word, [word])
    return patterns


def parse_may_include(cell, part, parts):
    """"base, schema", "levels 0 to 2 but transcode" or "all below"."""
    levels = re.fullmatch(r"levels (\d+) to (\d+)(?: but ([\w/, ]+))?", cell)
    if levels:
        excluded = re.split(r",\s*", levels[3]) if levels[3] else []
        return {p.name for p in parts if int(levels[1]) <= p.level <= int(levels[2]) and p.name not in excluded}
    if cell == "all below":
        return {p.name for p in parts if p.level < part.level}
    return set(re.split(r",\s*", cell)) if cell else set()


def read_table(readme):
    rows = []
    for line in readme.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 5 and re.fullmatch(r"`[\w./]+`", cells[1]):
            rows.append(cells)
    parts = []
    for level, folder, _, _, third_party in rows:
        path = os.path.normpath(os.path.join("gateway", folder.strip("`")))
        parts.append(Part(path, int(level), parse_third_party(third_party)))
    names = {part.name for part in parts}
    for part, cells in zip(parts, rows):
        part.may_include = parse_may_include(cells[3], part, parts)
        unknown = part.may_include - names
        if unknown:
            raise SystemExit("gateway/README.md: %s may include %s, which is no row of the table"
                             % (part.path, ", ".join(sorted(unknown))))
    if not parts:
        raise SystemExit("gateway/README.md: no table of folders")
    return parts


def part_of(path, parts):
    matching = [p for p in parts if path == p.path or path.startswith(p.path + "/")]
    return max(matching, key=lambda p: len(p.path), default=None)


def third_party_error(header, part):
    if not any(fnmatch.fnmatch(header, pattern) for pattern in THIRD_PARTY):
        return None
    if any(fnmatch.fnmatch(header, pattern) for pattern in part.third_party):
        return None
    return "<%s> is not for %s" % (header, part.path)


def quoted_error(root, header, part, parts):
    """What is wrong with an include of a header of our own. One that is generated has its script in its place."""
    script = re.sub(r"\.h$", ".py", header)
    if all(os.path.exists(os.path.join(root, base, header)) for base in SOURCE_FOLDERS):
        return '"%s" is a path from more than one of %s' % (header, ", ".join(name + "/" for name in SOURCE_FOLDERS))
    for base in SOURCE_FOLDERS:
        if any(os.path.exists(os.path.join(root, base, name)) for name in (header, script)):
            other = part_of(base + "/" + header, parts)
            if other is None:
                return '"%s" is in no folder of the table in gateway/README.md' % header
            if other is part or other.name in part.may_include:
                return None
            return '"%s": %s may not include %s' % (header, part.path, other.name)
    return '"%s" is not a path from %s' % (header, " or ".join(name + "/" for name in SOURCE_FOLDERS))


def includes(path):
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if match:
                yield number, match[1], match[2]


def file_errors(root, path, parts):
    part = part_of(path, parts)
    if part is None:
        yield "%s:1: in no folder of the table in gateway/README.md" % path
        return
    own = re.sub(r"\.c$", ".h", path)
    own = own.split("/", 1)[1] if own != path and os.path.exists(os.path.join(root, own)) else None
    for number, quote, header in includes(os.path.join(root, path)):
        if own is not None:
            if header != own:
                yield '%s:%d: the first include is not "%s", its own header' % (path, number, own)
            own = None
        if ".." in header.split("/"):
            yield '%s:%d: "%s" goes up' % (path, number, header)
            continue
        error = third_party_error(header, part)
        if error is None and quote == '"' and not header.endswith(".pb-c.h"):
            error = quoted_error(root, header, part, parts)
        if error is not None:
            yield "%s:%d: %s" % (path, number, error)


def sources(root):
    for base in SOURCE_FOLDERS:
        for folder, _, files in sorted(os.walk(os.path.join(root, base))):
            for name in sorted(files):
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def names_in(path, pattern):
    with open(path, encoding="utf-8") as f:
        return set(re.findall(pattern, f.read(), re.MULTILINE))


def implementations(root, paths):
    """{header: the .c files of its folder that define what it declares}"""
    defined = {}
    for path in paths:
        if path.endswith(".c"):
            for name in names_in(os.path.join(root, path), r"^(?!static\b)\w[\w *]*?\b(gw_\w+)(?:\(|\[| =)"):
                defined[os.path.dirname(path), name] = path
    found = {}
    for path in paths:
        if path.endswith(".h"):
            declared = names_in(os.path.join(root, path), r"\b(gw_\w+)[\[(;]")
            files = {defined.get((os.path.dirname(path), name)) for name in declared}
            own = re.sub(r"h$", "c", path)
            found[path] = (files | {own if own in paths else None}) - {None}
    return found


def include_graph(root):
    """{file: the files it needs}: a file those it includes, a header those that define what it declares."""
    paths = set(sources(root))
    graph = implementations(root, paths)
    for path in paths:
        others = graph.setdefault(path, set())
        for _, quote, header in includes(os.path.join(root, path)):
            others |= {base + "/" + header for base in SOURCE_FOLDERS if quote == '"'} & paths
    return graph


def reached_from(start, graph):
    reached, left = set(), [start]
    while left:
        for other in graph[left.pop()] - reached:
            reached.add(other)
            left.append(other)
    return reached


def circles(root):
    """Sorted lists of modules (files without .c or .h), each of which reaches all others of its list."""
    graph = include_graph(root)
    reached = {path: reached_from(path, graph) for path in graph}
    found = set()
    for path in graph:
        circle = {os.path.splitext(other)[0] for other in reached[path] if path in reached[other]}
        if len(circle) > 1:
            found.add(tuple(sorted(circle)))
    return sorted(found)


def shown_circle(circle):
    return "%d: %s" % (len(circle), " ".join(circle))


def circle_errors(root):
    return ["%s:1: in a circle of includes that crosses a folder, of %s" % (circle[0], shown_circle(circle))
            for circle in circles(root) if len({os.path.dirname(module) for module in circle}) > 1]


def tree_errors(root):
    with open(os.path.join(root, "gateway/README.md"), encoding="utf-8") as f:
        parts = read_table(f.read())
    return [error for path in sources(root) for error in file_errors(root, path, parts)] + circle_errors(root)


def compile_flags(root, build_root):
    """Flags that some source of gateway/ or services/ is compiled with, by that folder; and the compiler."""
    with open(os.path.join(build_root, "compile_commands.json"), encoding="utf-8") as f:
        commands = json.load(f)
    flags = {}
    for entry in commands:
        path = os.path.relpath(os.path.realpath(os.path.join(entry["directory"], entry["file"])), root)
        base = path.split("/")[0]
        if base not in SOURCE_FOLDERS:
            continue
        words = shlex.split(entry["command"])
        flags.setdefault(base, [words[0] if words[0] != "ccache" else words[1]])
        for i, word in enumerate(words):
            known = word in flags[base]
            if word == "-isystem" and words[i + 1] not in flags[base]:
                flags[base] += [word, words[i + 1]]
            elif re.match(r"-[ID]|-std=|-isystem.", word) and not known:
                flags[base].append(word)
    return flags


def header_error(path, command, build_root):
    header = path.split("/", 1)[1]
    result = subprocess.run(command + ["-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c", "-"], cwd=build_root,
                            input='#include "%s"\n' % header, capture_output=True, text=True, check=False)
    return None if result.returncode == 0 else "%s:1: cannot be compiled alone\n%s" % (path, result.stderr)


def header_errors(root, build_root):
    flags = compile_flags(os.path.realpath(root), build_root)
    headers = [path for path in sources(root) if path.endswith(".h")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(header_error, path, flags[path.split("/")[0]], build_root) for path in headers]
        return [job.result() for job in jobs if job.result()], len(headers)


SELF_TEST_TREE = {
    "gateway/README.md": """
| level | folder | what it does | may include | third-party headers |
| --- | --- | --- | --- | --- |
| 0 | `base/` | | | `h2o-io` |
| 1 | `low/` | | base | `yaml.h` |
| 1 | `peer/` | | base | |
| 2 | `high/` | | levels 0 to 1 but peer | |
| 3 | `top/` | | all below | `h2o.h`, `h2o/*` |
| 4 | `main.c` | | top | |
| 4 | `../services/` | | base, services/low | `*.pb-c.h` |
| 4 | `../services/low/` | | base | |
""",
    "gateway/base/a.h": "#include <h2o/socket.h>\n",
    "gateway/base/a.c": '#include "base/a.h"\n\n#include <h2o.h>\n',
    "gateway/low/b.h": '#include "base/a.h"\n#include <yaml.h>\n',
    "gateway/low/b.c": '#include <stdio.h>\n#include "low/b.h"\n',
    "gateway/low/c.c": '#include "peer/d.h"\n#include "high/e.h"\n',
    "gateway/peer/d.h": '#include "../base/a.h"\n#include <openssl/ssl.h>\n',
    "gateway/high/e.h": '#include "low/b.h"\n#include "peer/d.h"\n',
    "gateway/top/f.c": '#include <h2o/http1.h>\n#include "peer/d.h"\n#include "high/e.h"\n',
    "gateway/main.c": '#include "top/g.h"\n#include "base/a.h"\n',
    "gateway/top/g.h": "#include <nghttp2/nghttp2.h>\n",
    "gateway/elsewhere/h.c": "",
    "gateway/base/round/l.h": "",
    "gateway/base/round/l.c": '#include "base/round/l.h"\n#include "base/m.h"\n',
    "gateway/base/m.h": "",
    "gateway/base/m.c": '#include "base/m.h"\n#include "base/round/l.h"\n',
    "gateway/low/n.h": "",
    "gateway/low/n.c": '#include "low/n.h"\n#include "low/o.h"\n',
    "gateway/low/o.h": "int gw_q(void);\n",
    "gateway/low/q.c": '#include "low/n.h"\nint gw_q(void)\n{\n',
    "services/one/i.h": '#include "base/a.h"\n#include "one/v1/one.pb-c.h"\n',
    "services/one/i.c": '#include "one/i.h"\n#include "low/b.h"\n#include <yaml.h>\n#include "low/j.h"\n',
    "services/low/j.h": '#include "one/i.h"\n#include "low/k.h"\n',
    "services/low/k.h": "",
    "gateway/low/k.h": "",
}
SELF_TEST_CIRCLES = [("gateway/base/m", "gateway/base/round/l"), ("gateway/low/n", "gateway/low/o", "gateway/low/q"),
                     ("services/low/j", "services/one/i")]
SELF_TEST_ERRORS = """\
gateway/base/a.c:3: <h2o.h> is not for gateway/base
gateway/base/m:1: in a circle of includes that crosses a folder, of 2: gateway/base/m gateway/base/round/l
gateway/elsewhere/h.c:1: in no folder of the table in gateway/README.md
gateway/high/e.h:2: "peer/d.h": gateway/high may not include peer
gateway/low/b.c:1: the first include is not "low/b.h", its own header
gateway/low/c.c:1: "peer/d.h": gateway/low may not include peer
gateway/low/c.c:2: "high/e.h": gateway/low may not include high
gateway/main.c:2: "base/a.h": gateway/main.c may not include base
gateway/peer/d.h:1: "../base/a.h" goes up
gateway/peer/d.h:2: <openssl/ssl.h> is not for gateway/peer
gateway/top/g.h:1: <nghttp2/nghttp2.h> is not for gateway/top
services/low/j.h:1: "one/i.h": services/low may not include services
services/low/j.h:2: "low/k.h" is a path from more than one of gateway/, services/
services/low/j:1: in a circle of includes that crosses a folder, of 2: services/low/j services/one/i
services/one/i.c:2: "low/b.h": services may not include low
services/one/i.c:3: <yaml.h> is not for services
"""


def self_test():
    with tempfile.TemporaryDirectory() as root:
        for path, text in SELF_TEST_TREE.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as f:
                f.write(text)
        found = sorted(tree_errors(root))
        if found != SELF_TEST_ERRORS.splitlines():
            print("expected:\n%s\nfound:\n%s" % (SELF_TEST_ERRORS, "\n".join(found)))
            return 1
        if circles(root) != SELF_TEST_CIRCLES:
            print("expected circles:\n%s\nfound:\n%s" % (SELF_TEST_CIRCLES, circles(root)))
            return 1
        with open(os.path.join(root, "gateway/base/a.h"), "w", encoding="utf-8") as f:
            f.write("struct a { size_t n; };\n")
        error = header_error("gateway/base/a.h", ["cc", "-I" + root + "/gateway"], root)
        if error is None or "size_t" not in error:
            print("a header that needs another one was not found: %s" % error)
            return 1
    print("every violation was found")
    return 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    root, build_root = sys.argv[1:]
    errors = tree_errors(root)
    compile_errors, count = header_errors(root, build_root)
    for error in errors + compile_errors:
        print(error)
    for circle in circles(root):
        print("a circle of includes, of " + shown_circle(circle))
    print("%d headers compiled alone, %d violations" % (count, len(errors + compile_errors)))
    return 1 if errors or compile_errors else 0


if __name__ == "__main__":
    sys.exit(main())
