#!/usr/bin/env python3
"""Compares the tokenizer with Hugging Face's `tokenizers`, text by text: ids, and the text that they decode to.

    equality.py BUILD SHARED [--count 100000] [--others 10000] [--long 1000000] [--speed]

BUILD holds tests/tokenize_many; SHARED holds tokenizers/gpt2 and tokenizers/qwen3, the published vocabularies, each of which
is asked --count texts; every other tokenizer gets --others. Exits with 1 where anything differs.
Needs: pip install tokenizers==0.23.3
"""
import argparse
import itertools
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

from texts import Texts, long_lines

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


class Ours:
    def __init__(self, program, directory):
        self.command = [program, directory]

    def ask(self, requests):
        sent = b"".join(kind + struct.pack("=I", len(body) // size) + body for kind, size, body in requests)
        done = subprocess.run(self.command, input=sent, capture_output=True)
        if done.returncode != 0:
            raise SystemExit(" ".join(self.command) + ": " + done.stderr.decode("utf-8", "replace"))
        self.answers, self.at = done.stdout, 0

    def take(self, size):
        count, = struct.unpack_from("=I", self.answers, self.at)
        begin = self.at + 4
        self.at = begin + count * size
        return self.answers[begin:self.at]


class Differences:
    def __init__(self):
        self.count, self.texts, self.decoded = 0, 0, 0

    def report(self, name, text, ours, theirs):
        self.count += 1
        if self.count <= 12:
            print(f"DIFFERENT {name}: {text!r:.300}\n   ours   {ours!r:.300}\n   theirs {theirs!r:.300}", flush=True)


def theirs_of(theirs, texts):
    """The reference's ids; None where it fails, as it does where an added token's spaces hold another added token."""
    try:
        return [e.ids for e in theirs.encode_batch(texts)]
    except BaseException as e:  # a Rust panic is no Exception
        if "PanicException" not in type(e).__name__:
            raise
    if len(texts) == 1:
        return [None]
    half = len(texts) // 2
    return theirs_of(theirs, texts[:half]) + theirs_of(theirs, texts[half:])


def compare(name, program, directory, theirs, texts, id_lists, differences):
    begin = time.time()
    ours = Ours(program, directory)
    ours.ask([(b"T", 1, text) for text in texts] + [(b"I", 4, struct.pack(f"={len(ids)}i", *ids)) for ids in id_lists])
    middle = time.time()
    encoded = theirs_of(theirs, [text.decode("utf-8", "replace") for text in texts])
    everything = [ids or [] for ids in encoded] + id_lists
    plain = theirs.decode_batch(everything, skip_special_tokens=False)
    without = theirs.decode_batch(everything, skip_special_tokens=True)
    before = differences.count
    for i, ids in enumerate(everything):
        shown = texts[i] if i < len(texts) else ids
        if i < len(texts):
            answer = ours.take(4)
            got = list(struct.unpack(f"={len(answer) // 4}i", answer))
            if encoded[i] is None:  # nothing to compare with
                ours.take(1), ours.take(1)
                continue
            if got != ids:
                differences.report(name, shown, got, ids)
        for expected in (plain[i], without[i]):
            got = ours.take(1)
            if got != expected.encode():
                differences.report(name + ", decoded", shown, got, expected)
    failed = encoded.count(None)
    encoded = [ids for ids in encoded if ids is not None]
    differences.texts += len(encoded)
    differences.decoded += len(id_lists)
    print(f"{name}: {len(encoded)} texts{f' ({failed} on which the reference fails)' if failed else ''}, {sum(map(len, encoded))} tokens, {len(id_lists)} rows of ids, "
          f"{differences.count - before} differences ({middle - begin:.1f} s ours, {time.time() - middle:.1f} s theirs)", flush=True)


def rows_of_ids(rng, theirs, count):
    size = theirs.get_vocab_size(with_added_tokens=True)
    small = min(size, 300)  # where single bytes are
    return [[rng.randrange(rng.choice([size, small])) for _ in range(rng.randint(0, 24))] for _ in range(count)]


def contents(theirs):
    return [t.content for t in theirs.get_added_tokens_decoder().values()]


def saved(theirs, folder, name):
    path = os.path.join(folder, name)
    os.makedirs(path, exist_ok=True)
    theirs.save(os.path.join(path, "tokenizer.json"))
    return path


def from_files(shared, name):
    """The published vocabulary as vocab.json and merges.txt alone, cut as GPT-2 cuts."""
    files = [os.path.join(shared, "tokenizers", name, f) for f in ("vocab.json", "merges.txt")]
    theirs = Tokenizer(models.BPE.from_file(*files))
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    theirs.decoder = decoders.ByteLevel()
    if theirs.token_to_id("<|endoftext|>") is not None:
        theirs.add_special_tokens(["<|endoftext|>"])
    return files, theirs


def sentencepiece_kinds():
    """Small vocabularies of characters that lack some bytes, with every way to treat what they lack and to mark words."""
    letters = list("abcdehlorw'.<>\u2581é") + ["\u0301", "中"]
    pieces = ["he", "ll", "hell", "hello", "\u2581w", "\u2581wo", "or", "\u2581wor", "\u2581\u2581", "é中", "<a", "ab", "abc", "bc"]
    pairs = [("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o"), ("\u2581", "w"), ("\u2581w", "o"), ("o", "r"), ("\u2581wo", "r"),
             ("\u2581", "\u2581"), ("é", "中"), ("<", "a"), ("a", "b"), ("b", "c"), ("ab", "c"), ("a", "bc")]
    for fuse, fallback, ignore, style in itertools.product([False, True], ["none", "half", "whole"], [False, True], range(8)):
        entries = ["<unk>"] + letters + pieces
        if fallback != "none":
            entries += ["<0x%02X>" % b for b in range(0, 256 if fallback == "whole" else 0xC8)]
        vocabulary = {e: i for i, e in enumerate(entries)}
        theirs = Tokenizer(models.BPE(vocab=vocabulary, merges=pairs, unk_token="<unk>" if style != 5 else None, fuse_unk=fuse,
                                      byte_fallback=fallback != "none", ignore_merges=ignore))
        steps = [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
        theirs.decoder = decoders.Sequence(steps + ([decoders.Strip(" ", 1, 0)] if style % 2 else []))
        if style == 0:
            theirs.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
        elif style == 1:
            theirs.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(" ", "\u2581")])
        else:
            scheme = ["first", "always", "never"][style % 3]
            theirs.pre_tokenizer = pre_tokenizers.Metaspace("\u2581", prepend_scheme=scheme, split=style >= 5)
            if style in (4, 6, 7):
                theirs.decoder = decoders.Metaspace("\u2581", prepend_scheme=scheme)
        yield f"characters, {'fused' if fuse else 'single'} unknown, {fallback} bytes, {'whole words, ' if ignore else ''}style {style}", theirs


def byte_kinds(root):
    """Bytes with holes in the vocabulary, a blank before the text, and merges that a whole word would hide."""
    with open(os.path.join(root, "models", "gpt2", "tokenizer.json"), encoding="utf-8") as f:
        model = json.load(f)["model"]
    for fuse, unknown, prefix, ignore in itertools.product([False, True], repeat=4):
        lacking = set("eé¡Ģ7ĠÃ")
        vocabulary = {e: i for i, e in enumerate(e for e in model["vocab"] if not lacking & set(e))}
        merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in model["merges"]]
        merges = [m for m in merges if m[0] in vocabulary and m[1] in vocabulary and m[0] + m[1] in vocabulary]
        random.Random(3).shuffle(merges)
        vocabulary["日本"] = len(vocabulary)  # written in no byte's character
        vocabulary["<unk>"] = len(vocabulary)
        theirs = Tokenizer(models.BPE(vocab=vocabulary, merges=merges + merges[:40], unk_token="<unk>" if unknown else None,
                                      fuse_unk=fuse, ignore_merges=ignore))
        theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
        theirs.decoder = decoders.ByteLevel()
        yield f"bytes, fuse {fuse}, unknown {unknown}, prefix {prefix}, whole words {ignore}", theirs


