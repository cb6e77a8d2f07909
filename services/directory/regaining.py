"""What this node said in public and its database forgot, since it was put back: taken in again from a peer's copy.

Each record becomes what it was when the public last saw it, as a change of now that its history names and that can be
undone; drafts, suggestions and accounts of that time are lost. What had been erased because somebody objected is erased
again. Inside one transaction each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from sqlalchemy.orm import Session

from services.directory import events, store, store_pairs
from services.directory.model import Record, content_of, words_of
from services.directory.objecting import CONTACT
from services.directory.qualification import CHECKED, REVIEW, SINCE, WITHDRAWN
from services.directory.rules import check_draft
from services.directory.saved import Saved, raise_problems
from services.directory.writing import Desk
from services.kernel import redaction
from services.kernel.announce import SHARED
from services.kernel.applier import Event
from services.kernel.envelope import canonical
from services.kernel.redaction import REDACTED

ACT = "regain"
_LIVE = frozenset({events.STRUCTURE_PUBLISHED, events.STRUCTURE_ADOPTED, events.SERVICE_PUBLISHED,
                   events.SERVICE_ADOPTED})  # fmt: skip
_GONE = frozenset({events.STRUCTURE_WITHDRAWN, events.SERVICE_WITHDRAWN})


def regain(session: Session, desk: Desk, event: Event) -> None:
    """Make a record what an event says, unless it changed since; what was erased meanwhile a later event tells.

    Raises `ValidationError` where it says what no record may.
    """
    if event.data is None or event.type not in _LIVE | _GONE:
        return
    record = store.record(session, event.subject, lock=True)
    if record is not None and (record.home != desk.home or record.version >= event.recordversion):
        return
    if event.type in _GONE:
        _end(desk, record, event)
        return
    before = None if record is None or record.is_withdrawn else record.content
    record = as_told(session, desk, event.subject, event.data)
    record.home, record.version = desk.home, event.recordversion
    record.origin, record.term = event.data.get("origin"), event.data.get("term", 0)
    record.proof = canonical(event.data["proof"]) if "proof" in event.data else None
    if desk.source(record.source).policy == "publish":  # who needed nobody's word to be public needs none now
        record.status = event.data["status"]
    session.flush()
    store_pairs.replace_keys(session, {record.id: ()}, ())  # those of before may name who objected since
    desk.showing.settle(record, wanted=True)
    desk.note(record, ACT, before=before)
    desk.showing.tell()


def _end(desk: Desk, record: Record | None, event: Event) -> None:
    """A record that was withdrawn or hidden from the public; one that is not known here had been made since."""
    if record is None or record.is_withdrawn:
        return
    record.version = event.recordversion
    if event.data["status"] == WITHDRAWN:
        desk.showing.withdraw(record, event.data["reason"])
        record.replaced_by = event.data.get("replaced_by")
    elif record.is_public:
        desk.showing.hide(record)
    desk.note(record, ACT)
    desk.showing.tell()


def as_told(session: Session, desk: Desk, record_id: str, said: dict[str, Any]) -> Record:
    """A record with the content, the checks and the source's licence that a public event told of it.

    Whose it is and in which version is for the caller to say, and to the public it is not shown yet. Raises
    `ValidationError` where it says what no record may.
    """
    draft = desk.respected({**said, "structure_source_id": "-"})
    raise_problems([Saved("refused", problems=check_draft(draft))])
    source = desk.source(said["source"])  # now: what is added below is not whole before the caller had its turn
    record = store.record(session, record_id, lock=True)
    if record is None:
        record = Record(id=record_id, kind=said["kind"], source=said["source"], source_id=said["source_id"])
        session.add(record)
    record.structure = said.get("structure")
    record.content, record.changed, record.reason, record.replaced_by = content_of(draft), "", "", None
    record.__dict__.pop("parts", None)
    record.status = said["status"] if said["status"] in CHECKED else REVIEW
    record.changed_at, record.seen_in, record.words = said["changed_at"], None, words_of(draft["fields"])
    record.matched, record.public_version = record.kind != "structure", None
    record.trust_in({name: said[name] for name in ("verified", "confirmed_at", SINCE) if said.get(name)})
    source.licence, source.attribution = (
        source.licence or str(said.get("licence") or ""), source.attribution or str(said.get("attribution") or "")
    )  # fmt: skip
    return record


def objected(session: Session, event: Event) -> Iterator[dict[str, str]]:
    """Who had objected, of an event that tells what was erased: what the log says again, and the record does not."""
    if not event.type.endswith(REDACTED) or event.data is None:
        return
    for data in redaction.there_again(session, SHARED, event.data):
        told = orjson.loads(data)
        record = store.record(session, str(told.get("id")))
        now = record.parts["fields"] if record is not None and not record.is_withdrawn else {}
        then = told.get("fields") or {}
        said = {name: str(then[name]) for name in CONTACT if then.get(name) and not now.get(name)}
        if said:  # all at once: what is said of a record without the one still has the other, and no number yet
            yield said
