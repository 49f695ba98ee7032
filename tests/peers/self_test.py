"""bench/peers without any peer: arithmetic of the report, comparison of bits, and workers that misbehave."""
import csv
import os
import pathlib
import struct
import sys
import tempfile
import types
import unittest

ROOT = pathlib.Path(sys.argv.pop(1))
sys.path.insert(0, str(ROOT / "bench" / "peers"))
import bits
import install
import matmul
import peers
import report
import session


def floats(*values):
    return struct.pack(f"={len(values)}f", *values)


class Bits(unittest.TestCase):
    def test_equal_bytes_are_the_same(self):
        found = bits.compare(floats(1, 2, 3), floats(1, 2, 3))
        self.assertEqual((found["same"], found["values"], found["unequal"], found["largest"]), (True, 3, 0, 0.0))

    def test_one_unit_in_the_last_place_differs(self):
        above = struct.unpack("=f", struct.pack("=I", 0x3F800001))[0]
        found = bits.compare(floats(1, 1, 5), floats(1, above, 5))
        self.assertEqual((found["same"], found["unequal"]), (False, 1))
        self.assertEqual(found["largest"], 2.0 ** -23)

    def test_zeros_of_both_signs_differ_and_nan_is_no_difference(self):
        self.assertEqual(bits.compare(floats(0.0, 1), floats(-0.0, 1))["unequal"], 1)
        found = bits.compare(floats(2, 1), floats(float("nan"), 4))
        self.assertEqual((found["unequal"], found["largest"]), (2, 3.0))

    def test_what_a_broken_engine_gives_every_time_is_not_the_same(self):
        for logits in (floats(0, 0, 0), floats(1, float("nan")), floats(1, float("inf"))):
            with self.assertRaises(ValueError):
                bits.compare(logits, logits)

    def test_what_cannot_be_compared_is_an_error(self):
        for expected, found in ((b"", b""), (floats(1), floats(1, 2)), (b"abc", b"abc")):
            with self.assertRaises(ValueError):
                bits.compare(expected, found)


def sample(scale=1.0):
    """Invar takes 1, 2 and 3 seconds, the peer twice that in one round and four times in two; the bound is half of invar's."""
    rounds = []
    for factor in (4, 2, 4):
        for metric, own in (("prefill", 1.0), ("decode1", 2.0), ("decode8", 3.0)):
            rounds.append({"metric": metric, "invar": own * scale, "peer": own * scale * factor, "bound": own * scale / 2})
    return {"invar": {"load": 1.0, "first": 2.0, "peak_bytes": 10}, "peer": {"load": 3.0, "first": 5.0, "peak_bytes": 30}, "rounds": rounds}


def model():
    same = {"same": True, "values": 10, "unequal": 0, "largest": 0.0}
    differ = {"same": False, "values": 10, "unequal": 9, "largest": 0.1}
    return {"invar": {"f32": {way: same for way in report.WAYS}}, "peers": {
        "pytorch-f32": {"against": "f32", "samples": [sample(), sample(3.0)],
                        "bits": {"batch": differ, "threads": same, "cuts": {"reason": "takes no cuts"}}},
        "openvino": {"against": "f32", "reason": "cannot be installed: no wheel"}}}


