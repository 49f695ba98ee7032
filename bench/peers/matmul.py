"""Matrix products at the shapes of both models: invar's beside numpy's and PyTorch's, in turn, weights from memory."""
import report
from session import Session, WorkerError

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


def compare(bench, options):
    """[{"m", "shape", "engine", "ratio", "gflops"}], or {"engine", "reason"} of what gave no figure."""
    results, rounds, reasons = [], 3 if options.quick else 7, {}
    with bench.invar(options.threads) as ours, Session(
            [str(bench.python), str(bench.here / "matmul_worker.py"), str(options.threads)], options.threads,
            bench.build / "log" / "peers-matmul.log") as theirs:
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
    return results + [{"engine": engine, "reason": reason} for engine, reason in reasons.items()]
