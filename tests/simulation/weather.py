"""What may go wrong in a history, and how often: drawn from its seed, so that faults meet in every combination."""

from dataclasses import dataclass, replace
from random import Random

LONGEST_PAUSE_MS = 600_000
"""The longest believable sleep of a process: the quiescence has to outlast it, with the HTTP timeout behind it."""
LARGEST_JUMP_MS = 60_000
"""Of the database's clock. One that is as long as the quiescence would end it before its time."""


HOSTILE = 0.15
"""How many histories have sleepers and late effects at every turn: what protects from them is rarely asked for."""


@dataclass(frozen=True)
class Weather:
    """Chances, each for one occasion."""

    kill: float = 0.0
    """The process dies between two steps."""
    pause: float = 0.0
    """It is stopped for up to ten minutes."""
    stuck: float = 0.0
    """The same, where it hurts most: between the last check and the request, or the evidence and the verdict."""
    lost: float = 0.0
    """A message never arrives."""
    twice: float = 0.0
    """It arrives twice."""
    away: float = 0.0
    """The database goes away for a while."""
    undone: float = 0.0
    """A commit fails."""
    unheard: float = 0.0
    """It succeeds, and the answer is lost."""
    disk: float = 0.0
    """An answer cannot be written to the disk."""
    wiped: float = 0.0
    """A dead worker's disk goes with it."""
    jump: float = 0.0
    """The database's clock is set."""
    unseen: float = 0.4
    """Nobody sees a process die."""
    unclear: float = 0.28
    """A paid call ends without an answer that tells what became of it."""
    late: float = 0.33
    """Of those, what takes effect after its caller has given up."""
    unreachable: float = 0.0
    limited: float = 0.0
    """The provider refuses a call for speed."""
    unowned: float = 0.0
    """It has made the voice and could not write whose it is: free, and may be asked for again."""
    refused: float = 0.0
    mute: float = 0.0
    """A question that costs nothing gets no answer."""


CALM = Weather(unclear=0.0, unseen=0.0)
"""The end of every history: what was broken is mended, and all has to come to an end."""


def draw(rng: Random) -> Weather:
    """Draw a history's weather: each fault is absent from half of the histories, and some are hostile."""

    def some(most: float) -> float:
        return rng.random() * most if rng.random() < 0.5 else 0.0

    drawn = Weather(
        kill=some(0.06),
        pause=some(0.04),
        stuck=some(0.4),
        lost=some(0.3),
        twice=some(0.3),
        away=some(0.02),
        undone=some(0.04),
        unheard=some(0.06),
        disk=some(0.3),
        wiped=some(0.5),
        jump=some(0.01),
        unreachable=some(0.3),
        limited=some(0.2),
        unowned=some(0.1),
        refused=some(0.06),
        mute=some(0.2),
    )
    if rng.random() < HOSTILE:
        return replace(drawn, stuck=rng.random(), unclear=0.6, late=0.8, pause=0.0, kill=0.0)
    return drawn
