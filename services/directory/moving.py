"""Whose a record is once it moved home: what its home signs when it lets go of it, and what proves that to everybody.

A record belongs to the node from whose fingerprint its identifier follows, until that node signs an event `moved` about
it. To whom, and in which term, is in the event's signed header (`cause`), so that the proof needs no word of what the
record says: that may be erased later, and the proof still holds. Each move adds one link; the chain of links from the
first home to the last is told with every event of a record that moved, to whoever joins whenever. Pure.

Source of the rules: `docs/federation.md`, "A record that moves home"; why so, `docs/decisions/0016`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.kernel.announce import SHARED
from services.kernel.envelope import Header, Signed, claim_of, read_claim
from services.kernel.identity import Keyring, Rotation, fingerprint

TERMS_AT_MOST: Final = 100
"""Of moves of one record: each lengthens what is told with it."""
ROTATIONS_AT_MOST: Final = 100
_CAUSE: Final = re.compile(r"urn:maillage:([a-z2-7]{32})#([1-9][0-9]{0,5})")


@dataclass(frozen=True)
class Known:
    """The keys of a node that this one knows by its card: all of them with how far they went, and the one in use."""

    keyring: Keyring
    keyids: frozenset[str]
    now: str


Knows = Callable[[str], Known | None]
"""A node's fingerprint → its keys, `None` where this node never heard of it."""


def known(said: Mapping[str, Any]) -> Known:
    """The keys of a card, as `federation.peer.changed.v1` tells them."""
    lasts = {keyid: {stream: (place[0], place[1], place[2]) for stream, place in of.items()}
             for keyid, of in said["lasts"].items()}  # fmt: skip
    keys = {keyid: bytes.fromhex(key) for keyid, key in said["keys"].items()}
    return Known(Keyring(keys, lasts), frozenset(keys), said["now"])


def cause(to: str, term: int) -> str:
    """What the header of `moved` says: the cause is that this node takes the record, in this term."""
    return f"urn:maillage:{to}#{term}"


def told_to(header: Header) -> tuple[str, int]:
    """The node that an event `moved` lets the record go to, and the term that begins there. Raises `ValueError`."""
    found = _CAUSE.fullmatch(header.causation)
    if found is None:
        raise ValueError("it names nobody to whom the record goes")
    return found[1], int(found[2])


def keys_of(public_key: bytes, rotations: Sequence[Rotation]) -> dict[str, Any]:
    """The key by which a home signs and how the first one leads there, for who never heard of it."""
    text = base64.urlsafe_b64encode(public_key).decode().rstrip("=")
    return {"key": text, "rotations": [each.to_dict() for each in rotations]}


def link(moved: Signed, said: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of an event `moved`: its header and signature, and the keys that it told; nothing of the record."""
    return claim_of(moved) | {"key": said["key"], "rotations": said["rotations"]}


def term_of(said: Mapping[str, Any]) -> int:
    """How often a record moved before its home said this."""
    return int(said.get("term", 0))


def is_claimed(home: str, data: Mapping[str, Any]) -> bool:
    """Whether what `home` says of a record names whose it was first, as it must; what proves it is not looked at.

    Of a term of 0 it is that of the first home, which needs no proof.
    """
    origin, term = data.get("origin", home), data.get("term", 0)
    whole = type(term) is int and 0 <= term <= TERMS_AT_MOST and type(origin) is str
    return whole and (term > 0 or origin == home)


def why_not(header: Header, said: Mapping[str, Any], knows: Knows) -> str:
    """Why a home does not prove that a record is its own; `""` where it does, or needs to prove nothing.

    Every link must name this record, be signed by the node to which the link before it let the record go (the first by
    the node that the identifier follows from), and be of the next term; the last lets it go to who says this.
    """
    term, proof = term_of(said), said.get("proof", [])
    if term == 0:
        return ""
    if not isinstance(proof, list) or len(proof) != term:
        return "nothing proves it"
    holder = said.get("origin", said["home"])
    subject, kind = header.subject, said["kind"]
    try:
        for place, each in enumerate(proof, 1):
            holder = _follows(holder, subject, kind, place, each, knows)
    except (ValueError, KeyError, TypeError) as error:
        return str(error) or "no proof"
    return "" if holder == said["home"] else "its last home let it go to another"


def _follows(holder: str, subject: str, kind: str, term: int, raw: Any, knows: Knows) -> str:
    """The node to which one link lets a record go. Raises `ValueError` unless it is true."""
    claim = read_claim(raw)
    head = claim.header
    wanted = (f"{holder}/directory/{SHARED}", subject, f"directory.{kind}.moved.v1")
    if (head.stream, head.subject, head.type) != wanted:
        raise ValueError(f"link {term} is about something else")
    to, begins = told_to(head)
    if begins != term:
        raise ValueError(f"link {term} is of another term")
    _keyring(holder, head.keyid, raw, knows(holder)).check_event(head, claim.signature)
    return to


def _keyring(node: str, keyid: str, raw: Mapping[str, Any], known: Known | None) -> Keyring:
    """The keys to believe: those of the node's card, as far as each went; else what leads from its first key."""
    if known is not None and keyid in known.keyids:
        return known.keyring
    key = base64.urlsafe_b64decode(raw["key"] + "=" * (-len(raw["key"]) % 4))
    chain = [Rotation.of(each) for each in raw["rotations"][:ROTATIONS_AT_MOST]]
    at = chain[0].former if chain else key
    if fingerprint(at) != node:
        raise ValueError("its first key is not that of the node")
    passed = {fingerprint(at)}
    for rotation in chain:
        if rotation.former != at:
            raise ValueError("a key is named by another than the one before it")
        rotation.check(node)
        at = rotation.key
        passed.add(fingerprint(at))
    if at != key:
        raise ValueError("the key in use is not the last one named")
    if known is not None and known.now not in passed:
        raise ValueError("another line of keys than that of its card")
    return Keyring({fingerprint(key): key})
