#!/usr/bin/env python3
"""Derives every coefficient and table of the functions (docs/numerics.md, section 5).

    derive.py            writes include/invar/simd/function_tables.h
    derive.py --check    compares it with what is there, byte for byte; exit status 1 where they differ

Needs mpmath, nothing else. Everything is computed with 400 bits and rounded to binary64, or binary32, once, so the output does
not depend on the machine.

The polynomials interpolate at Chebyshev nodes: within a factor of about two of the best polynomial of their degree, by
a formula that a reader can check (one says why its nodes lie further out). Each fit, its coefficients rounded, is tried on 800
points and must meet the error bound stated beside it, so a changed degree or interval cannot pass unnoticed. The bounds are below
half a unit of binary64 (2^-53), but for erfc's far right, where few arguments lie, and for exp in pairs, which need 2^-33. The
proof by trying all 2^32 arguments covers what remains.
"""

import argparse
import pathlib
import sys

import mpmath as mp
from mpmath import mpf

mp.mp.prec = 400
HEADER = pathlib.Path(__file__).resolve().parents[2] / "include" / "invar" / "simd" / "function_tables.h"


def round_to(x, bits):
    """x rounded to the nearest number of so many significant bits, ties to even."""
    with mp.workprec(bits):
        return +mpf(x)


def round_down_to(x, lowest):
    """x >= 0 cut to a multiple of 2^lowest."""
    return mp.ldexp(mp.floor(mp.ldexp(x, -lowest)), lowest)


class Floats(list):
    """Numbers to be rounded to binary32."""


def hex_float(x):
    """The C++17 spelling of the binary32 nearest to x."""
    return hex_double(round_to(x, 24)) + "f"


def hex_double(x):
    """The C++17 spelling of the binary64 nearest to x."""
    text = float(round_to(x, 53)).hex()
    if "0x0.0p" in text:
        return "0x0p+0"
    mantissa, exponent = text.split("p")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}p{exponent}"


def evaluate(coefficients, x):
    result = mpf(0)
    for c in reversed(coefficients):
        result = result * x + c
    return result


def interpolate(f, low, high, degree):
    """Monomial coefficients of the polynomial that meets f at the Chebyshev nodes of [low, high]."""
    count = degree + 1
    nodes = [(low + high) / 2 + (high - low) / 2 * mp.cos(mp.pi * (2 * k + 1) / (2 * count)) for k in range(count)]
    divided = [f(x) for x in nodes]
    for j in range(1, count):
        for i in range(degree, j - 1, -1):
            divided[i] = (divided[i] - divided[i - 1]) / (nodes[i] - nodes[i - j])
    result = [divided[degree]]
    for k in range(degree - 1, -1, -1):
        shifted = [mpf(0)] + result
        for i, c in enumerate(result):
            shifted[i] -= nodes[k] * c
        shifted[0] += divided[k]
        result = shifted
    return result


def fit(f, low, high, degree, weight, bound, bits=53, stretch=1):
    """Interpolates f, rounds to so many bits and demands |error * weight| < 2^bound on [low, high]. The nodes are those of an
    interval `stretch` times as long."""
    middle, reach = (low + high) / 2, (high - low) / 2 * stretch
    coefficients = [round_to(c, bits) for c in interpolate(f, middle - reach, middle + reach, degree)]
    points = 800
    worst = mpf(0)
    for k in range(points + 1):
        x = low + (high - low) * (k + mpf(1) / 3) / (points + 1)
        worst = max(worst, abs((evaluate(coefficients, x) - f(x)) * weight(x)))
    if worst >= mpf(2) ** bound:
        sys.exit(f"derive.py: a fit of degree {degree} errs by 2^{mp.nstr(mp.log(worst, 2), 6)}, more than 2^{bound}")
    return coefficients


