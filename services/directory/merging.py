"""Two structures become one, and can become two again. Inside one transaction.

The one that is kept takes what only the other said, its services, and its source beside its own; the other leaves a
tombstone that names it, so that an old identifier still leads somewhere. A row of its source that comes again tells its
news in the work list of the one that is kept, and wakes nothing up.
"""

from __future__ import annotations

import base64
from collections.abc import Collection
from typing import Any

import orjson
from sqlalchemy.orm import Session
from uuid_utils import uuid7

from services.directory import corrections, duplicates, others, store, store_pairs
from services.directory.asides import Merge
from services.directory.deciding import SAME
from services.directory.formats.groups import GROUPS
from services.directory.formats.own import OWN
from services.directory.model import Record, content_of
from services.directory.qualification import QUALIFIED
from services.directory.writing import Desk, must_exist
from services.kernel import clock
from services.kernel.errors import Conflict, NotFound, WrongState

WHOLE = ("place", "hours", "argumentaire")
"""Groups of fields that are taken whole or not at all: half of an address is worse than none."""


def merge(session: Session, desk: Desk, kept: Record, gone: Record, by: str, chosen: Collection[str] = ()) -> Merge:
    """Take `gone` into `kept`. Announces `published` (or `drafted`) of the one, `withdrawn` of the other.

    Args:
        chosen: fields of which the word of `gone` is the better one.
    Raises `WrongState` unless both are living structures that, with the services that move, the public sees as they
    are, and where the public would lose the one it sees; `NotHome`.
    """
    for record in (kept, gone):
        others.require_home(session, record, desk.home)
    duplicates.require_two(kept, gone)
    services = [each for each in store.services_of(session, gone.id) if not each.is_withdrawn]
    _require_seen(kept, gone, *services)
    _require_public(kept, gone)
    done = Merge(
        id=str(uuid7()), kept=kept.id, gone=gone.id, at=clock.to_text(clock.now()), by=by,
        before=orjson.dumps({
            "kept": _text(kept.content), "gone": _state(gone),
            "services": {each.id: each.is_public for each in services},
        }),
    )  # fmt: skip
    session.add(done)
    before, content = kept.content, content_of(_joined(desk, kept, gone, chosen))
    desk.rewrite(kept, content, None)
    done.before = orjson.dumps(orjson.loads(done.before) | {
        "given": _given(orjson.loads(before), kept.parts), "passed": duplicates.pass_on(session, gone.id, kept.id),
    })  # fmt: skip
    for service in services:
        desk.rewrite(service, service.content, kept.id, service.is_public or service.status == QUALIFIED)
    store.move_suggestions(session, gone.id, kept.id)
    gone.replaced_by, was_public = kept.id, gone.is_public
    name = kept.parts["fields"].get("nom", kept.id)
    desk.showing.withdraw(gone, f"n’en fait plus qu’une avec « {name} »")
    if not was_public:
        desk.showing.lead(gone, kept)
    desk.note(kept, "merge", gone.id, before)
    desk.note(gone, "merge", kept.id)
    duplicates.decided(session, kept, gone, SAME, done.at, by)
    desk.showing.tell()
    return done


def undo(session: Session, desk: Desk, kept: Record) -> Merge:
    """Separate what was last merged into a record: both are as they were, but for what somebody changed since.

    Raises `NotFound` where nothing was merged into it; `Conflict` where the other changed since; `WrongState` where it
    is a tombstone itself, merged further or withdrawn.
    """
    kept.require_life()  # merged further itself, or withdrawn: it would come back without its own way back
    done = store_pairs.last_merge(session, kept.id)
    if done is None:
        raise NotFound("Rien n’a été fusionné dans cette fiche.")
    gone = must_exist(store.record(session, done.gone, lock=True), done.gone)
    if gone.replaced_by != kept.id:
        raise Conflict("L’autre fiche a changé depuis la fusion.")
    was, said = orjson.loads(done.before), gone.content
    _give_back(desk, gone, was["gone"])
    if kept.is_public and not gone.is_public:
        desk.showing.hide(gone)  # the public was told that it is one with the kept record, and is not so any more
    for service in store.records(session, was["services"], lock=True).values():
        if service.structure == kept.id and not service.is_withdrawn:
            public = service.is_public or was["services"][service.id]
            desk.rewrite(service, service.content, gone.id, public)
    merged_content = content_of(_without(kept, gone, orjson.loads(_bytes(was["kept"])), was["given"]))
    before = kept.content
    desk.rewrite(kept, merged_content, None)
    corrections.take_beside_back(session, kept, gone, said, done.at, clock.to_text(clock.now()))
    desk.note(kept, "separate", gone.id, before)
    desk.note(gone, "separate", kept.id)
    pair = store_pairs.pair(session, kept.id, gone.id)
    if pair is not None:
        pair.decision = None
    duplicates.take_back(session, gone, kept, was.get("passed", ()))
    session.delete(done)
    desk.showing.tell()
    return done


