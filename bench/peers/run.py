#!/usr/bin/env python3
"""Invar beside other engines, on one machine, in one run (docs/peers.md).

The peers install themselves below the build folder: several gigabytes of packages, and llama.cpp is built from source once,
ten minutes or so. Models with random weights are made there too: 2 GB, and 8 GB for Qwen3-0.6B.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import signal
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import install
import matmul
import measure
import peers
import report
from measure import say
from session import WorkerError, clean_environment


def arguments(given):
    parser = argparse.ArgumentParser(prog="run bench-peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="GPT-2 124M alone, and fewer rounds")
    parser.add_argument("--only", action="append", metavar="PEER", help="this peer, or those whose names begin so; may be given again")
    parser.add_argument("--model", action="append", choices=list(peers.MODELS), help="this model; may be given again")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="of every engine (default: all, %(default)s)")
    parser.add_argument("--no-bits", action="store_true", help="only speed: no comparison of logits")
    parser.add_argument("--matmul", action="store_true", help="matrix products alone: beside numpy's OpenBLAS, PyTorch's MKL and oneDNN, and ggml's of one row")
    parser.add_argument("--output", metavar="STEM", help="write STEM.json and STEM.csv (default: peers below the build folder)")
    parser.add_argument("--list", action="store_true", help="name the peers, and end")
    options = parser.parse_args(given)
    if options.threads < 1 or options.threads > 1024:
        parser.error(f"--threads {options.threads}: give a number from 1 to 1024")
    try:
        options.peers = peers.chosen(options.only)
    except ValueError as e:
        parser.error(str(e))
    options.models = options.model or (["gpt2-124m"] if options.quick else list(peers.MODELS))
    options.output = pathlib.Path(options.output or os.path.join(options.build, "peers", "matmul" if options.matmul else "results"))
    return options


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            for line in f:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def make_model(installer, name, folder):
    subprocess.run([str(installer.python), str(HERE / "models.py"), name, str(folder)], check=True,
                   env=clean_environment(len(os.sched_getaffinity(0))))
    for path in sorted(folder.rglob("*")):  # into the page cache: the first to load shall not be the only one that reads a disk
        if path.is_file() and ".partial" not in path.name:
            with open(path, "rb") as f:
                while f.read(1 << 24):
                    pass


def compare_models(options, installer, bench, found):
    """Fills `found` peer by peer: where the run is interrupted, what was measured is there."""
    plan = measure.Plan(options.threads, 1 if options.quick else 3, 3, 16)
    for name in options.models:
        folder, vocabulary = bench.build / "peers" / name, peers.MODELS[name]
        make_model(installer, name, folder)
        waiting = {peer.name: {"against": peer.against, "reason": "the run was interrupted"} for peer in options.peers}
        model = found[name] = {"peers": waiting, "invar": {}}
        for kind in sorted({peer.against for peer in options.peers}):
            if not options.no_bits:
                model["invar"][kind] = bench.bits("invar-" + kind, bench.invar, folder / kind, vocabulary, folder)
        for peer in options.peers:
            result = model["peers"][peer.name]
            missing = [installer.failed[p] for p in peer.packages if p in installer.failed]
            if missing:
                result["reason"] = missing[0]
                continue
            try:
                bench.prepare(peer, folder)
                if not options.no_bits:
                    result["bits"] = bench.bits(peer.name, lambda threads: bench.peer(peer, threads), folder / peer.path,
                                                vocabulary, folder)
                    result["bits"]["invar"] = against_invar(result["bits"], model["invar"][peer.against])
                result["samples"] = bench.speed(peer, folder, vocabulary, plan)
                del result["reason"]
            except WorkerError as e:
                result["reason"] = str(e)
                say(f"{name}: {peer.name}: {e}")


def against_invar(bits, invar):
    """How far the engine's own logits lie from invar's: that both were asked the same."""
    with open(bits["reference"], "rb") as a, open(invar["reference"], "rb") as b:
        return measure.compare(b.read(), a.read())


def print_report(results):
    models = {name: report.rows_of(model) for name, model in results["models"].items()}
    for name, rows in models.items():
        print(f"\n{name}, {results['threads']} threads. (peer's time by invar's), [invar's share of the machine's bound]\n")
        print(report.speed_table(rows))
        for row in rows:
            distance = row["bits"].get("invar", {}).get("largest")
            if distance is not None:
                print(f"- {row['engine']}: logits at most {distance:.2g} from invar's")
        bars = report.bars_of(rows)
        if bars:
            print("\n" + report.bar_table(bars))
    if results["matmul"]:
        print(f"\nmatrix products, {results['threads']} threads\n\n" + report.matmul_table(results["matmul"]))
    if results["one_row"]:
        print(f"\nmatrix products of one row, {results['threads']} threads\n\n" + report.one_row_table(results["one_row"]))
    return models


def write(path, text):
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def main(given):
    options = arguments(given)
    if options.list:
        for peer in peers.PEERS:
            print(f"{peer.name:14} {peer.title}")
        return 0
    build = pathlib.Path(options.build)
    (build / "peers").mkdir(parents=True, exist_ok=True)
    installer = install.Installer(build)
    installer.prepare()
    wanted = ("numpy", "torch", "llama-cpp-python") if options.matmul else install.MODEL_PACKAGES + tuple(p for peer in options.peers for p in peer.packages)
    installer.want(dict.fromkeys(wanted))
    needed = [installer.failed[p] for p in (("numpy", "torch") if options.matmul else install.MODEL_PACKAGES) if p in installer.failed]
    if needed:
        sys.exit(f"bench-peers: {needed[0]}; the whole log is {installer.log}")
    bench = measure.Bench(build, installer.python, HERE, say)
    results = {"date": datetime.date.today().isoformat(), "processor": processor(), "threads": options.threads,
               "versions": installer.pins, "models": {}, "matmul": [], "one_row": []}
    interrupted = False
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        if options.matmul:
            ggml = installer.failed.get("llama-cpp-python")
            if ggml:
                results["one_row"].append({"engine": "ggml", "reason": ggml})
            else:
                matmul.compare_one_row(bench, options, results["one_row"])
            matmul.compare(bench, options, results["matmul"])
        else:
            compare_models(options, installer, bench, results["models"])
    except KeyboardInterrupt:
        interrupted = True
        say("bench-peers: interrupted; what was measured follows")
    print(f"{results['date']}, {results['processor']}")
    rows = print_report(results)
    write(options.output.with_suffix(".json"), json.dumps({**results, "rows": rows}, indent=1) + "\n")
    partial = options.output.with_suffix(".csv.partial")
    report.write_csv(partial, rows, results["matmul"], results["one_row"])
    os.replace(partial, options.output.with_suffix(".csv"))
    print(f"\n{options.output}.json and .csv have every sample", file=sys.stderr)
    return 130 if interrupted else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
