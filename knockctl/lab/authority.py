"""The lab's certificate authority: made with the first device that needs it."""

from __future__ import annotations

import datetime as dt
import fcntl
import os
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from knockctl.lab.plan import CA

_KEY = "ca-key.pem"
_DAYS = 30
Key = ec.EllipticCurvePrivateKey


def certify(folder: Path, own: Path, name: str, addresses: Sequence[str]) -> tuple[Path, Path]:
    """Make a device's key and certificate in its own folder; return both files.

    ``folder`` is the lab's state, where clients find the authority's certificate.
    """
    issuer, issuer_key = _authority(folder)
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(a)) for a in addresses])
    server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    made = (
        _builder(name, key, issuer.subject)
        .add_extension(names, critical=False)
        .add_extension(server, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .sign(issuer_key, hashes.SHA256())
    )
    files = own / "tls.pem", own / "tls-key.pem"
    _write(files[1], _private(key))
    _write(files[0], made.public_bytes(serialization.Encoding.PEM))
    return files


def _authority(folder: Path) -> tuple[x509.Certificate, Key]:
    with (folder / "ca.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / CA.name).exists():
            _make(folder)
    key = serialization.load_pem_private_key((folder / _KEY).read_bytes(), None)
    if not isinstance(key, Key):
        raise TypeError(f"{folder / _KEY} holds another kind of key")
    return x509.load_pem_x509_certificate((folder / CA.name).read_bytes()), key


def _make(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    uses = dict.fromkeys(
        (
            *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
            *("key_agreement", "encipher_only", "decipher_only"),
        ),
        False,
    )
    made = (
        _builder("knockctl lab", key, None)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **uses), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(folder / _KEY, _private(key))
    _write(folder / CA.name, made.public_bytes(serialization.Encoding.PEM))


def _builder(name: str, key: Key, issuer: x509.Name | None) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=_DAYS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _private(key: Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, data: bytes) -> None:
    """Write a file that only root reads, whole or not at all."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(number, "wb") as file:
        file.write(data)
