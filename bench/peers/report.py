"""Figures from samples, and tables from figures. No measuring here, and the standard library alone: tests/peers checks it.

A ratio is the peer's seconds by invar's in the same round: 2 means that invar took half of the time. Of many rounds the
median counts, of rates and of ratios each by itself.
"""
import csv
import math
import statistics

METRICS = ("prefill", "decode1", "decode8")
WAYS = ("batch", "threads", "cuts")
TITLES = {"prefill": "prefill 512, tok/s", "decode1": "decode, tok/s", "decode8": "decode of 8, tok/s"}
TOKENS = {"prefill": 512, "decode1": 1, "decode8": 8}

# What is wanted: the least ratio, and the share of the machine's bound that stands in for it (None: nothing does).
BARS = {
    "pytorch-f32": {"prefill": (1.5, 0.9), "decode1": (2.0, 0.9), "decode8": (2.0, 0.9)},
    "llama-f32": {"prefill": (2.0, None), "decode1": (1.0, None), "decode8": (1.0, None)},
    "llama-bf16": {"prefill": (1.3, None), "decode1": (1.0, None), "decode8": (1.0, None)},
}


def median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def geometric_mean(values):
    """None for no values; ValueError for one that is not greater than zero."""
    values = list(values)
    if any(not v > 0 for v in values):
        raise ValueError("a geometric mean of ratios that are not all greater than zero")
    return math.exp(math.fsum(math.log(v) for v in values) / len(values)) if values else None


def summary_of(samples, side):
    """Medians of one side ("invar" or "peer") of samples (measure.Bench.speed): rates in tokens per second, seconds, bytes; the
    ratio to the other side where it is a peer's, the share of the bound where it is invar's."""
    row = {"load": median([s[side]["load"] for s in samples]), "first": median([s[side]["first"] for s in samples]),
           "peak_bytes": median([s[side].get("peak_bytes") for s in samples])}
    for metric in METRICS:
        rounds = [r for s in samples for r in s["rounds"] if r["metric"] == metric]
        seconds = median([r[side] for r in rounds])
        row[metric] = TOKENS[metric] / seconds if seconds else None
        if side == "peer":
            row[metric + "_ratio"] = median([r["peer"] / r["invar"] for r in rounds])
        else:
            row[metric + "_share"] = median([r["bound"] / r["invar"] for r in rounds])
    if side == "peer":
        row["first_ratio"] = median([s["peer"]["first"] / s["invar"]["first"] for s in samples])
        row["load_ratio"] = median([s["peer"]["load"] / s["invar"]["load"] for s in samples])
    return row


def rows_of(model):
    """[row] of a model's results {"peers": {name: {"against", "samples" | "reason", "bits"}}, "invar": {type: bits}}."""
    rows = []
    for kind in sorted({p["against"] for p in model["peers"].values()}, reverse=True):
        samples = [s for p in model["peers"].values() if p["against"] == kind for s in p.get("samples", [])]
        row = {"engine": "invar-" + kind, "bits": model["invar"].get(kind, {})}
        rows.append({**row, **(summary_of(samples, "invar") if samples else {"reason": "was compared with nothing"})})
    for name, peer in model["peers"].items():
        row = {"engine": name, "against": peer["against"], "bits": peer.get("bits", {})}
        rows.append({**row, **(summary_of(peer["samples"], "peer") if peer.get("samples") else {"reason": peer["reason"]})})
    return rows


def bars_of(rows):
    """[{"engine", "metric", "wanted", "ratio", "share", "met"}] of the peers that have figures."""
    shares = {row["engine"]: row for row in rows}
    found = []
    for row in rows:
        for metric, (wanted, enough) in BARS.get(row["engine"], {}).items():
            ratio = row.get(metric + "_ratio")
            if ratio is None:
                continue
            share = shares["invar-" + row["against"]].get(metric + "_share")
            met = ratio >= wanted or (enough is not None and share is not None and share >= enough)
            found.append({"engine": row["engine"], "metric": metric, "wanted": wanted, "enough": enough, "ratio": ratio,
                          "share": share, "met": met})
    return found


def bit_cell(bits, way):
    """same; differ; or n/a where the engine offers no such way, with its reason below the table."""
    one = bits.get(way)
    if one is None:
        return "-"
    if "reason" in one:
        return "n/a"
    return "same" if one["same"] else f"differ ({100 * one['unequal'] / one['values']:.0f} %)"


def number(value, digits=3):
    if value is None:
        return "-"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:.{places}f}"


