"""What anybody may say of a public record, and what a permanent decides of it. Inside one transaction.

Abuse is limited here by counts (so many open ones for a record and in all), at the gateway by client; nothing that a
stranger wrote is public, in an event or in an index: a permanent reads it first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy.orm import Session
from uuid_utils import uuid7

from services.directory import store
from services.directory.asides import Suggestion
from services.directory.formats import typed
from services.directory.formats.own import OWN
from services.directory.model import Record, flat
from services.directory.rules import FIELDS, check_draft
from services.directory.saved import Choice
from services.directory.writing import Desk, as_typed
from services.kernel import clock
from services.kernel.errors import NotFound, Problem, ValidationError, WrongState

NOTHING_SAID = "Dites ce qui ne va pas, ou quel champ changer."
OPEN, ACCEPTED, REFUSED = "open", "accepted", "refused"
OPEN_AT_MOST, OPEN_OF_ONE_AT_MOST = 5_000, 20
VALUE_AT_MOST_BYTES = 20_000
"""Of a proposed value: the longest text of a record has 10,000 characters."""


def make(session: Session, record: Record, asked: dict[str, Any]) -> Suggestion:
    """Keep what somebody says, for a permanent. Raises `NotFound`, `ValidationError`, `WrongState` (too many wait)."""
    if not record.is_public:
        raise NotFound(f"Aucune fiche publique {record.id}.")
    if asked["field"] is None and not asked["message"].strip():
        raise ValidationError(NOTHING_SAID)
    value = None if asked["field"] is None else sayable(record.kind, record.parts, asked["field"], asked["value"])
    must_have_room(*store.open_suggestions(session, record.id))
    made = Suggestion(
        id=str(uuid7()), record_id=record.id, field=asked["field"], message=asked["message"].strip(),
        value=None if asked["field"] is None else orjson.dumps(value), contact=asked["contact"],
        state=OPEN, at=clock.to_text(clock.now()), decided_by="", answer="",
    )  # fmt: skip
    session.add(made)
    return made


def decide(session: Session, desk: Desk, made: Suggestion, record: Record, by: str, accept: bool, answer: str) -> None:
    """Take the proposed value into the record as a permanent's own change, or not; said once.

    Raises `WrongState` where it was decided already, and everything that an edit raises.
    """
    if made.state != OPEN:
        raise WrongState("Cette proposition a déjà sa réponse.")
    if accept and made.field is not None:
        desk.edit(record, as_typed(record, said_of(made)), Choice.PERMANENT)
        store.settle_differences(session, record.id, [made.field])
    made.state, made.answer = ACCEPTED if accept else REFUSED, answer.strip()
    made.decided_at, made.decided_by = clock.to_text(clock.now()), by


def said_of(made: Suggestion) -> dict[str, Any]:
    """The change that a suggestion proposes, as `Desk.edit` takes it."""
    assert made.field is not None and made.value is not None
    return said(made.field, orjson.loads(made.value))


def shown(made: Suggestion, record: Record) -> dict[str, Any]:
    """A suggestion for a permanent, beside what the record says now; never the address that was left."""
    field, origin = made.field, orjson.loads(made.origin) if made.origin else {}
    return {
        "suggestion": made.id, "record": record.id, "kind": record.kind, "name": record.parts["fields"].get("nom"),
        "version": record.version, "field": field, "message": made.message, "state": made.state, "at": made.at,
        "now": flat(record.parts).get(field) if field else None,
        "value": orjson.loads(made.value) if made.value is not None else None,
        "to_answer": made.contact is not None or bool(origin.get("to_answer")), "from_node": origin.get("node"),
        "answer": made.answer, "decided_at": made.decided_at,
    }  # fmt: skip


def said(field: str, value: Any) -> dict[str, Any]:
    """One field's new value, as `Desk.edit` takes it."""
    return {field: value} if field in (*OWN, "sectors") else {"fields": {field: value}}


def sayable(kind: str, parts: Mapping[str, Any], field: str, value: Any) -> Any:
    """The value proposed for a field of a record that says `parts`, as an import would read it.

    Raises `ValidationError`.
    """
    if field not in FIELDS[kind] and field not in (*OWN, "sectors"):
        raise ValidationError(
            "Ce champ n’existe pas.",
            [{"line": None, "field": "field", "value": field, "why": "champ inconnu", "code": "field.unknown",
              "remedy": f"Champs connus : {', '.join(FIELDS[kind])}."}],
        )  # fmt: skip
    if len(orjson.dumps(value)) > VALUE_AT_MOST_BYTES:
        raise ValidationError("La valeur proposée est trop longue : dites-le plutôt en quelques mots.")
    draft = {"kind": kind, "source": "-", "source_id": "-", "structure_source_id": "-", "fields": {}}
    problems: list[Problem] = []
    if field in FIELDS[kind]:
        fields, problems = typed.read(kind, {field: value}, parts["fields"])
        value = fields[field]
    problems = problems or check_draft(draft | said(field, value))
    if problems:
        raise ValidationError("La valeur proposée n’est pas valable.", problems)
    if flat(parts).get(field) == value:
        raise ValidationError("La fiche le dit déjà.")
    return value


def must_have_room(of_one: int, of_all: int) -> None:
    """Raises `WrongState` where so many wait already: of one record, of all."""
    if of_one >= OPEN_OF_ONE_AT_MOST or of_all >= OPEN_AT_MOST:
        raise WrongState("Trop de propositions attendent déjà une réponse : réessayez dans quelques jours.")
