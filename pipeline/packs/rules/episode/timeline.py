"""When each line of an episode is heard. All times in seconds from the start of the file."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Piece:
    """One spoken line of a script, in its order.

    `speaker` is the name to show. `chapter` counts from 1, 0 is a script without chapters; `paragraph`
    counts over the whole script. `text` stands as it was written. `pause_after` is None where the script says nothing.
    """

    line_id: str
    character: str
    speaker: str
    text: str
    chapter: int = 0
    chapter_title: str = ""
    paragraph: int = 0
    pause_after: float | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """A piece and when its speech is heard.

    `first` and `last` are where that speech begins and ends in the take's own audio, so that take time t is heard at
    `start + t - first`.
    """

    piece: Piece
    start: float
    end: float
    first: float = 0.0

    @property
    def last(self) -> float:
        """Where the speech ends in the take."""
        return self.first + self.end - self.start


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter as players show it."""

    title: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Laid:
    """A stretch of music; `role` is what it is for: `intro`, `bed`, `sting` or `outro`. It plays from its beginning."""

    role: str
    start: float
    seconds: float
    fade_in: float = 0.0
    fade_out: float = 0.0


@dataclass(frozen=True, slots=True)
class Timeline:
    """A whole episode; `seconds` is the length of the file.

    `missing` are the pieces without a take in which anything is heard, `empty` the chapters without any other.
    """

    placed: Sequence[Placed]
    chapters: Sequence[Chapter]
    seconds: float
    missing: Sequence[Piece] = ()
    empty: Sequence[str] = ()
    music: Sequence[Laid] = ()
