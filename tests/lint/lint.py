#!/usr/bin/env python3
"""What may not stand in anything that computes (docs/numerics.md, section 1): on sources, on compile commands, on objects.

    lint.py sources ROOT                       include/, codegen/templates/, generated/, runtime/
    lint.py commands BUILD/compile_commands.json
    lint.py objects ALLOWED LIBRARY...         undefined symbols and disassembly of the libraries
    lint.py self-test ROOT                     every rule of `sources` and `objects` finds a planted violation

Python's standard library alone. Exit status 1 where anything is found.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

MATH = ("exp exp2 expm1 log log2 log10 log1p pow sqrt cbrt sin cos tan sinh cosh tanh asin acos atan atan2 erf erfc tgamma "
        "lgamma fma hypot fmod remainder rint nearbyint lround llround lrint").split()
MATH_CALL = re.compile(r"(?:\bstd::|(?<![\w:.>]))(?:" + "|".join(MATH) + r")[fl]?\s*\(")

# Rule: (name, pattern, paths it applies to, paths it does not).
RULES = [
    ("a math library's function", MATH_CALL, r"^(runtime/(kernels|model|engine)|generated|include|codegen/templates)/", None),
    ("fast-math", re.compile(r"fast-math|Ofast|unsafe-math|#pragma\s+(STDC\s+FP_CONTRACT|GCC\s+optimize|clang\s+fp)|reassociate"),
     r"^(runtime|generated|include|codegen/templates)/", r"self_check-inl\.h$"),
    ("an unordered reduction", re.compile(r"std::(reduce|transform_reduce|inner_product|accumulate)\b|omp\s+.*reduction"),
     r"^(runtime/(kernels|model|engine)|generated|include|codegen/templates)/", None),
    ("a reduction whose order depends on the number of lanes",
     re.compile(r"\b(SumOfLanes|ReduceSum|MaxOfLanes|ReduceMax|MinOfLanes|ReduceMin|SumsOf\d|ReorderWidenMulAccumulate|"
                r"RearrangeToOddPlusEven|PairwiseAdd)\b"), r"^(generated|include|codegen/templates|runtime)/", None),
    ("an approximation", re.compile(r"\bApproximateReciprocal\w*|_mm\d*_(rcp|rsqrt)"),
     r"^(generated|include|codegen/templates|runtime)/", None),
    ("a fused multiply-add outside fma-inl.h", re.compile(r"\b(Neg)?Mul(Add|Sub)\b|_mm\d*_fn?m(add|sub)"),
     r"^(generated|include|codegen/templates|runtime)/", r"^include/invar/simd/fma-inl\.h$"),
    # The functions' divisors are never zero.
    ("Highway's division, which is not IEEE 754's on every target", re.compile(r"\bhn::Div\("),
     r"^(generated|include|codegen/templates|runtime)/", r"^include/invar/simd/(highway|functions)-inl\.h$"),
    ("Eigen arithmetic", re.compile(r"\.(dot|sum|norm|squaredNorm|prod|mean|cwiseProduct|cwiseQuotient|colwise|rowwise|inverse|"
                                    r"noalias)\s*\(\)|\.(dot|cwiseProduct|cwiseQuotient)\s*\("), r"^(runtime|include)/", None),
    ("what older standard libraries lack: runtime/base/bits.h has it", re.compile(r"std::bit_cast"), r"^runtime/", None),
    ("math.h", re.compile(r"#include\s*<(cmath|math\.h|tgmath\.h|numeric)>"),
     r"^(runtime/(kernels|model|engine)|generated|include|codegen/templates)/", None),
]

# Instructions that round as the contract does not: approximations and x87. vfmadd of packed or scalar binary32 is the fused
# multiply-add that the contract asks for.
BAD_INSTRUCTIONS = re.compile(r"\t(v?rcp(14|28)?[sp][sd]|v?rsqrt(14|28)?[sp][sd]|vexp2p[sd]|"
                              r"f(ld|st|stp|add|addp|mul|mulp|sub|subp|subr|div|divp|divr|sqrt|sin|cos|patan|yl2x|2xm1)\b)\b")

# In binary64 only the functions fuse, which are compiled for an instruction set (in a namespace N_...; whether a compiler fused
# more there, the self-check at start finds). Anywhere else it is contraction.
FUSED_BINARY64 = re.compile(r"\tvfn?m(add|sub|addsub|subadd)\d{3}[sp]d\b")
OF_AN_INSTRUCTION_SET = re.compile(r"5invar\d+N_[A-Z]")


def strip_comments(text):
    return re.sub(r"//[^\n]*|/\*.*?\*/|\{#.*?#\}", lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.S)


def find_in(path, text):
    found = []
    for name, pattern, where, but in RULES:
        if not re.search(where, path) or (but and re.search(but, path)):
            continue
        for number, line in enumerate(strip_comments(text).split("\n"), 1):
            if pattern.search(line):
                found.append(f"{path}:{number}: {name}: {line.strip()}")
    return found


def sources(root):
    found, count = [], 0
    for top in ("include", "codegen/templates", "generated", "runtime"):
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in sorted(names):
                if name.endswith((".h", ".cc", ".j2")):
                    path = os.path.join(folder, name)
                    with open(path, encoding="utf-8") as f:
                        found += find_in(os.path.relpath(path, root), f.read())
                    count += 1
    return found, f"{count} sources"


def commands(path):
    with open(path, encoding="utf-8") as f:
        entries = json.load(f)
    found, count = [], 0
    for entry in entries:
        file = entry["file"]
        if not re.search(r"/(generated|runtime)/", file):
            continue
        count += 1
        command = entry["command"]
        last = None
        for match in re.finditer(r"-ffp-contract=(\w+)", command):
            last = match.group(1)
        if last != "off":
            found.append(f"{file}: compiled with -ffp-contract={last or 'its default'}, not off")
        if re.search(r"-ffast-math|-Ofast|-funsafe-math|-fassociative-math|-freciprocal-math|-ffinite-math-only", command):
            found.append(f"{file}: compiled with fast-math")
    if count == 0:
        found.append(f"{path}: names no file that computes")
    return found, f"{count} compile commands"


def allowed_symbols(path):
    with open(path, encoding="utf-8") as f:
        lines = [line.split("#")[0].strip() for line in f]
    return [re.compile(line + r"\Z") for line in lines if line]


def objects(allowed_path, libraries):
    allowed = allowed_symbols(allowed_path)
    defined, undefined, found, instructions = set(), {}, [], 0
    for library in libraries:
        symbols = subprocess.run(["nm", "--format=posix", library], check=True, capture_output=True, text=True).stdout
        for line in symbols.splitlines():
            parts = line.split()
            if len(parts) < 2:
                continue
            if parts[1] in "Uvw":
                undefined.setdefault(parts[0].split("@")[0], library)
            else:
                defined.add(parts[0])
        listing = subprocess.Popen(["objdump", "-d", "--no-show-raw-insn", library], stdout=subprocess.PIPE, text=True)
        function = ""
        for line in listing.stdout:
            if line.endswith(">:\n"):
                function = line.split("<", 1)[1][:-3]
            elif "\t" in line:
                instructions += 1
                if BAD_INSTRUCTIONS.search(line) or (FUSED_BINARY64.search(line) and
                                                     not OF_AN_INSTRUCTION_SET.search(function)):
                    found.append(f"{library}: {function}: {line.strip()}")
        if listing.wait() != 0:
            found.append(f"{library}: objdump failed")
    for symbol in sorted(set(undefined) - defined):
        if not any(pattern.match(symbol) for pattern in allowed):
            found.append(f"{undefined[symbol]}: {symbol} is undefined and not in {os.path.basename(allowed_path)}")
    return found, f"{len(libraries)} libraries, {instructions} instructions, {len(set(undefined) - defined)} foreign symbols"


def self_test(root):
    planted = {
        "runtime/model/a.cc": ["float y = std::exp(x);", "double z = pow(x, 2.0);", "float s = sqrtf(x);"],
        "runtime/kernels/b.cc": ["std::accumulate(a, b, 0.0f);", "auto d = a.dot(b);", "#include <cmath>", "std::bit_cast<float>(b);"],
        "include/invar/simd/c-inl.h": ["hn::SumOfLanes(d, v);", "hn::MulAdd(a, b, c);", "hn::ApproximateReciprocal(v);", "hn::Div(a, b);"],
        "codegen/templates/d.j2": ["#pragma GCC optimize(\"fast-math\")", "ReorderWidenMulAccumulate(d, a, b, c, e);"],
    }
    missed = [f"{path}: {line}" for path, lines in planted.items() for line in lines if not find_in(path, line)]
    harmless = "hn::Exp(x); // std::exp( in a comment\nAttentionScale(sqrt_d); x.exp_bits(); LogOf(l); Exp(d, v);"
    missed += find_in("runtime/model/e.cc", harmless)
    checked = sum(map(len, planted.values()))
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "f.cc")
        with open(source, "w", encoding="utf-8") as f:
            f.write("#include <math.h>\n#include <immintrin.h>\n"
                    "float call(float x) { return expf(x); }\n"
                    "__m128 rcp(__m128 x) { return _mm_rcp_ps(x); }\n"
                    "__attribute__((target(\"fma\"))) __m128d fused(__m128d a, __m128d b, __m128d c) "
                    "{ return _mm_fmadd_pd(a, b, c); }\n"
                    "namespace invar { namespace N_AVX2 { "
                    "__attribute__((target(\"fma\"))) __m128d fused_function(__m128d a, __m128d b, __m128d c) "
                    "{ return _mm_fmadd_pd(a, b, c); } } }\n"
                    "long double wide(long double x) { return x * x; }\n")
        target = os.path.join(folder, "f.o")
        subprocess.run(["c++", "-O2", "-c", source, "-o", target], check=True)
        found, _ = objects(os.path.join(root, "tests/lint/allowed_symbols.txt"), [target])
        for wanted in ("expf", "rcpps", "vfmadd", "fmul"):
            checked += 1
            if not any(wanted in line for line in found):
                missed.append(f"objects: {wanted} was not found")
        checked += 1
        missed += [f"objects: a function was taken for contraction: {line}" for line in found if "fused_function" in line]
        database = os.path.join(folder, "compile_commands.json")
        for flags in ("-O2", "-ffp-contract=off -ffp-contract=fast", "-ffp-contract=off -ffast-math"):
            checked += 1
            with open(database, "w", encoding="utf-8") as f:
                json.dump([{"file": "/x/runtime/a.cc", "command": f"c++ {flags} -c a.cc"}], f)
            if not commands(database)[0]:
                missed.append(f"commands: {flags} was not found")
    return missed, f"{checked} planted violations"


def main(arguments):
    actions = {"sources": lambda: sources(*arguments[1:]), "commands": lambda: commands(*arguments[1:]),
               "objects": lambda: objects(arguments[1], arguments[2:]), "self-test": lambda: self_test(*arguments[1:])}
    if not arguments or arguments[0] not in actions:
        sys.exit(__doc__)
    found, looked_at = actions[arguments[0]]()
    for line in found:
        print(line)
    print(f"{arguments[0]}: {looked_at}, {len(found)} findings")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
