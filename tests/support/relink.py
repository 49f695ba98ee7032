"""Programs of a build with some of their objects compiled otherwise: in seconds what a build of its own would take minutes for."""
import json
import os
import shlex
import subprocess


class Broken(Exception):
    """Something that was to be built or run is not what it should be."""


def run(command, cwd, what, timeout=900, accept=(0,)):
    try:
        result = subprocess.run(command, cwd=cwd, shell=isinstance(command, str), text=True, capture_output=True, timeout=timeout)
    except subprocess.TimeoutExpired as e:
        raise Broken(f"{what} took more than {timeout} seconds") from e
    if result.returncode not in accept:
        raise Broken(f"{what} ended with status {result.returncode}:\n{(result.stdout + result.stderr)[-1500:]}")
    return result


class Build:
    """The commands of a build folder, which must have been configured with Ninja; nothing in it changes."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        database = os.path.join(self.folder, "compile_commands.json")
        if not os.path.exists(os.path.join(self.folder, "build.ninja")) or not os.path.exists(database):
            raise Broken(f"{folder} was not configured with Ninja (cmake -G Ninja)")
        with open(database, encoding="utf-8") as f:
            self.commands = {os.path.abspath(c["file"]): c for c in json.load(f)}
        self.links = {}

    def compile(self, like, source, output, options):
        """Compiles source as the build compiles `like`, options first and last."""
        entry = self.commands.get(os.path.abspath(like))
        if entry is None:
            raise Broken(f"the build does not compile {like}")
        arguments = shlex.split(entry["command"])
        at = arguments.index("-o")
        arguments = arguments[:at] + arguments[at + 2:]
        arguments = [a for a in arguments if a not in ("-c", "-Werror", entry["file"])]
        compiler = 2 if os.path.basename(arguments[0]) == "ccache" else 1
        first, last = options
        arguments[compiler:compiler] = first
        run(arguments + last + ["-c", source, "-o", output], entry["directory"], f"compiling {os.path.basename(source)}")

    def link(self, program, objects, output):
        """Links a program (of tests/, or bin/NAME) with objects in front of the libraries, whose own are then not taken."""
        if len(set(objects)) != len(objects):
            raise Broken("an object is to be linked twice")
        target = program if "/" in program else f"tests/{program}"
        if target not in self.links:
            lines = run(["ninja", "-t", "commands", target], self.folder, "ninja").stdout.splitlines()
            if not os.path.exists(os.path.join(self.folder, target)):
                raise Broken(f"{target} is not built")
            self.links[target] = lines[-1]
        command = self.links[target].replace(f"-o {target} ", f"{' '.join(map(shlex.quote, objects))} -o {shlex.quote(output)} ")
        if shlex.quote(output) not in command:
            raise Broken(f"the command that links {target} is not understood: {command}")
        # gtest's discovery after linking would run the mutant.
        command = command.split(" && cd ")[0]
        run(command, self.folder, f"linking {program}")