def exp_tables():
    """e^r = 1 + r + r^2 p(r) on |r| <= ln(2)/2, a little widened for the rounding of n."""
    half = mp.log(2) / 2 * mpf("1.0001")

    def tail(r):  # a node lies at zero, but for rounding
        return (mp.exp(r) - 1 - r) / r**2 if abs(r) > mpf(2) ** -100 else mpf(1) / 2

    p = fit(tail, -half, half, 10, lambda r: r * r, -57)
    # 44 bits, so that n * kLn2High is exact for |n| < 512.
    high = round_to(mp.log(2), 44)
    return [
        ("kLog2E", "1 / ln 2", 1 / mp.log(2)),
        ("kLn2High", "the first 44 bits of ln 2", high),
        ("kLn2Low", "ln 2 - kLn2High", mp.log(2) - high),
        ("kExp", "e^r = 1 + r + r^2 p(r) for |r| <= ln(2) / 2; error below 2^-57", p),
    ]


def exp_in_pairs():
    """e^x = 2^(n/s) e^r, n the integer nearest to x s / ln(2), for s = 8 and 16: powers that are binary32 and what these leave,
    and e^r = 1 + r + r^2/2 (1 + r p(r))."""
    high = round_to(mp.log(2), 24)
    result = [
        ("kPairsLog2E", "1 / ln 2", Floats([1 / mp.log(2)])),
        ("kPairsLn2High", "ln 2 as binary32", Floats([high])),
        ("kPairsLn2Low", "ln 2 - kPairsLn2High", Floats([mp.log(2) - high])),
    ]

    def tail(r):  # a node may lie at zero, but for rounding
        return (mp.exp(r) - 1 - r - r**2 / 2) / r**3 * 2 if abs(r) > mpf(2) ** -60 else mpf(1) / 3

    # The error is weighted by r^3, so the nodes of the shorter polynomial lie further out than Chebyshev's.
    for steps, degree, stretch, bound in ((8, 2, mpf(1), -38), (16, 1, mpf("1.3"), -37)):
        half = mp.log(2) / steps / 2 * mpf("1.001")
        powers = [round_to(mpf(2) ** (mpf(j) / steps), 24) for j in range(steps)]
        rests = [mpf(j) / steps * mp.log(2) - mp.log(power) for j, power in enumerate(powers)]
        p = fit(tail, -half, half, degree, lambda r: abs(r) ** 3 / 2, bound, bits=24, stretch=stretch)
        result += [
            (f"kPairs{steps}Powers", f"2^(j/{steps}) as binary32", Floats(powers)),
            (f"kPairs{steps}Rests", f"the logarithm of 2^(j/{steps}) / kPairs{steps}Powers[j]", Floats(rests)),
            (f"kPairs{steps}", f"e^r = 1 + r + r^2/2 (1 + r p(r)) for |r| <= ln(2) / {2 * steps}; error below 2^{bound}", Floats(p)),
        ]
    return result


def log_tables():
    """ln((1 + s) / (1 - s)) = 2 s + s z R(z), z = s^2, |s| <= (sqrt(2) - 1) / (sqrt(2) + 1)."""
    end = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2 * mpf("1.0001")
    r = fit(lambda z: (2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 2) / z, mpf(0), end, 7, lambda z: z / 2, -60)
    return [("kLog", "ln((1 + s) / (1 - s)) = 2 s + s z R(z), z = s^2; relative error below 2^-60", r)]


def erfc_tables():
    """e^(x^2) erfc(x) = 1 + u Q(u), u = x / (x + 2.5), for 0 <= x <= 10.0625."""
    shift = mpf("2.5")
    end = mpf("10.0625")

    def scaled(u):
        x = shift * u / (1 - u)
        return mp.exp(x * x) * mp.erfc(x)

    def weight(u):
        return u / scaled(u)

    q = fit(lambda u: (scaled(u) - 1) / u, mpf(0), end / (end + shift), 22, weight, -48)
    return [
        ("kErfcShift", "u = x / (x + kErfcShift)", shift),
        ("kErfcEnd", "from here on erfc is below 2^-150 and rounds to zero", end),
        ("kErfc", "e^(x^2) erfc(x) = 1 + u Q(u) for 0 <= x <= kErfcEnd; relative error below 2^-48", q),
    ]


