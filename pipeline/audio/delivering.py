"""From a take to the file a game's engine reads: one static gain, another coding, measured again as it was written.

No compressor, limiter or other dynamics: who speaks softly stays softer inside a line.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.audio.activity import SILENCE_DBFS, decibels
from pipeline.audio.delivered_file import rate_of, read_file, write_file
from pipeline.audio.delivery import MOST_GAIN_DB, Delivered, Delivery, FileCoding, Heard, LevelRule
from pipeline.audio.encode import resample
from pipeline.audio.loudness import LoudnessMeter, Samples, channel_weights
from pipeline.audio.peaks import TruePeakMeter
from pipeline.audio.rejection import AudioToolFailed
from pipeline.audio.speech import decode_speech

_FLAC_MAGIC = b"fLaC"
_ATTEMPTS = 4
_PEAK_MARGIN_DB = 0.05
_CLOSE_LU = 0.5
"""What a codec takes of speech is less; closer is not worth encoding it again."""
_CODEC_PADDING_SECONDS = 0.1
"""MP3 adds up to this much to the sound."""
_SPEAKERS = {1: ("FC",), 2: ("FL", "FR")}


def deliver(take: bytes, format: str, target: Path, wanted: Delivery) -> Delivered:  # noqa: A002 - as in every speech API
    """Write a take as the file that is wanted, whole or not at all.

    Raises `AudioRejected` where the take is no audio, `AudioToolFailed` where it cannot be written, and `OSError`.
    """
    sound, rate = _mono(take, format)
    before = _heard([sound], rate, channels=1)
    converted = np.concatenate(list(resample([sound], rate, wanted.rate)), axis=1).repeat(wanted.channels, axis=0)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.part")
    try:
        delivered = _write(partial, wanted, converted, before)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return delivered


def measure_take(take: bytes, format: str) -> Heard:  # noqa: A002 - as above
    """Return how loud a take is in mono. Raises `AudioRejected` where it is no audio."""
    sound, rate = _mono(take, format)
    return _heard([sound], rate, channels=1)


def _write(partial: Path, wanted: Delivery, sound: Samples, before: Heard) -> Delivered:
    """Write, measure what was written, and write again with another gain while that is too loud or off its target."""
    gain_db, rule = _gain(before, wanted)
    silence = np.zeros((wanted.channels, round(wanted.tail_seconds * wanted.rate)), np.float32)
    for _ in range(_ATTEMPTS):
        write_file(partial, wanted, np.concatenate((sound * np.float32(10 ** (gain_db / 20)), silence), axis=1))
        after = _written(partial, wanted, sound.shape[1] if silence.size else None)
        change_db, rule = _change(after, wanted, rule)
        if not change_db:
            break
        gain_db += change_db
    else:
        raise AudioToolFailed(f"the file stays above {wanted.ceiling_dbtp:g} dBTP: {after.true_peak_dbtp:.2f} dBTP")
    _require_whole(before.seconds + wanted.tail_seconds, after.seconds)
    content = partial.read_bytes()
    return Delivered(before, after, gain_db, rule, len(content), hashlib.sha256(content).hexdigest())


def _written(path: Path, wanted: Delivery, spoken: int | None) -> Heard:
    """Measure what was written, its levels on the first `spoken` samples where silence follows them."""
    met = 0

    def heard() -> Iterator[Samples]:
        nonlocal met
        for block in read_file(path, wanted.coding):
            yield block if spoken is None else block[:, : max(0, spoken - met)]
            met += block.shape[1]

    levels = _heard(heard(), wanted.rate, wanted.channels)
    return replace(levels, seconds=met / wanted.rate)


def _change(after: Heard, wanted: Delivery, rule: LevelRule) -> tuple[float, LevelRule]:
    """Return by how much the gain has to change, in dB, and by which rule.

    A lossy codec and another sample rate raise peaks, and take power where there is sound that they cannot hold.
    """
    room = wanted.ceiling_dbtp - after.true_peak_dbtp
    if wanted.target_lufs is None or rule is LevelRule.SILENCE:
        return 0.0, rule
    if room < 0:
        return room - _PEAK_MARGIN_DB, LevelRule.CEILING
    level = after.lufs if rule is LevelRule.LOUDNESS else after.rms_dbfs if rule is LevelRule.RMS else None
    miss = 0.0 if level is None else wanted.target_lufs - level
    if abs(miss) <= _CLOSE_LU:
        return 0.0, rule
    return (miss, rule) if miss <= room else (room - _PEAK_MARGIN_DB, LevelRule.CEILING)


def _gain(before: Heard, wanted: Delivery) -> tuple[float, LevelRule]:
    """Return the gain in dB, and by which rule."""
    if wanted.target_lufs is None:
        return 0.0, LevelRule.OFF
    if before.true_peak_dbtp <= SILENCE_DBFS:
        return 0.0, LevelRule.SILENCE
    level, rule = (before.rms_dbfs, LevelRule.RMS) if before.lufs is None else (before.lufs, LevelRule.LOUDNESS)
    # The same sound from two speakers is twice the power.
    wish = wanted.target_lufs - level - 10 * math.log10(wanted.channels)
    room = wanted.ceiling_dbtp - before.true_peak_dbtp
    bounds = ((wish, rule), (room, LevelRule.CEILING), (MOST_GAIN_DB, LevelRule.MOST_GAIN))
    return min(bounds, key=lambda bound: bound[0])


def _require_whole(seconds: float, written: float) -> None:
    if abs(written - seconds) > _CODEC_PADDING_SECONDS:
        raise AudioToolFailed(f"the file holds {written:.2f} s of {seconds:.2f} s")


def _mono(take: bytes, format: str) -> tuple[Samples, int]:  # noqa: A002 - as above
    if take.startswith(_FLAC_MAGIC):
        sound = np.concatenate(list(read_file(take, FileCoding.FLAC)), axis=1)
        return sound.mean(axis=0, keepdims=True), rate_of(take, FileCoding.FLAC)
    return decode_speech(take, format)


def _heard(blocks: Iterable[Samples], rate: int, channels: int) -> Heard:
    loudness, peaks = LoudnessMeter(rate, channel_weights(_SPEAKERS[channels])), TruePeakMeter(rate, channels)
    samples, energy = 0, 0.0
    for block in _seconds(blocks, rate):
        loudness.feed(block)
        peaks.feed(block)
        samples += block.shape[1]
        energy += sum(float(channel @ channel) for channel in block)
    return Heard(
        samples / rate, loudness.integrated(), decibels(energy / max(1, samples)), decibels(peaks.amplitude() ** 2)
    )


def _seconds(blocks: Iterable[Samples], rate: int) -> Iterator[Samples]:
    """Yield what comes in frames in pieces of a second or more: the meters are slow with small ones."""
    gathered: list[Samples] = []
    held = 0
    for block in blocks:
        gathered.append(block)
        held += block.shape[1]
        if held >= rate:
            yield np.concatenate(gathered, axis=1)
            gathered, held = [], 0
    if gathered:
        yield np.concatenate(gathered, axis=1)
