"""Many histories, in several processes, and what they come to."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

from tests.simulation.history import Outcome
from tests.simulation.simulator import Simulator, simulator
from tests.simulation.variants import PROTOCOL, VARIANTS

CHUNK = 25


@dataclass
class Tally:
    """What the histories of one variant, or of several, have come to."""

    seeds: int = 0
    wanted: int = 0
    charges: int = 0
    duplicates: int = 0
    owned: int = 0
    operator: int = 0
    broken: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count a history."""
        self.seeds += 1
        self.wanted += outcome.wanted
        self.charges += outcome.charges
        self.duplicates += outcome.duplicates
        self.owned += outcome.owned
        self.operator += outcome.operator
        if outcome.broken:
            self.broken.append(outcome)

    def line(self) -> str:
        """Return the summary for people and programs."""
        named = ("seeds", "charges", "duplicates", "owned", "operator")
        return " ".join(f"{name}={getattr(self, name)}" for name in named)


def protocol(seeds: Iterable[int]) -> Iterator[tuple[str, int]]:
    """Deal seeds out to the variants of the protocol."""
    names = tuple(PROTOCOL)
    return ((names[seed % len(names)], seed) for seed in seeds)


def play(histories: Iterable[tuple[str, int]], *, jobs: int = 1) -> Iterator[Outcome]:
    """Play histories, each a variant and a seed, and yield their ends in this order."""
    planned = list(histories)
    chunks = [planned[start : start + CHUNK] for start in range(0, len(planned), CHUNK)]
    if jobs == 1:
        with simulator() as playing:
            for name, seed in planned:
                yield playing.play(VARIANTS[name], seed)
        return
    with ProcessPoolExecutor(jobs, initializer=_open) as pool:
        for outcomes in pool.map(_play_chunk, chunks):
            yield from outcomes


class _Kept:
    """The simulator of a process of the pool, for as long as the process lives."""

    stack = ExitStack()
    playing: Simulator


def _open() -> None:
    _Kept.playing = _Kept.stack.enter_context(simulator())


def _play_chunk(chunk: Sequence[tuple[str, int]]) -> list[Outcome]:
    return [_Kept.playing.play(VARIANTS[name], seed) for name, seed in chunk]
