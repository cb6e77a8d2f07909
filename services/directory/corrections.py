"""What a source says otherwise than a person did: the correction stands, the rest is kept beside for a permanent."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any, NamedTuple, cast

import orjson
from sqlalchemy.orm import Session

from services.directory import qualification, store, store_pairs
from services.directory.formats.drafts import Draft, dated
from services.directory.formats.groups import GROUPS
from services.directory.formats.own import OWN
from services.directory.model import Record, content_of, flat
from services.directory.qualification import WITHDRAWN
from services.directory.rules import FIELDS


def content(draft: dict[str, Any], record: Record | None) -> bytes:
    """The content a draft asks for; the date of a list that dates all its rows anew is no change by itself."""
    if record is None:
        return content_of(draft)
    return content_of(draft | {"fields": dated(cast("Draft", draft), record.parts["fields"])}, record.parts)


def read_by_now(extra: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """What stands beside a record once somebody wrote these fields anew: what no import could read of them is read."""
    left = {name: value for name, value in extra.get("unread", {}).items() if name not in set(names)}
    rest = {name: value for name, value in extra.items() if name != "unread"}
    return rest | ({"unread": left} if left else {})


class Held(NamedTuple):
    """A draft in which corrected fields stay as they are: their names, and what it said otherwise of them.

    A source that has no place for a field says nothing of it, and contradicts nobody.
    """

    draft: dict[str, Any]
    fields: list[str]
    differing: dict[str, Any]


def respected(session: Session, record: Record, draft: dict[str, Any], at: str) -> dict[str, Any]:
    """A draft in which the groups that people corrected stay as they are; what it says otherwise is kept beside."""
    kept = held(record, draft)
    if kept.fields:
        store.note_differences(session, record.id, kept.fields, kept.differing, at)
    return kept.draft


def held(record: Record, draft: dict[str, Any]) -> Held:
    """The same, with nothing kept beside."""
    groups = () if record.status == WITHDRAWN else record.trusted.get("by_people", ())
    fields = [name for group in groups for name in GROUPS[group] if name != "sectors"]
    if qualification.is_of_ess(record.parts) and "ess" not in fields:
        fields.append("ess")
    if not fields:
        return Held(draft, [], {})
    said, now = flat(draft), flat(record.parts)
    asked = {name for name in fields if name in draft or name in FIELDS[record.kind]}
    differing = {name: said.get(name) for name in asked if said.get(name) != now.get(name)}
    kept = draft | {"fields": {name: value for name, value in draft["fields"].items() if name not in differing}}
    for name in differing:
        (kept if name in OWN else kept["fields"])[name] = now.get(name)
    if "offer" in groups:
        kept["sectors"] = record.parts["sectors"]
    told = {*draft, *draft["fields"], *draft.get("empty", ())}
    return Held(kept, fields, {name: value for name, value in differing.items() if name in told})


def with_given(session: Session, record: Record, draft: dict[str, Any]) -> dict[str, Any]:
    """A draft of a record's own source with what merged records gave it and it still says.

    Where only the other said something, the own source may say it from now on; where a permanent chose the other's
    word, that stands.
    """
    if "sources" not in record.parts:
        return draft
    fields, sectors = dict(draft["fields"]), [*(draft.get("sectors") or ())]
    now = record.parts
    for was in map(orjson.loads, store_pairs.merges_into(session, record.id)):
        own = orjson.loads(base64.b64decode(was["kept"]))["fields"]
        for name, value in was["given"]["fields"].items():
            if now["fields"].get(name) == value and (name in own or not fields.get(name)):
                fields[name] = value
        sectors += [each for each in was["given"]["sectors"] if each in now["sectors"]]
    return draft | {"fields": fields, "sectors": sectors}


def say_beside(session: Session, record: Record, content: bytes, at: str) -> None:
    """A source goes on telling of a record that was merged: what is new in it stands beside what it became."""
    if content == record.content:
        return
    before = flat(record.parts)
    record.content = content
    record.__dict__.pop("parts", None)
    new = {name: value for name, value in flat(record.parts).items() if value != before.get(name)}
    kept: Record | None = record
    while kept is not None and kept.replaced_by:
        kept = store.record(session, kept.replaced_by, lock=True)
    if kept is not None:
        now = flat(kept.parts)
        differing = {name: value for name, value in new.items() if value != now.get(name)}
        store.note_differences(session, kept.id, list(new), differing, at)


def take_beside_back(session: Session, kept: Record, gone: Record, said: bytes, since: str, at: str) -> None:
    """What a merged record's source said stands beside the kept one no more; what was merged into it keeps its own.

    Args:
        said: what its own source says of it by now; the record takes that itself.
        since: when it was merged: what stood beside the kept one before is of the kept one's source.
    """
    told = flat(orjson.loads(said))
    store.drop_differences(session, kept.id, told, since)
    for record in store_pairs.merged_into(session, gone.id):
        theirs, now = flat(record.parts), flat(gone.parts)
        moved = store.drop_differences(session, kept.id, theirs, since)
        news = {name: theirs[name] for name in moved if theirs[name] != now.get(name)}
        store.note_differences(session, gone.id, list(news), news, at)
