"""From a mix to its files: one static gain, a limiter for the peaks, and how loud it is measured on what was written.

The mix is walked twice, once to hear how loud it is and once to write it, so that nothing of it has to be kept.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.audio.delivery import Heard
from pipeline.audio.loudness import Samples
from pipeline.audio.mixdown.coding import Coding, Tags
from pipeline.audio.mixdown.hearing import Ear, Progress, counted, spread
from pipeline.audio.mixdown.limiting import HARD_DB, Limiter
from pipeline.audio.mixdown.mixing import mix
from pipeline.audio.mixdown.reading import read_sound
from pipeline.audio.mixdown.score import RATE, Score, Sound
from pipeline.audio.mixdown.writing import episode_file
from pipeline.audio.rejection import AudioToolFailed

TOLERANCE_LU = 0.5
_CLOSE_LU = 0.3
"""Nearer to the target is not worth writing everything again."""
_LOSSY_MARGIN_DB = 0.4
"""What a lossy codec adds to the peaks of most speech."""
_PEAK_MARGIN_DB = 0.05
_ATTEMPTS = 4
_PADDING_SECONDS = 0.1
"""MP3 adds up to this much to the sound."""
_HARD_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Target:
    """How loud a file shall be. Without the limiter the gain stays so low that nothing passes the ceiling."""

    lufs: float = -16.0
    ceiling_dbtp: float = -1.0
    limited: bool = True


@dataclass(frozen=True, slots=True)
class Written:
    """A file, and how loud it is, measured on what was read back from it."""

    path: Path
    heard: Heard
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Mastered:
    """All files of an episode by their codings. `before` is the mix; `limited_db` the most that the limiter took."""

    files: Mapping[str, Written]
    before: Heard
    gain_db: float
    limited_db: float = 0.0
    hard_share: float = 0.0
    """The share of time in which it took more than can go unheard on speech (3 dB)."""
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Setting:
    """What the files are written with."""

    gain_db: float
    ceiling_dbtp: float


@dataclass(frozen=True, slots=True)
class _Job:
    score: Score
    target: Target
    tags: Tags
    progress: Progress
    parts: Mapping[str, tuple[Path, Coding]]
    """Where each file is written before it gets its name."""


def master(
    score: Score, wanted: Mapping[str, tuple[Path, Coding]], target: Target, tags: Tags, progress: Progress
) -> Mastered:
    """Write a mix as all its files, each whole or not at all.

    Raises `AudioRejected` where a sound or the cover cannot be read, `AudioToolFailed`, and `OSError`.
    """
    parts = {name: (path.with_name(f".{path.name}.part"), coding) for name, (path, coding) in wanted.items()}
    job = _Job(score, target, tags, progress, parts)
    before = _measured(job)
    try:
        setting, limiter, heard = _settled(job, before)
        files = {name: _named(parts[name][0], wanted[name][0], heard[name]) for name in wanted}
    finally:
        for part, _ in parts.values():
            part.unlink(missing_ok=True)
    notes = _notes(target, heard, limiter)
    return Mastered(files, before, setting.gain_db, limiter.most_db, limiter.hard_share, notes)


def _measured(job: _Job) -> Heard:
    ear = Ear(job.score.channels)
    spread(counted(mix(job.score), "measure", job.score.seconds, job.progress), [ear.feed])
    return ear.heard()


def _settled(job: _Job, before: Heard) -> tuple[_Setting, Limiter, dict[str, Heard]]:
    """Write the files, and those again that a codec has made too loud, or that came out beside the target."""
    setting, names, heard = _first_setting(job, before), list(job.parts), dict[str, Heard]()
    for _ in range(_ATTEMPTS):
        limiter = _write(job, names, setting)
        heard |= _checked(job, names)
        changed = _changed(job.target, setting, heard)
        if changed is None:
            return setting, limiter, heard
        names = list(job.parts) if changed.gain_db != setting.gain_db else _too_loud(job.target, heard)
        setting = changed
    worst = max(one.true_peak_dbtp for one in heard.values())
    if worst > job.target.ceiling_dbtp:
        raise AudioToolFailed(f"the episode stays above {job.target.ceiling_dbtp:g} dBTP: {worst:.2f} dBTP")
    return setting, limiter, heard


def _first_setting(job: _Job, before: Heard) -> _Setting:
    level = before.rms_dbfs if before.lufs is None else before.lufs
    lossy = any(coding.lossy for _, coding in job.parts.values())
    ceiling = job.target.ceiling_dbtp - (_LOSSY_MARGIN_DB if lossy else 0.0)
    wish = job.target.lufs - level
    return _Setting(wish if job.target.limited else min(wish, ceiling - before.true_peak_dbtp), ceiling)


def _changed(target: Target, setting: _Setting, heard: Mapping[str, Heard]) -> _Setting | None:
    """Return what the next round is written with; None where there is nothing to better."""
    excess = max(one.true_peak_dbtp for one in heard.values()) - target.ceiling_dbtp
    lower = excess + _PEAK_MARGIN_DB if excess > 0 else 0.0
    if not target.limited:
        return replace(setting, gain_db=setting.gain_db - lower) if lower else None
    misses = [target.lufs - one.lufs for one in heard.values() if one.lufs is not None]
    miss = sum(misses) / len(misses) if misses else 0.0
    gain = setting.gain_db + (miss if abs(miss) > _CLOSE_LU else 0.0)
    changed = _Setting(gain, setting.ceiling_dbtp - lower)
    return None if changed == setting else changed


def _too_loud(target: Target, heard: Mapping[str, Heard]) -> list[str]:
    return [name for name, one in heard.items() if one.true_peak_dbtp > target.ceiling_dbtp]


def _write(job: _Job, names: Sequence[str], setting: _Setting) -> Limiter:
    channels = job.score.channels
    limiter = Limiter(channels, setting.ceiling_dbtp)
    mixed = counted(mix(job.score), "write", job.score.seconds, job.progress)
    amplified = (block * np.float32(10 ** (setting.gain_db / 20)) for block in mixed)
    with ExitStack() as stack:
        files = [
            stack.enter_context(episode_file(path, coding, channels, job.tags))
            for path, coding in (job.parts[name] for name in names)
        ]
        blocks = _limited(amplified, limiter) if job.target.limited else amplified
        spread(blocks, [file.write for file in files])
    return limiter


def _limited(blocks: Iterable[Samples], limiter: Limiter) -> Iterator[Samples]:
    for block in blocks:
        yield limiter.feed(block)
    yield limiter.flush()


def _checked(job: _Job, names: Sequence[str]) -> dict[str, Heard]:
    """Return how loud the files are, read back from the disk. Raises `AudioToolFailed` for one that is not whole."""
    heard = {}
    for name in names:
        path, coding = job.parts[name]
        ear = Ear(job.score.channels)
        sound = read_sound(Sound(path), job.score.channels)
        spread(counted(sound, "check", job.score.seconds, job.progress), [ear.feed])
        heard[name] = ear.heard()
        missing = abs(heard[name].seconds - job.score.samples / RATE)
        if missing > (_PADDING_SECONDS if coding.lossy else 0):
            raise AudioToolFailed(f"the {name} holds {heard[name].seconds:.2f} s of {job.score.seconds:.2f} s")
    return heard


def _named(part: Path, path: Path, heard: Heard) -> Written:
    with part.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = part.stat().st_size
    part.replace(path)
    return Written(path, heard, size, digest)


def _notes(target: Target, heard: Mapping[str, Heard], limiter: Limiter) -> list[str]:
    notes = []
    if limiter.hard_share > _HARD_SHARE:
        notes.append(
            f"the limiter takes more than {HARD_DB:g} dB in {limiter.hard_share:.1%} of the time, "
            f"{limiter.most_db:.1f} dB at most: lower the loudness, or even out how loud the lines are"
        )
    for name, one in heard.items():
        if target.limited and one.lufs is not None and abs(one.lufs - target.lufs) > TOLERANCE_LU:
            notes.append(f"the {name} came out at {one.lufs:.1f} LUFS instead of {target.lufs:g}")
    return notes
