"""The work list of a permanent, and what happened to one record: read, never written here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import orjson
from sqlalchemy.orm import Session

from services.directory import (
    store,
    store_decisions,
    store_handing,
    store_objections,
    store_pairs,
    store_told,
)
from services.directory.formats import quality
from services.directory.formats.groups import REASONS, WAYS
from services.directory.model import Act, Import, ImportChange, Record, flat
from services.directory.views import view
from services.directory.writing import Desk
from services.kernel import clock

SOON: Final = timedelta(days=30)


def soon() -> str:
    """The time before which what expires is said to expire soon."""
    return clock.to_text(clock.now() + SOON)


def page(session: Session, asked: dict[str, Any], desk: Desk) -> dict[str, Any]:
    """A page of what waits for the reason asked, or for the first that has anything."""
    counts = store.work_counts(session, REASONS, soon()) | {"contrary": store_decisions.contrary_count(session)}
    reason = asked["reason"] or next((each for each in REASONS if counts[each]), REASONS[0])
    records = store.work(session, reason, soon(), asked["after"], asked["limit"])
    differing = store.differences(session, [record.id for record in records])
    return {
        "counts": counts, "reason": reason, "offers": store_handing.waiting(session),
        "objections": store_told.open_count(session),
        "records": [_shown(record, desk, differing.get(record.id, {})) for record in records],
        "next": records[-1].id if len(records) == asked["limit"] else None,
    }  # fmt: skip


def opened(session: Session, record: Record, desk: Desk) -> dict[str, Any]:
    """One record as whoever works on it sees it."""
    differing = store.differences(session, [record.id]).get(record.id, {})
    services = store.services_of(session, record.id, lock=False) if record.kind == "structure" else ()
    shown = _shown(record, desk, differing)
    if shown["waits"]:
        shown["waiting"] = waiting_in(session, record)
    score, question = (0.0, None) if record.is_withdrawn else (quality.score(shown), quality.next_question(shown))
    return shown | _kin(session, record) | {
        "services": [
            {"id": each.id, "nom": each.parts["fields"].get("nom"), "status": each.status, "public": each.is_public}
            for each in services
        ],
        "score": score, "next_question": question,
    }  # fmt: skip


def waiting_in(session: Session, record: Record) -> dict[str, list[Any]]:
    """What waits for a permanent: `{field: [what the public sees, what waits]}`."""
    seen = store_objections.shown(session, record.id)
    return {} if seen is None else _between(flat(seen), flat(record.parts))


def _kin(session: Session, record: Record) -> dict[str, Any]:
    """The head of which a structure is a branch, and its own branches: those that live."""
    found: dict[str, list[dict[str, Any]]] = {"branch_of": [], "branches": []}
    for head, other in store_pairs.kin(session, record.id):
        found["branch_of" if head == other.id else "branches"].append(
            {"id": other.id, "nom": other.parts["fields"]["nom"]}
        )
    return found


def history(session: Session, record: Record) -> list[dict[str, Any]]:
    """Each change and each act, newest first: what changed, by whom.

    Every change keeps the content that it replaced; what it made is what the next one replaced.
    """
    entries = _entries(session, record)
    after = record.content
    for entry in reversed(entries):
        before = entry.pop("before")
        entry["changed"] = _difference(before, after) if before is not None else {}
        after = before if before is not None else after
    return entries[::-1]


def changed_since(session: Session, record: Record, version: int | None, at: str | None = None) -> dict[str, list[Any]]:
    """What changed of its content since somebody read it in a version, or at a time: `{field: [then, now]}`."""
    for entry in _entries(session, record):
        later = entry["version"] > version if version is not None else at is not None and entry["at"] > at
        if later and entry["before"] is not None:
            return _difference(entry["before"], record.content)
    return {}


def _entries(session: Session, record: Record) -> list[dict[str, Any]]:
    """Each act and each import's change, oldest first."""
    entries = [_of_act(act) for act in store.acts_of(session, record.id)]
    entries += [_of_import(*found) for found in store.imports_of(session, record.id)]
    return sorted(entries, key=lambda entry: (entry["version"], entry["at"]))


def without_names(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A history for who is not of this node's staff: by which role each thing was done, not by whom, nor in what words.

    Of how it was done: the ways of verifying, an import's file, and why a record was withdrawn, which all may read.
    """
    return [entry | {"by": entry["role"] or entry["act"]} | ({} if _is_for_all(entry) else {"how": ""})
            for entry in entries]  # fmt: skip


def _is_for_all(entry: Mapping[str, Any]) -> bool:
    return entry["how"] in WAYS or entry["act"] in ("import", "withdraw") or entry["role"] == "structure_editor"


def _of_act(act: Act) -> dict[str, Any]:
    return {
        "version": act.version, "at": act.at, "act": act.act, "by": act.by, "role": act.role, "how": act.how,
        "before": act.before,
    }  # fmt: skip


def _of_import(change: ImportChange, done: Import) -> dict[str, Any]:
    return {
        "version": change.version, "at": done.started_at, "act": "import", "by": done.by, "role": "",
        "how": f"{done.source} : {done.name}", "before": change.before_content,
    }  # fmt: skip


def _difference(before: bytes, after: bytes) -> dict[str, list[Any]]:
    """`{field: [before, after]}`."""
    return _between(flat(orjson.loads(before)), flat(orjson.loads(after)))


def _between(old: dict[str, Any], new: dict[str, Any]) -> dict[str, list[Any]]:
    return {
        name: [old.get(name), new.get(name)]
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    }


def _shown(record: Record, desk: Desk, differing: dict[str, Any]) -> dict[str, Any]:
    barriers = [each for each in desk.showing.barriers(record) if each["code"] != "gate.status"]
    return view(record, desk.source(record.source)) | {
        "public": record.is_public, "waits": record.waits, "differences": differing, "barriers": barriers
    }  # fmt: skip
