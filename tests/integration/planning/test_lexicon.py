"""The lexicon in a plan: it changes what is sent, marks the lines that hold its words, and no others."""

from pipeline.intake.rules import Lexicon, Pronunciation
from pipeline.planning.rules import Reason
from tests.integration.planning.plans import apply, plan, reasons
from tests.support.databases import on_sqlite
from tests.support.factories import Sheet
from tests.support.stage import Stage

CAST = Sheet().system("mara").system("bram", "other")
SHEET = CAST.says("mara", "Xalthar falls.", "Nobody knows.").says("bram", "To Xalthar!", "Night fell.")


def words(*entries: Pronunciation) -> Lexicon:
    return Lexicon(entries)


def test_a_word_is_sent_as_it_is_said_and_paid_for_so(stage: Stage, owner: str) -> None:
    submission = SHEET.submission(lexicon=words(Pronunciation("Xalthar", "ZAL-tharr")))
    planned = plan(stage, owner, submission)
    assert planned.lines[0].price == 100 * len("ZAL-tharr falls.")
    apply(stage, owner, submission, agreed=planned.digest())
    stage.settle_down(4)
    assert "ZAL-tharr falls." in list(stage.provider.spoken)
    assert set(reasons(plan(stage, owner, submission)).values()) == {Reason.REUSED}


def test_a_new_word_marks_exactly_the_lines_that_hold_it(stage: Stage, owner: str) -> None:
    apply(stage, owner, SHEET.submission())
    stage.settle_down(4)
    for entry, marked in (
        (Pronunciation("Xalthar", "ZAL-thar"), {"line_1", "line_3"}),
        (Pronunciation("Xalthar", "ZAL-thar", characters=("bram",)), {"line_3"}),
        (Pronunciation("Xalthar", "ZAL-thar", languages=("de",)), set()),
        (Pronunciation("nobody", "NO-body"), {"line_2"}),
    ):
        planned = reasons(plan(stage, owner, SHEET.submission(lexicon=words(entry))))
        assert {line for line, reason in planned.items() if reason is Reason.LEXICON} == marked
        assert set(planned.values()) <= {Reason.LEXICON, Reason.REUSED}


@on_sqlite
def test_a_word_that_is_taken_out_again_costs_nothing(stage: Stage, owner: str) -> None:
    apply(stage, owner, SHEET.submission())
    stage.settle_down(4)
    apply(stage, owner, SHEET.submission(lexicon=words(Pronunciation("Xalthar", "ZAL-thar"))))
    stage.settle_down(4)
    assert plan(stage, owner, SHEET.submission()).price == 0
