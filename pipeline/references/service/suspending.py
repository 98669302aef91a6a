"""A talent is suspended and reinstated: by name, for every consent of that name, those declared later included."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pipeline.db.clock import now_ms
from pipeline.db.ids import new_id
from pipeline.errors import ConsentRequired, NotFound
from pipeline.intake.rules.problems import did_you_mean
from pipeline.ledger.models import Account
from pipeline.references.models import Consent, ConsentAction, ConsentEvent
from pipeline.references.rules import talent_key


@dataclass(frozen=True)
class Suspension:
    """Who may not be spoken for, since when in milliseconds since 1970, and why."""

    talent: str
    since: int
    reason: str

    def refusal(self) -> ConsentRequired:
        """Return the error that everything is refused with that would use the talent's voice."""
        since = datetime.fromtimestamp(self.since / 1000, UTC)
        return ConsentRequired(
            f"{self.talent} is suspended since {since:%Y-%m-%d %H:%M} UTC: {self.reason}",
            hint=f'callsheet talents "{self.talent}" shows the record, callsheet reinstate takes it back.',
        )


def suspension(session: Session, account_id: str, name: str) -> Suspension | None:
    """Return since when and why a talent of that name is suspended; None where it is not."""
    return _in_force(_last(session, account_id, name))


def suspensions(session: Session, account_id: str) -> dict[str, Suspension]:
    """Return all that are in force in an account, by `talent_key`."""
    mine = select(ConsentEvent).where(ConsentEvent.account_id == account_id)
    last = {event.talent_key: event for event in session.scalars(mine.order_by(*_IN_ORDER))}
    return {key: found for key, event in last.items() if (found := _in_force(event))}


def require_talent(session: Session, account_id: str, name: str) -> Sequence[Consent]:
    """Return the consents of the talent of that name, oldest first; raises `NotFound` where the account has none."""
    every = session.scalars(select(Consent).where(Consent.account_id == account_id).order_by(Consent.id)).all()
    key = talent_key(name)
    found = [consent for consent in every if talent_key(consent.talent) == key]
    if not found:
        question = did_you_mean(name, sorted({consent.talent for consent in every}))
        known = "`callsheet talents` lists those that a run was applied with."
        raise NotFound(f"There is no talent {name}.", hint=question[:1].upper() + question[1:] or known)
    return found


def suspend(session: Session, account_id: str, name: str, *, reason: str, by: str) -> bool:
    """Withdraw every consent of a talent; False, and nothing new is noted, where the talent is suspended already.

    From this commit on nothing is claimed under them. Raises `NotFound`.
    """
    return _decide(session, account_id, name, ConsentAction.SUSPEND, reason, by)


def reinstate(session: Session, account_id: str, name: str, *, reason: str, by: str) -> bool:
    """Let the consents of a talent hold again, as far as they reach; False where it is not suspended.

    Raises `NotFound`.
    """
    return _decide(session, account_id, name, ConsentAction.REINSTATE, reason, by)


_IN_ORDER = (ConsentEvent.created_at, ConsentEvent.id)


def _decide(session: Session, account_id: str, name: str, action: ConsentAction, reason: str, by: str) -> bool:
    # Whoever plans declares consents under this lock: none of the name can come beside the decision.
    session.get_one(Account, account_id, with_for_update={"key_share": True}, populate_existing=True)
    consents = require_talent(session, account_id, name)
    last = _last(session, account_id, name)
    is_withdrawn = _in_force(last) is not None
    if action is ConsentAction.REINSTATE:
        is_withdrawn |= any(consent.revoked_at for consent in consents)
    if is_withdrawn == (action is ConsentAction.SUSPEND):
        return False
    now = session.scalar(select(now_ms())) or 0
    event = ConsentEvent(
        id=new_id("evt"),
        account_id=account_id,
        talent=consents[-1].talent,
        talent_key=talent_key(name),
        action=action,
        reason=reason,
        decided_by=by,
        created_at=max(now, last.created_at + 1 if last else 0),  # a clock that is put back changes no order
    )
    session.add(event)
    session.flush()
    ids = [consent.id for consent in consents]
    withdrawn = event.created_at if action is ConsentAction.SUSPEND else None
    session.execute(update(Consent).where(Consent.id.in_(ids)).values(revoked_at=withdrawn))
    return True


def _last(session: Session, account_id: str, name: str) -> ConsentEvent | None:
    mine = (ConsentEvent.account_id == account_id, ConsentEvent.talent_key == talent_key(name))
    newest = (column.desc() for column in _IN_ORDER)
    return session.scalar(select(ConsentEvent).where(*mine).order_by(*newest).limit(1))


def _in_force(last: ConsentEvent | None) -> Suspension | None:
    if last is None or last.action is not ConsentAction.SUSPEND:
        return None
    return Suspension(last.talent, last.created_at, last.reason)
