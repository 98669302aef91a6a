"""What a run may pay for nothing is bounded; a run that reaches the bound stops and can be applied again."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select, update

from pipeline.intake.models import Run, RunState
from pipeline.ledger.models import Account
from pipeline.provider.errors import ProviderFailed
from pipeline.speech import service as speech
from pipeline.speech.models import Take
from pipeline.speech.rules import LEAST_WASTE, TakeState
from pipeline.speech.service import speaking
from pipeline.storage.port import StoreUnavailable
from pipeline.voices.models import Voice
from tests.support import factories
from tests.support.databases import on_sqlite
from tests.support.fakes import PROVIDER
from tests.support.stage import Stage

LINES = 50
USELESS = ProviderFailed("the provider's answer is no audio", charged_micros=500)


def start(stage: Stage, lines: int = LINES, *, again: str | None = None) -> str:
    with stage.edge.write() as session:
        earlier = session.get_one(Run, again) if again else None
        owner = session.get_one(Account, earlier.account_id) if earlier else factories.account(session)
        started = factories.run(session, owner)
        voice = session.scalars(select(Voice)).one() if again else factories.system_voice(session, started)
        speech.want(session, started, [factories.wanted_take(voice, f"Line {number}.") for number in range(lines)])
        speech.dispatch(session, PROVIDER)
        return started.id


def run(stage: Stage, run_id: str) -> Run:
    with stage.database.read() as session:
        return session.get_one(Run, run_id)


def states(stage: Stage) -> dict[TakeState, int]:
    with stage.database.read() as session:
        return dict(session.execute(select(Take.state, func.count()).group_by(Take.state)).all())


def answer_uselessly(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every call be charged and bring nothing, on a line of its own: no line comes to its third attempt."""
    monkeypatch.setattr(speaking, "OUTAGES", frozenset())  # the account's breaker is another test's matter
    stage.provider.will_speak(*[USELESS] * 4 * LINES)


def test_a_run_that_pays_for_nothing_stops_at_its_bound(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_uselessly(stage, monkeypatch)
    started = start(stage)
    stage.settle_down(5)
    stopped = run(stage, started)
    assert (stopped.state, stopped.reason) == (RunState.STOPPED, "waste_cap")
    assert LEAST_WASTE < stopped.wasted <= LEAST_WASTE + 8  # what was in flight when the bound was reached
    assert len(stage.provider.speech_calls) == stopped.wasted
    assert set(states(stage)) == {TakeState.BLOCKED}


def test_without_the_bound_every_line_pays_three_times_for_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_uselessly(stage, monkeypatch)
    monkeypatch.setattr(speaking, "waste", lambda *_: None)
    monkeypatch.setattr(speaking, "note_failure", lambda *_: None)  # else the third line that fails pauses the run
    start(stage)
    stage.settle_down(6)
    assert len(stage.provider.speech_calls) == 3 * LINES


@on_sqlite
def test_applying_again_goes_on_with_a_bound_of_its_own(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_uselessly(stage, monkeypatch)
    first = start(stage)
    stage.settle_down(5)
    stage.provider.speeches.clear()
    second = start(stage, again=first)
    stage.settle_down(5)
    assert run(stage, second).state is RunState.DONE
    assert states(stage) == {TakeState.DONE: LINES}
    assert run(stage, second).wasted == 0


@on_sqlite
def test_a_large_run_may_waste_two_per_cent_of_its_lines(stage: Stage) -> None:
    started = start(stage, 1_500)
    with stage.edge.write() as session:
        session.execute(update(Run).values(wasted=29))
        speaking.waste(session, started)
        assert session.get_one(Run, started, populate_existing=True).reason is None
        speaking.waste(session, started)
        assert session.get_one(Run, started, populate_existing=True).reason == "waste_cap"


@on_sqlite
def test_a_useless_answer_that_the_next_one_makes_good_is_one_wasted_call(stage: Stage) -> None:
    stage.provider.will_speak(USELESS)
    started = start(stage, 3)
    stage.settle_down(3)
    assert (run(stage, started).state, run(stage, started).wasted) == (RunState.DONE, 1)


def test_a_bucket_that_was_away_for_every_line_stops_no_run(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = set()

    def put(key: str, *given: object, **named: object) -> None:
        if key not in refused:
            refused.add(key)
            raise StoreUnavailable(key)
        working(key, *given, **named)

    working: Callable[..., None] = stage.store.put
    monkeypatch.setattr(stage.store, "put", put)
    started = start(stage, 2 * LEAST_WASTE)
    stage.settle_down(5)
    assert (run(stage, started).state, run(stage, started).wasted) == (RunState.DONE, 0)
    assert len(stage.provider.speech_calls) == len(refused) == 2 * LEAST_WASTE
