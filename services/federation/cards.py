"""A node's card: who it is, where it answers, by which keys it is known. Two operators exchange cards and compare
fingerprints aloud; everything else between two nodes follows from that. Pure.

On the wire a card is one JSON object in canonical form (`docs/federation.md`), signed by the key in use over the
prefix `maillage/card/1` and the object without its `signature`. `version` rises with each change of what it says.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from services.kernel.envelope import Forged, Malformed, canonical
from services.kernel.identity import (
    CARD,
    ROTATIONS_AT_MOST,
    Identity,
    Keyring,
    Lasts,
    Rotation,
    fingerprint,
    kept_keys,
)
from services.kernel.shapes import LABELS, Line, Shape

FORM: Final = "maillage/card/1"
AT_MOST_BYTES: Final = 16_384
TEXTS: Final = {
    "node": Shape("[a-z2-7]{32}", 32, optional=False), "id": LABELS, "name": Line(".*", 200),
    "territory": Line(".*", 9), "url": Line(".*", 500),
}  # fmt: skip
"""What a card says in words, and the shape of each that is read."""


@dataclass(frozen=True)
class Card:
    """Who a node is. `signing` is the public Ed25519 key of 32 bytes, `sealing` the public X25519 one."""

    node: str
    id: str
    name: str
    territory: str
    url: str
    signing: bytes
    sealing: bytes
    version: int
    rotations: tuple[Rotation, ...] = ()
    lasts: Lasts = field(default_factory=dict)
    """How far each former key signed each public stream."""

    def keyring(self) -> Keyring:
        """The keys by which this node signs, and signed."""
        former = {fingerprint(each.former): each.former for each in self.rotations}
        lasts = {keyid: self.lasts.get(keyid, {}) for keyid in former}
        return Keyring(former | {fingerprint(self.signing): self.signing}, lasts)

    def keys(self) -> dict[str, Any]:
        """The same as JSON: `{now, keys: {keyid: hexadecimal}, lasts}`."""
        known = {fingerprint(each): each.hex() for each in (*(each.former for each in self.rotations), self.signing)}
        lasts = {fingerprint(each.former): self.lasts.get(fingerprint(each.former), {}) for each in self.rotations}
        listed = {keyid: {stream: list(place) for stream, place in of.items()} for keyid, of in lasts.items()}
        return {"now": fingerprint(self.signing), "keys": known, "lasts": listed}

    def message_keys(self) -> Keyring:
        """The keys by which its messages are signed: the one in use, and those before it that nobody else has.

        No card says how far messages went. They come from the node's own address alone: a former key forges none.
        """
        return kept_keys(self.rotations, self.signing)

    def said(self) -> dict[str, Any]:
        """The card's object, without its signature."""
        texts = {name: getattr(self, name) for name in TEXTS}
        keys = {"signing": _text(self.signing), "sealing": _text(self.sealing)}
        rotations = [each.to_dict() for each in self.rotations]
        lasts = {keyid: {stream: list(place) for stream, place in of.items()} for keyid, of in self.lasts.items()}
        return {"form": FORM, **texts, **keys, "version": self.version, "rotations": rotations, "lasts": lasts}


def written(card: Card, identity: Identity) -> bytes:
    """The signed card, as it is handed over."""
    signature = identity.sign(CARD, canonical(card.said()))
    return canonical(card.said() | {"signature": _text(signature)})


def read(raw: bytes) -> Card:
    """The card in a file or an answer, its signature checked: whoever wrote it holds the key that it names.

    Raises `Malformed` naming what is not as it should be, `Forged` where the signature or the fingerprint is not true.
    """
    if len(raw) > AT_MOST_BYTES:
        raise Malformed(f"elle a {len(raw)} octets, {AT_MOST_BYTES} au plus")
    try:
        said = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Malformed("ce n’est pas du JSON") from None
    if not isinstance(said, dict) or said.get("form") != FORM:
        raise Malformed(f"elle n’a pas la forme {FORM}")
    card = Card(
        **{name: _words(said, name, shape) for name, shape in TEXTS.items()},
        signing=_key(said, "signing"), sealing=_key(said, "sealing"), version=_version(said),
        rotations=_rotations(said), lasts=_lasts(said),
    )  # fmt: skip
    _check_chain(card)
    card.keyring().check(CARD, fingerprint(card.signing), canonical(card.said()), _bytes(said, "signature"))
    return card


def _check_chain(card: Card) -> None:
    """From the key that the node is named after to the one it signs by, each names the next."""
    key = card.rotations[0].former if card.rotations else card.signing
    if fingerprint(key) != card.node:
        raise Forged("son empreinte n’est pas celle de sa clé")
    for rotation in card.rotations:
        if rotation.former != key:
            raise Forged("une clé y est nommée par une autre que celle d’avant")
        rotation.check(card.node)
        key = rotation.key
    if key != card.signing:
        raise Forged("sa clé en usage n’est pas la dernière nommée")


def _rotations(said: dict[str, Any]) -> tuple[Rotation, ...]:
    listed = said.get("rotations", [])
    if not isinstance(listed, list) or len(listed) > ROTATIONS_AT_MOST:
        raise Malformed(f"rotations n’est pas une liste de {ROTATIONS_AT_MOST} au plus")
    return tuple(Rotation.of(each) for each in listed)


def _lasts(said: dict[str, Any]) -> dict[str, dict[str, tuple[int, int, str]]]:
    try:
        return {
            str(keyid): {
                str(stream): (int(epoch), int(seq), str(digest)) for stream, (epoch, seq, digest) in of.items()
            }
            for keyid, of in said.get("lasts", {}).items()
        }
    except (AttributeError, TypeError, ValueError):
        raise Malformed("lasts n’est pas keyid → stream → [epoch, seq, hash]") from None


def _words(said: dict[str, Any], name: str, shape: Shape) -> str:
    value = said.get(name)
    if value not in shape:
        kind = "une ligne, sans signe invisible," if isinstance(shape, Line) else "en lettres minuscules et chiffres,"
        raise Malformed(f"{name} n’est pas {kind} de {shape.at_most} caractères au plus")
    return str(value)


def _version(said: dict[str, Any]) -> int:
    value = said.get("version")
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**31:
        raise Malformed("version n’est pas un nombre entier à partir de 1")
    return value


def _key(said: dict[str, Any], name: str) -> bytes:
    key = _bytes(said, name)
    if len(key) != 32:
        raise Malformed(f"{name} n’est pas une clé de 32 octets")
    return key


def _bytes(said: dict[str, Any], name: str) -> bytes:
    try:
        return base64.b64decode(said[name] + "=" * (-len(said[name]) % 4), altchars=b"-_", validate=True)
    except (KeyError, TypeError, ValueError):
        raise Malformed(f"{name} n’est pas en base64url") from None


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
