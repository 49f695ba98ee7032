"""Texts that are hard on a tokenizer: random, but the same for the same seed. A text is bytes, not always UTF-8."""
import glob
import json
import os
import random
import unicodedata

WHITESPACE = ("\t\n\v\f\r \x1c\x1d\x1e\x1f\x85\xa0\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
              "\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff")
CONTRACTIONS = ["s", "t", "re", "ve", "m", "ll", "d", "l", "r", "v", "\u017f", "\u017ft", "L\u217c", "\u212a", "em", "nt", "e"]
EMOJI = "👍👩👨👧👦🧑🚀❤🏳🌈🇩🇪🇺🇸🏴😀🤦👁🗨☠⚕✈🐻❄0#*1"
EMOJI_GLUE = ["\u200d", "\u200d", "\ufe0f", "\ufe0e", "\u20e3", "🏻", "🏽", "🏿", "\U000e0067", "\U000e007f", ""]
CODE = ["def f(x):\n    return x**2  # y\n", "\tif (a && !b) { c++; }\r\n", "x = {'k': [1, 2.5e-3, 0xFF]}", "std::vector<int> v{1,2,3};\n",
        "SELECT * FROM t WHERE a='b';", "<div class=\"x\">&nbsp;</div>\n\n", "https://a.b/c?d=e&f=%20#g", "$HOME/.x/*.py | grep -v '^#'",
        "@decorator\nclass A(B):\n\n\n    pass", "for(;;){}//\u00e9", "{\"a\":\"\\ud83d\\ude00\\udc00\"}", "a\\nb\\tc", "λx.x→∀", "\\frac{1}{2}"]
BROKEN = [b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xed\xa0\xbd\xed\xb8\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\xff", b"\xfe", b"\xe2\x82",
          b"\xf0\x9f\x91", b"\x80", b"\xc3", b"\xe0\x80\x80", b"\xf8\x88\x80\x80\x80", b"\x00", b"\xef\xbf\xbd", b"\xed\x9f\xbf\xee\x80\x80"]
JAMO = [range(0x1100, 0x1113), range(0x1161, 0x1176), range(0x11A7, 0x11C3), range(0xAC00, 0xD7A4), range(0x1113, 0x1160), range(0xA960, 0xA97D)]


