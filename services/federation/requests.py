"""Questions that only one node may ask, signed by it: HTTP Message Signatures (RFC 9421), Ed25519.

Covered are the method and the query, which names who asks, and of a `POST` the digest of its body (RFC 9530); the tag
names the purpose and who is asked, so that a question to one node is none to another. A clock that is wrong does no
harm to who heard the other's: the time is that of whoever is asked, learnt from the `Date` of its answers. Pure, but
for the memory of nonces.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureAlgorithm,
    HTTPSignatureKeyResolver,
    InvalidSignature,
)

from services.kernel.envelope import Forged
from services.kernel.errors import Unauthorized
from services.kernel.identity import Identity, Keyring

COVERED: Final = ("@method", "@query")
LASTS: Final = timedelta(minutes=5)
HEADERS: Final = ("Signature-Input", "Signature")
DIGEST: Final = "Content-Digest"
"""The header that a `POST` has besides: what its body is, so that the signature covers that too (RFC 9530)."""
ADDRESSED, TURNED = "addressed", "turned"
"""Purposes: to read what is addressed to who asks; to call a node because it cannot call back."""
_NOWHERE: Final = "https://node.invalid/?"
"""A signature covers nothing of the address but its query: a proxy may stand before a node."""


def tag(asked: str, purpose: str = ADDRESSED) -> str:
    """What every signature of this purpose says, of a question to a node."""
    return f"maillage/{purpose}/1 {asked}"


@dataclass
class _Message:
    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)


class _Ed25519(HTTPSignatureAlgorithm):
    """Ed25519 by the keys of nodes, which sign many other things: each with its purpose before it, as the tag is here.

    No signature base begins as a purpose does: its first line names `"@method"`.
    """

    algorithm_id = "ed25519"

    def __init__(self, public_key: Any = None, private_key: Any = None) -> None:
        self._check, self._identity = public_key, private_key

    def sign(self, message: bytes) -> bytes:
        signature: bytes = self._identity.sign(b"", message)
        return signature

    def verify(self, signature: bytes, message: bytes) -> None:
        self._check(message, signature)


class _Keys(HTTPSignatureKeyResolver):
    def __init__(self, keyring: Keyring | None = None, identity: Identity | None = None) -> None:
        self._keyring, self._identity = keyring, identity

    def resolve_public_key(self, key_id: str) -> Any:
        keyring = self._keyring
        return None if keyring is None else lambda message, signed: keyring.check(b"", key_id, message, signed)

    def resolve_private_key(self, key_id: str) -> Any:
        return self._identity


class _Verifier(HTTPMessageVerifier):
    max_clock_skew = LASTS


def signed(identity: Identity, asked: str, query: str, at: datetime, nonce: str = "") -> dict[str, str]:
    """The headers of a `GET` whose query string is `query`, to the node `asked`; `at`: its time.

    `nonce`: what no other question of these minutes says; drawn where none is given.
    """
    return _signed(_Message("GET", f"{_NOWHERE}{query}"), identity, at, tag(asked), None, nonce)


def signed_post(
    identity: Identity, asked: str, query: str, body: bytes, at: datetime, purpose: str = TURNED
) -> dict[str, str]:  # fmt: skip
    """The headers of a `POST` of this body."""
    return _signed(_Message("POST", f"{_NOWHERE}{query}"), identity, at, tag(asked, purpose), body)


def _signed(
    message: _Message, identity: Identity, at: datetime, said: str, body: bytes | None, nonce: str = ""
) -> dict[str, str]:
    signer = HTTPMessageSigner(signature_algorithm=_Ed25519, key_resolver=_Keys(identity=identity))
    signer.sign(
        message, key_id=identity.keyid, created=at, label="maillage", tag=said, covered_component_ids=COVERED,
        nonce=nonce or secrets.token_urlsafe(18), body=body,
    )  # fmt: skip
    return message.headers


def proved(keyring: Keyring, own: str, query: str, headers: Mapping[str, str]) -> str:
    """The nonce of a question to this node, signed by a key of the keyring within five minutes. Raises `Unauthorized`.

    Who asks is somebody of the keyring: the caller chose it by whom the query names.
    """
    return _proved("GET", keyring, query, headers, tag(own), COVERED)


def proved_post(keyring: Keyring, own: str, query: str, headers: Mapping[str, str], purpose: str = TURNED) -> str:
    """The same of a `POST`, whose `Content-Digest` is signed; whether the body is that is for who reads it."""
    return _proved("POST", keyring, query, headers, tag(own, purpose), (*COVERED, DIGEST.lower()))


def _proved(
    method: str, keyring: Keyring, query: str, headers: Mapping[str, str], said: str, covered: tuple[str, ...]
) -> str:  # fmt: skip
    verifier = _Verifier(signature_algorithm=_Ed25519, key_resolver=_Keys(keyring))
    given = {name: headers[name] for name in (*HEADERS, DIGEST) if name in headers}
    message = _Message(method, f"{_NOWHERE}{query}", given)
    try:
        [result] = verifier.verify(message, max_age=LASTS, expect_tag=said, require_components=covered)
    except (InvalidSignature, Forged, ValueError) as error:
        raise Unauthorized(f"Cette question n’est pas signée par le pair qu’elle nomme ({error}).") from None
    if not result.nonce:
        raise Unauthorized("Cette question n’a pas de nonce.")
    return str(result.nonce)


class Nonces:
    """What was asked within the time that a signature lasts: nobody asks the same question with it again."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._seen: dict[str, float] = {}
        self._lock = threading.Lock()

    def use(self, nonce: str) -> None:
        """Raises `Unauthorized` where it was used."""
        now = self._now()
        with self._lock:
            self._seen = {known: at for known, at in self._seen.items() if now - at < 2 * LASTS.total_seconds()}
            if nonce in self._seen:
                raise Unauthorized("Cette question signée a déjà été posée.")
            self._seen[nonce] = now
