"""Examines a take with everything that is installed here. Runs in the bounded child: it reads what a stranger sent."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.audio import AudioRejected, decode_speech, probe_speech
from pipeline.audio.loudness import Samples
from pipeline.audio.resampling import resample
from pipeline.audio.speaker import speaker_encoder
from pipeline.quality import checks, same_voice
from pipeline.quality.alignment import RATE, AlignedWord, Aligner, AlignerMissing
from pipeline.quality.expectation import Expectation
from pipeline.quality.likeness import embedding
from pipeline.quality.limits import Limits
from pipeline.quality.pitch import pitch_of
from pipeline.quality.script import Script, words_of
from pipeline.quality.sound import Sound, measure
from pipeline.quality.transcript import Recogniser, RecogniserMissing
from pipeline.quality.verdict import Check, CheckName, Result, SpokenWord, Verdict, concluded
from pipeline.quality.voiceprint import LEAST_SECONDS, SHORTEST_SECONDS, Voiceprint

LONGEST_SECONDS: Final = 600.0
"""What is listened to: no line lasts longer, and ten minutes of samples fit the child's memory."""
_NO_SPEECH: Final = "NOT SPEECH"
"""How the comment of audio begins that stands in for speech, as the sandbox's tones do."""
_NARROW_HZ: Final = 16_000
"""Below this rate consonants are lost that the acoustic model listens for."""


@dataclass(frozen=True)
class _Take:
    """A decoded take and what it should be."""

    samples: Samples
    rate: int
    sound: Sound
    script: Script
    expected: Expectation

    @property
    def mono(self) -> NDArray[np.float32]:
        """Its samples in one row."""
        return np.ascontiguousarray(self.samples[0])

    @cached_property
    def speech(self) -> NDArray[np.float32]:
        """The take at the rate of the recognisers."""
        return resample(self.mono, self.rate, RATE)


class Examination:
    """Holds the models, so that many takes can be examined one after the other."""

    def __init__(self, *, transcribe: bool = False, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._encoder = speaker_encoder()
        self._transcribe = transcribe
        self._aligner, self._no_aligner = _aligner()
        self._recogniser, self._no_recogniser = _recogniser() if transcribe else (None, "")

    def judge(self, spoken: bytes, format: str, expected: Expectation) -> Verdict:  # noqa: A002 - the field's name in every speech API
        """Judge one take."""
        script = Script.of(expected.text, expected.language)
        try:
            probe = probe_speech(spoken, format)
            seconds = probe.seconds
            if probe.comment.startswith(_NO_SPEECH):
                return _no_speech()
            length = checks.length(seconds, script, expected.speed, self._limits)
            if seconds > LONGEST_SECONDS:
                return _too_long(length)
            samples, rate = decode_speech(spoken, format)
        except AudioRejected as error:
            return concluded((checks.failed(CheckName.DECODES, error.problems[0].message),))
        take = _Take(samples, rate, measure(samples, rate, sum(script.pauses)), script, expected)
        return self._heard(take)

    def _heard(self, take: _Take) -> Verdict:
        length = checks.length(take.sound.seconds, take.script, take.expected.speed, self._limits)
        first = (checks.passed(CheckName.DECODES), length, *checks.of_sound(take.sound, take.script, self._limits))
        if any(check.result is Result.FAILED for check in first):
            # Words and voice of a silent, endless or torn sound say nothing more, and cost the most.
            return concluded(first)
        words, aligned = self._words(take)
        voice, voiceprint = self._voice(take)
        times = tuple(SpokenWord(word.word, round(word.start, 2), round(word.end, 2)) for word in aligned)
        return concluded((*first, *words, *self._transcript(take), voice), times, voiceprint)

    def _words(self, take: _Take) -> tuple[tuple[Check, ...], tuple[AlignedWord, ...]]:
        hindrance = self._hindrance(take)
        if self._aligner is None or hindrance:
            names = (CheckName.WORDS, CheckName.EXTRA_SPEECH)
            return tuple(checks.not_checked(name, hindrance) for name in names), ()
        aligned = min(self._readings(self._aligner, take), key=checks.mean_misfit, default=())
        words = checks.words(aligned, self._limits)
        if words.result is Result.FAILED:
            return (words,), ()
        return (words, checks.extra_speech(aligned, take.sound, self._limits)), aligned

    def _hindrance(self, take: _Take) -> str:
        """Say why the words of a take cannot be told; empty where they can."""
        if not take.script.english:
            return f"there is no aligner for the language {take.script.language!r}"
        if self._aligner is None:
            return self._no_aligner
        if take.rate < _NARROW_HZ:
            return f"{take.rate} Hz is too narrow a band to tell words"
        return "" if any(take.script.readings()) else "the text holds no word"

    def _readings(self, aligner: Aligner, take: _Take) -> Iterator[tuple[AlignedWord, ...]]:
        """Try one reading of the text's numbers after another, until one fits."""
        pronunciations = {word.lower(): said for word, said in take.expected.pronunciations.items()}
        for words in take.script.readings():
            aligned = aligner.align(take.speech, words, pronunciations)
            if aligned:
                yield aligned
            if checks.words(aligned, self._limits).result is Result.PASSED:
                return

    def _transcript(self, take: _Take) -> tuple[Check, ...]:
        if not self._transcribe:
            return ()
        if not take.script.english:
            return (checks.not_checked(CheckName.TRANSCRIPT, "the recogniser knows English alone"),)
        if self._recogniser is None:
            return (checks.not_checked(CheckName.TRANSCRIPT, self._no_recogniser),)
        written = next(take.script.readings(), ())
        return (checks.transcript(written, words_of(self._recogniser.heard(take.speech)), self._limits),)

    def _voice(self, take: _Take) -> tuple[Check, Voiceprint | None]:
        seconds = sum(take.sound.active) / 100
        pitch = None if take.expected.acted else pitch_of(take.mono, take.rate)
        embedded = embedding(self._encoder, take.mono, take.rate) if seconds >= LEAST_SECONDS else ()
        own = Voiceprint(embedded, pitch, seconds)
        check = same_voice.voice(own, take.expected.voice, self._limits, exclaimed=take.script.exclaimed)
        return check, own if seconds >= SHORTEST_SECONDS else None


def _aligner() -> tuple[Aligner | None, str]:
    try:
        return Aligner(), ""
    except AlignerMissing as error:
        return None, f"the aligner is not installed ({error}): pip install 'callsheet[gate]'"


def _recogniser() -> tuple[Recogniser | None, str]:
    try:
        return Recogniser(), ""
    except RecogniserMissing as error:
        return None, f"the recogniser is not installed ({error}): pip install 'callsheet[qa]'"


def _no_speech() -> Verdict:
    """Return the verdict on a stand-in: it could only ever fail, and every line of a rehearsal with it."""
    reason = "it says of itself that it is no speech"
    return concluded((checks.passed(CheckName.DECODES), checks.not_checked(CheckName.WORDS, reason)))


def _too_long(length: Check) -> Verdict:
    """Return the verdict on a take that is too long to be listened to."""
    reason = f"it lasts longer than {LONGEST_SECONDS:g} s"
    unheard = (checks.not_checked(name, reason) for name in (CheckName.SILENCE, CheckName.LEVEL, CheckName.WORDS))
    return concluded((checks.passed(CheckName.DECODES), length, *unheard))
