"""Signs files with C2PA: the manifest in the file, or in a sidecar beside it."""

import hashlib
import io
import threading
import wave
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, Self

import c2pa
import psutil

from pipeline.errors import EnvironmentFault
from pipeline.provenance.claim import Claim, Signature, SigningFailed, media_type, sidecar_of
from pipeline.provenance.credentials import Credentials, load_credentials

_ANY_BYTES: Final = "application/octet-stream"
"""As what a file beside its manifest is hashed: whole. As MP3 or FLAC, room for a manifest would be hashed with it."""
_SPARING: Final = {"core": {"backing_store_memory_threshold_in_mb": 8}}
_MEMORY_A_BYTE: Final = 2.1
"""What the library needs for each byte of a file, measured on 300 and 900 MB of WAV; 3 without the setting above."""
_TRIAL: Final = Claim("Trial", (), "0")


class _Work(NamedTuple):
    claim: Claim
    media_type: str | None
    """None where the manifest shall lie beside."""
    sound: IO[bytes]
    signed: IO[bytes]


class FileSigner:
    """Signs with one certificate. Where a time-stamp authority does not answer, it is not asked again."""

    def __init__(self, credentials: Credentials, tsa_url: str | None = None) -> None:
        self._credentials = credentials
        self._tsa_url = tsa_url
        self._stamping = tsa_url is not None
        self._noting = threading.Lock()
        self._context = c2pa.Context.from_dict(_SPARING)
        self._notes: list[str] = []

    @classmethod
    def opened(cls, certificate: Path, key: Path, tsa_url: str | None = None) -> Self:
        """Read the credentials and sign a moment of silence with them: what is wrong shows before work is done.

        Raises `EnvironmentFault`.
        """
        credentials = load_credentials(certificate, key)
        signer = cls(credentials, tsa_url)
        try:
            signer._signed(_Work(_TRIAL, "audio/wav", _silence(), io.BytesIO()))
        except c2pa.C2paError as error:
            raise EnvironmentFault(
                f"Nothing can be signed with the certificate of {credentials.chain.subject}: {error}.",
                hint="It needs the key usage digitalSignature and an extended one that C2PA takes, such as"
                " emailProtection: see docs/provenance.md.",
            ) from error
        return signer

    @property
    def identity(self) -> str:
        """The certificate's fingerprint, and who stamps."""
        return " ".join(filter(None, (self._credentials.chain.fingerprint, self._tsa_url)))

    @property
    def subject(self) -> str:
        """Whom the certificate names."""
        return self._credentials.chain.subject

    @property
    def expires_at(self) -> datetime:
        """When the first certificate of the chain expires."""
        return self._credentials.chain.expires_at

    @property
    def notes(self) -> Sequence[str]:
        """What could not be done as asked and was done otherwise."""
        return tuple(self._notes)

    def sign(self, source: Path, target: Path, claim: Claim, *, embed: bool = True) -> Signature:
        """Write `source` to `target` with a signed manifest in it, or beside it where it cannot hold one or shall not.

        `target` is whole or not there; it may be `source`. Raises `SigningFailed`, and `OSError`.
        """
        coding = media_type(target) if embed else None
        beside = None if coding else sidecar_of(target)
        part = target.with_name(f".{target.name}.signed")
        _require_memory(source)
        try:
            with source.open("rb") as sound, part.open("w+b") as signed:
                store, stamped = self._signed(_Work(claim, coding, sound, signed))
            size, digest = part.stat().st_size, _sha256_of(part)
            part.replace(target)
            if beside:
                part.write_bytes(store)
                part.replace(beside)
        except c2pa.C2paError as error:
            raise SigningFailed(f"{source.name} could not be signed: {error}") from error
        finally:
            part.unlink(missing_ok=True)
        return Signature(size, digest, stamped, beside, hashlib.sha256(store).hexdigest() if beside else None)

    def _signed(self, work: _Work) -> tuple[bytes, bool]:
        """Return the manifest, and whether it is stamped."""
        if not self._stamping:
            return self._attempt(work, None), False
        try:
            return self._attempt(work, self._tsa_url), True
        except c2pa.C2paError as error:
            work.sound.seek(0)
            work.signed.seek(0)
            work.signed.truncate()
            store = self._attempt(work, None)  # what fails without a stamp as well has another cause
            self._stop_stamping(error)
            return store, False

    def _stop_stamping(self, error: Exception) -> None:
        with self._noting:
            if self._stamping:
                self._stamping = False
                self._notes.append(f"signed without time stamps, since {self._tsa_url} gives none: {error}")

    def _attempt(self, work: _Work, tsa_url: str | None) -> bytes:
        with c2pa.Builder(work.claim.definition(), self._context) as builder, self._native(tsa_url) as native:
            if work.media_type is None:
                builder.set_no_embed()
            store: bytes = builder.sign(native, work.media_type or _ANY_BYTES, work.sound, work.signed)
        return store

    def _native(self, tsa_url: str | None) -> Any:  # noqa: ANN401 - the library has no annotations
        chain, key = self._credentials.chain.pem().encode(), self._credentials.key_pem.encode()
        return c2pa.Signer.from_info(c2pa.C2paSignerInfo(self._credentials.algorithm, chain, key, tsa_url))


def _require_memory(source: Path) -> None:
    needed, free = source.stat().st_size * _MEMORY_A_BYTE, psutil.virtual_memory().available
    if needed > free:
        raise SigningFailed(
            f"signing {source.name} needs {needed / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free",
            hint="Free some, or deliver a smaller format, such as FLAC, M4B or MP3.",
        )


def _silence() -> IO[bytes]:
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setparams((1, 2, 8_000, 0, "NONE", ""))
        file.writeframes(bytes(160))
    sound.seek(0)
    return sound


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
