"""Every query of the directory, and nothing else: no rule, no event, no shape of a reply."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import bindparam, delete, false, func, insert, select, update
from sqlalchemy.orm import Session

from services.directory import store_pairs
from services.directory.asides import Difference, Suggestion
from services.directory.model import HELD, Act, FeedRow, Import, ImportChange, Record, Request, Source
from services.directory.qualification import DRAFT, QUALIFIED, REVIEW, SUBMITTED, WITHDRAWN
from services.kernel.bulk import among, insert_many
from services.kernel.giving import fit

PAGE = 500
WAITING = (DRAFT, SUBMITTED, REVIEW)
"""Statuses of what a permanent may qualify."""
# Built once: SQLAlchemy takes longer to build a statement than PostgreSQL to answer it.
_RECORDS = select(Record).where(Record.id.in_(bindparam("ids", expanding=True))).order_by(Record.id)
_RECORDS_LOCKED = _RECORDS.with_for_update()
_FED = ("subject", "kind", "op", "reach", "epoch", "seq")
_SOURCE = select(Source).where(Source.name == bindparam("name"))


def record(session: Session, record_id: str, lock: bool = False) -> Record | None:
    """One record; `lock` holds it until the transaction ends."""
    return session.get(Record, record_id, with_for_update=lock or None)


def records(session: Session, ids: Collection[str], lock: bool = False) -> dict[str, Record]:
    """The records that exist among `ids`, locked in the order of their ids so that no two callers wait in a ring."""
    found: dict[str, Record] = {}
    ordered = sorted(ids)
    for start in range(0, len(ordered), PAGE):
        for item in session.scalars(_RECORDS_LOCKED if lock else _RECORDS, {"ids": ordered[start : start + PAGE]}):
            found[item.id] = item
    return found


def services_of(session: Session, structure: str, lock: bool = True) -> Sequence[Record]:
    """The services of a structure, locked unless they are only read, in order of id."""
    query = select(Record).where(Record.structure == structure).order_by(Record.id)
    return session.scalars(query.with_for_update() if lock else query).all()


def page(session: Session, kind: str, after: str, limit: int, public: bool, source: str | None) -> Sequence[Record]:
    """Records of a kind in order of id, after an id: only public ones, or all but tombstones."""
    query = select(Record).where(Record.kind == kind, Record.id > after)
    query = query.where(Record.public_version.is_not(None)) if public else query.where(Record.status != WITHDRAWN)
    if source is not None:
        query = query.where(Record.source == source)
    return session.scalars(query.order_by(Record.id).limit(limit)).all()


def find(session: Session, said: str, after: str, limit: int) -> Sequence[Record]:
    """Records, tombstones too, whose name or commune holds every one of some words (bare letters), in order of id."""
    query = select(Record).where(Record.id > after, *(Record.words.contains(word) for word in said.split()))
    return session.scalars(query.order_by(Record.id).limit(limit)).all()


def public_records(session: Session) -> Iterable[Record]:
    """Every record that the public sees, a few at a time."""
    query = select(Record).where(Record.public_version.is_not(None))
    return session.scalars(query.execution_options(yield_per=PAGE))


def source(session: Session, name: str) -> Source | None:
    """One source."""
    return session.scalars(_SOURCE, {"name": name}).one_or_none()


def sources(session: Session) -> list[tuple[Source, dict[str, int]]]:
    """All sources with their counts of records by status, and of those that are `public`."""
    counts: dict[str, dict[str, int]] = {}
    counted = func.count(), func.count(Record.public_version)
    query = select(Record.source, Record.status, *counted).group_by(Record.source, Record.status)
    for name, status, count, public in session.execute(query):
        of_source = counts.setdefault(name, {"public": 0})
        of_source[status] = count
        of_source["public"] += public
    return [(each, counts.get(each.name, {})) for each in session.scalars(select(Source).order_by(Source.name))]


def the_import(session: Session, import_id: str, lock: bool = False) -> Import | None:
    """One import."""
    return session.get(Import, import_id, with_for_update=lock or None)


def imports(session: Session, limit: int = 50) -> Sequence[Import]:
    """The last imports, newest first."""
    return session.scalars(select(Import).order_by(Import.started_at.desc()).limit(limit)).all()


def note_changes(session: Session, changes: list[dict[str, Any]]) -> None:
    """Remember what an import did; the first change of a record in an import is the one that `undo` goes back to."""
    known = set(
        session.scalars(
            select(ImportChange.record_id).where(
                ImportChange.import_id == changes[0]["import_id"],
                ImportChange.record_id.in_([change["record_id"] for change in changes]),
            )
        )
        if changes
        else ()
    )
    fresh = [change for change in changes if change["record_id"] not in known]
    if fresh:
        session.execute(insert(ImportChange), fresh)
    for change in changes:
        if change["record_id"] in known:
            session.execute(
                update(ImportChange)
                .where(ImportChange.import_id == change["import_id"], ImportChange.record_id == change["record_id"])
                .values(version=change["version"])
            )


def changes_of(session: Session, import_id: str, kind: str, after: str, limit: int) -> Sequence[ImportChange]:
    """What an import did to records of a kind, in order of record id."""
    query = (
        select(ImportChange)
        .join(Record, Record.id == ImportChange.record_id)
        .where(ImportChange.import_id == import_id, Record.kind == kind, ImportChange.record_id > after)
    )
    return session.scalars(query.order_by(ImportChange.record_id).limit(limit)).all()


def mark_seen(session: Session, ids: Collection[str], import_id: str) -> None:
    """These records are in the file being imported."""
    ordered = sorted(ids)
    for start in range(0, len(ordered), PAGE):
        part = ordered[start : start + PAGE]
        session.execute(
            update(Record).where(Record.id.in_(part)).values(seen_in=import_id),
            execution_options={"synchronize_session": False},
        )


def unseen(session: Session, source_name: str, import_id: str) -> list[str]:
    """Ids of the source's living records that the import did not see, services before structures."""
    query = select(Record.id).where(
        Record.source == source_name,
        Record.status != WITHDRAWN,
        (Record.seen_in != import_id) | Record.seen_in.is_(None),
    )
    return list(session.scalars(query.order_by(Record.kind, Record.id)))


