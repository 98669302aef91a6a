"""The plan: the difference between the sheet and what exists, with a reason and a price each. Pure functions."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pipeline.speech.rules import TakeState
from pipeline.voices.rules import VoiceKind, VoiceState


class Reason(StrEnum):
    """Why a line or a voice is on the plan."""

    NEW = "new"
    TEXT = "text"
    """The text has changed."""
    VOICE = "voice"
    """The character has another voice."""
    DELIVERY = "delivery"
    """Model, format or speed has changed."""
    MISSING = "missing"
    """There is no take of it although nothing has changed."""
    FAILED = "failed"
    """The last try did not succeed."""
    LAPSED = "lapsed"
    """The provider no longer has the voice: it is made, and paid for, once more."""
    UNDER_WAY = "under way"
    """Another run is making it and pays for it."""
    SHARED = "shared"
    """Another line of this plan sounds the same; one take serves both."""
    REUSED = "reused"
    """It exists."""
    UNCLEAR = "unclear"
    """A paid call may have made it; a person decides before anything is paid again."""

    def is_work(self) -> bool:
        """Tell whether something is made because of it."""
        return self in {self.NEW, self.TEXT, self.VOICE, self.DELIVERY, self.MISSING, self.FAILED, self.LAPSED}


@dataclass(frozen=True)
class KnownLine:
    """A line as it was last applied."""

    fingerprint: str
    voice_key: str
    text: str


@dataclass(frozen=True)
class WantedLine:
    """A line as the sheet has it now; `price` in micro-dollars is what speaking it once would cost."""

    line_id: str
    character: str
    text: str
    fingerprint: str
    voice_key: str
    price: int


@dataclass(frozen=True)
class KnownVoice:
    """A voice as the account has it; `message` says what keeps it from being spoken with."""

    state: VoiceState
    message: str | None = None
    is_gone: bool = False
    """Whether the provider no longer has it."""


@dataclass(frozen=True)
class WantedVoice:
    """A voice the cast needs; the prices in micro-dollars are for making it and for its first words."""

    key: str
    kind: VoiceKind
    characters: Sequence[str]
    source: str
    price: int
    audition_price: int


@dataclass(frozen=True)
class PlannedLine:
    """What happens to one line, and what it costs."""

    line_id: str
    character: str
    reason: Reason
    price: int
    chars: int
    fingerprint: str
    shares_with: str | None = None


@dataclass(frozen=True)
class PlannedVoice:
    """What happens to one voice, and what it costs, first words included."""

    key: str
    kind: VoiceKind
    characters: Sequence[str]
    source: str
    reason: Reason
    price: int
    message: str | None = None


@dataclass(frozen=True)
class Plan:
    """Everything a run would do, and nothing else."""

    production: str
    provider: str
    voices: Sequence[PlannedVoice]
    lines: Sequence[PlannedLine]
    removed: Sequence[str] = ()
    """Lines that are no longer on the sheet; their takes are kept."""

    @property
    def price(self) -> int:
        """Return what the run is expected to cost, in micro-dollars."""
        return sum(voice.price for voice in self.voices) + sum(line.price for line in self.lines)

    @property
    def has_work(self) -> bool:
        """Tell whether a run would make anything."""
        return bool(self._made()) or any(line.reason.is_work() for line in self.lines)

    def _made(self) -> list[PlannedVoice]:
        return [voice for voice in self.voices if voice.reason.is_work() and voice.kind is not VoiceKind.SYSTEM]

    def digest(self) -> str:
        """Return the SHA-256 of what would be done: two plans of equal digest do and cost the same."""
        work = [
            self.production,
            self.provider,
            [[voice.key, voice.reason, voice.price] for voice in self.voices],
            [[line.line_id, line.fingerprint, line.reason, line.price] for line in self.lines],
            list(self.removed),
        ]
        return hashlib.sha256(json.dumps(work, ensure_ascii=False).encode()).hexdigest()

    def totals(self) -> dict[str, Any]:
        """Count what the plan holds; amounts in micro-dollars."""
        work = [line for line in self.lines if line.reason.is_work()]
        return {
            "voices_to_make": len(self._made()),
            "lines_to_speak": len(work),
            "lines_shared": sum(line.reason is Reason.SHARED for line in self.lines),
            "lines_reused": sum(line.reason is Reason.REUSED for line in self.lines),
            "lines": len(self.lines),
            "chars_to_speak": sum(line.chars for line in work),
            "voices_micros": sum(voice.price for voice in self.voices),
            "lines_micros": sum(line.price for line in self.lines),
            "total_micros": self.price,
        }


def plan_lines(
    wanted: Iterable[WantedLine],
    known: Mapping[str, KnownLine],
    takes: Mapping[str, TakeState],
    unclear: Collection[str] = (),
) -> list[PlannedLine]:
    """Compare each line with what was applied last and with the takes that exist.

    `unclear` holds the keys of voices that a person has to decide about: nothing is spoken with them.
    """
    first: dict[str, str] = {}
    planned = []
    for line in wanted:
        twin = first.setdefault(line.fingerprint, line.line_id)
        reason = _line_reason(line, known.get(line.line_id), takes.get(line.fingerprint))
        reason = Reason.UNCLEAR if reason.is_work() and line.voice_key in unclear else reason
        shared = twin != line.line_id and reason.is_work()
        planned.append(
            PlannedLine(
                line_id=line.line_id,
                character=line.character,
                reason=Reason.SHARED if shared else reason,
                price=line.price if reason.is_work() and not shared else 0,
                chars=len(line.text),
                fingerprint=line.fingerprint,
                shares_with=twin if shared else None,
            )
        )
    return planned


def plan_voices(
    wanted: Iterable[WantedVoice], known: Mapping[str, KnownVoice], needed: Collection[str] | None = None
) -> list[PlannedVoice]:
    """Compare each voice with what the account has.

    `needed` holds the keys of the voices that something is to be spoken with, None all of them: one that is gone
    and has nothing more to say is not made again.
    """
    planned = []
    for voice in wanted:
        found = known.get(voice.key)
        reason = _voice_reason(found, is_needed=needed is None or voice.key in needed)
        pays = reason.is_work() and voice.kind is not VoiceKind.SYSTEM
        planned.append(
            PlannedVoice(
                key=voice.key,
                kind=voice.kind,
                characters=voice.characters,
                source=voice.source,
                reason=reason,
                price=voice.price + voice.audition_price if pays else 0,
                message=found.message if found else None,
            )
        )
    return planned


def _line_reason(line: WantedLine, known: KnownLine | None, take: TakeState | None) -> Reason:
    if take is TakeState.DONE:
        return Reason.REUSED
    if take is not None and not take.is_final():
        return Reason.UNDER_WAY
    return Reason.NEW if known is None else _change(line, known, take)


def _change(line: WantedLine, known: KnownLine, take: TakeState | None) -> Reason:
    if known.voice_key != line.voice_key:
        return Reason.VOICE
    if known.text != line.text:
        return Reason.TEXT
    if known.fingerprint != line.fingerprint:
        return Reason.DELIVERY
    return Reason.MISSING if take is None else Reason.FAILED


def _voice_reason(known: KnownVoice | None, *, is_needed: bool) -> Reason:
    match known.state if known else None:
        case None:
            return Reason.NEW
        case VoiceState.READY:
            return Reason.LAPSED if known and known.is_gone and is_needed else Reason.REUSED
        case VoiceState.WANTED | VoiceState.MAKING:
            return Reason.UNDER_WAY
        case VoiceState.FAILED:
            return Reason.FAILED
        case VoiceState.UNCLEAR:
            return Reason.UNCLEAR
