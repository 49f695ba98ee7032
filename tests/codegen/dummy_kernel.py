#!/usr/bin/env python3
"""Registering a kernel is one line in the list: with it, the kernel has an equality test and a benchmark.

    dummy_kernel.py ROOT BUILD

A copy of the list gets a kernel that no other file names. It and the registry are generated and compiled as BUILD compiles its
own; both programs are linked with them, and both must show the kernel.
"""
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
from relink import Broken, Build, run  # noqa: E402

DUMMY = """
- file: dummy
  template: map.cc.j2
  kernels:
    - {operation: twice, operands: 1, expression: "hn::Add(x, x)"}
"""


def main(root, folder):
    build = Build(folder)
    with tempfile.TemporaryDirectory(prefix="invar-dummy-") as work:
        with open(os.path.join(root, "codegen", "kernels.yaml"), encoding="utf-8") as f:
            kernels = f.read()
        with open(os.path.join(work, "kernels.yaml"), "w", encoding="utf-8") as f:
            f.write(kernels + DUMMY)
        generate = [sys.executable, os.path.join(root, "codegen", "generate.py"), "--list", os.path.join(work, "kernels.yaml")]
        outputs = run([*generate, "--list-outputs"], work, "listing what is generated").stdout  # what CMake would compile
        if "dummy.cc" not in outputs.split(";") and "dummy.cc" not in outputs.split():
            raise Broken(f"the generator's outputs have no dummy.cc: {outputs}")
        generated = os.path.join(work, "generated")
        run([*generate, "--out", generated], work, "generating")
        objects = []
        for name, like in (("dummy", "functions"), ("registry", "registry")):
            objects.append(os.path.join(work, name + ".o"))
            build.compile(os.path.join(build.folder, "generated", like + ".cc"), os.path.join(generated, name + ".cc"), objects[-1],
                          (["-I", generated], []))
        printed = {}
        for program, arguments in (("tests/kernel_equality_test", ["--gtest_filter=Kernel.twice/*"]),
                                   ("bin/invar_bench", ["--benchmark_list_tests=true", "--benchmark_filter=^twice/"])):
            changed = os.path.join(work, os.path.basename(program))
            build.link(program, objects, changed)
            printed[program] = run([changed, *arguments], work, program).stdout
            print(printed[program], end="")
    passed = len(re.findall(r"^\[       OK \] Kernel\.twice/", printed["tests/kernel_equality_test"], re.M))
    listed = len(re.findall(r"^twice/", printed["bin/invar_bench"], re.M))
    print(f"twice: {passed} equality tests passed, {listed} benchmarks listed")
    return 0 if passed and listed else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1], sys.argv[2]))
    except Broken as e:
        sys.exit(f"dummy_kernel.py: {e}")
