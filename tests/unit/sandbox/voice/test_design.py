import numpy as np
import pytest

from pipeline.sandbox.voice import InvalidProfile, Profile, SpeakerEncoder, VoiceEngine
from pipeline.sandbox.voice.design import design

LINE = "Take this lantern, keep it dry, and do not open the iron door."


def test_the_same_words_make_the_same_voice() -> None:
    assert design("a warm old woman") == design("a warm old woman")


def test_different_words_make_different_voices() -> None:
    descriptions = [
        "a deep gravelly man",
        "a bright young woman",
        "a warm British gentleman",
        "an old wizard",
        "a calm man",
    ]
    assert len({design(description) for description in descriptions}) == len(descriptions)


@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        ("a deep man", "a high man"),
        ("a giant ogre", "a man"),
        ("a man", "a woman"),
        ("a deep woman", "a little girl"),
    ],
)
def test_words_of_pitch_move_the_pitch(lower: str, higher: str) -> None:
    assert design(lower).measured.f0_hz < 0.95 * design(higher).measured.f0_hz


def test_words_of_colour_tilt_the_spectrum() -> None:
    def slope(description: str) -> float:
        profile = design(description)
        assert profile.calibration is not None
        return float(
            np.polyfit(np.arange(60), np.subtract(profile.measured.envelope, profile.calibration.envelope), 1)[0]
        )

    assert slope("a dark voice") < -0.005 < 0.005 < slope("a bright voice")


def test_the_gender_asked_for_outweighs_the_words() -> None:
    assert design("a calm voice", "female").measured.f0_hz > 1.2 * design("a calm voice", "male").measured.f0_hz


def test_negated_words_count_against_their_trait() -> None:
    assert design("a man, not deep").measured.f0_hz > design("a man, deep").measured.f0_hz


def test_an_age_group_changes_the_voice() -> None:
    groups = ("child", "young", "middle-aged", "elderly")
    assert len({design("a woman", None, group) for group in groups}) == len(groups)


@pytest.mark.parametrize("description", ["", "🎉", "grmpf", "Ein alter Mann", "x" * 1000])
def test_words_it_does_not_know_still_make_a_voice(description: str) -> None:
    profile = design(description)
    try:
        assert Profile.from_json(profile.to_json()) == profile
    except InvalidProfile as error:  # pragma: no cover
        pytest.fail(str(error))


def test_designed_voices_sound_unlike_each_other(natural: VoiceEngine, encoder: SpeakerEncoder) -> None:
    descriptions = ["a deep gravelly old sailor, male", "a bright young woman", "a posh British lady", "a cheerful boy"]
    takes = [natural.speak(LINE, natural.design(description, None, None)) for description in descriptions]
    voices = np.array([encoder.embed(take, 24_000) for take in takes])
    likeness = voices @ voices.T
    # The stock voices that designs are blended from are up to 0.87 alike among themselves.
    assert likeness[~np.eye(len(voices), dtype=bool)].max() < 0.85
