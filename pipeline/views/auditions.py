"""One voice: whose it is, what allows it, what it was made of, what it has spoken, and its first words."""

from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from pipeline.db.clock import iso
from pipeline.errors import Conflict, NotFound
from pipeline.references.models import Consent, Reference
from pipeline.speech.models import Take, is_audition
from pipeline.speech.rules import TakeKind, TakeState
from pipeline.voices.models import Voice


def voice(session: Session, account_id: str, name: str) -> dict[str, Any]:
    """Return all that is known of the voice of this id, label or provider's id.

    Raises `NotFound` where the account has none, `Conflict` naming their ids where it has several.
    """
    found = _find(session, account_id, name)
    reference = session.get(Reference, found.reference_id) if found.reference_id else None
    consent = session.get(Consent, found.consent_id) if found.consent_id else None
    return {
        "id": found.id,
        "label": found.label,
        "kind": found.kind,
        "provider": found.provider,
        "model": found.model,
        "state": found.state,
        "voice_id": found.provider_voice_id,
        "problem": found.problem,
        "message": found.message,
        "description": found.description,
        "created_at": iso(found.created_at),
        "spoke_at": iso(found.spoke_at),
        "lapses_at": iso(found.lapses_at) if found.spoke_at is None else None,
        "consent": _consent(consent) if consent else None,
        "reference": _reference(reference) if reference else None,
        "spoken": _spoken(session, found.id),
        "audition": _audition(session, found.id),
    }


def _find(session: Session, account_id: str, name: str) -> Voice:
    named = or_(Voice.id == name, Voice.label == name, Voice.provider_voice_id == name)
    found = session.scalars(select(Voice).where(Voice.account_id == account_id, named).order_by(Voice.id)).all()
    if not found:
        raise NotFound(f"There is no voice {name}.", hint="`callsheet voices` lists them.")
    if len(found) > 1:
        ids = [one.id for one in found]
        raise Conflict(f"Several voices are called {name}.", hint=f"Name one by its id: {', '.join(ids)}.", voices=ids)
    return found[0]


def _consent(consent: Consent) -> dict[str, Any]:
    known = {"talent": consent.talent, "sha256": consent.digest, "revoked_at": iso(consent.revoked_at)}
    return {**known, **consent.record}


def _reference(reference: Reference) -> dict[str, Any]:
    return {
        "file": reference.filename,
        "sha256": reference.sha256,
        "seconds": reference.seconds,
        "measured": reference.measured,
        "object_key": reference.normalised_key,
        "mime": reference.normalised_mime,
    }


def _spoken(session: Session, voice_id: str) -> list[dict[str, Any]]:
    done = (Take.voice_id == voice_id, Take.state == TakeState.DONE, Take.kind == TakeKind.LINE)
    sums = (func.count(), func.sum(func.length(Take.text)), func.sum(Take.seconds), func.sum(Take.cost))
    query = select(Take.production_name, *sums).where(*done).group_by(Take.production_name)
    return [
        {"production": name, "takes": takes, "chars": int(chars), "seconds": seconds, "cost_micros": int(cost)}
        for name, takes, chars, seconds, cost in session.execute(query.order_by(Take.production_name))
    ]


def _audition(session: Session, voice_id: str) -> dict[str, Any] | None:
    first = select(Take).where(Take.voice_id == voice_id, is_audition()).order_by(Take.id.desc()).limit(1)
    take = session.scalar(first)
    if take is None:
        return None
    return {
        "take": take.id,
        "text": take.text,
        "state": take.state,
        "seconds": take.seconds,
        "sha256": take.sha256,
        "object_key": take.object_key,
        "mime": take.content_type,
    }
