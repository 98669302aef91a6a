"""Who may be spoken for: nothing is planned for a talent who is suspended, whatever the project calls it."""

from collections.abc import Iterator, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.errors import ConsentRequired
from pipeline.intake.rules import ClonedFrom, Talent
from pipeline.planning.drawing import Submission, voice_key
from pipeline.planning.rules import Plan
from pipeline.references import service as references
from pipeline.references.models import Consent, Reference
from pipeline.references.rules import talent_key
from pipeline.references.service import Suspension
from pipeline.voices.models import Voice


def require_leave(session: Session, account_id: str, submission: Submission, plan: Plan) -> None:
    """Raise `ConsentRequired` naming each suspended talent whose voice the plan would make or speak with."""
    refused = suspended(session, account_id, submission, plan)
    if refused is not None:
        raise refused


def suspended(session: Session, account_id: str, submission: Submission, plan: Plan) -> ConsentRequired | None:
    """Return the error that a run of the plan would be refused with, or None where nobody it needs is suspended.

    What is spoken already needs nobody, and neither does what was left out.
    """
    in_force = references.suspensions(session, account_id)
    if not in_force:
        return None
    recordings = _recordings(session, account_id, in_force)
    found: dict[str, Suspension] = {}
    for talent in _needed(submission, plan):
        known = in_force.get(talent_key(talent.name)) or recordings.get(submission.reference_sha256(talent))
        if known is not None:
            found[talent_key(known.talent)] = known
    return _refusal([found[key] for key in sorted(found)]) if found else None


def _needed(submission: Submission, plan: Plan) -> Iterator[Talent]:
    project = submission.project
    needed = {*plan.with_work} | {voice.key for voice in plan.voices if voice.reason.is_work()}
    for character, language in project.roles():
        voice = character.voice_in(language)
        if isinstance(voice, ClonedFrom) and voice_key(submission, voice) in needed:
            yield project.talents[voice.talent]


def _recordings(session: Session, account_id: str, in_force: Mapping[str, Suspension]) -> dict[str, Suspension]:
    """Return the recordings that voices of suspended talents were made of: under another name they are theirs still."""
    theirs = select(Reference, Consent.talent).join(Voice, Voice.reference_id == Reference.id)
    withdrawn = theirs.join(Consent, Consent.id == Voice.consent_id).where(Consent.revoked_at.is_not(None))
    rows = session.execute(withdrawn.where(Voice.account_id == account_id)).all()
    known = ((references.original_sha256(reference), in_force.get(talent_key(name))) for reference, name in rows)
    return {sha256: suspension for sha256, suspension in known if suspension is not None}


def _refusal(found: list[Suspension]) -> ConsentRequired:
    if len(found) == 1:
        error = found[0].refusal()
        return ConsentRequired(error.message, hint=f"{error.hint} --only plans what does not need it.")
    told = [one.refusal().message for one in found]
    return ConsentRequired(
        f"{len(found)} talents that this needs are suspended.",
        hint="callsheet talents shows the records; --only plans what does not need them.",
        problems=told,
    )
