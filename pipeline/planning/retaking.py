"""Retake: more takes of lines that are spoken already, at a price that was shown before."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from pipeline.errors import Conflict, NeedsReconcile, UsageError
from pipeline.intake import service as intake
from pipeline.intake.models import Line, LineTake, Production, Run, asked_sound
from pipeline.intake.rules import language_of, spoken_chars
from pipeline.ledger import service as ledger
from pipeline.ledger.money import BudgetMode
from pipeline.planning.budget import refusal
from pipeline.planning.market import Market
from pipeline.planning.retrying import is_made_anew, remaking_price, want_voice
from pipeline.planning.rules import Reason
from pipeline.references import service as references
from pipeline.speech import service as speech
from pipeline.speech.models import Take
from pipeline.speech.rules import LINE_PRIORITIES, Priority, Sound, TakeState, alternative
from pipeline.voices.models import Voice
from pipeline.voices.rules import VoiceState

MOST_TAKES = 1_000
"""Takes of one request, which is written down in one transaction."""

Found = Row[Line, Take | None, Voice | None]


@dataclass(frozen=True)
class Wish:
    """So many more takes of each of these lines."""

    lines: Sequence[str]
    count: int = 1
    direction: str = ""
    """What is asked of them; empty for the direction on the sheet. It is noted and never spoken."""


@dataclass(frozen=True)
class Spoken:
    """A line that is spoken, with the take whose sound is made once more and its voice.

    `price` is that of one take, and `chars` as how many characters it is billed.
    """

    line: Line
    take: Take
    voice: Voice
    price: int
    chars: int


@dataclass
class Retake:
    """What a retake would make, and what it would cost; amounts in micro-dollars."""

    production: str
    provider: str
    wish: Wish
    lines: list[Spoken] = field(default_factory=list)
    voices: list[tuple[str, int]] = field(default_factory=list)
    """The voices that the provider has no more, with the price of making each anew."""

    @property
    def price(self) -> int:
        """Return what it is expected to cost."""
        return self.wish.count * sum(one.price for one in self.lines) + sum(price for _, price in self.voices)

    def digest(self) -> str:
        """Return the SHA-256 of what would be made: two retakes of equal digest do and cost the same."""
        lines = [[one.line.line_id, one.take.fingerprint, one.price] for one in self.lines]
        work = [self.production, self.provider, self.wish.count, lines, self.voices]
        return hashlib.sha256(json.dumps(work).encode()).hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        lines_micros = self.wish.count * sum(one.price for one in self.lines)
        return {
            "digest": self.digest(),
            "production": self.production,
            "provider": self.provider,
            "lines": [
                {"line_id": one.line.line_id, "character": one.line.character, "text": one.take.text}
                | {"chars": one.chars, "price": self.wish.count * one.price}
                for one in self.lines
            ],
            "takes": self.wish.count * len(self.lines),
            "chars": self.wish.count * sum(one.chars for one in self.lines),
            "voices": len(self.voices),
            "voices_micros": self.price - lines_micros,
            "lines_micros": lines_micros,
            "total_micros": self.price,
        }


def draw_up(session: Session, production: Production, wish: Wish, market: Market) -> Retake:
    """Return what a retake would make. Reads these lines alone, writes nothing and calls nobody.

    Raises `NotFound` where the production has no such line, `Conflict` naming each that is locked, not spoken yet or
    spoken by another provider, `NeedsReconcile` where its voice is unclear, `ConsentRequired` where it may not speak.
    """
    lines = list(dict.fromkeys(wish.lines))
    if len(lines) * wish.count > MOST_TAKES:
        raise UsageError(
            f"{len(lines)} lines with {wish.count} takes each are more than {MOST_TAKES:,} takes.",
            hint="Ask for some of them now and for the others later.",
        )
    speech.require_lines(session, production, speech.Meant(lines))
    found = session.execute(_with_takes(production, lines)).all()
    _require_fit(production, found, market)
    retake = Retake(production.name, market.provider, wish)
    made: dict[str, int] = {}
    for line, take, voice in found:
        _require_consent(session, production, voice, _language(production, line))
        chars = spoken_chars(take.text, market.prices.chars)
        retake.lines.append(Spoken(line, take, voice, market.prices.speech(take.model, chars), chars))
        if is_made_anew(voice):
            made[voice.id] = remaking_price(voice, take.model, market)
    retake.voices = sorted(made.items())
    return retake


def apply(
    session: Session,
    production: Production,
    wish: Wish,
    market: Market,
    *,
    agreed: str | None,
    budget: int | None,
    mode: BudgetMode = BudgetMode.HARD,
) -> Run:
    """Start a run of more takes, all in this transaction; each has the next number of its line.

    Raises `Conflict` where it is not the retake agreed to, `BudgetExceeded` as `apply`, and what `draw_up` raises.
    """
    speech.enter(session, production)
    retake = draw_up(session, production, wish, market)
    if agreed is not None and agreed != retake.digest():
        raise Conflict("The lines have changed since this was shown.", hint="Look at it again, then retake.")
    refused = refusal(session, production.account_id, retake, budget) if mode is BudgetMode.HARD else None
    if refused is not None:
        raise refused
    run = intake.open_run(session, production, plan_digest=retake.digest(), estimate=retake.price)
    ledger.open_budget(session, run.id, production.account_id, budget)
    for voice_id, _ in retake.voices:
        want_voice(session, run, session.get_one(Voice, voice_id))
    speech.want(session, run, _number(session, production, retake))
    speech.dispatch(session, market.provider)
    speech.close_runs(session)
    return run


def _with_takes(production: Production, line_ids: Sequence[str]) -> Any:  # noqa: ANN401 - an outer join's type
    of_line = (Take.account_id == production.account_id) & (Take.fingerprint == asked_sound())
    told = select(Line, Take, Voice).select_from(Line)
    query = told.outerjoin(Take, of_line).outerjoin(Voice, Voice.id == Take.voice_id)
    return query.where(Line.production_id == production.id, Line.line_id.in_(line_ids)).order_by(Line.position)


def _require_fit(production: Production, found: Sequence[Found], market: Market) -> None:
    """Raise an error naming every line that no more takes can be made of."""

    def those(is_so: Callable[[Line, Take | None, Voice | None], bool]) -> list[str]:
        return [line.line_id for line, take, voice in found if is_so(line, take, voice)]

    locked = those(lambda line, _take, _voice: line.locked_at is not None)
    if locked:
        hint = f"callsheet unlock {production.name} {' '.join(locked)}"
        raise Conflict(f"Locked: {', '.join(locked)}.", hint=hint, lines=locked)
    unspoken = those(lambda _line, take, _voice: take is None or take.state is not TakeState.DONE)
    if unspoken:
        hint = "callsheet apply speaks a line for the first time; callsheet retry what has failed."
        raise Conflict(f"Not spoken yet: {', '.join(unspoken)}.", hint=hint, lines=unspoken)
    elsewhere = those(lambda _line, take, _voice: take is not None and not _is_sold(take, market))
    if elsewhere:
        told = f"{market.provider} does not sell the model of {', '.join(elsewhere)}."
        raise Conflict(told, hint="callsheet plan shows what speaking them anew costs.", lines=elsewhere)
    unclear = those(lambda _line, _take, voice: voice is not None and voice.state is VoiceState.UNCLEAR)
    if unclear:
        raise NeedsReconcile(
            f"A paid call may have made the voice of {', '.join(unclear)}.", hint="callsheet reconcile decides it."
        )


def _is_sold(take: Take, market: Market) -> bool:
    return take.provider == market.provider and take.model in market.prices.speech_micros_per_million_chars


def _require_consent(session: Session, production: Production, voice: Voice, language: str) -> None:
    if voice.consent_id is not None:
        today = datetime.now(UTC).date()
        references.require_consent(session, voice.consent_id, production.name, language, today)


def _language(production: Production, line: Line) -> str:
    return language_of(line.line_id, production.language)


def _number(session: Session, production: Production, retake: Retake) -> list[speech.WantedTake]:
    """Write the new takes into the histories of their lines, each with the next number, and return them."""
    line_ids = [one.line.line_id for one in retake.lines]
    intake.keep_takes(session, production.id, line_ids)
    last = speech.last_numbers(session, production, line_ids)
    wanted = []
    for one in retake.lines:
        before = last[one.line.line_id]
        for number in range(before + 1, before + 1 + retake.wish.count):
            fingerprint = alternative(one.take.fingerprint, production.id, one.line.line_id, number)
            direction = retake.wish.direction or one.line.direction
            session.add(
                LineTake(
                    production_id=production.id,
                    line_id=one.line.line_id,
                    number=number,
                    fingerprint=fingerprint,
                    direction=direction,
                )
            )
            wanted.append(_wanted(one, production, fingerprint))
    session.flush()
    return wanted


def _wanted(one: Spoken, production: Production, fingerprint: str) -> speech.WantedTake:
    take = one.take
    return speech.WantedTake(
        sound=Sound(take.provider, take.model, one.voice.key, take.text, take.format, take.delivery),
        voice=one.voice,
        reason=str(Reason.RETAKE),
        estimate=one.price,
        language=_language(production, one.line),
        production_name=production.name,
        priority=LINE_PRIORITIES[Priority.FIRST],  # somebody waits for it
        fingerprint=fingerprint,
        alternative_of=take.fingerprint,
    )
