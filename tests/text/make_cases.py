#!/usr/bin/env python3
"""Writes tests/text/cases/: what Hugging Face's tokenizers make of difficult texts, and its chat templates of chats.

    make_cases.py ROOT SHARED [--chats]        (tokenizers 0.23, transformers 5.24, jinja2 3.1)

ROOT is this project; SHARED holds tokenizers/gpt2 and tokenizers/qwen3, the published vocabularies, and templates/, published
chat templates. --chats: only what chat_cases.py and jinja_corpus.py say.
"""
import json
import os
import random
import sys

import tokenizers

import chat_cases

TEXTS = [
    "", " ", "  ", "a", "ROMEO:\nBut soft, what light", "Hello, world!", "I'm he's we'll they've I'd you're it'S DON'T 'tis '",
    "tabs\tand\t\ttabs", "trailing   ", "   leading", "a  b   c    d", "line\nline\n\nline\n\n\nline", "line\r\nline\r\n\r\nx",
    " \n \n", "\n \n  x", "x\n\n ", "1 12 123 1234 12345 3.14159 1,000,000 0x7F", "٣٤٥ ७८९ ½ ² ⅷ 四",
    "naïve café résumé Ünïcödé", "cafe\u0301 re\u0301sume\u0301 A\u030a \u1e9b\u0323", "Å \u212b \u00c5 A\u030a",
    "\u1100\u1161\u11a8 각 \uac00\u11a8", "日本語のテキスト。中文，标点！한국어 문장", "Привет, мир! Ελληνικά ქართული",
    "مرحبا بالعالم שלום עולם", "हिन्दी বাংলা தமிழ் ไทย", "👍🏽 👩‍👩‍👧‍👦 🇩🇪 ❤️ 🏳️‍🌈", "math ∑∫√∞ ≤ ≥ ≠ → ⇒ ∀∃", "“quotes” ‘single’ «guillemets» —dash– …",
    "\u00a0nbsp\u2003em\u3000ideographic\u200bzero\ufeffbom", "\u0000\u0001\u0007\u001b[0m\u007f\u0080\u009f", "\ue000\uf8ff\U000f0000\U0010ffff",
    "$100 €50 £20 ¥1000 50% #tag @user a_b a-b a.b a/b\\c", "def f(x):\n    return x ** 2  # comment\n\n\tif (a && b) { c++; }",
    "https://example.org/path?query=1&b=2#frag user@example.org", "<|endoftext|>", "a<|endoftext|>b", "<|endoftext|><|endoftext|> x",
    "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n", "<|im_start|> <|im_end", "<think>\n\n</think>\n\n", "<|notatoken|>",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", " " * 70, "\n" * 40, "=" * 100 + " " + "-" * 33, "ab" * 200, "supercalifragilisticexpialidocious",
    "THE QUICK BROWN FOX jumps Over The lazy DOG", "snake_case camelCase PascalCase kebab-case SCREAMING_CASE", "ﬁ ﬂ ﬀ ǆ Ⅳ ㎏ ①",
    "e\u0301\u0323 q\u0307\u0323 \u0344 \u0958 \u2126 \ufb1d", "ᾳ ᾼ ΰ ώ İ ı ſ ß ẞ", "\u0301leading mark", "a\u0300\u0301\u0302\u0303b",
    "'s't're've'm'll'd 'S'T'RE'VE'M'LL'D ’s ’t", "1's 2'nd x'y", "!!!???...,,,;;;:::", "a!b?c.d,e;f:g", "\t\n\r\f\v x\f\vy", "\u2028\u2029\u0085x",
    "العربية١٢٣abc", "x̄ ± σ²/√n", "𝒜𝓑𝕮 𝟘𝟙𝟚 𐍈𐌰", "ꙮ ﷽ 𒐫", "\u180e\u2060\u2066\u2069", "mixed漢字andかなandкириллица123",
]
# Blocks of Unicode that random texts draw from.
BLOCKS = [(0x20, 0x7E)] * 6 + [(0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x52F), (0x5D0, 0x6FF), (0x900, 0xDFF), (0xE00, 0xFFF), (0x1100, 0x11FF),
          (0x1E00, 0x1FFF), (0x2000, 0x2BFF), (0x3000, 0x30FF), (0x4E00, 0x4FFF), (0xAC00, 0xAFFF), (0xF900, 0xFAFF), (0xFB00, 0xFDFF),
          (0x1D400, 0x1D7FF), (0x1F300, 0x1F9FF), (0x2F800, 0x2FA1F)]
SPACES = " \t\n\r\u00a0\u3000"


def random_texts(count, seed):
    rng = random.Random(seed)
    texts = []
    for _ in range(count):
        text = ""
        for _ in range(rng.randint(1, 12)):
            low, high = rng.choice(BLOCKS)
            text += "".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 8)))
            text += "".join(rng.choice(SPACES) for _ in range(rng.choice([0, 0, 1, 1, 2, 4])))
        texts.append(text)
    return texts


def tokenizer_cases(path, count):
    tokenizer = tokenizers.Tokenizer.from_file(os.path.join(path, "tokenizer.json"))
    cases = []
    rng = random.Random(6)
    # Rows of ids that no text gives, many of single bytes.
    rows = [[rng.randrange(rng.choice([280, tokenizer.get_vocab_size()])) for _ in range(rng.randint(1, 16))] for _ in range(60)]
    for text in TEXTS + MORE_TEXTS + random_texts(count, 5) + [None] * len(rows):
        ids = rows.pop() if text is None else tokenizer.encode(text).ids
        cases.append({"text": text, "ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False),
                      "decoded_without_special": tokenizer.decode(ids, skip_special_tokens=True)})
    return cases