def cell(row, metric):
    extra = row.get(metric + "_ratio"), row.get(metric + "_share")
    if row.get(metric) is None:
        return "-"
    if extra[0] is not None:
        return f"{number(row[metric])} ({extra[0]:.2f}x)"
    return f"{number(row[metric])} [{100 * extra[1]:.0f} %]" if extra[1] is not None else number(row[metric])


def table(header, lines):
    """Markdown with its columns aligned."""
    lines = [header] + lines
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    def shown(line):
        return "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths)) + " |"
    return "\n".join([shown(header), "|" + "|".join("-" * (w + 2) for w in widths) + "|"] + [shown(line) for line in lines[1:]])


def speed_table(rows):
    header = ["engine", *TITLES.values(), "first token, ms", "load, s", "peak, MB", *WAYS]
    lines, notes = [], []
    for row in rows:
        bits = [bit_cell(row["bits"], way) for way in WAYS]
        for way in WAYS:
            reason = row["bits"].get(way, {}).get("reason")
            if reason:
                notes.append(f"{row['engine']}, {way}: {reason}")
        if "reason" in row:
            lines.append([row["engine"], "not measured", "-", "-", "-", "-", "-", *bits])
            notes.append(f"{row['engine']}: {row['reason']}")
            continue
        first = row["first"] and 1000 * row["first"]
        peak = row["peak_bytes"] and row["peak_bytes"] / 1e6
        lines.append([row["engine"], *(cell(row, metric) for metric in METRICS), number(first), number(row["load"]),
                      number(peak), *bits])
    return table(header, lines) + "".join(f"\n- {note}" for note in dict.fromkeys(notes))


def bar_table(bars):
    lines = []
    for bar in bars:
        wanted = f">= {bar['wanted']:g}x" + (f", or {100 * bar['enough']:.0f} % of the bound" if bar["enough"] else "")
        share = "-" if bar["share"] is None else f"{100 * bar['share']:.0f} %"
        lines.append([bar["engine"], bar["metric"], wanted, f"{bar['ratio']:.2f}x", share, "yes" if bar["met"] else "NO"])
    return table(["against", "what", "wanted", "found", "invar's share of the bound", "met"], lines)


def product_table(results, of, title, rate, unit):
    """results of matmul.py -> geometric means by `of` and engine, and below who was not measured."""
    notes = [f"\n- {r['engine']}: not measured: {r['reason']}" for r in results if "reason" in r]
    results, lines = [r for r in results if "reason" not in r], []
    for kind in sorted({r[of] for r in results}):
        for engine in dict.fromkeys(r["engine"] for r in results):
            mine = [r for r in results if r[of] == kind and r["engine"] == engine]
            if not mine:
                continue
            ratios = [r["ratio"] for r in mine if r["ratio"] is not None]
            ratio = f"{geometric_mean(ratios):.2f}x ({min(ratios):.2f} - {max(ratios):.2f})" if ratios else "-"
            lines.append([str(kind), engine, f"{len(mine)}", number(geometric_mean(r[rate] for r in mine)), ratio])
    return table([title, "engine", "shapes", f"{unit}, geometric mean", "its time by invar's, geometric mean (range)"], lines) + "".join(notes)


def matmul_table(results):
    return product_table(results, "m", "M", "gflops", "GFLOP/s")


def one_row_table(results):
    return product_table(results, "weights", "weights from", "gbps", "GB/s")


def write_csv(path, models, matmul, one_row=()):
    """One line for each figure: section, model or shape, engine, what, value."""
    with open(path, "w", newline="", encoding="utf-8") as f:
        out = csv.writer(f)
        out.writerow(["section", "of", "engine", "what", "value"])
        for name, rows in models.items():
            for row in rows:
                for key, value in row.items():
                    if key == "bits":
                        for way, one in value.items():
                            if isinstance(one, dict):
                                said = one.get("reason") or ("same" if one["same"] else f"{one['unequal']} of {one['values']}")
                                out.writerow(["models", name, row["engine"], "bits_" + way, said])
                    elif key not in ("engine", "against"):
                        out.writerow(["models", name, row["engine"], key, value])
        for section, results, rate in (("matmul", matmul, "gflops"), ("one row", one_row, "gbps")):
            for r in results:
                if "reason" in r:
                    out.writerow([section, "", r["engine"], "reason", r["reason"]])
                    continue
                for key in (rate, "ratio"):
                    of = f"{r['shape']} M={r['m']}" if section == "matmul" else f"{r['shape']} from {r['weights']}"
                    out.writerow([section, of, r["engine"], key, r[key]])
