"""Read-only questions that cross the stages: how a run stands, what a production has, which voices there are."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import BigInteger, Select, case, cast, exists, func, select
from sqlalchemy.orm import Session

from pipeline.db.clock import iso, now_ms
from pipeline.errors import NotFound
from pipeline.intake.models import Line, Production, Run, RunState
from pipeline.ledger import provider_account
from pipeline.ledger.models import Budget, ProviderAccount
from pipeline.ledger.money import UNLIMITED
from pipeline.references.models import Reference
from pipeline.speech.models import RunTake, Take
from pipeline.speech.rules import OPEN, TakeState
from pipeline.voices.models import Attempt, Voice
from pipeline.voices.rules import AttemptState, VoiceState

PAGE_LIMIT = 1_000


def find_run(session: Session, account_id: str, run_id: str | None = None) -> Run:
    """Return a run of the account, its newest without an id; raises `NotFound`."""
    mine = select(Run).where(Run.account_id == account_id)
    query = mine.where(Run.id == run_id) if run_id else mine.order_by(Run.id.desc()).limit(1)
    run = session.scalar(query)
    if run is None:
        named = f"There is no run {run_id}." if run_id else "There is no run yet."
        raise NotFound(named, hint="`callsheet status --all` lists the runs; `callsheet apply` starts one.")
    return run


def run_status(session: Session, run: Run) -> dict[str, Any]:
    """Tell how a run stands: counts, money in micro-dollars, voices, and failures grouped by their cause."""
    production = session.get_one(Production, run.production_id)
    budget = session.get_one(Budget, run.id)
    counts = _take_counts(session, run.id)
    now = session.scalar(select(now_ms())) or 0
    return {
        "id": run.id,
        "production": production.name,
        "state": run.state,
        "reason": run.reason,
        "paused": _paused(session, run),
        "takes": {"total": sum(counts.values()), **{state.value: counts.get(state, 0) for state in TakeState}},
        "voices": _run_voices(session, run.id),
        "failures": _failures(session, run.id),
        "unclear_attempts": _unclear(session, run.id),
        "wasted_calls": run.wasted,
        "estimate_micros": run.estimate,
        "spent_micros": budget.spent + budget.overrun,
        "held_micros": budget.held,
        "cap_micros": None if budget.cap == UNLIMITED else budget.cap,
        "started_at": iso(run.created_at),
        "closed_at": iso(run.closed_at),
        "elapsed_seconds": ((run.closed_at or now) - run.created_at) / 1000,
    }


def runs(session: Session, account_id: str, *, after: str | None = None, limit: int = 20) -> list[dict[str, Any]]:
    """List the account's runs, newest first, from the one before `after`."""
    query = select(Run, Production.name).join(Production).where(Run.account_id == account_id)
    if after:
        query = query.where(Run.id < after)
    return [
        {
            "id": run.id,
            "production": name,
            "state": run.state,
            "reason": run.reason,
            "estimate_micros": run.estimate,
            "started_at": iso(run.created_at),
            "closed_at": iso(run.closed_at),
        }
        for run, name in session.execute(query.order_by(Run.id.desc()).limit(limit))
    ]


def productions(session: Session, account_id: str) -> list[dict[str, Any]]:
    """List the account's productions with the number of their lines and of those that are spoken."""
    spoken = func.coalesce(func.sum(case((Take.state == TakeState.DONE, 1), else_=0)), 0)
    query = (
        select(Production, func.count(Line.line_id), cast(spoken, BigInteger))
        .outerjoin(Line, Line.production_id == Production.id)
        .outerjoin(Take, (Take.fingerprint == Line.fingerprint) & (Take.account_id == Production.account_id))
        .where(Production.account_id == account_id)
        .group_by(Production.id)
        .order_by(Production.name)
    )
    return [
        {"name": row.name, "title": row.title, "language": row.language, "lines": lines, "spoken": done}
        for row, lines, done in session.execute(query)
    ]


def line_takes(
    session: Session, account_id: str, production: str, *, after: int = -1, limit: int = PAGE_LIMIT
) -> list[dict[str, Any]]:
    """List a production's lines from position `after` on, each with the take that speaks it."""
    query = (
        select(Line, Take)
        .join(Production, Production.id == Line.production_id)
        .outerjoin(Take, (Take.fingerprint == Line.fingerprint) & (Take.account_id == account_id))
        .where(Production.account_id == account_id, Production.name == production, Line.position > after)
        .order_by(Line.position)
        .limit(limit)
    )
    return [_line_take(line, take) for line, take in session.execute(query)]


