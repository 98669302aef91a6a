"""What a person decides about a line's takes binds every later plan: the choice, the verdict, the lock."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from pipeline import views
from pipeline.errors import Conflict, NotFound
from pipeline.intake import service as intake
from pipeline.intake.models import Line, Run, Verdict
from pipeline.planning import drawing
from pipeline.planning.rules import Plan, Reason
from tests.integration.planning.plans import apply, plan, reasons
from tests.integration.planning.retakes import choose, delivered, history, judge, lock, numbers, retake, unlock
from tests.support.databases import on_sqlite
from tests.support.factories import Sheet
from tests.support.stage import Stage

CAST = Sheet().system("herald").system("crier", "crier")
SHEET = CAST.says("herald", "Halt!", "Who goes there?").says("crier", "Hear ye.")
CHANGED = CAST.says("herald", "Stop!", "Who goes there?").says("crier", "Hear ye.")


@pytest.fixture
def owner(stage: Stage, owner: str) -> str:
    """An account with a production whose lines are spoken."""
    apply(stage, owner, SHEET.submission())
    stage.settle_down(4)
    return owner


def applied(stage: Stage, owner: str, sheet: Sheet) -> Plan:
    """Apply a sheet to its end, and return the plan of it."""
    planned = plan(stage, owner, sheet.submission())
    apply(stage, owner, sheet.submission(), agreed=planned.digest(), budget=planned.price)
    stage.settle_down(2)
    return planned


def rejected(stage: Stage) -> dict[str, object]:
    with stage.database.read() as session:
        run = session.scalars(select(Run).order_by(Run.id.desc())).first()
        assert run
        found: dict[str, object] = views.run_status(session, run)["wanting_retakes"]
        return found


def test_an_older_take_is_restored_for_nothing_and_no_plan_undoes_it(stage: Stage, owner: str) -> None:
    first = delivered(stage, owner)["line_1"]
    retake(stage, owner, "line_1")
    stage.settle_down(2)
    calls = len(stage.provider.speech_calls)
    choose(stage, owner, 1)
    assert numbers(stage, owner) == {1: "DONE", 2: "done"}
    choose(stage, owner, 2)
    choose(stage, owner, 1)
    assert applied(stage, owner, SHEET).price == 0
    assert delivered(stage, owner)["line_1"] == first
    assert len(stage.provider.speech_calls) == calls


def test_the_take_of_an_older_text_can_be_chosen_and_stays_while_the_text_does(stage: Stage, owner: str) -> None:
    applied(stage, owner, CHANGED)
    choose(stage, owner, 1)
    planned = applied(stage, owner, CHANGED)
    assert (planned.price, set(reasons(planned).values())) == (0, {Reason.REUSED})
    assert numbers(stage, owner) == {1: "DONE", 2: "done"}
    again = CAST.says("herald", "Go!", "Who goes there?").says("crier", "Hear ye.")
    assert reasons(applied(stage, owner, again))["line_1"] is Reason.TEXT
    assert numbers(stage, owner) == {1: "done", 2: "done", 3: "DONE"}


@on_sqlite
def test_a_choice_that_was_made_after_a_retake_was_asked_for_stays(stage: Stage, owner: str) -> None:
    retake(stage, owner, "line_1")
    stage.settle_down(2)
    retake(stage, owner, "line_1")
    choose(stage, owner, 1)
    stage.settle_down(2)
    assert numbers(stage, owner) == {1: "DONE", 2: "done", 3: "done"}


@on_sqlite
def test_a_take_that_is_not_spoken_or_not_there_cannot_be_chosen(stage: Stage, owner: str) -> None:
    retake(stage, owner, "line_1")
    with pytest.raises(Conflict, match=r"Take 2 of line_1 is not spoken"):
        choose(stage, owner, 2)
    with pytest.raises(NotFound, match="line_1 has no take 3"):
        choose(stage, owner, 3)
    with pytest.raises(NotFound, match="no line LINE_9") as refused:
        choose(stage, owner, 1, "LINE_9")
    assert refused.value.hint.startswith("Did you mean line_")
    stage.settle_down(2)


def test_a_rejected_take_is_named_by_plan_and_status_and_made_by_neither(stage: Stage, owner: str) -> None:
    judge(stage, owner, Verdict.REJECTED, "line_1")
    planned = applied(stage, owner, SHEET)
    assert (planned.price, planned.has_work) == (0, False)
    assert reasons(planned) == {"line_1": Reason.RETAKE, "line_2": Reason.REUSED, "line_3": Reason.REUSED}
    assert rejected(stage) == {"count": 1, "lines": ["line_1"]}
    told = history(stage, owner, "line_1")[0]
    assert (told["verdict"], told["note"], told["decided_by"]) == ("rejected", "Too fast.", "ines")
    retake(stage, owner, "line_1")
    stage.settle_down(2)
    assert reasons(plan(stage, owner, SHEET.submission()))["line_1"] is Reason.REUSED
    assert rejected(stage)["count"] == 0
    assert [take["verdict"] for take in history(stage, owner, "line_1")] == ["rejected", None]


@on_sqlite
def test_a_verdict_is_about_a_take_and_can_be_taken_back(stage: Stage, owner: str) -> None:
    retake(stage, owner, "line_1")
    stage.settle_down(2)
    judge(stage, owner, Verdict.REJECTED, "line_1", number=1)
    judge(stage, owner, Verdict.APPROVED, "line_1", "line_2")
    assert [take["verdict"] for take in history(stage, owner, "line_1", "line_2")] == [
        "rejected",
        "approved",
        "approved",
    ]
    judge(stage, owner, None, "line_1", number=1)
    assert history(stage, owner, "line_1")[0]["verdict"] is None
    with pytest.raises(NotFound, match="line_2 has no take 2"):
        judge(stage, owner, Verdict.APPROVED, "line_1", "line_2", number=2)


def test_a_locked_line_whose_text_has_changed_is_a_conflict_and_applied_to_nothing(stage: Stage, owner: str) -> None:
    assert lock(stage, owner, "line_1").lines == 1
    before = delivered(stage, owner)
    longer = replace(CHANGED, lines=CHANGED.lines[::-1]).says("herald", "Pass.")
    for _ in range(2):
        planned = applied(stage, owner, longer)
        conflict = next(line for line in planned.lines if line.line_id == "line_1")
        assert (conflict.reason, conflict.price) == (Reason.LOCKED_CONFLICT, 0)
        assert (conflict.locked_text, conflict.sheet_text) == ("Halt!", "Stop!")
    after = delivered(stage, owner)
    assert {line: after[line] for line in before} == before
    assert list(after) == [line.id for line in longer.lines]
    with stage.database.read() as session:
        assert session.scalars(select(Line.text).where(Line.line_id == "line_1")).all() == ["Halt!"]
    assert "Stop!" not in stage.provider.spoken
    assert unlock(stage, owner, "line_1") == 1
    assert reasons(applied(stage, owner, longer))["line_1"] is Reason.TEXT
    assert list(stage.provider.spoken).count("Stop!") == 1


@on_sqlite
@pytest.mark.parametrize("change", [{"voice": "crier"}, {"speed": 1.2}])
def test_another_voice_or_delivery_under_a_lock_is_a_conflict_as_well(
    stage: Stage, owner: str, change: dict[str, object]
) -> None:
    lock(stage, owner, characters=("herald",))
    voice, speed = change.get("voice", "narrator"), change.get("speed")
    other = Sheet().system("herald", str(voice)).system("crier", "crier")
    other = other.says("herald", "Halt!", "Who goes there?", speed=speed).says("crier", "Hear ye.")
    planned = applied(stage, owner, other)
    assert reasons(planned) == {
        "line_1": Reason.LOCKED_CONFLICT,
        "line_2": Reason.LOCKED_CONFLICT,
        "line_3": Reason.REUSED,
    }
    assert planned.price == 0


@on_sqlite
def test_without_heeding_locks_a_plan_would_make_the_new_text(
    stage: Stage, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock(stage, owner, "line_1")
    monkeypatch.setattr(drawing, "judged", lambda planned, *_: planned)
    monkeypatch.setattr(drawing, "with_choices", lambda _session, _production, lines, _standing: lines)
    assert reasons(plan(stage, owner, CHANGED.submission()))["line_1"] is Reason.TEXT


@on_sqlite
def test_another_line_that_asks_for_what_a_locked_one_may_not_have_is_made(stage: Stage, owner: str) -> None:
    lock(stage, owner, "line_1")
    planned = applied(stage, owner, CHANGED.says("herald", "Stop!"))
    assert reasons(planned)["line_4"] is Reason.NEW
    assert planned.price == 100 * len("Stop!")


@on_sqlite
def test_a_lock_keeps_the_choice_and_refuses_a_retake(stage: Stage, owner: str) -> None:
    retake(stage, owner, "line_1")
    lock(stage, owner, "line_1")
    stage.settle_down(2)
    assert numbers(stage, owner) == {1: "DONE", 2: "done"}
    for forbidden in (lambda: choose(stage, owner, 2), lambda: retake(stage, owner, "line_1")):
        with pytest.raises(Conflict, match=r"(?i)locked"):
            forbidden()
    unlock(stage, owner, "line_1")
    choose(stage, owner, 2)
    assert numbers(stage, owner) == {1: "done", 2: "DONE"}


@on_sqlite
def test_what_is_not_spoken_is_not_locked_and_named(stage: Stage, owner: str) -> None:
    apply(stage, owner, SHEET.says("herald", "Wait.").submission())
    locking = lock(stage, owner, characters=("herald",))
    assert (locking.lines, locking.unspoken) == (2, ["line_4"])
    with pytest.raises(NotFound, match="no character nobody"):
        lock(stage, owner, "line_3", characters=("nobody",))
    assert [take["locked"] for take in history(stage, owner, "line_1", "line_3")] == [True, False]
    stage.settle_down(2)


@on_sqlite
def test_a_locked_line_keeps_its_lock_while_it_is_off_the_sheet(stage: Stage, owner: str) -> None:
    lock(stage, owner, "line_1")
    without = replace(SHEET, lines=SHEET.lines[1:])
    assert applied(stage, owner, without).removed == ["line_1"]
    assert list(delivered(stage, owner)) == ["line_2", "line_3"]
    assert applied(stage, owner, without).removed == []
    assert reasons(applied(stage, owner, CHANGED))["line_1"] is Reason.LOCKED_CONFLICT
    assert list(delivered(stage, owner)) == ["line_1", "line_2", "line_3"]
    applied(stage, owner, without)
    unlock(stage, owner, "line_1")
    assert reasons(plan(stage, owner, CHANGED.submission()))["line_1"] is Reason.NEW


@on_sqlite
def test_a_decision_waits_while_a_run_is_written_down(stage: Stage, owner: str) -> None:
    """Else both would write the same number into a line's history."""
    with stage.edge.write() as session:
        production = intake.find_production(session, owner, "game")
        assert production
        intake.prepare_run(session, production, plan_digest="0" * 64, estimate=0)
    for decide in (lambda: judge(stage, owner, Verdict.APPROVED, "line_1"), lambda: lock(stage, owner, "line_1")):
        with pytest.raises(Conflict, match="about to start"):
            decide()


