"""One attempt at a take: what is asked for, under which claim, and what can come of it."""

from dataclasses import dataclass

from pipeline.delivery import Delivery
from pipeline.ledger.provider_account import Block


@dataclass(frozen=True)
class Job:
    """A dispatched take: what to say, with which voice, and where the audio belongs."""

    id: str
    account_id: str
    fingerprint: str
    provider: str
    model: str
    voice_id: str
    provider_voice_id: str
    parts: tuple[str, ...]
    """The text, split at its pauses and where it is too long for one call."""
    format: str
    delivery: Delivery
    key: str
    is_fresh: bool = False
    """Nobody has ever taken it up: nothing of it waits on a disk for the bucket."""
    voice_has_spoken: bool = False
    pauses: tuple[float | None, ...] = ()
    """Behind each part but the last, in seconds; None where it goes on as if nothing were cut. Empty for none."""


@dataclass(frozen=True)
class Claim:
    """The right to one paid attempt at a take."""

    fence: int

    def attempt(self, take_id: str) -> str:
        """Return the name the money of this attempt goes by."""
        return f"{take_id}#{self.fence}"


@dataclass(frozen=True)
class Ended:
    """An attempt that is over."""

    job: Job
    claim: Claim
    outcome: "Stored | Missed"


@dataclass(frozen=True)
class Spoken:
    """Audio of a take, and what it cost in micro-dollars; None where the provider did not say."""

    audio: bytes
    content_type: str
    seconds: float
    cost: int | None
    chars: int | None


@dataclass(frozen=True)
class Stored:
    """A take's audio in the bucket."""

    size: int
    sha256: str
    content_type: str
    seconds: float
    cost: int | None
    chars: int | None


@dataclass(frozen=True)
class Missed:
    """A call that brought no audio that can be kept; `cost` is what it is known to have cost all the same."""

    kind: str
    message: str
    cost: int | None = None
    retry_after: float | None = None
    block: Block | None = None
    """What is wrong with the provider's account, where that is why."""


class TakeMissed(Exception):
    """A take was not spoken this time; its row says what follows. Raised so that the task shows as failed."""

    def __init__(self, missed: Missed) -> None:
        super().__init__(missed.kind)
