"""What the directory announces. Routing key = type; `data` is the full record after the change.

Reach `shared`: what is public. Reach `home`: drafts, held imports, and what only this node needs to know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from services.directory import moving
from services.directory.formats.ids import record_id
from services.kernel.announce import HOME, SHARED, NewEvent
from services.kernel.envelope import Header
from services.kernel.sealing import FACT

SERVICE = "directory"

STRUCTURE_PUBLISHED = "directory.structure.published.v1"
STRUCTURE_WITHDRAWN = "directory.structure.withdrawn.v1"
STRUCTURE_MOVED = "directory.structure.moved.v1"
STRUCTURE_ADOPTED = "directory.structure.adopted.v1"
STRUCTURE_DRAFTED = "directory.structure.drafted.v1"
SERVICE_PUBLISHED = "directory.service.published.v1"
SERVICE_WITHDRAWN = "directory.service.withdrawn.v1"
SERVICE_MOVED = "directory.service.moved.v1"
SERVICE_ADOPTED = "directory.service.adopted.v1"
SERVICE_DRAFTED = "directory.service.drafted.v1"
IMPORT_FINISHED = "directory.import.finished.v1"
SUGGESTION_MADE = "directory.suggestion.made.v1"
SUGGESTION_DECIDED = "directory.suggestion.decided.v1"
OTHER_HIDDEN = "directory.other.hidden.v1"
OTHER_SHOWN = "directory.other.shown.v1"
REDACTED = f"{SERVICE}.stream.redacted.v1"
"""The stream itself tells which of its events were erased."""
DUPLICATE_DECIDED = "directory.duplicate.decided.v1"
DUPLICATE_WITHDRAWN = "directory.duplicate.withdrawn.v1"
"""What this node decided of two structures, of which one at least is public; or decides no more."""
HANDOVER_OFFERED = "directory.handover.offered.v1"
HANDOVER_DECIDED = "directory.handover.decided.v1"
MESSAGE = f"{SERVICE}.{FACT}"
"""What the directory of one node writes to that of another, sealed: see `messages.py`."""

MOVES = frozenset({STRUCTURE_MOVED, SERVICE_MOVED})
"""A home let a record go to another node; until that one says more, it is shown as it was."""
PUBLIC_PUTS = MOVES | {STRUCTURE_PUBLISHED, SERVICE_PUBLISHED, STRUCTURE_ADOPTED, SERVICE_ADOPTED}
NOT_SHOWN = "n’est pas montrée par ce nœud"
"""What the feed says of a record that its home publishes and this node does not show."""
ONE_WITH = "n’en fait qu’une avec une autre fiche"
"""What it says of one that the public sees as one with another, since the homes of both say so."""
PUBLIC_DELETES = frozenset({STRUCTURE_WITHDRAWN, SERVICE_WITHDRAWN})
DECISIONS = frozenset({DUPLICATE_DECIDED, DUPLICATE_WITHDRAWN})
"""Records of their author in the public stream that the public feed does not have."""
TYPES = (
    PUBLIC_PUTS
    | PUBLIC_DELETES
    | DECISIONS
    | {STRUCTURE_DRAFTED, SERVICE_DRAFTED, IMPORT_FINISHED, SUGGESTION_MADE, SUGGESTION_DECIDED}
    | {OTHER_HIDDEN, OTHER_SHOWN, HANDOVER_OFFERED, HANDOVER_DECIDED, MESSAGE}
)


def is_told_by(home: str, header: Header, data: Any) -> bool:
    """Whether an event of another node's directory is about a record of that node, the one that its header names.

    An identifier follows from the first home's fingerprint: no node can tell of a record that is another's. Of one that
    moved (`term` above 0) the home names the first as `origin`; its proof is looked at where the record is shown, and
    what is not proved is held and shown nowhere (`others.take`).
    """
    try:
        named = str(record_id(data.get("origin", home), data["kind"], data["source"], data["source_id"]))
        said = (data["home"], data["id"], data["version"])
        if not moving.is_claimed(home, data):
            return False
        if header.type in MOVES and moving.told_to(header) != (data["to"], moving.term_of(data) + 1):
            return False
    except (KeyError, TypeError, AttributeError, ValueError):
        return False
    return said == (home, header.subject, header.recordversion) and named == header.subject


def published(view: Mapping[str, Any]) -> NewEvent:
    """A record became public, or changed while public. `view` is the native record."""
    return _about(view, "published", SHARED)


def withdrawn(tombstone: Mapping[str, Any]) -> NewEvent:
    """A record is public no more; only its tombstone remains."""
    return _about(tombstone, "withdrawn", SHARED)


def moved(view: Mapping[str, Any], to: str) -> NewEvent:
    """A home lets its record go to another node, in its next term: the record as it is, with `to` and its keys."""
    told = _about({**view, "to": to}, "moved", SHARED)
    return replace(told, causation=moving.cause(to, moving.term_of(view) + 1))


def adopted(view: Mapping[str, Any]) -> NewEvent:
    """A node took over a record that its last home let go; `view` has `origin`, `term` and `proof`, as ever after."""
    return _about(view, "adopted", SHARED)


def drafted(view: Mapping[str, Any]) -> NewEvent:
    """A record was saved that the public does not see (yet, or not in this version)."""
    return _about(view, "drafted", HOME)


def import_finished(summary: Mapping[str, Any]) -> NewEvent:
    """An import came to its end: its counts."""
    return NewEvent(IMPORT_FINISHED, str(summary["import"]), 1, summary, HOME)


def suggestion(fact: str, suggestion_id: str, record_id: str, version: int) -> NewEvent:
    """Somebody suggested something of a record (`made`), or got an answer (`decided`); never what they wrote."""
    said = {"suggestion": suggestion_id, "record": record_id}
    return NewEvent(f"{SERVICE}.suggestion.{fact}.v1", suggestion_id, version, said, HOME)


def other(fact: str, record_id: str, turn: int, said: Mapping[str, Any]) -> NewEvent:
    """A record of another node is shown here no more (`hidden`), or again (`shown`): by whom, when, why."""
    return NewEvent(f"{SERVICE}.other.{fact}.v1", record_id, turn, said, HOME)


def handover(fact: str, handover_id: str, turn: int, said: Mapping[str, Any]) -> NewEvent:
    """Records were offered to another node or by one (`offered`), or what became of that (`decided`): counts alone."""
    return NewEvent(f"{SERVICE}.handover.{fact}.v1", handover_id, turn, said, HOME)


def decided(said: Mapping[str, Any], *, withdrawn: bool) -> NewEvent:
    """This node decided of two structures (`decisions.py`), or took that back: ids alone, and no word of who did."""
    return NewEvent(DUPLICATE_WITHDRAWN if withdrawn else DUPLICATE_DECIDED, said["id"], said["version"], said, SHARED)


def _about(view: Mapping[str, Any], fact: str, reach: str) -> NewEvent:
    return NewEvent(f"{SERVICE}.{view['kind']}.{fact}.v1", view["id"], view["version"], view, reach)
