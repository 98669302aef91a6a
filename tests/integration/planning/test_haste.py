"""What somebody waits for is spoken before the thousands of lines that an account has asked for earlier."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from pipeline.db import limits
from pipeline.planning import saying
from pipeline.planning import service as planning
from pipeline.speech.models import Take
from pipeline.speech.rules import LINE_PRIORITIES, Priority
from pipeline.speech.service import asking
from tests.integration.planning.plans import apply
from tests.integration.planning.retakes import retake
from tests.support import factories
from tests.support.databases import on_sqlite
from tests.support.factories import Sheet
from tests.support.fakes import PROVIDER
from tests.support.stage import Stage

pytestmark = on_sqlite  # the order is a query that test_turns asks of both

CAST = Sheet().system("herald")
LONG = CAST.says("herald", *(f"Line {number}." for number in range(12)))
SHORT = CAST.says("herald", "A correction.")
ON_ITS_WAY = 3
"""Takes that were sent to the workers before anybody was in haste."""


def one_at_a_time(stage: Stage) -> None:
    with stage.database.write() as session:
        limits.set_limits(session, PROVIDER, concurrent=1, per_minute=60_000)


def hasten(stage: Stage, owner: str, sheet: Sheet, production: str, priority: Priority = Priority.FIRST) -> None:
    submission = replace(sheet.submission(production=production), priority=priority)
    with stage.edge.write() as session:
        planning.apply(session, owner, submission, factories.market(), agreed=None, budget=None)


def spoken_at(stage: Stage, text: str) -> int:
    """Return how many lines were spoken before this one."""
    while text not in stage.provider.spoken:
        stage.hand_on()
        stage.sweep()
    return list(stage.provider.spoken).index(text)


def test_a_run_in_haste_is_spoken_before_the_rest_of_an_earlier_one(stage: Stage, owner: str) -> None:
    one_at_a_time(stage)
    apply(stage, owner, LONG.submission())
    hasten(stage, owner, SHORT, "hotfix")
    assert spoken_at(stage, "A correction.") <= ON_ITS_WAY


def test_without_haste_it_waits_for_all_of_the_earlier_one(stage: Stage, owner: str) -> None:
    one_at_a_time(stage)
    apply(stage, owner, LONG.submission())
    hasten(stage, owner, SHORT, "hotfix", Priority.NORMAL)
    assert spoken_at(stage, "A correction.") == 12


def test_a_run_that_may_wait_is_spoken_after_one_that_comes_later(stage: Stage, owner: str) -> None:
    one_at_a_time(stage)
    hasten(stage, owner, LONG, "background", Priority.LAST)
    apply(stage, owner, SHORT.submission())
    assert spoken_at(stage, "A correction.") <= ON_ITS_WAY


def test_a_line_that_waits_already_is_spoken_as_early_as_the_run_in_haste_wants_it(stage: Stage, owner: str) -> None:
    one_at_a_time(stage)
    apply(stage, owner, LONG.submission())
    hasten(stage, owner, CAST.says("herald", "Line 11."), "hotfix")
    assert spoken_at(stage, "Line 11.") <= ON_ITS_WAY


def test_control_a_line_that_is_not_hastened_stays_where_it_was(
    stage: Stage, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "_hasten", lambda *_: None)
    one_at_a_time(stage)
    apply(stage, owner, LONG.submission())
    hasten(stage, owner, CAST.says("herald", "Line 11."), "hotfix")
    assert spoken_at(stage, "Line 11.") == 11


def test_haste_slows_nothing_down_that_another_run_wants_sooner(stage: Stage, owner: str) -> None:
    hasten(stage, owner, SHORT, "first")
    hasten(stage, owner, SHORT, "later", Priority.LAST)
    with stage.database.read() as session:
        assert session.scalars(select(Take.priority)).all() == [LINE_PRIORITIES[Priority.FIRST]]


def test_a_retake_and_a_word_to_be_heard_do_not_wait_for_a_long_run(stage: Stage, owner: str) -> None:
    apply(stage, owner, SHORT.submission())
    stage.settle_down(4)
    one_at_a_time(stage)
    apply(stage, owner, LONG.submission(production="long"))
    retake(stage, owner, "line_1")
    with stage.edge.write() as session:
        wish = saying.Wish("Xalthar!", "herald")
        saying.apply(session, owner, SHORT.submission(), wish, factories.market(), agreed=None, budget=None)
    assert spoken_at(stage, "Xalthar!") <= ON_ITS_WAY + 2  # and the retake, and what went before it
