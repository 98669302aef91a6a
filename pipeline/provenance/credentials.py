"""The certificate chain and the key that files are signed with, checked before anything is made."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from pipeline.errors import EnvironmentFault

_CURVES: Final = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
_LEAST_RSA_BITS: Final = 2048
_ALLOWED: Final = "ECDSA on P-256, P-384 or P-521, Ed25519, or RSA of 2048 bits and more"


@dataclass(frozen=True)
class Chain:
    """Certificates, the signer's own first; each next one has issued the one before it."""

    certificates: Sequence[x509.Certificate]

    @property
    def signer(self) -> x509.Certificate:
        """The certificate of the key that signs."""
        return self.certificates[0]

    @property
    def subject(self) -> str:
        """Whom the signer's certificate names."""
        names = self.signer.subject
        found = names.get_attributes_for_oid(NameOID.COMMON_NAME) or names.get_attributes_for_oid(
            NameOID.ORGANIZATION_NAME
        )
        return str(found[0].value) if found else names.rfc4514_string()

    @property
    def expires_at(self) -> datetime:
        """When the first of the certificates expires."""
        return min(one.not_valid_after_utc for one in self.certificates)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the signer's certificate, in hexadecimal."""
        return hashlib.sha256(self.signer.public_bytes(Encoding.DER)).hexdigest()

    def pem(self) -> str:
        """Return all of it in PEM."""
        return "".join(one.public_bytes(Encoding.PEM).decode() for one in self.certificates)


@dataclass(frozen=True)
class Credentials:
    """What a file is signed with; the key never shows."""

    chain: Chain
    algorithm: str
    key_pem: str = field(repr=False)
    """PKCS #8."""


def load_chain(path: Path) -> Chain:
    """Read a PEM file of certificates. Raises `EnvironmentFault`."""
    content = _read(path, "certificate")
    try:
        return Chain(x509.load_pem_x509_certificates(content))
    except ValueError as error:
        raise EnvironmentFault(
            f"{path} holds no certificate that can be read.",
            hint="Give a PEM file with the signer's certificate, then those that have issued it.",
        ) from error


def load_credentials(certificate: Path, key: Path, now: datetime | None = None) -> Credentials:
    """Read chain and key; they must belong together and be valid now.

    Raises `EnvironmentFault` with what is wrong with which file; nothing of the key is told.
    """
    chain = load_chain(certificate)
    require_valid(chain, certificate, now or datetime.now(UTC))
    private = _private_key(key)
    _require_pair(chain, private, certificate, key)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return Credentials(chain, _algorithm(private, key), pem)


def require_valid(chain: Chain, path: Path, now: datetime) -> None:
    """Raise `EnvironmentFault` where a certificate of the chain has expired or does not count yet."""
    begins = max(one.not_valid_before_utc for one in chain.certificates)
    if chain.expires_at <= now:
        wrong = f"expired on {chain.expires_at:%Y-%m-%d %H:%M} UTC"
    elif begins > now:
        wrong = f"is not valid before {begins:%Y-%m-%d %H:%M} UTC"
    else:
        return
    raise EnvironmentFault(f"The signing certificate of {path} {wrong}.", hint="Have it renewed; nothing was signed.")


def _private_key(path: Path) -> PrivateKeyTypes:
    content = _read(path, "key")
    try:
        return load_pem_private_key(content, password=None)
    except TypeError as error:
        raise EnvironmentFault(
            f"The signing key {path} is encrypted.", hint="Give one without a passphrase, readable by you alone."
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise EnvironmentFault(
            f"{path} holds no private key that can be read.", hint="Give a PEM file with the key of the certificate."
        ) from error


def _require_pair(chain: Chain, private: PrivateKeyTypes, certificate: Path, key: Path) -> None:
    public, form = private.public_key(), (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if public.public_bytes(*form) != chain.signer.public_key().public_bytes(*form):
        raise EnvironmentFault(
            f"The key {key} is not that of the first certificate in {certificate}, which names {chain.subject}.",
            hint="Put the signer's own certificate first, and give its key.",
        )


def _algorithm(private: PrivateKeyTypes, path: Path) -> str:
    match private:
        case ec.EllipticCurvePrivateKey() if private.curve.name in _CURVES:
            return _CURVES[private.curve.name]
        case ed25519.Ed25519PrivateKey():
            return "ed25519"
        case rsa.RSAPrivateKey() if private.key_size >= _LEAST_RSA_BITS:
            return "ps256"
    raise EnvironmentFault(f"The key {path} is of a kind that C2PA does not allow.", hint=f"Use {_ALLOWED}.")


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise EnvironmentFault(
            f"The signing {what} {path} cannot be read: {error.strerror}.",
            hint=f"Set CALLSHEET_SIGNING_{what.upper()} to a PEM file that you may read.",
        ) from error
