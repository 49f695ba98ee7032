#!/usr/bin/env python3
"""What the command lines of legs.py print on this processor is what the table says.

    commands_test.py INVAR

INVAR is the program. Exit status 1 at the first line that differs.
"""
import sys

from builds import Failure
from legs import COMMANDS, check_commands, read_table


def main():
    if len(sys.argv) != 2:
        raise SystemExit("commands_test.py needs one argument, the program invar")
    try:
        check_commands([sys.argv[1]], [], read_table()["fingerprints"])
    except Failure as failure:
        raise SystemExit(str(failure)) from failure
    print(f"{len(COMMANDS)} command lines print what the table says")


if __name__ == "__main__":
    main()
