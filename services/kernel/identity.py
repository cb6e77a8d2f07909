"""Who this node is: an Ed25519 key whose fingerprint is the node's name on every wire.

The fingerprint is the first 160 bits of the SHA-256 of the public key, in lower-case base32 (32 characters). Secrets
lie in the node's folder under `secrets/` (mode 0700, files 0600) and never leave it. Every signature has a context
prefix for its purpose, so that one can never serve as another.

A node may change its key and stays who it is: its name is the fingerprint of its first key, and each later key is
named by a **rotation**, signed by the key before it and by itself.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nacl.exceptions import BadSignatureError
from nacl.public import PrivateKey
from nacl.signing import SigningKey, VerifyKey

from services.kernel.envelope import Forged, Header, Malformed, UnknownKey
from services.kernel.errors import Conflict

EVENT = b"maillage/event/1\n"
ACTOR = b"maillage/actor/1\n"
CARD = b"maillage/card/1\n"
ROTATION = b"maillage/rotation/1\n"
ROTATIONS_AT_MOST = 20
"""That others read on a card."""
FIRST, LATER = "identity.ed25519", "keys.json"


def fingerprint(public_key: bytes) -> str:
    """The 32 characters that name the holder of `public_key` (32 bytes)."""
    return base64.b32encode(hashlib.sha256(public_key).digest()[:20]).decode().lower()


@dataclass(frozen=True)
class Identity:
    """A node's signing key. `name` is the fingerprint of its first key; `keyid` that of the key now in use."""

    name: str
    keyid: str
    _key: SigningKey = field(repr=False)
    _first: SigningKey = field(repr=False)
    rotations: tuple[Rotation, ...] = ()

    @classmethod
    def from_seed(cls, seed: bytes, now: bytes | None = None, rotations: tuple[Rotation, ...] = ()) -> Identity:
        """The identity that 32 secret bytes stand for, or the one that signs by another key `now`."""
        first, key = SigningKey(seed), SigningKey(now or seed)
        return cls(fingerprint(bytes(first.verify_key)), fingerprint(bytes(key.verify_key)), key, first, rotations)

    def rotated(self, seed: bytes, *, revoked: bool) -> Identity:
        """The same node with another key, which this one names."""
        new = SigningKey(seed)
        bare = Rotation(self.public_key, bytes(new.verify_key), revoked, b"", b"")
        said = bare.said(self.name)
        signatures = self.sign(ROTATION, said), new.sign(ROTATION + said).signature
        rotation = Rotation(bare.former, bare.key, revoked, *signatures)
        return Identity(self.name, fingerprint(bare.key), new, self._first, (*self.rotations, rotation))

    def digest(self, purpose: bytes, message: bytes) -> str:
        """What only this node can make of a message, and makes again whatever its key is by then. Hexadecimal."""
        return hashlib.sha256(self._first.sign(purpose + message).signature).hexdigest()

    @property
    def public_key(self) -> bytes:
        """32 bytes that anybody may know."""
        return bytes(self._key.verify_key)

    def sign(self, purpose: bytes, message: bytes) -> bytes:
        """64 bytes of signature over `purpose` and `message`."""
        return self._key.sign(purpose + message).signature

    def keyring(self) -> Keyring:
        """The key by which this node signs now, alone."""
        return Keyring({self.keyid: self.public_key})

    def kept_keys(self) -> Keyring:
        """The key in use, and those before it that nobody else has."""
        return kept_keys(self.rotations, self.public_key)

    def all_keys(self) -> Keyring:
        """All keys by which this node ever signed."""
        former = {fingerprint(each.former): each.former for each in self.rotations}
        return Keyring(former | {self.keyid: self.public_key})


@dataclass(frozen=True)
class Rotation:
    """A key names the next one of its node; `revoked`: because somebody else may have it."""

    former: bytes
    key: bytes
    revoked: bool
    by_former: bytes
    by_key: bytes

    def said(self, node: str) -> bytes:
        """What both keys sign."""
        return f"{node} {self.former.hex()} {self.key.hex()} {'revoked' if self.revoked else 'rotated'}".encode()

    def check(self, node: str) -> None:
        """Raises `Forged` unless both keys signed it for this node."""
        for key, signature in ((self.former, self.by_former), (self.key, self.by_key)):
            keyid = fingerprint(key)
            Keyring({keyid: key}).check(ROTATION, keyid, self.said(node), signature)

    def to_dict(self) -> dict[str, Any]:
        """As JSON: keys and signatures in base64url without padding."""
        texts = {name: _text(getattr(self, name)) for name in ("former", "key", "by_former", "by_key")}
        return texts | {"revoked": self.revoked}

    @classmethod
    def of(cls, said: Any) -> Rotation:
        """Read it back. Raises `Malformed`."""
        try:
            raw = {name: _bytes(said[name]) for name in ("former", "key", "by_former", "by_key")}
            return cls(**raw, revoked=said["revoked"] is True)
        except (KeyError, TypeError, ValueError):
            raise Malformed("no rotation: keys and signatures in base64url expected") from None


