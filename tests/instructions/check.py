#!/usr/bin/env python3
"""Counts the instructions of each kernel, up to AVX2, with callgrind, and compares them with tests/instructions/counts.csv.

    check.py BUILD            fails where a count is more than 2 % from the table's, either way, or a kernel is in one place alone
    check.py BUILD --write    writes the table
    check.py BUILD --list     prints the counts of this build, as the table would have them, and compares nothing
    check.py --self-test      planted differences must be found, and harmless ones must not

BUILD is a build folder that has tests/count_instructions; ./run count-instructions makes it and installs valgrind. Counts are
those of one compiler and its flags, which the table names: with others nothing is compared, and that is a failure too.
Python's standard library alone. Exit status 1 where anything is found.
"""
import csv
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "counts.csv")
TABLE_NAME = "tests/instructions/counts.csv"
PERCENT = 2
WRITE = "./run count-instructions --write"
COUNTED = "invar_counted_call"  # the function of count_instructions_main.cc whose calls are counted
COLUMNS = ["kernel", "shape", "instructions", "per", "unit"]


class Wrong(Exception):
    """One sentence for the user."""


def counts_of_dump(text):
    """The total of each part of a callgrind file that was written when COUNTED returned, in order."""
    counts, wanted = [], False
    for line in text.splitlines():
        if line.startswith("desc: Trigger:"):
            wanted = line.endswith("--dump-after=" + COUNTED)
        elif line.startswith("summary:") and wanted:
            counts.append(int(line.split()[1]))
    return counts


def join(listing, dump):
    """(build, {(kernel, shape): (instructions, work, unit)}) of what count_instructions printed and what callgrind wrote."""
    build, *lines = listing.splitlines()
    counts = counts_of_dump(dump)
    if not lines or len(lines) != len(counts):
        raise Wrong(f"count_instructions made {len(lines)} calls and callgrind counted {len(counts)}: "
                    f"does it know the function {COUNTED} (is the program stripped)?")
    counted = {}
    for line, instructions in zip(lines, counts):
        kernel, shape, work, unit = line.split("\t")
        if (kernel, shape) in counted:
            raise Wrong(f"{kernel} {shape} was counted twice: bench/kernel_calls.cc names two shapes alike")
        counted[kernel, shape] = (instructions, int(work), unit)
    return build, counted


def count(build_folder):
    program = os.path.abspath(os.path.join(build_folder, "tests", "count_instructions"))
    if not os.path.exists(program):
        raise Wrong(f"{program} is not there: ./run count-instructions builds it")
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise Wrong("counting needs valgrind, which is not installed (Debian: the package valgrind; ./run count-instructions installs "
                    "it where there is one)")
    # Nothing of the caller's environment reaches the program or valgrind; symbols are resolved before anything is counted.
    environment = {"PATH": os.environ.get("PATH", ""), "LD_BIND_NOW": "1"}
    if "LD_LIBRARY_PATH" in os.environ:
        environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    with tempfile.TemporaryDirectory() as folder:
        dump = os.path.join(folder, "callgrind.out")
        ran = subprocess.run(
            [valgrind, "--tool=callgrind", f"--toggle-collect={COUNTED}", f"--dump-after={COUNTED}", "--combine-dumps=yes",
             f"--callgrind-out-file={dump}", program], cwd=folder, env=environment, capture_output=True, text=True)
        if ran.returncode != 0:
            raise Wrong(f"valgrind {program} failed ({ran.returncode}):\n{ran.stderr[-2000:].strip()}")
        with open(dump, encoding="utf-8") as f:
            return join(ran.stdout, f.read())


def table_text(build, counted):
    out = io.StringIO()
    out.write(f"# Instructions of one call of each kernel, written by {WRITE}: do not edit.\n# build: {build}\n")
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(COLUMNS)
    for (kernel, shape), (instructions, work, unit) in sorted(counted.items(), key=lambda item: order(item[0])):
        rows.writerow([kernel, shape, instructions, f"{instructions / work:.4g}", unit])
    return out.getvalue()


def order(key):
    """Numbers by their value: 2x16 before 12x16."""
    return [[(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text)] for text in key]


def read_table(text):
    """(build, {(kernel, shape): instructions})"""
    build = re.search(r"^# build: (.+)$", text, flags=re.M)
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    if build is None or not lines or lines[0] != ",".join(COLUMNS):
        raise Wrong(f"{TABLE_NAME} is not such a table; {WRITE} writes it anew")
    table = {}
    for kernel, shape, instructions, *_ in csv.reader(lines[1:]):
        table[kernel, shape] = int(instructions)
    return build.group(1), table


def differences(table, counted):
    """What is wrong, a sentence each, and the greatest difference among what is not."""
    found, greatest = [], (0.0, "")
    for key in sorted(table.keys() | counted.keys(), key=order):
        name = " ".join(key)
        if key not in counted:
            found.append(f"{name}: the table has {table[key]} instructions, and there is no such kernel or shape any more")
        elif key not in table:
            found.append(f"{name}: {counted[key][0]} instructions, and the table lacks it")
        else:
            old, new = table[key], counted[key][0]
            change = new / old - 1
            if 100 * abs(new - old) > PERCENT * old:
                found.append(f"{name}: {old} instructions in the table, {new} now ({100 * change:+.1f} %)")
            elif abs(change) > abs(greatest[0]):
                greatest = (change, name)
    return found, greatest


