import numpy as np
import pytest

from pipeline.audio.meter import Meter
from tests.support.recordings import Sound, noise, silence, speech_like, tone


def measured(sound: Sound, rate: int = 48_000) -> Meter:
    meter = Meter(rate)
    for at in range(0, len(sound), rate):
        meter.feed(sound[None, at : at + rate])
    return meter


def test_speech_without_pauses_holds_no_silence() -> None:
    assert measured(speech_like(10)).levels().silence_share == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("dbfs", [-18, -30, -45])
def test_the_share_of_silence_does_not_depend_on_the_level(dbfs: float) -> None:
    sound = np.concatenate([speech_like(6, dbfs=dbfs), silence(4)])
    assert measured(sound).levels().silence_share == pytest.approx(0.4, abs=0.005)


def test_room_noise_between_words_is_silence() -> None:
    sound = np.concatenate([speech_like(5), silence(5)]) + noise(10, dbfs=-55)
    levels = measured(sound).levels()
    assert levels.silence_share == pytest.approx(0.5, abs=0.01)
    assert levels.noise_floor_dbfs == pytest.approx(-55, abs=1)


def test_gaps_inside_words_are_no_silence_and_pauses_count_in_full() -> None:
    word, gap, pause = speech_like(1), silence(0.15), silence(0.5)
    assert measured(np.concatenate([word, gap] * 8)).levels().silence_share == pytest.approx(0.15 / 9.2, abs=0.01)
    assert measured(np.concatenate([word, pause] * 8)).levels().silence_share == pytest.approx(1 / 3, abs=0.03)


def test_speech_begins_and_ends_where_it_was_put() -> None:
    activity = measured(np.concatenate([silence(2), speech_like(3), silence(1)])).activity()
    assert activity.first == pytest.approx(200, abs=3)
    assert activity.last == pytest.approx(499, abs=3)


def test_digital_silence_is_all_silence_and_has_a_floor_that_json_can_hold() -> None:
    meter = measured(silence(3))
    assert meter.activity().first is None
    assert meter.levels().silence_share == 1
    assert meter.levels().noise_floor_dbfs == -120


def test_a_steady_tone_is_all_sound() -> None:
    levels = measured(tone(5, dbfs=-20)).levels()
    assert levels.silence_share == 0
    assert levels.noise_floor_dbfs == pytest.approx(-23.01, abs=0.05)


def test_nothing_at_all_is_measured_without_an_error() -> None:
    assert Meter(48_000).levels().silence_share == 1
