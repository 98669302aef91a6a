"""Talents: what each has allowed, whether it holds, and what was made of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, cast, func, select
from sqlalchemy.orm import Session

from pipeline.db.clock import iso
from pipeline.ledger.models import Transfer, signed_amount
from pipeline.references import service as references
from pipeline.references.models import Consent, ConsentEvent
from pipeline.references.rules import talent_key
from pipeline.references.service import Suspension
from pipeline.speech.models import Take
from pipeline.speech.rules import TakeKind, TakeState
from pipeline.voices.models import Voice

NOTHING: Mapping[str, int | float] = {"lines": 0, "seconds": 0.0, "cost_micros": 0}


def talents(session: Session, account_id: str) -> list[dict[str, Any]]:
    """List the account's talents by name: consents, suspension, voices, and what was spoken and cost. Micro-dollars."""
    by_key: dict[str, list[Consent]] = {}
    mine = select(Consent).where(Consent.account_id == account_id).order_by(Consent.id)
    for consent in session.scalars(mine):
        by_key.setdefault(talent_key(consent.talent), []).append(consent)
    in_force = references.suspensions(session, account_id)
    spoken = _spoken(session, Take.consent_id, Take.account_id == account_id)
    voices = _voices(session, Voice.account_id == account_id)
    return [_summed(consents, in_force.get(key), voices, spoken) for key, consents in sorted(by_key.items())]


def talent(session: Session, account_id: str, name: str) -> dict[str, Any]:
    """Return all that is known of a talent: consents word for word, what was said of it, voices, what it has spoken.

    Raises `NotFound` where the account has no talent of that name.
    """
    consents = references.require_talent(session, account_id, name)
    ids = [consent.id for consent in consents]
    in_force = references.suspension(session, account_id, name)
    spoken = _spoken(session, Take.consent_id, Take.consent_id.in_(ids))
    voices = _voices(session, Voice.consent_id.in_(ids))
    productions = _spoken(session, Take.production_name, Take.consent_id.in_(ids))
    return _summed(consents, in_force, voices, spoken) | {
        "consents": [_consent(consent) for consent in consents],
        "events": _events(session, account_id, name),
        "voices": [_voice(session, voice) for voice in voices],
        "productions": [{"production": name, **made} for name, made in sorted(productions.items())],
    }


def suspended_talents(session: Session, account_id: str) -> dict[str, str]:
    """Return the names of suspended talents by the ids of their consents."""
    withdrawn = references.suspended_consents(account_id)
    named = select(Consent.id, Consent.talent).where(Consent.id.in_(withdrawn))
    return {row.id: row.talent for row in session.execute(named)}


def _summed(
    consents: Sequence[Consent],
    in_force: Suspension | None,
    voices: Sequence[Voice],
    spoken: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    ids = {consent.id for consent in consents}
    made = [spoken.get(consent_id, NOTHING) for consent_id in ids]
    return {
        "talent": consents[-1].talent,
        "suspended": _suspension(in_force),
        "consents": [_brief(consent) for consent in consents],
        "voices": [{"id": voice.id, "label": voice.label} for voice in voices if voice.consent_id in ids],
        **{name: sum(one[name] for one in made) for name in NOTHING},
    }


def _suspension(in_force: Suspension | None) -> dict[str, Any] | None:
    return {"since": iso(in_force.since), "reason": in_force.reason} if in_force else None


def _brief(consent: Consent) -> dict[str, Any]:
    return {"sha256": consent.digest, "expires_on": consent.record.get("expires_on")}


def _consent(consent: Consent) -> dict[str, Any]:
    known = {"talent": consent.talent, "sha256": consent.digest, "declared_at": iso(consent.created_at)}
    return {**known, **consent.record, "suspended_since": iso(consent.revoked_at)}


def _events(session: Session, account_id: str, name: str) -> list[dict[str, Any]]:
    mine = (ConsentEvent.account_id == account_id, ConsentEvent.talent_key == talent_key(name))
    events = session.scalars(select(ConsentEvent).where(*mine).order_by(ConsentEvent.created_at, ConsentEvent.id))
    return [
        {"action": event.action, "at": iso(event.created_at), "reason": event.reason, "by": event.decided_by}
        for event in events
    ]


def _voices(session: Session, which: ColumnElement[bool]) -> Sequence[Voice]:
    made = select(Voice).where(which, Voice.consent_id.is_not(None))
    return session.scalars(made.order_by(Voice.id)).all()


def _voice(session: Session, voice: Voice) -> dict[str, Any]:
    paid = select(func.coalesce(func.sum(signed_amount()), 0))
    paid = paid.where(Transfer.account_id == voice.account_id, Transfer.subject == voice.id)
    return {
        "id": voice.id,
        "label": voice.label,
        "provider": voice.provider,
        "voice_id": voice.provider_voice_id,
        "state": voice.state,
        "problem": voice.problem,
        "message": voice.message,
        "lapses_at": iso(voice.lapses_at) if voice.spoke_at is None else None,
        "cost_micros": int(session.scalar(paid) or 0),
    }


def _spoken(session: Session, key: Any, which: ColumnElement[bool]) -> dict[str, dict[str, Any]]:  # noqa: ANN401 - a column
    """Sum up the lines that were spoken, by a column of their takes."""
    done = (which, Take.state == TakeState.DONE, Take.kind == TakeKind.LINE, key.is_not(None))
    cost = cast(func.sum(Take.cost), BigInteger)
    sums = (func.count(), func.coalesce(func.sum(Take.seconds), 0.0), cost)
    return {
        name: {"lines": lines, "seconds": float(seconds), "cost_micros": int(micros)}
        for name, lines, seconds, micros in session.execute(select(key, *sums).where(*done).group_by(key))
    }