class Report(unittest.TestCase):
    def test_medians_rates_and_ratios(self):
        peer = report.summary_of([sample()], "peer")
        self.assertEqual(peer["prefill_ratio"], 4)          # of 4, 2, 4: a mean would be 3.33
        self.assertEqual(peer["prefill"], 512 / 4)          # tokens by the median of 4, 2, 4 seconds
        self.assertEqual(peer["decode8"], 8 / 12)
        self.assertEqual(peer["first_ratio"], 2.5)
        self.assertEqual(peer["peak_bytes"], 30)
        own = report.summary_of([sample()], "invar")
        self.assertEqual((own["decode1"], own["decode1_share"]), (0.5, 0.5))
        self.assertNotIn("decode1_ratio", own)

    def test_ratios_are_of_rounds_not_of_medians(self):
        one = sample()
        for r, (own, other) in zip([r for r in one["rounds"] if r["metric"] == "prefill"], ((1, 1), (2, 4), (3, 30))):
            r["invar"], r["peer"] = own, other
        found = report.summary_of([one], "peer")
        self.assertEqual((found["prefill_ratio"], found["prefill"]), (2, 512 / 4))

    def test_geometric_mean(self):
        self.assertAlmostEqual(report.geometric_mean([1, 4]), 2)
        self.assertIsNone(report.geometric_mean([]))
        with self.assertRaises(ValueError):
            report.geometric_mean([1, 0])

    def test_bars(self):
        rows = report.rows_of(model())
        bars = {bar["metric"]: bar for bar in report.bars_of(rows)}
        self.assertEqual(len(bars), 3)                      # of the peer with figures alone
        self.assertTrue(bars["prefill"]["met"])             # 4 >= 1.5
        slow = [dict(row) for row in rows]
        for row in slow:
            if row["engine"] == "pytorch-f32":
                row["prefill_ratio"] = 1.4
        self.assertFalse(report.bars_of(slow)[0]["met"])    # 1.4 < 1.5, and half of the bound is not 90 %
        for row in slow:
            if row["engine"] == "invar-f32":
                row["prefill_share"] = 0.9
        self.assertTrue(report.bars_of(slow)[0]["met"])     # the bound came first
        llama = [{**row, "engine": "llama-f32"} if row["engine"] == "pytorch-f32" else row for row in slow]
        self.assertFalse(report.bars_of(llama)[0]["met"])   # where the bar knows no bound, it excuses nothing

    def test_every_bar_is_of_a_peer(self):
        self.assertLessEqual(set(report.BARS), {peer.name for peer in peers.PEERS})

    def test_the_table_leaves_no_peer_out(self):
        text = report.speed_table(report.rows_of(model()))
        self.assertIn("openvino: cannot be installed: no wheel", text)
        self.assertIn("pytorch-f32, cuts: takes no cuts", text)
        self.assertIn("(4.00x)", text)
        self.assertIn("differ (90 %)", text)
        lines = [line for line in text.splitlines() if line.startswith("|")]
        self.assertEqual(len(lines), 5)                     # header, rule, invar, two peers
        self.assertEqual(len({len(line) for line in lines}), 1)

    def test_numbers_keep_three_digits(self):
        self.assertEqual([report.number(v) for v in (0.01234, 1.5, 123.4, 98765.4, 0, None)], ["0.0123", "1.50", "123", "98765", "0", "-"])

    def test_one_row_table_and_csv(self):
        results = [{"weights": "cache", "shape": "a", "engine": "invar-f16", "ratio": None, "gbps": 30.0},
                   {"weights": "cache", "shape": "a", "engine": "ggml-f16", "ratio": 1.0, "gbps": 30.0},
                   {"weights": "cache", "shape": "b", "engine": "ggml-f16", "ratio": 4.0, "gbps": 7.5},
                   {"weights": "memory", "shape": "a", "engine": "ggml-f16", "ratio": 0.5, "gbps": 9.0}, {"engine": "ggml", "reason": "it ended"}]
        lines = report.one_row_table(results).splitlines()
        self.assertIn("cache", lines[2])
        self.assertTrue(any("15.0" in line and "2.00x (1.00 - 4.00)" in line for line in lines))
        self.assertTrue(any("memory" in line and "0.50x" in line for line in lines))
        self.assertIn("ggml: not measured: it ended", lines[-1])
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "figures.csv"
            report.write_csv(path, {}, [], results)
            lines = list(csv.reader(path.read_text().splitlines()))
        self.assertIn(["one row", "b from cache", "ggml-f16", "ratio", "4.0"], lines)
        self.assertIn(["one row", "", "ggml", "reason", "it ended"], lines)

    def test_one_row_is_compared_in_turns(self):
        said = []

        class Fake:
            def __init__(self, seconds):
                self.seconds = seconds

            def ask(self, **asked):
                said.append((self.seconds, asked.get("cached"), asked.get("least_bytes")))
                if self.seconds == 2 and asked["type"] == "f16":
                    raise session.WorkerError("no halves")
                return {"seconds": self.seconds}

            def __enter__(self):
                return self

            def __exit__(self, *_):
                pass

        class Bench:
            def invar(self, threads):
                return Fake(1)

            def script(self, name, threads):
                return Fake(2)

            def say(self, text):
                pass

        results = []
        matmul.compare_one_row(Bench(), types.SimpleNamespace(quick=True, threads=1), results)
        self.assertEqual(results[-1], {"engine": "ggml", "reason": "no halves"})
        self.assertEqual(len(results), 2 * 2 * 2 * len(matmul.SHAPES) + 1)
        self.assertEqual({r["ratio"] for r in results[:-1]}, {None, 2.0})
        self.assertEqual([one for one, _, _ in said[:4]], [1, 2, 1, 2])
        self.assertEqual(said[0][1], True)
        self.assertEqual({least for one, _, least in said if one == 2 and least != 0}, {max(256 << 20, 4 * matmul.last_level_cache())})

    def test_matmul_table_and_csv(self):
        results = [{"m": 64, "shape": "a", "engine": "invar-f32", "ratio": None, "gflops": 100.0},
                   {"m": 64, "shape": "a", "engine": "numpy", "ratio": 1.0, "gflops": 50.0},
                   {"m": 64, "shape": "b", "engine": "numpy", "ratio": 4.0, "gflops": 200.0}, {"engine": "mkl", "reason": "no such call"}]
        text = report.matmul_table(results)
        self.assertIn("2.00x (1.00 - 4.00)", text)
        self.assertIn("mkl: not measured: no such call", text)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "figures.csv"
            report.write_csv(path, {"gpt2": report.rows_of(model())}, results)
            lines = list(csv.reader(path.read_text().splitlines()))
        self.assertIn(["models", "gpt2", "pytorch-f32", "prefill_ratio", "4.0"], lines)
        self.assertIn(["models", "gpt2", "pytorch-f32", "bits_batch", "9 of 10"], lines)
        self.assertIn(["models", "gpt2", "openvino", "reason", "cannot be installed: no wheel"], lines)
        self.assertIn(["matmul", "b M=64", "numpy", "ratio", "4.0"], lines)


