"""Does the quality gate catch bad takes, and does it leave good ones alone?

    python benchmarks/quality.py                              a quick look with the light voices
    python benchmarks/quality.py --good 1000 --bad 100 --write   what docs/quality.md shows
    python benchmarks/quality.py --engine natural --takes FOLDER
                                                  the natural voice takes an hour: what it speaks is kept there

Speaks lines in a cast of twelve voices (six clones, six stock voices), spoils some as the sandbox does, and judges
all of them. The limits were set on other seeds, and so on other lines. A second table says how well voices are told
while few takes of them are known: each take that is long enough is held to each one, two and three of the known takes.
"""

import argparse
import hashlib
import json
import random
import resource
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import combinations, cycle, islice
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.ground.dialogue import lines
from pipeline.audio import decode_speech
from pipeline.quality import Examiner, Expectation, Outcome, Result, Verdict, Voiceprint, same_voice
from pipeline.quality.limits import Limits
from pipeline.quality.script import Script
from pipeline.sandbox.faults import Point
from pipeline.sandbox.media import DEFAULT_FORMAT, FORMATS, encode
from pipeline.sandbox.shares import KINDS
from pipeline.sandbox.spoiling import speak
from pipeline.sandbox.voice import ENGINE_NAMES, SAMPLE_RATE, EngineUnavailable, Profile, VoiceEngine, load_engine

REFERENCES = Path(__file__).parents[1] / "examples" / "cast" / "references"
PAGE = Path(__file__).parents[1] / "docs" / "quality.md"
STOCK_VOICES = 6
KNOWN_TAKES = 6
FEW_TAKES = (1, 2, 3)
GOOD = "good"
WRONG_VOICE = "wrong_voice"
BARS = dict.fromkeys(KINDS, 0.95) | {"wrong_line": 0.90}
FALSE_ALARMS = 0.01


@dataclass
class Tally:
    """What the gate said of the takes of one kind."""

    outcomes: Counter[str] = field(default_factory=Counter)
    caught_by: Counter[str] = field(default_factory=Counter)

    def add(self, verdict: Verdict) -> None:
        self.outcomes[verdict.outcome] += 1
        self.caught_by.update(verdict.failed[:1])

    @property
    def bad(self) -> float:
        return self.outcomes[Outcome.BAD] / max(1, self.outcomes.total())


@dataclass
class Compared:
    """How often a voice was said to be another: takes, beside some of the takes that are known of it."""

    takes: int = 0
    comparisons: int = 0
    refused: int = 0

    def add(self, take: Voiceprint, known: list[tuple[Voiceprint, ...]], *, exclaimed: bool) -> None:
        checks = [same_voice.voice(take, some, Limits(), exclaimed=exclaimed) for some in known]
        self.takes += 1
        self.comparisons += len(checks)
        self.refused += sum(check.result is Result.FAILED for check in checks)

    @property
    def share(self) -> float:
        return self.refused / max(1, self.comparisons)


class Stage:
    """A cast, and the gate that listens to it."""

    def __init__(self, engine: VoiceEngine, options: argparse.Namespace, examiner: Examiner) -> None:
        self.engine = engine
        self.examiner = examiner
        self.takes: Path | None = options.takes
        self.voices = dict(cast(engine, options.seed))
        self.known: dict[str, list[Voiceprint]] = defaultdict(list)
        self.tallies: dict[str, Tally] = defaultdict(Tally)
        self.compared: dict[tuple[str, int], Compared] = defaultdict(Compared)
        self.false_alarms: list[str] = []
        self.judging_seconds = 0.0
        self.spoken_seconds = 0.0

    def learn(self, texts: Iterator[str]) -> None:
        """Let each voice speak its first takes, which later ones are compared with."""
        for voice in self.voices:
            while len(self.known[voice]) < KNOWN_TAKES:
                verdict = self.judge(next(texts), voice, None)
                if verdict.outcome is Outcome.GOOD and verdict.voiceprint:
                    self.known[voice].append(verdict.voiceprint)

    def try_one(self, text: str, voice: str, kind: str, point: Point | None) -> None:
        verdict = self.judge(text, voice, point)
        self.tallies[kind].add(verdict)
        if kind in (GOOD, WRONG_VOICE) and verdict.voiceprint:
            self.compare(kind, text, verdict.voiceprint, self.known[voice])
        if point is None and verdict.outcome is not Outcome.GOOD:
            self.false_alarms.append(f"{voice}: {text!r}: {verdict.sentence}")

    def compare(self, kind: str, text: str, take: Voiceprint, known: list[Voiceprint]) -> None:
        exclaimed = Script.of(text, "en").exclaimed
        for takes in FEW_TAKES:
            self.compared[kind, takes].add(take, list(combinations(known, takes)), exclaimed=exclaimed)

    def judge(self, text: str, voice: str, point: Point | None) -> Verdict:
        audio, seconds = self.spoken(text, voice, point)
        self.spoken_seconds += seconds
        return self.examiner.judge(audio, DEFAULT_FORMAT, Expectation(text, voice=tuple(self.known[voice])))

    def spoken(self, text: str, voice: str, point: Point | None) -> tuple[bytes, float]:
        """Return a take and its seconds, from an earlier trial where that kept it."""
        if self.takes is None:
            return self.speak(text, voice, point)
        named = hashlib.sha256("\0".join((self.engine.name, text, voice, point or "")).encode()).hexdigest()
        kept = [path for path in self.takes.glob(f"{named}.*") if path.suffix != ".part"]
        if kept:
            return kept[0].read_bytes(), int(kept[0].suffix[1:]) / SAMPLE_RATE
        audio, seconds = self.speak(text, voice, point)
        part = self.takes / f"{named}.part"
        part.write_bytes(audio)
        part.rename(part.with_suffix(f".{round(seconds * SAMPLE_RATE)}"))
        return audio, seconds

    def speak(self, text: str, voice: str, point: Point | None) -> tuple[bytes, float]:
        said = speak(self.engine, self.voices[voice], (text, voice), 1.0, {point} if point else set())
        audio = b"" if point is Point.EMPTY_AUDIO else encode(said.pcm, SAMPLE_RATE, FORMATS[DEFAULT_FORMAT], "")
        return audio, len(said.pcm) / SAMPLE_RATE


