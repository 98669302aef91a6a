import pytest

from pipeline.intake.rules import Refusal
from pipeline.packs.rules import DeliveryClass, delivery_class

NORMAL, WHISPER, SHOUT = DeliveryClass.NORMAL, DeliveryClass.WHISPER, DeliveryClass.SHOUT


@pytest.mark.parametrize("header", ["delivery_class", "Delivery Class", "DELIVERY-CLASS"])
def test_a_column_names_the_class(header: str) -> None:
    assert delivery_class({header: " Shout "}, "whispered") is SHOUT


def test_an_empty_column_leaves_it_to_the_direction() -> None:
    assert delivery_class({"delivery_class": ""}, "whispered") is WHISPER


def test_a_class_there_is_none_of_is_refused_with_those_there_are() -> None:
    with pytest.raises(Refusal, match="'bellow'") as refused:
        delivery_class({"delivery_class": "bellow"}, "")
    assert refused.value.allowed == "normal, whisper, shout"


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        *(("Whispering, close to the mic", WHISPER), ("sotto voce", WHISPER), ("under her breath", WHISPER)),
        *(("SHOUTED over the storm", SHOUT), ("yells", SHOUT), ("a scream", SHOUT)),
        *(("tired", NORMAL), ("", NORMAL), ("not shouting, just firm", NORMAL), ("don't really yell", NORMAL)),
        ("whispers, then shouts", NORMAL),
    ],
)
def test_a_word_of_the_direction_tells_the_class(direction: str, expected: DeliveryClass) -> None:
    assert delivery_class({}, direction) is expected


def test_a_whisper_stays_softer_than_speech_and_speech_than_a_shout() -> None:
    assert WHISPER.offset_lu < NORMAL.offset_lu == 0 < SHOUT.offset_lu