def foresee(desk: Desk, kept: Record, gone: Record, chosen: Collection[str] = ()) -> dict[str, Any]:
    """What the record kept would say. Raises `WrongState` as `merge` does."""
    _require_seen(kept, gone)
    _require_public(kept, gone)
    joined = _joined(desk, kept, gone, chosen)
    said: dict[str, Any] = orjson.loads(content_of(joined))
    return said


def _require_seen(*records: Record) -> None:
    """Raises `WrongState` where a change waits for a permanent: a merge would show it unread, and undo leave it so."""
    for record in records:
        if record.waits:
            name = record.parts["fields"].get("nom", record.id)
            raise WrongState(f"« {name} » a changé et attend d’être relue : qualifiez-la, puis fusionnez.")


def _require_public(kept: Record, gone: Record) -> None:
    """Raises `WrongState` where the public sees the one that goes and not the one that would be kept."""
    if gone.is_public and not kept.is_public:
        own, other = (each.parts["fields"].get("nom", each.id) for each in (kept, gone))
        raise WrongState(
            f"« {own} » ({kept.source}) n’est pas publique, et « {other} » ({gone.source}) l’est : gardez la publique, "
            "ou qualifiez d’abord l’autre."
        )


def _joined(desk: Desk, kept: Record, gone: Record, chosen: Collection[str]) -> dict[str, Any]:
    """What one record says of both: the one kept first but for what was `chosen`, what only the other says, sources."""
    mine, theirs = kept.parts, gone.parts
    fields = dict(mine["fields"])
    for group, names in GROUPS.items():
        whole = group in WHOLE and any(mine["fields"].get(name) for name in names)
        fields |= {
            name: theirs["fields"][name]
            for name in names if not whole and name in theirs["fields"] and not fields.get(name)
        }  # fmt: skip
    fields |= {name: theirs["fields"][name] for name in chosen if name in theirs["fields"]}
    source = desk.source(gone.source)
    entry = {"source": gone.source, "source_id": gone.source_id, "licence": source.licence,
             "attribution": source.attribution}  # fmt: skip
    own = {name: mine.get(name) or theirs.get(name) for name in OWN}
    return mine | own | {
        "fields": fields, "sectors": [*mine["sectors"], *theirs["sectors"]],
        "sources": [*mine.get("sources", ()), entry, *theirs.get("sources", ())],
    }  # fmt: skip


def _given(before: dict[str, Any], merged: dict[str, Any]) -> dict[str, Any]:
    """Fields and sectors that the record kept got by the merge."""
    fields = {name: value for name, value in merged["fields"].items() if before["fields"].get(name) != value}
    return {"fields": fields, "sectors": [each for each in merged["sectors"] if each not in before["sectors"]]}


def _without(kept: Record, gone: Record, before: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """What the record kept says once the other is taken out: what it got and nobody changed since goes too."""
    now, theirs = kept.parts, gone.parts
    fields = dict(now["fields"])
    for name, value in given["fields"].items():
        if fields.get(name) == value:
            fields[name] = before["fields"].get(name)
    own = {name: now.get(name) if before.get(name) or now.get(name) != theirs.get(name) else None for name in OWN}
    sectors = [each for each in now["sectors"] if each not in given["sectors"]]
    theirs_too = {(gone.source, gone.source_id), *((s["source"], s["source_id"]) for s in theirs.get("sources", ()))}
    sources = [each for each in now.get("sources", ()) if (each["source"], each["source_id"]) not in theirs_too]
    kept_parts = {name: value for name, value in now.items() if name != "sources"}
    return kept_parts | own | {"fields": fields, "sectors": sectors, "sources": sources}


def _give_back(desk: Desk, gone: Record, was: dict[str, Any]) -> None:
    """As it was; what its source said of it since comes after, as by an import: corrected fields stand, it may wait."""
    said, gone.replaced_by = gone.content, None
    before = _bytes(was["content"]) if "content" in was else said
    desk.revive(gone, before, was["status"], was["trust"], was["public"])
    if said != before:
        desk.hear(gone, orjson.loads(said), orjson.loads(before))


def _state(record: Record) -> dict[str, Any]:
    content = _text(record.content)
    return {"status": record.status, "trust": record.trusted, "public": record.is_public, "content": content}


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
