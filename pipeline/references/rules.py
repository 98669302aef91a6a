"""Names and words of recordings: pure functions of plain values."""

import hashlib
import json
import unicodedata

from pipeline.audio import Problem
from pipeline.intake.rules import Talent

NORMALISER_VERSION = 1
"""Counts up when recordings are normalised differently; the key of the normalised form holds it."""
PASSING = frozenset({"reference_altered", "reference_missing", "reference_unpreparable", "reference_lost"})
"""Refusals that are not about the recording itself: declared again, it gets another try."""


def reference_identity(sha256: str, trim: tuple[float, float] | None) -> str:
    """Return what a voice is cloned from as one SHA-256: the recording, or the recording and which part of it."""
    if trim is None:
        return sha256
    start, end = trim
    return hashlib.sha256(f"{sha256} from {start:.3f} to {end:.3f} s".encode()).hexdigest()


def upload_key(account_id: str, sha256: str) -> str:
    """Return where a submitted file lies: the same bytes are uploaded once."""
    return f"submissions/{account_id}/{sha256[:2]}/{sha256}"


def normalised_key(account_id: str, sha256: str, suffix: str) -> str:
    """Return where the normalised form of a recording lies."""
    return f"references/{account_id}/{sha256[:2]}/{sha256}.n{NORMALISER_VERSION}{suffix}"


def consent_digest(talent: Talent) -> str:
    """Return the SHA-256 of a talent's whole permission as declared."""
    record = [talent.name, talent.consent.model_dump(mode="json") if talent.consent else None]
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def talent_key(name: str) -> str:
    """Return a talent's name as names are compared: in NFC, without case, white space run together."""
    folded = unicodedata.normalize("NFC", name).casefold()
    return " ".join(unicodedata.normalize("NFC", folded).split())


def unpreparable(message: str, attempts: int) -> Problem:
    """Say that a recording could not be decoded within the limits, however often it was tried."""
    return Problem(
        code="reference_unpreparable",
        message="the recording could not be decoded",
        measured=f"failed {attempts} times: {message}",
        allowed="a recording that decodes within the time and memory limits",
        hint="Export it again as a plain WAV or MP3.",
    )


def altered(found: str, declared: str) -> Problem:
    """Say that the bytes in the bucket are not those that were submitted."""
    return Problem(
        code="reference_altered",
        message="the uploaded file is not the one that was submitted",
        measured=f"SHA-256 {found[:12]}…",
        allowed=f"SHA-256 {declared[:12]}…",
        hint="Apply again: the file changed while it was being uploaded.",
    )


def missing() -> Problem:
    """Say that the bucket does not hold the recording."""
    return Problem(
        code="reference_missing",
        message="the uploaded file is not there",
        measured="no object",
        allowed="the recording, uploaded before the run was started",
        hint="Submit the recording again.",
    )


def lost() -> Problem:
    """Say that the bucket no longer holds the normalised form."""
    return Problem(
        code="reference_lost",
        message="the normalised recording is gone from the bucket",
        measured="no object",
        allowed="the recording as it was prepared",
        hint="Apply again: it is prepared anew from the original.",
    )


def oversized(measured: str, max_bytes: int) -> Problem:
    """Say that the recording is larger than is ever decoded."""
    return Problem(
        code="too_large",
        message=f"the file is too large; {max_bytes} bytes are allowed",
        measured=measured,
        allowed=f"{max_bytes} bytes",
        hint="Cut the recording to five minutes, or export it at 48 kHz and 24 bit.",
    )
