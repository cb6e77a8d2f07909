"""Telling the homes of other nodes' records that somebody objected, and keeping that with our own where they move.

Told are the homes of records that name the person, as far as this node holds them, and of structures that may be one
with ours that did. What travels is in no stream, file or log but as digests, and sealed (`salted.py`). Inside one
transaction each, but for the digests, which take their time outside.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy.orm import Session
from uuid_utils import uuid7

from services.directory import events, salted, store, store_others, store_told
from services.directory.asides import HIDDEN
from services.directory.formats import matching
from services.directory.formats.matching import Sketch
from services.directory.model import Record
from services.directory.objecting import PARTS, Objections, cleaned, fields_naming, may_name
from services.directory.objection_rows import ABSENT, ACCEPTED, DISMISSED, SENT, WAITING, Kept, Told
from services.directory.salted import Check
from services.kernel import clock
from services.kernel.announce import NewEvent
from services.kernel.database import Executor
from services.kernel.sealing import sealed

OBJECTION, ANSWER = "objection", "objection_answer"
CONTACT, DUPLICATE = "contact", "duplicate"
ALIKE: Final = frozenset({"sure", "probable"})
ANSWERS: Final = frozenset({ACCEPTED, DISMISSED, ABSENT})
TEXT_AT_MOST: Final = 2_000


@dataclass(frozen=True)
class Elsewhere:
    """A record of another node that names somebody (`fields`), or may be one with ours that did (`duplicate`)."""

    id: str
    home: str
    kind: str
    name: str
    fields: list[str]
    why: str
    hidden: bool
    structure: str


def elsewhere(session: Session, said: Mapping[str, str], own: Iterable[Record]) -> list[Elsewhere]:
    """Every record of other nodes of which the home is to be told, as this node holds it.

    `own`: our records that name them.
    """
    sketches = _sketches(session, own)
    keys = {key for each in sketches.values() for key in matching.keys(each)}
    marks = _marks(sketches.values())
    is_worth, apart = may_name(said), store_told.apart(session, sketches.keys())
    found = []
    for record_id, home, kind, state, raw in store_told.held_records(session):
        named = is_worth(raw.decode())
        if not named and not (kind == "structure" and any(mark in raw for mark in marks)):
            continue
        native = orjson.loads(raw)
        parts = {name: native[name] for name in PARTS if name in native}
        fields = fields_naming(parts, said) if named else []
        if not fields and not (kind == "structure" and _is_alike(record_id, parts["fields"], sketches, keys, apart)):
            continue
        name = str(cleaned(parts["fields"].get("nom") or native["source_id"], said))
        why, of = CONTACT if fields else DUPLICATE, str(native.get("structure") or record_id)
        found.append(Elsewhere(record_id, home, kind, name, fields, why, state == HIDDEN, of))
    return found


def shown(session: Session, found: Sequence[Elsewhere]) -> list[dict[str, Any]]:
    """For who decides: `[{id, kind, name, fields, why, hidden, home, home_name, page}]`."""
    homes = store_others.homes(session)
    shown = []
    for each in found:
        home = homes.get(each.home)
        page = f"{home.url.rstrip('/')}/{each.kind}s/{each.id}" if home and home.url else ""
        shown.append({
            "id": each.id, "kind": each.kind, "name": each.name, "fields": each.fields, "why": each.why,
            "hidden": each.hidden, "home": each.home, "home_name": home.name if home else each.home, "page": page,
        })  # fmt: skip
    return shown


def structures_of(own: Iterable[Record]) -> set[str]:
    """The living structures among records, and those of the services among them."""
    return {each.structure or each.id for each in own if not each.is_withdrawn}


def plan(
    session: Session, keeper: Objections, said: Mapping[str, str], structures: Iterable[str],
    found: Iterable[Elsewhere],
) -> None:  # fmt: skip
    """Write down who is to be told, and with which of our structures the objection stays; the digests come later."""
    about = known_as(keeper, said)
    before, now = store_told.told_about(session, about), clock.to_text(clock.now())
    for each in sorted(found, key=lambda each: (each.structure != each.id, each.why)):
        if each.structure in before:
            continue
        before.add(each.structure)
        store_told.add(session, Told(
            id=str(uuid7()), about=about, home=each.home, record_id=each.structure, name=each.name, why=each.why,
            state=WAITING, at=now, decided_at=None, answer="",
        ))  # fmt: skip
    for field, value in said.items():
        key = keeper.digest(field, value)
        for structure_id in structures:
            if store_told.kept(session, structure_id, key) is None:
                store_told.add(session, Kept(structure_id=structure_id, key=key, field=field, digest="", words=0,
                                             letters=0, carried=False))  # fmt: skip


def known_as(keeper: Objections, said: Mapping[str, str]) -> str:
    """A digest by which this node knows the same objection again."""
    return hashlib.sha256("\n".join(sorted(keeper.digest(*each) for each in said.items())).encode()).hexdigest()


def checks(record_id: str, said: Mapping[str, str], execute: Executor) -> list[Check]:
    """What is told of somebody to who holds a record."""
    return sorted(salted.check(record_id, *each, execute) for each in said.items())


def tell(row: Told, made: Sequence[Check], keys: tuple[bytes, bytes]) -> NewEvent:
    """The message to the home of a record. `keys`: its sealing key, and ours for the answer."""
    row.state, row.at = SENT, clock.to_text(clock.now())
    said = {
        "kind": OBJECTION, "id": row.id, "record": row.record_id, "checks": [each.written() for each in made],
        "reply": base64.b64encode(keys[1]).decode(),
    }  # fmt: skip
    return sealed(events.SERVICE, row.home, keys[0], said)


def receive_answer(session: Session, node: str, said: Mapping[str, Any]) -> None:
    """What the home of a record decided; what makes no sense changes nothing."""
    row = store_told.told(session, str(said.get("id")))
    if row is None or row.home != node or row.state != SENT or said.get("state") not in ANSWERS:
        return
    row.state, row.answer = str(said["state"]), str(said.get("answer") or "")[:TEXT_AT_MOST]
    row.decided_at = clock.to_text(clock.now())


def told_view(row: Told, home_name: str) -> dict[str, Any]:
    """`{id, record, name, home, home_name, why, state, at, decided_at, answer}`."""
    return {
        "id": row.id, "record": row.record_id, "name": row.name, "home": row.home, "home_name": home_name,
        "why": row.why, "state": row.state, "at": row.at, "decided_at": row.decided_at, "answer": row.answer,
    }  # fmt: skip


def _sketches(session: Session, own: Iterable[Record]) -> dict[str, Sketch]:
    ids = structures_of(own)
    return {each.id: matching.sketch(each.parts["fields"]) for each in store.records(session, ids).values()
            if not each.is_withdrawn}  # fmt: skip


def _marks(ours: Iterable[Sketch]) -> set[bytes]:
    """What one that may be the same has at least one of, as it is written: nothing else weighs enough without."""
    return {mark.encode() for each in ours for mark in (each.siret, each.phone, each.email, each.commune) if mark}


def _is_alike(
    record_id: str, fields: Mapping[str, Any], ours: Mapping[str, Sketch], keys: set[str], apart: set[tuple[str, str]]
) -> bool:
    """Whether a structure of another node may be one of these, and nobody here decided that it is not."""
    theirs = matching.sketch(fields)
    if keys.isdisjoint(matching.keys(theirs)):
        return False
    return any(
        matching.compare(mine, theirs).grade in ALIKE
        for own_id, mine in ours.items()
        if (min(own_id, record_id), max(own_id, record_id)) not in apart
    )
