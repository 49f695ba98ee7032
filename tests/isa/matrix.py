#!/usr/bin/env python3
"""The same bits on every instruction set that can be built and run here: `./run test-isa`.

    matrix.py [--work DIR] [--ci | --only TEXT]... [--list] [--install]

Each build of legs.yaml is configured and built once; each leg runs the program `fingerprints` of its build, natively or under an
emulator, and the command line. Every line must be that of tests/fingerprints.json, and every instruction set that the leg
expects must have run. Exit status 1 where anything differs or could not be tried.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time

import yaml

import sources

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
# What a user types; its standard output is a line of the table too. {models}: the folder of bundled models.
COMMANDS = [
    ["generate", "-m", "{models}/gpt2", "-p", "ROMEO:", "-n", "24"],
    ["generate", "-m", "{models}/qwen3", "--chat", "-p", "What news?", "-n", "12", "--temp", "0.8", "--seed", "7"],
    ["logits", "-m", "{models}/qwen3", "-p", "ROMEO:\nBut soft, what light", "--batch", "3", "--chunk", "4"],
]


class Failure(Exception):
    """What went wrong in a leg, in a sentence."""


def run(command, log, **options):
    with open(log, "w", encoding="utf-8") as f:
        code = subprocess.run(command, stdout=f, stderr=subprocess.STDOUT, **options).returncode
    if code != 0:
        with open(log, encoding="utf-8", errors="replace") as f:
            tail = "".join(f.readlines()[-25:])
        raise Failure(f"{' '.join(command[:3])} ... failed ({code}); the log is {log}\n{tail}")


def missing_packages(packages):
    query = subprocess.run(["dpkg-query", "-W", "-f=${Package} ${db:Status-Status}\n", *packages], capture_output=True, text=True)
    installed = {line.split()[0].split(":")[0] for line in query.stdout.splitlines() if line.endswith(" installed")}
    return [p for p in packages if p not in installed]


def emscripten(spec):
    return spec["cxx"] == "em++"


def build(name, spec, work, folders, highways, jobs):
    """Configures and builds; returns its folder."""
    folder = os.path.join(work, name)
    os.makedirs(folder, exist_ok=True)
    cxx = spec["cxx"]
    cc = cxx.replace("clang++", "clang").replace("g++", "gcc").replace("em++", "emcc")
    flags = spec.get("flags", "")
    link = "" if "processor" not in spec else "-static"
    options = [f"-DCMAKE_CXX_COMPILER={cxx}", f"-DCMAKE_C_COMPILER={cc}"]
    if "processor" in spec:
        options += ["-DCMAKE_SYSTEM_NAME=" + ("Emscripten" if emscripten(spec) else "Linux"),
                    f"-DCMAKE_SYSTEM_PROCESSOR={spec['processor']}"]
    if emscripten(spec):
        flags += " -fexceptions"
        link = "-fexceptions -sNODERAWFS=1 -sALLOW_MEMORY_GROWTH=1 -sEXIT_RUNTIME=1 -sTOTAL_STACK=4MB"
        options += ["-DCMAKE_CROSSCOMPILING=ON", "-DCMAKE_EXECUTABLE_SUFFIX=.js", "-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY",
                    "-DTHREADS_PREFER_PTHREAD_FLAG=OFF", "-DCMAKE_HAVE_LIBC_PTHREAD=ON"]
    if "--target=" in flags:
        link += " -fuse-ld=lld-19"
    options += [f"-DCMAKE_CXX_FLAGS={flags}", f"-DCMAKE_C_FLAGS={flags}", f"-DCMAKE_EXE_LINKER_FLAGS={link}"]
    options += [f"-DFETCHCONTENT_SOURCE_DIR_{library}={path}" for library, path in folders.items()]
    options += [f"-DFETCHCONTENT_SOURCE_DIR_HIGHWAY={highways[spec['highway']]}"]
    run(["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DINVAR_SYSTEM_LIBS=OFF",
         "-DINVAR_BUILD_TESTS=OFF", "-DINVAR_BUILD_BENCH=OFF", "-DINVAR_BUILD_FINGERPRINTS=ON", *options],
        os.path.join(folder, "configure.log"))
    run(["cmake", "--build", folder, "-j", str(jobs), "--target", "fingerprints", "invar"], os.path.join(folder, "build.log"))
    return folder


def expected(leg):
    names = set(leg["expect"])
    if "if" in leg:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            here = set(next((line for line in f if line.startswith("flags")), "").split())
        for flag, more in leg["if"].items():
            if flag in here:
                names.update(more)
    return names


def run_leg(leg, folder, suffix, table, write):
    """Runs one leg; returns (instruction sets, fingerprints, values, seconds)."""
    started = time.monotonic()
    runner = shlex.split(leg.get("run", ""))
    command = runner + [os.path.join(folder, "tests", "fingerprints" + suffix), ROOT]
    command += ["--isa", leg["isa"]] if "isa" in leg else []
    result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if result.returncode != 0:
        raise Failure(f"{shlex.join(command)} exited with {result.returncode}:\n{(result.stdout + result.stderr)[-3000:]}")
    lines = re.findall(r"^(\w+) +(\d+) of \d+ fingerprints equal, of (\d+) values; (\d+)", result.stdout, re.M)
    ran = {line[0] for line in lines}
    if not expected(leg) <= ran:
        raise Failure(f"expected {', '.join(sorted(expected(leg) - ran))} to run, but only {', '.join(sorted(ran)) or 'nothing'} did")
    fingerprints = sum(int(line[1]) for line in lines)
    for arguments in COMMANDS:
        typed = [a.format(models=os.path.join(ROOT, "models")) for a in arguments]
        typed += ["--isa", leg["isa"]] if "isa" in leg else []
        result = subprocess.run(runner + [os.path.join(folder, "bin", "invar" + suffix), *typed], capture_output=True, stdin=subprocess.DEVNULL)
        if result.returncode != 0:
            raise Failure(f"invar {shlex.join(typed)} exited with {result.returncode}: {result.stderr.decode(errors='replace')[-2000:]}")
        name = "command invar " + shlex.join(a.format(models="models") for a in arguments)
        digest = hashlib.sha256(result.stdout).hexdigest()
        if write:
            table.setdefault(name, digest)
        if table.get(name) != digest:
            raise Failure(f"{name}: its output has the fingerprint {digest} instead of {table.get(name)}:\n{result.stdout.decode(errors='replace')[:500]}")
        fingerprints += 1
    return sorted(ran), fingerprints, sum(int(line[2]) + int(line[3]) for line in lines), time.monotonic() - started


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", default=os.path.join(ROOT, "build-isa"), help="folder of the builds")
    parser.add_argument("--only", action="append", default=[], help="legs and builds whose name holds this text")
    parser.add_argument("--ci", action="store_true", help="leave out the legs that say ci: false")
    parser.add_argument("--list", action="store_true", help="print the legs and stop")
    parser.add_argument("--install", action="store_true", help="install the missing packages (Debian, as root)")
    parser.add_argument("--write", action="store_true", help="add lines of commands that the table lacks")
    arguments = parser.parse_args()
    with open(os.path.join(HERE, "legs.yaml"), encoding="utf-8") as f:
        matrix = yaml.safe_load(f)
    table_path = os.path.join(ROOT, "tests", "fingerprints.json")
    with open(table_path, encoding="utf-8") as f:
        document = json.load(f)
    legs = [leg for leg in matrix["legs"]
            if (not arguments.only or any(text in leg["name"] or text == leg["build"] for text in arguments.only))
            and not (arguments.ci and leg.get("ci") is False)]
    if arguments.list:
        for leg in legs:
            print(f"{leg['name']:42} {leg['build']:14} {leg.get('run', '')}")
        return 0
    if not legs:
        raise SystemExit("no leg has such a name; see --list")
    builds = {leg["build"]: matrix["builds"][leg["build"]] for leg in legs}
    packages = sorted({p for spec in builds.values() for p in spec.get("packages", [])}
                      | {"qemu-user" for leg in legs if leg.get("run", "").startswith("qemu")})
    absent = missing_packages(packages) if packages and shutil.which("dpkg-query") else []
    if absent and arguments.install:
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *absent], check=True, stdout=subprocess.DEVNULL)
        absent = []
    if absent:
        raise SystemExit(f"these packages are missing, without which legs cannot be tried: apt-get install {' '.join(absent)}")
    os.makedirs(arguments.work, exist_ok=True)
    folders, highways = sources.prepare(ROOT, arguments.work, {spec["highway"] for spec in builds.values()})
    jobs = os.cpu_count() or 1
    failures, rows = [], []
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as runs:  # legs run while the next build compiles
        pending = []
        for name, spec in builds.items():
            started = time.monotonic()
            try:
                folder = build(name, spec, arguments.work, folders, highways, jobs)
            except Failure as failure:
                failures.append(f"build {name}: {failure}")
                print(f"FAILED build {name}: {failure}", flush=True)
                continue
            print(f"built {name} in {time.monotonic() - started:.0f} s", flush=True)
            suffix = ".js" if emscripten(spec) else ""
            for leg in (leg for leg in legs if leg["build"] == name):
                pending.append((leg, runs.submit(run_leg, leg, folder, suffix, document["fingerprints"], arguments.write)))
        for leg, future in pending:
            try:
                ran, fingerprints, values, seconds = future.result()
            except Failure as failure:
                failures.append(f"{leg['name']}: {failure}")
                print(f"FAILED {leg['name']}: {failure}", flush=True)
                continue
            rows.append((leg["name"], fingerprints, values))
            print(f"{leg['name']:42} {', '.join(ran):40} {fingerprints:5} fingerprints equal, {values:10} values, {seconds:5.0f} s", flush=True)
    if arguments.write and not failures:
        with open(table_path + ".part", "w", encoding="utf-8") as f:
            document["fingerprints"] = dict(sorted(document["fingerprints"].items()))
            f.write(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
        os.rename(table_path + ".part", table_path)
    print(f"{len(rows)} of {len(legs)} legs equal: {sum(r[1] for r in rows)} fingerprints, {sum(r[2] for r in rows)} values", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
