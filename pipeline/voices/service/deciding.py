"""What a person decides about money that no evidence accounts for: audited, with a reason, once."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from pipeline.db.clock import now_ms
from pipeline.db.leases import rowcount
from pipeline.errors import Conflict, NotFound, UsageError
from pipeline.ledger import service as ledger
from pipeline.ledger.models import Decision, TransferKind
from pipeline.provider.port import Capabilities, ChargeMoment
from pipeline.voices.models import Attempt, Orphan, Voice
from pipeline.voices.rules import AttemptState, Move, OrphanState, VoiceState
from pipeline.voices.service.marking import fail
from pipeline.voices.service.moving import move
from pipeline.voices.service.settling import disprove, is_taken, lapses_at, own, pay

LISTING = "`callsheet reconcile` lists what waits."


class Action(StrEnum):
    """What a person can decide."""

    ADOPT = "adopt"
    """The voice exists: it is ours under this id, and paid for."""
    WRITE_OFF = "write_off"
    """It was charged and the voice cannot be had: a loss. The next plan prices a new one."""
    ALLOW = "allow"
    """It did not happen and was not charged: the money is free, and the voice may be made."""
    DISCARD = "discard"
    """A voice that came too late is not wanted."""


@dataclass(frozen=True)
class Decided:
    """A person's decision: who, what, why, and the voice id where one is adopted."""

    action: Action
    actor: str
    reason: str
    provider_voice_id: str | None = None


def unclear(session: Session, account_id: str) -> Sequence[Attempt]:
    """Return the account's attempts that wait for evidence or for a person, oldest first."""
    states = [state for state in AttemptState if state.is_unclear()]
    query = select(Attempt).where(Attempt.account_id == account_id, Attempt.state.in_(states))
    return session.scalars(query.order_by(Attempt.id)).all()


def orphans(session: Session, account_id: str) -> Sequence[Orphan]:
    """Return the account's voices that came too late and that nobody has decided about, oldest first."""
    query = select(Orphan).where(Orphan.account_id == account_id, Orphan.state == OrphanState.OPEN)
    return session.scalars(query.order_by(Orphan.id)).all()


def decide(
    session: Session, account_id: str, subject: str, decided: Decided, *, capabilities: Capabilities
) -> Decision:
    """Carry out a person's decision about an attempt or an orphan of the account, and return what is kept of it.

    Raises:
        NotFound: the account has no such attempt or orphan.
        Conflict: it waits for evidence still, or was decided before.
        UsageError: the decision does not fit, or gives no reason.
        BudgetExceeded: a voice is adopted whose fee falls due when it first speaks, and a cap has no room for it.
    """
    if not decided.reason.strip():
        raise UsageError("A decision about money needs a reason.", hint='Add --reason "what you have found out".')
    orphan = session.get(Orphan, subject, with_for_update=True)
    if orphan is not None and orphan.account_id == account_id:
        before = _decide_orphan(session, orphan, decided, capabilities)
    else:
        before = _decide_attempt(session, account_id, subject, decided, capabilities)
    return ledger.decide(
        session,
        account_id=account_id,
        actor=decided.actor,
        action=decided.action,
        subject=subject,
        reason=decided.reason.strip(),
        detail={"before": before, "voice_id": decided.provider_voice_id},
    )


def _decide_attempt(
    session: Session, account_id: str, attempt_id: str, decided: Decided, capabilities: Capabilities
) -> str:
    attempt = session.get(Attempt, attempt_id, with_for_update=True)
    if attempt is None or attempt.account_id != account_id:
        raise NotFound(f"There is no attempt {attempt_id}.", hint=LISTING)
    if attempt.state is AttemptState.AMBIGUOUS:
        raise Conflict(f"The evidence for {attempt_id} is still being looked for.", hint="Wait until it has an end.")
    if attempt.state is not AttemptState.OPERATOR:
        raise Conflict(f"{attempt_id} waits for no decision: it is {attempt.state}.", hint=LISTING)
    before = attempt.verdict or ""
    match decided.action:
        case Action.ADOPT:
            _adopt(session, attempt, _checked_id(session, attempt, decided), capabilities)
        case Action.ALLOW:
            disprove(session, attempt, "released", "A person has found that it did not happen.", move_by=Move.ALLOW)
        case Action.WRITE_OFF:
            _write_off(session, attempt, capabilities)
        case Action.DISCARD:
            raise UsageError(
                f"{attempt_id} cannot be discarded: money is held for it.",
                hint="Allow a new attempt if it was not charged, write it off if it was, or adopt the voice.",
            )
    return before


