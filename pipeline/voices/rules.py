"""What a voice is made of, and what becomes of a paid attempt: pure functions of plain values."""

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum

LABEL_LIMIT = 64
TOKEN_LENGTH = 8
MAX_ATTEMPTS = 3
"""How often an attempt that provably did not happen is made anew before the voice fails."""
GONE = "voice_gone"
"""The problem of a voice that was made, and that the provider no longer speaks with."""
ACTIVATION_LINE = "This is how I sound."
"""What each new voice says first: a clone that never speaks is deleted upstream after seven days."""


class VoiceKind(StrEnum):
    """Where a voice comes from."""

    CLONED = "cloned"
    DESIGNED = "designed"
    SYSTEM = "system"


class VoiceState(StrEnum):
    """How far a voice is."""

    WANTED = "wanted"
    MAKING = "making"
    READY = "ready"
    FAILED = "failed"
    UNCLEAR = "unclear"
    """A paid call may have made it; it is never made again before that is known."""


class AttemptState(StrEnum):
    """How far a paid attempt is, and with it the money."""

    RESERVED = "reserved"
    """Intent and hold are committed, nothing is sent. Money held."""
    SENDING = "sending"
    """Committed before the first byte. Money held."""
    AMBIGUOUS = "ambiguous"
    """It may have happened. Money held."""
    SUCCEEDED = "succeeded"
    """Voice, owner and transfer in one transaction. Money spent."""
    REJECTED = "rejected"
    """Refused by a documented refusal. Money free."""
    RELEASED = "released"
    """Proven not to have happened. Money free."""
    OPERATOR = "operator"
    """It cannot be proven; a person decides. Money held."""
    WRITTEN_OFF = "written_off"
    """Charged, and the voice cannot be had: a person has taken the loss. Money spent."""

    def is_open(self) -> bool:
        """Tell whether money is still held for it."""
        return self in {self.RESERVED, self.SENDING, self.AMBIGUOUS, self.OPERATOR}

    def is_unclear(self) -> bool:
        """Tell whether it waits for evidence or for a person."""
        return self in {self.AMBIGUOUS, self.OPERATOR}


class OrphanState(StrEnum):
    """What became of a voice whose answer came too late."""

    OPEN = "open"
    """Nobody has decided yet."""
    ADOPTED = "adopted"
    DISCARDED = "discarded"


@dataclass(frozen=True)
class Verdict:
    """What a call that brought no voice means for its attempt."""

    state: AttemptState
    again: bool = False
    """Whether the work goes on: the same attempt when it is `reserved` again, a new one when it was released."""
    stops_account: bool = False


def verdict(error_kind: str) -> Verdict:
    """Judge a failed call by the kind of its error; whatever is not known to be harmless is ambiguous."""
    match error_kind:
        case "not_sent" | "rate_limited":
            return Verdict(AttemptState.RESERVED, again=True)
        case "safe_retry":
            return Verdict(AttemptState.RELEASED, again=True)
        case "refused" | "content_blocked":
            return Verdict(AttemptState.REJECTED)
        case "account_blocked":
            return Verdict(AttemptState.REJECTED, stops_account=True)
        case _:
            return Verdict(AttemptState.AMBIGUOUS)


def cloned_key(reference_sha256: str) -> str:
    """Name the voice cloned from a reference, before it exists."""
    return f"clone:{reference_sha256}"


def designed_key(description: str, gender: str | None, age_group: str | None) -> str:
    """Name the voice designed from a description, before it exists."""
    asked = json.dumps([description, gender, age_group], ensure_ascii=False)
    return f"design:{hashlib.sha256(asked.encode()).hexdigest()}"


def system_key(provider_voice_id: str) -> str:
    """Name a system voice."""
    return f"system:{provider_voice_id}"


def subject(key: str) -> str:
    """Return the hash in a voice's key: what an attempt is about."""
    return key.partition(":")[2]


def attempt_label(name: str, attempt_id: str) -> str:
    """Return the name sent upstream: readable, and ending in the token that tells this attempt's voice from others."""
    token = attempt_id[-TOKEN_LENGTH:]
    return f"{name[: LABEL_LIMIT - TOKEN_LENGTH - 1]}~{token}"
