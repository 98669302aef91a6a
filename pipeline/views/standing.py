"""How a run stands: asked again and again while it runs, so that nothing here is counted row by row."""

from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from pipeline.db import limits
from pipeline.db.clock import iso, now_ms
from pipeline.errors import CallsheetError, NeedsReconcile, RunPaused, SystemicFailure
from pipeline.intake import service as intake
from pipeline.intake.models import Production, Run, RunState
from pipeline.intake.rules import STREAK_TO_PAUSE
from pipeline.ledger import provider_account
from pipeline.ledger.models import Budget, ProviderAccount
from pipeline.ledger.money import UNLIMITED
from pipeline.speech import service as speech
from pipeline.speech.models import RunTake, RunVoice, Take
from pipeline.speech.rules import IN_WINDOW, TakeState
from pipeline.views.bad_again import bad_again
from pipeline.views.causes import SAID, next_step
from pipeline.views.hearing import heard_of_run, in_review
from pipeline.views.pace import pace
from pipeline.views.takes import wanting_retakes
from pipeline.voices.models import Attempt, Voice
from pipeline.voices.rules import AttemptState, VoiceState

BAD = (TakeState.FAILED, TakeState.BLOCKED)
Tallies = dict[tuple[str, str], int]


def run_status(session: Session, run: Run) -> dict[str, Any]:
    """Tell how a run stands: counts, money in micro-dollars, pace, voices, and failures grouped by their cause."""
    production = session.get_one(Production, run.production_id)
    budget = session.get_one(Budget, run.id)
    tallies = speech.tallies(session, run.id)
    takes = _take_counts(session, run.id, tallies)
    now = session.scalar(select(now_ms())) or 0
    heard = heard_of_run(session, run)
    return {
        "id": run.id,
        "production": production.name,
        "state": run.state,
        "reason": run.reason,
        "paused": _paused(session, run, takes["open"]),
        "slowed": _slowed(session, run, takes["open"]),
        "takes": takes,
        "voices": _run_voices(session, run.id),
        "failures": _failures(session, run.id, tallies),
        "unclear_attempts": _unclear(session, run.id),
        "heard": heard,
        "bad_again": bad_again(session, run),
        "in_review": in_review(session, production.id),
        "wanting_retakes": wanting_retakes(session, production.id),
        "wasted_calls": run.wasted,
        "estimate_micros": run.estimate,
        "spent_micros": budget.spent + budget.overrun,
        "held_micros": budget.held,
        "cap_micros": None if budget.cap == UNLIMITED else budget.cap,
        "started_at": iso(run.created_at),
        "closed_at": iso(run.closed_at),
        "elapsed_seconds": ((run.closed_at or now) - run.created_at) / 1000,
        **pace(session, run, to_speak=takes["open"], to_hear=heard["due"], now=now),
    }


def is_running(status: dict[str, Any]) -> bool:
    """Tell whether a run's status can still change."""
    return bool(status["state"] == RunState.RUNNING)


def _take_counts(session: Session, run_id: str, tallies: Tallies) -> dict[str, int]:
    """Count takes by state. What is open is on its way at this run's expense, or waits, or another run is at it."""
    # The takes on their way are a window's full, however large the run.
    near = select(Take.state, func.count()).where(Take.state.in_(IN_WINDOW), Take.run_id == run_id)
    moving = dict(session.execute(near.group_by(Take.state)).all())
    ended = {state: sum(takes for key, takes in tallies.items() if key[0] == state) for state in (TakeState.DONE, *BAD)}
    still_open = tallies.get((speech.OPEN_TALLY, ""), 0)
    return {
        "total": sum(tallies.values()),
        "open": still_open,
        **{state.value: moving.get(state, 0) for state in IN_WINDOW},
        **{state.value: takes for state, takes in ended.items()},
    }


