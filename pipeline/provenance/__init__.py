"""Provenance: delivered files say, signed, what they are and whose voices are heard (C2PA).

Paths in, values out; nothing is asked of the network unless a time-stamp authority is set.
"""

from pathlib import Path

from pipeline.errors import EnvironmentFault
from pipeline.provenance.claim import (
    Claim,
    Signature,
    Signing,
    SigningFailed,
    Speaker,
    Verification,
    VerificationState,
    Verifying,
    media_type,
    sidecar_of,
)
from pipeline.provenance.sdk import INSTALL, require_installed

__all__ = [
    "INSTALL",
    "Claim",
    "Signature",
    "Signing",
    "SigningFailed",
    "Speaker",
    "Verification",
    "VerificationState",
    "Verifying",
    "media_type",
    "open_signer",
    "open_verifier",
    "require_installed",
    "sidecar_of",
]


def open_signer(certificate: Path | None, key: Path | None, tsa_url: str | None = None) -> Signing:
    """Return what signs with the key of a certificate, both PEM files, tried once on a moment of silence.

    Raises `EnvironmentFault` where the extra, a file or a right to sign is missing.
    """
    if certificate is None or key is None:
        missing = "CALLSHEET_SIGNING_CERTIFICATE" if certificate is None else "CALLSHEET_SIGNING_KEY"
        raise EnvironmentFault(
            f"Nothing can be signed: {missing} is not set.",
            hint="Set both to PEM files: the signer's certificate with those that have issued it, and its private key.",
        )
    require_installed()
    from pipeline.provenance.signing import FileSigner  # noqa: PLC0415 - an extra

    return FileSigner.opened(certificate, key, tsa_url)


def open_verifier(anchors: Path | None = None) -> Verifying:
    """Return what reads manifests back; signers that a certificate in the PEM file `anchors` vouches for are trusted.

    Raises `EnvironmentFault` where the extra is missing, `UsageError` where `anchors` holds no certificate.
    """
    require_installed()
    from pipeline.provenance.reading import FileVerifier  # noqa: PLC0415 - an extra

    return FileVerifier(anchors)
