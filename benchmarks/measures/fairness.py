"""Whether a small order waits behind a large one of another account, and what fairness costs."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.frame.figures import Figure, Size, at_least, at_most
from benchmarks.ground.product import Customer, Product, product, until
from benchmarks.ground.provider import Calls
from benchmarks.ground.upstream import Terms

TERMS = Terms(0.15, 16)
LARGE = {Size.QUICK: 600, Size.FULL: 10_000}
SMALL = 5
HEAD_START = 64
"""The small order comes once so many lines of the large one are spoken."""


@dataclass(frozen=True)
class Fairness:
    """Five lines of B behind thousands of A; and first in, first out: the same five behind A's own."""

    name: str = "fairness"
    about: str = "5 lines of account B behind many of A, against the order of their ids"
    seconds: float = 60.0

    def run(self, size: Size) -> Sequence[Figure]:
        """Order both ways."""
        with product(TERMS) as stage, stage.new_customer("beta") as beta:
            stage.speak("warm", 40)
            fifo, fifo_wait = _both(stage, "fifo", LARGE[size], stage.customer)
            fair, fair_wait = _both(stage, "fair", LARGE[size], beta)
        return (
            Figure("wait", fair_wait, "s", bar=at_most(1.0)),
            Figure("throughput", fair.per_second / fifo.per_second, against="first in, first out", bar=at_least(0.95)),
            Figure("fifo_wait", fifo_wait, "s"),
            Figure("lines_per_second", fair.per_second, "1/s"),
        )


def _both(stage: Product, name: str, count: int, second: Customer) -> tuple[Calls, float]:
    """Return what the provider saw of both orders, and how long the small one took."""
    apply_small: Callable[[], str] = second.submit(f"{name}_small", SMALL)
    apply_large = stage.customer.submit(f"{name}_large", count)
    stage.upstream.begin(TERMS)
    large = apply_large()
    until(lambda: stage.count_spoken(large) >= HEAD_START, "the large order is under way", seconds=60)
    asked = time.time()
    small = apply_small()
    stage.wait(small)
    stage.wait(large)
    return stage.upstream.calls(TERMS), stage.spoken_at(small)[-1] - asked
