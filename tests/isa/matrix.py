#!/usr/bin/env python3
"""The same bits on every instruction set that can be built and run here: `./run test-isa`.

    matrix.py [--work DIR] [--ci [--share I/N] | --only TEXT]... [--list] [--install] [--reference PROGRAM [--seed S] [--cases N]]

Each build of legs.yaml is configured and built once; each leg runs the program `fingerprints` of its build, natively or under an
emulator, and the command line. Every line must be that of tests/fingerprints.json, and every instruction set that the leg
expects must have run. With --reference, the program `campaign` of a build for this processor that has MPFR, each leg also runs
random cases of every kernel, under other floating-point modes too, and the functions at all hard arguments and a share of the
others, and must find what that program finds. Exit status 1 where anything differs or could not be tried.
"""
import argparse
import concurrent.futures
import os
import secrets
import sys
import time

import yaml

import sources
from builds import HERE, ROOT, Failure, build, must_refuse, require_packages, stop
from legs import Campaign, read_table, run_leg, write_table

sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
from share import ALL, share  # noqa: E402


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", default=os.path.join(ROOT, "build-isa"), help="folder of the builds")
    parser.add_argument("--only", action="append", default=[], help="legs whose name holds this text, or of the build of this name")
    parser.add_argument("--ci", action="store_true", help="only the legs that say ci: true")
    parser.add_argument("--share", type=share, default=ALL, metavar="I/N",
                        help="of the builds, every N-th from the (I modulo N)-th on")
    parser.add_argument("--list", action="store_true", help="print the legs and stop")
    parser.add_argument("--install", action="store_true", help="install the missing packages (Debian, as root)")
    parser.add_argument("--write", action="store_true", help="add lines of commands that the table lacks")
    parser.add_argument("--reference", help="the campaign's program that knows all results")
    parser.add_argument("--seed", type=int, default=None, help="of the random cases; another each time where it is not given")
    parser.add_argument("--cases", type=int, default=1000, help="how many")
    arguments = parser.parse_args()
    if arguments.cases < 1:
        parser.error("--cases needs a number of 1 or more")
    with open(os.path.join(HERE, "legs.yaml"), encoding="utf-8") as f:
        matrix = yaml.safe_load(f)
    document = read_table()
    legs = [leg for leg in matrix["legs"]
            if (not arguments.only or any(text in leg["name"] or text == leg["build"] for text in arguments.only))
            and (not arguments.ci or leg.get("ci"))]
    shared_out = list(dict.fromkeys(leg["build"] for leg in legs))[arguments.share]
    legs = [leg for leg in legs if leg["build"] in shared_out]
    if arguments.list:
        for leg in legs:
            print(f"{leg['name']:42} {leg['build']:14} {'CI' if leg.get('ci') else '':3} {leg.get('run', '')}")
        return 0
    refused = [] if arguments.only else matrix["refused"]
    if not legs:
        raise SystemExit("no leg has such a name; see --list")
    builds = {leg["build"]: matrix["builds"][leg["build"]] for leg in legs}
    if arguments.ci:  # without the instruction sets that no leg of it runs
        builds = {name: {**spec, "flags": f"{spec.get('flags', '')} {spec.get('ci_flags', '')}"} for name, spec in builds.items()}
    require_packages({p for spec in [*builds.values(), *refused] for p in spec.get("packages", [])}
                     | {"qemu-user" for leg in legs if leg.get("run", "").startswith("qemu")}, arguments.install)
    folders, highways = sources.prepare(ROOT, arguments.work, {spec["highway"] for spec in builds.values()} | {"1.3.0"})
    failures, rows = [], []
    campaign = None
    if arguments.reference:
        seed = arguments.seed if arguments.seed is not None else secrets.randbelow(1 << 48)
        try:
            campaign = Campaign(os.path.abspath(arguments.reference), seed, arguments.cases)
        except Failure as failure:
            raise SystemExit(str(failure)) from failure
        print(f"random cases: --seed {seed} --cases {arguments.cases}, {len(campaign.expected)} digests", flush=True)

    def attempt(leg, folder):
        try:
            ran, fingerprints, values, seconds = run_leg(leg, folder, document["fingerprints"], arguments.write, campaign)
        except Exception as failure:  # whatever it is, it is this leg's: a runner that is missing, or does not start
            failures.append(f"{leg['name']}: {failure}")
            print(f"FAILED {leg['name']}: {failure}", flush=True)
            return
        rows.append((fingerprints, values))
        print(f"{leg['name']:42} {', '.join(ran):40} {fingerprints:5} fingerprints equal, {values:10} values, {seconds:5.0f} s", flush=True)

    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as runs:  # the next build compiles meanwhile
        for name, spec in builds.items():
            started = time.monotonic()
            try:
                folder = build(name, spec, arguments.work, folders, highways)
            except Failure as failure:
                failures.append(f"build {name}: {failure}")
                print(f"FAILED build {name}: {failure}", flush=True)
                continue
            print(f"built {name} in {time.monotonic() - started:.0f} s", flush=True)
            for leg in (leg for leg in legs if leg["build"] == name):
                runs.submit(attempt, leg, folder)
    for refusal in refused:
        try:
            must_refuse(refusal, highways["1.3.0"])
            print(f"{refusal['cxx']} {refusal['flags']}: refused, as it must be", flush=True)
        except Failure as failure:
            failures.append(str(failure))
            print(f"FAILED {failure}", flush=True)
    if arguments.write and not failures:
        write_table(document)
    print(f"{len(rows)} of {len(legs)} legs equal: {sum(r[0] for r in rows)} fingerprints, {sum(r[1] for r in rows)} values", flush=True)
    return stop(failures) or int(len(rows) != len(legs))


if __name__ == "__main__":
    sys.exit(main())
