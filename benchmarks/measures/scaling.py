"""Whether eight workers do eight times the work of one, where the provider is slow and the machine is not the limit."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.frame.figures import Figure, Size, at_least
from benchmarks.ground.product import Product, product
from benchmarks.ground.provider import Calls
from benchmarks.ground.upstream import Terms

THREADS = 4
WORKERS = 8
TERMS = Terms(1.0, 2 * WORKERS * THREADS)
"""Twice as many slots as there are threads: the provider is no limit either."""
SECONDS = {Size.QUICK: 12, Size.FULL: 60}


@dataclass(frozen=True)
class Scaling:
    """One worker of four threads on PostgreSQL, and eight of them."""

    name: str = "scaling"
    about: str = f"{WORKERS} workers of {THREADS} threads on PostgreSQL against one, the provider taking 1 s a call"
    seconds: float = 70.0

    def run(self, size: Size) -> Sequence[Figure]:
        """Let one work, then all."""
        with product(TERMS, database="postgresql", threads=THREADS) as stage:
            stage.speak("warm", THREADS * 2)
            one = _work(stage, "one", THREADS * SECONDS[size])
            with stage.more_workers(WORKERS - 1):
                stage.speak("warm_all", WORKERS * THREADS * 2)
                all_of_them = _work(stage, "all", WORKERS * THREADS * SECONDS[size])
        return (
            Figure(
                "per_worker", all_of_them.per_second / one.per_second / WORKERS, against="one worker", bar=at_least(0.9)
            ),
            Figure("one", one.per_second, "1/s"),
            Figure("eight", all_of_them.per_second, "1/s"),
            Figure("one_of_threads", one.per_second / THREADS, against="each thread always in a call"),
        )


def _work(stage: Product, name: str, count: int) -> Calls:
    stage.upstream.begin(TERMS)
    stage.speak(name, count)
    return stage.upstream.calls(TERMS)
