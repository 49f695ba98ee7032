"""Puts the peers' packages into a virtual environment, each at the version of requirements.txt, and says which could not be.

Everything goes below the build folder: peers-venv/, and peers-cache/ with the wheel of llama-cpp-python, which is built from
its source distribution for this processor, once.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
MODEL_PACKAGES = ("numpy", "torch", "transformers", "safetensors", "gguf")  # what models.py imports


def pinned(text):
    """{package: its line} of a requirements.txt. Raises ValueError for a line that pins nothing."""
    lines = {}
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if not line:
            continue
        match = re.fullmatch(r"([A-Za-z0-9_.-]+)==[A-Za-z0-9_.+!-]+", line)
        if not match:
            raise ValueError(f"requirements.txt: '{line}' is not of the form package==version")
        lines[match.group(1)] = line
    return lines


class Installer:
    def __init__(self, build):
        self.build = pathlib.Path(build)
        self.python = self.build / "peers-venv" / "bin" / "python"
        self.cache = self.build / "peers-cache"
        self.log = self.build / "log" / "peers-install.log"
        self.pins = pinned((HERE / "requirements.txt").read_text())
        self.failed = {}  # package: reason
        self.done = set()

    def prepare(self):
        self.cache.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.write_text("")
        if not self.python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(self.build / "peers-venv")], check=True)

    def run(self, command, environment=None):
        """None, or the last telling line of what went wrong."""
        with open(self.log, "a+", encoding="utf-8", errors="replace") as log:
            start = log.seek(0, os.SEEK_END)
            status = subprocess.run(command, stdout=log, stderr=log, env={**os.environ, **(environment or {})}).returncode
            if status == 0:
                return None
            log.seek(start)
            lines = [line.strip() for line in log if line.strip()]
        telling = [line for line in lines if "error" in line.lower()] or lines or [f"exit status {status}"]
        return telling[-1][:200]

    def installed(self):
        listed = subprocess.run([str(self.python), "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"],
                                capture_output=True, text=True, check=True).stdout
        return {name.lower().replace("_", "-"): version.split("+")[0]
                for name, _, version in (line.partition("==") for line in listed.splitlines())}

    def want(self, packages):
        """Installs what is missing of these. What fails is remembered in `failed` and stops nothing else."""
        present = self.installed()
        for package in packages:
            if package in self.done or package in self.failed:
                continue
            if present.get(package) != self.pins[package].split("==")[1]:
                print(f"installing {self.pins[package]}", file=sys.stderr, flush=True)
                reason = self.install(package)
                if reason:
                    self.failed[package] = f"{self.pins[package]} cannot be installed: {reason}"
                    continue
            self.done.add(package)

    def install(self, package):
        pip = [str(self.python), "-m", "pip", "--disable-pip-version-check"]
        # No package may bring another version of one that is pinned here: torch above all has builds of gigabytes.
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
            constraints.write("\n".join(self.pins.values()))
            constraints.flush()
            target = self.pins[package]
            if package == "llama-cpp-python":
                wheel = self.build_llama(pip)
                if isinstance(wheel, str):
                    return wheel
                target = str(wheel[0])
            return self.run(pip + ["install", "-c", constraints.name, target])

    def build_llama(self, pip):
        """[the wheel], or why there is none."""
        name = "llama_cpp_python-" + self.pins["llama-cpp-python"].split("==")[1]
        if not list(self.cache.glob(name + "-*.whl")):
            print("building llama.cpp for this processor: ten minutes or so, once", file=sys.stderr, flush=True)
            reason = self.run(
                pip + ["wheel", "--no-cache-dir", "--no-deps", "--no-binary", "llama-cpp-python", "-w", str(self.cache), self.pins["llama-cpp-python"]],
                {"CMAKE_ARGS": f"-DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON -DCMAKE_CXX_FLAGS='-include {HERE}/amx_tile_config.h'",
                 "CMAKE_BUILD_PARALLEL_LEVEL": str(os.cpu_count() or 2)})
            if reason:
                return reason
        return list(self.cache.glob(name + "-*.whl"))
