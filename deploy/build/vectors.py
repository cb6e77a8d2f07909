"""Test vectors of the wire between nodes: `docs/federation-vectors.json`, for who writes a node in another language.

Made from fixed seeds, so that they are the same each time. `tests/federation/test_second_reader.py` checks them with a
reader that shares no code with ours.
"""

from __future__ import annotations

from typing import Any

import orjson

from deploy.build.story import Story, body, record
from deploy.build.vectors_between import between
from services.federation import cards
from services.kernel.checkpoint import bucket_of, root_of
from services.kernel.envelope import canonical
from services.kernel.identity import Identity

CANONICAL: tuple[Any, ...] = (
    {"b": 1, "a": [True, None, "é\n\"\\"]}, {"point": [47.48, -1.76, 0.5, 1.0, 0.0000015, 1e-7]}, {"é": "", "z": "€"},
)  # fmt: skip


def vectors() -> bytes:
    """The file's bytes."""
    first = Identity.from_seed(bytes(range(32)))
    second = first.rotated(bytes(range(32, 64)), revoked=False)
    story = Story(first)
    records = [record(first.name, number) for number in range(3)]
    for each in records:
        story.tell("structure.published", each["id"], 1, each)
    erased = story.events[0]
    changed = records[0] | {"version": 2, "fields": {"nom": "Sans contact"}}
    story.tell("structure.published", changed["id"], 2, changed)
    head = erased.header
    story.about("redacted", {"redacted": [{"epoch": head.epoch, "seq": head.seq, "datahash": head.datahash}]})
    gone = {name: records[1][name] for name in ("id", "kind", "home", "source", "source_id")}
    story.tell("structure.withdrawn", gone["id"], 2, gone | {"version": 2, "status": "withdrawn", "reason": "fermée"})
    story.checkpoint()
    last = story.place()
    story.identity = second
    said = {"former": first.keyid, "key": second.keyid, "rotations": [each.to_dict() for each in second.rotations]}
    story.about("rekeyed", last | said)
    story.checkpoint()
    lasts = {first.keyid: {story.stream: (last["epoch"], last["seq"], last["hash"])}}
    card = cards.Card(first.name, "vecteurs", "Vecteurs", "44", "https://vecteurs.example", second.public_key,
                      bytes(32), 2, second.rotations, lasts)  # fmt: skip
    log = [body(each, bare=each is erased) for each in story.events]
    whole = _said(first, second, card, story, log) | between(second, story)
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2) + b"\n"


def _said(first: Identity, second: Identity, card: cards.Card, story: Story, log: list[Any]) -> dict[str, Any]:
    subject = story.events[0].header.subject
    return {
        "about": "docs/federation.md; made by python -m deploy.build.docs",
        "canonical": [canonical(each).decode() for each in CANONICAL],
        "keys": [
            {"seed": bytes(range(start, start + 32)).hex(), "fingerprint": each.keyid, "public": each.public_key.hex()}
            for start, each in ((0, first), (32, second))
        ],
        "record_id": {"home": first.name, "kind": "structure", "source": "liste", "source_id": "0", "id": subject},
        "bucket": {"subject": subject, "bucket": bucket_of(subject)},
        "header": {"bytes": story.events[0].header.raw.decode(), "hash": story.events[0].header.hash},
        "card": cards.written(card, second).decode(),
        "log": log,
        "snapshot": [log[2], log[3], log[5], log[8]],
        "root": root_of(story.heads),
    }  # fmt: skip
