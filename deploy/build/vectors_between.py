"""Test vectors of what concerns two nodes alone: a message, a question, a record that moved, a lane's document."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import orjson
from nacl.encoding import RawEncoder
from nacl.hash import blake2b
from nacl.public import Box, PrivateKey, PublicKey

from deploy.build.story import AT, Story, body, record
from services.directory import moving, salted
from services.federation import requests
from services.federation.lane.documents import Offer, signed
from services.kernel import clock, sealing
from services.kernel.envelope import canonical
from services.kernel.identity import Identity

MESSAGE = {"kind": "answer", "id": "01936000-0000-7000-8000-00000000000a", "state": "accepted", "answer": "Corrigé."}

OBJECTED = {"contact_nom_prenom": "SAINT-ÉLOI, Zoé", "courriel": " Zoe@Example.org", "telephone": "02 40 12 34 56"}


def between(home: Identity, story: Story) -> dict[str, Any]:
    """`home`, whose stream `story` tells, and a second node of which the seed is given too."""
    seed = bytes(range(64, 96))
    other = Identity.from_seed(seed)
    query = f"from={other.name}&service=directory&epoch=1&after=0&limit=100"
    offer = Offer("mq.vecteurs.example", 5671, True, "aB3_" * 8, "rabbit@vecteurs", "", 1_763_980_000_000_000)
    return {
        "other": {"seed": seed.hex(), "fingerprint": other.name, "public": other.public_key.hex()},
        "sealed": _sealed(PrivateKey(seed)),
        "question": {
            "by": other.public_key.hex(), "asked": home.name, "query": query,
            "headers": requests.signed(other, home.name, query, clock.from_text(AT), nonce="vecteur-1"),
        },
        "moved": _moved(home, story, other),
        "objection": _objection(story.events[0].header.subject),
        "lane": {"by": home.public_key.hex(), "document": signed(home, other.name, offer).decode()},
    }  # fmt: skip


def _sealed(key: PrivateKey) -> dict[str, str]:
    """libsodium's sealed box with an ephemeral key that is no secret, so that it is the same each time."""
    once, to = PrivateKey(hashlib.sha256(b"ephemeral").digest()), bytes(key.public_key)
    nonce = blake2b(bytes(once.public_key) + to, digest_size=Box.NONCE_SIZE, encoder=RawEncoder)
    box = Box(once, PublicKey(to)).encrypt(sealing.padded(canonical(MESSAGE)), nonce).ciphertext
    boxed = base64.b64encode(bytes(once.public_key) + box).decode()
    return {"key": bytes(key).hex(), "message": canonical(MESSAGE).decode(), "sealed": boxed}


def _objection(record_id: str) -> dict[str, Any]:
    """What is told of somebody who objects, to the home of a record; and the values, which are never sent."""
    said = {name: (value, salted.check(record_id, name, value).written()) for name, value in OBJECTED.items()}
    return {"record": record_id, "values": {name: value for name, (value, _) in said.items()},
            "checks": [check for _, check in said.values()]}  # fmt: skip


def _moved(home: Identity, story: Story, other: Identity) -> dict[str, Any]:
    """The home's last word of a record, and the first of the node that it moved to."""
    said = record(home.name, 2) | {"version": 2}
    told = said | {"to": other.name} | moving.keys_of(home.public_key, home.rotations)
    moved = story.tell("structure.moved", said["id"], 2, told, moving.cause(other.name, 1))
    proof = {"home": other.name, "origin": home.name, "term": 1, "proof": [moving.link(moved, told)], "version": 3}
    adopted = Story(other).tell("structure.adopted", said["id"], 3, orjson.loads(canonical(said | proof)))
    return {"moved": body(moved), "adopted": body(adopted)}
