"""Holds an episode's captions to its sound: do the words of each cue fit there, and does it begin when they are heard?

    python benchmarks/captions.py SOUND CAPTIONS.vtt [--json]

English, by forced alignment (the `gate` extra). Each cue is laid over the sound together with its neighbours, so that
its first word is found between others and not at the edge of a cut. 1 where less than 90 % of the cues fit, or less
than 95 % of those begin within 150 ms of their sound.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from html import unescape
from itertools import chain
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import webvtt

from pipeline.quality import Result, SpokenWord, checks
from pipeline.quality.alignment import RATE, AlignedWord, Aligner
from pipeline.quality.checks import mean_misfit
from pipeline.quality.limits import Limits
from pipeline.quality.script import Script
from pipeline.quality.word_times import written_times

Samples = npt.NDArray[np.float32]
PAD_SECONDS = 0.3
TOLERANCE_MS = 150.0
LEAST_FIT, LEAST_TIMELY = 0.9, 0.95


@dataclass(frozen=True)
class Cue:
    """What is shown, and when, in seconds."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Heard:
    """A cue's words in the sound: how much later than the cue they begin, and whether they are the cue's at all.

    `late_ms` is None where the words were not found, or where the cue begins within what is said as one.
    """

    text: str
    start: float
    fits: bool
    late_ms: float | None = None


@dataclass(frozen=True)
class Report:
    """The figures for a whole file."""

    cues: int
    fitting: float
    measured: int
    median_ms: float
    worst_ms: float
    timely: float
    wrong: list[Heard]

    @property
    def good(self) -> bool:
        return self.fitting >= LEAST_FIT and self.timely >= LEAST_TIMELY


def main() -> int:
    command = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("sound", type=Path)
    command.add_argument("captions", type=Path)
    command.add_argument("--json", action="store_true")
    options = command.parse_args()
    report = reported(list(listen(options.sound, options.captions)))
    print(json.dumps(asdict(report), indent=1, ensure_ascii=False) if options.json else told(report))
    return 0 if report.good else 1


def listen(sound: Path, captions: Path) -> Iterator[Heard]:
    """Yield each cue of a WebVTT file with what is heard of it in a sound file of any kind."""
    samples, cues, aligner = decoded(sound), read(captions), Aligner()
    for number, cue in enumerate(cues):
        if next(Script.of(cue.text, "en").readings(), ()):
            yield heard(aligner, samples, cues[max(0, number - 1) : number + 2], cue)


def heard(aligner: Aligner, samples: Samples, cues: Sequence[Cue], cue: Cue) -> Heard:
    """Look for a cue among its neighbours."""
    begin = max(0.0, cues[0].start - PAD_SECONDS)
    cut = samples[round(begin * RATE) : round((cues[-1].end + PAD_SECONDS) * RATE)]
    aligned = _aligned(aligner, cut, " ".join(one.text for one in cues))
    ahead = sum(len(one.text.split()) for one in cues[: cues.index(cue)])
    own = _own(aligned, cues, range(ahead, ahead + len(cue.text.split())))
    if not own:
        return Heard(cue.text, cue.start, fits=False)
    fits = mean_misfit(own) <= Limits().mean_misfit
    return Heard(cue.text, cue.start, fits, round(1000 * (begin + own[0].start - cue.start), 1) if fits else None)


def reported(found: Sequence[Heard]) -> Report:
    late = [abs(one.late_ms) for one in found if one.late_ms is not None]
    return Report(
        cues=len(found),
        fitting=round(sum(one.fits for one in found) / max(1, len(found)), 3),
        measured=len(late),
        median_ms=round(statistics.median(late), 1) if late else 0.0,
        worst_ms=max(late, default=0.0),
        timely=round(sum(one <= TOLERANCE_MS for one in late) / max(1, len(late)), 3),
        wrong=[one for one in found if not one.fits or abs(one.late_ms or 0) > TOLERANCE_MS],
    )


def told(report: Report) -> str:
    fit = f"{report.cues} cues with words; {report.fitting:.1%} fit the sound."
    starts = f"{report.measured} starts measured: median {report.median_ms:.0f} ms off, worst {report.worst_ms:.0f} ms"
    timely = f"{report.timely:.1%} within {TOLERANCE_MS:.0f} ms"
    return "\n".join([fit, f"{starts}; {timely}.", *map(_wrong, report.wrong)])


def _wrong(one: Heard) -> str:
    return f"  {one.start:8.2f} s  {f'{one.late_ms:+.0f} ms' if one.fits else 'other words'}  {one.text}"


def read(captions: Path) -> list[Cue]:
    return [
        Cue(
            " ".join(unescape(caption.text).split()),
            caption.start_time.in_milliseconds() / 1000,
            caption.end_time.in_milliseconds() / 1000,
        )
        for caption in webvtt.read(str(captions), strict=True)
    ]


def decoded(sound: Path) -> Samples:
    """Decode to one channel at the aligner's rate, 0.2 GB an hour."""
    resampler = av.AudioResampler("flt", "mono", RATE)
    with av.open(str(sound)) as container:
        frames = chain(container.decode(audio=0), [None])
        return np.concatenate([out.to_ndarray()[0] for frame in frames for out in resampler.resample(frame)])


def _aligned(aligner: Aligner, cut: Samples, text: str) -> tuple[AlignedWord, ...]:
    """Try one reading of the numbers after another, until one fits."""
    best: tuple[AlignedWord, ...] = ()
    for words in Script.of(text, "en").readings():
        aligned = aligner.align(cut, words, {})
        if aligned and checks.words(aligned, Limits()).result is Result.PASSED:
            return aligned
        best = min(filter(None, (best, aligned)), key=mean_misfit, default=())
    return best


def _own(aligned: Sequence[AlignedWord], cues: Sequence[Cue], places: range) -> list[AlignedWord]:
    """Return the words of a cue, which stands at these places among the written words of all."""
    timed = written_times(
        " ".join(one.text for one in cues), [SpokenWord(one.word, one.start, one.end) for one in aligned]
    )
    place, found = 0, []
    for word in timed or ():
        if place in places:
            found.append(word)
        place += len(word.text.split())
    if not found:
        return []
    return [one for one in aligned if found[0].start <= one.start and one.end <= found[-1].end]


if __name__ == "__main__":
    sys.exit(main())
