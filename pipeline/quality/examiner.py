"""Judges takes in a child process that cannot outgrow its limits; what goes wrong there is a verdict, too."""

import logging
import threading
from types import TracebackType
from typing import Final, Self

from pipeline.audio import ChildLimits, parse_format
from pipeline.quality.expectation import Expectation
from pipeline.quality.limits import SECONDS_A_TAKE
from pipeline.quality.listener import Listener, ListenerDied
from pipeline.quality.verdict import Check, CheckName, Result, Verdict, concluded, unjudged

log = logging.getLogger(__name__)

_TAKES_A_CHILD: Final = 500
"""Then a new one: what a take may have left behind in a child ends with it."""
_MOST_TAKE_BYTES: Final = 100 << 20
GATE_LIMITS: Final = ChildLimits(
    wall_seconds=180.0,
    cpu_seconds=_TAKES_A_CHILD * SECONDS_A_TAKE,
    memory_bytes=4 << 30,
    data_bytes=1 << 30,
    file_bytes=1 << 20,
    open_files=64,
)
"""`wall_seconds` is for one take."""


class Examiner:
    """Keeps a child at hand that has the models loaded. May be shared between threads, which then take turns.

    A context manager; without one, `close` it.
    """

    def __init__(self, *, transcribe: bool = False, limits: ChildLimits = GATE_LIMITS) -> None:
        """With `transcribe` a recogniser also hears each English take, which costs 0.1 s a second of speech."""
        self._transcribe = transcribe
        self._limits = limits
        self._turn = threading.Lock()
        self._child: Listener | None = None

    def __enter__(self) -> Self:
        """Return itself; the child starts with the first take."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End the child."""
        self.close()

    def judge(self, spoken: bytes, format: str, expected: Expectation) -> Verdict:  # noqa: A002 - the field's name in every speech API
        """Judge a take; `format` as in `pipeline.audio`. Never raises for what the take holds."""
        parse_format(format)
        if len(spoken) > _MOST_TAKE_BYTES:
            return _hopeless(f"it has {len(spoken)} bytes; no line has more than {_MOST_TAKE_BYTES}")
        with self._turn:
            if self._child is None:
                self._child = Listener(self._limits, transcribe=self._transcribe)
            try:
                verdict = self._child.judge(spoken, format, expected)
            except ListenerDied as death:
                self._end()
                log.warning("the quality gate's child %s", death)
                return _hopeless(str(death)) if death.costly else unjudged(f"the quality gate {death}")
            if self._child.takes >= _TAKES_A_CHILD:
                self._end()
            return verdict

    def close(self) -> None:
        """End the child; a later take starts another."""
        with self._turn:
            self._end()

    def _end(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None


def judge(spoken: bytes, format: str, expected: Expectation, *, transcribe: bool = False) -> Verdict:  # noqa: A002 - as above
    """Judge one take in a child of its own, which costs a second; for many, keep an `Examiner`."""
    with Examiner(transcribe=transcribe) as examiner:
        return examiner.judge(spoken, format, expected)


def _hopeless(reason: str) -> Verdict:
    return concluded((Check(CheckName.DECODES, Result.FAILED, reason=reason),))
