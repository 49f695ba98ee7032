"""Running one build, natively or under an emulator, and comparing what it prints with tests/fingerprints.json."""
import hashlib
import json
import os
import re
import shlex
import subprocess
import time

from builds import ROOT, Failure

TABLE = os.path.join(ROOT, "tests", "fingerprints.json")
# What a user types; its standard output is a line of the table too. {models}: the folder of bundled models, {data}: tests/data.
COMMANDS = [
    ["generate", "-m", "{models}/gpt2", "-p", "ROMEO:", "-n", "24"],
    ["generate", "-m", "{models}/qwen3", "--chat", "-p", "What news?", "-n", "12", "--temp", "0.8", "--seed", "7"],
    ["logits", "-m", "{models}/qwen3", "-p", "ROMEO:\nBut soft, what light", "--batch", "3", "--chunk", "4"],
    ["replay", "{data}/gpt2-receipt.json", "-m", "{models}/gpt2"],
]


def read_table():
    with open(TABLE, encoding="utf-8") as f:
        return json.load(f)


def write_table(document):
    document["fingerprints"] = dict(sorted(document["fingerprints"].items()))
    with open(TABLE + ".part", "w", encoding="utf-8") as f:
        f.write(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    os.rename(TABLE + ".part", TABLE)


def expected(leg):
    """The instruction sets that must have run."""
    names = set(leg["expect"])
    if "if" in leg:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            here = {word for line in f if line.startswith(("flags", "vendor_id")) for word in line.split()}
        for wanted, more in leg["if"].items():
            if here.issuperset(wanted.split()):
                names.update(more)
    return names


def call(command):
    try:
        return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=3600)
    except FileNotFoundError as error:
        raise Failure(f"{command[0]} is missing; install the package that has it") from error
    except OSError as error:
        raise Failure(f"{command[0]} does not start: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise Failure(f"{shlex.join(command)} did not end within an hour") from error


def digests(command):
    """What the campaign's --digests said, by name."""
    result = call(command)
    printed = result.stdout.decode(errors="replace")
    if result.returncode != 0:
        raise Failure(f"{shlex.join(command)} exited with {result.returncode}:\n{(printed + result.stderr.decode(errors='replace'))[-3000:]}")
    return dict(line[7:].rsplit(" ", 1) for line in printed.splitlines() if line.startswith("digest "))


class Campaign:
    """Random cases of this run's seed: what a build that has an oracle for all of them found, each leg must find too."""

    def __init__(self, program, seed, cases):
        self.arguments = ["--seed", str(seed), "--cases", str(cases), "--digests", "yes"]
        self.expected = digests([program, *self.arguments])

    def check(self, command):
        found = digests([*command, *self.arguments])
        wrong = sorted(name for name in self.expected.keys() | found.keys() if self.expected.get(name) != found.get(name))
        if wrong:
            raise Failure(f"{shlex.join([*command, *self.arguments])} gives other results than the reference in {', '.join(wrong)}")
        return len(found)


def check_commands(program, flags, table, write=False):
    """Runs COMMANDS with these flags more; returns how many there are."""
    for arguments in COMMANDS:
        typed = [a.format(models=os.path.join(ROOT, "models"), data=os.path.join(ROOT, "tests", "data")) for a in arguments] + flags
        result = call([*program, *typed])
        if result.returncode != 0:
            raise Failure(f"invar {shlex.join(typed)} exited with {result.returncode}: {result.stderr.decode(errors='replace')[-2000:]}")
        name = "command invar " + shlex.join(a.format(models="models", data="tests/data") for a in arguments)
        digest = hashlib.sha256(result.stdout).hexdigest()
        if write:
            table.setdefault(name, digest)
        if table.get(name) != digest:
            raise Failure(f"{name}: its output has the fingerprint {digest} instead of {table.get(name)}:\n"
                          f"{result.stdout.decode(errors='replace')[:500]}")
    return len(COMMANDS)


def run_leg(leg, folder, table, write=False, campaign=None):
    """Runs one leg; returns (instruction sets, fingerprints, values, seconds)."""
    started = time.monotonic()
    runner = shlex.split(leg.get("run", ""))
    isas = leg.get("isas") or ([leg["isa"]] if "isa" in leg else [])
    only = ["--isa", isas[0]] if isas else []
    output = ""
    for isa in isas or [None]:
        command = [*runner, os.path.join(folder, "tests", "fingerprints"), ROOT, *(["--isa", isa] if isa else [])]
        result = call(command)
        printed = result.stdout.decode(errors="replace")
        if result.returncode != 0:
            errors = result.stderr.decode(errors="replace")
            raise Failure(f"{shlex.join(command)} exited with {result.returncode}:\n{(printed + errors)[-3000:]}")
        output += printed
    lines = re.findall(r"^(\w+) +(\d+) of \d+ fingerprints equal, of (\d+) values; (\d+)", output, re.M)
    ran = {line[0] for line in lines}
    if not expected(leg) <= ran:
        raise Failure(f"expected {', '.join(sorted(expected(leg) - ran))} to run, but only {', '.join(sorted(ran)) or 'nothing'} did")
    if "vector_bits" in leg:
        said = re.search(r"^vectors of (\d+) bits", output, re.M)
        if not said or int(said[1]) != leg["vector_bits"]:
            raise Failure(f"vectors of {leg['vector_bits']} bits were to run, but it said {said[0] if said else 'nothing of them'}")
    if campaign:
        for isa in isas or [None]:
            campaign.check([*runner, os.path.join(folder, "tests", "campaign"), *(["--isa", isa] if isa else [])])
    fingerprints = sum(int(line[1]) for line in lines)
    fingerprints += check_commands([*runner, os.path.join(folder, "bin", "invar")], only, table, write)
    return sorted(ran), fingerprints, sum(int(line[2]) + int(line[3]) for line in lines), time.monotonic() - started
