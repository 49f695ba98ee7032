#!/usr/bin/env python3
"""Tests of the tests: plants each defect of the lists beside it in a copy of one file, and demands that a test reports it.

    run_mutants.py BUILD [NAME...] [--jobs N] [--share I/N]
    run_mutants.py --check          every mutant still applies, and together they quote the contract; nothing is built
    run_mutants.py --list

BUILD is a folder built with Ninja that holds the programs. A mutant is compiled alone, with the build's own commands, in a
folder of its own, and linked in front of the build's libraries; nothing of the project or of BUILD changes. A mutant of
the kernels is one generated file with one operation, for one or two instruction sets; the campaign (tests/adversarial)
attacks it. A mutant of the runtime is one object in an ordinary test program.

--share takes every N-th mutant of the lists, from the (I modulo N)-th on: each I another part of them.

A mutant counts as caught where the program ends with status 1 and reports a difference; a crash, a hang or a compiler's
error is a failure of the mutant. So is a text that is not found exactly once, words that docs/numerics.md does not have,
and a program that reports a difference without the mutant: the campaign is run again without it, for as many comparisons
as the mutant needed.
"""
import argparse
import concurrent.futures
import os
import re
import shlex
import shutil
import sys
import tempfile
import time

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
from relink import Broken, Build, run  # noqa: E402
from share import ALL, share  # noqa: E402

SEED, COMPARISONS = 1, 3_000_000
NOT_PLANTED = "not_planted.yaml"
KEYS = {"name", "contract", "file", "old", "new", "edits", "operation", "targets", "test"}
# Tiles that the campaign can tell apart, and that compile quickly.
FEW_TILES = {1: {1: 2, 4: 1}, 2: {1: 2, 4: 1}, 4: {1: 1, 2: 1}, 16: {1: 1, 2: 1}}


def words(text):
    return " ".join(re.sub(r"[*`]", "", text).split())


def mutants_of(folder):
    listed = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".yaml") and name != NOT_PLANTED:
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                listed += yaml.safe_load(f)
    with open(os.path.join(ROOT, "docs", "numerics.md"), encoding="utf-8") as f:
        contract = words(f.read())
    names = set()
    for m in listed:
        name = m.get("name", "?")
        if name in names or set(m) - KEYS:
            raise Broken(f"{name}: listed twice, or with unknown keys {sorted(set(m) - KEYS)}")
        names.add(name)
        if ("operation" in m) == ("test" in m):
            raise Broken(f"{name}: one of 'operation' and 'test' says what must catch it")
        if words(m["contract"]) not in contract:
            raise Broken(f"{name}: docs/numerics.md does not say: {m['contract']}")
        m.setdefault("edits", [{"file": m["file"], "old": m["old"], "new": m["new"]}] if "file" in m else [])
        if not m["edits"]:
            raise Broken(f"{name}: changes nothing")
    return listed


def uncovered(mutants):
    """The paragraphs, rows and items of the contract that no mutant quotes, but for those that NOT_PLANTED has a reason for."""
    with open(os.path.join(HERE, NOT_PLANTED), encoding="utf-8") as f:
        reasons = yaml.safe_load(f)
    with open(os.path.join(ROOT, "docs", "numerics.md"), encoding="utf-8") as f:
        text = f.read()
    text = text[text.index("\n## 1. "):]  # what comes before says what a result depends on
    parts = [words(part) for part in re.split(r"\n\n|\n(?=- )|\n(?=\|)", text)]
    headings = ("| operation | definition |", "| attention | below |")
    parts = [part for part in parts if not part.startswith("#") and part not in headings and part[-1:] != ":" and set(part) - set("|- ")]
    planted = {words(m["contract"]) for m in mutants}
    exempt = [words(reason["contract"]) for reason in reasons]
    idle = [quote for quote in exempt if not any(quote in part and not any(q in part for q in planted) for part in parts)]
    if idle:
        raise Broken(f"{NOT_PLANTED} exempts what has a mutant, or is not in the contract: {'; '.join(idle)}")
    return [part for part in parts if not any(quote in part for quote in [*planted, *exempt])]


