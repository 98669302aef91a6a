"""An account the provider refuses: everything waits, nothing fails, and it goes on by itself."""

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from pipeline import views
from pipeline.gate import Wish
from pipeline.intake.models import Run, RunState
from pipeline.ledger import provider_account
from pipeline.ledger.models import Budget
from pipeline.ledger.provider_account import FAILURES_TO_BLOCK
from pipeline.provider.errors import AccountBlocked, NotSent, ProviderError, ProviderFailed
from pipeline.provider.port import SpeechRequest, SpeechResult
from pipeline.speech import service as speech
from pipeline.speech.models import Take
from pipeline.speech.rules import MAX_CLAIMS, TakeState
from pipeline.speech.service import speaking
from tests.support import factories
from tests.support.databases import on_sqlite
from tests.support.fakes import CAPABILITIES, PROVIDER
from tests.support.fakes import speech as answer
from tests.support.stage import Stage

LINES = 60
MANY = 4_000
NO_FUNDS = AccountBlocked("stage answered speech with HTTP 402 insufficient_credits.", http_status=402)
NO_KEY = AccountBlocked("stage answered speech with HTTP 401 auth_error.", http_status=401)


class Purse:
    """Answers speech as long as there is money, and 402 from then on."""

    def __init__(self, stage: Stage, micros: int) -> None:
        self.stage = stage
        self.top_up(micros)

    def top_up(self, micros: int) -> None:
        self.stage.provider.balance = micros

    def __call__(self, request: SpeechRequest) -> SpeechResult:
        said, balance = answer(request.text), self.stage.provider.balance
        price = said.cost.charged_micros or 0
        assert isinstance(balance, int)
        if balance < price:
            raise NO_FUNDS
        self.stage.provider.balance = balance - price
        return said


def start(stage: Stage, lines: int) -> str:
    """Start a run of lines with a voice that needs no making."""
    with stage.edge.write() as session:
        started = factories.run(session, factories.account(session))
        voice = factories.system_voice(session, started)
        wanted = [factories.wanted_take(voice, f"Line {number}.") for number in range(lines)]
        speech.want(session, started, wanted)
        speech.dispatch(session, PROVIDER)
        return started.id


def states(stage: Stage) -> dict[TakeState, int]:
    with stage.database.read() as session:
        return dict(session.execute(select(Take.state, func.count()).group_by(Take.state)).all())


def run(stage: Stage, run_id: str) -> Run:
    with stage.database.read() as session:
        return session.get_one(Run, run_id)


def paused(stage: Stage, run_id: str) -> dict[str, object] | None:
    with stage.database.read() as session:
        found: dict[str, object] | None = views.run_status(session, session.get_one(Run, run_id))["paused"]
        return found


def test_when_the_money_ends_no_line_fails_and_all_are_spoken_once_there_is_more(stage: Stage) -> None:
    purse = Purse(stage, 10_000)
    stage.provider.will_speak(*[purse] * 10 * LINES)
    started = start(stage, LINES)
    stage.settle_down(5)
    waiting = states(stage)
    assert set(waiting) == {TakeState.DONE, TakeState.READY}
    assert waiting[TakeState.READY] > LINES // 2
    assert run(stage, started).state is RunState.RUNNING
    asked = len(stage.provider.speech_calls)
    stage.settle_down(5)
    assert len(stage.provider.speech_calls) == asked

    purse.top_up(10_000_000)
    stage.settle_down(5)
    assert states(stage) == {TakeState.DONE: LINES}
    assert run(stage, started).state is RunState.DONE
    with stage.database.read() as session:
        assert session.scalars(select(Take.attempt).distinct()).all() == [0]
        assert session.get_one(Budget, started).held == 0


@on_sqlite
def test_of_thousands_of_lines_a_window_is_tried_and_none_fails(stage: Stage) -> None:
    stage.provider.balance = 0
    stage.provider.will_speak(*[NO_FUNDS] * MANY)
    started = start(stage, MANY)
    stage.settle_down(3)
    assert states(stage) == {TakeState.READY: MANY}
    assert len(stage.provider.speech_calls) <= 2 * 8
    assert run(stage, started).state is RunState.RUNNING


@on_sqlite
def test_without_the_breaker_thousands_of_calls_would_be_refused(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaking, "_note_account", lambda *_: None)
    stage.provider.will_speak(*[NO_FUNDS] * 10 * LINES)
    start(stage, LINES)
    for _ in range(4):
        stage.hand_on()
    assert len(stage.provider.speech_calls) > LINES // 2


