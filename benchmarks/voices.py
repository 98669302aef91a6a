"""Do the sandbox's voices sound like their talents, and unlike each other?

    python benchmarks/voices.py                  the six synthetic talents of examples/cast
    python benchmarks/voices.py --real           recordings of people, where their Debian packages are installed

Judged by the GE2E speaker encoder. Nothing is stored: a free licence on a recording is no consent to a clone.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from pipeline.sandbox.voice import (
    ENGINE_NAMES,
    SAMPLE_RATE,
    EngineUnavailable,
    VoiceEngine,
    load_engine,
    speaker_encoder,
)

Floats = NDArray[np.float32]

REFERENCES = Path(__file__).parents[1] / "examples" / "cast" / "references"
LINES = (
    "I told you not to come back to the harbour after dark.",
    "Take this lantern, keep it dry, and do not open the iron door.",
    "Welcome back to the show. Today we are talking about how bees find their way home.",
)

# Measured in the lab on 42 recorded sets with three lines each, the natural engine, and the same encoder as judge.
LAB = {
    "lab: the person's own other recordings": {"abx": 1.0},
    "lab: clone": {"own": 0.75, "other": 0.59, "abx": 0.956},
    "lab: nearest stock voice": {"abx": 0.823},
    "lab: 12 synthetic talents": {"own": 0.945, "other": 0.616, "top_1": 1.0},
}

REFERENCE_SECONDS = 60
SHORTEST_HALF_SECONDS = 6
FORMATS = {".g722": "g722", ".gsm": "gsm"}
SUFFIXES = {".wav", ".ogg", *FORMATS}


@dataclass(frozen=True)
class Source:
    """Packages whose recordings are sets of one speaker a folder."""

    packages: str
    pattern: str

    def folders(self) -> list[Path]:
        return sorted(path for path in Path("/usr/share").glob(self.pattern) if path.is_dir())


SOURCES = (
    Source("asterisk-core-sounds-{en,fr,it,ru,es}-g722", "asterisk/sounds/*"),
    Source("pocketsphinx-testdata", "pocketsphinx/test/data/librivox"),
    Source("hedgewars-data", "games/hedgewars/Data/Sounds/voices/*"),
    Source("ktuberling-data", "ktuberling/sounds/*"),
)


@dataclass(frozen=True)
class Talker:
    """What a voice is cloned from, and what its takes are compared with."""

    name: str
    reference: Floats
    held_out: Floats


@dataclass(frozen=True)
class Result:
    """How near takes come to their own talker (`own`) and to the others, as mean cosines.

    `top_1` is the share of lines nearest to their own talker, `abx` the share of (talker, other talker) pairs in which
    the takes are nearer to their own; `ceiling` compares the reference itself instead of a clone.
    """

    engine: str
    talkers: list[str]
    own: float
    other: float
    top_1: float
    abx: float
    ceiling_own: float
    ceiling_abx: float
    clone_seconds: float
    real_time_factor: float
    likeness: list[list[float]]
    nearest: list[list[int]]


def main() -> int:
    options = arguments()
    try:
        engine = load_engine(options.engine)
        talkers = recorded_talkers() if options.real else synthetic_talkers()
        if len(talkers) < 2:
            return nothing_installed()
        result = judge(engine, talkers)
    except EngineUnavailable as error:
        print(error, file=sys.stderr)
        return 7
    if options.json:
        print(json.dumps({**asdict(result), "lab": LAB}, indent=2))
    else:
        show(result)
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=ENGINE_NAMES, default="auto")
    parser.add_argument("--real", action="store_true", help="use installed recordings of people; nothing is kept")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def nothing_installed() -> int:
    packages = " ".join(source.packages for source in SOURCES[:2])
    print(f"No recordings found. Install some: sudo apt-get install {packages}", file=sys.stderr)
    return 7


def synthetic_talkers() -> list[Talker]:
    return [Talker(path.stem, pcm, pcm) for path in sorted(REFERENCES.iterdir()) if len(pcm := decode(path))]


def recorded_talkers() -> list[Talker]:
    found = []
    for source in SOURCES:
        folders = source.folders()
        if not folders:
            print(f"not installed: {source.packages} (apt-get install)", file=sys.stderr)
        found += [talker for folder in folders if (talker := recorded(folder))]
    return found


def recorded(folder: Path) -> Talker | None:
    """Split a set's files into two halves by turns; None when there is too little."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and "silence" not in str(path))
    halves = joined(files[::2]), joined(files[1::2])
    if min(map(len, halves)) < SHORTEST_HALF_SECONDS * SAMPLE_RATE:
        return None
    return Talker(folder.name, *halves)


