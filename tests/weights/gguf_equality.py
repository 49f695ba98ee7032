#!/usr/bin/env python3
"""GGUF files give the bits and the tokens of the checkpoints they were made from, and `invar convert` loses nothing.

    gguf_equality.py INVAR ROOT [--shared DIR] [--only TEXT]

ROOT is the project (its models and tests/text/cases are read); DIR holds tokenizers/gpt2 and tokenizers/qwen3, the published
vocabularies, which are left out without it. Checkpoints with random weights of every family are made with Hugging Face's
classes (tests/accuracy/checkpoints.py), written as safetensors and as GGUF (gguf_files.py) of the same stored values, and
must have the same fingerprint of logits. Exit status 1 where anything differs.
"""
import argparse
import copy
import glob
import json
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "accuracy"))

import gguf
import torch
import transformers
from safetensors.torch import load_file, save_file

import checkpoints
import gguf_files

TYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
failures = []
counts = {}


def count(what, number=1):
    counts[what] = counts.get(what, 0) + number


def expect(condition, message):
    if not condition:
        failures.append(message)
        print("FAILED", message, flush=True)
    return condition


class Invar:
    def __init__(self, program):
        self.program = program

    def run(self, *arguments, stdin=None):
        return subprocess.run([self.program, *map(str, arguments)], capture_output=True, text=True, input=stdin)

    def json(self, *arguments, stdin=None):
        result = self.run(*arguments, "--json", stdin=stdin)
        if result.returncode != 0:
            raise RuntimeError(result.stderr.strip())
        return json.loads(result.stdout)

    def fingerprint(self, model, ids):
        return self.json("logits", "-m", model, "--ids", ",".join(map(str, ids)))["fingerprint"]

    def refuses(self, words, *arguments):
        result = self.run(*arguments)
        count("refusals")
        return expect(result.returncode in (1, 2) and all(w in result.stderr for w in words) and result.stderr.count("\n") == 1,
                      f"{arguments}: not refused with {words}: {result.returncode} {result.stderr[:300]}")


def tensors_of(folder):
    state = {}
    for path in sorted(glob.glob(os.path.join(folder, "*.safetensors"))):
        state.update(load_file(path))
    return state


def save_as(model, folder, dtype):
    """save_pretrained with matrices of `dtype` and vectors in float32, the values that a GGUF file of that type holds."""
    copy.deepcopy(model).to(dtype).save_pretrained(folder)
    path = os.path.join(folder, "model.safetensors")
    exact = {k: v for k, v in model.state_dict().items()}
    state = {}
    for name, tensor in load_file(path).items():
        state[name] = exact[name].float() if tensor.dim() < 2 and name in exact else tensor
    save_file(state, path, metadata={"format": "pt"})
    return state


def equal_bits(invar, only):
    left_out = []
    for case in checkpoints.cases():
        if only not in case.name:
            continue
        model = checkpoints.build(case)
        ids = torch.randint(case.config.vocab_size, (case.tokens,), generator=torch.Generator().manual_seed(1)).tolist()
        # The type that the case is about, and the others on each family's plain config.
        types = list(TYPES) if case.name.endswith(("-plain", "-biases", "-llama3", "-normalized", "-tied")) else [
            next(t for t in TYPES if TYPES[t] == case.dtype)]
        for kind in types:
            with tempfile.TemporaryDirectory() as folder:
                state = save_as(model, folder, getattr(torch, TYPES[kind]))
                path = os.path.join(folder, "model.gguf")
                try:
                    gguf_files.write(path, state, case.config, kind)
                except gguf_files.NotRepresentable as e:
                    left_out.append(f"{case.name} ({e})")
                    break
                try:
                    theirs = invar.fingerprint(folder, ids)
                except RuntimeError as e:
                    # What is refused as safetensors is refused as GGUF.
                    expect(invar.run("logits", "-m", path, "--ids", "1").returncode == 1, f"{case.name}: not refused")
                    left_out.append(f"{case.name} (refused: {e})")
                    break
                try:
                    ours = invar.fingerprint(path, ids)
                except RuntimeError as e:
                    expect(False, f"{case.name} {kind}: {e}")
                    continue
                count("GGUF files whose logits equal the safetensors'")
                count("logits in them", len(ids) * case.config.vocab_size)
                if not expect(theirs == ours, f"{case.name} {kind}: {ours[:16]} instead of {theirs[:16]}"):
                    continue
                round_trip(invar, case.name + " " + kind, path, state, ids, theirs)
    print("left out, as GGUF has no place for them:", ", ".join(left_out))


