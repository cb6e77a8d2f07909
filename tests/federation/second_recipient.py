"""What is between two nodes, read by `docs/federation.md` alone as `second_reader.py` reads a stream: no shared code.

A sealed message, a signed question, an objection, a lane's document, and the proof that a record moved home.
"""

import base64
import json
import re
import uuid
from typing import Any

from nacl.public import PrivateKey, SealedBox
from nacl.pwhash import argon2id

from tests.federation.second_reader import Card, Unproved, b64, canonical, fingerprint, rotation, signed


def message(sealed: str, key: bytes) -> dict[str, Any]:
    """What a box holds for the X25519 key, whose padding is line feeds up to a multiple of 1,024 bytes."""
    said = SealedBox(PrivateKey(key)).decrypt(base64.b64decode(sealed))
    if len(said) % 1_024:
        raise Unproved("a message of another length")
    read: dict[str, Any] = json.loads(said)
    return read


def question(key: bytes, asked: str, query: str, headers: dict[str, str]) -> None:
    """Raises `Unproved` unless the holder of `key` asked this of the node `asked` (RFC 9421)."""
    label, params = headers["Signature-Input"].split("=", 1)
    wanted = {"keyid": fingerprint(key), "tag": f"maillage/addressed/1 {asked}"}
    if not params.startswith('("@method" "@query");') or wanted.items() - re.findall(r';(\w+)="([^"]*)"', params):
        raise Unproved("it covers something else, or is for another")
    base = f'"@method": GET\n"@query": ?{query}\n"@signature-params": {params}'
    text = headers["Signature"].removeprefix(f"{label}=:").removesuffix(":")
    first, _, rest = base.partition("\n")
    signed(key, first, rest.encode(), text.replace("+", "-").replace("/", "_").rstrip("="))


def objected(check: dict[str, Any], record: str, plain: str) -> bool:
    """Whether a check that was told of a record is of this value, in its one writing."""
    secret = f"maillage/objection/1\n{check['field']}:{plain}".encode()
    made = argon2id.kdf(32, secret, uuid.UUID(record).bytes, opslimit=2, memlimit=19_922_944)
    words = plain.split() if check["field"] == "contact_nom_prenom" else []
    sized = (check["words"], check["letters"]) == (len(words), sum(map(len, words)))
    return sized and made.hex() == check["digest"]


def lane(key: bytes, document: str) -> dict[str, Any]:
    """What a lane's document says, once its box is open."""
    said: dict[str, Any] = json.loads(document)
    signature = said.pop("signature")
    signed(key, "maillage/lane/1", canonical(said), signature)
    return said


def home_of(event: dict[str, Any], cards: dict[str, Card]) -> str:
    """Whose a record is, by the proof that an event of it brings. `cards`: of the nodes that are known."""
    said = event["data"]
    holder, term = said.get("origin", said["home"]), said.get("term", 0)
    if len(said.get("proof", [])) != term:
        raise Unproved("as many links as moves are wanted")
    for number, link in enumerate(said.get("proof", []), 1):
        header = json.loads(link["header"])
        stream, kind, subject, keyid, cause = (header[place] for place in (1, 5, 6, 9, 10))
        wanted = (f"{holder}/directory/shared", f"directory.{said['kind']}.moved.v1", event["subject"])
        named = re.fullmatch(r"urn:maillage:([a-z2-7]{32})#([0-9]+)", cause)
        if (stream, kind, subject) != wanted or named is None or named[2] != str(number):
            raise Unproved(f"link {number} is about something else")
        key = b64(link["key"])
        passed = _chain(holder, link, key)
        card = cards.get(holder)
        if card is not None and keyid in card.keys:
            key = card.keys[keyid]
        elif keyid != fingerprint(key) or (card is not None and card.now not in passed):
            raise Unproved("by a key that nothing leads to")
        signed(key, "maillage/event/1", link["header"].encode(), link["signature"])
        holder = named[1]
    if holder != said["home"]:
        raise Unproved("its last home let it go to another")
    return holder


def _chain(node: str, link: dict[str, Any], key: bytes) -> set[str]:
    """The keys from the one that a node is named after to the one that it signs by."""
    at, passed = key, set[str]()
    for place, each in enumerate(link["rotations"]):
        former, following = rotation(node, each)
        if place and former != at:
            raise Unproved("a chain of keys with a gap")
        passed |= {fingerprint(former), fingerprint(following)}
        at = following
    first = b64(link["rotations"][0]["former"]) if link["rotations"] else key
    if fingerprint(first) != node or at != key:
        raise Unproved("a chain of keys that begins or ends elsewhere")
    return passed | {node}
