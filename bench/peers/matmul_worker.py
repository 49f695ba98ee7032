"""numpy's and PyTorch's matrix products: y = x w^T, w [n][k]; asked as invar_peer.cc's matmul is, with `how` for the type.
Packing the weights is not timed, where an engine has it: neither is invar's."""
import sys

import numpy
import torch

import answering

THREADS = int(sys.argv[1])
CLOCK = answering.clock_of(THREADS)
LEAST_BYTES = 256 << 20  # of weights used in turn: none is in a cache when its turn comes
made = {}


def weights(n, k, how):
    """[prepared]: as many as make up LEAST_BYTES, those of the last shape alone."""
    if made.get("key") != (n, k):
        made.clear()
        made["key"] = (n, k)
        count = max(2, LEAST_BYTES // (4 * n * k) + 1)
        made["numpy"] = [numpy.random.default_rng(i).standard_normal((n, k), dtype=numpy.float32) for i in range(count)]
    if how not in made:
        made[how] = [prepare(torch.from_numpy(w), how) for w in made["numpy"]]
    return made[how]


def prepare(w, how):
    if how == "mkl":
        return w, torch.ops.mkl._mkl_reorder_linear_weight(w, 512)
    if how == "onednn":
        return torch.ops.mkldnn._reorder_linear_weight(w, 512)
    return w.bfloat16() if how == "bf16" else w


def product(how, x, w):
    if how == "numpy":
        return x @ w.T
    if how == "mkl":
        return torch.ops.mkl._mkl_linear(x, w[1], w[0], None, x.shape[0])
    if how == "onednn":
        return torch.ops.mkldnn._linear_pointwise(x, w, None, "none", [], "")
    return torch.nn.functional.linear(x, w)


def answer(asked):
    m, n, k, how, repeats = (asked[key] for key in ("m", "n", "k", "how", "repeats"))
    x = numpy.random.default_rng(0).random((m, k), dtype=numpy.float32) - 0.5
    if how != "numpy":
        x = torch.from_numpy(x).to(torch.bfloat16 if how == "bf16" else torch.float32)
    prepared, times = weights(n, k, how), []
    for i in range(repeats + 1):  # the first does not count
        at = made[how + "at"] = (made.get(how + "at", 0) + 1) % len(prepared)
        start = CLOCK()
        product(how, x, prepared[at])
        times.append(CLOCK() - start)
    return {"seconds": sorted(times[1:])[repeats // 2]}


torch.set_num_threads(THREADS)
with torch.inference_mode():
    answering.serve(answer, answering.claim_output())
