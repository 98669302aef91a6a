"""Why one line is made or not: both sides of each difference, and the take that speaks it."""

from dataclasses import replace

import pytest

from pipeline.delivery import Delivery
from pipeline.errors import UsageError
from pipeline.intake.rules import Settings
from pipeline.planning import service as planning
from pipeline.planning.explaining import SENTENCES, explain
from pipeline.planning.rules import Reason
from tests.integration.planning.plans import apply
from tests.support import factories
from tests.support.databases import on_sqlite
from tests.support.factories import Sheet
from tests.support.fakes import CAPABILITIES
from tests.support.stage import Stage

CAST = Sheet().cloned("mara").cloned("bram")
SHEET = CAST.says("mara", "Halt!").says("bram", "A friend.")


def explained(stage: Stage, owner: str, wanted: planning.Submission, line_id: str = "line_1") -> dict[str, object]:
    with stage.database.read() as session:
        return explain(session, owner, wanted, factories.market(), line_id).as_dict()


def test_every_reason_has_a_sentence() -> None:
    assert set(SENTENCES) >= set(Reason) - {Reason.LAPSED}


def test_a_line_nobody_has_applied_has_no_before(stage: Stage, owner: str) -> None:
    told = explained(stage, owner, SHEET.submission())
    assert (told["reason"], told["before"], told["take"], told["changed"]) == (Reason.NEW, None, None, [])
    assert told["price"] == 100 * len("Halt!")


def test_each_difference_is_shown_with_both_sides(stage: Stage, owner: str) -> None:
    apply(stage, owner, SHEET.submission())
    stage.settle_down(4)
    other = CAST.cloned("mara", of="bram").says("mara", "Halt, friend!").says("bram", "A friend.")
    asked = Delivery(speed=1.5, emotion="calm")
    settings = Settings(model=CAPABILITIES.speech_models[0], format="mp3", delivery=asked)
    told = explained(stage, owner, other.submission(settings=settings))
    assert (told["reason"], told["changed"]) == (Reason.VOICE, ["text", "said", "voice", "format", "speed", "emotion"])
    before, now, take = told["before"], told["now"], told["take"]
    assert isinstance(before, dict)
    assert isinstance(now, dict)
    assert isinstance(take, dict)
    assert (before["text"], now["text"]) == ("Halt!", "Halt, friend!")
    assert (before["format"], now["format"]) == ("wav", "mp3")
    assert now["voice_source"] == "references/bram.wav"
    assert (take["state"], take["cost"]) == ("done", 100 * len("Halt!"))


@on_sqlite
def test_what_exists_costs_nothing_and_says_what_it_would(stage: Stage, owner: str) -> None:
    apply(stage, owner, SHEET.submission())
    stage.settle_down(4)
    told = explained(stage, owner, SHEET.submission())
    assert (told["reason"], told["price"], told["changed"]) == (Reason.REUSED, 0, [])
    assert isinstance(told["now"], dict)
    assert told["now"]["full_price"] == 100 * len("Halt!")


@on_sqlite
def test_a_twin_names_the_line_that_pays(stage: Stage, owner: str) -> None:
    told = explained(stage, owner, CAST.says("mara", "Halt!", "Halt!").submission(), "line_2")
    assert (told["reason"], told["shares_with"], told["price"]) == (Reason.SHARED, "line_1", 0)


@on_sqlite
def test_a_line_that_is_not_on_the_sheet_is_refused_with_the_nearest(stage: Stage, owner: str) -> None:
    with pytest.raises(UsageError) as refused:
        explained(stage, owner, replace(SHEET.submission()), "lime_1")
    assert (refused.value.message, refused.value.hint) == ("The sheet has no line lime_1.", "Did you mean line_1?")
