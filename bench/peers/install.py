"""Puts the peers' packages into a virtual environment, each at the version of requirements.txt, and says which could not be.

Everything goes below the build folder: peers-venv/, and peers-cache/ with the wheel of llama-cpp-python, which is built from
its source distribution for this processor, once.
"""
import hashlib
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
            built = package == "llama-cpp-python"
            if present.get(package) != self.pins[package].split("==")[1] or (built and not self.is_of_this_build()):
                print(f"installing {self.pins[package]}", file=sys.stderr, flush=True)
                reason = self.install(package)
                if reason:
                    self.failed[package] = f"{self.pins[package]} cannot be installed: {reason}"
                    continue
            if built:
                self.build_stamp().write_text(self.build_key())
            self.done.add(package)

    # How llama.cpp is built: what was built otherwise is built again.

    def build_flags(self):
        flags = f'{os.environ.get("CXXFLAGS", "")} -include "{HERE}/amx_tile_config.h"'.strip()
        return f"-DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON -DCMAKE_CXX_FLAGS='{flags}'"

    def build_key(self):
        parts = (self.pins["llama-cpp-python"], self.build_flags(), (HERE / "amx_tile_config.h").read_text())
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def build_stamp(self):
        return self.build / "peers-venv" / "llama-cpp-python.built"

    def is_of_this_build(self):
        stamp = self.build_stamp()
        return stamp.exists() and stamp.read_text() == self.build_key()

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
            again = ["--force-reinstall", "--no-deps"] if target.endswith(".whl") and package in self.installed() else []
            return self.run(pip + ["install", "-c", constraints.name, *again, target])

    def build_llama(self, pip):
        """[the wheel], or why there is none."""
        folder = self.cache / self.build_key()
        if not list(folder.glob("*.whl")):
            print("building llama.cpp for this processor: ten minutes or so, once", file=sys.stderr, flush=True)
            # pip's own cache would give a wheel that was built otherwise.
            reason = self.run(
                pip + ["wheel", "--no-cache-dir", "--no-deps", "--no-binary", "llama-cpp-python", "-w", str(folder), self.pins["llama-cpp-python"]],
                {"CMAKE_ARGS": self.build_flags(), "CMAKE_BUILD_PARALLEL_LEVEL": str(os.cpu_count() or 2)})
            if reason:
                return reason
        return list(folder.glob("*.whl"))
