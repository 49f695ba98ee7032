"""bench/peers/invar_peer.cc over the bundled checkpoints: every question answered, bits that no way changes, errors that say what."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT, PROGRAM = pathlib.Path(sys.argv.pop(1)), sys.argv.pop(1)
sys.path.insert(0, str(ROOT / "bench" / "peers"))
import bits
import measure
import session


class InvarPeer(unittest.TestCase):
    def start(self, threads=1):
        return session.Session([PROGRAM, "--threads", str(threads)], threads, os.devnull, 300)

    def test_speed_is_answered(self):
        with self.start() as one:
            vocabulary = one.ask(op="load", path=str(ROOT / "models/gpt2"))["vocab"]
            prefill = one.ask(op="prefill", ids=measure.ids(64, 0, vocabulary))
            half = one.ask(op="prefill", ids=measure.ids(32, 0, vocabulary))
            step = one.ask(op="decode", context=[measure.ids(8, row, vocabulary) for row in range(2)], steps=[1, 2, 3])
            product = one.ask(op="matmul", m=64, n=48, k=32, type="bf16", repeats=3)
            row = one.ask(op="matmul", m=1, n=48, k=32, type="f16", repeats=3, cached=True)
        for answer in (prefill, half, step, product, row):
            self.assertGreater(answer["seconds"], 0)
        self.assertGreater(prefill["flops"], half["flops"])
        self.assertGreater(step["flops"], 0)
        self.assertEqual(product["flops"], 2 * 64 * 48 * 32)

    def test_no_way_changes_a_bit(self):
        compared = 0
        for name in ("gpt2", "qwen3"):
            with tempfile.TemporaryDirectory() as folder:
                base = pathlib.Path(folder) / "base.f32"
                for threads in (1, 2):
                    with self.start(threads) as one:
                        vocabulary = one.ask(op="load", path=str(ROOT / "models" / name))["vocab"]
                        rows = [measure.ids(40, row, vocabulary) for row in range(5)]
                        asked = dict(op="logits", sequences=[rows[3]], row=0, cuts=[40], forced=[7, 8])
                        if threads == 1:
                            one.ask(**asked, file=str(base))
                        for how in (asked, dict(asked, sequences=rows, row=3), dict(asked, cuts=[1, 20, 19])):
                            other = pathlib.Path(folder) / "other.f32"
                            self.assertEqual(one.ask(**how, file=str(other))["values"], 3 * vocabulary)
                            found = bits.compare(base.read_bytes(), other.read_bytes())
                            self.assertTrue(found["same"], (name, threads, how))
                            compared += found["values"]
                        # Another row of the batch is another prompt: the comparison can fail.
                        one.ask(**dict(asked, sequences=rows, row=2), file=str(other))
                        self.assertFalse(bits.compare(base.read_bytes(), other.read_bytes())["same"])
        print(f"{compared} logits compared")
        self.assertGreater(compared, 30000)

    def test_errors_say_what(self):
        with self.start() as one:
            with self.assertRaisesRegex(session.WorkerError, "before 'load'"):
                one.ask(op="prefill", ids=[1])
            with self.assertRaisesRegex(session.WorkerError, "nowhere"):
                one.ask(op="load", path="/nowhere")
            with self.assertRaisesRegex(session.WorkerError, "no op 'dance'"):
                one.ask(op="load", path=str(ROOT / "models/gpt2"))
                one.ask(op="dance")
        for arguments in (["--threads", "0"], ["--threads"], ["--speed", "1"]):
            done = subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)
            self.assertEqual(done.returncode, 2)
            self.assertIn("invar_peer: ", done.stderr)


if __name__ == "__main__":
    unittest.main()
