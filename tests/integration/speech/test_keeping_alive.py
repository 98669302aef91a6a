"""The seven days in which a new voice has to speak, against the sandbox and by the sandbox's clock."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select, update

from pipeline.db.clock import now_ms
from pipeline.db.engine import Database
from pipeline.intake.models import Run, RunState
from pipeline.intake.rules import Settings
from pipeline.ledger.models import Transfer, TransferKind
from pipeline.ledger.prices import store_prices
from pipeline.planning import service as planning
from pipeline.planning.market import Market
from pipeline.planning.rules import Plan, Reason
from pipeline.provider.kyma import Kyma
from pipeline.speech.models import Take
from pipeline.speech.rules import TakeKind, TakeState
from pipeline.speech.service import sweeping
from pipeline.voices.models import Attempt, Voice
from pipeline.voices.rules import ACTIVATION_LINE, GONE
from tests.support import factories
from tests.support.databases import on_sqlite
from tests.support.fakes import PROVIDER, tone
from tests.support.sandbox import RunningSandbox, running_sandbox
from tests.support.stage import Stage, open_stage
from workers import relay

pytestmark = on_sqlite

DAY = 24 * 3600
LINE = "Who goes there?"
SHEET = factories.Sheet().cloned("mara").says("mara", LINE)
CLONE_MICROS = 2_100_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    keys = {"key-ann": "ann:lab:500"}
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), keys=keys, flags=("--expire-unused",)) as running:
        yield running


@pytest.fixture
def sandbox(server: RunningSandbox) -> RunningSandbox:
    server.control("reset", {})
    return server


@pytest.fixture
def stage(database: Database, tmp_path: Path, sandbox: RunningSandbox) -> Iterator[Stage]:
    """The pipeline on one thread, and a sandbox that speaks."""
    kyma = Kyma(name=PROVIDER, base_url=f"{sandbox.base_url}/v1", api_key=sandbox.keys["ann"], lateness_seconds=0.0)
    with closing(kyma), open_stage(database, tmp_path, kyma) as opened:
        with database.write() as session:
            store_prices(session, PROVIDER, kyma.prices())
        opened.store.put(f"references/{factories.sha256('mara')}.wav", tone(12.0), content_type="audio/wav")
        yield opened


@pytest.fixture
def owner(stage: Stage) -> str:
    with stage.edge.write() as session:
        account = factories.account(session)
        factories.reference(session, account, "mara")
        return account.id


def market(stage: Stage) -> Market:
    return Market(PROVIDER, stage.edge.provider.capabilities(), stage.edge.provider.prices())


def submission() -> planning.Submission:
    return SHEET.submission(settings=Settings(model="minimax-speech-turbo", format="mp3"))


def plan(stage: Stage, owner: str) -> Plan:
    with stage.database.read() as session:
        return planning.draw_up(session, owner, submission(), market(stage))


def apply(stage: Stage, owner: str) -> str:
    with stage.edge.write() as session:
        return planning.apply(session, owner, submission(), market(stage), agreed=None, budget=None).id


def make_a_silent_voice(stage: Stage, owner: str, sandbox: RunningSandbox) -> str:
    """Let a run clone a voice whose first words and lines all fail, and end."""
    sandbox.break_at({"point": "502_json", "route": "speech"})
    started = apply(stage, owner)
    stage.settle_down(12)
    sandbox.break_at()
    with stage.database.read() as session:
        assert session.get_one(Run, started).state is RunState.PARTIAL
    assert (voice(stage).spoke_at, calls(sandbox, "speech")) == (None, [])
    return started


def lose_a_voice(stage: Stage, owner: str, sandbox: RunningSandbox) -> str:
    """Let a run clone a voice and then wait for money until the voice has lapsed; return the lost voice's id."""
    sandbox.break_at({"point": "402", "route": "speech"})
    apply(stage, owner)
    stage.settle_down(3)
    lost = voice(stage).provider_voice_id
    assert lost is not None
    let_days_pass(stage, sandbox, 8)
    sandbox.break_at()
    return lost


def let_days_pass(stage: Stage, sandbox: RunningSandbox, days: float) -> None:
    """Move the provider's clock on, and let the sweeper notice."""
    sandbox.advance(days * DAY)
    relay.read_account(stage.edge)
    stage.settle_down(6)


def voice(stage: Stage) -> Voice:
    with stage.database.read() as session:
        return session.scalars(select(Voice)).one()


def audition(stage: Stage) -> Take:
    with stage.database.read() as session:
        return session.scalars(select(Take).where(Take.kind == TakeKind.AUDITION)).one()


def calls(sandbox: RunningSandbox, operation: str) -> list[dict[str, object]]:
    return [charge for charge in sandbox.ledger()["charges"] if charge["operation"] == operation]


def test_a_voice_knows_its_deadline_by_the_providers_clock(stage: Stage, owner: str, sandbox: RunningSandbox) -> None:
    sandbox.advance(1_000 * DAY)
    apply(stage, owner)
    stage.settle_down(3)
    made = voice(stage)
    assert made.lapses_at is not None
    days = (made.lapses_at - time.time() * 1000) / (DAY * 1000)
    assert days == pytest.approx(1_000 + 7, abs=0.01)