def joined(files: Iterable[Path]) -> Floats:
    parts: list[Floats] = []
    missing = REFERENCE_SECONDS * SAMPLE_RATE
    for path in files:
        parts.append(decode(path)[:missing])
        missing -= len(parts[-1])
        if missing <= 0:
            break
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def decode(path: Path) -> Floats:
    resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE)
    with av.open(str(path), format=FORMATS.get(path.suffix)) as container:
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    parts = [part.to_ndarray().ravel() for part in [*frames, *resampler.resample(None)]]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def judge(engine: VoiceEngine, talkers: list[Talker]) -> Result:
    embed = speaker_encoder().embed
    targets = np.array([embed(talker.held_out, SAMPLE_RATE) for talker in talkers])
    originals = np.array([embed(talker.reference, SAMPLE_RATE) for talker in talkers])
    by_line, clone_seconds, real_time_factor = speak_all(engine, talkers)
    likeness = np.einsum("tle,oe->tlo", by_line, targets).astype(float)
    own, abx = compared(likeness.mean(axis=1))
    ceiling_own, ceiling_abx = compared((originals @ targets.T).astype(float))
    nearest = likeness.argmax(axis=2)
    return Result(
        engine=engine.name,
        talkers=[talker.name for talker in talkers],
        own=own,
        other=float(likeness.mean(axis=1)[~np.eye(len(talkers), dtype=bool)].mean()),
        top_1=float((nearest == np.arange(len(talkers))[:, None]).mean()),
        abx=abx,
        ceiling_own=ceiling_own,
        ceiling_abx=ceiling_abx,
        clone_seconds=clone_seconds,
        real_time_factor=real_time_factor,
        likeness=likeness.mean(axis=1).round(3).tolist(),
        nearest=[np.bincount(row, minlength=len(talkers)).tolist() for row in nearest],
    )


def speak_all(engine: VoiceEngine, talkers: list[Talker]) -> tuple[Floats, float, float]:
    """Return an embedding a talker and line, the mean seconds a clone, and seconds of work a second of speech."""
    embeddings, cloning, speaking, spoken = [], 0.0, 0.0, 0.0
    engine.speak("Ready.", engine.design("any voice", None, None))
    for number, talker in enumerate(talkers, start=1):
        print(f"\r{number}/{len(talkers)} {talker.name:30}", end="", file=sys.stderr, flush=True)
        start = time.process_time()
        profile = engine.clone(talker.reference, SAMPLE_RATE)
        cloned = time.process_time()
        takes = [engine.speak(line, profile) for line in LINES]
        cloning, speaking = cloning + cloned - start, speaking + time.process_time() - cloned
        spoken += sum(map(len, takes)) / SAMPLE_RATE
        embeddings.append([speaker_encoder().embed(take, SAMPLE_RATE) for take in takes])
    print("\r" + " " * 40 + "\r", end="", file=sys.stderr)
    return np.array(embeddings), cloning / len(talkers), speaking / spoken


def compared(likeness: NDArray[np.float64]) -> tuple[float, float]:
    """Return the mean likeness to the own talker and the share of pairs in which it is the greater one."""
    own = np.diag(likeness)
    others = ~np.eye(len(likeness), dtype=bool)
    return float(own.mean()), float((own[:, None] > likeness)[others].mean())


def show(result: Result) -> None:
    width = max(map(len, result.talkers))
    print(f"engine {result.engine}: {len(result.talkers)} talkers, {len(LINES)} lines each, judged by GE2E\n")
    print("Mean likeness of a row's takes to each talker's recording (lines nearest to it):\n")
    print(" " * width, *(f"{name[:11]:>11}" for name in result.talkers))
    for name, row, nearest in zip(result.talkers, result.likeness, result.nearest, strict=True):
        cells = (f"{value:7.2f} ({n})" if n else f"{value:7.2f}    " for value, n in zip(row, nearest, strict=True))
        print(f"{name:{width}}", *cells)
    print(f"\n{'':40}   own  other  top-1    abx")
    if result.ceiling_own < 0.9999:  # short references are not halved: compared with themselves they say nothing
        print_row("the recordings' other half (ceiling)", own=result.ceiling_own, abx=result.ceiling_abx)
    print_row("clone", own=result.own, other=result.other, top_1=result.top_1, abx=result.abx)
    for name, figures in LAB.items():
        print_row(name, **figures)
    print(f"\na clone {result.clone_seconds:.2f} s of CPU, speech {result.real_time_factor:.3f} of real time")


def print_row(name: str, **figures: float) -> None:
    cells = (f"{figures[key]:6.3f}" if key in figures else "     -" for key in ("own", "other", "top_1", "abx"))
    print(f"{name:40}", *cells)


if __name__ == "__main__":
    raise SystemExit(main())
