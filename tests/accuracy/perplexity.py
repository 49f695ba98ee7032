#!/usr/bin/env python3
"""Compares invar perplexity with Hugging Face's in float64, on both bundled models.

    perplexity.py INVAR

Windows are those of Hugging Face's guide to the perplexity of fixed-length models: each begins `stride` tokens after the one
before, and only the tokens that no window has counted yet are counted. (The guide weighs a window's mean by one token less
than it holds; here every token counts once.) The reference is float64 throughout (reference.py). Tolerance: the perplexity
and its standard error within a millionth of theirs, as much as float32 logits allow, and the same counts of tokens and
windows. Exit status 1 where that is passed.
"""
import json
import math
import os
import subprocess
import sys
import tempfile

import torch
import transformers

import reference

TOLERANCE = 1e-6
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def by_the_guide(model, config, ids, window, stride):
    """Log-probabilities of every token but the first, each from the first window that holds it and one before it."""
    found, counted, windows = [], 0, 0
    for begin in range(0, len(ids), stride):
        end = min(begin + window, len(ids))
        part = ids[begin:end]
        rows = torch.log_softmax(reference.float64_logits(model, config, part), dim=-1)
        # The guide's labels: -100 for what an earlier window counted. Labels shift by one, so a window's first token never
        # counts.
        fresh = max(counted, begin + 1)
        found += [rows[t - 1 - begin, ids[t]].item() for t in range(fresh, end)]
        counted, windows = end, windows + 1
        if end == len(ids):
            break
    return found, windows


def main(program):
    torch.set_num_threads(1)  # matrices this small only wait for one another
    with open(os.path.join(ROOT, "models", "tinyshakespeare.txt"), encoding="utf-8") as f:
        text = f.read()[300000:304000]
    failures = []
    print(f"{'model':6} {'window':>6} {'stride':>6} {'tokens':>6} {'windows':>7} {'Hugging Face':>14} {'invar':>14} {'off by':>9} {'standard error':>15} {'off by':>9}")
    for name in ("gpt2", "qwen3"):
        folder = os.path.join(ROOT, "models", name)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        ids = tokenizer(text)["input_ids"]
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval().double()
        for window, stride in ((100, 99), (64, 24), (0, 0)):
            w = window or model.config.max_position_embeddings
            found, windows = by_the_guide(model, model.config, ids, w, stride or w // 2)
            mean = math.fsum(found) / len(found)
            perplexity = math.exp(-mean)
            variance = math.fsum((x - mean) ** 2 for x in found) / (len(found) - 1)
            uncertainty = perplexity * math.sqrt(variance / len(found))
            with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as file:
                file.write(text)
                file.flush()
                ours = json.loads(subprocess.run([program, "perplexity", "-m", folder, "-f", file.name, "--window", str(window), "--stride",
                                                  str(stride), "--json", "-q"], capture_output=True, text=True, check=True).stdout)
            off, error_off = abs(ours["perplexity"] / perplexity - 1), abs(ours["uncertainty"] / uncertainty - 1)
            print(f"{name:6} {w:6} {stride or w // 2:6} {len(found):6} {windows:7} {perplexity:14.8f} {ours['perplexity']:14.8f} {off:9.1e} "
                  f"{ours['uncertainty']:15.8f} {error_off:9.1e}", flush=True)
            if not off <= TOLERANCE or not error_off <= TOLERANCE or (ours["tokens"], ours["windows"]) != (len(found), windows):
                failures.append(f"{name}, window {w}, stride {stride or w // 2}: {ours} instead of {perplexity} +/- {uncertainty} over "
                                f"{len(found)} tokens in {windows} windows")
    for failure in failures:
        print("FAILED", failure)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()  # it warns of the whole text, which no window holds
    main(*sys.argv[1:])
