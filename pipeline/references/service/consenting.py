"""What talents allow: kept as declared, and asked for each time a voice is made or a line is spoken."""

from datetime import date

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from pipeline.db.ids import new_id
from pipeline.errors import ConsentRequired
from pipeline.intake.rules import Consent as ConsentRecord
from pipeline.intake.rules import Talent
from pipeline.references.models import Consent
from pipeline.references.rules import consent_digest
from pipeline.references.service.suspending import require_talent, suspension


def declare_consent(session: Session, account_id: str, talent: Talent) -> Consent:
    """Keep the talent's permission as declared, the same declaration once; raises `ConsentRequired` without one.

    That of a suspended talent is withdrawn from the start. Whoever declares holds the account's lock.
    """
    given = talent.consent
    if given is None:
        raise ConsentRequired(f"There is no consent of {talent.name}.", hint="Add it to the project file.")
    digest = consent_digest(talent)
    known = session.scalar(select(Consent).where(Consent.account_id == account_id, Consent.digest == digest))
    if known is not None:
        return known
    in_force = suspension(session, account_id, talent.name)
    consent = Consent(
        id=new_id("cons"),
        account_id=account_id,
        digest=digest,
        talent=talent.name,
        record=given.model_dump(mode="json"),
        revoked_at=in_force.since if in_force else None,
    )
    session.add(consent)
    session.flush()
    return consent


def require_consent(session: Session, consent_id: str, production: str, language: str | None, today: date) -> None:
    """Raise `ConsentRequired` where the permission no longer covers this use: the talent is suspended, or which field.

    Without `language` those of its scope are not looked at.
    """
    row = session.get_one(Consent, consent_id)
    _require_valid(session, row)
    gap = ConsentRecord.model_validate(row.record).gap(production, language, today)
    if gap:
        raise _uncovered(row, gap)


def require_unsuspended(session: Session, consent_id: str | None) -> None:
    """Raise `ConsentRequired` where the talent is suspended, whatever its permission covers; harmless without one."""
    if consent_id is not None:
        _require_valid(session, session.get_one(Consent, consent_id))


def consents_of(session: Session, account_id: str, name: str) -> list[str]:
    """Return the ids of the consents of a talent; raises `NotFound` where the account has no talent of that name."""
    return [consent.id for consent in require_talent(session, account_id, name)]


def suspended_consents(account_id: str | None = None) -> Select[str]:
    """Select the consents that are withdrawn, of an account or of all."""
    withdrawn = select(Consent.id).where(Consent.revoked_at.is_not(None))
    return withdrawn if account_id is None else withdrawn.where(Consent.account_id == account_id)


def _require_valid(session: Session, row: Consent) -> None:
    if row.revoked_at is None:
        return
    in_force = suspension(session, row.account_id, row.talent)
    raise in_force.refusal() if in_force else _uncovered(row, "revoked")


def _uncovered(row: Consent, gap: str) -> ConsentRequired:
    told = f"The consent of {row.talent} does not cover this: {gap}."
    return ConsentRequired(told, hint="Renew or widen it, then apply again.")
