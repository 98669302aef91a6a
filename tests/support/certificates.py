"""Certificates of nobody: a root, and a leaf that it has issued to sign with."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
KEY_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)
SUBJECT = "Harbour Studio"


@dataclass(frozen=True)
class Signer:
    """What a studio has on disk: its chain, its key, and the root that others know it by."""

    certificate: Path
    key: Path
    root: Path


def signer(folder: Path, *, kind: str = "p256", ends_in_days: float = 30, usable: bool = True) -> Signer:
    """Write a chain and its key; `usable` gives the leaf the extended key usage that C2PA asks for."""
    folder.mkdir(parents=True, exist_ok=True)
    private, ends = key(kind), datetime.now(UTC) + timedelta(days=ends_in_days)
    root = _root()
    leaf = _certificate(SUBJECT, private, ends, is_root=False, usable=usable)
    made = Signer(folder / "chain.pem", folder / "key.pem", folder / "root.pem")
    made.certificate.write_bytes(leaf.public_bytes(Encoding.PEM) + root.public_bytes(Encoding.PEM))
    made.root.write_bytes(root.public_bytes(Encoding.PEM))
    made.key.write_bytes(pem(private))
    return made


def server(folder: Path) -> Path:
    """Write a key and the certificate that a server at 127.0.0.1 has given itself, in one file."""
    private, now, name = key("p256"), datetime.now(UTC), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
    address = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
    dated = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    signed = dated.add_extension(address, critical=False).sign(private, hashes.SHA256())
    (folder / "server.pem").write_bytes(pem(private) + signed.public_bytes(Encoding.PEM))
    return folder / "server.pem"


def pem(private: Key, passphrase: bytes | None = None) -> bytes:
    locked: KeySerializationEncryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)


def foreign_root() -> bytes:
    """The root of somebody who has issued nothing here."""
    private, ends = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC) + timedelta(days=30)
    return _certificate("Elsewhere", private, ends, is_root=True, issuer=private).public_bytes(Encoding.PEM)


@cache
def key(kind: str) -> Key:
    match kind:
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "p384":
            return ec.generate_private_key(ec.SECP384R1())
        case "k256":
            return ec.generate_private_key(ec.SECP256K1())
        case "rsa":
            return rsa.generate_private_key(65_537, 2048)
        case _:
            return ec.generate_private_key(ec.SECP256R1())


@cache
def _root() -> x509.Certificate:
    return _certificate("Root", _root_key(), datetime.now(UTC) + timedelta(days=3650), is_root=True)


@cache
def _root_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _certificate(
    name: str,
    owner: Key,
    ends: datetime,
    *,
    is_root: bool,
    usable: bool = True,
    issuer: ec.EllipticCurvePrivateKey | None = None,
) -> x509.Certificate:
    issuer = issuer or _root_key()
    usages = {"key_cert_sign", "crl_sign"} if is_root else {"digital_signature"}
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(name if is_root else "Root"))
        .public_key(owner.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=400))
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**{usage: usage in usages for usage in KEY_USAGES}), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(owner.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False)
    )
    if usable and not is_root:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return builder.sign(issuer, hashes.SHA256())


def _name(common: str) -> x509.Name:
    names = ((NameOID.COMMON_NAME, common), (NameOID.ORGANIZATION_NAME, common))
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in names])
