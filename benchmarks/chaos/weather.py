"""Which fault comes when: a function of the seed and of nothing else."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What is broken."""

    WORKER_KILLED = "worker killed"
    BROKER_KILLED = "broker killed"
    BROKER_EMPTIED = "broker emptied"
    BROKER_CONNECTIONS_CUT = "broker connections cut"
    DATABASE_LOST = "database lost"
    STORAGE_FAILS = "storage answers 500"
    PROVIDER_FAILS = "provider fails"


POINTS = {
    "voice-clone": ("reset_after_charge", "reset_before", "hang_after_charge:3", "502_json", "502_after_charge"),
    "speech": ("reset_after_charge", "reset_before", "hang_after_charge", "502_json", "502_after_charge"),
}
"""How the provider fails, by route. A spoken line that hangs is given up, a clone is waited for."""
CHARGED = frozenset({"reset_after_charge", "hang_after_charge", "502_after_charge"})
"""After these the line was paid for and its audio is lost."""


@dataclass(frozen=True)
class Fault:
    """One fault, `at` so many seconds after the start; `chance` in 0..1 chooses among what there is to break."""

    at: float
    kind: Kind
    chance: float
    route: str
    point: str
    count: int


def weather(seed: int, *, every: float) -> Iterator[Fault]:
    """Yield faults without end, one each `every` seconds; all kinds come before any comes again."""
    chooser = random.Random(seed)
    kinds: list[Kind] = []
    number = 0
    while True:
        number += 1
        kinds = kinds or chooser.sample(list(Kind), len(Kind))
        route = chooser.choice(sorted(POINTS))
        yield Fault(
            at=number * every,
            kind=kinds.pop(),
            chance=chooser.random(),
            route=route,
            point=chooser.choice(POINTS[route]),
            count=chooser.randint(1, 3),
        )
