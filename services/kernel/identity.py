"""Who this node is: an Ed25519 key whose fingerprint is the node's name on every wire.

The fingerprint is the first 160 bits of the SHA-256 of the public key, in lower-case base32 (32 characters). Secrets
lie in the node's folder under `secrets/` (mode 0700, files 0600) and never leave it. Every signature has a context
prefix for its purpose, so that one can never serve as another.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from services.kernel.envelope import Forged

EVENT = b"maillage/event/1\n"
ACTOR = b"maillage/actor/1\n"


def fingerprint(public_key: bytes) -> str:
    """The 32 characters that name the holder of `public_key` (32 bytes)."""
    return base64.b32encode(hashlib.sha256(public_key).digest()[:20]).decode().lower()


@dataclass(frozen=True)
class Identity:
    """A node's signing key. `name` is the fingerprint of its first key; `keyid` that of the key now in use."""

    name: str
    keyid: str
    _key: SigningKey = field(repr=False)

    @classmethod
    def from_seed(cls, seed: bytes) -> Identity:
        """The identity that 32 secret bytes stand for."""
        key = SigningKey(seed)
        name = fingerprint(bytes(key.verify_key))
        return cls(name, name, key)

    @property
    def public_key(self) -> bytes:
        """32 bytes that anybody may know."""
        return bytes(self._key.verify_key)

    def sign(self, purpose: bytes, message: bytes) -> bytes:
        """64 bytes of signature over `purpose` and `message`."""
        return self._key.sign(purpose + message).signature

    def keyring(self) -> Keyring:
        """The keys of this node alone."""
        return Keyring({self.keyid: self.public_key})


class Keyring:
    """Public keys by key id, to check signatures with."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = {keyid: VerifyKey(raw) for keyid, raw in keys.items()}

    def check(self, purpose: bytes, keyid: str, message: bytes, signature: bytes) -> None:
        """Raises `Forged` unless the holder of `keyid` signed `message` for `purpose`."""
        key = self._keys.get(keyid)
        if key is None:
            raise Forged(f"unknown key {keyid}")
        try:
            key.verify(purpose + message, signature)
        except (BadSignatureError, ValueError):
            raise Forged(f"bad signature by {keyid}") from None

    def check_event(self, keyid: str, header: bytes, signature: bytes) -> None:
        """`check` for an event's header, as `envelope.verify` asks for it."""
        self.check(EVENT, keyid, header, signature)


def create(folder: Path) -> Identity:
    """Make the node's key in `folder/secrets`, or load the one already there. Raises `OSError`."""
    secrets = folder / "secrets"
    secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = secrets / "identity.ed25519"
    if not path.exists():
        _write_secret(path, os.urandom(32))
    return load(folder)


def load(folder: Path) -> Identity:
    """The node's identity. Raises `FileNotFoundError` where the folder is no node's."""
    return Identity.from_seed(base64.b64decode((folder / "secrets" / "identity.ed25519").read_bytes()))


def _write_secret(path: Path, secret: bytes) -> None:
    """Whole or not at all: a half-written key would be another node."""
    partial = path.with_suffix(".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(secret))
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)
