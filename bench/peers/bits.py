"""Two files of binary32 numbers compared bit by bit."""
import array
import hashlib
import math


def compare(expected, found):
    """{"same", "values", "unequal", "largest", "sha256"}: how many values were compared, how many differ in a bit, and the
    largest difference of those that are numbers. Bytes of different or no length are an error: nothing was compared. So are
    values that are all alike or no numbers: a broken engine gives those the same in every way."""
    if len(expected) != len(found) or not expected or len(expected) % 4:
        raise ValueError(f"{len(expected)} bytes cannot be compared with {len(found)}")
    values = array.array("f", expected)
    if not all(map(math.isfinite, values)) or min(values) == max(values):
        raise ValueError("the logits compared are all alike, or not all of them are finite")
    result = {"same": expected == found, "values": len(expected) // 4, "unequal": 0, "largest": 0.0,
              "sha256": hashlib.sha256(found).hexdigest()}
    if result["same"]:
        return result
    bits = array.array("I"), array.array("I")
    floats = array.array("f"), array.array("f")
    for target in (bits, floats):
        target[0].frombytes(expected)
        target[1].frombytes(found)
    result["unequal"] = sum(a != b for a, b in zip(*bits))
    differences = [abs(a - b) for a, b in zip(*floats)]
    result["largest"] = max((d for d in differences if not math.isnan(d)), default=0.0)
    return result
