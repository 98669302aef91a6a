"""How soon an order takes effect: a run is cancelled while it is being spoken."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.frame.figures import Figure, Size, at_most
from benchmarks.ground.product import Product, product, until
from benchmarks.ground.upstream import Terms

TERMS = Terms(0.3, 16)
LINES = 400
SPOKEN_BEFORE = 32
ROUNDS = {Size.QUICK: 3, Size.FULL: 9}
REST_SECONDS = 2.0
"""After which no call would begin any more, whatever had been claimed."""
MOST_SECONDS = 1.0


@dataclass(frozen=True)
class Control:
    """The wait between an order and the last call that begins in spite of it."""

    name: str = "control"
    about: str = "cancel, in the middle of a run: until it is answered, and until the last call begins in spite of it"
    seconds: float = 40.0

    def run(self, size: Size) -> Sequence[Figure]:
        """Cancel one run after the other."""
        with product(TERMS) as stage:
            stage.speak("warm", 16)
            rounds = [_cancel(stage, number) for number in range(ROUNDS[size])]
        return (
            Figure("answered", median(answered for answered, _ in rounds), "s"),
            Figure("last_call", max(last for _, last in rounds), "s", bar=at_most(MOST_SECONDS)),
        )


def _cancel(stage: Product, number: int) -> tuple[float, float]:
    stage.upstream.begin(TERMS)
    run_id = stage.customer.submit(f"held{number}", LINES)()
    until(lambda: stage.count_spoken(run_id) >= SPOKEN_BEFORE, "some lines are spoken", seconds=60)
    asked = time.monotonic()
    stage.customer.client.post(f"/runs/{run_id}/cancel", {})
    answered = time.monotonic()
    time.sleep(REST_SECONDS)
    return answered - asked, max(max(stage.upstream.calls(TERMS).begun) - asked, 0.0)
