"""What directories of nodes write to each other: suggestions for a record, to its home, and the answer that comes back.

Who suggests something on any node is read by a permanent of the record's home. An address left for the answer stays on
the node where it was left; the home is told that somebody waits, not who. Inside one transaction each.
"""

from __future__ import annotations

import base64
from typing import Any, Final
from uuid import UUID, uuid5

import orjson
from sqlalchemy.orm import Session
from uuid_utils import uuid7

from services.directory import events, store, store_others, suggesting
from services.directory.asides import GONE, SHOWN, Other, Sent, Suggestion
from services.kernel import clock
from services.kernel.announce import NewEvent
from services.kernel.errors import MaillageError, NotFound, ValidationError
from services.kernel.sealing import sealed

SUGGESTION, ANSWER = "suggestion", "answer"
SENT: Final = "sent"
_TEXT_AT_MOST: Final = 2_000


def of_other(session: Session, record_id: str) -> Other:
    """A record of another node. Raises `NotFound`."""
    found = store_others.other(session, record_id)
    if found is None or found.state == GONE:
        raise NotFound(f"Aucune fiche publique {record_id}.")
    return found


def must_be_shown(session: Session, record_id: str) -> None:
    """Raises `NotFound` for a record that the public does not see here."""
    if of_other(session, record_id).state != SHOWN:
        raise NotFound(f"Aucune fiche publique {record_id}.")


def send(session: Session, other: Other, asked: dict[str, Any], key: bytes, own_key: bytes) -> tuple[Sent, NewEvent]:
    """Write down what somebody suggests for another node's record, and what is told to its home.

    Args:
        key: the home's sealing key; `own_key` is ours, for the answer.
    Raises `ValidationError`, `WrongState` (too many wait), as `suggesting.make` does.
    """
    native = orjson.loads(other.data) if other.data else {}
    fields, value = native.get("fields") or {}, asked["value"]
    if asked["field"] is None and not asked["message"].strip():
        raise ValidationError(suggesting.NOTHING_SAID)
    if asked["field"] is not None:
        value = suggesting.sayable(other.kind, native | {"fields": fields}, asked["field"], value)
    suggesting.must_have_room(*store_others.waiting(session, other.id))
    made = Sent(
        id=str(uuid7()), home=other.home, record_id=other.id, name=fields.get("nom") or other.source_id,
        contact=asked["contact"], state=SENT, at=clock.to_text(clock.now()), decided_at=None, answer="",
    )  # fmt: skip
    session.add(made)
    said = {
        "kind": SUGGESTION, "id": made.id, "record": other.id, "field": asked["field"], "value": value,
        "message": asked["message"].strip(), "to_answer": asked["contact"] is not None,
        "reply": base64.b64encode(own_key).decode(),
    }  # fmt: skip
    return made, sealed(events.SERVICE, other.home, key, said)


def receive(session: Session, node: str, said: dict[str, Any], home: str) -> list[NewEvent]:
    """Take what another node's directory wrote; what is to be announced of it. What makes no sense changes nothing."""
    if said.get("kind") == SUGGESTION:
        return _receive_suggestion(session, node, said, home)
    if said.get("kind") == ANSWER:
        _receive_answer(session, node, said)
    return []


def answer(made: Suggestion) -> NewEvent | None:
    """What is told to the node from which a suggestion came, once it is decided."""
    if made.origin is None:
        return None
    origin = orjson.loads(made.origin)
    said = {"kind": ANSWER, "id": origin["id"], "state": made.state, "answer": made.answer}
    return sealed(events.SERVICE, origin["node"], base64.b64decode(origin["reply"]), said)


def shown(made: Sent) -> dict[str, Any]:
    """What became of a suggestion for another node's record."""
    return {
        "id": made.id, "record": made.record_id, "name": made.name, "home": made.home, "state": made.state,
        "at": made.at, "decided_at": made.decided_at, "answer": made.answer,
    }  # fmt: skip


def _receive_suggestion(session: Session, node: str, said: dict[str, Any], home: str) -> list[NewEvent]:
    try:
        theirs, reply = str(UUID(said["id"])), base64.b64decode(said["reply"], validate=True)
        asked = {"field": said["field"], "value": said["value"], "message": str(said["message"])[:_TEXT_AT_MOST],
                 "contact": None}  # fmt: skip
        origin = {"node": node, "id": theirs, "reply": said["reply"], "to_answer": said["to_answer"] is True}
        record_id = str(said["record"])
    except (KeyError, TypeError, ValueError):
        return []
    own_id = str(uuid5(UUID(theirs), node))
    if len(reply) != 32 or store.suggestion(session, own_id) is not None:
        return []
    try:
        record = store.record(session, record_id, lock=True)
        if record is None or record.home != home:
            raise NotFound("Cette fiche n’est pas tenue par ce nœud.")
        made = suggesting.make(session, record, asked)
    except MaillageError as error:
        refused = {"kind": ANSWER, "id": theirs, "state": suggesting.REFUSED, "answer": error.message}
        return [sealed(events.SERVICE, node, reply, refused)]
    made.id, made.origin = own_id, orjson.dumps(origin)
    return [events.suggestion("made", made.id, record.id, 1)]


def _receive_answer(session: Session, node: str, said: dict[str, Any]) -> None:
    made = store_others.sent(session, str(said.get("id")))
    if made is None or made.home != node or made.state != SENT:
        return
    made.state = suggesting.ACCEPTED if said.get("state") == suggesting.ACCEPTED else suggesting.REFUSED
    made.answer, made.decided_at = str(said.get("answer") or "")[:_TEXT_AT_MOST], clock.to_text(clock.now())
