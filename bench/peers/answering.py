"""The other end of session.py: a worker answers a line of JSON with one, whatever its libraries print."""
import json
import os
import sys
import time


def clock_of(threads):
    """One thread's time is the processor's: what another program took of the core is nobody's."""
    return time.process_time if threads == 1 else time.perf_counter


clock = time.perf_counter  # of this worker, once it knows its threads


def claim_output():
    """The stream of answers. What libraries print from now on goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def serve(answer, answers):
    """Writes answer(question), a dictionary, for each question; what it raises becomes the engine's cell in the table."""
    for line in sys.stdin:
        try:
            said = answer(json.loads(line))
        except Exception as e:
            said = {"error": f"{type(e).__name__}: {(str(e).splitlines() or [''])[0][:200]}"}
        answers.write(json.dumps(said) + "\n")
        answers.flush()
