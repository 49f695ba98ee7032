"""`--share I/N`: every N-th of a list, from the (I modulo N)-th on, so that each I takes another part of it."""
import argparse
import re


def share(text):
    """The type of the argument: how to take a part of a list."""
    found = re.fullmatch(r"(\d+)/([1-9]\d*)", text)
    if not found:
        raise argparse.ArgumentTypeError("two numbers, as in 1/3")
    part, of = int(found[1]), int(found[2])
    return slice(part % of, None, of)


ALL = slice(None)