def test_a_voice_about_to_lapse_is_spoken_once_more_although_its_run_has_ended(
    stage: Stage, owner: str, sandbox: RunningSandbox
) -> None:
    started = make_a_silent_voice(stage, owner, sandbox)
    let_days_pass(stage, sandbox, 5)
    assert calls(sandbox, "speech") == []
    let_days_pass(stage, sandbox, 1.5)
    first_words = audition(stage)
    assert (first_words.state, first_words.text) == (TakeState.DONE, ACTIVATION_LINE)
    assert first_words.run_id == started
    assert voice(stage).spoke_at is not None
    let_days_pass(stage, sandbox, 30)
    assert (voice(stage).problem, len(calls(sandbox, "speech"))) == (None, 1)
    again = apply(stage, owner)
    stage.settle_down(6)
    with stage.database.read() as session:
        assert session.get_one(Run, again).state is RunState.DONE
    assert len(calls(sandbox, "voice-clone")) == 1


def test_without_the_watch_the_voice_is_lost_and_paid_for_twice(
    stage: Stage, owner: str, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_a_silent_voice(stage, owner, sandbox)
    with monkeypatch.context() as unwatched:
        unwatched.setattr(sweeping, "keep_alive", lambda _: None)
        let_days_pass(stage, sandbox, 6.5)
        let_days_pass(stage, sandbox, 1)
    let_days_pass(stage, sandbox, 0.1)
    assert voice(stage).problem == GONE
    apply(stage, owner)
    stage.settle_down(6)
    assert len(calls(sandbox, "voice-clone")) == 2


def test_a_lapsed_voice_stops_its_lines_and_stands_in_the_next_plan_with_its_price(
    stage: Stage, owner: str, sandbox: RunningSandbox
) -> None:
    lost = lose_a_voice(stage, owner, sandbox)
    gone = voice(stage)
    assert gone.problem == GONE
    assert gone.message is not None
    assert all(told in gone.message for told in ("mara", lost, "callsheet plan", "callsheet apply"))
    with stage.database.read() as session:
        stopped = session.execute(select(Take.state, Take.error_kind, Take.error)).all()
        assert session.scalars(select(Run.state)).one() is RunState.PARTIAL
    assert set(stopped) == {(TakeState.BLOCKED, GONE, gone.message)}
    (planned,) = plan(stage, owner).voices
    assert (planned.reason, planned.message) == (Reason.LAPSED, gone.message)
    assert planned.price > CLONE_MICROS
    assert len(calls(sandbox, "voice-clone")) == 1


def test_applying_makes_a_lapsed_voice_anew_and_its_lines_are_spoken(
    stage: Stage, owner: str, sandbox: RunningSandbox
) -> None:
    lost = lose_a_voice(stage, owner, sandbox)
    price = plan(stage, owner).price
    started = apply(stage, owner)
    stage.settle_down(6)
    anew = voice(stage)
    assert (anew.problem, anew.provider_voice_id != lost) == (None, True)
    with stage.database.read() as session:
        assert session.get_one(Run, started).state is RunState.DONE
        generations = session.scalars(select(Attempt.generation).order_by(Attempt.id)).all()
        clones = session.scalars(select(Transfer.amount).where(Transfer.kind == TransferKind.CLONE)).all()
        spent = session.scalars(select(Transfer.amount).where(Transfer.run_id == started)).all()
    assert (generations, clones) == ([1, 2], [CLONE_MICROS] * 2)
    assert sum(spent) == price
    assert len(calls(sandbox, "voice-clone")) == 2


def test_a_lapsed_voice_that_has_nothing_to_say_is_not_made_again(
    stage: Stage, owner: str, sandbox: RunningSandbox
) -> None:
    lose_a_voice(stage, owner, sandbox)
    with stage.database.write() as session:
        line = session.scalars(select(Take).where(Take.kind == TakeKind.LINE)).one()
        line.state, line.object_key = TakeState.DONE, "speech/mara.mp3"
    (planned,) = plan(stage, owner).voices
    assert (planned.reason, planned.price) == (Reason.REUSED, 0)
    apply(stage, owner)
    stage.settle_down(3)
    assert (voice(stage).problem, len(calls(sandbox, "voice-clone"))) == (GONE, 1)


def test_first_words_that_failed_are_not_tried_at_every_look(stage: Stage, owner: str, sandbox: RunningSandbox) -> None:
    make_a_silent_voice(stage, owner, sandbox)
    with stage.database.write() as session:
        session.execute(update(Take).values(not_before=now_ms()))
    sandbox.advance(6.2 * DAY)
    relay.read_account(stage.edge)
    for _ in range(3):
        stage.sweep()
        stage.work()
    assert calls(sandbox, "speech") == []
    stage.settle_down(3)
    assert len(calls(sandbox, "speech")) == 1
