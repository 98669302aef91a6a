"""The checks: a measurement and its limits in, what it means out. Pure functions of plain values."""

from collections.abc import Sequence
from typing import Final

from pipeline.quality.alignment import AlignedWord
from pipeline.quality.limits import Limits
from pipeline.quality.script import Script
from pipeline.quality.sound import Sound
from pipeline.quality.verdict import Check, CheckName, Result

_FRAMES_A_SECOND: Final = 100


def passed(name: CheckName) -> Check:
    """Return a check that has no figure."""
    return Check(name, Result.PASSED)


def failed(name: CheckName, reason: str) -> Check:
    """Return a failed check that has no figure."""
    return Check(name, Result.FAILED, reason=reason)


def not_checked(name: CheckName, reason: str) -> Check:
    """Return a check that could not be made."""
    return Check(name, Result.NOT_CHECKED, reason=reason)


def held(
    name: CheckName,
    value: float,
    unit: str,
    reason: str,
    *,
    lowest: float | None = None,
    highest: float | None = None,
) -> Check:
    """Return the check of a figure; `reason` is for one that lies outside its limits."""
    well = (lowest is None or value >= lowest) and (highest is None or value <= highest)
    result = Result.PASSED if well else Result.FAILED
    return Check(name, result, value, lowest, highest, unit, "" if well else reason)


def length(seconds: float, script: Script, speed: float, limits: Limits) -> Check:
    """Hold a take's length to its text."""
    expected = script.seconds(speed)
    lowest, highest = limits.shortest * expected, limits.longest * expected + limits.slack_seconds
    seems = "too short for its text: some of it is missing" if seconds < lowest else "too long for its text"
    reason = f"it lasts {seconds:.1f} s and is {seems} ({lowest:.1f} to {highest:.1f} s)"
    return held(CheckName.LENGTH, seconds, "s", reason, lowest=lowest, highest=highest)


def of_sound(sound: Sound, script: Script, limits: Limits) -> tuple[Check, ...]:
    """Hold what was measured to its limits: silence, gaps, clipping, peak and level."""
    return (
        _silence(sound, script, limits),
        _gaps(sound, script, limits),
        *_peaks(sound, limits),
        _level(sound, limits),
        _ending(sound, limits),
    )


def _silence(sound: Sound, script: Script, limits: Limits) -> Check:
    asked = sum(script.pauses)
    rest = sound.seconds - asked
    share = max(0.0, sound.silence_share * sound.seconds - asked) / rest if rest > 0 else sound.silence_share
    return held(CheckName.SILENCE, share, "of the take", f"{share:.0%} of it is silence", highest=limits.silence_share)


def _gaps(sound: Sound, script: Script, limits: Limits) -> Check:
    asked = max(script.pauses, default=0.0)
    places = (
        ("it begins with", sound.leading_silence, limits.leading_seconds),
        ("it ends with", sound.trailing_silence, limits.trailing_seconds),
        ("in its middle it has", sound.longest_gap, limits.gap_seconds + asked),
    )
    where, seconds, most = max(places, key=lambda place: place[1] / place[2])
    return held(CheckName.GAPS, seconds, "s", f"{where} {seconds:.1f} s of silence", highest=most)


def _peaks(sound: Sound, limits: Limits) -> tuple[Check, Check]:
    clipped, flat, peak = sound.clipped_share, sound.flat_share, sound.true_peak_dbtp
    if clipped > limits.clipped_share:
        reason = f"it is clipped: {clipped:.1%} of its samples stand at full scale"
        clipping = held(CheckName.CLIPPING, clipped, "of the samples", reason, highest=limits.clipped_share)
    else:
        reason = f"it is distorted: {flat:.1%} of its samples stand at its peak"
        clipping = held(CheckName.CLIPPING, flat, "of the samples", reason, highest=limits.flat_share)
    too_high = f"its true peak is {peak:+.1f} dBTP"
    return clipping, held(CheckName.PEAK, peak, "dBTP", too_high, highest=limits.true_peak_dbtp)


def _level(sound: Sound, limits: Limits) -> Check:
    level, unit = (sound.rms_dbfs, "dBFS") if sound.lufs is None else (sound.lufs, "LUFS")
    reason = f"its level is {level:.0f} {unit}"
    return held(CheckName.LEVEL, level, unit, reason, lowest=limits.quietest_lufs, highest=limits.loudest_lufs)


def _ending(sound: Sound, limits: Limits) -> Check:
    drop = sound.ending_drop_db
    reason = f"it ends in the middle of a sound, {drop:.0f} dB below its loud parts"
    return held(CheckName.ENDING, drop, "dB", reason, lowest=limits.ending_db)


def words(aligned: Sequence[AlignedWord] | None, limits: Limits) -> Check:
    """Hold the words that were laid over a take to how words fit that were spoken."""
    if not aligned:
        return failed(CheckName.WORDS, "its words are not those of the text, or its end is missing")
    worst = max(aligned, key=lambda word: word.misfit)
    mean = mean_misfit(aligned)
    if mean > limits.mean_misfit:
        reason = "it sounds like another text"
        return held(CheckName.WORDS, mean, "mean misfit", reason, highest=limits.mean_misfit)
    phones = sorted(misfit for word in aligned for misfit in word.phone_misfits)
    most = limits.phone_misfit if len(phones) >= limits.few_phones else limits.few_phones_misfit
    if phones and (typical := phones[-1 - len(phones) // 5]) > most:
        return held(CheckName.WORDS, typical, "phones' misfit", "its sounds are not those of the text", highest=most)
    reason = f"at {worst.start:.1f} s {worst.word!r} is missing or badly said"
    return held(CheckName.WORDS, worst.misfit, "worst word's misfit", reason, highest=limits.word_misfit)


def mean_misfit(aligned: Sequence[AlignedWord]) -> float:
    """Return how badly the words fit, longer words counting for more."""
    frames = [word.end - word.start for word in aligned]
    return sum(word.misfit * length for word, length in zip(aligned, frames, strict=True)) / sum(frames)


def extra_speech(aligned: Sequence[AlignedWord], sound: Sound, limits: Limits) -> Check:
    """Look for sound where no word is."""
    active = list(sound.active)
    for word in aligned:
        first, last = round(word.start * _FRAMES_A_SECOND), round(word.end * _FRAMES_A_SECOND)
        active[first:last] = [False] * len(active[first:last])
    seconds = sum(active) / _FRAMES_A_SECOND
    reason = f"{seconds:.1f} s of sound in it are no word of the text"
    return held(CheckName.EXTRA_SPEECH, seconds, "s", reason, highest=limits.extra_seconds)


def transcript(written: Sequence[str], heard: Sequence[str], limits: Limits) -> Check:
    """Compare what a recogniser heard with what is written."""
    wrong = _edits(written, heard)
    rate = wrong / max(1, len(written))
    highest = max(limits.word_error_rate, (limits.least_wrong_words - 1) / max(1, len(written)))
    reason = f"a recogniser heard {wrong} of {len(written)} words otherwise: {' '.join(heard)[:80]!r}"
    return held(CheckName.TRANSCRIPT, rate, "word error rate", reason, highest=highest)


def _edits(written: Sequence[str], heard: Sequence[str]) -> int:
    """Count the words to change, add or drop."""
    row = list(range(len(heard) + 1))
    for number, word in enumerate(written, start=1):
        before, row[0] = row[0], number
        for place, other in enumerate(heard, start=1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (word != other))
    return row[-1]
