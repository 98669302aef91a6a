"""One wanted voice with a line, and its attempt step by step, as a worker would take it."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from sqlalchemy import select, update

from pipeline.intake.models import Run
from pipeline.ledger.models import Budget, Hold, Transfer
from pipeline.provider.errors import ProviderError
from pipeline.provider.port import VoiceResult
from pipeline.speech.models import Take
from pipeline.voices import service as voices
from pipeline.voices.models import Attempt, Orphan, Voice
from pipeline.voices.rules import VoiceState
from tests.support import factories
from tests.support.fakes import PROVIDER
from tests.support.stage import AN_HOUR_MS, TIMEOUT_SECONDS, Stage

T = TypeVar("T")


@dataclass(frozen=True)
class Wanted:
    """A wanted voice and one line of it."""

    run_id: str
    voice_id: str
    account_id: str


def want(stage: Stage, name: str = "mara", *, run_id: str | None = None) -> Wanted:
    """Want a voice whose recording is ready, with a line, in a run of its own or in the one named."""
    stage.add_recording(name)
    with stage.edge.write() as session:
        started = session.get_one(Run, run_id) if run_id else factories.run(session, factories.account(session))
        made = factories.voice(session, started, name)
        factories.take(session, started, made, f"This is {name}.")
        return Wanted(started.id, made.id, started.account_id)


def apply_again(stage: Stage, wanted: Wanted, name: str = "mara") -> str:
    """Want the same voice and line in a new run of the same account, and return the run's id."""
    with stage.edge.write() as session:
        again = factories.run(session, factories.account_of(session, wanted.account_id))
        factories.take(session, again, factories.voice(session, again, name), f"This is {name}.")
        return again.id


def attempts(stage: Stage) -> list[Attempt]:
    """Return every attempt, oldest first."""
    with stage.database.read() as session:
        return list(session.scalars(select(Attempt).order_by(Attempt.id)))


def attempt(stage: Stage) -> Attempt:
    """Return the one attempt there is."""
    (found,) = attempts(stage)
    return found


def voice(stage: Stage) -> Voice:
    """Return the one voice there is."""
    with stage.database.read() as session:
        return session.scalars(select(Voice)).one()


def voice_states(stage: Stage) -> list[VoiceState]:
    """Return how far each voice is, oldest first."""
    with stage.database.read() as session:
        return list(session.scalars(select(Voice.state).order_by(Voice.id)))


def line(stage: Stage) -> Take:
    """Return the take of the one line there is."""
    with stage.database.read() as session:
        return session.scalars(select(Take).where(Take.kind == "line")).one()


def orphans(stage: Stage) -> list[Orphan]:
    """Return every voice that came too late."""
    with stage.database.read() as session:
        return list(session.scalars(select(Orphan).order_by(Orphan.id)))


def hold(stage: Stage, attempt_id: str) -> Hold:
    """Return what is or was held for an attempt."""
    with stage.database.read() as session:
        return session.get_one(Hold, attempt_id)


def budget(stage: Stage, owner: str) -> Budget:
    """Return the budget of an owner."""
    with stage.database.read() as session:
        return session.get_one(Budget, owner)


def paid(stage: Stage, voice_id: str) -> list[tuple[str, int]]:
    """Return what was paid for a voice: kind and micro-dollars, oldest first."""
    with stage.database.read() as session:
        rows = session.scalars(select(Transfer).where(Transfer.subject == voice_id).order_by(Transfer.id))
        return [(row.kind.value, row.amount) for row in rows]


def before(stage: Stage) -> voices.Before:
    """Read the provider's account as a worker does before a paid call."""
    with stage.database.read() as session:
        books = voices.read_before(session, PROVIDER)
    return replace(books, balance=voices.balance(stage.provider))


def job_of(stage: Stage, attempt_id: str) -> voices.Job:
    """Return what an attempt asks for."""
    with stage.database.read() as session:
        job = voices.job(session, attempt_id)
    assert job is not None
    return job


def begin(stage: Stage, job: voices.Job, *, seconds: float = TIMEOUT_SECONDS) -> voices.Claim | None:
    """Claim an attempt."""
    seen = before(stage)
    with stage.edge.write() as session:
        return voices.begin(session, job, holder=stage.edge.holder, timeout=seconds, before=seen)


def send(stage: Stage) -> voices.Claim:
    """Reserve and claim the newest attempt, as a worker does before its call."""
    stage.hand_on()
    claim = begin(stage, job_of(stage, attempts(stage)[-1].id))
    assert claim is not None
    return claim


def settle(stage: Stage, claim: voices.Claim, outcome: VoiceResult | ProviderError) -> None:
    """Record what came of a call."""
    with stage.edge.write() as session:
        voices.settle(session, claim, outcome, capabilities=stage.provider.abilities)


def decide(stage: Stage, wanted: Wanted, subject: str, action: voices.Action, voice_id: str | None = None) -> None:
    """Decide as a person does."""
    decided = voices.Decided(action, actor="key_1 by ines", reason="Asked the provider.", provider_voice_id=voice_id)
    with stage.edge.write() as session:
        voices.decide(session, wanted.account_id, subject, decided, capabilities=stage.provider.abilities)


def reconcile(stage: Stage, attempt_id: str) -> None:
    """Look at the evidence of an attempt in doubt now."""
    with stage.edge.write() as session:
        session.execute(update(Attempt).where(Attempt.id == attempt_id).values(not_before=0))
    stage.run("voices.reconcile", attempt_id)


def let_doubts_age(stage: Stage) -> None:
    """Let an hour go by for attempts in doubt."""
    with stage.database.write() as session:
        session.execute(update(Attempt).values(doubted_at=Attempt.doubted_at - AN_HOUR_MS, not_before=0))


def at_once(actions: Sequence[Callable[[], T]]) -> list[T]:
    """Do each in a thread of its own, all starting together."""
    ready = threading.Barrier(len(actions))

    def wait_and(act: Callable[[], T]) -> T:
        ready.wait()
        return act()

    with ThreadPoolExecutor(len(actions)) as threads:
        return [done.result(timeout=60) for done in [threads.submit(wait_and, action) for action in actions]]
