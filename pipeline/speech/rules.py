"""What a take is, and what becomes of one that failed: pure functions of plain values."""

import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from pipeline.delivery import Delivery

FINGERPRINT_VERSION = 1
"""Counts up when the pipeline itself starts to shape the sound differently."""
MAX_PAID_ATTEMPTS = 3
MAX_CLAIMS = 20
"""How often a take is taken up at all, paid or not, before it fails."""
KEPT_ON_DISK = "storage_failed"
"""The miss of a take whose audio is paid for and waits on a worker's disk for the bucket."""
LEAST_WASTE = 20
WASTE_PER_CENT = 2
OF_THE_LINE = frozenset({"refused", "content_blocked", "voice_gone", "account_blocked"})
"""Misses that tell of one line, of its voice, or of the account, which has a breaker of its own."""
BACKOFF_BASE_SECONDS = 0.5
BACKOFF_CAP_SECONDS = 60.0
EXTENSIONS = {"mp3": "mp3", "wav": "wav", "pcm": "pcm", "ulaw": "ulaw", "flac": "flac", "opus": "opus"}

_CANONICAL = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class TakeKind(StrEnum):
    """What a take is for."""

    LINE = "line"
    AUDITION = "audition"
    """The first words of a new voice."""


class Priority(StrEnum):
    """Which of an account's lines are spoken first; accounts take turns, whatever their lines say."""

    FIRST = "first"
    NORMAL = "normal"
    LAST = "last"


LINE_PRIORITIES = {Priority.FIRST: -1, Priority.NORMAL: 1, Priority.LAST: 3}
"""As takes keep it: the lower goes first."""
AUDITION_PRIORITY = 0
"""A voice speaks its first words before its lines."""
REDO_PRIORITY = 2
"""Of takes that the quality gate asks for: they come after all lines of the run, and are let go for want of money."""


class TakeState(StrEnum):
    """How far a take is."""

    WAITING = "waiting"
    """Its voice is not ready."""
    READY = "ready"
    DISPATCHED = "dispatched"
    """A message is under way; the row still decides."""
    SPEAKING = "speaking"
    DONE = "done"
    FAILED = "failed"
    BLOCKED = "blocked"
    """Something outside it is in the way: its voice, the budget, the account, the consent."""

    def is_final(self) -> bool:
        """Tell whether nothing more happens to it in this run."""
        return self in {self.DONE, self.FAILED, self.BLOCKED}


class Asked(StrEnum):
    """Why a run has asked for a take beside the first of its sound, as `RunTake.reason` keeps it."""

    RETAKE = "retake"
    """A person wants another, and decides about it."""
    FRESH = "fresh"
    """A plan speaks anew what exists; what the quality gate has made once more of it has the same reason."""
    QUALITY = "quality"
    """The quality gate has refused the last."""


class HearingState(StrEnum):
    """How far the quality gate is with a take that is spoken; a take that it need not hear has none."""

    DUE = "due"
    SENT = "sent"
    """A message is under way; the row still decides."""
    HEARING = "hearing"


UNHEARD = tuple(HearingState)
OPEN = tuple(state for state in TakeState if not state.is_final())
UNBEGUN = (TakeState.WAITING, TakeState.READY, TakeState.DISPATCHED)
IN_WINDOW = (TakeState.DISPATCHED, TakeState.SPEAKING)


class Sound(NamedTuple):
    """Everything that shapes the sound of a take."""

    provider: str
    model: str
    voice_key: str
    text: str
    format: str
    delivery: Delivery

    def fingerprint(self) -> str:
        """Return the SHA-256 that two takes share exactly when they would sound alike."""
        return Manner(self.provider, self.model, self.voice_key, self.format, self.delivery).fingerprint(self.text)