@on_sqlite
def test_a_take_that_is_chosen_after_a_plan_was_drawn_up_is_not_overwritten_by_it(stage: Stage, owner: str) -> None:
    """A long sheet is written down in steps, and a retake may be spoken between the plan and the last of them."""
    stale = history(stage, owner, "line_1")[0]
    with stage.database.read() as session:
        line = session.scalars(select(Line).where(Line.line_id == "line_1")).one()
    retake(stage, owner, "line_1")
    stage.settle_down(2)
    row = intake.LineRow("line_1", 5, "herald", "Halt!", "louder", "{}", line.fingerprint, line.voice_key)
    with stage.edge.write() as session:
        intake.declare_lines(session, line.production_id, [row])
    assert stale["chosen"]
    assert numbers(stage, owner) == {1: "done", 2: "DONE"}
    with stage.database.read() as session:
        written = session.get_one(Line, (line.production_id, "line_1"))
    assert (written.position, written.direction) == (5, "louder")


@on_sqlite
def test_a_pack_says_which_take_of_each_line_it_holds(stage: Stage, owner: str) -> None:
    retake(stage, owner, "line_1")
    stage.settle_down(2)
    judge(stage, owner, Verdict.APPROVED, "line_1")
    lock(stage, owner, "line_2")
    with stage.database.read() as session:
        told = views.line_takes(session, owner, "game")
    assert [(line["number"], line["verdict"], line["locked"]) for line in told] == [
        (2, "approved", False),
        (1, None, True),
        (1, None, False),
    ]
