#!/usr/bin/env python3
"""Compares invar's logits with Hugging Face's in float64 on checkpoints made here.

    accuracy.py INVAR [--real] [--only TEXT]

For each checkpoint: the largest error of a logit, of invar and of PyTorch in float32, against float64 throughout, and
against the stock float64 model. invar verify then compares the bits of every instruction set. Bounds: at most 4 times
PyTorch's for any one, at most 1.5 times pooled (the sums of the errors, each as a share of its checkpoint's largest logit),
the pooled one against the stock models too. Exit status 1 where a bound is passed or a checkpoint refused.
"""
import argparse
import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

import torch
import transformers
from safetensors.torch import load_file

import checkpoints
import reference

WORST_OF_ONE, WORST_POOLED = 4.0, 1.5


def invar_logits(program, folder, ids):
    with open(os.path.join(folder, "ids.json"), "w", encoding="utf-8") as f:
        json.dump(ids, f)
    out = os.path.join(folder, "logits-out.safetensors")
    result = subprocess.run([program, "logits", "-m", folder, "--ids-file", os.path.join(folder, "ids.json"), "-o", out],
                            capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(result.stderr.strip())
    return load_file(out)["logits"].double()


def peak_gigabytes():
    """The most memory that this process, or any program it ran, has held."""
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1e6


def verified(program, folder, ids):
    """Every instruction set, and some batches, threads and cuts of each: how many values were compared and equal."""
    result = subprocess.run([program, "verify", "-m", folder, "--preset", "demo", "--json", "--ids", ",".join(map(str, ids))],
                            capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(f"verify: {result.stderr.strip() or result.stdout.strip()[-400:]}")
    return json.loads(result.stdout)["compared"]


def compare(program, case, verify):
    """At most one copy of the weights lives at a time, the largest in float64: GPT-2 XL stays below 14 GB."""
    model = checkpoints.build(case)
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(case.config.vocab_size, (case.tokens,), generator=generator).tolist()
    with tempfile.TemporaryDirectory() as folder:
        checkpoints.save(model, case, folder)
        shards = max(1, sum(name.endswith(".safetensors") for name in os.listdir(folder)))
        # Hugging Face refuses this switch in float64; it changes no real number.
        for module in model.modules():
            if getattr(module, "reorder_and_upcast_attn", False):
                module.reorder_and_upcast_attn = False
        torch32 = reference.logits(model, ids)
        model.double()
        stock64 = reference.logits(model, ids)
        wide = reference.float64_logits(model, case.config, ids)
        del model
        gc.collect()
        ours = invar_logits(program, folder, ids)
        compared = verified(program, folder, ids) if verify else 0
    def error(x, y):
        return (x - y).abs().max().item()
    return {"ours": error(ours, wide), "torch": error(torch32, wide), "ours_stock": error(ours, stock64),
            "torch_stock": error(torch32, stock64), "scale": wide.abs().max().item(), "shards": shards, "compared": compared}


class Pool:
    """Errors of several checkpoints, each as a share of its largest logit, summed."""
    KEYS = ("ours", "torch", "ours_stock", "torch_stock")

    def __init__(self):
        self.sums, self.worst, self.count = dict.fromkeys(self.KEYS, 0.0), 0.0, 0

    def add(self, r):
        for key in self.KEYS:
            self.sums[key] += r[key] / r["scale"]
        self.worst, self.count = max(self.worst, r["ours"] / r["torch"]), self.count + 1

    @property
    def ratio(self):
        return self.sums["ours"] / max(self.sums["torch"], 1e-300)

    @property
    def stock_ratio(self):
        return self.sums["ours_stock"] / max(self.sums["torch_stock"], 1e-300)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("invar")
    parser.add_argument("--real", action="store_true", help="the real dimensions of published models (gigabytes, minutes)")
    parser.add_argument("--only", default="", help="only checkpoints whose name holds this text")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    if not arguments.real:
        torch.set_num_threads(1)  # matrices this small only wait for one another
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()  # it warns of factors that are chosen so
    print(f"{'checkpoint':24} {'largest logit':>13} {'invar':>9} {'PyTorch':>9} {'ratio':>6}   {'invar, stock':>12} {'ratio':>6}")
    failures, compared, pooled, families = [], 0, Pool(), {}
    for case in checkpoints.real_cases() if arguments.real else checkpoints.cases():
        if arguments.only not in case.name:
            continue
        started = time.monotonic()
        try:
            r = compare(arguments.invar, case, verify=not arguments.real)
        except RuntimeError as e:
            failures.append(f"{case.name}: {e}")
            print(failures[-1])
            continue
        compared += r["compared"]
        ratio, stock = r["ours"] / r["torch"], r["ours_stock"] / r["torch_stock"]
        print(f"{case.name:24} {r['scale']:13.3g} {r['ours']:9.2e} {r['torch']:9.2e} {ratio:6.2f}   {r['ours_stock']:12.2e} {stock:6.2f}"
              + (f"   {r['shards']} shards" if r["shards"] > 1 else "")
              + (f"   {time.monotonic() - started:.0f} s, at most {peak_gigabytes():.1f} GB" if arguments.real else ""), flush=True)
        pooled.add(r)
        families.setdefault(case.name.split("-")[0], Pool()).add(r)
        # Also catches an error that PyTorch shares: both are float32 and neither is a thousandth off.
        if not ratio <= WORST_OF_ONE or not r["ours"] / r["scale"] < 1e-4:
            failures.append(f"{case.name}: error {r['ours']:.2e}, {ratio:.2f} times PyTorch's")
    for family, pool in families.items():
        print(f"{family:10} {pool.count:3} checkpoints: pooled {pool.ratio:.2f} times PyTorch's error, at worst {pool.worst:.2f} times")
    print(f"{pooled.count} checkpoints: pooled {pooled.ratio:.2f} times PyTorch's error, at worst {pooled.worst:.2f} times "
          f"(against the stock float64 models pooled {pooled.stock_ratio:.2f} times)")
    if not arguments.real:
        print(f"{compared} logits compared bit by bit on every instruction set, in other batches, threads and cuts: equal")
    if not pooled.ratio <= WORST_POOLED or not pooled.stock_ratio <= WORST_POOLED or pooled.count == 0:
        failures.append(f"pooled ratio {pooled.ratio:.2f} (stock {pooled.stock_ratio:.2f}) over {pooled.count} checkpoints")
    for failure in failures:
        print("FAILED", failure)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
