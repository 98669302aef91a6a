"""Which voices are wanted, and on whose money: intent and hold are committed before anything is sent."""

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pipeline.db import leases
from pipeline.db.events import emit
from pipeline.db.ids import new_id
from pipeline.errors import BudgetExceeded, ConsentRequired
from pipeline.intake import service as intake
from pipeline.intake.models import Production, Run
from pipeline.ledger import provider_account
from pipeline.ledger import service as ledger
from pipeline.provider.port import Capabilities, Prices
from pipeline.references import service as references
from pipeline.references.models import Consent, Reference, ReferenceState
from pipeline.voices.models import Attempt, Voice
from pipeline.voices.rules import (
    GONE,
    LABEL_LIMIT,
    AttemptState,
    VoiceKind,
    VoiceState,
    attempt_label,
    chosen_id,
    subject,
)
from pipeline.voices.service.marking import fail


@dataclass(frozen=True)
class WantedVoice:
    """A voice a production needs, described by what it is made of."""

    key: str
    kind: VoiceKind
    label: str
    model: str = ""
    reference_id: str | None = None
    consent_id: str | None = None
    provider_voice_id: str | None = None
    description: str | None = None
    gender: str | None = None
    age_group: str | None = None


def find(session: Session, account_id: str, provider: str, key: str) -> Voice | None:
    """Return the account's voice made of `key`."""
    mine = (Voice.account_id == account_id, Voice.provider == provider, Voice.key == key)
    return session.scalar(select(Voice).where(*mine))


def want(session: Session, *, account_id: str, provider: str, run_id: str, wanted: WantedVoice) -> Voice:
    """Ask for a voice on a run's money. One that is ready, unclear, or paid for by another run is left as it is.

    A voice the provider no longer has is made once more: whoever applies the plan has seen its price there.
    """
    voice = find(session, account_id, provider, wanted.key) or _new_voice(session, account_id, provider, wanted)
    if _is_to_be_made(session, voice):
        voice.state, voice.problem, voice.message = VoiceState.WANTED, None, None
        voice.provider_voice_id, voice.spoke_at, voice.lapses_at = None, None, None
        voice.run_id, voice.consent_id = run_id, wanted.consent_id
        emit(session, "voice.wanted", voice.id)
    session.flush()
    return voice


def renew_consent(session: Session, voice: Voice, consent_id: str | None) -> None:
    """Let what the talent has declared last hold for a voice that is made, else a wider or renewed one never would.

    One that is being made keeps what it was begun under: it may be of another production. So does one whose talent is
    suspended, or the same recording under another name would speak again.
    """
    own = session.get(Consent, voice.consent_id) if voice.consent_id else None
    if voice.state is VoiceState.READY and (own is None or own.revoked_at is None):
        voice.consent_id = consent_id


def hand_over(session: Session, voice_id: str, run_id: str) -> bool:
    """Let another run pay for a voice that was given up because its own run was stopped; False where it was not."""
    given_up = select(Voice).where(Voice.id == voice_id, Voice.state == VoiceState.FAILED)
    # Whoever is at it makes it wanted as well; two that wait for each other would help nobody.
    voice = session.scalar(given_up.with_for_update(skip_locked=True).execution_options(populate_existing=True))
    if voice is None or _has_payer(session, voice) or intake.is_stopped(session, run_id):
        return False
    voice.state, voice.run_id, voice.problem, voice.message = VoiceState.WANTED, run_id, None, None
    session.flush()
    emit(session, "voice.wanted", voice_id)
    return True


def reserve(session: Session, voice_id: str, *, prices: Prices, capabilities: Capabilities) -> None:
    """Commit the intent to make a voice and hold its price; `voice.failed` where that cannot be."""
    voice = session.get(Voice, voice_id)
    if voice is None or voice.state is not VoiceState.WANTED or not _has_payer(session, voice):
        return
    if provider_account.is_blocked(session, voice.provider) or intake.is_paused(session, voice.run_id or ""):
        return  # the sweeper asks again
    reference = session.get(Reference, voice.reference_id) if voice.reference_id else None
    if reference is not None and reference.state is ReferenceState.REFUSED:
        fail(session, voice_id, "reference_refused", _refusal(reference))
    elif reference is None or reference.state is ReferenceState.READY:
        _reserve(session, voice, prices, capabilities)