def small_tokenizers(root, folder):
    """Two kinds that no bundled model has, trained small: Llama 3's splitter, and SentencePiece's way (Llama 2, Mistral)."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    with open(os.path.join(root, "models", "tinyshakespeare.txt"), encoding="utf-8") as f:
        corpus = [f.read()[:200000]] + [t for t in TEXTS if "<" not in t] * 3
    def finish(tokenizer, name, special):
        tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in special])
        tokenizer.add_tokens([AddedToken("<word>", normalized=True, single_word=True), AddedToken("<left>", lstrip=True, normalized=False),
                              AddedToken("<right>", rstrip=True, normalized=False)])
        os.makedirs(os.path.join(folder, name), exist_ok=True)
        path = os.path.join(folder, name, "tokenizer.json")
        tokenizer.save(path, pretty=False)
        with open(path, encoding="utf-8") as f:
            content = json.load(f)
        # The trainer marks the bytes as special tokens; published files do not.
        content["added_tokens"] = [t for t in content["added_tokens"] if not t["content"].startswith("<0x")]
        with open(path, "w", encoding="utf-8") as f:
            json.dump(content, f, ensure_ascii=False)
    llama3 = Tokenizer(models.BPE(ignore_merges=True))
    pattern = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    llama3.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"),
                                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    llama3.decoder = decoders.ByteLevel()
    llama3.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=700, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    special = ["<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"]
    llama3.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in special])
    begin = "<|begin_of_text|>"
    llama3.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), processors.TemplateProcessing(
        single=[begin, "$A"], pair=None, special_tokens=[(begin, llama3.token_to_id(begin))])])
    finish(llama3, "llama3-small", special)
    for name in ("llama2-small", "mistral-small"):
        words = [w for t in corpus for w in t.replace(" ", "\u2581").split("\n")]
        trained = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
        trained.train_from_iterator(words, trainers.BpeTrainer(vocab_size=600, show_progress=False, limit_alphabet=90, max_token_length=12,
            special_tokens=["<unk>", "<s>", "</s>"] + ["<0x%02X>" % b for b in range(256)]))
        trained.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
        if name == "llama2-small":
            trained.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
        else:
            trained.pre_tokenizer = pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="first", split=False)
        trained.post_processor = processors.TemplateProcessing(single=["<s>", "$A"], pair=None, special_tokens=[("<s>", 1)])
        finish(trained, name, ["<unk>", "<s>", "</s>"])


MORE_TEXTS = ["<word> a<word> <word>b x <word>.", "a <left> b <left>", "a <right>  b<right> ", "</s>x</s> y", "<s>", " <|eot_id|> x", "<0x41>", "\u2581x \u2581",
              # What touches <word> and is or is not a part of a word, as the reference's other regex engine has it.
              "\u0301<word>", "<word>\u0301", "\u00b2<word>", "<word>\u2460", "\u200d<word>", "<word>\u203f", "\u24d0<word>", "<word>\u2160", "_<word>",
              "'\u017f '\u017ft 'LL 'lL 'Re 'vE", "\u1100\u1161\u11a7\u11a8 \uac00\u11a7 \uac01\u11a8", "\u09c7\u09be \u0cc6\u0cc2\u0cd5 \u0dd9\u0dcf\u0dca",
              "\u0f71\u0f72\u0f74\u0f71 \u0344\u0345\u0323 a\u0345\u0323\u0301", " \n \r\n\u2028\u0085\n x", "\x1c\x1d\x1e\x1fx", "a" * 130 + " " * 120 + "\n" * 110]

def main(root, shared, chats=None):
    folder = os.path.join(root, "tests", "text", "cases")
    os.makedirs(folder, exist_ok=True)
    def save(name, cases):
        with open(os.path.join(folder, name + ".json"), "w", encoding="utf-8") as f:
            f.write("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
    def tokenizer_files():
        for model in ("gpt2", "qwen3"):
            save(model + "-bundled", tokenizer_cases(os.path.join(root, "models", model), 100))
            save(model + "-published", tokenizer_cases(os.path.join(shared, "tokenizers", model), 200))
        small_tokenizers(root, folder)
        for name in ("llama3-small", "llama2-small", "mistral-small"):
            save(name, tokenizer_cases(os.path.join(folder, name), 100))
    if chats is None:
        tokenizer_files()
    oracle = chat_cases.Oracle(os.path.join(root, "models", "qwen3"))
    def template(*path):
        with open(os.path.join(*path), encoding="utf-8") as f:
            return f.read()
    save("qwen3-chat", chat_cases.of(oracle, template(root, "models", "qwen3", "chat_template.jinja")))
    for name in ("qwen3", "qwen2.5", "llama3", "smollm3"):
        save("chat-" + name, chat_cases.of(oracle, template(shared, "templates", name + ".jinja")))
    own = os.path.join(root, "tests", "text", "templates")
    for name in sorted(os.listdir(own)):
        save("chat-" + name.removesuffix(".jinja"), chat_cases.of(oracle, template(own, name)))
    with open(os.path.join(folder, "jinja.json"), "w", encoding="utf-8") as f:
        json.dump(chat_cases.language(oracle), f, indent=0)


if __name__ == "__main__":
    main(*sys.argv[1:])
