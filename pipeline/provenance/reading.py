"""Reads back what a file says of itself, and whether that still holds; asks nothing of the network."""

import json
from pathlib import Path
from typing import Any, Final

import c2pa
from cryptography import x509

from pipeline.errors import UsageError
from pipeline.provenance.claim import VOICES, Verification, VerificationState, media_type, sidecar_of

Json = dict[str, Any]
_OFFLINE: Final[Json] = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
_ANY_BYTES: Final = "application/octet-stream"
_STATES: Final = {
    "Trusted": VerificationState.TRUSTED,
    "Valid": VerificationState.VALID,
    "Invalid": VerificationState.TAMPERED,
}
_UNTRUSTED: Final = "signingCredential.untrusted"
"""Told of each signer that no anchor vouches for; that alone makes nothing invalid."""


class FileVerifier:
    """Reads manifests, and trusts signers that one of the anchors has vouched for."""

    def __init__(self, anchors: Path | None = None) -> None:
        """Raises `UsageError` where `anchors` holds no certificate."""
        trust = {"trust": {"user_anchors": _anchors(anchors)}} if anchors else {}
        self._context = c2pa.Context.from_dict({**_OFFLINE, **trust})

    def verify(self, path: Path) -> Verification:
        """Return what the manifest in a file, else in the sidecar beside it, says, and whether it holds.

        Raises `OSError`.
        """
        found = self._embedded(path)
        if found.state is VerificationState.NONE and sidecar_of(path).is_file():
            return self._detached(path, sidecar_of(path))
        return found

    def _embedded(self, path: Path) -> Verification:
        coding = media_type(path)
        if coding is None:
            path.open("rb").close()
            return Verification(VerificationState.NONE)
        return self._read(path, coding, None)

    def _detached(self, path: Path, sidecar: Path) -> Verification:
        return self._read(path, media_type(path) or _ANY_BYTES, sidecar)

    def _read(self, path: Path, coding: str, sidecar: Path | None) -> Verification:
        store = sidecar.read_bytes() if sidecar else None
        place = "sidecar" if sidecar else "embedded"
        try:
            with path.open("rb") as file, c2pa.Reader(coding, file, store, context=self._context) as reader:
                return _verification(json.loads(reader.json()), place)
        except c2pa.C2paError.ManifestNotFound:
            return Verification(VerificationState.NONE)
        except c2pa.C2paError as error:
            return Verification(VerificationState.TAMPERED, place, (str(error),))


def _verification(told: Json, place: str) -> Verification:
    active = told["manifests"][told["active_manifest"]]
    signature, program = active.get("signature_info", {}), active.get("claim_generator_info", [{}])[0]
    assertions = {one["label"]: one["data"] for one in active.get("assertions", ())}
    made: Json = next(iter(assertions.get("c2pa.actions.v2", {}).get("actions", ())), {})
    return Verification(
        _STATES[told["validation_state"]],
        place,
        tuple(one["code"] for one in told.get("validation_status", ()) if one["code"] != _UNTRUSTED),
        title=active.get("title", ""),
        program=" ".join(filter(None, (program.get("name"), program.get("version")))),
        signer=signature.get("common_name") or signature.get("issuer") or "",
        time_stamp=signature.get("time"),
        source_type=made.get("digitalSourceType", "").rsplit("/", 1)[-1],
        speakers=tuple(assertions.get(VOICES, {}).get("speakers", ())),
    )


def _anchors(path: Path) -> str:
    try:
        content = path.read_bytes()
        x509.load_pem_x509_certificates(content)
    except OSError as error:
        raise UsageError(
            f"The anchor {path} cannot be read: {error.strerror}.", hint="Give a PEM file of root certificates."
        ) from error
    except ValueError as error:
        raise UsageError(
            f"{path} holds no certificate that can be read.", hint="Give a PEM file of root certificates."
        ) from error
    return content.decode()