def _paused(session: Session, run: Run, still_open: int) -> dict[str, Any] | None:
    """Tell what holds a run up, since when, and what to do about it."""
    unstarted = intake.not_started(session, run)
    if unstarted is not None:
        return {**unstarted.as_dict(), "since": iso(run.created_at)}
    if run.state is not RunState.RUNNING:
        return None
    if run.paused_at is not None:
        return {**_pause(session, run).as_dict(), "since": iso(run.paused_at)}
    asked = select(Voice.provider).where(Voice.id.in_(_cast(run.id)))
    blocked = select(ProviderAccount).where(ProviderAccount.blocked_at.is_not(None))
    account = session.scalar(blocked.where(ProviderAccount.provider.in_(asked))) if still_open else None
    fault = provider_account.fault(session, account.provider) if account else None
    if account is None or fault is None:
        return None
    return {**fault.as_dict(), "provider": account.provider, "since": iso(account.blocked_at)}


def _slowed(session: Session, run: Run, still_open: int) -> dict[str, Any] | None:
    """Tell how a provider is called more slowly than it allows, because it has refused calls for speed."""
    if run.state is not RunState.RUNNING or not still_open:
        return None
    for provider in session.scalars(select(Voice.provider).where(Voice.id.in_(_cast(run.id))).distinct()):
        state = limits.state(session, provider)
        if state is not None and (state.learnt_share < 1 or state.cooldown_seconds):
            return {
                "provider": provider,
                "calls_at_once": limits.concurrency(session, provider),
                "calls_per_minute": state.per_minute,
                "learnt_share": state.learnt_share,
                "cooldown_seconds": state.cooldown_seconds,
            }
    return None


def _pause(session: Session, run: Run) -> CallsheetError:
    if run.streak_cause is None or run.streak < STREAK_TO_PAUSE:
        return RunPaused("The run is paused; it starts nothing.", hint=f"callsheet resume {run.id}")
    said = (run.streak_message or "").rstrip(".")
    told = f"{run.streak} {_what_failed(session, run)} for the same reason, {run.streak_cause}"
    is_unclear = run.streak_cause == NeedsReconcile.code
    mend = "Decide what became of them by callsheet reconcile" if is_unclear else "Mend what is named there"
    hint = f"{mend}, then: callsheet resume {run.id}"
    return SystemicFailure(f"{told} ({said})." if said else f"{told}.", hint=hint, cause=run.streak_cause)


def _what_failed(session: Session, run: Run) -> str:
    had_not = (Voice.problem == run.streak_cause, Voice.state.in_((VoiceState.FAILED, VoiceState.UNCLEAR)))
    voices = session.scalar(select(func.count()).where(Voice.id.in_(_cast(run.id)), *had_not)) or 0
    return "voices in a row could not be had" if voices >= run.streak else "lines in a row were not spoken"


def _run_voices(session: Session, run_id: str) -> list[dict[str, Any]]:
    rows = session.scalars(select(Voice).where(Voice.id.in_(_cast(run_id))).order_by(Voice.id))
    told = ("label", "kind", "state", "problem", "message")
    return [{name: getattr(voice, name) for name in told} for voice in rows]


def _cast(run_id: str) -> Select[str]:
    return select(RunVoice.voice_id).where(RunVoice.run_id == run_id)


def _failures(session: Session, run_id: str, tallies: Tallies) -> list[dict[str, Any]]:
    counts: dict[str, int] = {}
    for (state, cause), takes in tallies.items():
        if state in BAD:
            counts[cause] = counts.get(cause, 0) + takes
    return [
        {
            "cause": cause,
            "message": _said(session, run_id, cause) or SAID.get(cause),
            "count": count,
            "next": next_step(cause, run_id),
        }
        for cause, count in sorted(counts.items(), key=lambda counted: (-counted[1], counted[0]))
    ]


def _said(session: Session, run_id: str, cause: str) -> str | None:
    """Return what was said of one of the takes that a cause has kept from being spoken."""
    bad = select(Take.error).where(Take.state.in_(BAD), Take.error_kind == cause).limit(1)
    mine = session.execute(bad.where(Take.run_id == run_id)).first()
    if mine is None:  # another run has tried to pay for them
        mine = session.execute(bad.join(RunTake, RunTake.take_id == Take.id).where(RunTake.run_id == run_id)).first()
    return mine[0] if mine else None


def _unclear(session: Session, run_id: str) -> int:
    states = [state for state in AttemptState if state.is_unclear()]
    query = select(func.count()).where(Attempt.voice_id.in_(_cast(run_id)), Attempt.state.in_(states))
    return session.scalar(query) or 0
