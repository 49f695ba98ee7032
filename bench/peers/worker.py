"""One engine in one process, asked by lines of JSON as invar_peer.cc is (its head says what is asked and answered).

    worker.py PEER --threads N

A peer's file defines Peer: load(folder, threads) -> vocabulary; start(batch, length) begins empty sequences that will hold
at most `length` tokens; feed(ids [batch][n]) -> binary32 logits [batch][vocab] of the last tokens. A peer that has no such
calls answers prefill, decode and logits itself, or raises its reason. prepare(folder), where there is one, makes
files of its own of the model's, and does not count as loading.
"""
import importlib
import sys

import answering


def prefill(peer, asked):
    if hasattr(peer, "prefill"):
        return peer.prefill(asked)
    ids = [asked["ids"]]
    peer.start(1, len(ids[0]))
    start = answering.clock()
    peer.feed(ids)
    return {"seconds": answering.clock() - start}


def decode(peer, asked):
    if hasattr(peer, "decode"):
        return peer.decode(asked)
    context, steps = asked["context"], asked["steps"]
    peer.start(len(context), len(context[0]) + 1 + len(steps))
    peer.feed(context)
    peer.feed([[steps[0]]] * len(context))
    start = answering.clock()
    for step in steps:
        peer.feed([[step]] * len(context))
    return {"seconds": (answering.clock() - start) / len(steps)}


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
        start = answering.clock()
        vocabulary = peer.load(asked["path"], threads)
        return {"seconds": answering.clock() - start, "vocab": vocabulary}
    if asked["op"] == "prepare":
        if hasattr(peer, "prepare"):
            peer.prepare(asked["path"])
        return {}
    return {"prefill": prefill, "decode": decode, "logits": logits}[asked["op"]](peer, asked)


def main(name, threads):
    answers = answering.claim_output()
    answering.clock = answering.clock_of(threads)
    module, _, variant = name.partition(":")
    peer = importlib.import_module("peer_" + module).Peer(variant)
    answering.serve(lambda asked: answer(peer, asked, threads), answers)


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[2] != "--threads":
        sys.exit(__doc__)
    main(sys.argv[1], int(sys.argv[3]))
