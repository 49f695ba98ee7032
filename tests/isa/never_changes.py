#!/usr/bin/env python3
"""A line of tests/fingerprints.json, once it has landed, never changes and never goes: that is the promise to users.

    never_changes.py ROOT          against every dated table in tests/isa/promised/, and every version in git's history; the dated
                                   tables themselves against theirs
    never_changes.py --self-test ROOT    a changed and a removed line must be found, in either place, and so must a changed dated table

Python's standard library alone. Exit status 1 where a line was broken, or where history is there and cannot be seen whole.
"""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

TABLE = "tests/fingerprints.json"
PROMISED = "tests/isa/promised"


def lines(text):
    return json.loads(text)["fingerprints"]


def git(root, *arguments):
    try:
        return subprocess.run(["git", "-c", f"safe.directory={os.path.abspath(root)}", "-C", root, *arguments], capture_output=True, text=True)
    except FileNotFoundError:
        raise SystemExit("never_changes: there is a history here and no git to read it with; install git") from None


def require_whole_history(root):
    """Half of a history would pass for all of it."""
    shallow = git(root, "rev-parse", "--is-shallow-repository")
    if shallow.returncode != 0:
        raise SystemExit(f"never_changes: git's history cannot be read: {' '.join(shallow.stderr.split())}")
    if shallow.stdout.strip() != "false":
        raise SystemExit("never_changes: this clone is shallow, so that earlier tables cannot be seen; run git fetch --unshallow")


def versions(root, path):
    """(commit, text) of every version of a file in git's history."""
    log = git(root, "log", "--full-history", "--format=%H", "--", path)
    if log.returncode != 0:
        raise SystemExit(f"never_changes: git's history cannot be read: {' '.join(log.stderr.split())}")
    for commit in log.stdout.split():
        shown = git(root, "show", f"{commit}:{path}")
        if shown.returncode == 0:  # not the commit that removed or renamed it
            yield commit[:12], shown.stdout


def has_history(root):
    return os.path.exists(os.path.join(root, ".git"))


def earlier_tables(root):
    """(where it stands, {name: fingerprint}) of each."""
    for path in sorted(glob.glob(os.path.join(root, PROMISED, "*.json"))):
        with open(path, encoding="utf-8") as f:
            yield os.path.relpath(path, root), lines(f.read())
    if not has_history(root):
        print("no git history here: compared with the dated tables alone")
        return
    require_whole_history(root)
    for commit, text in versions(root, TABLE):
        yield commit, lines(text)


def broken_copies(root):
    """A dated table that was changed or taken away would promise something else; ones that are new are welcome."""
    if not has_history(root):
        return []
    log = git(root, "log", "--full-history", "-m", "--format=", "--name-only", "--", PROMISED)
    found = []
    for path in sorted({line for line in log.stdout.splitlines() if line.endswith(".json")}):
        now = None
        if os.path.exists(os.path.join(root, path)):
            with open(os.path.join(root, path), encoding="utf-8") as f:
                now = f.read()
        for commit, text in versions(root, path):
            if text != now:
                found.append(f"{path}: {'gone' if now is None else 'not as it was'} in {commit}")
    return found


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
    return found + broken_copies(root), compared, tables


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
    planted = self_test_of_copies() + self_test_of_blindness()
    print(f"{2 * len(expectations) + 1 + planted} planted tables judged rightly")


def repository(folder, table):
    """Of one commit, which has the table and a dated copy of it."""
    os.makedirs(os.path.join(folder, PROMISED))
    for path in (TABLE, f"{PROMISED}/earlier.json"):
        with open(os.path.join(folder, path), "w", encoding="utf-8") as f:
            json.dump({"fingerprints": table}, f)
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "t"]):
        if git(folder, *command).returncode != 0:
            raise SystemExit(f"git {command[0]} failed")


def self_test_of_copies():
    """A dated copy in which a line is missing, or which is gone, while the table keeps every line."""
    with tempfile.TemporaryDirectory() as folder:
        repository(folder, {"kernel a": "11", "kernel b": "22"})
        copy = os.path.join(folder, PROMISED, "earlier.json")
        shutil.copy(copy, os.path.join(folder, PROMISED, "later.json"))
        if found := broken(folder)[0]:
            raise SystemExit(f"a new dated table was refused: {found}")
        with open(copy, "w", encoding="utf-8") as f:
            json.dump({"fingerprints": {"kernel a": "11"}}, f)
        changed = broken(folder)[0]
        os.remove(copy)
        gone = broken(folder)[0]
        if len(changed) != 1 or "not as it was" not in changed[0] or len(gone) != 1 or "gone" not in gone[0]:
            raise SystemExit(f"a changed dated table gave {changed}, one that is gone {gone}")
    return 3


def self_test_of_blindness():
    """A shallow clone, and a history without git, must say so in a sentence."""
    with tempfile.TemporaryDirectory() as folder:
        whole, shallow = os.path.join(folder, "whole"), os.path.join(folder, "shallow")
        repository(whole, {"kernel a": "11"})
        git(whole, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "--allow-empty", "-m", "t")
        if git(folder, "clone", "-q", "--depth", "1", f"file://{whole}", shallow).returncode != 0:
            raise SystemExit("git clone failed")
        path = os.environ["PATH"]
        for where, without_git, says in ((shallow, False, "shallow"), (whole, True, "install git")):
            os.environ["PATH"] = folder if without_git else path
            try:
                broken(where)
                raise AssertionError(f"{where} was compared with a history that cannot be seen")
            except SystemExit as e:
                if says not in str(e) or "\n" in str(e):
                    raise
            finally:
                os.environ["PATH"] = path
    return 2


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
