"""Casting: a run asks for the voices of its characters."""

from sqlalchemy.orm import Session

from pipeline.intake.models import Run
from pipeline.intake.rules import ClonedFrom, Designed, SystemVoice
from pipeline.planning.drawing import Role, Sounds, Submission, roles_by_voice
from pipeline.planning.market import Market
from pipeline.planning.rules import Plan, Reason
from pipeline.references import service as references
from pipeline.references.rules import upload_key
from pipeline.voices import service as voices
from pipeline.voices.models import Voice
from pipeline.voices.rules import VoiceKind


def want_voices(session: Session, run: Run, submission: Submission, market: Market, plan: Plan) -> dict[str, Voice]:
    """Ask for the voices of a plan on a run's money, and return them by their keys; none for one that is left out."""
    roles = roles_by_voice(submission, Sounds.of(submission, market).voice_keys)
    found = {}
    for planned in plan.voices:
        if planned.reason is not Reason.LEFT_OUT:
            wanted = _voice_wish(session, run.account_id, submission, market, planned.key, roles[planned.key][0])
            is_reused = planned.reason is Reason.REUSED
            found[planned.key] = _want_voice(session, run, market, wanted, is_reused=is_reused)
    return found


def _want_voice(session: Session, run: Run, market: Market, wanted: voices.WantedVoice, *, is_reused: bool) -> Voice:
    found = voices.find(session, run.account_id, market.provider, wanted.key) if is_reused else None
    # One that the provider no longer has and that has nothing more to say would be made again by asking for it.
    voice = found or voices.want(
        session, account_id=run.account_id, provider=market.provider, run_id=run.id, wanted=wanted
    )
    voices.renew_consent(session, voice, wanted.consent_id)
    return voice


def _voice_wish(
    session: Session, account_id: str, submission: Submission, market: Market, key: str, role: Role
) -> voices.WantedVoice:
    character, language = role
    match character.voice_in(language):
        case ClonedFrom(talent=talent_key):
            talent = submission.project.talents[talent_key]
            sha256 = submission.reference_sha256(talent)
            reference = references.declare(
                session,
                account_id=account_id,
                sha256=sha256,
                filename=talent.reference,
                object_key=upload_key(account_id, sha256),
                trim=talent.trim,
            )
            return voices.WantedVoice(
                key=key,
                kind=VoiceKind.CLONED,
                label=talent.key,
                model=market.capabilities.clone_model,
                reference_id=reference.id,
                consent_id=references.declare_consent(session, account_id, talent).id,
            )
        case Designed(description=description, gender=gender, age_group=age_group):
            return voices.WantedVoice(
                key=key,
                kind=VoiceKind.DESIGNED,
                label=character.key,
                model=market.capabilities.design_model,
                description=description,
                gender=gender,
                age_group=age_group,
            )
        case SystemVoice(id=voice_id):
            return voices.WantedVoice(key=key, kind=VoiceKind.SYSTEM, label=voice_id, provider_voice_id=voice_id)
