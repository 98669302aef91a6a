"""Why a plan makes one line, or does not: what is wanted, what was applied last, and what differs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.delivery import Delivery
from pipeline.errors import UsageError
from pipeline.intake import service as intake
from pipeline.intake.models import Line as LineRow
from pipeline.intake.rules import Line, Project, spoken_text
from pipeline.intake.rules.problems import did_you_mean
from pipeline.planning.drawing import Sounds, Submission, draw_up
from pipeline.planning.market import Market
from pipeline.planning.rules import PlannedLine, Reason
from pipeline.planning.selecting import as_hint
from pipeline.speech.models import Take
from pipeline.speech.rules import Sound

COMPARED_IDS = 20_000
"""Of a longer sheet no id is suggested: comparing them all would take seconds."""
SHAPING = ("text", "said", "voice", "model", "format", *Delivery._fields)
"""What a line's sound is shaped by, beside the provider."""
SENTENCES = {
    Reason.NEW: "The production has no such line yet.",
    Reason.TEXT: "Its text has changed since it was last applied.",
    Reason.VOICE: "Its character has another voice than when it was last applied.",
    Reason.MODEL: "Another model is to speak it than when it was last applied.",
    Reason.LEXICON: "The lexicon says one of its words otherwise than when it was last applied.",
    Reason.DELIVERY: "It is to be delivered otherwise than when it was last applied.",
    Reason.MISSING: "Nothing has changed, but there is no take of it.",
    Reason.FAILED: "The last try did not succeed.",
    Reason.UNDER_WAY: "Another run is making it, and pays for it.",
    Reason.SHARED: "Another line of this plan sounds the same; one take serves both.",
    Reason.REUSED: "There is a take that sounds so.",
    Reason.UNCLEAR: "A paid call may have made its voice; `callsheet reconcile` decides.",
    Reason.LEFT_OUT: "It would be made, and was not selected.",
    Reason.RETAKE: "Its take was rejected; `callsheet retake` makes another.",
    Reason.FRESH: "There is a take that sounds so; another is asked for.",
    Reason.LOCKED_CONFLICT: "It is locked, and the sheet asks for something else; `callsheet unlock` lets it change.",
}


@dataclass(frozen=True)
class Explanation:
    """One line of a plan, with what speaks for its reason; amounts in micro-dollars."""

    planned: PlannedLine
    now: dict[str, Any]
    """What shapes its sound; `full_price` is what speaking it once costs."""
    before: dict[str, Any] | None
    """As it was last applied; None where it never was."""
    take: dict[str, Any] | None
    """The take that speaks it as it was last applied."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        line = self.planned
        return {
            "line_id": line.line_id,
            "character": line.character,
            "reason": line.reason,
            "why": SENTENCES.get(line.reason, ""),
            "price": line.price,
            "shares_with": line.shares_with,
            "now": self.now,
            "before": self.before,
            "changed": self.changed(),
            "take": self.take,
        }

    def changed(self) -> list[str]:
        """Return the names of what differs, of that which is known of both."""
        before = self.before or {}
        return [name for name in SHAPING if name in before and before[name] != self.now[name]]


def explain(session: Session, account_id: str, submission: Submission, market: Market, line_id: str) -> Explanation:
    """Explain one line of a plan; raises `UsageError` where the sheet has no such line. Writes nothing."""
    line = _find(submission.project, line_id)
    sounds = Sounds.of(submission, market)
    plan = draw_up(session, account_id, submission, market)
    planned = next(planned for planned in plan.lines if planned.line_id == line_id)
    sources = {voice.key: voice.source for voice in plan.voices}
    sound = sounds.sound(line)
    now = (
        {"text": spoken_text(line.text)}
        | _told(sound, sources)
        | {"chars": planned.chars, "full_price": sounds.price(sound)}
    )
    known = _known(session, account_id, submission.project.production, line_id)
    if known is None:
        return Explanation(planned, now, None, None)
    take = session.scalar(select(Take).where(Take.account_id == account_id, Take.fingerprint == known.fingerprint))
    before: dict[str, Any] = {"text": spoken_text(known.text), **_voice(known.voice_key, sources)}
    if take is None:
        return Explanation(planned, now, before, None)
    before |= {"said": take.text, "model": take.model, "format": take.format, **take.delivery._asdict()}
    return Explanation(planned, now, before, _facts(take))


def _find(project: Project, line_id: str) -> Line:
    for line in project.lines:
        if line.id == line_id:
            return line
    ids = [line.id for line in project.lines] if len(project.lines) <= COMPARED_IDS else []
    raise UsageError(
        f"The sheet has no line {line_id}.",
        hint=as_hint(did_you_mean(line_id, ids)) or "`callsheet plan --all` lists every line.",
    )


def _known(session: Session, account_id: str, production: str, line_id: str) -> LineRow | None:
    found = intake.find_production(session, account_id, production)
    return session.get(LineRow, (found.id, line_id)) if found else None


def _told(sound: Sound, sources: Mapping[str, str]) -> dict[str, Any]:
    shaping = {"provider": sound.provider, "model": sound.model, "format": sound.format, **sound.delivery._asdict()}
    return {"said": sound.text, **shaping, **_voice(sound.voice_key, sources)}


def _voice(key: str, sources: Mapping[str, str]) -> dict[str, Any]:
    return {"voice": key, "voice_source": sources.get(key)}


def _facts(take: Take) -> dict[str, Any]:
    return {
        "id": take.id,
        "state": take.state,
        "problem": take.error,
        "cost": take.cost,
        "seconds": take.seconds,
        "spoken_at_ms": take.done_at,
    }
