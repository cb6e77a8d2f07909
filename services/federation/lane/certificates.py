"""TLS between two brokers where no other authority serves them: this node's own, whose certificate travels sealed.

The authority signs one certificate, that of the broker, and its key stays in the node's `secrets/`. Files for RabbitMQ
to read lie in one folder with the lines of configuration that name them. A broker's certificate is made anew in its
last 90 days; its authority stays, so that the other side has nothing to do.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from services.kernel import clock

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

AUTHORITY, SERVER, KEY, CONF = "authority.pem", "server.pem", "server.key", "tls.conf"
AUTHORITY_KEY: Final = "lane-authority.key"
AUTHORITY_DAYS, SERVER_DAYS, RENEWED_DAYS = 3650, 825, 90
SYSTEM: Final = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
"""Where a machine keeps the authorities that it knows."""


def prepare(folder: Path, secrets: Path, node: str, host: str, port: int) -> str:
    """Make in `folder` what is not there, or soon over; the authority's certificate. Raises `OSError`."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    authority, key = _authority(folder / AUTHORITY, secrets / AUTHORITY_KEY, node)
    if not _serves(folder / SERVER, host, authority):
        _make_server(folder, authority, key, host)
    lines = [
        f"listeners.ssl.default = {port}", f"ssl_options.cacertfile = {(folder / AUTHORITY).absolute()}",
        f"ssl_options.certfile = {(folder / SERVER).absolute()}",
        f"ssl_options.keyfile = {(folder / KEY).absolute()}",
        "ssl_options.verify = verify_none", "ssl_options.fail_if_no_peer_cert = false",
    ]  # fmt: skip
    (folder / CONF).write_text("\n".join(lines) + "\n", "utf-8")
    return (folder / AUTHORITY).read_text("ascii")


def believe(folder: Path, peer: str, authority: str) -> str:
    """The file of authorities by which a peer's broker is proved, written where one came with its offer.

    Another authority is another file: Erlang keeps what it has read of one for minutes.
    """
    if authority:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        path = folder / f"{peer}-{hashlib.sha256(authority.encode()).hexdigest()[:12]}.pem"
        for former in folder.glob(f"{peer}-*.pem"):
            former.unlink()
        path.write_text(authority, "ascii")
        return str(path.absolute())
    return next((path for path in SYSTEM if Path(path).exists()), SYSTEM[0])


def ends(folder: Path) -> datetime | None:
    """When the certificate of this node's own broker is over; `None` where the node made none."""
    if not (folder / SERVER).exists():
        return None
    return _read(folder / SERVER).not_valid_after_utc


def _read(path: Path) -> Certificate:
    from cryptography import x509

    return x509.load_pem_x509_certificate(path.read_bytes())


def _serves(path: Path, host: str, authority: Certificate) -> bool:
    """Whether a certificate is there, by this authority, for this name, and for a while yet."""
    from cryptography import x509

    if not path.exists():
        return False
    held = _read(path)
    names = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    lasts = held.not_valid_after_utc > clock.now() + timedelta(days=RENEWED_DAYS)
    return lasts and held.issuer == authority.subject and _name(host) in names


def _authority(path: Path, secret: Path, node: str) -> tuple[Certificate, Any]:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if path.exists() and secret.exists():
        return _read(path), load_pem_private_key(secret.read_bytes(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"Maillage {node}")])
    made = _builder(name, name, key, AUTHORITY_DAYS)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    certificate = made.sign(key, _sha256())
    _write_key(secret, key, 0o600)
    path.write_bytes(_pem(certificate))
    return certificate, key


def _make_server(folder: Path, authority: Certificate, key: Any, host: str) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    own = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host[:64])])
    made = _builder(name, authority.subject, own, SERVER_DAYS)
    made = made.add_extension(x509.SubjectAlternativeName([_name(host)]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    _write_key(folder / KEY, own, 0o640)  # RabbitMQ, of another user, reads it by its group
    (folder / SERVER).write_bytes(_pem(made.sign(key, _sha256())))


def _builder(subject: Any, issuer: Any, key: Any, days: int) -> Any:
    from cryptography import x509

    now = clock.now()
    return x509.CertificateBuilder(
        issuer, subject, key.public_key(), x509.random_serial_number(),
        now - timedelta(hours=1), now + timedelta(days=days),
    )  # fmt: skip


def _name(host: str) -> Any:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _sha256() -> Any:
    from cryptography.hazmat.primitives.hashes import SHA256

    return SHA256()


def _pem(certificate: Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def _write_key(path: Path, key: Any, mode: int) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    raw = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(raw)