class Pins(unittest.TestCase):
    def test_what_was_built_otherwise_is_built_again(self):
        with tempfile.TemporaryDirectory() as folder:
            one = install.Installer(folder)
            (pathlib.Path(folder) / "peers-venv").mkdir()
            self.assertFalse(one.is_of_this_build())
            one.build_stamp().write_text(one.build_key())
            self.assertTrue(one.is_of_this_build())
            flags = one.build_flags()
            one.build_flags = lambda: flags + " -DGGML_NATIVE=OFF"
            self.assertFalse(one.is_of_this_build())

    def test_every_package_is_pinned(self):
        pins = install.pinned((ROOT / "bench/peers/requirements.txt").read_text())
        wanted = set(install.MODEL_PACKAGES).union(*(peer.packages for peer in peers.PEERS))
        self.assertLessEqual(wanted, set(pins))
        self.assertEqual(pins["torch"], "torch==2.13.0")
        for line in ("torch", "torch>=2", "torch==2.*"):
            with self.assertRaises(ValueError):
                install.pinned(line)

    def test_only(self):
        self.assertEqual([peer.name for peer in peers.chosen(["llama-f", "pytorch"])], ["pytorch-f32", "pytorch-bf16", "llama-f32"])
        self.assertEqual(peers.chosen(None), list(peers.PEERS))
        with self.assertRaises(ValueError):
            peers.chosen(["nothing"])

    def test_every_peer_has_its_file(self):
        for peer in peers.PEERS:
            self.assertTrue((ROOT / "bench/peers" / f"peer_{peer.module.split(':')[0]}.py").exists(), peer.name)


class Workers(unittest.TestCase):
    def ask(self, program, timeout=20):
        with session.Session([sys.executable, "-c", program], 1, os.devnull, timeout) as one:
            return one.ask(op="load"), one.peak_bytes()

    def test_an_answer_and_its_memory(self):
        answer, peak = self.ask("x = bytearray(50 << 20); x[::4096] = b'1' * len(x[::4096]); input(); print('{\"seconds\": 2}')")
        self.assertEqual(answer, {"seconds": 2})
        if sys.platform == "linux":
            self.assertGreater(peak, 50 << 20)

    def test_reasons(self):
        for program, reason in (("input(); print('{\"error\": \"no file\"}')", "no file"),
                                ("import sys; input(); sys.exit(3)", "ended at 'load' with status 3")):
            with self.assertRaisesRegex(session.WorkerError, reason):
                self.ask(program)
        with self.assertRaisesRegex(session.WorkerError, "no answer to 'load' in 0.3 s"):
            self.ask("input(); input()", timeout=0.3)

    def test_a_worker_answers_whatever_its_libraries_print(self):
        program = """
import sys
sys.path.insert(0, %r)
import answering

def answer(asked):
    print("a library's greeting")
    if asked["op"] == "fail":
        raise ValueError("no such file\\nand more")
    return {"seconds": 1}

answering.serve(answer, answering.claim_output())
""" % str(ROOT / "bench" / "peers")
        with session.Session([sys.executable, "-c", program], 1, os.devnull, 20) as one:
            self.assertEqual(one.ask(op="load"), {"seconds": 1})
            with self.assertRaisesRegex(session.WorkerError, "^ValueError: no such file$"):
                one.ask(op="fail")
            self.assertEqual(one.ask(op="load"), {"seconds": 1})

    def test_the_environment_is_the_engines_own(self):
        os.environ["OPENBLAS_CORETYPE"] = "Haswell"
        environment = session.clean_environment(3)
        del os.environ["OPENBLAS_CORETYPE"]
        self.assertNotIn("OPENBLAS_CORETYPE", environment)
        self.assertEqual(environment["OMP_NUM_THREADS"], "3")


if __name__ == "__main__":
    unittest.main()
