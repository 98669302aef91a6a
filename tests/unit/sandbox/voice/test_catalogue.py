import re

from pipeline.sandbox.voice import Profile
from pipeline.sandbox.voice.catalogue import stock_measurements, system_profile, system_voices
from pipeline.sandbox.voice.styles import style_bank


def test_there_are_28_voices_with_ids_of_their_own() -> None:
    voices = system_voices()
    assert len({voice.voice_id for voice in voices}) == 28
    assert all(re.fullmatch(r"English_[A-Za-z_]+", voice.voice_id) for voice in voices)
    assert {voice.gender for voice in voices} == {"female", "male"}
    assert {voice.accent for voice in voices} == {"american", "british"}


def test_every_voice_has_a_profile_that_can_be_stored() -> None:
    for voice in system_voices():
        profile = system_profile(voice.voice_id)
        assert profile is not None
        assert Profile.from_json(profile.to_json()) == profile


def test_an_unknown_id_has_no_profile() -> None:
    assert system_profile("English_Nobody") is None


def test_the_stored_measurements_cover_the_stock_styles() -> None:
    english = {name for name in style_bank().names if name[0] in "ab"}
    assert set(stock_measurements()) == english
    assert all(60 < known.measured.f0_hz < 300 for known in stock_measurements().values())