def apply(edits, folder):
    """Writes the changed files into folder, at their own paths. Each text must stand there exactly once."""
    texts = {}
    for edit in edits:
        path = edit["file"]
        if path not in texts:
            with open(os.path.join(ROOT, path), encoding="utf-8") as f:
                texts[path] = f.read()
        count = texts[path].count(edit["old"])
        if count != 1:
            raise Broken(f"{path} has {count} times, not once: {edit['old']!r}")
        texts[path] = texts[path].replace(edit["old"], edit["new"])
    for path, text in texts.items():
        target = os.path.join(folder, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8") as f:
            f.write(text)
    return list(texts)


def few_kernels(operation, folder):
    """codegen/kernels.yaml with one operation and few tiles; the name of its generated file."""
    name, _, type_ = operation.partition("/")
    changed = os.path.join(folder, "codegen", "kernels.yaml")
    with open(changed if os.path.exists(changed) else os.path.join(ROOT, "codegen", "kernels.yaml"), encoding="utf-8") as f:
        for entry in yaml.safe_load(f):
            own = [k for k in entry.get("kernels", []) if k["operation"] == name]
            if not own and entry["file"] != name and not name.startswith(entry["file"] + "_"):
                continue
            if own:
                entry["kernels"] = own
            if "types" in entry:
                entry["types"] = [type_ or "f32"]
            if "tiles" in entry:
                entry["tiles"] = FEW_TILES
            return [entry], entry["file"] + (f"_{entry['types'][0]}" if "types" in entry else "")
    raise Broken(f"no kernel is called {operation}")


def kernel_options(folder, targets):
    first = ["-I", os.path.join(folder, "include"), "-I", folder, "-I", os.path.join(folder, "generated")]
    last = ["-O1", "-w"]
    if os.uname().machine in ("x86_64", "AMD64"):
        kept = "|".join(f"HWY_{t}" for t in [*targets, "SCALAR"])
        last.append(f"-DHWY_DISABLED_TARGETS=(~({kept}))")
    return first, last


def campaign(build, m, edits, folder, comparisons):
    """Runs the campaign on the operation with the edits: the finished process, and whether it reports a difference."""
    apply(edits, folder)
    # Templates are read beside the generator.
    for top, _, names in os.walk(os.path.join(ROOT, "codegen")):
        for name in names:
            path = os.path.join(top, name)
            target = os.path.join(folder, os.path.relpath(path, ROOT))
            if not os.path.exists(target) and name.endswith((".py", ".j2")):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copyfile(path, target)
    kernels, file = few_kernels(m["operation"], folder)
    with open(os.path.join(folder, "kernels.yaml"), "w", encoding="utf-8") as f:
        yaml.safe_dump(kernels, f)
    generated = os.path.join(folder, "generated")
    run([sys.executable, os.path.join(folder, "codegen", "generate.py"), "--list", os.path.join(folder, "kernels.yaml"), "--out", generated],
        folder, "generating")
    options = kernel_options(folder, m.get("targets", ["AVX2"]))
    objects = []
    for name in (file, "registry"):
        objects.append(os.path.join(folder, name + ".o"))
        build.compile(os.path.join(build.folder, "generated", name + ".cc"), os.path.join(generated, name + ".cc"), objects[-1], options)
    program = os.path.join(folder, "campaign")
    build.link("campaign", objects, program)
    result = run([program, "--seed", str(SEED), "--comparisons", str(comparisons),
                  "--operation", m["operation"].partition("/")[0]], folder, "the campaign", accept=(0, 1))
    return result, "DIFFERENCE in" in result.stdout


def test_program(build, m, edits, folder):
    arguments = shlex.split(m["test"])
    program = os.path.join(folder if edits else os.path.join(build.folder, "tests"), arguments[0])
    objects = []
    for path in apply(edits, folder):
        objects.append(os.path.join(folder, os.path.basename(path) + ".o"))
        build.compile(os.path.join(ROOT, path), os.path.join(folder, path), objects[-1], (["-I", folder, "-I", os.path.dirname(os.path.join(ROOT, path))], ["-O1", "-w"]))
    if edits:
        build.link(arguments[0], objects, program)
    result = run([program, *arguments[1:]], build.folder, m["test"], accept=(0, 1))
    return result, "[  FAILED  ]" in result.stdout


def attack(build, m, edits, comparisons=COMPARISONS):
    with tempfile.TemporaryDirectory(prefix="invar-mutant-") as folder:
        if "operation" in m:
            result, reported = campaign(build, m, edits, folder, comparisons)
        else:
            result, reported = test_program(build, m, edits, folder)
    if (result.returncode == 1) != reported:
        raise Broken(f"status {result.returncode} and {'a' if reported else 'no'} difference:\n{result.stdout[-1500:]}")
    return reported, result.stdout


def compared(output):
    found = re.search(r"\[ COMPARED \] (\d+)", output)
    return int(found.group(1)) if found else 0


def way(m):
    """What mutants have in common that are built and run alike."""
    return m.get("test") or (m["operation"], tuple(m.get("targets", ["AVX2"])))


def summary(m, output):
    """What told the mutant from the contract, in a few words."""
    if "test" in m:
        failed = re.findall(r"^\[  FAILED  \] ([\w/.]+)", output, flags=re.M)
        return failed[0] if failed else ""
    kernel = re.search(r"kernel:\s+(.*)", output)
    return f"{m['operation']} on {kernel.group(1) if kernel else '?'}, within {compared(output)} comparisons"


def main():
    parser = argparse.ArgumentParser(description="Plants defects and demands that tests report them.")
    parser.add_argument("build", nargs="?")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--share", type=share, default=ALL, metavar="I/N")
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    mutants = mutants_of(HERE)
    unknown = set(arguments.names) - {m["name"] for m in mutants}
    if unknown:
        raise Broken(f"there is no mutant {', '.join(sorted(unknown))}")
    if arguments.names:
        mutants = [m for m in mutants if m["name"] in arguments.names]
    mutants = mutants[arguments.share]
    if not mutants:
        raise Broken("this share has no mutant")
    if arguments.list:
        for m in mutants:
            print(f"{m['name']:34} {m.get('operation') or m['test'].split()[0]:24} {words(m['contract'])}")
        return 0
    if arguments.check:
        with tempfile.TemporaryDirectory() as folder:
            for m in mutants:
                apply(m["edits"], folder)
        missing = uncovered(mutants)
        if missing:
            raise Broken("no mutant quotes these parts of the contract:\n" + "\n".join(part[:150] for part in missing))
        print(f"{len(mutants)} mutants apply, and quote every part of the contract that they should")
        return 0
    if not arguments.build:
        parser.error("a build folder is needed")
    build = Build(arguments.build)
    started = time.monotonic()
    failed, needed = set(), {}
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        def finish(jobs, planted):
            for job in concurrent.futures.as_completed(jobs):
                m = jobs[job]
                try:
                    reported, output = job.result()
                except Broken as e:
                    failed.add(m["name"])
                    print(f"BROKEN    {m['name']}: {e}", flush=True)
                    continue
                if reported != planted:
                    failed.add(m["name"])
                    print(f"SURVIVED  {m['name']}" if planted else f"UNSOUND   {m['name']}: a difference without any defect:\n{output[-1500:]}", flush=True)
                elif planted:
                    needed[way(m)] = max(needed.get(way(m), 0), compared(output))
                    print(f"caught    {m['name']:36} {summary(m, output)}", flush=True)

        finish({pool.submit(attack, build, m, m["edits"]): m for m in mutants}, True)
        # Without a defect the same programs must find nothing.
        sound = {way(m): m for m in mutants}
        finish({pool.submit(attack, build, m, [], needed.get(w, COMPARISONS)): m for w, m in sound.items()}, False)
    print(f"{len(mutants)} mutants, {len(mutants) - len(failed)} caught; {len(sound)} programs find nothing without them; "
          f"{time.monotonic() - started:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Broken as e:
        sys.exit(f"run_mutants.py: {e}")
