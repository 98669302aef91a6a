"""The states of voices, of the paid attempts that make them, and of voices that came too late."""

from enum import StrEnum

GONE = "voice_gone"
"""The problem of a voice that was made, and that the provider no longer speaks with."""


class VoiceKind(StrEnum):
    """Where a voice comes from."""

    CLONED = "cloned"
    DESIGNED = "designed"
    SYSTEM = "system"


class VoiceState(StrEnum):
    """How far a voice is."""

    WANTED = "wanted"
    MAKING = "making"
    """An attempt at it is under way, or its outcome is being found out."""
    READY = "ready"
    FAILED = "failed"
    UNCLEAR = "unclear"
    """A paid call may have made it and no evidence tells; a person decides before it is made again."""


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
