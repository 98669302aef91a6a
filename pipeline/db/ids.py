"""Row ids: a prefix that names the kind, then a ULID; those of one process sort as they were made."""

import secrets
import time
from array import array
from collections.abc import Iterable
from itertools import product
from threading import Lock

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
RANDOM_BITS = 80
STEP_BITS = 64
"""How far beyond the one before it an id of the same millisecond may be; a thousand times more fit into one."""
LENGTH = 26
_PAIRS = tuple(map("".join, product(ALPHABET, repeat=2)))
_TIME_SHIFTS = range(40, -1, -10)
_RANDOM_SHIFTS = range(RANDOM_BITS - 10, -1, -10)


class Numbers:
    """Numbers that only grow: milliseconds since 1970, then chance. Shared by the threads of a process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._last = 0

    def take(self, count: int) -> list[int]:
        """Return the next `count` of them; a clock that is put back does not turn them round."""
        steps = array("Q", secrets.randbits(STEP_BITS * count).to_bytes(STEP_BITS // 8 * count, "big"))
        taken = []
        with self._lock:
            last = max(self._last, (time.time_ns() // 1_000_000) << RANDOM_BITS)
            for step in steps:
                last += 1 + step
                taken.append(last)
            self._last = last
        return taken


NUMBERS = Numbers()


def new_id(prefix: str) -> str:
    """Return a new id such as `take_01jd3v8q4k...`, which sorts after those that this process has made before."""
    return new_ids(prefix, 1)[0]


def new_ids(prefix: str, count: int) -> list[str]:
    """Return so many new ids, in their order; thousands at once cost a fraction each."""
    times: dict[int, str] = {}
    made = []
    for number in NUMBERS.take(count):
        milliseconds, chance = number >> RANDOM_BITS, number & ((1 << RANDOM_BITS) - 1)
        begun = times.get(milliseconds)
        if begun is None:
            begun = times[milliseconds] = f"{prefix}_{_digits(milliseconds, _TIME_SHIFTS)}"
        made.append(begun + _digits(chance, _RANDOM_SHIFTS))
    return made


def _digits(number: int, shifts: Iterable[int]) -> str:
    pairs = _PAIRS
    return "".join([pairs[number >> shift & 1023] for shift in shifts])