def voices(session: Session, account_id: str) -> list[dict[str, Any]]:
    """List the account's voices with what they are made of and what became of them."""
    query = select(Voice, Reference).outerjoin(Reference, Reference.id == Voice.reference_id)
    rows = session.execute(query.where(Voice.account_id == account_id).order_by(Voice.id))
    return [
        {
            "id": voice.id,
            "label": voice.label,
            "kind": voice.kind,
            "provider": voice.provider,
            "state": voice.state,
            "voice_id": voice.provider_voice_id,
            "problem": voice.problem,
            "message": voice.message,
            "made_of": reference.filename if reference else voice.description or voice.provider_voice_id,
            "measured": reference.measured if reference else None,
            "activated_at": iso(voice.spoke_at),
            "created_at": iso(voice.created_at),
        }
        for voice, reference in rows
    ]


def unclear_attempts(attempts: Iterable[Attempt]) -> list[dict[str, Any]]:
    """Describe attempts that wait for evidence or for a person."""
    return [
        {
            "id": attempt.id,
            "voice": attempt.voice_id,
            "state": attempt.state,
            "label": attempt.label,
            "price_micros": attempt.price,
            "balance_before_micros": attempt.balance_before,
            "error": attempt.error,
            "sent_at": iso(attempt.sent_at),
        }
        for attempt in attempts
    ]


def is_running(status: dict[str, Any]) -> bool:
    """Tell whether a run's status can still change."""
    return bool(status["state"] == RunState.RUNNING)


def _paused(session: Session, run: Run) -> dict[str, Any] | None:
    """Tell what holds a running run up at its provider, and since when."""
    if run.state is not RunState.RUNNING:
        return None
    asks = exists().where(
        RunTake.run_id == run.id,
        RunTake.take_id == Take.id,
        Take.state.in_(OPEN),
        Take.provider == ProviderAccount.provider,
    )
    making = exists().where(
        Voice.run_id == run.id, Voice.state == VoiceState.WANTED, Voice.provider == ProviderAccount.provider
    )
    blocked = session.scalar(select(ProviderAccount).where(ProviderAccount.blocked_at.is_not(None), asks | making))
    fault = provider_account.fault(session, blocked.provider) if blocked else None
    if blocked is None or fault is None:
        return None
    return {**fault.as_dict(), "provider": blocked.provider, "since": iso(blocked.blocked_at)}


def _take_counts(session: Session, run_id: str) -> dict[TakeState, int]:
    query = select(Take.state, func.count()).join(RunTake, RunTake.take_id == Take.id)
    rows = session.execute(query.where(RunTake.run_id == run_id).group_by(Take.state))
    return dict(rows.all())


def _run_voices(session: Session, run_id: str) -> list[dict[str, Any]]:
    rows = session.scalars(select(Voice).where(Voice.id.in_(_cast(run_id))).order_by(Voice.id))
    return [
        {"label": voice.label, "kind": voice.kind, "state": voice.state, "problem": voice.problem} for voice in rows
    ]


def _cast(run_id: str) -> Select[str]:
    return select(Take.voice_id).join(RunTake, RunTake.take_id == Take.id).where(RunTake.run_id == run_id)


def _failures(session: Session, run_id: str) -> list[dict[str, Any]]:
    bad = Take.state.in_((TakeState.FAILED, TakeState.BLOCKED))
    query = (
        select(Take.error_kind, Take.error, func.count())
        .join(RunTake, RunTake.take_id == Take.id)
        .where(RunTake.run_id == run_id, bad)
        .group_by(Take.error_kind, Take.error)
        .order_by(func.count().desc())
    )
    return [{"cause": cause, "message": message, "count": count} for cause, message, count in session.execute(query)]


def _unclear(session: Session, run_id: str) -> int:
    states = [state for state in AttemptState if state.is_unclear()]
    query = select(func.count()).where(Attempt.voice_id.in_(_cast(run_id)), Attempt.state.in_(states))
    return session.scalar(query) or 0


def _line_take(line: Line, take: Take | None) -> dict[str, Any]:
    return {
        "id": line.line_id,
        "position": line.position,
        "character": line.character,
        "text": line.text,
        "direction": line.direction,
        "extras": line.extras,
        "take": take.id if take else None,
        "state": take.state if take else "missing",
        "error": take.error if take else None,
        "object_key": take.object_key if take else None,
        "format": take.format if take else None,
        "seconds": take.seconds if take else None,
        "sha256": take.sha256 if take else None,
        "cost_micros": take.cost if take else None,
        "voice": take.voice_id if take else None,
    }
