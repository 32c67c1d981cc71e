"""An authority, a certificate of each sort the tests need, and one of a stranger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)
SERVER_NAME = "broker.shop"
"""The only name in the servers' certificates; 127.0.0.1 is their only address."""

KEY_PASSWORD = "key-w0rd"


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key in PEM files; `both` holds the two, the key first."""

    certificate: Path
    key: Path
    both: Path


@dataclass(frozen=True, slots=True)
class Certificates:
    """All of them. `sealed` is the client's key under `KEY_PASSWORD`, `keystore` both in PKCS#12 under the same."""

    authority: Pair
    stranger: Pair
    server: Pair
    expired: Pair
    client: Pair
    sealed: Path
    keystore: Path


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs."""

    name: x509.Name
    key: ec.EllipticCurvePrivateKey


def made(folder: Path) -> Certificates:
    """Write them into a folder."""
    authority, files = _authority(folder, "authority")
    _, others = _authority(folder, "stranger")
    client_key = ec.generate_private_key(ec.SECP256R1())
    sealed = folder / "client-sealed.key"
    sealed.write_bytes(_private(client_key, KEY_PASSWORD))
    client = _signed(folder, "client", authority, client_key, DAY)
    keystore = folder / "client.p12"
    certificate = x509.load_pem_x509_certificate(client.certificate.read_bytes())
    sealing = serialization.BestAvailableEncryption(KEY_PASSWORD.encode())
    keystore.write_bytes(pkcs12.serialize_key_and_certificates(b"client", client_key, certificate, None, sealing))
    return Certificates(
        authority=files,
        stranger=others,
        server=_signed(folder, "server", authority, ec.generate_private_key(ec.SECP256R1()), DAY),
        expired=_signed(folder, "expired", authority, ec.generate_private_key(ec.SECP256R1()), -DAY),
        client=client,
        sealed=sealed,
        keystore=keystore,
    )


def _authority(folder: Path, name: str) -> tuple[Issuer, Pair]:
    issuer = Issuer(_name(name), ec.generate_private_key(ec.SECP256R1()))
    basic = x509.BasicConstraints(ca=True, path_length=None)
    certificate = _builder(issuer.name, issuer, issuer.key, DAY).add_extension(basic, critical=True)
    return issuer, _written(folder, name, certificate.sign(issuer.key, hashes.SHA256()), issuer.key)


def _signed(folder: Path, name: str, issuer: Issuer, key: ec.EllipticCurvePrivateKey, left: timedelta) -> Pair:
    names = x509.SubjectAlternativeName([x509.DNSName(SERVER_NAME), x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = _builder(_name(name), issuer, key, left).add_extension(names, critical=False)
    return _written(folder, name, certificate.sign(issuer.key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, issuer: Issuer, key: ec.EllipticCurvePrivateKey, left: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 2 * DAY)
        .not_valid_after(now + left)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
    )


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"mqtui test {name}")])


def _written(folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.key", folder / f"{name}-both.pem")
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    pair.certificate.write_bytes(pem)
    pair.key.write_bytes(_private(key))
    pair.both.write_bytes(_private(key) + pem)
    return pair


def _private(key: ec.EllipticCurvePrivateKey, password: str = "") -> bytes:
    sealing: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        sealing = serialization.BestAvailableEncryption(password.encode())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealing)
