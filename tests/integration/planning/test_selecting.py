"""A plan of some lines: it makes these and no others, and the next plan knows the others as they were."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from pipeline.errors import Conflict
from pipeline.intake.models import Line, Production, RunState, Verdict
from pipeline.intake.rules import QualitySettings
from pipeline.ledger.models import Budget
from pipeline.planning import service as planning
from pipeline.planning.rules import LeftInReview, Reason
from pipeline.speech import service as speech
from pipeline.voices.rules import ACTIVATION_LINE
from tests.integration.planning.plans import apply, plan, reasons, run
from tests.support.databases import on_sqlite
from tests.support.ears import bad, good
from tests.support.factories import Sheet
from tests.support.stage import Stage

CAST = Sheet().cloned("mara").cloned("bram").system("narrator")
SHEET = CAST.says("mara", "Halt!", "Who goes there?").says("bram", "A friend.").says("narrator", "Night fell.")


def some(sheet: Sheet, *terms: str) -> planning.Submission:
    whole = sheet.submission()
    return planning.Submission(whole.project, whole.references, planning.Selection.of(terms, whole.project))


def test_only_what_is_selected_is_made_and_paid_for(stage: Stage, owner: str) -> None:
    planned = plan(stage, owner, some(SHEET, "character:mara"))
    assert list(reasons(planned).values()) == [Reason.NEW, Reason.NEW, Reason.LEFT_OUT, Reason.LEFT_OUT]
    started = apply(stage, owner, some(SHEET, "character:mara"), agreed=planned.digest())
    stage.settle_down(4)
    assert run(stage, started).state is RunState.DONE
    assert sorted(stage.provider.spoken) == sorted(["Halt!", "Who goes there?", ACTIVATION_LINE])
    with stage.database.read() as session:
        assert session.get_one(Budget, started).spent == planned.price


@on_sqlite
def test_what_was_left_out_is_planned_as_before(stage: Stage, owner: str) -> None:
    apply(stage, owner, SHEET.submission())
    stage.settle_down(4)
    changed = CAST.says("mara", "Halt!", "Who is there?").says("bram", "No friend.")
    apply(stage, owner, some(changed, "character:mara"))
    stage.settle_down(2)
    after = plan(stage, owner, changed.submission())
    assert list(reasons(after).values()) == [Reason.REUSED, Reason.REUSED, Reason.TEXT]
    assert list(after.removed) == ["line_4"]  # a plan of some lines drops none of the others


@on_sqlite
def test_no_two_lines_share_a_place_after_a_part_of_a_sheet_that_was_rearranged(stage: Stage, owner: str) -> None:
    apply(stage, owner, SHEET.submission())
    stage.settle_down(4)
    longer = SHEET.says("bram", "No more.")
    turned = replace(longer, lines=tuple(reversed(longer.lines)))
    apply(stage, owner, some(turned, "character:bram"))
    stage.settle_down(2)
    with stage.database.read() as session:
        places = session.execute(select(Line.position, Line.line_id).order_by(Line.position)).all()
    assert [place for place, _ in places] == [0, 1, 2, 3, 4]
    assert [line_id for _, line_id in places] == ["line_1", "line_2", "line_3", "line_4", "line_5"]


@on_sqlite
def test_what_has_changed_can_be_selected(stage: Stage, owner: str) -> None:
    apply(stage, owner, SHEET.submission())
    stage.settle_down(4)
    grown = CAST.says("mara", "Halt!", "Who is there?").says("bram", "A friend.").says("narrator", "Night fell.")
    planned = plan(stage, owner, some(grown.says("bram", "Truly."), "changed"))
    assert list(reasons(planned).values()) == [
        Reason.REUSED,
        Reason.TEXT,
        Reason.REUSED,
        Reason.REUSED,
        Reason.LEFT_OUT,
    ]


@on_sqlite
def test_a_line_whose_twin_is_left_out_is_paid_for_itself(stage: Stage, owner: str) -> None:
    planned = plan(stage, owner, some(CAST.says("mara", "Halt!", "Halt!"), "line:line_2"))
    first, second = planned.lines
    assert (first.reason, first.price, second.reason) == (Reason.LEFT_OUT, 0, Reason.NEW)
    assert second.price > 0


@on_sqlite
def test_the_plan_of_one_selection_is_not_that_of_another(stage: Stage, owner: str) -> None:
    agreed = plan(stage, owner, some(SHEET, "character:mara")).digest()
    with pytest.raises(Conflict):
        apply(stage, owner, some(SHEET, "character:bram"), agreed=agreed)


@on_sqlite
def test_lines_in_review_are_selected_whatever_has_changed_of_them(stage: Stage, owner: str) -> None:
    stage.ears.will_find(*[lambda _, expected: bad() if expected.text == "Halt!" else good()] * 9)
    apply(stage, owner, SHEET.submission(quality=QualitySettings()))
    stage.settle_down(6)
    changed = CAST.says("mara", "Halt, you!", "Who is there?").says("bram", "A friend.").says("narrator", "Night fell.")
    planned = plan(stage, owner, some(changed, "state:review"))
    assert list(reasons(planned).values()) == [Reason.TEXT, Reason.LEFT_OUT, Reason.REUSED, Reason.REUSED]
    with stage.edge.write() as session:
        production = session.scalars(select(Production)).one()
        speech.judge(session, production, ["line_1"], Verdict.APPROVED)
    assert reasons(plan(stage, owner, some(changed, "state:review")))["line_1"] is Reason.LEFT_OUT


@on_sqlite
def test_a_plan_of_lines_in_review_tells_which_of_them_it_leaves_as_they_are(stage: Stage, owner: str) -> None:
    bad_ones = ("Halt!", "Who goes there?", "A friend.")
    stage.ears.will_find(*[lambda _, expected: bad() if expected.text in bad_ones else good()] * 9)
    apply(stage, owner, SHEET.submission(quality=QualitySettings()))
    stage.settle_down(4)
    with stage.edge.write() as session:
        production = session.scalars(select(Production)).one()
        speech.lock(session, production, speech.Meant(["line_2"]))
    left = plan(stage, owner, some(SHEET, "state:review", "character:mara")).left_in_review
    assert left == LeftInReview(["line_1", "line_2"], locked=1)
    assert plan(stage, owner, SHEET.submission()).left_in_review is None
    anew = replace(some(SHEET, "state:review"), is_fresh=True)
    planned = plan(stage, owner, anew)
    assert planned.left_in_review == LeftInReview(["line_2"], locked=1)
    assert [line for line, why in reasons(planned).items() if why is Reason.FRESH] == ["line_1", "line_3"]