Lasts = Mapping[str, Mapping[str, tuple[int, int, str]]]
"""keyid → stream → (epoch, seq, header hash) of the last event by that key."""


class Keyring:
    """Public keys by key id, to check signatures with; former keys only as far as they went."""

    def __init__(self, keys: Mapping[str, bytes], lasts: Lasts | None = None) -> None:
        self._keys = {keyid: VerifyKey(raw) for keyid, raw in keys.items()}
        self._lasts = lasts or {}

    def check(self, purpose: bytes, keyid: str, message: bytes, signature: bytes) -> None:
        """Raises `Forged` unless the holder of `keyid` signed `message` for `purpose`."""
        key = self._keys.get(keyid)
        if key is None:
            raise UnknownKey(f"unknown key {keyid}")
        try:
            key.verify(purpose + message, signature)
        except (BadSignatureError, ValueError):
            raise Forged(f"bad signature by {keyid}") from None

    def check_event(self, header: Header, signature: bytes) -> None:
        """`check` for an event, as `envelope.verify` asks for it: a former key is believed up to its last event."""
        if header.keyid in self._lasts:
            last = self._lasts[header.keyid].get(header.stream, (0, 0, ""))
            place = header.epoch, header.seq
            if place > last[:2] or (place == last[:2] and header.hash != last[2]):
                raise Forged(f"key {header.keyid} signs nothing more after ({last[0]}, {last[1]})")
        self.check(EVENT, header.keyid, header.raw, signature)


def kept_keys(rotations: Sequence[Rotation], public_key: bytes) -> Keyring:
    """The key in use, and those of the rotations that nobody else has: none of before a revocation."""
    kept: list[bytes] = []
    for each in rotations:
        kept = [] if each.revoked else [*kept, each.former]
    return Keyring({fingerprint(key): key for key in (*kept, public_key)})


def create(folder: Path) -> Identity:
    """Make the node's key in `folder/secrets`, or load the one already there. Raises `OSError`."""
    secrets = folder / "secrets"
    secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = secrets / FIRST
    if not path.exists():
        _write_secret(path, os.urandom(32))
    return load(folder)


def load(folder: Path) -> Identity:
    """The node's identity. Raises `FileNotFoundError` where the folder is no node's."""
    first = base64.b64decode((folder / "secrets" / FIRST).read_bytes())
    later = folder / "secrets" / LATER
    if not later.exists():
        return Identity.from_seed(first)
    said = json.loads(later.read_bytes())
    rotations = tuple(Rotation.of(each) for each in said["rotations"])
    return Identity.from_seed(first, base64.b64decode(said["seed"]), rotations)


def rotate(folder: Path, *, revoked: bool = False) -> Identity:
    """Give the node another key, in use from its next start. Raises `OSError`: it has the one that it had; `Conflict`
    where its card holds no more: the last change is kept for a key that has to be revoked.
    """
    old, seed = load(folder), os.urandom(32)
    if len(old.rotations) >= ROTATIONS_AT_MOST - (not revoked):
        raise Conflict(
            f"La carte d’un nœud dit {ROTATIONS_AT_MOST} changements de clé au plus, et celle-ci en dit "
            f"{len(old.rotations)} ; le dernier sert à révoquer une clé (maillage identity revoke). Gardez cette clé : "
            "pour une autre, faites un nouveau nœud (maillage init) et passez-lui les fiches (maillage peer hand-over)."
        )
    new = old.rotated(seed, revoked=revoked)
    said = {"seed": base64.b64encode(seed).decode(), "rotations": [each.to_dict() for each in new.rotations]}
    _write_whole(folder / "secrets" / LATER, json.dumps(said).encode())
    return new


def sealing_key(folder: Path) -> PrivateKey:
    """The key by which others seal what is for this node alone; made at the first use. Raises `OSError`."""
    path = folder / "secrets" / "sealing.x25519"
    if not path.exists():
        _write_secret(path, os.urandom(32))
    return PrivateKey(base64.b64decode(path.read_bytes()))


def _write_secret(path: Path, secret: bytes) -> None:
    _write_whole(path, base64.b64encode(secret))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _write_whole(path: Path, content: bytes) -> None:
    """Whole or not at all: a half-written key would be another node."""
    partial = path.with_suffix(".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)