def reserve_cloned(session: Session, reference_id: str, *, prices: Prices, capabilities: Capabilities) -> None:
    """Do the same for every voice that waits for this reference."""
    waiting = (Voice.reference_id == reference_id, Voice.state == VoiceState.WANTED)
    for voice_id in session.scalars(select(Voice.id).where(*waiting)).all():
        reserve(session, voice_id, prices=prices, capabilities=capabilities)


def refuse(session: Session, reference_id: str) -> None:
    """Fail every voice that waits for a recording that was refused."""
    reference = session.get_one(Reference, reference_id)
    waiting = (Voice.reference_id == reference_id, Voice.state == VoiceState.WANTED)
    for voice_id in session.scalars(select(Voice.id).where(*waiting)).all():
        fail(session, voice_id, "reference_refused", _refusal(reference))


def _is_to_be_made(session: Session, voice: Voice) -> bool:
    if voice.kind is VoiceKind.SYSTEM:
        return False  # nobody can make one
    gone = voice.problem == GONE and voice.state is VoiceState.READY
    unpaid = voice.state is VoiceState.WANTED and not _has_payer(session, voice)
    return gone or unpaid or voice.state is VoiceState.FAILED


def _has_payer(session: Session, voice: Voice) -> bool:
    return voice.run_id is not None and not intake.is_stopped(session, voice.run_id)


def _new_voice(session: Session, account_id: str, provider: str, wanted: WantedVoice) -> Voice:
    ready = wanted.provider_voice_id is not None
    voice = Voice(
        id=new_id("voice"),
        account_id=account_id,
        provider=provider,
        state=VoiceState.READY if ready else VoiceState.WANTED,
        **asdict(replace(wanted, label=wanted.label[:LABEL_LIMIT])),
    )
    session.add(voice)
    return voice


def _reserve(session: Session, voice: Voice, prices: Prices, capabilities: Capabilities) -> None:
    making = update(Voice).where(Voice.id == voice.id, Voice.state == VoiceState.WANTED)
    if not leases.rowcount(session, making.values(state=VoiceState.MAKING)):
        return  # a twin was faster
    price = prices.design_micros if voice.kind is VoiceKind.DESIGNED else prices.clone_micros
    attempt_id = new_id("try")
    try:
        _require_consent(session, voice)
        ledger.hold(
            session,
            account_id=voice.account_id,
            run_id=voice.run_id or "",
            provider=voice.provider,
            attempt=attempt_id,
            amount=price,
        )
    except (BudgetExceeded, ConsentRequired) as error:
        if isinstance(error, BudgetExceeded):
            intake.stop_run(session, voice.run_id or "", error.code)
        fail(session, voice.id, error.code, error.message)
        return
    earlier = session.scalars(select(Attempt.state).where(Attempt.voice_id == voice.id)).all()
    attempt = _attempt(voice, attempt_id, price, generation=len(earlier) + 1)
    attempt.exclusive = int(capabilities.one_at_a_time)
    attempt.chosen_id = chosen_id(attempt_id, attempt.generation) if capabilities.client_chosen_id else None
    # I1 lets a voice that succeeded be made again on a person's order only, which is what led here.
    attempt.forced = attempt.generation if AttemptState.SUCCEEDED in earlier else 0
    session.add(attempt)
    session.flush()
    emit(session, "attempt.reserved", attempt_id)


def _require_consent(session: Session, voice: Voice) -> None:
    # It was asked when the run was planned; until the recording is ready it may have been withdrawn. One voice may
    # speak several languages: whether it may speak a line's is asked when the line is spoken.
    if voice.consent_id is not None:
        production = session.get_one(Production, session.get_one(Run, voice.run_id).production_id)
        today = datetime.now(UTC).date()
        references.require_consent(session, voice.consent_id, production.name, None, today)


def _attempt(voice: Voice, attempt_id: str, price: int, *, generation: int) -> Attempt:
    return Attempt(
        id=attempt_id,
        generation=generation,
        account_id=voice.account_id,
        voice_id=voice.id,
        kind=voice.kind,
        provider=voice.provider,
        model=voice.model,
        subject=subject(voice.key),
        price=price,
        label=attempt_label(voice.label, attempt_id),
        run_id=voice.run_id,
    )


def _refusal(reference: Reference) -> str:
    told = (f"{problem.get('measured')} (allowed: {problem.get('allowed')})" for problem in reference.problems)
    return f"{reference.filename}: {'; '.join(told)}"
