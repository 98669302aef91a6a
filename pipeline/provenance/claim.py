"""What is claimed of a delivered file, what signing it has left, and what reading it back tells."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Protocol

from pipeline.errors import PartialError

Json = dict[str, Any]
VOICES: Final = "callsheet.voices"
"""The assertion that names the speakers."""
_MADE: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""IPTC's term for what a trained model has generated."""
_EMBEDDING: Final = {
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".m4b": "audio/mp4",
}


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who is heard: `voice` is cloned, designed or system.

    `consent_sha256` finds the talent's permission again without telling anything of it.
    """

    name: str
    voice: str
    talent: str = ""
    consent_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a manifest says beside the signature. No word of the script: who is given a file may not know it all."""

    title: str
    speakers: Sequence[Speaker]
    version: str
    """Of Callsheet."""

    def definition(self) -> Json:
        """Return the manifest in the terms of C2PA 2.x."""
        program = {"name": "Callsheet", "version": self.version}
        created = {"action": "c2pa.created", "digitalSourceType": _MADE, "softwareAgent": program}
        speakers = [{name: fact for name, fact in asdict(one).items() if fact} for one in self.speakers]
        return {
            "claim_generator_info": [program],
            "title": self.title,
            "assertions": [
                {"label": "c2pa.actions.v2", "data": {"actions": [created]}},
                {"label": VOICES, "data": {"speakers": speakers}},
            ],
        }


@dataclass(frozen=True, slots=True)
class Signature:
    """What signing has left: the file's size and SHA-256, and the sidecar with its own, where there is one."""

    size: int
    sha256: str
    time_stamped: bool
    sidecar: Path | None = None
    sidecar_sha256: str | None = None

    @property
    def place(self) -> str:
        """Where the manifest is, as manifests of packs and episodes say it."""
        return "embedded" if self.sidecar is None else "sidecar"


class VerificationState(StrEnum):
    """Whether a file is what its manifest says."""

    TRUSTED = "trusted"
    """As it was signed, by somebody that an anchor vouches for."""
    VALID = "valid"
    """As it was signed, by somebody of whom nothing is known."""
    TAMPERED = "tampered"
    """Not as it was signed, or the manifest is damaged."""
    NONE = "none"
    """There is no manifest, neither in it nor beside it."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What a manifest says; `why` are C2PA's codes of what does not hold, `time_stamp` is None where nobody stamped."""

    state: VerificationState
    place: str = ""
    why: Sequence[str] = ()
    title: str = ""
    program: str = ""
    signer: str = ""
    time_stamp: str | None = None
    source_type: str = ""
    speakers: Sequence[Json] = ()


class SigningFailed(PartialError):
    """A file could not be signed; it is not delivered unsigned instead."""

    code = "signing_failed"


class Signing(Protocol):
    """Signs files; several threads may share one."""

    @property
    def subject(self) -> str:
        """Whom the certificate names."""

    @property
    def expires_at(self) -> datetime:
        """When the first certificate of the chain expires."""

    @property
    def identity(self) -> str:
        """What tells this signer from others: files that another one has signed are signed again."""

    @property
    def notes(self) -> Sequence[str]:
        """What could not be done as asked and was done otherwise."""

    def sign(self, source: Path, target: Path, claim: Claim, *, embed: bool = True) -> Signature:
        """Write `source` to `target` with a signed manifest in it, or beside it where it cannot hold one or shall not.

        `target` is whole or not there; it may be `source`. Raises `SigningFailed`, and `OSError`.
        """


class Verifying(Protocol):
    """Reads manifests back."""

    def verify(self, path: Path) -> Verification:
        """Return what the manifest in a file, or in the sidecar beside it, says. Raises `OSError`."""


def media_type(path: Path) -> str | None:
    """Return what a file that can hold a manifest is called; None for all others."""
    return _EMBEDDING.get(path.suffix.lower())


def sidecar_of(path: Path) -> Path:
    """Return where the detached manifest of a file is looked for: beside it, under its name (C2PA 2.x, 11.4)."""
    return path.with_suffix(".c2pa")