def main() -> int:
    options = arguments()
    try:
        engine = load_engine(options.engine)
        with Examiner() as examiner:
            stage = Stage(engine, options, examiner)
            with suppress(KeyboardInterrupt):  # what was judged until then is shown
                run(stage, options)
        stage.judging_seconds = computed_by_children()
    except EngineUnavailable as error:
        print(error, file=sys.stderr)
        return 7
    report = table(stage, options)
    print(report)
    print(*stage.false_alarms, sep="\n")
    if options.write:
        write(engine.name, report)
    if options.json:
        options.json.write_text(json.dumps({kind: tally.outcomes for kind, tally in stage.tallies.items()}))
    return 0


def computed_by_children() -> float:
    """Return the computing time of the gate's children, which others on the machine do not lengthen much."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def arguments() -> argparse.Namespace:
    command = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("--engine", choices=[name for name in ENGINE_NAMES if name != "tone"], default="pico")
    command.add_argument("--good", type=int, default=60, help="good takes (default: %(default)s)")
    command.add_argument("--bad", type=int, default=12, help="bad takes of each kind (default: %(default)s)")
    command.add_argument("--seed", type=int, default=2)
    command.add_argument("--takes", type=Path, help="a folder where spoken takes are kept for further trials")
    command.add_argument("--write", action="store_true", help="put the table into docs/quality.md")
    command.add_argument("--json", type=Path, help="also write the counts to this file")
    options = command.parse_args()
    if options.takes:
        options.takes.mkdir(parents=True, exist_ok=True)
    return options


def cast(engine: VoiceEngine, seed: int) -> Iterator[tuple[str, Profile]]:
    for path in sorted(REFERENCES.iterdir()):
        samples, rate = decode_speech(path.read_bytes(), path.suffix.removeprefix("."))
        yield path.stem, engine.clone(np.ascontiguousarray(samples[0]), rate)
    stock = [voice.voice_id for voice in engine.system_voices()]
    for voice in random.Random(seed).sample(stock, STOCK_VOICES):
        profile = engine.system_profile(voice)
        assert profile is not None
        yield voice, profile


def run(stage: Stage, options: argparse.Namespace) -> None:
    wanted = options.good + options.bad * len(KINDS)
    texts = iter(lines(options.seed, wanted + 60 * len(stage.voices)))
    tried = list(islice(texts, wanted))  # the same lines, however many the voices are learnt from
    stage.learn(texts)
    voices = cycle(stage.voices)
    bad = [(kind, points[number % len(points)]) for kind, points in KINDS.items() for number in range(options.bad)]
    trials = [*bad, *[(GOOD, None)] * options.good]
    random.Random(options.seed).shuffle(trials)
    for number, ((kind, point), text) in enumerate(zip(trials, tried, strict=True), start=1):
        stage.try_one(text, next(voices), kind, point)
        if number % 10 == 0:
            print(
                f"\r{number}/{len(trials)} {len(stage.false_alarms)} false alarms", end="", file=sys.stderr, flush=True
            )
    print(file=sys.stderr)


def table(stage: Stage, options: argparse.Namespace) -> str:
    pace = stage.judging_seconds / stage.spoken_seconds
    voices = f"{len(stage.voices)} voices, MP3; judging took {pace:.2f} s of computing a second of speech."
    rows = [
        f"Engine `{stage.engine.name}`, seed {options.seed}, {voices}",
        "",
        "| takes | number | good | bad | unchecked | said to be bad | bar | caught by |",
        "|---|---:|---:|---:|---:|---:|---|---|",
    ]
    for kind in (GOOD, *KINDS):
        tally = stage.tallies[kind]
        met = tally.bad <= FALSE_ALARMS if kind == GOOD else tally.bad >= BARS[kind]
        bar = f"at most {FALSE_ALARMS:.0%}" if kind == GOOD else f"at least {BARS[kind]:.0%}"
        by = ", ".join(f"{name} {count}" for name, count in tally.caught_by.most_common())
        counts = " | ".join(str(tally.outcomes[outcome]) for outcome in Outcome)
        verdict = "met" if met else "**missed**"
        rows.append(f"| {kind} | {tally.outcomes.total()} | {counts} | {tally.bad:.1%} | {bar}: {verdict} | {by} |")
    return "\n".join([*rows, "", *table_of_few(stage)])


def table_of_few(stage: Stage) -> Iterator[str]:
    """Yield how well voices are told by their first takes."""
    yield "| known takes | good takes | said to be another voice | in a wrong voice | said to be another voice |"
    yield "|---:|---:|---:|---:|---:|"
    for takes in FEW_TAKES:
        good, wrong = stage.compared[GOOD, takes], stage.compared[WRONG_VOICE, takes]
        yield f"| {takes} | {good.takes} | {good.share:.1%} | {wrong.takes} | {wrong.share:.1%} |"


def write(name: str, report: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, _, rest = page.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"{PAGE} has no place for the engine {name}")
    PAGE.write_text(f"{before}{begin}{report}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