def _adopt(session: Session, attempt: Attempt, provider_voice_id: str, capabilities: Capabilities) -> None:
    values = {"provider_voice_id": provider_voice_id, "error_kind": None, "error": None, "settled_at": now_ms()}
    move(session, attempt, Move.ADOPT, **values)
    if capabilities.charge_moment is not ChargeMoment.FIRST_USE:
        pay(session, attempt, None)
    own(session, attempt, provider_voice_id, lapses_at=lapses_at(session, attempt, None, capabilities))


def _write_off(session: Session, attempt: Attempt, capabilities: Capabilities) -> None:
    if capabilities.charge_moment is ChargeMoment.FIRST_USE:
        raise UsageError(
            f"{attempt.provider} charges for a voice when it first speaks: nothing was charged for {attempt.id}.",
            hint="Allow a new attempt: it sets the money free.",
        )
    move(session, attempt, Move.WRITE_OFF, settled_at=now_ms())
    loss = ledger.Payment(TransferKind.LOSS, attempt.provider, None, attempt.voice_id)
    ledger.settle(session, attempt.id, loss)
    fail(session, attempt.voice_id, "written_off", "It was charged, and the voice could not be had.")


def _decide_orphan(session: Session, orphan: Orphan, decided: Decided, capabilities: Capabilities) -> str:
    if orphan.state is not OrphanState.OPEN:
        raise Conflict(f"{orphan.id} is {orphan.state} already.", hint=LISTING)
    match decided.action:
        case Action.ADOPT:
            _adopt_orphan(session, orphan, decided, capabilities)
        case Action.DISCARD:
            orphan.state = OrphanState.DISCARDED
        case _:
            raise UsageError(
                f"{orphan.id} is a voice that came too late; its cost is on the books.", hint="Adopt or discard it."
            )
    orphan.settled_at = session.scalar(select(now_ms()))
    return OrphanState.OPEN


def _adopt_orphan(session: Session, orphan: Orphan, decided: Decided, capabilities: Capabilities) -> None:
    if decided.provider_voice_id and decided.provider_voice_id.strip() != orphan.provider_voice_id:
        raise UsageError(
            f"{orphan.id} is the voice {orphan.provider_voice_id}, not {decided.provider_voice_id}.",
            hint=f"Adopt {orphan.provider_voice_id}, or discard it.",
        )
    attempt = session.get_one(Attempt, orphan.attempt_id)
    if is_taken(session, attempt, orphan.provider_voice_id):
        raise Conflict(f"{orphan.provider_voice_id} belongs to another voice here.", hint="Discard this one.")
    live = (Attempt.voice_id == orphan.voice_id, Attempt.state.in_([s for s in AttemptState if s.is_open()]))
    if session.scalar(select(exists().where(*live))):
        raise Conflict(f"{orphan.voice_id} is being made by another attempt.", hint="Decide once that attempt is over.")
    if not orphan.cost:
        _hold_fee(session, orphan, attempt)
    ours = update(Voice).where(Voice.id == orphan.voice_id, Voice.state.in_((VoiceState.FAILED, VoiceState.WANTED)))
    if not rowcount(session, ours.values(state=VoiceState.READY, provider_voice_id=orphan.provider_voice_id)):
        raise Conflict(f"{orphan.voice_id} has a voice already.", hint="Discard this one, or keep it for later.")
    orphan.state = OrphanState.ADOPTED
    own(session, attempt, orphan.provider_voice_id, lapses_at=lapses_at(session, attempt, None, capabilities))


def _hold_fee(session: Session, orphan: Orphan, attempt: Attempt) -> None:
    """Hold the fee of a voice that was free to make: it falls due when the voice first speaks."""
    ledger.hold(
        session,
        account_id=orphan.account_id,
        run_id=attempt.run_id,
        provider=orphan.provider,
        attempt=orphan.id,
        amount=attempt.price,
    )


def _checked_id(session: Session, attempt: Attempt, decided: Decided) -> str:
    named = (decided.provider_voice_id or "").strip()
    if not named:
        raise UsageError("Which voice is adopted?", hint="Name the provider's voice id: --adopt VOICE_ID.")
    if is_taken(session, attempt, named):
        raise Conflict(f"The voice {named} belongs to another voice here.", hint="Check the id with the provider.")
    late = (Orphan.provider == attempt.provider, Orphan.provider_voice_id == named, Orphan.state == OrphanState.OPEN)
    orphan_id = session.scalar(select(Orphan.id).where(*late, Orphan.account_id == attempt.account_id))
    if orphan_id:
        raise Conflict(f"The voice {named} came too late for another attempt.", hint=f"Adopt {orphan_id} instead.")
    return named
