import json

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.sandbox.voice import InvalidProfile, Profile, SpeakerEncoder, VoiceEngine
from pipeline.sandbox.voice.catalogue import system_profile

Talents = dict[str, NDArray[np.float32]]


@pytest.fixture
def profile() -> Profile:
    found = system_profile("English_Captain")
    assert found is not None
    return found


def test_a_profile_survives_its_json_unchanged_and_small(profile: Profile) -> None:
    text = profile.to_json()
    assert Profile.from_json(text) == profile
    assert len(text) < 4_500


def test_a_cloned_profile_survives_its_json_unchanged(cast: dict[str, Profile]) -> None:
    for cloned in cast.values():
        assert Profile.from_json(cloned.to_json()) == cloned
        assert len(cloned.to_json()) < 4_500


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '{"version": 1}', '{"version": 1, "embedding": [1, 2]}'])
def test_anything_else_is_refused_as_no_profile(text: str) -> None:
    with pytest.raises(InvalidProfile):
        Profile.from_json(text)


def test_another_version_is_refused_by_its_number(profile: Profile) -> None:
    values = {**json.loads(profile.to_json()), "version": 9}
    with pytest.raises(InvalidProfile, match="version 9; this program reads 1"):
        Profile.from_json(json.dumps(values))


def test_a_profile_without_styles_is_spoken_by_the_natural_engine(
    natural: VoiceEngine, pico: VoiceEngine, talents: Talents, encoder: SpeakerEncoder
) -> None:
    profile = pico.clone(talents["oswin"], 24_000)
    assert profile.style is None
    take = natural.speak("The lens was cracked on the very first night, and we never replaced it.", profile)
    assert encoder.embed(take, 24_000) @ encoder.embed(talents["oswin"], 24_000) > 0.8
