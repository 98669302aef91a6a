"""Listens to many takes at once: a child each for as many threads as ask, kept for a while and then let go."""

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Protocol, Self

from pipeline.quality.examiner import Examiner
from pipeline.quality.expectation import Expectation
from pipeline.quality.verdict import Outcome, Verdict
from pipeline.quality.voiceprint import Voiceprint

IDLE_SECONDS: Final = 60.0
"""How long a child that nobody needs is kept: it holds its models in some 100 MB, and starts within a second."""
KNOWN_TAKES: Final = 20
"""Of a voice, that others are held to: the middle of so many moves no more."""
KNOWN_VOICES: Final = 256
"""So many voices are remembered; each of them takes 150 KB."""


class Judging(Protocol):
    """Judges takes by their sound alone."""

    def judge(self, spoken: bytes, format: str, expected: Expectation) -> Verdict:  # noqa: A002 - the field's name in every speech API
        """Judge a take; never raises for what it holds."""


class Ears:
    """Examiners as they are needed, each of them one child. A context manager; without one, `close` it."""

    def __init__(self, *, idle_seconds: float = IDLE_SECONDS) -> None:
        """Start nothing yet; a child that was not needed for `idle_seconds` is ended."""
        self._idle_seconds = idle_seconds
        self._idle: list[tuple[float, Examiner]] = []
        self._rest: threading.Timer | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End the children."""
        self.close()

    def judge(self, spoken: bytes, format: str, expected: Expectation) -> Verdict:  # noqa: A002 - the field's name in every speech API
        """Judge a take, in a child that is idle or in a new one. Never raises for what the take holds."""
        examiner = self._take()
        try:
            return examiner.judge(spoken, format, expected)
        finally:
            self._give_back(examiner)

    def close(self) -> None:
        """End the children that are idle."""
        with self._lock:
            resting, self._idle = self._idle, []
            if self._rest is not None:
                self._rest.cancel()
                self._rest = None
        for _, examiner in resting:
            examiner.close()

    def _take(self) -> Examiner:
        with self._lock:
            # The one that was busy last: the others may rest.
            return self._idle.pop()[1] if self._idle else Examiner()

    def _give_back(self, examiner: Examiner) -> None:
        with self._lock:
            self._idle.append((time.monotonic(), examiner))
            self._watch()

    def _watch(self) -> None:
        if self._rest is None:
            self._rest = threading.Timer(self._idle_seconds, self._let_go)
            self._rest.daemon = True
            self._rest.start()

    def _let_go(self) -> None:
        longest = time.monotonic() - self._idle_seconds
        with self._lock:
            resting = [examiner for since, examiner in self._idle if since <= longest]
            self._idle = [(since, examiner) for since, examiner in self._idle if since > longest]
            self._rest = None
            if self._idle:
                self._watch()
        for examiner in resting:
            examiner.close()


class Voices:
    """What each voice sounds like, by the takes of it that were found good. Shared between threads."""

    def __init__(self, most: int = KNOWN_VOICES) -> None:
        """Remember the `most` voices that were asked for last."""
        self._most = most
        self._known: OrderedDict[str, list[Voiceprint]] = OrderedDict()
        self._lock = threading.Lock()

    def knows(self, voice: str) -> bool:
        """Tell whether a voice was met before, whether or not anything of it is kept."""
        with self._lock:
            return voice in self._known

    def of(self, voice: str) -> tuple[Voiceprint, ...]:
        """Return the voice of each good take of it, as far as they are kept."""
        with self._lock:
            return tuple(self._known.get(voice, ()))

    def meet(self, voice: str, voiceprints: Sequence[Voiceprint] = ()) -> None:
        """Remember a voice, with what is known of it."""
        with self._lock:
            known = self._known.setdefault(voice, [])
            known += voiceprints[: KNOWN_TAKES - len(known)]
            self._known.move_to_end(voice)
            if len(self._known) > self._most:
                self._known.popitem(last=False)

    def learn(self, voice: str, verdict: Verdict) -> None:
        """Keep the voice of a good take."""
        good = verdict.outcome is Outcome.GOOD
        self.meet(voice, [verdict.voiceprint] if good and verdict.voiceprint else [])
