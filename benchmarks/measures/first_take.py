"""How long one new line takes whose voice is known: from the request to apply until it is stored and settled."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.frame.figures import Figure, Size, at_most
from benchmarks.ground.product import Product, product
from benchmarks.ground.upstream import Terms

TERMS = Terms(0.3, 8)
ROUNDS = {Size.QUICK: 5, Size.FULL: 15}
ADDED_SECONDS = 0.3


@dataclass(frozen=True)
class FirstTake:
    """The wait for a single line on an idle stack."""

    name: str = "first_take"
    about: str = "one new line of a known voice: from the request to apply until it is stored and settled"
    seconds: float = 30.0

    def run(self, size: Size) -> Sequence[Figure]:
        """Apply one line after the other."""
        with product(TERMS) as stage:
            stage.speak("warm", 8)
            waits = [_wait(stage, number) for number in range(ROUNDS[size])]
        added = median(waits) - TERMS.latency_seconds
        return (
            Figure("added", added, "s", "the provider's latency", at_most(ADDED_SECONDS)),
            Figure("added_worst", max(waits) - TERMS.latency_seconds, "s", "the provider's latency"),
            Figure("whole", median(waits), "s"),
        )


def _wait(stage: Product, number: int) -> float:
    apply = stage.customer.submit(f"one{number}", 1)
    asked = time.time()
    run_id = apply()
    stage.wait(run_id, seconds=60)
    return stage.spoken_at(run_id)[0] - asked
