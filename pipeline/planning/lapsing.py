"""Voices of a plan that the provider is about to delete, or has deleted, because they have not spoken in time."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.db.clock import iso, now_ms
from pipeline.ledger.models import ProviderAccount
from pipeline.planning.rules import Plan
from pipeline.voices.models import Voice
from pipeline.voices.rules import GONE, VoiceState

SOON_DAYS = 3
"""Of the seven that a new voice has; the watch lets it speak a day before they end."""
_SOON_MS = SOON_DAYS * 24 * 3_600_000


def lapsing_voices(session: Session, account_id: str, plan: Plan) -> list[dict[str, Any]]:
    """List the plan's voices that will lapse within three days by the provider's clock, and those known to be gone."""
    planned = {voice.key: voice for voice in plan.voices}
    offset = select(ProviderAccount.clock_offset_ms).where(ProviderAccount.provider == plan.provider).scalar_subquery()
    providers_now = session.scalar(select(now_ms() + func.coalesce(offset, 0))) or 0
    mine = (Voice.account_id == account_id, Voice.provider == plan.provider, Voice.state == VoiceState.READY)
    is_gone = Voice.problem == GONE
    is_unheard = Voice.spoke_at.is_(None) & (Voice.lapses_at <= providers_now + _SOON_MS)
    found = session.scalars(select(Voice).where(*mine, is_gone | is_unheard).order_by(Voice.lapses_at, Voice.id))
    return [
        {
            "label": voice.label,
            "characters": list(planned[voice.key].characters),
            "is_gone": voice.problem == GONE,
            "lapses_at": iso(voice.lapses_at),
            "seconds_left": max(0, voice.lapses_at - providers_now) // 1000 if voice.lapses_at else None,
            "message": voice.message,
        }
        for voice in found
        if voice.key in planned
    ]