def living(session: Session, source_name: str) -> int:
    """How many records of a source are not withdrawn."""
    query = select(func.count()).select_from(Record).where(Record.source == source_name, Record.status != WITHDRAWN)
    return session.scalar(query) or 0


def feed_append(session: Session, rows: list[dict[str, Any]]) -> None:
    """Put public changes at the end of the feed; a record stands there once, at its last change."""
    head = feed_head(session)  # before the rows below go: a position is never given twice
    latest = {row["subject"]: row for row in rows}
    subjects, start = list(latest), 0
    while some := subjects[start : start + fit(PAGE)]:
        session.execute(
            delete(FeedRow).where(among(session, "subject", some)), execution_options={"synchronize_session": False}
        )
        start += len(some)
    placed = [(*(row[name] for name in _FED), head + place) for place, row in enumerate(latest.values(), 1)]
    insert_many(session, "feed", (*_FED, "position"), placed)


def feed_forget(session: Session, subjects: list[str]) -> None:
    """Take these records out of the feed, except the last change of all: positions are never given twice."""
    head = feed_head(session)
    for start in range(0, len(subjects), 500):
        some = FeedRow.subject.in_(subjects[start : start + 500])
        session.execute(delete(FeedRow).where(some, FeedRow.position < head))


def feed_head(session: Session) -> int:
    """The last position of the feed, 0 where nothing is public."""
    return session.scalar(select(func.max(FeedRow.position))) or 0


def request(session: Session, request_id: str) -> Request | None:
    """A write already done under this key."""
    return session.get(Request, request_id)


def note_act(session: Session, act: Act) -> None:
    """Remember what somebody did."""
    session.add(act)


def acts_of(session: Session, record_id: str) -> Sequence[Act]:
    """What people did to a record, in order."""
    return session.scalars(select(Act).where(Act.record_id == record_id).order_by(Act.id)).all()


def was_withdrawn_at(session: Session, record_id: str, at: str) -> bool:
    """Whether it was withdrawn by an act of that time."""
    query = select(Act.id).where(Act.record_id == record_id, Act.act == "withdraw", Act.at == at)
    return session.scalar(query.limit(1)) is not None


def note_differences(
    session: Session, record_id: str, held: Collection[str], differing: Mapping[str, Any], at: str
) -> None:
    """What an import says otherwise than people corrected, in the place of what the import before said."""
    found = session.scalars(select(Difference).where(Difference.record_id == record_id, Difference.field.in_(held)))
    known = {each.field: each for each in found}
    for name in known.keys() - differing.keys():
        session.delete(known[name])
    for name, value in differing.items():
        written = orjson.dumps(value)
        if name not in known:
            session.add(Difference(record_id=record_id, field=name, value=written, at=at, settled=False))
        elif known[name].value != written:
            known[name].value, known[name].at, known[name].settled = written, at, False


