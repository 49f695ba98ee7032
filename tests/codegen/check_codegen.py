#!/usr/bin/env python3
"""That generation repeats byte for byte, that the snapshot is what it emits, and that mistakes fail it.

    check_codegen.py ROOT        (an interpreter with Jinja2 and PyYAML)
"""
import filecmp
import os
import shutil
import subprocess
import sys
import tempfile


def generate(root, *arguments, seed="0"):
    # Python's hashing is seeded: another seed would reorder anything that depended on a set's order.
    return subprocess.run([sys.executable, os.path.join(root, "codegen", "generate.py"), *arguments], text=True,
                          capture_output=True, env={**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": "C"})


def main(root):
    failures, compared = [], 0
    with tempfile.TemporaryDirectory() as folder:
        outputs = [os.path.join(folder, name) for name in ("a", "b")]
        for seed, out in enumerate(outputs):
            result = generate(root, "--out", out, seed=str(seed))
            if result.returncode != 0:
                sys.exit(result.stderr)
        names = sorted(os.listdir(outputs[0]))
        for other in (outputs[1], os.path.join(root, "generated")):
            if sorted(os.listdir(other)) != names:
                failures.append(f"{other} holds other files than were emitted")
            for name in names:
                compared += os.path.getsize(os.path.join(outputs[0], name))
                if not filecmp.cmp(os.path.join(outputs[0], name), os.path.join(other, name), shallow=False):
                    failures.append(f"{name} in {other} differs from what was emitted")
        if generate(root, "--check", os.path.join(root, "generated")).returncode != 0:
            failures.append("--check refuses the snapshot")

        copy = os.path.join(folder, "copy")
        shutil.copytree(os.path.join(root, "codegen"), os.path.join(copy, "codegen"))
        shutil.copytree(os.path.join(root, "generated"), os.path.join(copy, "generated"))

        def expect_failure(what, path, text, *words, mode="a"):
            path = os.path.join(copy, path)
            with open(path, encoding="utf-8") as f:
                before = f.read()
            with open(path, mode, encoding="utf-8") as f:
                f.write(text)
            result = generate(copy, "--check", os.path.join(copy, "generated"))
            if result.returncode == 0 or not all(word in result.stderr for word in words) or "Traceback" in result.stderr:
                failures.append(f"{what}: {result.stderr.strip() or 'not noticed'}")
            with open(path, "w", encoding="utf-8") as f:
                f.write(before)

        expect_failure("an undefined name in a template", "codegen/templates/map.cc.j2", "{{ no_such_name }}\n", "no_such_name")
        expect_failure("an edited snapshot", "generated/rows.cc", "// edited\n", "rows.cc", "regenerate")
        expect_failure("a stray file", "generated/manifest.sha256", "x\n", "manifest.sha256")
        expect_failure("a list that is no YAML", "codegen/kernels.yaml", "- file: [\n")
        expect_failure("a list without a template", "codegen/kernels.yaml", "- file: other\n", "template")
        expect_failure("a template that is missing", "codegen/kernels.yaml", "- {file: other, template: none.j2}\n", "none.j2")
    for failure in failures:
        print(failure)
    print(f"{compared} bytes compared, {len(failures)} failures")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
