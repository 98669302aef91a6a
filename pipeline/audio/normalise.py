"""From a recording to the file that is sent on: decode, measure, judge, set the level, trim, encode, measure again.

Runs inside the bounded child. Sound is streamed in pieces of a second through a scratch file, so that memory
does not grow with the recording.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.audio.activity import SILENCE_DBFS, WINDOWS_PER_SECOND, Activity, decibels
from pipeline.audio.declared import declared_seconds
from pipeline.audio.decode import AudioInput, open_audio
from pipeline.audio.editing import fade_edges
from pipeline.audio.encode import Encoding, Pcm, choose_encoding, resample, to_pcm, write
from pipeline.audio.levels import Levels
from pipeline.audio.loudness import Samples
from pipeline.audio.meter import Gauge, Meter
from pipeline.audio.rejection import AudioRejected, AudioToolFailed, rejected
from pipeline.audio.rules import Part, ReferenceRules, SourceFacts, check_source, check_trimmed
from pipeline.audio.sniff import Container

MAX_RATE = 48_000
PADDING_SECONDS = 0.15
"""Silence kept before and after speech: an unvoiced onset is too soft for the speech threshold."""
_PAST_THE_END_SECONDS = 1.0
_ATTEMPTS = 4
_PEAK_MARGIN_DB = 0.05
_SPOOL = "mono.f32"


@dataclass(frozen=True)
class Mono:
    """The recording mixed to one channel, in the scratch file; `start` and `end` (samples) hold its speech."""

    spool: Path
    rate: int
    samples: int
    start: int
    end: int
    lufs: float | None
    sample_peak: float

    @property
    def seconds(self) -> float:
        """Length of what is kept."""
        return (self.end - self.start) / self.rate

    def blocks(self, gain: float) -> Iterator[Samples]:
        """Yield what is kept, amplified, second by second."""
        with self.spool.open("rb") as file:
            file.seek(4 * self.start)
            for at in range(self.start, self.end, self.rate):
                count = min(self.rate, self.end - at)
                yield np.fromfile(file, dtype=np.float32, count=count)[None, :] * np.float32(gain)


@dataclass(frozen=True)
class Normalised:
    """What came out, and how."""

    name: str
    encoding: Encoding
    gain_db: float
    levels: Levels
    size_bytes: int


def normalise(
    source: Path, kind: Container, rules: ReferenceRules, workdir: Path, part: Part | None = None
) -> tuple[SourceFacts, Levels, Mono, Normalised]:
    """Make the normalised file in `workdir`, of a part where one is meant.

    Raises `AudioRejected` with every problem at once.
    """
    facts, before, mono = _measure(source, kind, rules, workdir, part)
    problems = check_source(facts, before, rules) or check_trimmed(mono.seconds, facts, rules)
    if problems:
        raise AudioRejected(problems)
    return facts, before, mono, _write(mono, rules, workdir)


def _measure(
    source: Path, kind: Container, rules: ReferenceRules, workdir: Path, part: Part | None
) -> tuple[SourceFacts, Levels, Mono]:
    limit = part.end if part else rules.max_seconds + _PAST_THE_END_SECONDS
    with open_audio(source, kind) as audio:
        meter = Meter(audio.facts.sample_rate, audio.facts.channels, floating=audio.facts.floating)
        rate = min(audio.facts.sample_rate, MAX_RATE)
        gauge = Gauge(rate)
        meant = _from(audio.blocks(limit), int(part.start * audio.facts.sample_rate) if part else 0)
        mixed = resample(_mixed(meant, meter, len(audio.facts.channels)), audio.facts.sample_rate, rate)
        with (workdir / _SPOOL).open("wb") as spool:
            for block in mixed:
                gauge.feed(block)
                block.tofile(spool)
        if part and not meter.samples:
            raise _ends_before(part)
        facts = _source_facts(source, audio, meter, gauge, limit)
    if part:
        facts = replace(facts, declared_seconds=None, reached_limit=False)
    return facts, meter.levels(), _trimmed(workdir / _SPOOL, gauge, rules)


def _from(blocks: Iterator[Samples], start: int) -> Iterator[Samples]:
    """Yield what follows the first samples."""
    for block in blocks:
        skipped = min(start, block.shape[1])
        start -= skipped
        if skipped < block.shape[1]:
            yield block[:, skipped:]


def _ends_before(part: Part) -> AudioRejected:
    return rejected(
        "part_beyond_end",
        f"the recording ends before the part that is asked for begins, at {part.start:g} s",
        measured=f"less than {part.start:g} s",
        allowed="a part of the recording",
        hint="correct `trim` of the talent in the project file",
    )


def _mixed(blocks: Iterator[Samples], meter: Meter, count: int) -> Iterator[Samples]:
    """Measure each block as it was delivered, in so many channels, and yield it mixed to one."""
    average = np.full(count, 1 / count, dtype=np.float32)
    for block in blocks:
        meter.feed(block)
        yield (average @ block)[None, :]


def _source_facts(source: Path, audio: AudioInput, meter: Meter, gauge: Gauge, limit: float) -> SourceFacts:
    stored = audio.facts
    return SourceFacts(
        container=stored.container,
        codec=stored.codec,
        sample_rate=stored.sample_rate,
        bits=stored.bits,
        channels=len(stored.channels),
        seconds=meter.samples / stored.sample_rate,
        declared_seconds=declared_seconds(source, stored.container),
        packets=audio.packets,
        packet_errors=audio.packet_errors,
        size_bytes=source.stat().st_size,
        reached_limit=meter.samples >= int(limit * stored.sample_rate),
        cancelled_db=_cancelled_db(meter, gauge) if len(stored.channels) == 2 else 0.0,  # noqa: PLR2004 - stereo
    )


def _cancelled_db(meter: Meter, gauge: Gauge) -> float:
    loudest = decibels(float(meter.channel_energy.max()) / max(1, meter.samples))
    mixed = decibels(float(gauge.channel_energy[0]) / max(1, gauge.samples))
    return max(0.0, loudest - mixed) if loudest > SILENCE_DBFS else 0.0


def _trimmed(spool: Path, gauge: Gauge, rules: ReferenceRules) -> Mono:
    start, end = _speech_range(gauge.activity(), gauge.rate, gauge.samples)
    # The encoder adds its padding again, and the provider's limit is the same as ours.
    longest = int((rules.max_seconds - rules.codec_padding_seconds) * gauge.rate)
    end = min(end, start + longest)
    return Mono(spool, gauge.rate, gauge.samples, start, end, gauge.lufs(), gauge.sample_peak)


def _speech_range(activity: Activity, rate: int, samples: int) -> tuple[int, int]:
    if activity.first is None or activity.last is None:
        return 0, 0
    padding = round(PADDING_SECONDS * rate)
    start = activity.first * rate // WINDOWS_PER_SECOND - padding
    end = (activity.last + 1) * rate // WINDOWS_PER_SECOND + padding
    return max(0, start), min(samples, end)


def _write(mono: Mono, rules: ReferenceRules, workdir: Path) -> Normalised:
    """Write, measure what was written, and write again while a lossy codec passed a limit."""
    encoding = choose_encoding(mono.seconds, mono.rate, rules.provider_max_bytes)
    gain_db = _gain_db(mono, rules)
    path = workdir / f"normalised.{encoding.container}"
    for _ in range(_ATTEMPTS):
        write(path, encoding, _edited(mono, gain_db, encoding.sample_rate))
        levels, size = _remeasure(path, encoding.container, rules), path.stat().st_size
        excess_db = levels.true_peak_dbtp - rules.true_peak_ceiling_dbtp
        if size > rules.provider_max_bytes:
            encoding = _smaller(encoding)
        elif excess_db > 0:
            gain_db -= excess_db + _PEAK_MARGIN_DB
        else:
            return Normalised(path.name, encoding, gain_db, levels, size)
    raise AudioToolFailed(
        f"the normalised file stays above {rules.provider_max_bytes} bytes or "
        f"{rules.true_peak_ceiling_dbtp:g} dBTP: {size} bytes, {levels.true_peak_dbtp:.2f} dBTP"
    )


def _gain_db(mono: Mono, rules: ReferenceRules) -> float:
    """Return one static gain: to the target, or less where samples would pass the ceiling.

    What rises above it between the samples is found on the written file, the codec's own share included.
    """
    if mono.lufs is None:
        raise AudioToolFailed("the mono mix has no loudness")
    return min(rules.target_lufs - mono.lufs, rules.true_peak_ceiling_dbtp - decibels(mono.sample_peak**2))


def _edited(mono: Mono, gain_db: float, rate: int) -> Iterator[Pcm]:
    blocks = resample(mono.blocks(10 ** (gain_db / 20)), mono.rate, rate)
    return fade_edges((to_pcm(block) for block in blocks), rate)


def _remeasure(path: Path, kind: Container, rules: ReferenceRules) -> Levels:
    with open_audio(path, kind) as audio:
        meter = Meter(audio.facts.sample_rate)
        for block in audio.blocks(rules.max_seconds + _PAST_THE_END_SECONDS):
            meter.feed(block)
    return meter.levels()


def _smaller(encoding: Encoding) -> Encoding:
    return replace(encoding, bit_rate=encoding.bit_rate * 7 // 8 if encoding.bit_rate else None)
