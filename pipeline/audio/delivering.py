"""From a take to the file a game's engine reads: one static gain, another coding, measured again as it was written.

No compressor, limiter or other dynamics: who speaks softly stays softer inside a line.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pipeline.audio.activity import SILENCE_DBFS, decibels
from pipeline.audio.delivered_file import rate_of, read_file, write_file
from pipeline.audio.delivery import MOST_GAIN_DB, Delivered, Delivery, FileCoding, LevelRule
from pipeline.audio.encode import resample
from pipeline.audio.levels import Levels
from pipeline.audio.loudness import Samples
from pipeline.audio.meter import Meter
from pipeline.audio.rejection import AudioToolFailed
from pipeline.audio.speech import decode_speech

_FLAC_MAGIC = b"fLaC"
_ATTEMPTS = 4
_PEAK_MARGIN_DB = 0.05
_CODEC_PADDING_SECONDS = 0.1
"""MP3 adds up to this much to the sound."""
_SPEAKERS = {1: ("FC",), 2: ("FL", "FR")}


def deliver(take: bytes, format: str, target: Path, wanted: Delivery) -> Delivered:  # noqa: A002 - as in every speech API
    """Write a take as the file that is wanted, whole or not at all.

    Raises `AudioRejected` where the take is no audio, `AudioToolFailed` where it cannot be written, and `OSError`.
    """
    sound, rate = _mono(take, format)
    before, rms_before = _measured([sound], rate, channels=1)
    converted = np.concatenate(list(resample([sound], rate, wanted.rate)), axis=1).repeat(wanted.channels, axis=0)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.part")
    try:
        delivered = _write(partial, wanted, converted, _reference(converted, wanted, before, rms_before))
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return delivered


def measure_take(take: bytes, format: str) -> tuple[Levels, float]:  # noqa: A002 - as above
    """Return a take's levels in mono and its mean power in dBFS. Raises `AudioRejected` where it is no audio."""
    sound, rate = _mono(take, format)
    return _measured([sound], rate, channels=1)


class _Reference:
    """What the gain is chosen by: the sound at its new rate and channels, whose level is what will be heard."""

    def __init__(self, before: Levels, rms_before: float, converted: Levels, rms_converted: float) -> None:
        self.before, self.rms_before = before, rms_before
        self._lufs, self._rms, self._true_peak = converted.lufs, rms_converted, converted.true_peak_dbtp

    def gain(self, wanted: Delivery) -> tuple[float, LevelRule]:
        """Return the gain in dB, and by which rule."""
        if wanted.target_lufs is None:
            return 0.0, LevelRule.OFF
        if self._true_peak <= SILENCE_DBFS:
            return 0.0, LevelRule.SILENCE
        room = wanted.ceiling_dbtp - self._true_peak
        level, rule = (self._rms, LevelRule.RMS) if self._lufs is None else (self._lufs, LevelRule.LOUDNESS)
        bounds = ((wanted.target_lufs - level, rule), (room, LevelRule.CEILING), (MOST_GAIN_DB, LevelRule.MOST_GAIN))
        return min(bounds, key=lambda bound: bound[0])


def _reference(converted: Samples, wanted: Delivery, before: Levels, rms_before: float) -> _Reference:
    return _Reference(before, rms_before, *_measured([converted], wanted.rate, wanted.channels))


def _write(partial: Path, wanted: Delivery, sound: Samples, reference: _Reference) -> Delivered:
    """Write, measure what was written, and write again with less gain while a lossy codec passes the ceiling."""
    gain_db, rule = reference.gain(wanted)
    for _ in range(_ATTEMPTS):
        write_file(partial, wanted, sound * np.float32(10 ** (gain_db / 20)))
        after, rms_after = _measured(read_file(partial, wanted.coding), wanted.rate, wanted.channels)
        excess_db = after.true_peak_dbtp - wanted.ceiling_dbtp
        if excess_db <= 0 or rule is LevelRule.OFF:
            break
        gain_db, rule = gain_db - excess_db - _PEAK_MARGIN_DB, LevelRule.CEILING
    else:
        raise AudioToolFailed(f"the file stays above {wanted.ceiling_dbtp:g} dBTP: {after.true_peak_dbtp:.2f} dBTP")
    _require_whole(sound.shape[1] / wanted.rate, after.seconds)
    content = partial.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return Delivered(
        reference.before, after, reference.rms_before, rms_after, gain_db, rule, size=len(content), sha256=digest
    )


def _require_whole(seconds: float, written: float) -> None:
    if abs(written - seconds) > _CODEC_PADDING_SECONDS:
        raise AudioToolFailed(f"the file holds {written:.2f} s of {seconds:.2f} s")


def _mono(take: bytes, format: str) -> tuple[Samples, int]:  # noqa: A002 - as above
    if take.startswith(_FLAC_MAGIC):
        sound = np.concatenate(list(read_file(take, FileCoding.FLAC)), axis=1)
        return sound.mean(axis=0, keepdims=True), rate_of(take, FileCoding.FLAC)
    return decode_speech(take, format)


def _measured(blocks: Iterable[Samples], rate: int, channels: int) -> tuple[Levels, float]:
    meter = Meter(rate, _SPEAKERS[channels])
    for block in _seconds(blocks, rate):
        meter.feed(block)
    energy = float(meter.channel_energy.sum()) / max(1, meter.samples)
    return meter.levels(), decibels(energy)


def _seconds(blocks: Iterable[Samples], rate: int) -> Iterable[Samples]:
    """Gather what comes in frames into pieces of a second: the meters are slow with small ones."""
    gathered: list[Samples] = []
    for block in blocks:
        for at in range(0, block.shape[1], rate):
            gathered.append(block[:, at : at + rate])
            if sum(part.shape[1] for part in gathered) >= rate:
                yield np.concatenate(gathered, axis=1)
                gathered = []
    if gathered:
        yield np.concatenate(gathered, axis=1)