def added_kinds(bases, count):
    """Added tokens of every combination of flags on every base, many at once, some of them parts of others."""
    flags = list(itertools.product([False, True], repeat=5))
    words = ["<a>", "<a", "a", "ab", "abc", " b", "b ", "é", "e\u0301", "\u0301", "中", "<|x|>", "<|x|><|y|>", "_", " ", "  ", "\n", "'s", "1", "\u2581",
             "hello", "Hello world", "\u1100\u1161", "가", "²", "\u200d", "<0x41>", "the", " the", "Ġthe", "👍", "\ufffd"]
    for i in range(count):
        rng = random.Random(i)
        name, path = bases[i % len(bases)]
        theirs = Tokenizer.from_file(os.path.join(path, "tokenizer.json"))
        chosen = rng.sample(words, rng.randint(2, 12))
        for k, content in enumerate(chosen):
            single, left, right, normalized, special = flags[(i * 12 + k) % len(flags)]
            token = AddedToken(content, single_word=single, lstrip=left, rstrip=right, normalized=normalized, special=special)
            try:
                (theirs.add_special_tokens if special else theirs.add_tokens)([token])
            except Exception:  # two tokens with one normal form
                break
        yield f"added tokens {i} on {name}", theirs


def compare_long(name, program, directory, theirs, size, differences):
    """Long lines: equal where the reference is quick enough, and what twice the length takes (printed, not judged)."""
    ours = Ours(program, directory)
    lines, twice = long_lines(size), long_lines(2 * size)
    ours.ask([(b"T", 1, text.encode()) for text in lines.values()] +
             [(b"B", 1, text.encode()) for pair in zip(lines.values(), twice.values()) for text in pair])
    for kind, text in lines.items():
        got = ours.take(4)
        decoded = ours.take(1), ours.take(1)
        begin = time.time()
        ids = theirs.encode(text).ids
        differences.texts += 1
        if list(struct.unpack(f"={len(got) // 4}i", got)) != ids:
            differences.report(f"{name}, {size} bytes of {kind}", text[:20], len(got) // 4, len(ids))
        if decoded[0] != theirs.decode(ids, skip_special_tokens=False).encode():
            differences.report(f"{name}, {size} bytes of {kind}, decoded", text[:20], "", "")
        lines[kind] = (len(ids), time.time() - begin)
    for kind, (tokens, seconds) in lines.items():
        once, double = (struct.unpack("=q", ours.take(8))[0] / 1e9 for _ in range(2))
        print(f"  {name}: {size} bytes of {kind}: {tokens} tokens, {once:.4f} s ours, {double / once:.2f} times that for twice the "
              f"length, {seconds:.2f} s theirs", flush=True)


def speed(name, program, directory, theirs, root):
    texts = Texts(1, root, [])
    rng = random.Random(2)
    many = "".join("".join(rng.choices(texts.by_script[s][:600], k=rng.randint(3, 9))) + rng.choice([" ", " ", ", ", "\n"])
                   for s in rng.choices(["CYRILLIC", "GREEK", "CJK", "HIRAGANA", "HANGUL", "ARABIC", "DEVANAGARI", "LATIN", "THAI"], k=60000))
    for kind, text in (("English", texts.prose), ("source code", texts.source), ("many scripts", many)):
        ours = Ours(program, directory)
        ours.ask([(b"B", 1, text.encode())])
        seconds = struct.unpack("=q", ours.take(8))[0] / 1e9
        reference = []
        for _ in range(3):
            begin = time.time()
            count = len(theirs.encode(text).ids)
            reference.append(time.time() - begin)
        print(f"  {name}, {kind}: {count / seconds / 1e6:.2f} million tokens/s ours, {count / min(reference) / 1e6:.2f} theirs "
              f"({count} tokens, {len(text.encode()) / count:.2f} bytes each)", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("shared")
    parser.add_argument("--count", type=int, default=100000)
    parser.add_argument("--others", type=int, default=10000)
    parser.add_argument("--long", type=int, default=1000000, help="bytes of the long lines; 0: none")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    program = os.path.join(options.build, "tests", "tokenize_many")
    differences = Differences()
    rng = random.Random(options.seed)
    published = [(n, os.path.join(options.shared, "tokenizers", n)) for n in ("gpt2", "qwen3")]
    loaded = {n: Tokenizer.from_file(os.path.join(p, "tokenizer.json")) for n, p in published}
    maker = Texts(options.seed, ROOT, [])

    def check(name, directory, theirs, count):
        maker.special = contents(theirs) or ["<|endoftext|>"]
        compare(name, program, directory, theirs, maker.make(count), rows_of_ids(rng, theirs, count // 4), differences)

    for name, path in published:
        check(f"{name}, published", path, loaded[name], options.count)
    with tempfile.TemporaryDirectory() as folder:
        for name, _ in published:
            files, theirs = from_files(options.shared, name)
            directory = os.path.join(folder, name + "-files")
            os.makedirs(directory)
            for file in files:
                shutil.copy(file, directory)
            check(f"{name}, vocab.json and merges.txt", directory, theirs, options.others)
        # The same files with what Qwen's own directories say beside them.
        with open(os.path.join(published[1][1], "tokenizer.json"), encoding="utf-8") as f:
            added = {str(t.pop("id")): t for t in json.load(f)["added_tokens"]}
        with open(os.path.join(directory, "tokenizer_config.json"), "w", encoding="utf-8") as f:
            json.dump({"tokenizer_class": "Qwen2Tokenizer", "add_prefix_space": False, "added_tokens_decoder": added}, f)
        check("qwen3, vocab.json, merges.txt and tokenizer_config.json", directory, loaded["qwen3"], options.others)

        bases = [(n, os.path.join(ROOT, "models", n)) for n in ("gpt2", "qwen3")]
        bases += [(n, os.path.join(ROOT, "tests", "text", "cases", n)) for n in ("llama3-small", "llama2-small", "mistral-small")]
        for name, path in bases:
            check(name, path, Tokenizer.from_file(os.path.join(path, "tokenizer.json")), options.others)
        kinds = itertools.chain(sentencepiece_kinds(), byte_kinds(ROOT), added_kinds(bases, 40))
        for i, (name, theirs) in enumerate(kinds):
            check(name, saved(theirs, folder, str(i)), theirs, max(options.others // 20, 100))
    print(f"{differences.texts} texts and {differences.decoded} rows of ids compared", flush=True)
    if options.long:
        for name, path in published:
            compare_long(name, program, path, loaded[name], options.long, differences)
    if options.speed:
        for name, path in published:
            speed(name, program, path, loaded[name], ROOT)
    print(f"{differences.count} differences")
    return 1 if differences.count else 0


if __name__ == "__main__":
    sys.exit(main())
