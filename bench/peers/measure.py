"""What is asked of the engines: figures of speed, an engine and invar in turn; and logits that should be one another's bits."""
import dataclasses
import pathlib
import sys

from bits import compare
from session import Session, WorkerError

PROMPT = 512        # tokens of prefill and of the first token
CONTEXT = 128       # tokens before decoding
BATCH = 8
BIT_PROMPT = 300    # tokens of the compared logits
BIT_STEPS = 4       # and tokens fed after it
BIT_ROW = 3         # the place of the compared sequence in its batch
CUTS = (1, 31, 200, 68)
METRICS = ("prefill", "decode1", "decode8")


@dataclasses.dataclass
class Plan:
    threads: int
    sessions: int   # pairs of fresh processes: each gives one load time, first token and peak of memory
    rounds: int     # within a session
    steps: int      # of decoding, in one round


def ids(count, row, vocabulary):
    return [(i * 7919 + row * 104729 + 13) % vocabulary for i in range(count)]


def question(metric, plan, vocabulary):
    if metric == "prefill":
        return dict(op="prefill", ids=ids(PROMPT, 0, vocabulary))
    batch = 1 if metric == "decode1" else BATCH
    return dict(op="decode", context=[ids(CONTEXT, row, vocabulary) for row in range(batch)],
                steps=ids(plan.steps, 99, vocabulary))


class Bench:
    def __init__(self, build, python, here, say):
        self.build, self.python, self.here, self.say = pathlib.Path(build), python, here, say

    def invar(self, threads):
        return Session([str(self.build / "bin" / "invar_peer"), "--threads", str(threads)], threads,
                       self.build / "log" / "peers-invar.log")

    def peer(self, peer, threads):
        return Session([str(self.python), str(self.here / "worker.py"), peer.module, "--threads", str(threads)], threads,
                       self.build / "log" / f"peers-{peer.name}.log")

    def script(self, name, threads):
        return Session([str(self.python), str(self.here / name), str(threads)], threads,
                       self.build / "log" / f"peers-{pathlib.Path(name).stem}.log")

    def prepare(self, peer, folder):
        if peer.prepares:
            with self.peer(peer, 1) as session:
                session.ask(op="prepare", path=str(folder / peer.path))

    def speed(self, peer, folder, vocabulary, plan):
        """[sample], or raises WorkerError. A sample is one session: {"invar": ..., "peer": ..., "rounds": [...]}."""
        samples = []
        for number in range(plan.sessions):
            self.say(f"{folder.name}: {peer.name}, session {number + 1} of {plan.sessions}")
            with self.invar(plan.threads) as ours, self.peer(peer, plan.threads) as theirs, self.invar(plan.threads) as machine:
                sample = {"invar": self.begin(ours, folder / peer.against, vocabulary),
                          "peer": self.begin(theirs, folder / peer.path, vocabulary), "rounds": []}
                for turn in range(plan.rounds):
                    for metric in METRICS:
                        sample["rounds"].append(self.round(metric, turn, ours, theirs, machine, plan, vocabulary))
                sample["invar"]["peak_bytes"], sample["peer"]["peak_bytes"] = ours.peak_bytes(), theirs.peak_bytes()
                samples.append(sample)
        return samples

    @staticmethod
    def begin(session, path, vocabulary):
        load = session.ask(op="load", path=str(path))
        if load["vocab"] != vocabulary:
            raise WorkerError(f"has a vocabulary of {load['vocab']}, not {vocabulary}")
        first = session.ask(op="prefill", ids=ids(PROMPT, 1, vocabulary))
        return {"load": load["seconds"], "first": first["seconds"]}

    @staticmethod
    def round(metric, turn, ours, theirs, machine, plan, vocabulary):
        """One metric of both, the machine's ceilings before and after; who comes first alternates."""
        asked = question(metric, plan, vocabulary)
        before = machine.ask(op="ceilings")
        if turn % 2:
            other, own = theirs.ask(**asked), ours.ask(**asked)
        else:
            own, other = ours.ask(**asked), theirs.ask(**asked)
        after = machine.ask(op="ceilings")
        # The roofline: no run is shorter than its multiply-adds at their peak, nor than its bytes at memory's rate.
        bound = max(own["flops"] / max(before["fma"], after["fma"]), own["bytes"] / max(before["read"], after["read"]))
        return {"metric": metric, "invar": own["seconds"], "peer": other["seconds"], "bound": bound}

    def bits(self, name, start, path, vocabulary, scratch):
        """{"batch"|"threads"|"cuts": {"same": bool, ...} or {"reason": text}}: each against the prompt alone, whole, on one thread."""
        row = ids(BIT_PROMPT, BIT_ROW, vocabulary)
        asked = dict(op="logits", sequences=[row], row=0, cuts=[BIT_PROMPT], forced=ids(BIT_STEPS, 77, vocabulary))
        batch = dict(asked, sequences=[ids(BIT_PROMPT, i, vocabulary) for i in range(BATCH)], row=BIT_ROW)
        ways = {"batch": (1, batch), "threads": (2, asked), "cuts": (1, dict(asked, cuts=list(CUTS))), "again": (1, asked)}
        reference, found = scratch / f"{name}-reference.f32", {}
        self.say(f"{path.parent.name}: {name}, bits")
        for threads in (1, 2):
            with start(threads) as session:
                session.ask(op="load", path=str(path))
                if threads == 1:
                    session.ask(**asked, file=str(reference))
                for way, (wanted, how) in ways.items():
                    if wanted != threads:
                        continue
                    file = scratch / f"{name}-{way}.f32"
                    try:
                        session.ask(**how, file=str(file))
                        found[way] = compare(reference.read_bytes(), file.read_bytes())
                    except (WorkerError, ValueError) as e:
                        found[way] = {"reason": str(e)}
                    file.unlink(missing_ok=True)
        found["reference"] = str(reference)
        return found


def say(text):
    print(text, file=sys.stderr, flush=True)
