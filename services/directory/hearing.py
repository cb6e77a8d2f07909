"""What other nodes tell of who objected: our records are looked through, and a permanent decides where they are named.

The answer goes back by the key that came with the objection. Inside one transaction each, but for looking through a
record (`look`), which takes its time outside.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid5

import orjson
from sqlalchemy.orm import Session

from services.directory import events, store, store_objections, store_told
from services.directory.model import flat
from services.directory.objecting import PARTS, cleaned
from services.directory.objection_rows import ABSENT, ACCEPTED, DISMISSED, OPEN, UNCHECKED, Heard
from services.directory.salted import CHECKS_AT_MOST, Check, Salted
from services.directory.telling import ANSWER, TEXT_AT_MOST
from services.kernel import clock
from services.kernel.announce import NewEvent
from services.kernel.database import Executor, inline
from services.kernel.errors import ValidationError, WrongState
from services.kernel.sealing import sealed

OPEN_AT_MOST: Final = 200
"""Objections of one node that wait here."""
NOT_OURS: Final = "Cette fiche n’est pas tenue par ce nœud, ou n’est pas publique."
TOO_MANY: Final = "Trop d’oppositions de ce nœud attendent déjà ici : redites celle-ci plus tard."
DECIDED: Final = frozenset({ACCEPTED, DISMISSED, ABSENT})


@dataclass
class Kin:
    """One record that may name somebody: what it says, and what the public sees where that is something else."""

    id: str
    kind: str
    name: str
    contents: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class Looked:
    """What was met: the values by field, and where, `[{id, kind, name, fields}]`."""

    said: dict[str, str]
    found: list[dict[str, Any]]


def receive(session: Session, node: str, said: Mapping[str, Any], home: str) -> NewEvent | None:
    """Keep an objection that another node tells, to be looked at; what is answered at once."""
    try:
        theirs, record_id = str(UUID(said["id"])), str(UUID(said["record"]))
        reply = base64.b64decode(said["reply"], validate=True)
        checks = _written({Check.read(each) for each in said["checks"][: CHECKS_AT_MOST + 1]})
        if len(reply) != 32 or not 0 < len(said["checks"]) <= CHECKS_AT_MOST:
            return None
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    own_id, before = str(uuid5(UUID(theirs), node)), store_told.heard_before(session, record_id, checks)
    if store_told.heard(session, own_id) is not None:
        return None
    record = store.record(session, record_id)
    if record is None or record.home != home or not record.is_public:
        return _answer(node, theirs, reply, ABSENT, NOT_OURS)
    if store_told.open_of(session, node) >= OPEN_AT_MOST:
        return _answer(node, theirs, reply, DISMISSED, TOO_MANY)
    row = Heard(
        id=own_id, node=node, theirs=theirs, record_id=record_id, checks=checks, reply=reply, found=b"[]",
        state=UNCHECKED, at=clock.to_text(clock.now()), decided_at=None, by="", answer="",
    )  # fmt: skip
    store_told.add(session, row)
    if before is None or before.state != DISMISSED:
        return None
    row.found = before.found  # what was dismissed is not asked again because another node says it too
    return decide(row, DISMISSED, before.by, before.answer)


def gather(session: Session, row: Heard) -> list[Kin]:
    """The record of an objection, its services, and those that may be the same: what there is to look through."""
    found = []
    for record in store_told.kin(session, row.record_id):
        kin = Kin(record.id, record.kind, str(record.parts["fields"].get("nom") or record.id), [record.parts])
        waits = record.is_public and record.public_version != record.version
        if waits and (seen := store_objections.shown(session, record.id)) is not None:
            kin.contents.append({name: value for name, value in seen.items() if name in PARTS})
        found.append(kin)
    return found


def look(record_id: str, checks: bytes, kin: Sequence[Kin], execute: Executor = inline) -> Looked:
    """Look through records for who objected: some tens of milliseconds for each value that is met, at most 200."""
    salted = Salted(record_id, read_checks(checks), execute)
    found: list[dict[str, Any]] = []
    for each in kin:
        named = [salted.look(content) for content in each.contents]  # all of them: `said` is to be whole
        if any(named):
            fields = _fields(salted, each.contents)
            found.append({"id": each.id, "kind": each.kind, "name": each.name, "fields": fields})
    return Looked(dict(salted.found), found)


def settle(row: Heard, looked: Looked) -> NewEvent | None:
    """Write down where they are named, for a permanent; that nobody is named is answered at once."""
    if row.state != UNCHECKED:
        return None
    if not looked.found:
        return decide(row, ABSENT, "", "")
    row.found, row.state = orjson.dumps(_without_values(looked)), OPEN
    return None


def decide(row: Heard, state: str, by: str, answer: str) -> NewEvent:
    """Accept or dismiss; what is answered. Raises `WrongState` where it was decided, `ValidationError` without why."""
    if row.state in DECIDED:
        raise WrongState("Cette opposition a déjà sa réponse.")
    if state == DISMISSED and not answer.strip():
        raise ValidationError(
            "Dites pourquoi cette opposition est écartée.",
            [{"line": None, "field": "answer", "value": "", "code": "answer.missing", "why": "aucune raison n’est dite",
              "remedy": "Écrivez en une phrase pourquoi : l’autre nœud le lira à qui s’est opposé."}],
        )  # fmt: skip
    row.state, row.by, row.answer = state, by, answer.strip()[:TEXT_AT_MOST]
    row.decided_at = clock.to_text(clock.now())
    return _answer(row.node, row.theirs, row.reply, state, row.answer)


def view(row: Heard, node_name: str) -> dict[str, Any]:
    """`{id, record, node, node_name, found, state, at, decided_at, by, answer}`, `found` as `Looked` has it."""
    return {
        "id": row.id, "record": row.record_id, "node": row.node, "node_name": node_name,
        "found": orjson.loads(row.found), "state": row.state, "at": row.at, "decided_at": row.decided_at,
        "by": row.by, "answer": row.answer,
    }  # fmt: skip


def read_checks(checks: bytes) -> list[Check]:
    """As they are kept."""
    return [Check(**each) for each in orjson.loads(checks)]


def _written(checks: set[Check]) -> bytes:
    return orjson.dumps([each.written() for each in sorted(checks)])


def _answer(node: str, theirs: str, reply: bytes, state: str, answer: str) -> NewEvent:
    return sealed(events.SERVICE, node, reply, {"kind": ANSWER, "id": theirs, "state": state, "answer": answer})


def _fields(salted: Salted, contents: Sequence[Any]) -> list[str]:
    """The fields that name them, `extra` for what is kept beside them; what was tried once is not tried again."""
    said = [
        (name, value) for parts in contents for name, value in [*flat(parts).items(), ("extra", parts.get("extra"))]
    ]
    return sorted({name for name, value in said if salted.look(value)})


def _without_values(looked: Looked) -> list[dict[str, Any]]:
    """Where they are named, the names of the records without theirs."""
    return [each | {"name": cleaned(each["name"], looked.said)} for each in looked.found]
