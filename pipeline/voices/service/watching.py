"""A new voice has to speak in time: which of them the provider is about to delete, and which it has deleted.

All by the provider's clock, which the account's row tells.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from pipeline.db.clock import now_ms
from pipeline.ledger.models import ProviderAccount
from pipeline.references import service as references
from pipeline.voices.models import Voice
from pipeline.voices.rules import VoiceKind, VoiceState

MARGIN_MS = 24 * 3_600_000
"""How long before its deadline a voice is spoken once more: time enough for an account to be topped up."""


def about_to_lapse(session: Session) -> Sequence[Voice]:
    """Return the voices that will be deleted within the margin unless they speak, and that may speak.

    That of a suspended talent may not, and is lost if nobody reinstates the talent in time.
    """
    suspended = references.suspended_consents()
    return _unheard(session, MARGIN_MS, Voice.consent_id.is_(None) | Voice.consent_id.not_in(suspended))


def lapsed(session: Session) -> Sequence[Voice]:
    """Return the voices that have not spoken by their deadline and are not flagged yet."""
    return _unheard(session, 0)


def gone(voice: Voice, why: str) -> str:
    """Say that a voice can be spoken with no more, why, and what to do next."""
    if voice.kind is VoiceKind.SYSTEM:
        advice = "`callsheet voices --system` lists those it has; cast another one in the project file."
        return f"{voice.provider} no longer speaks with the voice {voice.label}: {why} {advice}"
    advice = "`callsheet plan` shows what a new one costs, `callsheet apply` makes it."
    return f"{voice.provider} no longer has the voice {voice.label} ({voice.provider_voice_id}): {why} {advice}"


def _unheard(session: Session, margin_ms: int, *which: ColumnElement[bool]) -> Sequence[Voice]:
    providers_now = now_ms() + func.coalesce(ProviderAccount.clock_offset_ms, 0)
    query = (
        select(Voice)
        .outerjoin(ProviderAccount, ProviderAccount.provider == Voice.provider)
        .where(
            Voice.state == VoiceState.READY,
            Voice.problem.is_(None),
            Voice.spoke_at.is_(None),
            Voice.lapses_at <= providers_now + margin_ms,
            *which,
        )
    )
    return session.scalars(query.order_by(Voice.lapses_at)).all()
