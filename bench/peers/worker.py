"""One engine in one process, asked by lines of JSON as invar_peer.cc is (its head says what is asked and answered).

    worker.py PEER --threads N

A peer's file defines Peer: load(folder, threads) -> vocabulary; start(batch, length) begins empty sequences that will hold
at most `length` tokens; feed(ids [batch][n]) -> binary32 logits [batch][vocab] of the last tokens. A peer that has no such
calls answers prefill, decode and logits itself, or raises Unsupported with its reason. prepare(folder), where there is one, makes
files of its own of the model's, and does not count as loading.
"""
import importlib
import json
import os
import sys
import time


clock = time.perf_counter  # serve() chooses


class Unsupported(Exception):
    """What an engine does not offer, in a sentence for the table."""


def prefill(peer, asked):
    if hasattr(peer, "prefill"):
        return peer.prefill(asked)
    ids = [asked["ids"]]
    peer.start(1, len(ids[0]))
    start = clock()
    peer.feed(ids)
    return {"seconds": clock() - start}


def decode(peer, asked):
    if hasattr(peer, "decode"):
        return peer.decode(asked)
    context, steps = asked["context"], asked["steps"]
    peer.start(len(context), len(context[0]) + 1 + len(steps))
    peer.feed(context)
    peer.feed([[steps[0]]] * len(context))
    start = clock()
    for step in steps:
        peer.feed([[step]] * len(context))
    return {"seconds": (clock() - start) / len(steps)}


def logits(peer, asked):
    if hasattr(peer, "logits"):
        kept = peer.logits(asked)
    else:
        sequences, row, forced = asked["sequences"], asked["row"], asked["forced"]
        peer.start(len(sequences), len(sequences[0]) + len(forced))
        at = 0
        for count in asked["cuts"]:
            last = peer.feed([ids[at:at + count] for ids in sequences])
            at += count
        kept = [last[row].copy()]
        for step in forced:
            kept.append(peer.feed([[step]] * len(sequences))[row].copy())
    values = 0
    with open(asked["file"], "wb") as f:
        for one in kept:
            f.write(one.astype("float32", copy=False).tobytes())
            values += one.size
    return {"values": values}


def answer(peer, asked, threads):
    if asked["op"] == "load":
        start = clock()
        vocabulary = peer.load(asked["path"], threads)
        return {"seconds": clock() - start, "vocab": vocabulary}
    if asked["op"] == "prepare":
        if hasattr(peer, "prepare"):
            peer.prepare(asked["path"])
        return {}
    return {"prefill": prefill, "decode": decode, "logits": logits}[asked["op"]](peer, asked)


def serve(name, threads):
    global clock
    # One thread's time is the processor's: what another program took of the core is nobody's.
    clock = time.process_time if threads == 1 else time.perf_counter
    # Libraries print; answers go where only answers go.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    module, _, variant = name.partition(":")
    peer = importlib.import_module("peer_" + module).Peer(variant)
    for line in sys.stdin:
        try:
            said = answer(peer, json.loads(line), threads)
        except Unsupported as e:
            said = {"unsupported": str(e)}
        except Exception as e:  # becomes the peer's cell in the table
            said = {"error": f"{type(e).__name__}: {e}"}
        answers.write(json.dumps(said) + "\n")
        answers.flush()


if __name__ == "__main__":
    sys.modules["worker"] = sys.modules["__main__"]  # so that a peer's Unsupported is this file's
    if len(sys.argv) != 4 or sys.argv[2] != "--threads":
        sys.exit(__doc__)
    serve(sys.argv[1], int(sys.argv[3]))
