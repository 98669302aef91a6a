"""Retry: what a run has not brought is made by a new run, at a price that was shown before."""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, select
from sqlalchemy.orm import Session

from pipeline.errors import Cancelled, Conflict, ConsentRequired, NeedsReconcile, NotFound
from pipeline.intake import service as intake
from pipeline.intake.models import Line, LineTake, Production, Run, asked_sound
from pipeline.intake.rules import spoken_chars
from pipeline.ledger import service as ledger
from pipeline.ledger.models import Account
from pipeline.ledger.money import BudgetMode
from pipeline.planning.budget import refusal
from pipeline.planning.market import Market
from pipeline.references import service as references
from pipeline.references.models import Reference
from pipeline.speech import service as speech
from pipeline.speech.models import RunTake, RunVoice, Take
from pipeline.speech.rules import Sound, TakeKind, TakeState
from pipeline.voices import service as voices
from pipeline.voices.models import Voice
from pipeline.voices.rules import ACTIVATION_LINE, GONE, VoiceKind, VoiceState

BATCH = 1_000
BAD = (TakeState.FAILED, TakeState.BLOCKED)
NOT_A_RETRYS = frozenset({NeedsReconcile.code, "reference_refused"})
"""Causes that the same again cannot mend: a person decides, or gives another recording."""
REASON = "retry"


@dataclass(frozen=True)
class Choice:
    """What is retried: the causes and lines that are meant; without any, all but what a person has cancelled."""

    causes: Collection[str] = ()
    lines: Collection[str] = ()


@dataclass
class Retry:
    """What a retry would make, and what it would cost; amounts in micro-dollars."""

    production: str
    provider: str
    takes: list[tuple[str, int]] = field(default_factory=list)
    voices: list[tuple[str, int]] = field(default_factory=list)
    chars: int = 0
    causes: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    """What was asked for and is not a retry's to make, by cause."""

    @property
    def price(self) -> int:
        """Return what it is expected to cost."""
        return sum(price for _, price in (*self.takes, *self.voices))

    def digest(self) -> str:
        """Return the SHA-256 of what would be made: two retries of equal digest do and cost the same."""
        work = [self.production, self.provider, self.takes, self.voices]
        return hashlib.sha256(json.dumps(work).encode()).hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        return {
            "digest": self.digest(),
            "production": self.production,
            "provider": self.provider,
            "voices": len(self.voices),
            "lines": len(self.takes),
            "chars": self.chars,
            "causes": dict(self.causes),
            "left": dict(self.left),
            "voices_micros": sum(price for _, price in self.voices),
            "lines_micros": sum(price for _, price in self.takes),
            "total_micros": self.price,
        }


def draw_up(session: Session, run: Run, choice: Choice, market: Market) -> Retry:
    """Return what a retry of a run would make. Reads the database, writes nothing and calls nobody.

    Raises `NotFound` where the run's production has no such line, `NotStarted` where the run never was, and
    `ConsentRequired` where all that is missing would be spoken in the voice of a talent who is suspended.
    """
    unstarted = intake.not_started(session, run)
    if unstarted is not None:
        raise unstarted
    production = session.get_one(Production, run.production_id)
    _require_lines(session, production, choice)
    retry = Retry(production.name, market.provider)
    made: dict[str, int] = {}
    refused = _refused(session, run)
    for take, voice in session.execute(_missing(run, choice, market)).yield_per(BATCH):
        cause = take.error_kind or ""
        if voice.id in refused:
            retry.left[ConsentRequired.code] += 1
            continue
        if not _may_retry(take, voice):
            retry.left[cause] += 1
            continue
        retry.causes[cause] += 1
        chars = spoken_chars(take.text, market.prices.chars)
        retry.chars += chars
        retry.takes.append((take.id, market.prices.speech(take.model, chars)))
        if is_made_anew(voice):
            made[voice.id] = remaking_price(voice, take.model, market)
    if retry.left[ConsentRequired.code] and not retry.takes:
        raise next(iter(refused.values()))
    retry.voices = sorted(made.items())
    return retry


def apply(
    session: Session,
    run: Run,
    choice: Choice,
    market: Market,
    *,
    agreed: str | None,
    budget: int | None,
    mode: BudgetMode = BudgetMode.HARD,
) -> Run:
    """Start a run of what another has not brought, all in this transaction.

    Raises `Conflict` where it is not the retry agreed to, or nothing is left to retry, `BudgetExceeded` as `apply`.
    """
    session.get_one(Account, run.account_id, with_for_update=True)  # after whoever plans or retries at this moment
    retry = draw_up(session, run, choice, market)
    if agreed is not None and agreed != retry.digest():
        raise Conflict("What is missing has changed since this was shown.", hint="Look at it again, then retry.")
    if not retry.takes:
        raise Conflict("Nothing of this run is left to retry.", hint="callsheet status shows what it has brought.")
    refused = refusal(session, run.account_id, retry, budget) if mode is BudgetMode.HARD else None
    if refused is not None:
        raise refused
    production = session.get_one(Production, run.production_id)
    started = intake.open_run(session, production, plan_digest=retry.digest(), estimate=retry.price)
    ledger.open_budget(session, started.id, run.account_id, budget)
    for voice_id, _ in retry.voices:
        want_voice(session, started, session.get_one(Voice, voice_id))
    for start in range(0, len(retry.takes), BATCH):
        _want_takes(session, started, production, dict(retry.takes[start : start + BATCH]))
    speech.dispatch(session, market.provider)
    speech.close_runs(session)
    return started


