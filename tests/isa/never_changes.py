#!/usr/bin/env python3
"""A line of tests/fingerprints.json, once it has landed, never changes and never goes: that is the promise to users.

    never_changes.py ROOT          against every dated table in tests/isa/promised/, and every version in git's history
    never_changes.py --self-test ROOT    a changed and a removed line must be found, in either place

Python's standard library alone. Exit status 1 where a line was broken.
"""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

TABLE = "tests/fingerprints.json"


def lines(text):
    return json.loads(text)["fingerprints"]


def git(root, *arguments):
    return subprocess.run(["git", "-c", f"safe.directory={os.path.abspath(root)}", "-C", root, *arguments], capture_output=True, text=True)


def earlier_tables(root):
    """(where it stands, {name: fingerprint}) of each."""
    for path in sorted(glob.glob(os.path.join(root, "tests", "isa", "promised", "*.json"))):
        with open(path, encoding="utf-8") as f:
            yield os.path.relpath(path, root), lines(f.read())
    if not os.path.exists(os.path.join(root, ".git")):
        print("no git history here: compared with the dated tables alone")
        return
    log = git(root, "log", "--full-history", "--format=%H", "--", TABLE)
    if log.returncode != 0:
        raise SystemExit(f"git's history cannot be read: {log.stderr.strip()}")
    for commit in log.stdout.split():
        shown = git(root, "show", f"{commit}:{TABLE}")
        if shown.returncode == 0:  # not the commit that removed or renamed it
            yield commit[:12], lines(shown.stdout)


def broken(root):
    with open(os.path.join(root, TABLE), encoding="utf-8") as f:
        now = lines(f.read())
    found, compared, tables = [], 0, 0
    for where, table in earlier_tables(root):
        tables += 1
        for name, fingerprint in table.items():
            compared += 1
            if now.get(name) != fingerprint:
                found.append(f"{name}: {fingerprint} in {where}, {now.get(name, 'gone')} now")
    return found, compared, tables


def self_test(root):
    def write(path, table):
        with open(path, "w", encoding="utf-8") as f:
            json.dump({"fingerprints": table}, f)

    table = {"kernel a": "11", "kernel b": "22"}
    expectations = [(table, 0), ({**table, "kernel c": "33"}, 0), ({**table, "kernel b": "23"}, 1), ({"kernel a": "11"}, 1), ({}, 2)]
    for history in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(os.path.join(folder, "tests", "isa", "promised"))
            path = os.path.join(folder, TABLE)
            write(path, table)
            if history:
                for command in (["init", "-q"], ["add", "."], ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "t"]):
                    if git(folder, *command).returncode != 0:
                        raise SystemExit(f"git {command[0]} failed")
            else:
                shutil.copy(path, os.path.join(folder, "tests", "isa", "promised", "earlier.json"))
            for changed, expected in expectations:
                write(path, changed)
                found = len(broken(folder)[0])
                if found != expected:
                    raise SystemExit(f"history {history}: {changed} gave {found} broken lines instead of {expected}")
    with tempfile.TemporaryDirectory() as folder:  # a merge that takes the side without the line
        os.makedirs(os.path.join(folder, "tests", "isa"))
        commit = ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qam", "t"]

        def step(*commands):
            for command in commands:
                if git(folder, *command).returncode != 0:
                    raise SystemExit(f"git {' '.join(command)} failed")

        write(os.path.join(folder, TABLE), {"kernel a": "11"})
        step(["init", "-q", "-b", "main"], ["add", "."], commit, ["branch", "side"])
        write(os.path.join(folder, TABLE), table)
        step(commit, ["checkout", "-q", "side"])
        with open(os.path.join(folder, "other"), "w", encoding="utf-8"):
            step(["add", "."], commit, ["checkout", "-q", "main"])
        step(["-c", "user.name=t", "-c", "user.email=t@t", "merge", "-q", "--no-commit", "side"],
             ["checkout", "side", "--", TABLE], commit)
        if len(broken(folder)[0]) != 1:
            raise SystemExit("a line that a merge removed was not found")
    print(f"{2 * len(expectations) + 1} planted tables judged rightly")


def main():
    if sys.argv[1] == "--self-test":
        self_test(sys.argv[2])
        return 0
    found, compared, tables = broken(sys.argv[1])
    for line in found:
        print(f"BROKEN {line}")
    print(f"{compared} lines of {tables} earlier tables compared, {len(found)} broken")
    return 1 if found or tables == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
