"""How a line is to be delivered goes to the provider as it was asked for, or the plan refuses it by its place."""

import pytest

from pipeline.delivery import Delivery
from pipeline.errors import UsageError
from tests.integration.planning.plans import apply, plan
from tests.support.factories import Sheet
from tests.support.stage import Stage

CAST = Sheet().system("mara", delivery=Delivery(pitch=-2)).system("bram", "other")


def test_a_line_is_asked_for_as_the_sheet_says(stage: Stage, owner: str) -> None:
    sheet = (
        CAST.says("mara", "Halt!", emotion="angry").says("mara", "Halt!").says("bram", "Halt!", speed=1.5, volume=2.0)
    )
    apply(stage, owner, sheet.submission())
    stage.settle_down(2)
    asked = {request.delivery for request in stage.provider.speech_calls}
    assert asked == {Delivery(1.0, -2, None, "angry"), Delivery(1.0, -2), Delivery(1.5, volume=2.0)}


def test_what_the_provider_cannot_do_is_refused_by_place_and_each_kind_once(stage: Stage, owner: str) -> None:
    sheet = CAST.says("mara", "Halt!", "Who goes there?", emotion="joyful", file="lines.csv", row=2)
    sheet = sheet.says("bram", "A friend.", pitch=20, file="lines.csv", row=4)
    with pytest.raises(UsageError) as refused:
        plan(stage, owner, sheet.submission())
    assert refused.value.data["problems"] == [
        "lines.csv, row 2, line line_1: emotion is 'joyful'; allowed: calm, angry",
        "lines.csv, row 4, line line_3: pitch is 20; allowed: -12 to 12",
    ]
    assert "any other name" in refused.value.hint


def test_what_a_character_cannot_be_asked_for_is_refused_by_its_key(stage: Stage, owner: str) -> None:
    sheet = Sheet().system("mara", delivery=Delivery(volume=11.0)).says("mara", "Halt!")
    with pytest.raises(UsageError, match=r"characters\.mara\.volume is 11\.0; allowed: 0\.1 to 10"):
        plan(stage, owner, sheet.submission())
