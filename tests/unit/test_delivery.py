"""How a line is spoken: the narrower wish wins, and what a provider cannot do is told with what it can."""

import pytest

from pipeline.delivery import PLAIN, Controls, Delivery
from pipeline.provider import kyma, minimax

FULL = Controls(pitch=(-12, 12), volume=(0.1, 10.0), emotions=("calm", "angry"))


def test_a_line_asks_before_its_character() -> None:
    line, character = Delivery(speed=1.5, emotion="angry"), Delivery(speed=0.9, pitch=-2)
    assert line.over(character) == Delivery(1.5, -2, None, "angry")
    assert PLAIN.over(character) == character


def test_what_is_left_to_the_voice_colours_nothing() -> None:
    assert Delivery(speed=1.5).coloured() == {}
    assert Delivery(1.5, 0, 1.0, "calm").coloured() == {"pitch": 0, "volume": 1.0, "emotion": "calm"}


@pytest.mark.parametrize(
    ("delivery", "told"),
    [
        (PLAIN, []),
        (Delivery(1.0, 12, 10.0, "calm"), []),
        (Delivery(speed=3.0), [("speed", 3.0, "0.5 to 2")]),
        (Delivery(pitch=13, volume=11.0), [("pitch", 13, "-12 to 12"), ("volume", 11.0, "0.1 to 10")]),
        (Delivery(emotion="joyful"), [("emotion", "joyful", "calm, angry")]),
    ],
)
def test_what_cannot_be_had_is_told_with_what_can(delivery: Delivery, told: list[tuple[str, object, str]]) -> None:
    assert list(FULL.unsupported(delivery)) == told


def test_a_provider_without_a_word_for_it_offers_nothing() -> None:
    assert [found.allowed for found in Controls().unsupported(Delivery(1.0, 1, 1.0, "calm"))] == ["", "", ""]


def test_kyma_knows_a_pace_alone_and_minimax_its_own_emotions() -> None:
    asked = Delivery(1.2, -12, 2.0, "sad")
    assert [found.name for found in kyma.CAPABILITIES.controls.unsupported(asked)] == ["pitch", "volume", "emotion"]
    assert list(minimax.CAPABILITIES.controls.unsupported(asked)) == []
    (whisper,) = minimax.CAPABILITIES.controls.unsupported(Delivery(emotion="whisper"))
    assert "calm" in whisper.allowed
