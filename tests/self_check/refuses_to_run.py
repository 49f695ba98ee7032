#!/usr/bin/env python3
"""A whole program whose compiler contracted all the same refuses to compute anything.

    refuses_to_run.py ROOT BUILD

Every file of the kernels is compiled as BUILD compiles it, with -ffp-contract=fast after the project's own flags (as a launcher could
add it behind CMake's back), and the program is linked with them. For little time, and because the baseline of x86-64 has nothing to
contract into, one instruction set is enough: AVX2 on x86-64.
"""
import concurrent.futures
import os
import platform
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
from relink import Broken, Build  # noqa: E402


def main(root, folder):
    build = Build(folder)
    sources = [path for path in build.commands if path.startswith((os.path.join(root, "runtime", "kernels") + os.sep,
                                                                   os.path.join(build.folder, "generated") + os.sep,
                                                                   os.path.join(root, "generated") + os.sep))]
    last = ["-w", "-O2", "-ffp-contract=fast"]
    if platform.machine() in ("x86_64", "AMD64"):
        last.append("-DHWY_DISABLED_TARGETS=(~(HWY_AVX2|HWY_SCALAR|HWY_EMU128))")
    with tempfile.TemporaryDirectory(prefix="invar-broken-") as work:
        objects = [os.path.join(work, f"{i}-{os.path.basename(path)}.o") for i, path in enumerate(sources)]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for done in [pool.submit(build.compile, path, path, o, ([], last)) for path, o in zip(sources, objects)]:
                done.result()
        program = os.path.join(work, "invar")
        build.link("bin/invar", objects, program)
        result = subprocess.run([program, "generate", "-m", os.path.join(root, "models", "gpt2"), "-p", "ROMEO:", "-n", "4"],
                                capture_output=True, text=True)
    print(f"{len(objects)} files compiled; exit status {result.returncode}: {result.stdout}{result.stderr}", end="")
    lines = (result.stdout + result.stderr).splitlines()
    refused = len(lines) == 1 and "self-test of " in lines[0] and " failed: " in lines[0] and "contracted" in lines[0]
    return 0 if result.returncode == 1 and refused else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1], sys.argv[2]))
    except Broken as e:
        sys.exit(f"refuses_to_run.py: {e}")