def _missing(run: Run, choice: Choice, market: Market) -> Select[Take, Voice]:
    """Select what the run has not brought and a line still asks for, with its voice."""
    is_meant: list[ColumnElement[bool]] = [_speaks_a_line(run, choice)]
    if not choice.lines:
        is_meant = [is_meant[0] | (Take.kind == TakeKind.AUDITION)]
    if choice.causes:
        is_meant.append(Take.error_kind.in_(choice.causes))
    elif not choice.lines:
        is_meant.append((Take.error_kind != Cancelled.code) | Take.error_kind.is_(None))
    return (
        select(Take, Voice)
        .join(RunTake, RunTake.take_id == Take.id)
        .join(Voice, Voice.id == Take.voice_id)
        .where(RunTake.run_id == run.id, Take.state.in_(BAD), Take.provider == market.provider, *is_meant)
        .order_by(Take.priority, Take.id)
    )


def _speaks_a_line(run: Run, choice: Choice) -> ColumnElement[bool]:
    """Say which takes a line of the run's production asks for: one each, and the alternatives asked for beside it."""
    meant = (Line.production_id == run.production_id, *([Line.line_id.in_(choice.lines)] if choice.lines else []))
    chosen = exists().where(*meant, Line.fingerprint == Take.fingerprint).correlate(Take)
    of_line = (LineTake.production_id == Line.production_id, LineTake.line_id == Line.line_id)
    free = (asked_sound() == Take.alternative_of, Line.locked_at.is_(None))
    other = exists().where(LineTake.fingerprint == Take.fingerprint, *of_line, *meant, *free).correlate(Take)
    return chosen | (Take.alternative_of.is_not(None) & other)


def _require_lines(session: Session, production: Production, choice: Choice) -> None:
    mine = select(Line.line_id).where(Line.production_id == production.id, Line.line_id.in_(choice.lines))
    known = set(session.scalars(mine))
    unknown = [line_id for line_id in choice.lines if line_id not in known]
    if unknown:
        raise NotFound(f"{production.name} has no line {', '.join(unknown)}.", hint="Correct the id; nothing started.")


def _refused(session: Session, run: Run) -> dict[str, ConsentRequired]:
    """Return the voices of the run whose talents are suspended, each with the error that says so."""
    suspended = references.suspended_consents(run.account_id)
    cast = select(Voice).join(RunVoice, RunVoice.voice_id == Voice.id).where(RunVoice.run_id == run.id)
    found = session.scalars(cast.where(Voice.consent_id.in_(suspended)).order_by(Voice.id))
    return {voice.id: error for voice in found if (error := voices.refusal(session, voice)) is not None}


def _may_retry(take: Take, voice: Voice) -> bool:
    is_unclear = voice.state is VoiceState.UNCLEAR
    return not is_unclear and take.error_kind not in NOT_A_RETRYS and voice.problem not in NOT_A_RETRYS


def is_made_anew(voice: Voice) -> bool:
    """Tell whether a voice has to be made once more before anything is spoken with it."""
    return voice.kind is not VoiceKind.SYSTEM and (voice.state is VoiceState.FAILED or voice.problem == GONE)


def remaking_price(voice: Voice, model: str, market: Market) -> int:
    """Return what that costs in micro-dollars, its first words included."""
    making = market.prices.design_micros if voice.kind is VoiceKind.DESIGNED else market.prices.clone_micros
    return making + market.prices.speech(model, len(ACTIVATION_LINE))


def want_voice(session: Session, run: Run, voice: Voice) -> None:
    """Ask for a voice once more on a run's money."""
    reference = session.get(Reference, voice.reference_id) if voice.reference_id else None
    if reference is not None:
        # One whose normalised form was lost is prepared anew.
        references.declare(
            session,
            account_id=voice.account_id,
            sha256=reference.sha256,
            filename=reference.filename,
            object_key=reference.object_key,
        )
    wish = voices.WantedVoice(
        key=voice.key, kind=voice.kind, label=voice.label, model=voice.model, consent_id=voice.consent_id
    )
    voices.want(session, account_id=voice.account_id, provider=voice.provider, run_id=run.id, wanted=wish)


def _want_takes(session: Session, run: Run, production: Production, prices: dict[str, int]) -> None:
    rows: Sequence[Any] = session.execute(
        select(Take, Voice).join(Voice, Voice.id == Take.voice_id).where(Take.id.in_(prices))
    ).all()
    speech.want(session, run, [_wanted(take, voice, production, prices[take.id]) for take, voice in rows])


def _wanted(take: Take, voice: Voice, production: Production, price: int) -> speech.WantedTake:
    return speech.WantedTake(
        sound=Sound(take.provider, take.model, voice.key, take.text, take.format, take.delivery),
        voice=voice,
        reason=REASON,
        estimate=price,
        language=take.language,
        production_name=production.name if take.kind is TakeKind.LINE else "",
        kind=take.kind,
        priority=take.priority,
        fingerprint=take.fingerprint,
        alternative_of=take.alternative_of,
    )
