#!/usr/bin/env python3
"""Where compilers.py cannot have what it needs, it says so in one sentence and fails: no package manager, no network, no such build.

    failures_test.py

Python's standard library and yaml, which compilers.py needs. Exit status 1 where one case ends otherwise.
"""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import sources  # noqa: E402


def program(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"#!/bin/sh\n{text}\n")
    os.chmod(path, 0o755)


def refusal(call):
    try:
        call()
    except SystemExit as e:
        return str(e)
    return "it succeeded"


def main():
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        bare = os.path.join(folder, "bare")
        os.mkdir(bare)
        work = os.path.join(folder, "work")
        for more in ([], ["--list"]):
            ran = subprocess.run([sys.executable, os.path.join(HERE, "compilers.py"), "--work", work, "--only", "NOPE", *more], capture_output=True, text=True)
            cases.append((f"--only NOPE {more}", ran.stderr.strip() if ran.returncode == 1 and not ran.stdout else f"status {ran.returncode}", "'NOPE'"))
        path = os.environ["PATH"]
        os.environ["PATH"] = bare
        cases.append(("no apt-get", refusal(lambda: sources.prepare(folder, work, {"1.0.3"})), "no apt-get"))
        # Offline, as apt-get tells it.
        os.mkdir(os.path.join(folder, ".ci"))
        program(bare, "apt-get", "exit 0")
        program(os.path.join(folder, ".ci"), "fetch-archives", "echo 'E: Failed to fetch' >&2; exit 100")
        cases.append(("offline", refusal(lambda: sources.prepare(folder, work, {"1.0.3"})), "Failed to fetch"))
        os.environ["PATH"] = path
        os.environ["PIP_INDEX_URL"] = "http://127.0.0.1:9/simple"
        cases.append(("no index", refusal(lambda: sources.from_package_index("numpy", "n.tar.gz", os.path.join(folder, "n.tar.gz"))), "n.tar.gz cannot be had"))
        with open(os.path.join(folder, "file"), "w", encoding="utf-8"):
            pass
        cases.append(("no folder", refusal(lambda: sources.prepare(folder, os.path.join(folder, "file", "x"), set())), "--work"))
    failed = [(what, said) for what, said, words in cases if words not in said or "\n" in said or "Traceback" in said]
    for what, said in failed:
        print(f"{what}: {said}")
    print(f"{len(cases) - len(failed)} of {len(cases)} refused in a sentence")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
