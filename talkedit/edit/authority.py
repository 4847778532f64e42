"""A certificate authority of this machine's own, for those who have no certificate to sign content credentials with.

A certificate that signs itself is rejected by C2PA, so there are two: the authority's, and the signer's that it issued.
Nobody but this machine vouches for either, and their names say so.
"""

import os
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import platformdirs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from talkedit.errors import TalkeditError

HOME_VARIABLE = "TALKEDIT_AUTHORITY"
CHAIN_FILE, KEY_FILE, AUTHORITY_FILE = FILES = "signer.pem", "signer.key", "authority.pem"
AUTHORITY_NAME = "talkedit local authority (made on this machine, verified by nobody)"
SIGNER_NAME = "talkedit on this machine (verified by nobody)"
VALID_DAYS, RENEW_DAYS = 3650, 30

_USAGES = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
_USAGES += ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")


@dataclass(frozen=True)
class Identity:
    """Who signs: certificates as PEM, the signer's first, and the signer's key as PEM."""

    chain: bytes
    key: bytes


def authority_folder() -> Path:
    """Where the certificates lie: the folder that TALKEDIT_AUTHORITY names, or one of the user's own."""
    return Path(os.environ.get(HOME_VARIABLE) or platformdirs.user_data_path("talkedit") / "authority")


def local_identity() -> Identity:
    """This machine's signer, made at the first call and again before it expires.

    Raises:
        TalkeditError: Its folder cannot be written or read, or has other files in it.
    """
    folder = authority_folder()
    try:
        if not _is_good(folder):
            _require_own(folder)
            _make(folder)
        return Identity((folder / CHAIN_FILE).read_bytes(), (folder / KEY_FILE).read_bytes())
    except OSError as error:
        raise TalkeditError(
            f"{folder}: the certificates that sign content credentials cannot be kept there ({error.strerror}); set "
            f"{HOME_VARIABLE} to a folder that can be written, or add --no-provenance"
        ) from error


def local_anchor() -> str | None:
    """The authority's certificate as PEM, if there is one."""
    try:
        return (authority_folder() / AUTHORITY_FILE).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return None


def _is_good(folder: Path) -> bool:
    try:
        signer = x509.load_pem_x509_certificates((folder / CHAIN_FILE).read_bytes())[0]
        (folder / KEY_FILE).stat()
    except (FileNotFoundError, ValueError):
        return False
    return signer.not_valid_after_utc > datetime.now(UTC) + timedelta(days=RENEW_DAYS)


def _require_own(folder: Path) -> None:
    """It is made anew as a whole, so nobody else's files may lie in it."""
    others = sorted({path.name for path in folder.iterdir()} - set(FILES)) if folder.is_dir() else []
    if others:
        raise TalkeditError(
            f"{folder}: has {others[0]} in it, which is no certificate of talkedit's; set {HOME_VARIABLE} to a folder "
            "that is empty or does not exist yet, or add --no-provenance"
        )


def _make(folder: Path) -> None:
    """All files at once, so that two that begin together do not mix theirs."""
    authority_key, signer_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _certificate(AUTHORITY_NAME, authority_key.public_key(), authority_key, None)
    signer = _certificate(SIGNER_NAME, signer_key.public_key(), authority_key, authority)
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".authority", dir=folder.parent))  # for this user's eyes only
    try:
        (made / KEY_FILE).write_bytes(signer_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        (made / KEY_FILE).chmod(0o600)
        (made / AUTHORITY_FILE).write_bytes(authority.public_bytes(Encoding.PEM))
        (made / CHAIN_FILE).write_bytes(signer.public_bytes(Encoding.PEM) + authority.public_bytes(Encoding.PEM))
        shutil.rmtree(folder, ignore_errors=True)
        made.replace(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _certificate(
    name: str,
    public_key: ec.EllipticCurvePublicKey,
    authority_key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate | None,
) -> x509.Certificate:
    """The authority's own if it is not given, else one that it issues to a signer."""
    is_authority, now = authority is None, datetime.now(UTC)
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name[:64]), x509.NameAttribute(NameOID.COMMON_NAME, name[:64])]
    )
    allowed = {"key_cert_sign", "crl_sign"} if is_authority else {"digital_signature"}
    usage = x509.KeyUsage(**{each: each in allowed for each in _USAGES})
    key_id = x509.SubjectKeyIdentifier.from_public_key(public_key)
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    builder = x509.CertificateBuilder(
        issuer_name=authority.subject if authority else subject,
        subject_name=subject,
        public_key=public_key,
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(days=1),
        not_valid_after=now + timedelta(days=VALID_DAYS),
    )
    builder = builder.add_extension(x509.BasicConstraints(is_authority, 0 if is_authority else None), critical=True)
    builder = builder.add_extension(usage, critical=True).add_extension(key_id, critical=False)
    builder = builder.add_extension(issuer_id, critical=False)
    if not is_authority:
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(purpose, critical=False)
    return builder.sign(authority_key, hashes.SHA256())