def differences(session: Session, record_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """What imports say otherwise of these records: record → field → value."""
    found: dict[str, dict[str, Any]] = {}
    query = select(Difference).where(Difference.record_id.in_(record_ids), Difference.settled.is_(False))
    query = query.order_by(Difference.field)
    for each in session.scalars(query):
        found.setdefault(each.record_id, {})[each.field] = orjson.loads(each.value)
    return found


def settle_differences(session: Session, record_id: str, fields: Collection[str]) -> None:
    """What was decided of these fields is shown no more, until an import says something else."""
    of_these = (Difference.record_id == record_id, Difference.field.in_(fields))
    session.execute(update(Difference).where(*of_these).values(settled=True))


def drop_differences(session: Session, record_id: str, said: Mapping[str, Any], since: str) -> list[str]:
    """Forget what stands beside a record since a time and is what `said` says; of which fields."""
    query = select(Difference).where(Difference.record_id == record_id, Difference.at >= since)
    found = [each for each in session.scalars(query) if orjson.loads(each.value) == said.get(each.field)]
    for each in found:
        session.delete(each)
    session.flush()
    return [each.field for each in found]


def work(session: Session, kind: str, soon: str, after: str, limit: int) -> Sequence[Record]:
    """A page of what waits for a permanent for one reason, in order of id.

    Args:
        kind: `suggestions`, `differences`, `review`, `held`, `expiring` (before `soon`) or `submitted`.
    """
    query = select(Record).where(Record.id > after).order_by(Record.id).limit(limit)
    return session.scalars(query.where(*of_reason(kind, soon))).all()


def work_counts(session: Session, kinds: Iterable[str], soon: str) -> dict[str, int]:
    """How many records wait, by reason."""
    return {
        kind: session.scalar(select(func.count()).select_from(Record).where(*of_reason(kind, soon))) or 0
        for kind in kinds
    }


def of_reason(kind: str, soon: str) -> tuple[Any, ...]:
    """What holds of the records that wait for a permanent for one reason; `soon` as in `work`."""
    if kind == "differences":
        return (
            Record.id.in_(select(Difference.record_id).where(Difference.settled.is_(False))),
            Record.status != WITHDRAWN,
        )
    if kind == "duplicates":
        return (Record.id.in_(store_pairs.in_open_pairs()),)
    if kind == "contrary":  # of pairs, which are listed by themselves: both records may be of other nodes
        return (false(),)
    if kind == "suggestions":
        return (Record.id.in_(select(Suggestion.record_id).where(Suggestion.state == "open")),)
    if kind == "held":
        return (HELD,)
    if kind == "expiring":
        return (Record.status == QUALIFIED, Record.expires_at < soon)
    return (Record.status == kind,)


def imports_of(session: Session, record_id: str) -> list[tuple[ImportChange, Import]]:
    """What imports did to a record."""
    query = select(ImportChange, Import).join(Import, Import.id == ImportChange.import_id)
    return [(change, done) for change, done in session.execute(query.where(ImportChange.record_id == record_id))]


def suggestion(session: Session, suggestion_id: str) -> Suggestion | None:
    """One suggestion, locked."""
    return session.get(Suggestion, suggestion_id, with_for_update=True)


def suggestions(
    session: Session, state: str, record_id: str | None, after: str, limit: int
) -> list[tuple[Suggestion, Record]]:
    """Suggestions in a state with their records, of one or of all; open ones oldest first, others newest first."""
    query = select(Suggestion, Record).join(Record, Record.id == Suggestion.record_id)
    newest_first = state != "open"
    place = Suggestion.id < after if newest_first and after else Suggestion.id > after
    query = query.where(Suggestion.state == state, place)
    if record_id is not None:
        query = query.where(Suggestion.record_id == record_id)
    order = Suggestion.id.desc() if newest_first else Suggestion.id
    return [(made, of) for made, of in session.execute(query.order_by(order).limit(limit))]


def move_suggestions(session: Session, of: str, to: str) -> None:
    """What is still to be decided of a record is to be decided of another, which it was merged into."""
    still_open = (Suggestion.record_id == of, Suggestion.state == "open")
    session.execute(update(Suggestion).where(*still_open).values(record_id=to))


def unanswered(session: Session, limit: int = 50) -> Sequence[Suggestion]:
    """Decided suggestions of which somebody waits to hear."""
    query = select(Suggestion).where(Suggestion.state != "open", Suggestion.contact.is_not(None))
    return session.scalars(query.order_by(Suggestion.id).limit(limit)).all()


def expiring(session: Session, before: str) -> Iterable[Record]:
    """Structures that were qualified and whose verification ends before a time, the soonest first."""
    query = select(Record).where(Record.kind == "structure", Record.status.in_((QUALIFIED, REVIEW)))
    return session.scalars(query.where(Record.expires_at < before).order_by(Record.expires_at))


def open_suggestions(session: Session, record_id: str) -> tuple[int, int]:
    """How many wait for an answer: of one record, of all."""
    is_open = select(func.count()).select_from(Suggestion).where(Suggestion.state == "open")
    return session.scalar(is_open.where(Suggestion.record_id == record_id)) or 0, session.scalar(is_open) or 0