class Texts:
    def __init__(self, seed, root, special):
        """`special`: contents of the tokenizer's added tokens; `root`: this project, whose files are some of the texts."""
        self.rng = random.Random(seed)
        self.special = special or ["<|endoftext|>"]
        self.by_category, self.by_script = {}, {}
        for c in range(0x110000):
            if 0xD800 <= c < 0xE000:
                continue
            char = chr(c)
            category = unicodedata.category(char)
            self.by_category.setdefault(category, []).append(char)
            if category not in ("Cn", "Co"):
                script = unicodedata.name(char, "CONTROL").split(" ")[0].split("-")[0]
                self.by_script.setdefault(script, []).append(char)
        self.by_script = {k: v for k, v in self.by_script.items() if len(v) > 4}
        self.assigned = [c for k, v in sorted(self.by_category.items()) if k not in ("Cn", "Co") for c in v]
        self.marks = self.by_category["Mn"] + self.by_category["Mc"] + self.by_category["Me"]
        self.composed = [c for c in self.assigned if unicodedata.normalize("NFD", c) != c]
        self.digits = [c for k in ("Nd", "Nl", "No") for c in self.by_category[k]]
        files = sorted(glob.glob(os.path.join(root, "runtime", "**", "*.cc"), recursive=True)) + [os.path.join(root, "README.md")]
        self.prose = open(os.path.join(root, "models", "tinyshakespeare.txt"), encoding="utf-8").read()
        self.source = "\n".join(open(f, encoding="utf-8").read() for f in files)
        self.makers = [self.words, self.words, self.categories, self.combining, self.hangul, self.emoji, self.blanks, self.numbers,
                       self.contractions, self.specials, self.specials, self.broken, self.escapes, self.code, self.runs, self.slices,
                       self.slices, self.everything]

    def some(self, pool, low, high):
        return "".join(self.rng.choices(pool, k=self.rng.randint(low, high)))

    def blank(self):
        r = self.rng
        return r.choice([" ", " ", " ", "  ", "\n", "\n\n", "\r\n", "\t", "", r.choice(WHITESPACE), self.some(WHITESPACE, 1, 4)])

    def words(self):
        script = self.by_script[self.rng.choice(list(self.by_script))]
        return "".join(self.some(script, 1, 9) + self.blank() for _ in range(self.rng.randint(1, 7)))

    def categories(self):
        keys = list(self.by_category)
        return "".join(self.some(self.by_category[self.rng.choice(keys)], 1, 3) for _ in range(self.rng.randint(1, 12)))

    def combining(self):
        r, out = self.rng, []
        for _ in range(r.randint(1, 6)):
            base = r.choice([r.choice(self.composed), r.choice("aeouAqZ "), r.choice(self.assigned), ""])
            text = unicodedata.normalize(r.choice(["NFC", "NFD", "NFKD"]), base) + self.some(self.marks, 0, 5)
            if r.random() < 0.4:
                points = list(unicodedata.normalize("NFD", text))
                r.shuffle(points)
                text = "".join(points)
            out.append(text + self.blank())
        return "".join(out)

    def hangul(self):
        return "".join(chr(self.rng.choice(self.rng.choice(JAMO))) if self.rng.random() < 0.9 else self.some(self.marks, 1, 1)
                       for _ in range(self.rng.randint(1, 14)))

    def emoji(self):
        return "".join(self.rng.choice(EMOJI) + self.rng.choice(EMOJI_GLUE) + self.rng.choice(["", "", " ", "a"])
                       for _ in range(self.rng.randint(1, 12)))

    def blanks(self):
        return "".join(self.some(WHITESPACE, 1, 5) + self.rng.choice(["", "x", "7", ".", "\x00", "\x7f", "é", self.some(self.assigned, 1, 1)])
                       for _ in range(self.rng.randint(1, 8)))

    def numbers(self):
        return "".join(self.some(self.rng.choice([self.digits, "0123456789"]), 1, 7) + self.rng.choice(["", " ", ",", ".", "a", "-", "  "])
                       for _ in range(self.rng.randint(1, 8)))

    def contractions(self):
        r, out = self.rng, []
        for _ in range(r.randint(1, 7)):
            end = "".join(r.choice([c.lower(), c.upper()]) if r.random() < 0.8 else c for c in r.choice(CONTRACTIONS))
            out.append(r.choice(["", "I", "we", " ", "1", "é", "\n", "!"]) + r.choice(["'", "'", "'", "’", "''", " '"]) + end + r.choice(["", " ", "x", ".", "1"]))
        return "".join(out)

    def specials(self):
        r, out = self.rng, []
        for _ in range(r.randint(1, 6)):
            token = r.choice(self.special)
            cut = r.randint(0, len(token))
            token = r.choice([token, token, token, token[:cut], token[cut:], token + token[:cut], token.upper()])
            out.append(r.choice(["", " ", "  ", "a", "_", "\n", "é", "7", "\u0301", "\u2581", self.some(self.assigned, 1, 3), self.some(WHITESPACE, 1, 3)]) + token)
        return "".join(out) + r.choice(["", " ", "b", "\u200d", "²", "\t x"])

    def broken(self):
        r, out = self.rng, b""
        for _ in range(r.randint(1, 6)):
            out += r.choice([r.randbytes(r.randint(1, 8)), r.choice(BROKEN), r.choice(BROKEN), self.some(self.assigned, 1, 2).encode(), b"abc "])
        return out

    def escapes(self):
        """Surrogates as JSON escapes them: as they are written, or read into bytes that are no UTF-8 where one stands alone."""
        written = "".join(self.rng.choice(["\\ud83d\\ude00", "\\ud800", "\\udc00", "\\u00e9", "\\udbff\\udfff", "a", " ", "\\u0000", "\\n"])
                          for _ in range(self.rng.randint(1, 8)))
        return written if self.rng.random() < 0.5 else json.loads('"' + written + '"').encode("utf-8", "surrogatepass")

    def code(self):
        return "".join(self.rng.choice(CODE) for _ in range(self.rng.randint(1, 4)))

    def runs(self):
        r = self.rng
        return "".join(r.choice([r.choice("a= \n-\t0.é中\u0301'<"), r.choice(self.assigned), "ab", " \n", "aA", "\r\n"]) * r.choice([1, 2, 3, 7, 31, 100, 130, 300])
                       for _ in range(r.randint(1, 3)))

    def slices(self):
        text = self.rng.choice([self.prose, self.source])
        at, size = self.rng.randrange(len(text)), self.rng.randint(1, 160)
        text = text[at:at + size]
        return self.rng.choice([text, text, text.upper(), text.replace(" ", self.blank()), text.swapcase(), text[::-1]])

    def everything(self):
        return "".join(self.make_one() if self.rng.random() < 0.7 else self.blank() for _ in range(2))

    def make_one(self):
        made = self.rng.choice(self.makers[:-1])()
        return made if isinstance(made, str) else made.decode("utf-8", "replace")

    def make(self, count):
        """`count` texts; the first hold every assigned character once, as far as they reach."""
        texts = []
        sweep = list(self.assigned)
        self.rng.shuffle(sweep)
        for at in range(0, min(len(sweep), 12 * (count // 4)), 12):
            texts.append("".join(c + self.rng.choice(["", "", "", " ", "a", "1"]) for c in sweep[at:at + 12]))
        while len(texts) < count:
            texts.append(self.makers[len(texts) % len(self.makers)]())
        return [t if isinstance(t, bytes) else t.encode() for t in texts]


def long_lines(size):
    """Names and single lines of `size` bytes on which a careless tokenizer takes quadratic time."""
    def filled(unit):
        return (unit * (size // len(unit.encode()) + 1)).encode()[:size].decode("utf-8", "ignore")
    rng = random.Random(9)
    marks = [chr(c) for c in range(0x300, 0x370)]
    return {
        "letters": filled("a"), "blanks": filled(" "), "blanks, then a word": filled(" ")[:-1] + "x", "line ends": filled("\n"),
        "blanks, line end, blanks": filled(" ")[:size // 2] + "\n" + filled(" ")[size // 2:], "digits": filled("1234567890"),
        "Chinese": filled("中文字符测试"), "emoji": filled("👩‍👩‍👧‍👦👍🏽"), "one mark": "e" + filled("\u0301"),
        "many marks": "e" + "".join(rng.choices(marks, k=size // 2)), "Hangul": filled("\u1100\u1161\u11a8"),
        "words": filled("aaaa bbbb "), "no word twice": filled("".join("%x " % rng.getrandbits(40) for _ in range(size // 10))),
        "a token's beginning": filled("<|"), "almost a token": filled("<|im_star"), "tokens": filled("<|endoftext|>"), "quotes": filled("'"),
        "contractions": filled("'s'll'"), "punctuation": filled("!?.,;-"), "tabs and blanks": filled("\t "), "no blank": filled("theandofing"),
    }
