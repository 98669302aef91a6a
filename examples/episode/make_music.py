# ruff: noqa: INP001 - a script beside its data, not a package
"""Makes the example's music: `python examples/episode/make_music.py`.

Sums of sine waves and nothing else: there are no samples, no recordings and nobody else's tune in it.
"""

from pathlib import Path
from typing import TypeAlias

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

Stereo: TypeAlias = NDArray[np.float64]
"""(samples, 2), full scale at 1."""

FOLDER = Path(__file__).with_name("music")
RATE = 48_000
PEAK = 0.5
A4_HZ, A4_NOTE = 440.0, 69
"""Notes are numbered as in MIDI."""
PARTIALS = ((1, 1.0), (2, 0.35), (3, 0.18), (4, 0.08), (5, 0.04))
CHORDS = ((50, 57, 62, 66, 69), (47, 54, 59, 62, 66), (43, 55, 59, 62, 67), (45, 57, 61, 64, 69))
"""D, B minor, G, A: once around is the bed, which begins again where it ends."""
BAR_SECONDS = 8.0
TUNE = (74, 78, 81, 78, 86, 81)


def hertz(note: int) -> float:
    """Return the frequency of a note."""
    return float(A4_HZ * 2.0 ** ((note - A4_NOTE) / 12))


def pad(notes: tuple[int, ...], seconds: float) -> Stereo:
    """Return a soft chord: two voices a note, a little out of tune to left and right."""
    at = np.arange(round(seconds * RATE)) / RATE
    sides = []
    for detune in (-0.12, 0.12):
        waves = [
            level * np.sin(2 * np.pi * (hertz(note) + detune) * partial * at + note * partial)
            for note in notes
            for partial, level in PARTIALS
        ]
        sides.append(np.sum(waves, axis=0))
    return np.stack(sides, axis=1)


def bell(note: int, seconds: float) -> Stereo:
    """Return a struck note that dies away."""
    at = np.arange(round(seconds * RATE)) / RATE
    partials = ((1.0, 1.0), (2.0, 0.4), (2.76, 0.25), (5.4, 0.1))
    wave = sum(level * np.sin(2 * np.pi * hertz(note) * ratio * at) * np.exp(-at * ratio) for ratio, level in partials)
    struck = np.minimum(at / 0.004, 1.0) * np.asarray(wave)
    return np.stack([struck, struck], axis=1)


def bars(count: int, bar_seconds: float) -> Stereo:
    """Return chords that melt into each other, the last into the first."""
    length, half = round(bar_seconds * RATE), round(bar_seconds * RATE / 4)
    whole = np.zeros((count * length, 2))
    rise = np.sin(np.linspace(0, np.pi / 2, half)) ** 2
    shape = np.concatenate([rise, np.ones(length - half), rise[::-1]])[:, None]
    for number in range(count):
        chord = pad(CHORDS[number % len(CHORDS)], (length + half) / RATE) * shape
        places = (np.arange(len(chord)) + number * length) % len(whole)
        whole[places] += chord
    return whole


def with_tune(under: Stereo, notes: tuple[int, ...], *, first: float, every: float) -> Stereo:
    """Put bells over chords: the first after so many seconds, then one every so often."""
    whole: Stereo = under / np.abs(under).max() * 0.5
    for number, note in enumerate(notes):
        start = round((first + number * every) * RATE)
        rung = bell(note, min(4.0, (len(whole) - start) / RATE)) * 0.3
        whole[start : start + len(rung)] += rung
    return whole


def faded(sound: Stereo, rise: float, fall: float) -> Stereo:
    """Let a piece come and go, over so many seconds."""
    shape = np.ones(len(sound))
    for seconds, part in ((rise, slice(None)), (fall, slice(None, None, -1))):
        ramp = np.linspace(0, 1, round(seconds * RATE))
        shape[part][: len(ramp)] *= np.sin(ramp * np.pi / 2) ** 2
    return sound * shape[:, None]


def write(name: str, sound: Stereo) -> None:
    """Write a piece as Ogg Vorbis."""
    level = PEAK / np.abs(sound).max()
    sf.write(FOLDER / f"{name}.ogg", sound * level, RATE, format="OGG", subtype="VORBIS", compression_level=0.8)


def main() -> None:
    """Write all pieces."""
    FOLDER.mkdir(exist_ok=True)
    write("intro", faded(with_tune(bars(2, 5.0), TUNE, first=0.4, every=0.8), 0.05, 3.0))
    write("outro", faded(with_tune(bars(4, 3.5), TUNE[::-1], first=2.0, every=1.2), 2.0, 4.0))
    write("bed", bars(len(CHORDS), BAR_SECONDS))
    write("sting", faded(with_tune(bars(1, 3.0), TUNE[:3], first=0.0, every=0.25), 0.02, 1.5))


if __name__ == "__main__":
    main()
