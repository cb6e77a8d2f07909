"""Queries of objections: their digests, and everything beside the records that may name somebody."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from services.directory.asides import (
    Difference,
    HandedRecord,
    Handover,
    Hiding,
    Merge,
    Objection,
    Sent,
    Suggestion,
)  # fmt: skip
from services.directory.model import Act, FeedRow, Import, ImportChange, Record, Request
from services.directory.objection_rows import Heard, Told
from services.kernel.rows import LogRow

PAGE = 500


def digests(session: Session) -> frozenset[str]:
    """Of all objections."""
    return frozenset(session.scalars(select(Objection.digest)))


def add(session: Session, objection: Objection) -> None:
    """Keep an objection; one that is known is kept once."""
    session.merge(objection)


def objections(session: Session) -> Sequence[Objection]:
    """All of them, oldest first."""
    return session.scalars(select(Objection).order_by(Objection.at)).all()


def all_records(session: Session, lock: bool) -> Iterator[Record]:
    """Every record in order of id, a page at a time, locked unless they are only read."""
    after = ""
    query = select(Record).order_by(Record.id).limit(PAGE)
    query = query.with_for_update() if lock else query
    while page := session.scalars(query.where(Record.id > after)).all():
        after = page[-1].id
        yield from page


def subjects(session: Session) -> list[str]:
    """Of all that the log tells of in words: records, imports by the names of their files, hidings by their reasons."""
    columns = (Record.id, Import.id, Hiding.record_id)
    return [each for column in columns for each in session.scalars(select(column))]


def shown(session: Session, record_id: str) -> dict[str, Any] | None:
    """What the public sees of a record: its native record as it was last published; `None` where it sees none."""
    same = (LogRow.reach == FeedRow.reach) & (LogRow.epoch == FeedRow.epoch) & (LogRow.seq == FeedRow.seq)
    query = select(LogRow.data).join(FeedRow, same).where(FeedRow.subject == record_id, FeedRow.op == "put")
    data = session.scalar(query)
    return None if data is None else dict(orjson.loads(data))


def is_in_feed(session: Session, record_id: str) -> bool:
    """Whether the public was ever told of a record."""
    return session.scalar(select(FeedRow.position).where(FeedRow.subject == record_id)) is not None


def clean_asides(session: Session, names: Callable[[bytes], bool], cleaned: Callable[[bytes], bytes]) -> None:
    """Rewrite what is kept of earlier contents; what strangers and other programs wrote goes where it names."""
    for act in session.scalars(select(Act).where(Act.before.is_not(None))):
        if act.before is not None and names(act.before):
            act.before = cleaned(act.before)
    for act in session.scalars(select(Act).where(Act.how != "")):
        how = orjson.dumps(act.how)
        if names(how):
            act.how = orjson.loads(cleaned(how))
    for change in session.scalars(select(ImportChange).where(ImportChange.before_content.is_not(None))):
        if change.before_content is not None and names(change.before_content):
            change.before_content = cleaned(change.before_content)
    for merge in session.scalars(select(Merge)):
        if names(merge.before):
            merge.before = cleaned(merge.before)
    for difference in session.scalars(select(Difference)):
        if names(orjson.dumps({difference.field: orjson.loads(difference.value)})):
            session.delete(difference)
    for made in session.scalars(select(Suggestion)):
        value = None if made.value is None else orjson.loads(made.value)
        if names(orjson.dumps({made.field or "": value, "message": made.message, "answer": made.answer})):
            session.delete(made)
        elif made.contact is not None and names(orjson.dumps({"courriel": made.contact})):
            made.contact = None
    _clean_words(session, names, cleaned)
    gone = [each.id for each in session.scalars(select(Request)) if names(each.answer)]
    for start in range(0, len(gone), PAGE):
        session.execute(delete(Request).where(Request.id.in_(gone[start : start + PAGE])))


def _clean_words(session: Session, names: Callable[[bytes], bool], cleaned: Callable[[bytes], bytes]) -> None:
    """What people wrote on the way: names of files, reasons, notes, answers, and records offered by other nodes."""
    for sent in session.scalars(select(Sent).where(Sent.contact.is_not(None))):
        sent.contact = None if names(orjson.dumps({"courriel": sent.contact})) else sent.contact
    for table, column in _WORDS:
        for each in session.scalars(select(table)):
            text = orjson.dumps(getattr(each, column))
            if names(text):
                setattr(each, column, orjson.loads(cleaned(text)))
    for handed in session.scalars(select(HandedRecord).where(HandedRecord.data.is_not(None))):
        if handed.data is not None and names(handed.data):
            handed.data = cleaned(handed.data)


_WORDS = (
    (Import, "name"), (Handover, "note"), (Handover, "answer"), (Hiding, "reason"), (Sent, "answer"), (Told, "name"),
    (Told, "answer"), (Heard, "answer"),
)  # fmt: skip
