"""What a voice is called before it exists, and the names by which an attempt's voice is told from others."""

import hashlib
import json

LABEL_LIMIT = 64
TOKEN_LENGTH = 8
ACTIVATION_LINE = "This is how I sound."
"""What each new voice says first: a clone that never speaks is deleted upstream after seven days."""


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


def chosen_id(attempt_id: str, generation: int) -> str:
    """Return the voice id to ask for where the provider lets us choose: letters, digits and dashes, used once ever.

    MiniMax never gives an id again that was deleted, so the generation is part of it.
    """
    return f"callsheet-{attempt_id.rpartition('_')[2]}-g{generation}"
