"""Plan and apply against the database: apply does what the plan said, to the micro-dollar, and nothing else."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select, update

from pipeline import statements, views
from pipeline.delivery import Delivery
from pipeline.errors import Conflict, ConsentRequired, UsageError
from pipeline.intake.models import Line, Run, RunState
from pipeline.intake.rules import Project, Settings
from pipeline.ledger.models import Budget
from pipeline.ledger.money import UNLIMITED, BudgetMode
from pipeline.planning import service as planning
from pipeline.planning.rules import Reason
from pipeline.provider.errors import Ambiguous, Refused
from pipeline.references.models import Consent, Reference, ReferenceState
from pipeline.speech.models import RunTake, Take
from pipeline.voices.models import Attempt, Voice
from pipeline.voices.rules import ACTIVATION_LINE, VoiceState
from tests.integration.planning.plans import apply, plan, reasons, run
from tests.support import factories
from tests.support.databases import on_sqlite
from tests.support.factories import Sheet
from tests.support.fakes import PRICES
from tests.support.stage import Stage

CAST = Sheet().cloned("mara").cloned("bram").system("narrator")
SHEET = CAST.says("mara", "Halt!", "Who goes there?").says("bram", "A friend.").says("narrator", "Night fell.")
AUDITION = 100 * len(ACTIVATION_LINE)
LINES = 100 * sum(len(line.text) for line in SHEET.lines)
PRICE = LINES + 2 * (PRICES.clone_micros + AUDITION)


def counts(stage: Stage) -> list[int]:
    with stage.database.read() as session:
        tables = (Run, Line, Take, Voice, Attempt, RunTake, Consent, Reference, Budget)
        return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


def test_the_plan_of_a_new_sheet_prices_every_voice_and_line(stage: Stage, owner: str) -> None:
    planned = plan(stage, owner, SHEET.submission())
    assert set(reasons(planned).values()) == {Reason.NEW}
    assert [(voice.reason, voice.price) for voice in planned.voices] == [
        (Reason.NEW, PRICES.clone_micros + AUDITION),
        (Reason.NEW, PRICES.clone_micros + AUDITION),
        (Reason.NEW, 0),
    ]
    assert planned.price == PRICE


def test_planning_writes_nothing(stage: Stage, owner: str) -> None:
    before = counts(stage)
    plan(stage, owner, SHEET.submission())
    assert counts(stage) == before
    assert list(stage.messages.waiting) == []


def test_apply_spends_what_the_plan_said(stage: Stage, owner: str) -> None:
    planned = plan(stage, owner, SHEET.submission())
    started = apply(stage, owner, SHEET.submission(), agreed=planned.digest(), budget=planned.price)
    stage.settle_down(4)
    assert run(stage, started).state is RunState.DONE
    with stage.database.read() as session:
        purse = session.get_one(Budget, started)
        status = views.run_status(session, session.get_one(Run, started))
    assert (purse.spent, purse.held, purse.cap) == (planned.price, 0, planned.price)
    assert status["spent_micros"] == status["estimate_micros"] == planned.price
    assert sorted(stage.provider.spoken) == sorted([*(line.text for line in SHEET.lines), *[ACTIVATION_LINE] * 2])


def test_the_second_apply_has_nothing_to_do(stage: Stage, owner: str) -> None:
    apply(stage, owner, SHEET.submission())
    stage.settle_down(4)
    calls = len(stage.provider.speech_calls), len(stage.provider.voice_calls)
    planned = plan(stage, owner, SHEET.submission())
    assert (planned.price, planned.has_work) == (0, False)
    assert set(reasons(planned).values()) == {Reason.REUSED}
    second = apply(stage, owner, SHEET.submission(), agreed=planned.digest(), budget=0)
    assert run(stage, second).state is RunState.DONE
    stage.settle_down(2)
    assert (len(stage.provider.speech_calls), len(stage.provider.voice_calls)) == calls


@on_sqlite
def test_each_kind_of_change_is_told_apart(stage: Stage, owner: str) -> None:
    apply(stage, owner, SHEET.submission())
    stage.settle_down(4)
    changed = CAST.cloned("bram", of="bram_older").cloned("narrator", of="mara")
    changed = changed.says("mara", "Halt!  ", "Who goes there, friend?").says("bram", "A friend.")
    changed = changed.says("narrator", "Night fell.").says("mara", "Pass.")
    changed = replace(changed, lines=(*changed.lines[:4], changed.lines[4]._replace(id="line_new", speed=1.2)))
    planned = plan(stage, owner, changed.submission())
    assert reasons(planned) == {
        "line_1": Reason.REUSED,
        "line_2": Reason.TEXT,
        "line_3": Reason.VOICE,
        "line_4": Reason.VOICE,
        "line_new": Reason.NEW,
    }
    assert [voice.reason for voice in planned.voices] == [Reason.REUSED, Reason.NEW]
    assert planned.removed == []


@on_sqlite
@pytest.mark.parametrize(
    ("delivery", "reason"),
    [
        ({"delivery": Delivery(speed=1.1)}, Reason.DELIVERY),
        ({"delivery": Delivery(speed=1.0, emotion="calm")}, Reason.DELIVERY),
        ({"model": "stage-fast"}, Reason.MODEL),
        ({"model": "stage-fast", "delivery": Delivery(speed=1.1)}, Reason.MODEL),
        ({"format": "mp3"}, Reason.DELIVERY),
    ],
)
def test_another_delivery_is_a_reason(stage: Stage, owner: str, delivery: dict[str, object], reason: Reason) -> None:
    apply(stage, owner, SHEET.submission())
    stage.settle_down(4)
    settings = Settings(**{"model": "stage-hd", "format": "wav", **delivery})  # type: ignore[arg-type] # its fields
    planned = plan(stage, owner, SHEET.submission(settings=settings))
    assert set(reasons(planned).values()) == {reason}


def test_lines_that_left_the_sheet_are_named_and_their_takes_kept(stage: Stage, owner: str) -> None:
    apply(stage, owner, SHEET.submission())
    stage.settle_down(4)
    shorter = CAST.says("mara", "Halt!")
    planned = plan(stage, owner, shorter.submission())
    assert planned.removed == ["line_2", "line_3", "line_4"]
    assert (planned.has_work, planned.price) == (False, 0)
    apply(stage, owner, shorter.submission(), agreed=planned.digest())
    with stage.database.read() as session:
        assert session.scalars(select(Line.line_id)).all() == ["line_1"]
    assert plan(stage, owner, SHEET.submission()).price == 0


def test_lines_that_sound_the_same_are_made_and_paid_for_once(stage: Stage, owner: str) -> None:
    barks = CAST.says("mara", "Halt!", "Halt!", " Halt! ")
    planned = plan(stage, owner, barks.submission())
    assert [line.shares_with for line in planned.lines] == [None, "line_1", "line_1"]
    apply(stage, owner, barks.submission(), budget=planned.price)
    stage.settle_down(4)
    assert list(stage.provider.spoken).count("Halt!") == 1
    with stage.database.read() as session:
        lines = views.line_takes(session, owner, "game")
    assert len({line["object_key"] for line in lines}) == 1
    assert {line["state"] for line in lines} == {"done"}


@on_sqlite
def test_another_productions_take_is_found(stage: Stage, owner: str) -> None:
    apply(stage, owner, SHEET.submission())
    stage.settle_down(4)
    planned = plan(stage, owner, SHEET.submission(production="sequel"))
    assert set(reasons(planned).values()) == {Reason.REUSED}
    assert planned.price == 0


@on_sqlite
def test_what_failed_is_planned_once_more(stage: Stage, owner: str) -> None:
    stage.provider.will_speak(*(Refused("no") for _ in range(6)))
    apply(stage, owner, SHEET.submission())
    stage.settle_down(4)
    planned = plan(stage, owner, SHEET.submission())
    assert Reason.FAILED in reasons(planned).values()
    apply(stage, owner, SHEET.submission(), agreed=planned.digest(), budget=planned.price)
    stage.settle_down(4)
    assert set(reasons(plan(stage, owner, SHEET.submission())).values()) == {Reason.REUSED}


def test_what_is_under_way_costs_a_second_run_nothing(stage: Stage, owner: str) -> None:
    first = apply(stage, owner, SHEET.submission())
    planned = plan(stage, owner, SHEET.submission())
    assert set(reasons(planned).values()) == {Reason.UNDER_WAY}
    assert (planned.price, planned.has_work) == (0, False)
    second = apply(stage, owner, SHEET.submission(), agreed=planned.digest(), budget=0)
    stage.settle_down(4)
    assert {run(stage, first).state, run(stage, second).state} == {RunState.DONE}
    with stage.database.read() as session:
        assert session.get_one(Budget, second).spent == 0
        assert session.get_one(Budget, first).spent == PRICE


@on_sqlite
def test_an_unclear_voice_and_its_lines_cost_nothing_until_a_person_decides(stage: Stage, owner: str) -> None:
    stage.provider.will_make(Ambiguous("reset"))
    apply(stage, owner, SHEET.submission())
    stage.settle_down(4)
    planned = plan(stage, owner, SHEET.submission())
    assert Reason.UNCLEAR in {voice.reason for voice in planned.voices}
    assert (planned.price, planned.has_work) == (0, False)
    apply(stage, owner, SHEET.submission(), agreed=planned.digest(), budget=0)
    stage.settle_down(3)
    assert len(stage.provider.voice_calls) == 2


@on_sqlite
@pytest.mark.parametrize(
    "change",
    [
        {"lines": CAST.says("mara", "Halt at once!").lines},
        {"production": "another-game"},
        {"settings": Settings(model="stage-fast", format="wav")},
    ],
)
def test_a_sheet_that_changed_since_the_plan_is_refused(stage: Stage, owner: str, change: dict[str, Any]) -> None:
    agreed = plan(stage, owner, SHEET.submission()).digest()
    before = counts(stage)
    drifted = planning.Submission(replace(SHEET.project(), **change), SHEET.submission().references)
    with stage.edge.write() as session, pytest.raises(Conflict):
        planning.apply(session, owner, drifted, factories.market(), agreed=agreed, budget=None)
    assert counts(stage) == before


@on_sqlite
def test_a_world_that_changed_since_the_plan_is_refused(stage: Stage, owner: str) -> None:
    agreed = plan(stage, owner, SHEET.submission()).digest()
    apply(stage, owner, SHEET.submission())
    stage.settle_down(4)
    with stage.edge.write() as session, pytest.raises(Conflict):
        planning.apply(session, owner, SHEET.submission(), factories.market(), agreed=agreed, budget=None)


@on_sqlite
def test_a_price_that_changed_since_the_plan_is_refused(stage: Stage, owner: str) -> None:
    agreed = plan(stage, owner, SHEET.submission()).digest()
    dearer = factories.market(replace(PRICES, clone_micros=PRICES.clone_micros + 1))
    with stage.edge.write() as session, pytest.raises(Conflict):
        planning.apply(session, owner, SHEET.submission(), dearer, agreed=agreed, budget=None)


def test_two_applies_of_one_plan_at_once_are_one_run_and_a_conflict(stage: Stage, owner: str) -> None:
    submission = SHEET.submission()
    agreed = plan(stage, owner, submission).digest()
    together = threading.Barrier(2)

    def start(_: int) -> bool:
        together.wait()
        try:
            with stage.edge.write() as session:
                planning.apply(session, owner, submission, factories.market(), agreed=agreed, budget=None)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(start, range(2))) == [False, True]


@on_sqlite
@pytest.mark.parametrize(
    ("consent", "field"),
    [
        ({"synthetic": True}, "statement"),
        ({"statement": "Yes."}, "granted_by"),
        ({"statement": "Yes.", "granted_by": "Mara", "granted_on": date(2999, 1, 1)}, "granted_on"),
        ({"synthetic": True, "statement": "Yes.", "expires_on": date(2020, 1, 1)}, "expires_on"),
        ({"synthetic": True, "statement": "Yes.", "scope": {"productions": ["show"]}}, "scope.productions"),
        ({"synthetic": True, "statement": "Yes.", "scope": {"languages": ["de"]}}, "scope.languages"),
        ({"synthetic": True, "statement": "Yes.", "scope": {"characters": ["other"]}}, "scope.characters"),
    ],
)
def test_without_consent_nothing_is_planned_and_the_field_is_named(
    stage: Stage, owner: str, consent: dict[str, object], field: str
) -> None:
    sheet = Sheet().cloned("mara", consent=factories.talent("mara", **consent)).says("mara", "Halt!")
    with stage.database.read() as session, pytest.raises(ConsentRequired, match=rf"talents\.mara\.consent\.{field}"):
        planning.draw_up(session, owner, sheet.submission(), factories.market())


@on_sqlite
def test_every_talent_without_consent_is_named_at_once(stage: Stage, owner: str) -> None:
    mute = [replace(factories.talent(name), consent=None) for name in ("mara", "bram")]
    sheet = Sheet().cloned("mara", consent=mute[0]).cloned("bram", consent=mute[1])
    with stage.database.read() as session, pytest.raises(ConsentRequired) as refused:
        planning.draw_up(session, owner, sheet.submission(), factories.market())
    assert refused.value.data["fields"] == ["talents.mara.consent", "talents.bram.consent"]


def test_a_consent_declared_twice_is_stored_once_and_a_changed_one_anew(stage: Stage, owner: str) -> None:
    sheet = Sheet().cloned("mara").says("mara", "Halt!")
    for _ in range(2):
        apply(stage, owner, sheet.submission())
    wider = factories.talent("mara", synthetic=True, statement="Nobody's voice, for anything.")
    apply(stage, owner, sheet.cloned("mara", consent=wider).submission())
    with stage.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Consent)) == 2


@on_sqlite
@pytest.mark.parametrize(
    ("project", "places"),
    [
        ({"settings": Settings(model="sold-elsewhere", format="wav")}, ["model is 'sold-elsewhere'"]),
        ({"settings": Settings(model="stage-hd", format="flac")}, ["format is 'flac'"]),
    ],
)
def test_what_the_provider_does_not_sell_is_refused_by_place(
    stage: Stage, owner: str, project: dict[str, object], places: list[str]
) -> None:
    with stage.database.read() as session, pytest.raises(UsageError) as refused:
        planning.draw_up(session, owner, SHEET.submission(**project), factories.market())
    assert [place for place in places if place in refused.value.message] == places


@on_sqlite
def test_a_character_is_checked_like_the_production(stage: Stage, owner: str) -> None:
    sheet = Sheet().system("narrator", model="sold-elsewhere")
    with stage.database.read() as session, pytest.raises(UsageError, match=r"characters\.narrator\.model"):
        planning.draw_up(session, owner, sheet.submission(), factories.market())


@on_sqlite
def test_a_missing_recording_is_named(stage: Stage, owner: str) -> None:
    submission = planning.Submission(SHEET.project(), {})
    with stage.database.read() as session, pytest.raises(UsageError, match=r"references/mara\.wav"):
        planning.draw_up(session, owner, submission, factories.market())


@on_sqlite
@pytest.mark.parametrize(
    ("budget", "own", "cap"), [(None, None, UNLIMITED), (None, 700, 700), (900, 700, 900), (0, 700, 0)]
)
def test_the_run_has_the_cap_that_was_given_or_the_projects_own(
    stage: Stage, owner: str, budget: int | None, own: int | None, cap: int
) -> None:
    started = apply(stage, owner, SHEET.submission(budget_micros=own), budget=budget, mode=BudgetMode.SOFT)
    with stage.database.read() as session:
        assert session.get_one(Budget, started).cap == cap
    stage.messages.lose_all()


def test_two_accounts_see_nothing_of_each_other(stage: Stage, owner: str) -> None:
    apply(stage, owner, SHEET.submission())
    stage.settle_down(4)
    with stage.database.write() as session:
        other = factories.account(session).id
    assert plan(stage, other, SHEET.submission()).price == PRICE
    with stage.database.read() as session:
        assert views.line_takes(session, other, "game") == []
        assert views.productions(session, other) == []
        assert views.voices(session, other) == []
        assert statements.transfers(session, other) == []


def test_names_as_long_as_a_sheet_may_have_fit_the_rows(stage: Stage, owner: str) -> None:
    long = "m" * 200
    sheet = Sheet().cloned(long).system("narrator", "v" * 100).says(long, "Halt!", "Stop!").says("narrator", "Then.")
    project: Project = sheet.project(language="de-Latn-DE-1996-rozaj-biske", title="T" * 200)
    talent = replace(sheet.talents[long], reference=f"references/{'r' * 300}.wav")
    submission = planning.Submission(
        replace(project, talents={long: talent}), {talent.reference: factories.sha256("mara")}
    )
    stage.add_recording()
    with stage.edge.write() as session:
        started = planning.apply(session, owner, submission, factories.market(), agreed=None, budget=None).id
    stage.messages.lose_all()
    with stage.database.write() as session:
        prepared = {"normalised_key": f"references/{factories.sha256('mara')}.wav", "normalised_mime": "audio/wav"}
        session.execute(update(Reference).values(state=ReferenceState.READY, **prepared))
    stage.settle_down(4)
    assert run(stage, started).state is RunState.DONE
    with stage.database.read() as session:
        assert set(session.scalars(select(Voice.state))) == {VoiceState.READY}


@on_sqlite
def test_a_description_makes_a_voice(stage: Stage, owner: str) -> None:
    sheet = Sheet().designed("knight", "A weary knight.").says("knight", "At last.")
    planned = plan(stage, owner, sheet.submission())
    assert planned.voices[0].price == PRICES.design_micros + AUDITION
    started = apply(stage, owner, sheet.submission(), agreed=planned.digest(), budget=planned.price)
    stage.settle_down(4)
    assert run(stage, started).state is RunState.DONE


def test_a_status_counts_takes_voices_and_failures(stage: Stage, owner: str) -> None:
    stage.provider.will_make(Refused("too noisy"))
    started = apply(stage, owner, SHEET.submission())
    stage.settle_down(4)
    with stage.database.read() as session:
        status = views.run_status(session, views.find_run(session, owner))
    assert (status["id"], status["state"]) == (started, "partial")
    assert sum(failure["count"] for failure in status["failures"]) == status["takes"]["blocked"] > 0
    assert {failure["cause"] for failure in status["failures"]} == {"refused"}
    assert status["held_micros"] == 0
    assert {voice["state"] for voice in status["voices"]} == {"ready", "failed"}
