"""Test vectors of the wire between nodes: `docs/federation-vectors.json`, for who writes a node in another language.

Made from fixed seeds, so that they are the same each time. `tests/federation/test_second_reader.py` checks them with a
reader that shares no code with ours.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from services.directory.formats.ids import record_id
from services.federation import cards
from services.kernel.checkpoint import bucket_of, is_about_stream, is_live, root_of
from services.kernel.envelope import GENESIS, Header, Signed, canonical, datahash
from services.kernel.identity import EVENT, Identity

AT = "2026-11-24T10:00:00.000000Z"
CANONICAL: tuple[Any, ...] = (
    {"b": 1, "a": [True, None, "é\n\"\\"]}, {"point": [47.48, -1.76, 0.5, 1.0, 0.0000015, 1e-7]}, {"é": "", "z": "€"},
)  # fmt: skip


class _Story:
    """A stream told event by event."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.stream = f"{identity.name}/directory/shared"
        self.epoch, self.events, self.heads = 1, list[Signed](), dict[str, str]()

    def tell(self, kind: str, subject: str, version: int, data: Any) -> Signed:
        last = self.events[-1].header if self.events else None
        seq = last.seq + 1 if last else 1
        raw, salt = canonical(data), hashlib.sha256(f"salt {seq}".encode()).digest()
        header = Header(
            self.stream, self.epoch, seq, f"01936000-0000-7000-8000-{seq:012d}", f"directory.{kind}.v1", subject,
            version, AT, self.identity.keyid, "", last.hash if last else GENESIS, datahash(salt, raw),
        )  # fmt: skip
        self.events.append(Signed(header, self.identity.sign(EVENT, header.raw), raw, salt))
        if not is_about_stream(header.type):
            self.heads[subject] = header.hash
            if not is_live(header.type):
                del self.heads[subject]
        return self.events[-1]

    def place(self) -> dict[str, Any]:
        last = self.events[-1].header
        return {"epoch": last.epoch, "seq": last.seq, "hash": last.hash}

    def about(self, fact: str, data: dict[str, Any]) -> Signed:
        return self.tell(f"stream.{fact}", self.stream, self.events[-1].header.seq + 1, data)

    def checkpoint(self) -> Signed:
        return self.about("checkpointed", self.place() | {"root": root_of(self.heads)})


def vectors() -> bytes:
    """The file's bytes."""
    first = Identity.from_seed(bytes(range(32)))
    second = first.rotated(bytes(range(32, 64)), revoked=False)
    story = _Story(first)
    records = [_record(first.name, number) for number in range(3)]
    for record in records:
        story.tell("structure.published", record["id"], 1, record)
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
    log = [_body(each, bare=each is erased) for each in story.events]
    return orjson.dumps(_said(first, second, card, story, log), option=orjson.OPT_INDENT_2) + b"\n"


def _said(first: Identity, second: Identity, card: cards.Card, story: _Story, log: list[Any]) -> dict[str, Any]:
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


def _record(home: str, number: int) -> dict[str, Any]:
    named = {"kind": "structure", "home": home, "source": "liste", "source_id": str(number)}
    fields = {"nom": f"Structure {number}", "contact_nom_prenom": "Ada Lovelace", "latitude": 47.48}
    return named | {"id": str(record_id(home, "structure", "liste", str(number))), "version": 1, "fields": fields}


def _body(event: Signed, *, bare: bool) -> Any:
    kept = Signed(event.header, event.signature, None, None) if bare else event
    return orjson.loads(kept.body())
