from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from pipeline.sandbox.faults import Point
from pipeline.sandbox.shares import KINDS, Spoiler, parse_shares
from pipeline.sandbox.spoiling import speak
from pipeline.sandbox.voice import Profile, SystemVoice
from tests.support.sandbox_client import SYSTEM, HummingEngine

LINE = ("Keep the lantern low and wait until the tide has turned.", SYSTEM)
ENGINE = HummingEngine()


def hum() -> Profile:
    profile = ENGINE.system_profile(SYSTEM)
    assert profile is not None
    return profile


@pytest.mark.parametrize("shares", ["half=0.1", "cut", "cut=x", "cut=1.5", "cut=-0.1", "cut=nan", "cut=0.6,long=0.6"])
def test_shares_that_make_no_sense_are_refused(shares: str) -> None:
    with pytest.raises(ValueError, match=r"share|kind"):
        parse_shares(shares)


def test_all_is_every_kind_in_equal_parts() -> None:
    assert dict(parse_shares("all=0.06")) == pytest.approx(dict.fromkeys(KINDS, 0.01))


def test_the_shares_are_met_and_the_rest_is_left_alone() -> None:
    spoiler, lines = Spoiler(), 3000
    drawn = Counter(str(spoiler.draw("cut=0.1,long=0.05", 7, f"Line {number}.", SYSTEM)) for number in range(lines))
    assert set(drawn) == {"", "cut_audio", "long_audio"}
    assert drawn["cut_audio"] / lines == pytest.approx(0.1, abs=0.02)
    assert drawn["long_audio"] / lines == pytest.approx(0.05, abs=0.015)


def test_a_seed_spoils_the_same_lines_in_any_order_and_a_retake_draws_again() -> None:
    texts = [f"Line {number}." for number in range(300)]

    def fates(seed: int, order: list[str]) -> dict[str, str]:
        spoiler = Spoiler()
        return {text: str(spoiler.draw("all=0.5", seed, text, SYSTEM)) for text in order}

    assert fates(7, texts) == fates(7, texts[::-1]) != fates(8, texts)
    spoiler = Spoiler()
    takes = {str(spoiler.draw("all=0.5", 7, texts[0], SYSTEM)) for _ in range(30)}
    assert len(takes) > 3


def test_a_cut_line_lacks_its_end() -> None:
    whole, cut = speak(ENGINE, hum(), LINE, 1.0).pcm, speak(ENGINE, hum(), LINE, 1.0, {Point.CUT_AUDIO}).pcm
    assert 0.39 < len(cut) / len(whole) < 0.76
    assert np.array_equal(cut, whole[: len(cut)])


def test_a_clipped_line_stands_at_full_scale_for_much_of_its_time() -> None:
    pcm = speak(ENGINE, hum(), LINE, 1.0, {Point.CLIPPED_AUDIO}).pcm
    assert (np.abs(pcm) >= 1).mean() > 0.3


def test_a_long_line_lasts_ten_times_as_long() -> None:
    whole = speak(ENGINE, hum(), LINE, 1.0).pcm
    assert len(speak(ENGINE, hum(), LINE, 1.0, {Point.LONG_AUDIO}).pcm) == 10 * len(whole)


def test_a_silent_line_has_its_length_and_nearly_no_sound() -> None:
    pcm = speak(ENGINE, hum(), LINE, 1.0, {Point.SILENT_AUDIO}).pcm
    assert len(pcm) == len(speak(ENGINE, hum(), LINE, 1.0).pcm)
    assert 20 * np.log10(np.sqrt((pcm**2).mean())) == pytest.approx(-70, abs=1)


@pytest.mark.parametrize("text", ["Yes.", LINE[0], f"{LINE[0]} " * 12])
def test_a_wrong_line_says_something_else_of_about_the_same_length(text: str) -> None:
    said = speak(ENGINE, hum(), (text, SYSTEM), 1.0, {Point.WRONG_LINE})
    assert said.text != text
    assert 0.4 < len(said.text) / len(text) < 4


class Choir(HummingEngine):
    """Hums in its own voice, in one that nobody tells from it, and in one an octave down."""

    def system_voices(self) -> list[SystemVoice]:
        return [SystemVoice(name, name, "female", "american", "Hums.") for name in (SYSTEM, *HZ)]

    def system_profile(self, voice_id: str) -> Profile | None:
        measured = replace(hum().measured, f0_hz=HZ.get(voice_id, 200.0))
        return replace(hum(), measured=measured)

    def alike(self, one: Profile, other: Profile) -> bool:
        return abs(one.measured.f0_hz - other.measured.f0_hz) < 5


HZ = {"English_Twin": 201.0, "English_Deep": 100.0}


def hums_given(engine: Choir, lines: int = 40) -> set[int]:
    """Return the pitches in which lines are hummed that should have been hummed in another voice."""
    said = (
        speak(engine, hum(), (f"{LINE[0]} {number}", SYSTEM), 1.0, {Point.WRONG_VOICE}).pcm for number in range(lines)
    )
    return {round(np.count_nonzero(np.diff(np.signbit(pcm))) / 2 / len(pcm) * 24_000) for pcm in said}


def test_a_wrong_voice_is_another_of_the_stock_voices() -> None:
    asked = speak(Choir(), hum(), LINE, 1.0)
    given = speak(Choir(), hum(), LINE, 1.0, {Point.WRONG_VOICE})
    assert (given.text, len(given.pcm)) == (asked.text, len(asked.pcm))
    assert not np.allclose(given.pcm, asked.pcm)


def test_a_wrong_voice_is_none_that_sounds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hums_given(Choir()) == {100}
    monkeypatch.setattr(Choir, "alike", lambda *_: False)
    assert hums_given(Choir()) == {100, 201}


def test_where_all_voices_sound_the_same_one_of_them_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Choir, "alike", lambda *_: True)
    assert hums_given(Choir()) == {100, 201}