def round_trip(invar, name, path, state, ids, fingerprint):
    """GGUF, converted to safetensors: the same tensors under the same names, and the same logits again."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "converted")
        result = invar.run("convert", "-m", path, "-o", out)
        if not expect(result.returncode == 0, f"{name}: convert: {result.stderr}"):
            return
        back = load_file(os.path.join(out, "model.safetensors"))
        if not expect(sorted(back) == sorted(state), f"{name}: converted names {sorted(set(back) ^ set(state))[:4]}"):
            return
        for tensor in back:
            expect(back[tensor].dtype == state[tensor].dtype and torch.equal(back[tensor], state[tensor]), f"{name}: converted {tensor}")
        count("tensors that came back through convert", len(back))
        expect(invar.fingerprint(out, ids) == fingerprint, f"{name}: logits after convert")
        transformers.AutoConfig.from_pretrained(out)


def narrowing(invar):
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "source")
        model = checkpoints.build(checkpoints.decoder("Qwen3", "convert", tie_word_embeddings=True))
        model.save_pretrained(source)
        path = os.path.join(source, "model.safetensors")
        state = load_file(path)
        # Every half-way case, subnormals and zeros among random bits.
        bits = torch.randint(-2**31, 2**31, state["model.layers.0.mlp.up_proj.weight"].shape, dtype=torch.int64,
                             generator=torch.Generator().manual_seed(3)).to(torch.int32)
        values = bits.view(torch.float32)
        values[~(values.abs() < 3e38)] = 1.0
        values.view(-1)[:8] = torch.tensor([0.0, -0.0, 1e-45, 1.00390625, 1.01171875, -1.00390625, 3e-39, 2.0**-133])
        state["model.layers.0.mlp.up_proj.weight"] = values
        half = state["model.layers.1.mlp.up_proj.weight"] * torch.exp2(torch.randint(-26, 12, values.shape).float())
        half.view(-1)[:4] = torch.tensor([65519.0, -65519.0, 2.0**-25, 2.0**-24 * 1.5])
        state["model.layers.1.mlp.up_proj.weight"] = half
        save_file(state, path, metadata={"format": "pt"})
        for kind, dtype in (("bf16", torch.bfloat16), ("f16", torch.float16), ("f32", torch.float32)):
            if kind == "f16":
                invar.refuses(["up_proj", "f16"], "convert", "-m", source, "-o", os.path.join(folder, kind), "--type", kind)
                expect(not os.path.exists(os.path.join(folder, kind)), "a refused conversion left something behind")
                state["model.layers.0.mlp.up_proj.weight"] = half.clone()
                save_file(state, path, metadata={"format": "pt"})
            result = invar.run("convert", "-m", source, "-o", os.path.join(folder, kind), "--type", kind)
            if not expect(result.returncode == 0, f"convert to {kind}: {result.stderr}"):
                continue
            found = load_file(os.path.join(folder, kind, "model.safetensors"))
            for name, tensor in state.items():
                want = tensor.to(dtype)
                expect(found[name].dtype == dtype and found[name].numpy(force=True).tobytes() == want.numpy().tobytes()
                       if dtype != torch.bfloat16 else torch.equal(found[name].view(torch.int16), want.view(torch.int16)),
                       f"convert to {kind}: {name}")
                count("values that narrow as torch narrows them", tensor.numel())
            expect(json.load(open(os.path.join(folder, kind, "config.json")))["dtype"] == TYPES[kind.upper()], f"dtype of {kind}'s config")
        invar.refuses(["--force"], "convert", "-m", source, "-o", os.path.join(folder, "bf16"))
        expect(invar.run("convert", "-m", source, "-o", os.path.join(folder, "bf16"), "--force").returncode == 0, "convert --force")
        os.mkdir(os.path.join(folder, "mine"))
        open(os.path.join(folder, "mine", "diary.txt"), "w").close()
        invar.refuses(["diary.txt"], "convert", "-m", source, "-o", os.path.join(folder, "mine"), "--force")
        # Shards: as save_pretrained's.
        sharded, theirs = os.path.join(folder, "sharded"), os.path.join(folder, "theirs")
        save_file({k: v.to(torch.float32) for k, v in state.items()}, path, metadata={"format": "pt"})
        model.save_pretrained(theirs, max_shard_size="40KB")
        expect(invar.run("convert", "-m", source, "-o", sharded, "--shard", "40KB").returncode == 0, "convert --shard")
        ours, reference = (json.load(open(os.path.join(d, "model.safetensors.index.json"))) for d in (sharded, theirs))
        expect(ours["metadata"] == reference["metadata"], f"index: {ours['metadata']} instead of {reference['metadata']}")
        expect(sorted(ours["weight_map"]) == sorted(reference["weight_map"]), "names of the index")
        for shard in set(ours["weight_map"].values()):
            inside = load_file(os.path.join(sharded, shard))
            size = sum(t.numel() * t.element_size() for t in inside.values())
            expect(size <= 40_000 or len(inside) == 1, f"{shard} has {size} bytes")
            expect(all(ours["weight_map"][n] == shard for n in inside), f"{shard} and the index")
        loaded = transformers.AutoModelForCausalLM.from_pretrained(sharded, dtype=torch.float32).state_dict()
        for name, tensor in state.items():
            expect(torch.equal(loaded[name], tensor), f"sharded {name} in transformers")
        count("tensors of shards that transformers loads", len(state))


TEXTS = 250


def texts(root, name):
    with open(os.path.join(root, "tests", "text", "cases", name + ".json"), encoding="utf-8") as f:
        cases = [c["text"] for c in json.load(f) if c["text"] is not None]
    with open(os.path.join(root, "models", "tinyshakespeare.txt"), encoding="utf-8") as f:
        play = f.read()
    rng = random.Random(4)
    while len(cases) < TEXTS:
        at = rng.randrange(len(play) - 400)
        cases.append(play[at:at + rng.randint(1, 400)])
    return cases


def same_tokens(invar, name, folder, path, strings):
    with tempfile.TemporaryDirectory() as work:
        files = []
        for i, text in enumerate(strings):
            files += ["-f", os.path.join(work, str(i))]
            with open(files[-1], "w", encoding="utf-8", newline="") as f:
                f.write(text)
        theirs, ours = (invar.json("tokenize", "-m", m, *files) for m in (folder, path))
    expect(len(theirs) == len(ours) == len(strings), f"{name}: number of texts")
    for text, a, b in zip(strings, theirs, ours):
        expect(a == b, f"{name}: {text[:60]!r}: {str(b)[:80]} instead of {str(a)[:80]}")
        count("texts that tokenize alike")
        count("tokens in them", len(b["ids"]))


def tokenizers(invar, root, shared):
    tiny = checkpoints.gpt2("plain").config
    vocabularies = [("gpt2-bundled", os.path.join(root, "models", "gpt2"), "gpt-2"), ("qwen3-bundled", os.path.join(root, "models", "qwen3"), "qwen2"),
                    ("llama3-small", os.path.join(root, "tests/text/cases/llama3-small"), "llama-bpe")]
    if shared:
        vocabularies += [("gpt2-published", os.path.join(shared, "tokenizers/gpt2"), "gpt-2"),
                         ("qwen3-published", os.path.join(shared, "tokenizers/qwen3"), "qwen2")]
    for name, folder, pre in vocabularies:
        with tempfile.TemporaryDirectory() as work:
            path = os.path.join(work, "vocabulary.gguf")
            writer = gguf.GGUFWriter(path, "gpt2")
            gguf_files.add_bpe_tokenizer(writer, folder, None, pre)
            if name == "llama3-small":
                with open(os.path.join(folder, "tokenizer.json"), encoding="utf-8") as f:
                    writer.add_bos_token_id(next(t["id"] for t in json.load(f)["added_tokens"] if t["content"] == "<|begin_of_text|>"))
            writer.write_header_to_file(); writer.write_kv_data_to_file(); writer.write_tensors_to_file(); writer.close()
            strings = texts(root, name)
            if name == "llama3-small":  # lstrip, rstrip and single_word have no place in GGUF
                strings = [t for t in strings if not any(w in t for w in ("<left>", "<right>", "<word>"))]
            same_tokens(invar, name, folder, path, strings)
    sentencepiece(invar, root)


def sentencepiece(invar, root):
    """A vocabulary with scores, and the tokenizer.json that transformers makes of the same pieces."""
    from transformers.tokenization_utils_base import generate_merges
    with open(os.path.join(root, "tests/text/cases/llama2-small/tokenizer.json"), encoding="utf-8") as f:
        content = json.load(f)
    by_id = {i: t for t, i in content["model"]["vocab"].items()}
    pieces = [by_id[i] for i in range(len(by_id))]
    special = {"<unk>": gguf.TokenType.UNKNOWN, "<s>": gguf.TokenType.CONTROL, "</s>": gguf.TokenType.CONTROL}
    types = [special.get(p, gguf.TokenType.BYTE if i < 259 else gguf.TokenType.NORMAL) for i, p in enumerate(pieces)]
    for scores, what in (([0.0 if i < 259 else -float(i - 259) for i in range(len(pieces))], "distinct"),
                         ([0.0 if i < 259 else -float((i - 259) // 7) for i in range(len(pieces))], "tied")):
        for prefix in (True, False):
            plain = {p: i for i, p in enumerate(pieces) if i >= 3}
            content["model"]["merges"] = [list(m) for m in generate_merges(plain, {p: scores[i] for p, i in plain.items()})]
            content["added_tokens"] = [t for t in content["added_tokens"] if t["content"] in special]
            normalizers = [{"type": "Prepend", "prepend": "\u2581"}] if prefix else []
            content["normalizer"] = {"type": "Sequence", "normalizers": normalizers + [
                {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]}
            with tempfile.TemporaryDirectory() as work:
                with open(os.path.join(work, "tokenizer.json"), "w", encoding="utf-8") as f:
                    json.dump(content, f)
                path = os.path.join(work, "other", "vocabulary.gguf")
                os.mkdir(os.path.dirname(path))
                writer = gguf.GGUFWriter(path, "llama")
                gguf_files.add_sentencepiece_tokenizer(writer, pieces, scores, types, None if prefix else False)
                writer.write_header_to_file(); writer.write_kv_data_to_file(); writer.write_tensors_to_file(); writer.close()
                same_tokens(invar, f"sentencepiece, {what} scores, prefix {prefix}", work, path, texts(root, "llama2-small"))


def bundled(invar, root):
    """The bundled models as whole GGUF files: generation, chat, verification, inspection and conversion, with their tokenizers."""
    for name, pre in (("gpt2", "gpt-2"), ("qwen3", "qwen2")):
        folder = os.path.join(root, "models", name)
        config = transformers.AutoConfig.from_pretrained(folder)
        state = tensors_of(folder)
        kind = {torch.float32: "F32", torch.bfloat16: "BF16"}[next(t.dtype for t in state.values() if t.dim() == 2)]
        with tempfile.TemporaryDirectory() as work:
            path = os.path.join(work, name + ".gguf")
            gguf_files.write(path, state, config, kind, lambda w: gguf_files.add_bpe_tokenizer(w, folder, config.vocab_size, pre))
            chat = ["--chat"] if name == "qwen3" else []
            a, b = (invar.run("generate", "-m", m, "-p", "What news?", "-n", "32", "--temp", "0", "--json", *chat) for m in (folder, path))
            expect(a.returncode == b.returncode == 0 and json.loads(a.stdout)["results"] == json.loads(b.stdout)["results"],
                   f"{name}: generation {a.stderr} {b.stderr}")
            expect(invar.run("verify", "-m", work, "--preset", "demo").returncode == 0, f"{name}: verify of a directory with one GGUF file")
            inspected = invar.json("inspect", "-m", path)
            expect(inspected["parameters"] == invar.json("inspect", "-m", folder)["parameters"], f"{name}: inspect")
            out = os.path.join(work, "converted")
            expect(invar.run("convert", "-m", path, "-o", out).returncode == 0, f"{name}: convert")
            tokenizer = transformers.AutoTokenizer.from_pretrained(out)
            stock = transformers.AutoTokenizer.from_pretrained(folder)
            for text in texts(root, name + "-bundled"):
                expect(tokenizer(text)["input_ids"] == stock(text)["input_ids"], f"{name}: converted tokenizer on {text[:40]!r}")
                count("texts that transformers tokenizes alike after convert")
            if chat:
                messages = [{"role": "user", "content": "What news?"}]
                expect(tokenizer.apply_chat_template(messages, tokenize=False) == stock.apply_chat_template(messages, tokenize=False), "chat template")
            count("bundled models as GGUF")


def refusals(invar):
    case = checkpoints.decoder("Llama", "refused", num_hidden_layers=1)
    model = checkpoints.build(case)
    with tempfile.TemporaryDirectory() as work:
        def written(name, change):
            path = os.path.join(work, name + ".gguf")
            writer = gguf.GGUFWriter(path, "llama")
            gguf_files.decoder_metadata(writer, case.config, 16)
            for tensor, value in gguf_files.gguf_tensors(model.state_dict(), case.config, 16):
                writer.add_tensor(tensor, value.numpy())
            change(writer)
            writer.write_header_to_file(); writer.write_kv_data_to_file(); writer.write_tensors_to_file(); writer.close()
            return path
        quantised = gguf.quantize(torch.randn(4, 64).numpy(), gguf.GGMLQuantizationType.Q8_0)
        path = written("quantised", lambda w: w.add_tensor("blk.0.extra.weight", quantised, raw_dtype=gguf.GGMLQuantizationType.Q8_0))
        invar.refuses(["blk.0.extra.weight", "Q8_0"], "logits", "-m", path, "--ids", "1")
        expect("Q8_0" in invar.run("inspect", "-m", path).stdout, "inspect shows quantised types")
        path = written("unknown", lambda w: w.add_tensor("blk.0.extra.weight", torch.randn(4).numpy()))
        invar.refuses(["blk.0.extra.weight"], "logits", "-m", path, "--ids", "1")
        invar.refuses(["logit_scale"], "logits", "-m", written("scale", lambda w: w.add_logit_scale(2.0)), "--ids", "1")
        invar.refuses(["expert_count"], "logits", "-m", written("experts", lambda w: w.add_expert_count(8)), "--ids", "1")
        odd = torch.tensor([1.0, 1.3, 2.2, 3.7, 4.1, 5.9, 6.6, 7.7])
        invar.refuses(["rope_freqs"], "logits", "-m", written("freqs", lambda w: w.add_tensor("rope_freqs.weight", odd.numpy())), "--ids", "1")
        path = os.path.join(work, "mamba.gguf")
        writer = gguf.GGUFWriter(path, "mamba")
        writer.write_header_to_file(); writer.write_kv_data_to_file(); writer.write_tensors_to_file(); writer.close()
        invar.refuses(["general.architecture", "mamba"], "logits", "-m", path, "--ids", "1")
        path = os.path.join(work, "big.gguf")
        writer = gguf.GGUFWriter(path, "llama", endianess=gguf.GGUFEndian.BIG)
        writer.write_header_to_file(); writer.write_kv_data_to_file(); writer.write_tensors_to_file(); writer.close()
        invar.refuses(["big-endian"], "logits", "-m", path, "--ids", "1")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("invar")
    parser.add_argument("root")
    parser.add_argument("--shared", default="")
    parser.add_argument("--only", default="", help="only checkpoints whose name holds this text")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(2)
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    invar = Invar(os.path.abspath(arguments.invar))
    equal_bits(invar, arguments.only)
    if not arguments.only:
        narrowing(invar)
        refusals(invar)
        tokenizers(invar, arguments.root, arguments.shared)
        bundled(invar, arguments.root)
    for what, number in counts.items():
        print(f"{number:9} {what}")
    print(f"{len(failures)} failures")
    sys.exit(1 if failures or not counts else 0)


if __name__ == "__main__":
    main()
