#!/usr/bin/env python3
"""The same bits by every compiler, level and linkage: `./run test-compilers`.

    compilers.py [--work DIR] [--only TEXT]... [--list] [--install]

Builds each line of compilers.yaml and runs all of tests/fingerprints.json on every instruction set that is built and that this
processor has; slow builds on AVX2 and SSE4 alone. Exit status 1 where anything differs or could not be tried.
"""
import argparse
import itertools
import os
import shutil
import sys
import time

import yaml

import sources
from builds import HERE, ROOT, Failure, build, require_packages, stop
from legs import read_table, run_leg


def name(row):
    if "flags" in row:
        return f"{row['compiler']} {row['flags']}"
    return " ".join([row["compiler"], row["level"], "lto" if row["lto"] else "no lto", row["march"],
                     "sanitized" if row["sanitize"] else "not sanitized", row["link"]])


def missing_pairs(rows):
    columns = list(rows[0])
    missing = []
    for a, b in itertools.combinations(columns, 2):
        have = {(row[a], row[b]) for row in rows}
        for pair in itertools.product({row[a] for row in rows}, {row[b] for row in rows}):
            if pair not in have:
                missing.append(f"{a} {pair[0]} with {b} {pair[1]}")
    return missing


def specification(row):
    """As builds.build() takes it."""
    compiler = row["compiler"]
    version = compiler.rpartition("-")[2]
    clang = compiler.startswith("clang")
    flags = row.get("flags") or f"{row['level']} -march={row['march']}"
    native = "native" in flags
    if not native:  # the builds with `native` have them all; the others one of each kind
        flags += " -DHWY_DISABLED_TARGETS=HWY_AVX3+HWY_AVX3_DL+HWY_SSSE3"
    lld = f"-fuse-ld=lld-{version}" if clang else ""
    packages = [f"clang-{version}", f"lld-{version}", f"llvm-{version}", f"libclang-rt-{version}-dev"] if clang else ["g++"]
    options = [f"-DCMAKE_SHARED_LINKER_FLAGS={lld}", f"-DINVAR_AVX3_DL={'ON' if native else 'OFF'}"]
    if row.get("lto"):
        options.append("-DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON")
    if row.get("link") == "shared":
        options.append("-DBUILD_SHARED_LIBS=ON")
    if row.get("sanitize"):
        options.append("-DINVAR_SANITIZE=address,undefined")
    return {"cxx": compiler, "type": "None", "highway": "1.0.3", "flags": flags, "link": lld,
            "options": options, "packages": packages}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", default=os.path.join(ROOT, "build-compilers"), help="folder of the builds")
    parser.add_argument("--only", action="append", default=[], help="builds whose line holds this text")
    parser.add_argument("--list", action="store_true", help="print the builds and stop")
    parser.add_argument("--install", action="store_true", help="install the missing packages (Debian, as root)")
    parser.add_argument("--keep", action="store_true", help="keep the builds, several gigabytes in all")
    arguments = parser.parse_args()
    with open(os.path.join(HERE, "compilers.yaml"), encoding="utf-8") as f:
        listed = yaml.safe_load(f)
    rows = listed["builds"]
    if missing := missing_pairs(rows):
        raise SystemExit(f"compilers.yaml has no build of {missing[0]}, and lacks {len(missing)} pairs in all")
    rows = [row for row in rows + listed["flags"] if not arguments.only or any(text in name(row) for text in arguments.only)]
    if not rows:
        raise SystemExit(f"no build has {' or '.join(map(repr, arguments.only))} in its name; see --list")
    if arguments.list:
        print("\n".join(map(name, rows)))
        return 0
    require_packages({p for row in rows for p in specification(row)["packages"]}, arguments.install)
    folders, highways = sources.prepare(ROOT, arguments.work, {"1.0.3"})
    table = read_table()["fingerprints"]
    failures, equal, values = [], 0, 0
    for row in rows:
        started = time.monotonic()
        spec = specification(row)
        folder_name = name(row).replace(" ", "_")
        leg = {"name": name(row), "expect": ["AVX2", "SSE4"]}
        if "native" in spec["flags"]:
            leg["if"] = {"avx512f": ["AVX3"], "avx512_bitalg": ["AVX3_DL"]}
        if row.get("level") == "-O0" or row.get("sanitize"):  # minutes for each
            leg.update(isas=["AVX2", "SSE4"])
            leg.pop("if", None)
        # libstdc++'s tag of make_shared then is in two libraries, which the sanitizer takes for a violation of the one definition.
        os.environ["ASAN_OPTIONS"] = "detect_odr_violation=0" if row.get("link") == "shared" and row.get("lto") else ""
        try:
            folder = build(folder_name, spec, arguments.work, folders, highways)
            built = time.monotonic() - started
            ran, fingerprints, compared, seconds = run_leg(leg, folder, table)
        except Failure as failure:
            failures.append(f"{name(row)}: {failure}")
            print(f"FAILED {name(row)}: {failure}", flush=True)
            continue
        equal += fingerprints
        values += compared
        print(f"{name(row):58} {', '.join(ran):42} {fingerprints:4} fingerprints equal, {compared:9} values; built in {built:.0f} s, "
              f"ran in {seconds:.0f} s", flush=True)
        if not arguments.keep:
            shutil.rmtree(folder)
    print(f"{len(rows) - len(failures)} of {len(rows)} builds equal: {equal} fingerprints, {values} values", flush=True)
    return stop(failures)


if __name__ == "__main__":
    sys.exit(main())
