"""The gate as a caller has it: real speech, the real child."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest

from pipeline.audio import encode_speech, join
from pipeline.quality import GATE_LIMITS, CheckName, Examiner, Expectation, Outcome
from pipeline.quality.examining import Examination
from pipeline.quality.limits import Limits
from pipeline.sandbox.faults import Point
from pipeline.sandbox.host import SPEAKING_LABEL, TONE_LABEL
from pipeline.sandbox.media import mp3_tag
from pipeline.sandbox.spoiling import speak
from pipeline.sandbox.voice import SAMPLE_RATE, VoiceEngine, load_engine

pytest.importorskip("pocketsphinx", reason="no wheel for this Python")
LINE = "Keep the lantern low and wait until the tide has turned."
VOICE = "English_Narrator"
RELATIVE = "English_Magistrate"
"""Of the same base voice and formants, three and a half semitones higher."""
SAID_BEFORE = ("My brother paid for that horse in silver.", "The kitchen smells of onions and old smoke.", LINE)


@cache
def pico() -> VoiceEngine:
    return load_engine("pico")


@cache
def take(text: str = LINE, *points: Point, voice: str = VOICE) -> bytes:
    engine = pico()
    profile = engine.system_profile(voice)
    assert profile is not None
    pcm = speak(engine, profile, (text, voice), 1.0, points).pcm
    return encode_speech(pcm[None, :], SAMPLE_RATE, "mp3")


@pytest.fixture(scope="module")
def gate() -> Iterator[Examiner]:
    with Examiner() as examiner:
        yield examiner


def test_a_good_take_passes_with_its_words_timed_and_its_voice_known(gate: Examiner) -> None:
    verdict = gate.judge(take(), "mp3", Expectation(LINE))
    assert verdict.outcome is Outcome.GOOD, verdict.sentence
    assert [word.word for word in verdict.words][:3] == ["keep", "the", "lantern"]
    assert verdict.voiceprint is not None
    assert len(verdict.voiceprint.embedding) == 256
    assert verdict.voiceprint.pitch is not None
    assert 2 ** (verdict.voiceprint.pitch.middle / 12) == pytest.approx(110, rel=0.05)


@pytest.mark.parametrize(
    ("point", "caught"),
    [
        (Point.SILENT_AUDIO, CheckName.SILENCE),
        (Point.CUT_AUDIO, CheckName.LENGTH),
        (Point.WRONG_LINE, CheckName.WORDS),
        (Point.CLIPPED_AUDIO, CheckName.CLIPPING),
        (Point.LONG_AUDIO, CheckName.LENGTH),
    ],
)
def test_what_the_sandbox_spoils_is_caught(gate: Examiner, point: Point, caught: CheckName) -> None:
    verdict = gate.judge(take(LINE, point), "mp3", Expectation(LINE))
    assert verdict.outcome is Outcome.BAD
    assert caught in verdict.failed or CheckName.ENDING in verdict.failed, verdict.sentence


def test_without_the_limits_of_words_another_line_would_pass() -> None:
    wrong, expected = take(LINE, Point.WRONG_LINE), Expectation(LINE)
    deaf = Limits(mean_misfit=1e9, word_misfit=1e9, phone_misfit=1e9, few_phones_misfit=1e9, extra_seconds=60)
    assert Examination().judge(wrong, "mp3", expected).outcome is Outcome.BAD
    assert Examination(limits=deaf).judge(wrong, "mp3", expected).failed in ((), (CheckName.WORDS,))


def test_a_wrong_voice_of_the_same_timbre_is_caught_by_its_pitch_and_by_nothing_else() -> None:
    gate, text = Examination(), "We sail at first light, whatever happens."
    before = [gate.judge(take(said), "mp3", Expectation(said)).voiceprint for said in SAID_BEFORE]
    expected = Expectation(text, voice=tuple(filter(None, before)))
    assert gate.judge(take(text), "mp3", expected).outcome is Outcome.GOOD
    wrong = take(text, voice=RELATIVE)
    verdict = gate.judge(wrong, "mp3", expected)
    assert (verdict.outcome, verdict.failed) == (Outcome.BAD, (CheckName.VOICE,))
    assert "semitones higher than this voice's takes" in verdict.sentence
    deaf = Examination(limits=Limits(pitch_semitones=12.0))
    assert deaf.judge(wrong, "mp3", expected).outcome is Outcome.GOOD
    acted = gate.judge(wrong, "mp3", replace(expected, acted=True))
    assert (acted.outcome, acted.voiceprint and acted.voiceprint.pitch) == (Outcome.GOOD, None)


def test_missing_words_in_the_middle_are_missed(gate: Examiner) -> None:
    verdict = gate.judge(take(LINE.replace("and wait until ", "")), "mp3", Expectation(LINE))
    assert CheckName.WORDS in verdict.failed


def test_a_pause_that_was_asked_for_is_no_alarm_and_one_that_was_not_is(gate: Examiner) -> None:
    paused = join([take("Halt!"), take("Who goes there?")], "mp3", (5.0,))
    verdict = gate.judge(paused, "mp3", Expectation("Halt! <#5#> Who goes there?"))
    assert verdict.outcome is Outcome.GOOD, verdict.sentence
    assert gate.judge(paused, "mp3", Expectation("Halt! Who goes there?")).outcome is Outcome.BAD


def test_a_name_that_no_dictionary_has_is_no_alarm(gate: Examiner) -> None:
    text = "Xalthar of Mirebrook will not come."
    assert gate.judge(take(text), "mp3", Expectation(text)).outcome is Outcome.GOOD


def test_a_language_without_an_aligner_never_passes_silently(gate: Examiner) -> None:
    verdict = gate.judge(take(), "mp3", Expectation(LINE, language="de-DE"))
    assert verdict.outcome is Outcome.UNCHECKED
    assert "there is no aligner for the language 'de'" in verdict.sentence


@pytest.mark.parametrize("spoken", [b"", b"\0" * 3000, b'{"error": "no"}', b"RIFF" + b"\xff" * 500])
def test_what_is_no_audio_is_bad_and_the_next_take_is_judged(gate: Examiner, spoken: bytes) -> None:
    assert gate.judge(spoken, "mp3", Expectation(LINE)).failed == (CheckName.DECODES,)
    assert gate.judge(take(), "mp3", Expectation(LINE)).outcome is Outcome.GOOD


def test_a_child_that_runs_out_of_memory_leaves_a_verdict_and_no_process() -> None:
    with Examiner(limits=replace(GATE_LIMITS, data_bytes=16 << 20)) as examiner:
        verdict = examiner.judge(take(), "mp3", Expectation(LINE))
        assert verdict.outcome is not Outcome.GOOD
        assert verdict.check(CheckName.DECODES).reason
        assert examiner._child is None


def test_audio_that_calls_itself_no_speech_is_unchecked_and_never_bad(gate: Examiner) -> None:
    verdict = gate.judge(mp3_tag(TONE_LABEL) + take("Another line."), "mp3", Expectation(LINE))
    assert verdict.outcome is Outcome.UNCHECKED
    assert "it says of itself that it is no speech" in verdict.sentence
    other = gate.judge(mp3_tag(SPEAKING_LABEL) + take("Another line."), "mp3", Expectation(LINE))
    assert other.outcome is Outcome.BAD
