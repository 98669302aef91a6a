"""Read-only questions about paid calls of unclear outcome: what is seen, when it is decided, and what a person can do.

Amounts are integer micro-dollars.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from pipeline.db.clock import iso
from pipeline.intake.models import Production, Run
from pipeline.ledger.models import Decision, Hold
from pipeline.ledger.money import dollars
from pipeline.provider.port import Capabilities, ChargeMoment
from pipeline.voices.models import Attempt, Orphan, Voice
from pipeline.voices.rules import AttemptState, OrphanState, VoiceKind
from pipeline.voices.service import Action
from pipeline.voices.service.reconciling import decided_by

Json = dict[str, Any]
PAGE_LIMIT = 1_000
FLAGS = {
    Action.ADOPT: "--adopt",
    Action.WRITE_OFF: "--write-off",
    Action.ALLOW: "--allow-new-attempt",
    Action.DISCARD: "--discard",
}


def waiting(session: Session, account_id: str, *, capabilities: Capabilities, quiescence_seconds: float) -> Json:
    """List what waits for evidence, for a person, and the voices that came too late; oldest first."""
    in_doubt = [
        _attempt(*row) | _evidence_ends(row[0], capabilities, quiescence_seconds)
        for row in session.execute(_attempts(account_id, AttemptState.AMBIGUOUS))
    ]
    operator = [
        _attempt(*row) | {"choices": _choices(row[0], capabilities)}
        for row in session.execute(_attempts(account_id, AttemptState.OPERATOR))
    ]
    orphans = [_orphan(*row) for row in session.execute(_orphans(account_id))]
    counted = len(in_doubt) + len(operator) + len(orphans)
    return {"waiting": counted, "in_doubt": in_doubt, "operator": operator, "orphans": orphans}


def decisions(session: Session, account_id: str, *, after: str = "", limit: int = PAGE_LIMIT) -> list[Json]:
    """List what people have decided about the account's money, oldest first, from the one after `after`."""
    mine = select(Decision).where(Decision.account_id == account_id, Decision.id > after)
    return [decision(row) for row in session.scalars(mine.order_by(Decision.id).limit(limit))]


def decision(row: Decision) -> Json:
    """Describe a decision."""
    return {
        "id": row.id,
        "action": row.action,
        "subject": row.subject,
        "by": row.actor,
        "reason": row.reason,
        "detail": row.detail,
        "at": iso(row.created_at),
    }


def _attempts(account_id: str, state: AttemptState) -> Select[Attempt, Voice, str, int | None]:
    return (
        select(Attempt, Voice, Production.name, Hold.amount)
        .join(Voice, Voice.id == Attempt.voice_id)
        .join(Run, Run.id == Attempt.run_id)
        .join(Production, Production.id == Run.production_id)
        .outerjoin(Hold, Hold.attempt == Attempt.id)
        .where(Attempt.account_id == account_id, Attempt.state == state)
        .order_by(Attempt.id)
    )


def _orphans(account_id: str) -> Select[Orphan, Attempt, Voice, str]:
    return (
        select(Orphan, Attempt, Voice, Production.name)
        .join(Attempt, Attempt.id == Orphan.attempt_id)
        .join(Voice, Voice.id == Orphan.voice_id)
        .join(Run, Run.id == Attempt.run_id)
        .join(Production, Production.id == Run.production_id)
        .where(Orphan.account_id == account_id, Orphan.state == OrphanState.OPEN)
        .order_by(Orphan.id)
    )


def _attempt(attempt: Attempt, voice: Voice, production: str, held: int | None) -> Json:
    return {
        "id": attempt.id,
        "kind": _kind(attempt.kind),
        "state": attempt.state,
        "voice": voice.id,
        "label": voice.label,
        "production": production,
        "run": attempt.run_id,
        "provider": attempt.provider,
        "sent_as": attempt.label,
        "asked_for": attempt.chosen_id,
        "held_micros": held or 0,
        "balance_before_micros": attempt.balance_before,
        "sent_at": iso(attempt.sent_at),
        "doubted_at": iso(attempt.doubted_at),
        "looks": attempt.checks,
        "verdict": attempt.verdict,
        "told": attempt.error,
        "evidence": attempt.evidence,
    }


def _orphan(orphan: Orphan, attempt: Attempt, voice: Voice, production: str) -> Json:
    return {
        "id": orphan.id,
        "kind": _kind(attempt.kind),
        "state": orphan.state,
        "voice": voice.id,
        "label": voice.label,
        "production": production,
        "run": attempt.run_id,
        "provider": orphan.provider,
        "attempt": attempt.id,
        "voice_id": orphan.provider_voice_id,
        "cost_micros": orphan.cost,
        "sent_at": iso(attempt.sent_at),
        "found_at": iso(orphan.found_at),
        "evidence": orphan.raw,
        "choices": _orphan_choices(orphan, attempt),
    }


def _evidence_ends(attempt: Attempt, capabilities: Capabilities, quiescence_seconds: float) -> Json:
    """Say when the evidence is final at the latest: even where nobody can be asked, or nobody saw the sender end."""
    latest = decided_by(attempt, capabilities, quiescence_seconds, sender_ended=False)
    soonest = decided_by(attempt, capabilities, quiescence_seconds, sender_ended=bool(attempt.sender_ended))
    return {"evidence_final_at": iso(soonest), "decided_by": iso(latest)}


def _choices(attempt: Attempt, capabilities: Capabilities) -> Sequence[Json]:
    price = dollars(attempt.price)
    at_first_use = capabilities.charge_moment is ChargeMoment.FIRST_USE
    owned = f"the {price} stay held until it first speaks" if at_first_use else f"the {price} held are booked for it"
    choices = [
        _choice(attempt.id, Action.ADOPT, "VOICE_ID", f"The voice exists and is ours under this id: {owned}."),
        _choice(
            attempt.id,
            Action.ALLOW,
            "",
            f"It was not charged: the {price} held are free, and the voice may be made anew at its price.",
        ),
    ]
    lost = f"It was charged and is lost: the {price} held are booked as a loss, and the next plan prices a new voice."
    return choices if at_first_use else [*choices, _choice(attempt.id, Action.WRITE_OFF, "", lost)]


def _orphan_choices(orphan: Orphan, attempt: Attempt) -> Sequence[Json]:
    booked = f"the {dollars(orphan.cost)} it has cost stay booked as a loss" if orphan.cost else "it has cost nothing"
    due = booked if orphan.cost else f"{dollars(attempt.price)} are held until it first speaks"
    return [
        _choice(orphan.id, Action.ADOPT, orphan.provider_voice_id, f"The voice is used and need not be made: {due}."),
        _choice(orphan.id, Action.DISCARD, "", f"The voice is not used: {booked}."),
    ]


def _choice(subject: str, action: Action, value: str, effect: str) -> Json:
    flag = f"{FLAGS[action]} {value}".strip()
    return {"action": action, "effect": effect, "command": f'callsheet reconcile {subject} {flag} --reason "..."'}


def _kind(kind: VoiceKind) -> str:
    return "design" if kind is VoiceKind.DESIGNED else "clone"
