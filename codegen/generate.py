#!/usr/bin/env python3
"""Emits the kernels listed in kernels.yaml as C++ files.

    generate.py --out DIR [--list kernels.yaml]     write the files and their manifest into DIR
    generate.py --list-outputs                      print the names of the files, one a line, and write nothing
    generate.py --check DIR                         exit 1 and name the first file of DIR that differs

The output depends on kernels.yaml and templates/ alone: no time, no path, no environment, so it repeats byte for byte.
"""
import argparse
import glob
import hashlib
import os
import sys

import jinja2
import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
TYPES = ("f32", "bf16", "f16")


class ListError(Exception):
    """kernels.yaml says something that cannot be generated."""


def check(condition, message):
    if not condition:
        raise ListError(message)


def tiles_of(entry):
    """{vectors: {rows: panels}} as {vectors: [{rows, panels}]}, in a fixed order."""
    tiles = {}
    for vectors, rows in sorted(entry["tiles"].items()):
        where = f"{entry['file']}: tiles: {vectors}"
        check(vectors in (1, 2, 4, 16), f"{where}: a group of sixteen lanes is 1, 2, 4 or 16 vectors")
        check(1 in rows, f"{where}: a tile of one row is needed")
        for r, panels in rows.items():
            check(isinstance(r, int) and isinstance(panels, int) and 1 <= r <= 32 and 1 <= panels <= 4 and r * panels <= 32,  # four: invar_matmul_nodes() counts on it
                  f"{where}: {r}: {panels} is not a tile of 1 to 32 rows by 1 to 4 panels, 32 of both at most")
        tiles[vectors] = [{"rows": r, "panels": p} for r, p in sorted(rows.items())]
    return tiles


def entries_of(path):
    """One entry for each generated file."""
    with open(path, encoding="utf-8") as f:
        listed = yaml.safe_load(f)
    check(isinstance(listed, list), f"{path}: a list of entries is expected")
    entries, seen = [], set()
    for item in listed:
        check(isinstance(item, dict) and "file" in item and "template" in item,
              f"{path}: every entry needs 'file' and 'template'")
        unknown = set(item) - {"file", "template", "types", "tiles", "kernels"}
        check(not unknown, f"{path}: {item['file']}: unknown key {sorted(unknown)}")
        for type_ in item.get("types", [None]):
            check(type_ is None or type_ in TYPES, f"{path}: {item['file']}: unknown type {type_!r}")
            name = item["file"] + (f"_{type_}" if type_ else "")
            check(name not in seen, f"{path}: {name} is listed twice")
            seen.add(name)
            entry = {"name": name, "file": name + ".cc", "template": item["template"],
                     "symbol": "Table_" + name, "kernels": item.get("kernels", [])}
            if type_:
                entry["type"] = type_
            if "tiles" in item:
                entry["tiles"] = tiles_of(item)
            entries.append(entry)
    return entries


def render(list_path):
    """{file name: text} of every output."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(os.path.join(HERE, "templates")), undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, autoescape=False)
    entries = entries_of(list_path)
    outputs = {}
    for entry in entries:
        outputs[entry["file"]] = environment.get_template(entry["template"]).render(entry=entry)
    symbols = [entry["symbol"] for entry in entries]
    outputs["registry.cc"] = environment.get_template("registry.cc.j2").render(
        symbols=symbols, width=max(map(len, symbols)))
    # What was emitted, and from what: drift of either shows without Python (sha256sum -c, in the snapshot's folder).
    hashed = {name: text.encode() for name, text in outputs.items()}
    for path in [list_path, os.path.join(HERE, "generate.py"), *glob.glob(os.path.join(HERE, "templates", "*.j2"))]:
        name = "kernels.yaml" if path == list_path else os.path.relpath(path, HERE).replace(os.sep, "/")
        with open(path, "rb") as f:
            hashed["../codegen/" + name] = f.read()
    outputs["manifest.sha256"] = "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(hashed.items()))
    return outputs


def write(outputs, out):
    os.makedirs(out, exist_ok=True)
    for name, text in outputs.items():
        path = os.path.join(out, name)
        # A file that is already right keeps its time, so that nothing is compiled twice.
        try:
            with open(path, encoding="utf-8", newline="") as f:
                if f.read() == text:
                    continue
        except OSError:
            pass
        with open(path + ".tmp", "w", encoding="utf-8", newline="") as f:
            f.write(text)
        os.replace(path + ".tmp", path)
    for name in sorted(set(os.listdir(out)) - set(outputs)):
        if name.endswith(".cc"):  # of a kernel that is no longer listed
            os.remove(os.path.join(out, name))


def differing(outputs, directory):
    for name, text in sorted(outputs.items()):
        try:
            with open(os.path.join(directory, name), encoding="utf-8", newline="") as f:
                if f.read() != text:
                    return name
        except OSError:
            return name
    extra = sorted(set(os.listdir(directory)) - set(outputs))
    return extra[0] if extra else None


def main():
    parser = argparse.ArgumentParser(description="Emits the kernels listed in kernels.yaml as C++ files.")
    parser.add_argument("--list", default=os.path.join(HERE, "kernels.yaml"), help="the list of kernels")
    parser.add_argument("--out", help="folder to write the files into")
    parser.add_argument("--list-outputs", action="store_true", help="print the names of the files and write nothing")
    parser.add_argument("--check", metavar="DIR", help="compare with the files in DIR and write nothing")
    arguments = parser.parse_args()
    try:
        outputs = render(arguments.list)
    except (ListError, yaml.YAMLError, jinja2.TemplateError, OSError) as e:
        sys.exit(f"generate.py: {e}")
    if arguments.list_outputs:
        print("\n".join(sorted(outputs)))
    elif arguments.check:
        name = differing(outputs, arguments.check)
        if name:
            sys.exit(f"generate.py: {os.path.join(arguments.check, name)} is not what codegen/ emits; "
                     "run ./run regenerate")
    elif arguments.out:
        write(outputs, arguments.out)
    else:
        parser.error("one of --out, --check and --list-outputs is needed")


if __name__ == "__main__":
    main()