def sine_tables():
    """sin and cos on |r| <= pi/4, and two reductions to there."""
    end = (mp.pi / 4 * mpf("1.0001")) ** 2
    sin = fit(lambda z: (mp.sin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, mpf(0), end, 6, lambda z: z, -56)
    cos = fit(lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2, mpf(0), end, 5, lambda z: z * z, -58)
    half_pi = mp.pi / 2
    first = round_down_to(half_pi, -29)
    second = round_down_to(half_pi - first, -59)
    high = round_down_to(half_pi, -25)
    result = [
        ("kTwoOverPi", "2 / pi", 2 / mp.pi),
        ("kHalfPi1", "pi / 2 down to the bit 2^-29", first),
        ("kHalfPi2", "the next bits, down to 2^-59", second),
        ("kHalfPi3", "the rest", half_pi - first - second),
        ("kHalfPi", "pi / 2", half_pi),
        ("kHalfPiHigh", "pi / 2 down to the bit 2^-25", high),
        ("kHalfPiLow", "pi / 2 - kHalfPiHigh", half_pi - high),
        ("kSin", "sin r = r + r z S(z), z = r^2, |r| <= pi / 4; relative error below 2^-56", sin),
        ("kCos", "cos r = 1 - z / 2 + z^2 C(z); error below 2^-58", cos),
    ]
    # 2^E * 2/pi modulo 4 * 2^23 for each binary exponent E of the large arguments: a quarter turn counts 1, whole turns
    # are left out, so 24-bit significands times these stay below 2^26 quarter turns. The first two pieces have so few
    # bits that their products with a significand are exact.
    pieces = ([], [], [])
    for exponent in range(22, 128):
        turn = mp.ldexp(2 / mp.pi, exponent - 23)
        turn -= 4 * mp.floor(turn / 4)
        one = round_down_to(turn, -27)
        two = round_down_to(turn - one, -55)
        for piece, value in zip(pieces, (one, two, turn - one - two)):
            piece.append(mp.ldexp(value, 23))
    for piece in pieces:
        piece.append(mpf(0))  # infinities and NaNs
    for k, (name, piece) in enumerate(zip(("bits 2^24 to 2^-4", "bits 2^-5 to 2^-32", "the rest"), pieces)):
        result.append((f"kTwoOverPi{k + 1}", f"(2^(E-23) 2 / pi mod 4) 2^23, E from 22: {name}", piece))
    return result


def render():
    lines = [
        "// Coefficients and tables of the functions (docs/numerics.md, section 5).",
        "// Written by codegen/functions/derive.py: change that, not this.",
        "#pragma once",
        "",
        "#include <cstdint>",
        "",
        "namespace invar {",
        "namespace function_tables {",
    ]
    for derive in (exp_tables, exp_in_pairs, log_tables, erfc_tables, sine_tables):
        for name, comment, value in derive():
            lines += ["", f"// {comment}"]
            kind, spell = ("float", hex_float) if isinstance(value, Floats) else ("double", hex_double)
            if isinstance(value, list) and len(value) > 1:
                lines.append(f"constexpr {kind} {name}[{len(value)}] = {{")
                row = "   "
                for v in value:
                    item = f" {spell(v)},"
                    if len(row) + len(item) > 120:
                        lines.append(row)
                        row = "   "
                    row += item
                lines += [row, "};"]
            else:
                lines.append(f"constexpr {kind} {name} = {spell(value[0] if isinstance(value, list) else value)};")
    lines += ["", "}  // namespace function_tables", "}  // namespace invar", ""]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the header instead of writing it")
    arguments = parser.parse_args()
    text = render()
    if not arguments.check:
        HEADER.write_text(text, encoding="utf-8", newline="\n")
    elif HEADER.read_bytes() != text.encode():
        sys.exit(f"derive.py: {HEADER} is not what this script derives")


if __name__ == "__main__":
    main()