@on_sqlite
@pytest.mark.parametrize(("refusal", "code"), [(NO_FUNDS, "provider_funds"), (NO_KEY, "provider_key")])
def test_the_status_says_who_refuses_and_that_it_goes_on_by_itself(
    stage: Stage, refusal: AccountBlocked, code: str
) -> None:
    stage.provider.balance = refusal
    stage.provider.will_speak(*[refusal] * LINES)
    started = start(stage, LINES)
    stage.settle_down(2)
    told = paused(stage, started)
    assert told is not None
    assert (told["code"], told["provider"]) == (code, PROVIDER)
    assert str(refusal.http_status) in str(told["message"])
    assert told["since"]
    stage.provider.balance = 10_000_000
    stage.provider.speeches.clear()
    stage.settle_down(3)
    assert paused(stage, started) is None
    assert run(stage, started).state is RunState.DONE


@on_sqlite
def test_a_run_that_asks_nothing_of_the_blocked_account_is_not_paused(stage: Stage) -> None:
    started = start(stage, 2)
    stage.settle_down(2)
    other = start(stage, 2)
    with stage.edge.write() as session:
        provider_account.block(session, PROVIDER, kind=provider_account.Block.KEY, message="no", needs=0)
    assert paused(stage, started) is None
    assert paused(stage, other) is not None


@on_sqlite
def test_a_line_that_was_held_up_often_has_all_its_tries_left(stage: Stage) -> None:
    stage.provider.will_speak(*[NO_FUNDS] * 2 * MAX_CLAIMS)
    start(stage, 1)
    stage.settle_down(3 * MAX_CLAIMS)
    assert states(stage) == {TakeState.DONE: 1}
    assert len(stage.provider.speech_calls) == 2 * MAX_CLAIMS + 1


@on_sqlite
def test_where_no_balance_is_told_one_call_at_a_time_finds_out(stage: Stage) -> None:
    stage.provider.abilities = replace(CAPABILITIES, reports_balance=False)
    stage.provider.will_speak(*[NO_FUNDS] * 20)
    start(stage, 30)
    stage.work()
    tried = len(stage.provider.speech_calls)
    for more in range(1, 4):
        stage.pass_time()
        stage.sweep()
        stage.work()
        assert len(stage.provider.speech_calls) == tried + more
    stage.provider.speeches.clear()
    stage.settle_down(3)
    assert states(stage) == {TakeState.DONE: 30}


@pytest.mark.parametrize("failure", [ProviderFailed("HTTP 503"), NotSent("refused")])
def test_a_provider_that_is_away_is_left_alone_after_a_few_calls(stage: Stage, failure: ProviderError) -> None:
    stage.provider.will_speak(*[failure] * 100)
    stage.provider.balance = NotSent("refused")
    started = start(stage, LINES)
    stage.settle_down(3)
    assert FAILURES_TO_BLOCK <= len(stage.provider.speech_calls) <= 2 * 8
    assert TakeState.FAILED not in states(stage)
    told = paused(stage, started)
    assert told is not None
    assert told["code"] == "provider_failing"
    stage.provider.speeches.clear()
    stage.provider.balance = 10_000_000
    stage.settle_down(4)
    assert states(stage) == {TakeState.DONE: LINES}


@on_sqlite
def test_a_blocked_account_gives_no_permit(stage: Stage) -> None:
    start(stage, 1)
    with stage.edge.write() as session:
        provider_account.block(session, PROVIDER, kind=provider_account.Block.FUNDS, message="no", needs=1)
    assert stage.edge.admit(Wish(lambda _session, jobs, _holder, _seconds: jobs, "a job", 1)) is None
    stage.work()
    assert list(stage.provider.speech_calls) == []
    assert states(stage) == {TakeState.READY: 1}


def test_the_dispatcher_sends_nothing_while_the_account_is_blocked(stage: Stage) -> None:
    with stage.edge.write() as session:
        provider_account.block(session, PROVIDER, kind=provider_account.Block.FUNDS, message="no", needs=1)
    start(stage, 3)
    assert states(stage) == {TakeState.READY: 3}
    with stage.edge.write() as session:
        assert speech.dispatch(session, PROVIDER) == 0
        provider_account.unblock(session, PROVIDER)
        assert speech.dispatch(session, PROVIDER) == 3
    stage.settle_down(2)
