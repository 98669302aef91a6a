"""Whether a recording has a second speaker: a suspicion, with the times at which a person should listen.

The voice of every second or so is compared with every other one; where they fall into two groups that are as unlike
as two people are, the smaller one is told. Measured on the six example recordings: the two halves into which one
speaker falls are 0.90 alike or more, those of any two of them put together 0.77 or less.

A long recording is listened to in a few places first. Tiled to 5 minutes the six speakers are 0.97 alike there, 0.92
or less where another one is heard for 12 s or more: only what may be two people is listened to twice as closely.
"""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pipeline.audio.rejection import Problem
from pipeline.audio.speaker import Floats, SpeakerEncoder, Trace

ALIKE = 0.8
"""Cosine of the two groups' means under which they count as two people."""
SURELY_ONE = 0.93
"""Cosine above which the few places of a long recording are one person's."""
FEW_PLACES, MOST_PLACES = 60, 120
LEAST_SECONDS = 4.0
"""Of the smaller group: a cough, a laugh or one shouted word are nobody else."""
_SMOOTHED = 3
"""Windows that are averaged: single ones tell vowels apart as well as people."""
_FEWEST_PLACES = 2 * _SMOOTHED
"""Of less than 5 s there are fewer windows: neither half of so little can be judged."""
_ROUNDS = 20


class Passage(NamedTuple):
    """A part of a recording, in seconds from its beginning."""

    start: float
    end: float

    def __str__(self) -> str:
        """Return it as an editor shows it: 1:07 to 1:12."""
        return f"{_clock(self.start)} to {_clock(self.end)}"


def second_voice(encoder: SpeakerEncoder, pcm: Floats) -> list[Passage]:
    """Return where somebody else seems to speak in mono speech of 16 kHz; nothing where it sounds like one person."""
    trace = encoder.trace(pcm, FEW_PLACES, least=_FEWEST_PLACES)
    is_other, likeness = _halves(trace)
    if len(trace.embeddings) >= FEW_PLACES and likeness < SURELY_ONE:
        trace = encoder.trace(pcm, MOST_PLACES)
        is_other, likeness = _halves(trace)
    if likeness >= ALIKE:
        return []
    middle = _SMOOTHED // 2
    passages = _passages(trace, np.flatnonzero(is_other) + middle)
    return passages if sum(end - start for start, end in passages) >= LEAST_SECONDS else []


def suspicion(passages: list[Passage]) -> list[Problem]:
    """Say that a recording may have a second speaker; it is no reason to refuse it."""
    if not passages:
        return []
    times = ", ".join(map(str, passages))
    return [
        Problem(
            "second_voice",
            f"somebody else seems to speak at {times}",
            measured=times,
            allowed="one person",
            hint="listen there; a clone of two voices is neither: cut the other one out",
        )
    ]


def _halves(trace: Trace) -> tuple[np.ndarray, float]:
    """Return which windows are in the smaller of two groups, but for the first and last, and how alike these are."""
    if len(trace.embeddings) < _FEWEST_PLACES:
        return np.zeros(0, dtype=bool), 1.0
    return _two_groups(_unit(sliding_window_view(trace.embeddings, _SMOOTHED, axis=0).mean(axis=-1)))


def _two_groups(embeddings: Floats) -> tuple[np.ndarray, float]:
    """Return which of them are in the smaller of two groups, and how alike the groups' means are."""
    first, second = np.unravel_index((embeddings @ embeddings.T).argmin(), (len(embeddings),) * 2)
    means = embeddings[[first, second]]
    is_second = np.zeros(len(embeddings), dtype=bool)
    for _ in range(_ROUNDS):
        before, is_second = is_second, embeddings @ means[1] > embeddings @ means[0]
        if is_second.all() or not is_second.any():
            return is_second, 1.0
        if (before == is_second).all():
            break
        means = _unit(np.stack([embeddings[~is_second].mean(axis=0), embeddings[is_second].mean(axis=0)]))
    smaller = is_second if is_second.sum() * 2 <= len(is_second) else ~is_second
    return smaller, float(means[0] @ means[1])


def _passages(trace: Trace, windows: np.ndarray) -> list[Passage]:
    """Join windows that follow each other."""
    runs = np.split(windows, np.flatnonzero(np.diff(windows) > 1) + 1)
    return [Passage(float(trace.starts[run[0]]), float(trace.ends[run[-1]])) for run in runs if len(run)]


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
