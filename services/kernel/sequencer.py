"""Order, chain and sign what was committed: the only place where a stream gets its numbers.

Handlers commit rows without a number. One sequencer per room (a lock on the streams' rows makes it one, however many
run) takes committed, unnumbered rows by row id and gives each the next `(epoch, seq)` of its stream, the hash of the
header before it and a signature, in one transaction. It never asks for "ids above the last": a row with a lower id may
commit later, and then simply gets a later number.

What it does *not* promise: that numbers follow the clock, or that rows of different records keep the order of their
transactions' beginnings. Two changes of one record do keep their order, since the record's lock was held.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import orjson
from sqlalchemy import Row, bindparam, select, text, update
from sqlalchemy.orm import Session
from uuid_utils import uuid7

from services.kernel import clock
from services.kernel.announce import HOME, SHARED
from services.kernel.checkpoint import EVERY_EVENTS, EVERY_S, StateRoot
from services.kernel.database import Database, Executor, inline
from services.kernel.envelope import GENESIS, Header, Signed, canonical, datahash
from services.kernel.identity import EVENT, Identity
from services.kernel.rows import LogRow, StreamRow
from services.kernel.witness import Mark, Witness

BATCH = 500
OnNumbered = Callable[[Session, Sequence[Signed]], None]


@dataclass
class _Draft:
    """A row of the log on its way to a number."""

    id: str
    type: str
    subject: str
    recordversion: int
    time: str
    causation: str
    data: bytes | None
    salt: bytes | None


class Sequencer:
    """Numbers the rows of one room. `on_numbered` runs in the same transaction (the directory's feed hangs there)."""

    def __init__(
        self,
        database: Database,
        service: str,
        identity: Identity,
        witness: Witness,
        on_numbered: OnNumbered | None = None,
        executor: Executor = inline,
    ) -> None:
        self._database = database
        self._service = service
        self._identity = identity
        self._witness = witness
        self._on_numbered = on_numbered
        self._executor = executor
        self._roots: dict[str, StateRoot] = {}
        self._signed: list[Signed] = []
        self.numbered: Sequence[Signed] = ()
        """What the last run numbered, checkpoints included, in the order of each stream: the relay's next messages."""
        self._unwitnessed: dict[str, Mark] = {}
        self.checkpoint_now = self._sign_now = False
        """Sign where the streams stand with the next run, whatever the hour."""
        self.lost: dict[str, Mark] = {}
        """Events of our own that others hold and the log does not, by reach: the next run opens an epoch after them."""

    def stream(self, reach: str) -> str:
        """The full name of this room's stream of a reach: `<fingerprint>/<service>/<reach>`."""
        return f"{self._identity.name}/{self._service}/{reach}"

    def behind(self) -> dict[str, Mark]:
        """Where the database's streams stand that are behind their witness, by reach."""
        with self._database.begin() as session:
            self._ensure_streams(session)
            heads = self._lock(session)
            marks = {reach: self._witness.mark(reach) for reach in heads}
            late = {reach: heads[reach] for reach, mark in marks.items() if mark and _is_behind(heads[reach], mark)}
            return {reach: Mark(head.epoch, head.seq, head.hash) for reach, head in late.items()}

    def recover(self) -> list[str]:
        """Make the streams' rows; where the database is behind its witness, open a new epoch. Reaches reopened."""
        reopened = []
        with self._database.begin() as session:
            self._ensure_streams(session)
            heads = self._lock(session)
            for reach in self._witness.reaches() - heads.keys():  # addressed since the database's copy
                self._new_stream(session, heads, reach)
            for head in heads.values():
                mark = self._witness.mark(head.reach)
                if mark and _is_behind(head, mark):
                    self._reopen(session, head, mark)
                    reopened.append(head.reach)
                self._rekey(session, head)
        return reopened

    def _rekey(self, session: Session, head: StreamRow) -> None:
        """Where the node has a new key since the last event, say so first: from here on it signs alone."""
        succession = self._succession(session, head)
        if not succession:
            return
        self._count_in(session, head)
        data = {"epoch": head.epoch, "seq": head.seq, "hash": head.hash} | succession
        revoked = self._identity.rotations[-1].revoked
        if revoked:  # whatever another holder of the old key said after this place is not of this history
            head.epoch += 1
        self._append(session, head, "reopened" if revoked else "rekeyed", data | ({"lost": 0} if revoked else {}))
        self._checkpoint(session, head)
        session.flush()
        self._witness.record({head.reach: Mark(head.epoch, head.seq, head.hash)})

    def _succession(self, session: Session, head: StreamRow) -> dict[str, Any]:
        """How the key that signed the stream last names the one in use; nothing where it is the same."""
        last = session.scalar(_LAST_HEADER, {"reach": head.reach})
        known = Header.from_raw(last).keyid if last else self._identity.name
        if known == self._identity.keyid:
            return {}
        rotations = [each.to_dict() for each in self._identity.rotations]
        return {"former": known, "key": self._identity.keyid, "rotations": rotations}

    def run_once(self, limit: int = BATCH) -> int:
        """Number up to `limit` committed rows; how many.

        Raises:
            Unavailable: nothing was numbered.
            OSError: what was numbered is not witnessed and may not be published; the next run begins by witnessing it.
        """
        self._bear_witness()
        self._signed, self.numbered = [], ()
        self._sign_now, self.checkpoint_now = self.checkpoint_now, False
        try:
            with self._database.begin() as session:
                heads = self._lock(session)
                for reach, mark in self.lost.items():
                    if (mark.epoch, mark.seq) >= (heads[reach].epoch, 0):
                        self._reopen(session, heads[reach], mark)
                self.lost = {}
                rows = self._unnumbered(session, limit)
                if not rows and not self._due(heads):
                    return 0
                marks = self._number(session, heads, rows)
        except BaseException:
            for root in self._roots.values():
                root.forget()
            raise
        self._unwitnessed = marks
        self._bear_witness()
        self.numbered = self._signed
        return len(rows)

    def _bear_witness(self) -> None:
        if self._unwitnessed:
            self._executor(lambda: self._witness.record(self._unwitnessed))
            self._unwitnessed = {}

    def _ensure_streams(self, session: Session) -> None:
        for reach in (HOME, SHARED):
            session.execute(
                text(
                    "INSERT INTO stream (reach, epoch, seq, hash, checkpoint_seq, checkpoint_at)"
                    " VALUES (:reach, 1, 0, :hash, 0, :at) ON CONFLICT (reach) DO NOTHING"
                ),
                {"reach": reach, "hash": GENESIS, "at": clock.to_text(clock.now())},
            )

    def _lock(self, session: Session) -> dict[str, StreamRow]:
        return {head.reach: head for head in session.scalars(_HEADS)}

    def _unnumbered(self, session: Session, limit: int) -> Sequence[Row[Any]]:
        return cast("Sequence[Row[Any]]", session.execute(_UNNUMBERED, {"limit": limit}).all())

    def _number(self, session: Session, heads: dict[str, StreamRow], rows: Sequence[Row[Any]]) -> dict[str, Mark]:
        numbered: list[tuple[int, Signed]] = []
        for row in rows:
            head = heads.get(row.reach) or self._new_stream(session, heads, row.reach)
            numbered.append((row.row_id, self._sign(head, _Draft(*tuple(row)[2:]))))
        if numbered:
            self._store(session, numbered)
        for head in heads.values():
            if head.reach == SHARED and self._checkpoint_due(head):
                self._checkpoint(session, head)
        if self._on_numbered is not None and numbered:
            self._on_numbered(session, [signed for _, signed in numbered])
        session.flush()
        return {head.reach: Mark(head.epoch, head.seq, head.hash) for head in heads.values()}

    def _new_stream(self, session: Session, heads: dict[str, StreamRow], reach: str) -> StreamRow:
        head = StreamRow(
            reach=reach, epoch=1, seq=0, hash=GENESIS, checkpoint_seq=0, checkpoint_at=clock.to_text(clock.now())
        )
        session.add(head)
        heads[reach] = head
        return head

    def _sign(self, head: StreamRow, draft: _Draft) -> Signed:
        header = Header(
            stream=self.stream(head.reach), epoch=head.epoch, seq=head.seq + 1, id=draft.id, type=draft.type,
            subject=draft.subject, recordversion=draft.recordversion, time=draft.time, keyid=self._identity.keyid,
            causation=draft.causation, prev=head.hash, datahash=datahash(draft.salt or b"", draft.data or b""),
        )  # fmt: skip
        head.seq, head.hash = header.seq, header.hash
        if head.reach == SHARED:
            self._root(head.reach).note(header)
        signed = Signed(header, self._identity.sign(EVENT, header.raw), draft.data, draft.salt)
        self._signed.append(signed)
        return signed

    def _store(self, session: Session, numbered: list[tuple[int, Signed]]) -> None:
        if self._database.is_sqlite:
            session.execute(
                update(LogRow),
                [{"row_id": row_id, "epoch": signed.header.epoch, "seq": signed.header.seq,
                  "header": signed.header.raw, "signature": signed.signature} for row_id, signed in numbered],
            )  # fmt: skip
            return
        rows = [
            {"id": row_id, "epoch": signed.header.epoch, "seq": signed.header.seq,
             "header": signed.header.raw.decode(), "signature": b64encode(signed.signature).decode()}
            for row_id, signed in numbered
        ]  # fmt: skip
        session.execute(_NUMBER_MANY, {"rows": orjson.dumps(rows).decode()})

    def _due(self, heads: dict[str, StreamRow]) -> bool:
        return any(head.reach == SHARED and self._checkpoint_due(head) for head in heads.values())

    def _checkpoint_due(self, head: StreamRow) -> bool:
        waiting = head.seq - head.checkpoint_seq
        if waiting >= EVERY_EVENTS or (waiting and self._sign_now):
            return True
        since = clock.now() - clock.from_text(head.checkpoint_at)
        in_time = timedelta() <= since < timedelta(seconds=EVERY_S)  # a clock put back would have it wait till then
        return waiting > 0 and not in_time

    def _checkpoint(self, session: Session, head: StreamRow) -> None:
        root, state = self._count_in(session, head)
        data = {"epoch": head.epoch, "seq": head.seq, "hash": head.hash, "root": state}
        self._append(session, head, "checkpointed", data)
        head.checkpoint_seq, head.checkpoint_at = head.seq, clock.to_text(clock.now())
        root.moved(head.epoch, head.seq)

    def _count_in(self, session: Session, head: StreamRow) -> tuple[StateRoot, str]:
        """Bring the stream's state up to its head, within its epoch; the root there."""
        root = self._root(head.reach)
        state = root.advance(session, head.epoch, head.checkpoint_seq, head.seq)
        head.checkpoint_seq = head.seq
        return root, state

    def _root(self, reach: str) -> StateRoot:
        root = self._roots.get(reach)
        if root is None:
            root = self._roots[reach] = StateRoot(reach)
        return root

    def _reopen(self, session: Session, head: StreamRow, mark: Mark) -> None:
        """The database forgot events that others may hold: go on in a new epoch that says where it starts."""
        self._count_in(session, head)
        data = {"epoch": head.epoch, "seq": head.seq, "hash": head.hash, "lost": max(mark.seq - head.seq, 0)}
        data |= self._succession(session, head)
        head.epoch = max(head.epoch, mark.epoch) + 1
        self._append(session, head, "reopened", data)
        self._checkpoint(session, head)  # what others may compare themselves with, from the first moment
        session.flush()
        self._witness.record({head.reach: Mark(head.epoch, head.seq, head.hash)})

    def _append(self, session: Session, head: StreamRow, fact: str, data: dict[str, Any]) -> None:
        """An event of the stream about itself, numbered at once."""
        draft = _Draft(
            str(uuid7()), f"{self._service}.stream.{fact}.v1", self.stream(head.reach), head.seq + 1,
            clock.to_text(clock.now()), "", canonical(data), os.urandom(32),
        )  # fmt: skip
        signed = self._sign(head, draft)
        session.add(
            LogRow(
                reach=head.reach, id=draft.id, type=draft.type, subject=draft.subject, time=draft.time, causation="",
                recordversion=draft.recordversion, data=draft.data, salt=draft.salt, epoch=signed.header.epoch,
                seq=signed.header.seq, header=signed.header.raw, signature=signed.signature,
            )
        )  # fmt: skip


def _is_behind(head: StreamRow, mark: Mark) -> bool:
    """Whether the witness saw a later event than the database holds, or another one at the same place."""
    if (mark.epoch, mark.seq) == (head.epoch, head.seq):
        return mark.hash != head.hash
    return (mark.epoch, mark.seq) > (head.epoch, head.seq)


# Built once: SQLAlchemy takes longer to build a statement than PostgreSQL to answer it.
_HEADS = select(StreamRow).order_by(StreamRow.reach).with_for_update()
_LAST_HEADER = text(
    "SELECT header FROM event_log WHERE reach = :reach AND seq IS NOT NULL ORDER BY epoch DESC, seq DESC LIMIT 1"
)
_UNNUMBERED = (
    select(LogRow.row_id, LogRow.reach, LogRow.id, LogRow.type, LogRow.subject, LogRow.recordversion, LogRow.time,
           LogRow.causation, LogRow.data, LogRow.salt)
    .where(LogRow.seq.is_(None)).order_by(LogRow.row_id).limit(bindparam("limit"))
)  # fmt: skip
_NUMBER_MANY = text(
    "UPDATE event_log AS log SET epoch = new.epoch, seq = new.seq, header = convert_to(new.header, 'UTF8'),"
    " signature = decode(new.signature, 'base64') FROM json_to_recordset(CAST(:rows AS json))"
    " AS new (id bigint, epoch int, seq bigint, header text, signature text) WHERE log.row_id = new.id"
)
"""One document instead of five arrays: psycopg writes arrays an element at a time, in Python."""
