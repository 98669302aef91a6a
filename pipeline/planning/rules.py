"""The plan: the difference between the sheet and what exists, with a reason and a price each. Pure functions."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple

from pipeline.intake.rules import FirstMet, language_of, pages, spoken_text
from pipeline.planning.sums import Sum, Sums
from pipeline.speech.rules import Asked, TakeState
from pipeline.voices.rules import VoiceKind, VoiceState


class Reason(StrEnum):
    """Why a line or a voice is on the plan."""

    NEW = "new"
    TEXT = "text"
    """The text has changed."""
    VOICE = "voice"
    """The character has another voice."""
    MODEL = "model"
    """Another model is to speak it."""
    LEXICON = "lexicon"
    """One of its words is said otherwise."""
    DELIVERY = "delivery"
    """Format or speed has changed."""
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
    LEFT_OUT = "left out"
    """It would be made, and was not selected; it stays as it was."""
    RETAKE = Asked.RETAKE.value
    """Its take was rejected: a person asks for another, and no plan makes one."""
    LOCKED_CONFLICT = "locked-conflict"
    """The sheet asks for something else than the lock keeps; it stays as it was."""
    FRESH = Asked.FRESH.value
    """It exists, and is asked for anew."""

    def is_work(self) -> bool:
        """Tell whether something is made because of it."""
        return self in _WORK

    def leaves_unspoken(self) -> bool:
        """Tell whether there may be no take of the line once the plan is done."""
        return self in {Reason.LEFT_OUT, Reason.UNCLEAR}


CHANGED = frozenset((Reason.TEXT, Reason.VOICE, Reason.MODEL, Reason.LEXICON, Reason.DELIVERY))
_WORK = CHANGED | {Reason.NEW, Reason.MISSING, Reason.FAILED, Reason.LAPSED, Reason.FRESH}
SHA256_BYTES = 32


class KnownLine(NamedTuple):
    """A line as it was last applied; `text` stands as it was written."""

    fingerprint: str
    voice_key: str
    text: str


class WantedLine(NamedTuple):
    """A line as the sheet has it now; `price` in micro-dollars is what speaking it once would cost.

    `chars` counts the text as it is sent, with the lexicon's words as they are said.
    """

    line_id: str
    character: str
    text: str
    fingerprint: str
    voice_key: str
    price: int
    chars: int


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


class PlannedLine(NamedTuple):
    """What happens to one line, and what it costs."""

    line_id: str
    character: str
    reason: Reason
    price: int
    chars: int
    fingerprint: str
    """That of its take: of the one that was chosen, where one was."""
    shares_with: str | None = None
    sound: str | None = None
    """The fingerprint that the sheet asks for, where another take was chosen."""
    locked_text: str | None = None
    """What a locked line says while the sheet asks for something else, `sheet_text`."""
    sheet_text: str | None = None
    fresh: str | None = None
    """The fingerprint of the fresh take that is asked for; until it is spoken, the chosen one stays."""

    @property
    def wanted(self) -> str:
        """The fingerprint of the take that is made, or is there."""
        return self.fresh or self.fingerprint


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
class LeftInReview:
    """Selected lines in review that a plan leaves as they are: what the sheet asks for is there, however bad it is."""

    lines: Sequence[str]
    locked: int
    """How many of them are locked, so that nothing else makes them either."""


@dataclass(frozen=True)
class Plan:
    """Everything a run would do, and nothing else. Lines and removed ones may be longer than memory is large."""

    production: str
    provider: str
    voices: Sequence[PlannedVoice]
    lines: Sequence[PlannedLine]
    removed: Sequence[str] = ()
    """Lines that are no longer on the sheet; their takes are kept."""
    languages: Sequence[str] = ()
    """Those of the lines, the source language first."""
    with_work: Collection[str] = frozenset()
    """The keys of the voices that something is to be spoken with."""
    left_in_review: LeftInReview | None = None
    """None where nobody asked for what is in review."""

    @property
    def price(self) -> int:
        """Return what the run is expected to cost, in micro-dollars."""
        total: int = self.totals()["total_micros"]
        return total

    @property
    def has_work(self) -> bool:
        """Tell whether a run would make anything."""
        return bool(self._made() or self.totals()["lines_to_speak"])

    @property
    def by_reason(self) -> Mapping[Reason, int]:
        """Return how many lines have each reason."""
        return self._summary.by_reason

    def digest(self) -> str:
        """Return the SHA-256 of what would be done: two plans of equal digest do and cost the same."""
        return self._summary.digest

    def totals(self) -> dict[str, Any]:
        """Count what the plan holds; amounts in micro-dollars."""
        summary = self._summary
        voices_micros = sum(voice.price for voice in self.voices)
        return {
            "voices_to_make": len(self._made()),
            "lines_to_speak": sum(count for reason, count in summary.by_reason.items() if reason.is_work()),
            "lines_shared": summary.by_reason[Reason.SHARED],
            "lines_reused": summary.by_reason[Reason.REUSED],
            "lines_left_out": summary.by_reason[Reason.LEFT_OUT],
            "lines_removed": len(self.removed),
            "lines": len(self.lines),
            "chars_to_speak": summary.chars,
            "voices_micros": voices_micros,
            "lines_micros": summary.micros,
            "total_micros": voices_micros + summary.micros,
        }

    def by_character(self) -> Mapping[str, Sum]:
        """Sum up what is made for each character that has lines."""
        return self._summary.by_character.by_name()

    def by_language(self) -> Mapping[str, Sum]:
        """Sum up what is made in each language; nothing where there is only one."""
        return self._summary.by_language.by_name()

    def _made(self) -> list[PlannedVoice]:
        return [voice for voice in self.voices if voice.reason.is_work() and voice.kind is not VoiceKind.SYSTEM]

    @cached_property
    def _summary(self) -> "_Summary":
        """Read the lines once for all that has to be known of them together."""
        voices = [[voice.key, _agreed(voice.reason), voice.price] for voice in self.voices]
        digest = _Digest([self.production, self.provider, voices])
        by_reason: Counter[Reason] = Counter()
        by_character, by_language = Sums(), Sums()
        chars = micros = 0
        for page in pages(self.lines):
            digest.add([[line.line_id, line.wanted, _agreed(line.reason), line.price] for line in page])
            by_reason.update(line.reason for line in page)
            chars += sum(line.chars for line in page if line.reason.is_work())
            micros += sum(line.price for line in page)
            by_character.add(page, [line.character for line in page])
            if len(self.languages) > 1:
                by_language.add(page, [language_of(line.line_id, self.languages[0]) for line in page])
        for removed in pages(self.removed):
            digest.add(removed)
        return _Summary(digest.sha256.hexdigest(), by_reason, chars, micros, by_character, by_language)


def _agreed(reason: Reason) -> Reason:
    """Return a reason as far as somebody agrees to it: what another run makes is done at any moment, at no price."""
    return Reason.REUSED if reason is Reason.UNDER_WAY else reason


@dataclass(frozen=True)
class _Summary:
    digest: str
    by_reason: Counter[Reason]
    chars: int
    """To be spoken."""
    micros: int
    by_character: Sums
    by_language: Sums


class _Digest:
    """One hash over JSON values that come one after the other."""

    def __init__(self, head: object) -> None:
        self.sha256 = hashlib.sha256()
        self.add(head)

    def add(self, value: object) -> None:
        self.sha256.update(_CANONICAL(value).encode() + b"\n")


_CANONICAL = json.JSONEncoder(ensure_ascii=False).encode


class LinePlanner:
    """Compares lines with what was applied last and with the takes that exist, page by page.

    `unclear` holds the keys of voices that a person has to decide about: nothing is spoken with them. `selected` is
    asked about each line that would be made, and why.
    """

    def __init__(
        self,
        unclear: Collection[str] = (),
        selected: Callable[[WantedLine, Reason], bool] = lambda _line, _reason: True,
    ) -> None:
        self._unclear = unclear
        self._selected = selected
        # Thirty-two bytes of the fingerprint, then the id of the line.
        self._sounds = FirstMet(lambda text: text[:SHA256_BYTES])

    def plan(
        self, wanted: Iterable[WantedLine], known: Mapping[str, KnownLine], takes: Mapping[str, TakeState]
    ) -> Iterator[PlannedLine]:
        """Yield what happens to each line; `known` and `takes` hold what is known of these."""
        for line in wanted:
            reason = _line_reason(line, known.get(line.line_id), takes.get(line.fingerprint))
            if reason.is_work() and line.voice_key in self._unclear:
                reason = Reason.UNCLEAR
            if reason.is_work() and not self._selected(line, reason):
                reason = Reason.LEFT_OUT
            is_work = reason.is_work()
            twin = self._twin(line) if is_work else None
            is_shared = twin is not None
            yield PlannedLine(
                line.line_id,
                line.character,
                Reason.SHARED if is_shared else reason,
                line.price if is_work and not is_shared else 0,
                line.chars,
                line.fingerprint,
                twin if is_shared else None,
            )

    def _twin(self, line: WantedLine) -> str | None:
        """Return the first line of this sound, None where this is it."""
        sounds = self._sounds
        first = sounds.meet(bytes.fromhex(line.fingerprint) + line.line_id.encode())
        return None if first == len(sounds) - 1 else sounds[first][SHA256_BYTES:].decode()


def plan_voices(
    wanted: Iterable[WantedVoice],
    known: Mapping[str, KnownVoice],
    needed: Collection[str] | None = None,
    *,
    only_needed: bool = False,
) -> list[PlannedVoice]:
    """Compare each voice with what the account has.

    `needed` holds the keys of the voices that something is to be spoken with, None all of them: one that is gone
    and has nothing more to say is not made again. With `only_needed` neither is any other.
    """
    planned = []
    for voice in wanted:
        found = known.get(voice.key)
        is_needed = needed is None or voice.key in needed
        reason = _voice_reason(found, is_needed=is_needed)
        if reason.is_work() and only_needed and not is_needed:
            reason = Reason.LEFT_OUT
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
    if spoken_text(known.text) != line.text:
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
