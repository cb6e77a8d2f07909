"""The state of a stream in 32 bytes: what two holders compare, and what a snapshot is checked against.

256 × 256 buckets: a live record's bucket is the first two bytes of SHA-256(subject); a bucket's digest is the SHA-256
of its records' last header hashes (32 bytes each), sorted and joined; the **state root** is the SHA-256 of the 65,536
digests in order. A record is live until an event whose fact is `withdrawn`. Events about the stream itself
(`<service>.stream.…`) are no records. Source: `docs/federation.md`, "Equality".
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.kernel.bulk import among, insert_many, or_newer
from services.kernel.envelope import Header
from services.kernel.giving import fit, in_pieces
from services.kernel.rows import HeadRow, LogRow

BUCKETS = 65_536
EMPTY = hashlib.sha256(b"").digest()
EVERY_EVENTS = 1_000
EVERY_S = 60
AT_ONCE = 500


def bucket_of(subject: str) -> int:
    """0 to 65,535."""
    return int.from_bytes(hashlib.sha256(subject.encode()).digest()[:2], "big")


@lru_cache(maxsize=1_024)  # the same few types come with every event
def is_live(event_type: str) -> bool:
    """Whether the record still exists after an event of this type."""
    return event_type.split(".")[-2:-1] != ["withdrawn"]


@lru_cache(maxsize=1_024)
def is_about_stream(event_type: str) -> bool:
    """Whether the event tells of the stream (checkpoint, new epoch), not of a record."""
    return event_type.split(".")[1:2] == ["stream"]


Place = tuple[int, int]


class Noted(NamedTuple):
    """The last header of a record."""

    bucket: int
    hash: str
    live: bool
    epoch: int
    seq: int


ReadHeads = Callable[[Session, str, int, int, int], dict[str, Noted]]
"""(session, reach, epoch, after, to) → the last header of each record that changed in `(after, to]`, by subject."""


class StateRoot:
    """The digests of one stream's buckets, kept in memory (2 MB) and brought up to date from the log."""

    def __init__(self, reach: str, read_heads: ReadHeads | None = None) -> None:
        """`read_heads` reads what was not noted; by default from the room's own log."""
        self.reach = reach
        self._read_heads = read_heads or _read_heads
        self._digests = bytearray(EMPTY * BUCKETS)
        self._at: tuple[int, int] | None = None
        self._noted: dict[str, Noted] = {}
        self._noted_span: tuple[Place, Place] | None = None

    def note(self, header: Header) -> None:
        """An event was numbered here: its header need not be read back from the log at the checkpoint."""
        before, place = (header.epoch, header.seq - 1), (header.epoch, header.seq)
        if self._noted_span is None or self._noted_span[1] != before:
            self._noted, self._noted_span = {}, (before, before)
        self._noted_span = self._noted_span[0], place
        if not is_about_stream(header.type):
            self._noted[header.subject] = _noted(header)

    def advance(self, session: Session, epoch: int, after: int, to: int) -> str:
        """The root after the records of `(after, to]` are counted in; writes `HeadRow`s. Hexadecimal."""
        if self._at != (epoch, after):
            self.load(session, epoch, after)
        noted = self._noted_span == ((epoch, after), (epoch, to))
        heads = self._noted if noted else self._read_heads(session, self.reach, epoch, after, to)
        if heads:
            note_heads(session, self.reach, heads)
            self._digest(session, {head.bucket for head in heads.values()})
        self._at = (epoch, to)
        return self.root()

    def load(self, session: Session, epoch: int, seq: int) -> str:
        """The root of what `HeadRow`s say now, which is the state at this place."""
        self._digests = bytearray(EMPTY * BUCKETS)
        self._digest(session, None)
        self._at = (epoch, seq)
        return self.root()

    def moved(self, epoch: int, seq: int) -> None:
        """The checkpoint's own event took the next number and changed no record."""
        self._at = (epoch, seq)
        self._noted, self._noted_span = {}, ((epoch, seq), (epoch, seq))

    def forget(self) -> None:
        """The transaction failed: what was counted in did not happen."""
        self._at = self._noted_span = None

    def root(self) -> str:
        """SHA-256 of all digests, hexadecimal."""
        return hashlib.sha256(self._digests).hexdigest()

    def _digest(self, session: Session, buckets: set[int] | None) -> None:
        for bucket in buckets or ():
            self._digests[bucket * 32 : bucket * 32 + 32] = EMPTY
        for part in _parts(buckets):
            for bucket, digest in digests_of(session, self.reach, part):
                self._digests[bucket * 32 : bucket * 32 + 32] = digest


def digests_of(session: Session, reach: str, buckets: list[int] | None = None) -> Iterator[tuple[int, bytes]]:
    """The digest of each of these buckets (by default of all) that has records, in order, as `HeadRow`s say now."""
    query = select(_HEADS.bucket, _HEADS.hash).where(_HEADS.reach == reach, _HEADS.live).order_by(_HEADS.bucket)
    if buckets is not None:
        query = query.where(among(session, "bucket", buckets))
    found = session.connection().execute(query, execution_options=_SOME)
    for bucket, rows in in_pieces(itertools.groupby(found, itemgetter(0))):
        hashes = [bytes.fromhex(row[1]) for row in rows]
        yield bucket, hashlib.sha256(hashes[0] if len(hashes) == 1 else b"".join(sorted(hashes))).digest()


def root_of(heads: Mapping[str, str]) -> str:
    """The state root of live records given as subject → hexadecimal header hash: what a verifier recomputes."""
    members: dict[int, list[bytes]] = {}
    for subject, digest in heads.items():
        members.setdefault(bucket_of(subject), []).append(bytes.fromhex(digest))
    digests = bytearray(EMPTY * BUCKETS)
    for bucket, hashes in members.items():
        digests[bucket * 32 : bucket * 32 + 32] = hashlib.sha256(b"".join(sorted(hashes))).digest()
    return hashlib.sha256(digests).hexdigest()


def _parts(buckets: set[int] | None) -> Iterable[list[int] | None]:
    if buckets is None:
        return [None]
    ordered, size = sorted(buckets), fit(AT_ONCE)
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


def _noted(header: Header) -> Noted:
    return Noted(bucket_of(header.subject), header.hash, is_live(header.type), header.epoch, header.seq)


def _read_heads(session: Session, reach: str, epoch: int, after: int, to: int) -> dict[str, Noted]:
    """The last header of each record that changed, by subject."""
    query = (
        select(LogRow.header)
        .where(LogRow.reach == reach, LogRow.epoch == epoch, LogRow.seq > after, LogRow.seq <= to)
        .order_by(LogRow.seq)
    )
    return last_of(Header.stored(raw or b"") for raw in session.scalars(query))


def last_of(headers: Iterable[Header]) -> dict[str, Noted]:
    """The last header of each record, by subject; `headers` in the order of their stream."""
    return {header.subject: _noted(header) for header in headers if not is_about_stream(header.type)}


def note_heads(session: Session, reach: str, heads: Mapping[str, Noted]) -> None:
    """Write the last header of records of a stream."""
    insert_many(session, "stream_record", _HEAD, [(reach, subject, *head) for subject, head in heads.items()], _NEWER)


_HEADS = HeadRow.__table__.c
"""On the table: the mapped class would take twice as long to the same rows."""
_SOME = {"yield_per": 5_000}
"""Rows that are in memory at once: a stream may have millions."""
_HEAD = ("reach", "subject", *Noted._fields)
_NEWER = or_newer("reach, subject", ("hash", "live", "epoch", "seq"))
