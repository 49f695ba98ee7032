"""Matrix products at the shapes of both models, in turn: invar's of many rows beside numpy's and PyTorch's, weights from memory;
of one row beside ggml's, weights from memory and from cache."""
import pathlib

import report
from session import WorkerError

SHAPES = {  # outputs, inputs: bench/matmul_bench.cc's
    "gpt2.c_attn": (2304, 768), "gpt2.attn.c_proj": (768, 768), "gpt2.c_fc": (3072, 768), "gpt2.mlp.c_proj": (768, 3072),
    "qwen3.q_proj": (2048, 1024), "qwen3.k_proj,v_proj": (1024, 1024), "qwen3.o_proj": (1024, 2048),
    "qwen3.gate_proj,up_proj": (3072, 1024), "qwen3.down_proj": (1024, 3072),
}
ROWS = (64, 128, 512)
ENGINES = {  # name: what is asked, and which of invar's types it is compared with
    "numpy, OpenBLAS": ("numpy", "f32"), "torch linear, MKL": ("linear", "f32"), "torch MKL, packed": ("mkl", "f32"),
    "torch oneDNN, packed": ("onednn", "f32"), "torch bf16": ("bf16", "bf16"),
}


def repeats(m, n, k):
    """Calls of about 20 milliseconds at 100 GFLOP/s."""
    return max(3, min(64, int(2e9 / (2 * m * n * k))))


def compare(bench, options, results):
    """Fills results with {"m", "shape", "engine", "ratio", "gflops"}, or {"engine", "reason"} of what gave no figure."""
    rounds, reasons = 3 if options.quick else 7, {}
    with bench.invar(options.threads) as ours, bench.script("matmul_worker.py", options.threads) as theirs:
        for m in ROWS:
            for shape, (n, k) in SHAPES.items():
                bench.say(f"{shape}, M = {m}")
                asked = dict(op="matmul", m=m, n=n, k=k, repeats=repeats(m, n, k))
                times = {}  # engine: [(its seconds, invar's)]
                for _ in range(rounds):
                    for engine, (how, kind) in ENGINES.items():
                        if engine in reasons:
                            continue
                        own = ours.ask(**asked, type=kind)["seconds"]
                        times.setdefault("invar-" + kind, []).append((own, None))
                        try:
                            other = theirs.ask(**asked, how=how)["seconds"]
                            times.setdefault(engine, []).append((other, own))
                        except WorkerError as e:
                            reasons[engine] = str(e)
                for engine, pairs in times.items():
                    ratio = report.median([a / b for a, b in pairs if b])
                    results.append({"m": m, "shape": shape, "engine": engine, "ratio": ratio,
                                    "gflops": 2e-9 * m * n * k / report.median([a for a, _ in pairs])})
    order = ["invar-f32", "invar-bf16", *ENGINES]
    results.sort(key=lambda r: (r["m"], order.index(r["engine"])))
    results += [{"engine": engine, "reason": reason} for engine, reason in reasons.items()]


def last_level_cache():
    """Bytes of the greatest cache of the first processor, as the system tells; 0 where it does not."""
    sizes = [0]
    for path in pathlib.Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        text = path.read_text().strip()
        sizes.append(int(text[:-1]) * {"K": 1 << 10, "M": 1 << 20}[text[-1]] if text[-1:] in ("K", "M") else int(text))
    return max(sizes)


def compare_one_row(bench, options, results):
    """Fills results with {"weights": "cache" or "memory", "shape", "engine", "ratio", "gbps"}, or {"engine", "reason"}."""
    rounds = 5 if options.quick else 15
    memory = max(256 << 20, 4 * last_level_cache())  # as invar_peer.cc
    with bench.invar(options.threads) as ours, bench.script("ggml_worker.py", options.threads) as theirs:
        for kind in ("f32", "bf16", "f16"):
            for place in ("cache", "memory"):
                for shape, (n, k) in SHAPES.items():
                    bench.say(f"{shape}, one row, {kind} from {place}")
                    asked = dict(op="matmul", m=1, n=n, k=k, type=kind, repeats=repeats(1, n, k))
                    try:
                        pairs = [(ours.ask(**asked, cached=place == "cache")["seconds"],
                                  theirs.ask(**asked, least_bytes=0 if place == "cache" else memory)["seconds"]) for _ in range(rounds)]
                    except WorkerError as e:
                        results.append({"engine": "ggml", "reason": str(e)})
                        return
                    size = n * k * (4 if kind == "f32" else 2)
                    found = {"invar-" + kind: ([a for a, _ in pairs], None),
                             "ggml-" + kind: ([b for _, b in pairs], report.median([b / a for a, b in pairs]))}
                    for engine, (times, ratio) in found.items():
                        results.append({"weights": place, "shape": shape, "engine": engine, "ratio": ratio,
                                        "gbps": 1e-9 * size / report.median(times)})
