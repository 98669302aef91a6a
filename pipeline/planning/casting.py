"""Casting: a run asks for the voices of its characters."""

from collections.abc import Collection

from sqlalchemy.orm import Session

from pipeline.intake.models import Run
from pipeline.intake.rules import Character, ClonedFrom, Designed, SystemVoice
from pipeline.planning.drawing import Submission, voice_key
from pipeline.planning.market import Market
from pipeline.planning.rules import Plan, Reason
from pipeline.references import service as references
from pipeline.references.rules import upload_key
from pipeline.voices import service as voices
from pipeline.voices.models import Voice
from pipeline.voices.rules import VoiceKind


def want_voices(session: Session, run: Run, submission: Submission, market: Market, plan: Plan) -> dict[str, Voice]:
    """Ask for each character's voice on a run's money, and return them by character; none for one that is left out."""
    reused = {voice.key for voice in plan.voices if voice.reason is Reason.REUSED}
    left_out = {key for voice in plan.voices if voice.reason is Reason.LEFT_OUT for key in voice.characters}
    return {
        key: _want_voice(session, run, submission, market, character, reused)
        for key, character in submission.project.characters.items()
        if key not in left_out
    }


def _want_voice(
    session: Session,
    run: Run,
    submission: Submission,
    market: Market,
    character: Character,
    reused: Collection[str],
) -> Voice:
    wanted = _voice_wish(session, run.account_id, submission, market, character)
    found = voices.find(session, run.account_id, market.provider, wanted.key) if wanted.key in reused else None
    # One that the provider no longer has and that has nothing more to say would be made again by asking for it.
    return found or voices.want(
        session, account_id=run.account_id, provider=market.provider, run_id=run.id, wanted=wanted
    )


def _voice_wish(
    session: Session, account_id: str, submission: Submission, market: Market, character: Character
) -> voices.WantedVoice:
    key = voice_key(submission, character)
    match character.voice:
        case ClonedFrom(talent=talent_key):
            talent = submission.project.talents[talent_key]
            sha256 = submission.reference_sha256(talent)
            reference = references.declare(
                session,
                account_id=account_id,
                sha256=sha256,
                filename=talent.reference,
                object_key=upload_key(account_id, sha256),
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
