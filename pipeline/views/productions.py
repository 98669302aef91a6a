"""What a production has, which voices there are, and which paid calls are unclear."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import BigInteger, case, cast, func, select
from sqlalchemy.orm import Session

from pipeline.db.clock import iso
from pipeline.intake.models import Line, LineTake, Production
from pipeline.intake.rules import language_of
from pipeline.references.models import Reference
from pipeline.speech.models import Take
from pipeline.speech.rules import TakeState
from pipeline.views.hearing import verdict_of
from pipeline.views.talents import suspended_talents
from pipeline.voices.models import Attempt, Voice

PAGE_LIMIT = 1_000


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
    of_line = (LineTake.production_id == Line.production_id) & (LineTake.line_id == Line.line_id)
    last = select(func.coalesce(func.max(LineTake.number), 0)).where(of_line).correlate(Line).scalar_subquery()
    query = (
        select(Line, Take, Production.language, func.coalesce(LineTake.number, last + 1), LineTake.verdict)
        .join(Production, Production.id == Line.production_id)
        .outerjoin(Take, (Take.fingerprint == Line.fingerprint) & (Take.account_id == account_id))
        .outerjoin(LineTake, of_line & (LineTake.fingerprint == Line.fingerprint))
        .where(Production.account_id == account_id, Production.name == production, Line.position > after)
        .order_by(Line.position)
        .limit(limit)
    )
    suspended = suspended_talents(session, account_id)
    return [
        _line_take(line, take, language)
        | {"number": number, "verdict": verdict}
        | {"suspended_talent": suspended.get(take.consent_id or "") if take else None}
        for line, take, language, number, verdict in session.execute(query)
    ]


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


def _line_take(line: Line, take: Take | None, language: str) -> dict[str, Any]:
    return {
        "id": line.line_id,
        "position": line.position,
        "character": line.character,
        "language": language_of(line.line_id, language),
        "text": line.text,
        "said": take.text if take else None,
        "speed": take.speed if take else None,
        "pitch": take.pitch if take else None,
        "emotion": take.emotion if take else None,
        "direction": line.direction,
        "extras": line.extras,
        "fingerprint": line.fingerprint,
        "take": take.id if take else None,
        "state": take.state if take else "missing",
        "error": take.error if take else None,
        "object_key": take.object_key if take else None,
        "format": take.format if take else None,
        "seconds": take.seconds if take else None,
        "sha256": take.sha256 if take else None,
        "cost_micros": take.cost if take else None,
        "chars": take.chars if take else None,
        "voice": take.voice_id if take else None,
        "locked": line.locked_at is not None,
        **verdict_of(take),
    }
