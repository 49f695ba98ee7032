#!/usr/bin/env python3
"""Compares invar's logits with Hugging Face's in float64 on checkpoints made here.

    accuracy.py INVAR [--real] [--only TEXT]

For each checkpoint: the largest error of a logit, of invar and of PyTorch in float32, against float64 throughout, and
against the stock float64 model. invar verify then compares the bits of every instruction set. Bounds: at most 4 times PyTorch's for any one, at most 1.5 times pooled (the sums of the
errors, each as a share of its checkpoint's largest logit). Exit status 1 where a bound is passed or a checkpoint refused.
"""
import argparse
import copy
import gc
import json
import os
import subprocess
import sys
import tempfile

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


def verified(program, folder, ids):
    """Every instruction set, and some batches, threads and cuts of each: how many values were compared and equal."""
    result = subprocess.run([program, "verify", "-m", folder, "--preset", "demo", "--json", "--ids", ",".join(map(str, ids))],
                            capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(f"verify: {result.stderr.strip() or result.stdout.strip()[-400:]}")
    return json.loads(result.stdout)["compared"]


def compare(program, case):
    model = checkpoints.build(case)
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(case.config.vocab_size, (case.tokens,), generator=generator).tolist()
    with tempfile.TemporaryDirectory() as folder:
        # A copy: rotary tables must not be cast with the weights.
        copy.deepcopy(model).to(getattr(torch, case.dtype)).save_pretrained(folder, max_shard_size=case.shard)
        ours = invar_logits(program, folder, ids)
        compared = verified(program, folder, ids)
        shards = sum(name.endswith(".safetensors") for name in os.listdir(folder)) - 1
    # Hugging Face refuses this switch in float64; it changes no real number.
    for module in model.modules():
        if getattr(module, "reorder_and_upcast_attn", False):
            module.reorder_and_upcast_attn = False
    torch32 = reference.logits(model, ids)
    stock64 = reference.logits(model.double(), ids)
    wide = reference.float64_logits(model, case.config, ids)
    def error(x, y):
        return (x - y).abs().max().item()
    return {"ours": error(ours, wide), "torch": error(torch32, wide), "ours_stock": error(ours, stock64),
            "torch_stock": error(torch32, stock64), "scale": wide.abs().max().item(), "shards": shards, "compared": compared}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("invar")
    parser.add_argument("--real", action="store_true", help="the real dimensions of published models (gigabytes, minutes)")
    parser.add_argument("--only", default="", help="only checkpoints whose name holds this text")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    transformers.utils.logging.disable_progress_bar()
    print(f"{'checkpoint':24} {'largest logit':>13} {'invar':>9} {'PyTorch':>9} {'ratio':>6}   {'invar, stock':>12} {'ratio':>6}")
    failures, seen, compared, pooled = [], 0, 0, {"ours": 0.0, "torch": 0.0, "ours_stock": 0.0, "torch_stock": 0.0}
    for case in checkpoints.real_cases() if arguments.real else checkpoints.cases():
        if arguments.only not in case.name:
            continue
        seen += 1
        try:
            r = compare(arguments.invar, case)
        except RuntimeError as e:
            failures.append(f"{case.name}: {e}")
            print(failures[-1])
            continue
        compared += r["compared"]
        ratio, stock = r["ours"] / r["torch"], r["ours_stock"] / r["torch_stock"]
        print(f"{case.name:24} {r['scale']:13.3g} {r['ours']:9.2e} {r['torch']:9.2e} {ratio:6.2f}   {r['ours_stock']:12.2e} {stock:6.2f}"
              + (f"   {r['shards']} shards" if r["shards"] > 1 else ""), flush=True)
        for key in pooled:
            pooled[key] += r[key] / r["scale"]
        # Also catches an error that PyTorch shares: both are float32 and neither is a thousandth off.
        if not ratio <= WORST_OF_ONE or not r["ours"] / r["scale"] < 1e-4:
            failures.append(f"{case.name}: error {r['ours']:.2e}, {ratio:.2f} times PyTorch's")
        gc.collect()
    ratio = pooled["ours"] / max(pooled["torch"], 1e-300)
    print(f"{seen} checkpoints, pooled ratio {ratio:.2f} (against the stock float64 models {pooled['ours_stock'] / max(pooled['torch_stock'], 1e-300):.2f})")
    print(f"{compared} logits compared bit by bit on every instruction set, in other batches, threads and cuts: equal")
    if not ratio <= WORST_POOLED or seen == 0:
        failures.append(f"pooled ratio {ratio:.2f} over {seen} checkpoints")
    for failure in failures:
        print("FAILED", failure)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
