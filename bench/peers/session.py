"""A worker process: asked by a line of JSON, answered by one, watched for silence and for the memory it took."""
import json
import os
import select
import subprocess
import time


class WorkerError(Exception):
    """A worker's own sentence of why it gives no figure."""


def clean_environment(threads):
    """What workers start with. OpenBLAS chooses its kernels by itself; libraries of threads make as many as were asked for."""
    environment = {k: v for k, v in os.environ.items()
                   if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        environment[name] = str(threads)
    environment.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", TOKENIZERS_PARALLELISM="false",
                       HF_HUB_DISABLE_PROGRESS_BARS="1")
    return environment


class Session:
    def __init__(self, command, threads, log, timeout=900):
        self.timeout = timeout
        self.log = open(log, "ab")
        self.started = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
                                        env=clean_environment(threads))
        self.pending = b""

    def ask(self, **question):
        """The answer, a dictionary. Raises WorkerError with the worker's reason, or where it ended or says nothing."""
        try:
            self.process.stdin.write(json.dumps(question).encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            raise WorkerError(f"its process ended at '{question['op']}' with status {self.process.wait()}") from None
        end = time.monotonic() + self.timeout
        while b"\n" not in self.pending:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise WorkerError(f"no answer to '{question['op']}' in {self.timeout} s")
            piece = os.read(self.process.stdout.fileno(), 1 << 16)
            if not piece:
                raise WorkerError(f"its process ended at '{question['op']}' with status {self.process.wait()}")
            self.pending += piece
        line, _, self.pending = self.pending.partition(b"\n")
        try:
            answer = json.loads(line)
        except ValueError:
            raise WorkerError(f"its answer to '{question['op']}' is not JSON: {line[:80]!r}") from None
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer

    def peak_bytes(self):
        """The most memory that the process had resident, as the system counts it; None where it does not tell."""
        try:
            with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
                for line in f:
                    if line.startswith("VmHWM:"):
                        return int(line.split()[1]) * 1024
        except OSError:
            pass
        return None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.process.stdin.close()
        except OSError:
            pass  # it ended before it read all
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()