def table_file():
    try:
        with open(TABLE, encoding="utf-8") as f:
            return f.read()
    except FileNotFoundError:
        raise Wrong(f"{TABLE_NAME} is not there; {WRITE} writes it") from None


def check(text, build, counted):
    """Prints what was found; returns the exit status. `text`: the table's."""
    table_build, table = read_table(text)
    if table_build != build:
        raise Wrong(f"{TABLE_NAME} has the counts of another compiler or other flags ({table_build}) than this build's "
                    f"({build}), so nothing can be compared; --list prints this build's counts")
    found, (change, name) = differences(table, counted)
    for line in found:
        print(line)
    if found:
        print(f"{len(found)} of {len(table.keys() | counted.keys())} counts are not the table's within {PERCENT} %; "
              f"if that is meant: {WRITE}")
        return 1
    print(f"{len(counted)} counts are the table's within {PERCENT} %" +
          (f"; the furthest is {name}, {100 * change:+.2f} %" if name else ", none different"))
    return 0


def self_test():
    listing = "g++ 12.2.0, -O2\nexp/f32/-/AVX2\tn:64\t64\telement\nmatmul/f32/6x16/AVX2\tk:8\t768\tmultiply-add\n"
    part = "part: {0}\n\ndesc: Trigger: {1}\n\nevents: Ir\nsummary: {2}\n\nfn=(7) f\n3 {2}\n\ntotals: {2}\n"
    dumped = "--dump-after=" + COUNTED
    dump = "version: 1\n" + part.format(1, dumped, 10000) + part.format(2, dumped, 300) + part.format(3, "Program termination", 5)
    build, counted = join(listing, dump)
    exp, matmul = ("exp/f32/-/AVX2", "n:64"), ("matmul/f32/6x16/AVX2", "k:8")
    expected = {exp: (10000, 64, "element"), matmul: (300, 768, "multiply-add")}
    failed = [] if (build, counted) == ("g++ 12.2.0, -O2", expected) else [f"parsed: {build}, {counted}"]
    text = table_text(build, counted)

    def outcome(changed, build=build):
        sys.stdout, silenced = io.StringIO(), sys.stdout
        try:
            return check(text, build, changed)
        except Wrong:
            return "refused"
        finally:
            sys.stdout = silenced

    def with_count(key, instructions):
        return {**counted, key: (instructions, *counted[key][1:])}

    new = ("relu/f32/-/AVX2", "n:64")
    cases = [("equal", counted, 0), ("1 % more", with_count(exp, 10100), 0), ("1 % less", with_count(exp, 9900), 0),
             ("2 % more", with_count(exp, 10200), 0), ("3 % more", with_count(exp, 10300), 1),
             ("3 % less", with_count(exp, 9700), 1), ("3 % more of the second", with_count(matmul, 309), 1),
             ("a new kernel", {**counted, new: (1, 1, "element")}, 1), ("a kernel gone", {exp: counted[exp]}, 1),
             ("another shape", {exp: counted[exp], (matmul[0], "k:9"): counted[matmul]}, 1), ("nothing", {}, 1)]
    failed += [f"{what}: {outcome(changed)} instead of {status}" for what, changed, status in cases if outcome(changed) != status]
    if outcome(counted, "g++ 13.2.0, -O2") != "refused":
        failed.append("another compiler's counts were compared")
    for what, wrong in (("a part too few", lambda: join(listing, dump.replace(dumped, "something", 1))),
                        ("no call", lambda: join("g++ 12.2.0\n", dump)), ("two alike", lambda: join(
                            listing.replace("matmul/f32/6x16/AVX2\tk:8", "exp/f32/-/AVX2\tn:64"), dump)),
                        ("a table without a build", lambda: read_table(text.replace("# build", "# built")))):
        try:
            wrong()
            failed.append(f"{what} was accepted")
        except Wrong:
            pass
    committed_build, committed = read_table(table_file())
    if not committed or "g++ " not in committed_build:
        failed.append(f"{TABLE_NAME} is empty, or of another compiler than g++: {committed_build}")
    for line in failed:
        print(line)
    print(f"{len(cases) + 7} planted differences, {len(failed)} failures; {TABLE_NAME} has {len(committed)} counts")
    return 1 if failed else 0


def main(arguments):
    if arguments != ["--self-test"] and (not arguments or arguments[0].startswith("-") or
                                         arguments[1:] not in ([], ["--write"], ["--list"])):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        if arguments == ["--self-test"]:
            return self_test()
        if not arguments[1:]:
            return check(table_file(), *count(arguments[0]))
        written = table_text(*count(arguments[0]))
        if arguments[1] == "--list":
            print(written, end="")
        else:
            with open(TABLE, "w", encoding="utf-8") as f:
                f.write(written)
            print(f"wrote {TABLE_NAME}")
        return 0
    except Wrong as e:
        print(f"count-instructions: {e}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