@dataclass(frozen=True, slots=True)
class Manner:
    """Everything that shapes a sound but its text: the lines of a million have few."""

    provider: str
    model: str
    voice_key: str
    format: str
    delivery: Delivery
    _around: tuple[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Write down once what stands around every text."""
        head = _CANONICAL([FINGERPRINT_VERSION, self.provider, self.model, self.voice_key])
        coloured = self.delivery.coloured()
        # What is left to the voice is not part of it: a fingerprint from before it could be asked for stands.
        tail = _CANONICAL([self.format, self.delivery.speed, *([coloured] if coloured else [])])
        object.__setattr__(self, "_around", (f"{head[:-1]},", f",{tail[1:]}"))

    def sound(self, text: str) -> Sound:
        """Return how a text sounds that is spoken so."""
        return Sound(self.provider, self.model, self.voice_key, text, self.format, self.delivery)

    def fingerprint(self, text: str) -> str:
        """Return the fingerprint of the sound of a text."""
        head, tail = self._around
        return hashlib.sha256(f"{head}{_CANONICAL(text)}{tail}".encode()).hexdigest()


def alternative(sound: str, production_id: str, line_id: str, number: int) -> str:
    """Return the fingerprint of one more take of a sound: that of take `number` of one line alone."""
    told = [FINGERPRINT_VERSION, sound, production_id, line_id, number]
    return hashlib.sha256(_CANONICAL(told).encode()).hexdigest()


def freshened(sound: str, production: str, line_id: str, number: int) -> str:
    """Return the fingerprint of a fresh take of a sound, of which a line of that production has `number` - 1 takes.

    Unlike `alternative` it is known before there is a production, whose first lines may have takes of another's.
    """
    told = [FINGERPRINT_VERSION, "fresh", sound, production, line_id, number]
    return hashlib.sha256(_CANONICAL(told).encode()).hexdigest()


def redone(sound: str, run_id: str, number: int) -> str:
    """Return the fingerprint of a sound that a run makes once more, because the quality gate has refused the last."""
    return hashlib.sha256(_CANONICAL([FINGERPRINT_VERSION, sound, run_id, number]).encode()).hexdigest()


def extension(audio_format: str) -> str:
    """Return the file extension of a provider's format: `mp3_44100_128` is an mp3."""
    return EXTENSIONS.get(audio_format.partition("_")[0], "bin")


def object_key(account_id: str, fingerprint: str, audio_format: str) -> str:
    """Return where a take's audio is stored; the account in the path keeps equal takes of two accounts apart."""
    return f"speech/{account_id}/{fingerprint[:2]}/{fingerprint}.{extension(audio_format)}"


def part_key(account_id: str, fingerprint: str, audio_format: str, number: int) -> str:
    """Return where one part of a take too long for one call is stored until all are there."""
    return f"speech/{account_id}/{fingerprint[:2]}/{fingerprint}.part{number}.{extension(audio_format)}"


@dataclass(frozen=True)
class Verdict:
    """What a call that brought no audio means for its take."""

    state: TakeState
    delay_seconds: float = 0.0
    paid: bool = False
    """Whether it counts as one of the paid attempts."""
    wasted: bool = False
    """Whether it was paid for and brought nothing that is kept anywhere."""
    counts: bool = True
    """Whether it counts as one of the claims: what is wrong with the account is not the line's fault."""
    blocks_account: bool = False
    loses_voice: bool = False


def verdict(error_kind: str, *, paid: int, claims: int, retry_after: float | None, chance: float) -> Verdict:
    """Judge a failed call.

    `paid` counts the paid attempts before it, `claims` the claims with this one; `chance` in 0..1 spreads the retries.
    """
    delay = max(retry_after or 0.0, backoff_seconds(claims, chance))
    match error_kind:
        case "not_sent" | "rate_limited" | "safe_retry" | "storage_away":
            return Verdict(TakeState.READY if claims < MAX_CLAIMS else TakeState.FAILED, delay)
        case "refused" | "content_blocked":
            return Verdict(TakeState.FAILED)
        case "voice_gone":
            return Verdict(TakeState.BLOCKED, loses_voice=True)
        case "account_blocked":
            return Verdict(TakeState.READY, counts=False, blocks_account=True)
        case _:
            again = paid + 1 < MAX_PAID_ATTEMPTS
            state = TakeState.READY if again else TakeState.FAILED
            return Verdict(state, delay, paid=True, wasted=error_kind != KEPT_ON_DISK)


def may_have_cost(error_kind: str) -> bool:
    """Tell whether a failed call may have been charged although nobody said so."""
    return verdict(error_kind, paid=0, claims=0, retry_after=None, chance=0.0).paid


def is_systemic(error_kind: str) -> bool:
    """Tell whether a line that has used up its tries speaks of more than itself."""
    return error_kind not in OF_THE_LINE


def waste_cap(lines: int) -> int:
    """Return how many paid calls of a run may bring nothing that can be kept before it starts no more."""
    return max(LEAST_WASTE, lines * WASTE_PER_CENT // 100)


def backoff_seconds(tries: int, chance: float) -> float:
    """Return a full-jitter delay: anywhere up to a bound that doubles with each try."""
    bound: float = min(BACKOFF_CAP_SECONDS, BACKOFF_BASE_SECONDS * 2.0 ** min(tries, 10))
    return chance * bound
