"""Which records two holders of a stream hold differently, without reading them all: digests, and where these differ.

The 65,536 buckets of a state root (`checkpoint.py`) are 256 groups of 256. A **group's digest** is the SHA-256 of its
buckets' digests in order. Two holders compare 256 groups, then the buckets of a group that differs, then the header
hashes of a bucket that does; for equal streams that is one question of 11 kB, whatever their length. What is compared
is the state at a checkpoint: two that did not apply the same one last say so, and judge nothing.

What somebody else answers here proves nothing; the root that a home signed does. Source: `docs/federation.md`.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.kernel.checkpoint import EMPTY, Place, digests_of
from services.kernel.rows import HeadRow, StreamRow

SIDE = 256
AT_MOST = 200
"""Records that differ and are named; beyond that nobody reads a list."""
Level = Callable[[int | None, int | None], dict[str, Any]]
"""(group, bucket of it) → what a holder tells there, as `told`."""


class Differs(NamedTuple):
    """A record of which two holders do not hold the same; a header's hash is `""` where one holds none."""

    id: str
    here: str
    there: str


class Compared(NamedTuple):
    """`here` and `there`: the checkpoints that were compared; `judged` where they are one."""

    here: Place
    there: Place
    judged: bool
    differing: list[Differs]
    more: bool = False


def told(
    session: Session, reach: str, place: Place, group: int | None = None, bucket: int | None = None
) -> dict[str, Any]:
    """What a stream is at its last checkpoint, which is at `place`.

    `{epoch, seq, digests}`: of all groups, or of the buckets of a group, as base64 of 256 times 32 bytes;
    `{epoch, seq, records: {subject: header hash}}` of one bucket of a group.
    """
    at = {"epoch": place[0], "seq": place[1]}
    if group is not None and bucket is not None:
        of_it = HeadRow.reach == reach, HeadRow.bucket == group * SIDE + bucket, HeadRow.live
        return at | {"records": {row.subject: row.hash for row in session.execute(_RECORDS.where(*of_it))}}
    if group is not None:
        buckets = list(range(group * SIDE, (group + 1) * SIDE))
        level = _digests(session, reach, buckets)
    else:
        all_of_them = _digests(session, reach, None)
        parts = (all_of_them[start : start + SIDE * 32] for start in range(0, len(all_of_them), SIDE * 32))
        level = b"".join(hashlib.sha256(part).digest() for part in parts)
    return at | {"digests": binascii.b2a_base64(level, newline=False).decode()}


def told_of_own(session: Session, reach: str, group: int | None, bucket: int | None) -> dict[str, Any]:
    """`told` of a stream of this room."""
    head = session.get_one(StreamRow, reach)
    return told(session, reach, (head.epoch, head.checkpoint_seq), group, bucket)


def compare(mine: Level, theirs: Level) -> Compared:
    """Go down where digests differ. Raises `ValueError` for what is no such answer."""
    top = mine(None, None), theirs(None, None)
    here, there = _place(top[0]), _place(top[1])
    found: list[Differs] = []
    if here != there:
        return Compared(here, there, judged=False, differing=found)
    try:
        for each in _differing(mine, theirs, top):
            if len(found) == AT_MOST:
                return Compared(here, there, judged=True, differing=found, more=True)
            found.append(each)
    except _Moved as moved:
        return Compared(here, moved.to, judged=False, differing=[])
    return Compared(here, there, judged=True, differing=found)


class _Moved(Exception):
    """One of the two applied another checkpoint meanwhile."""

    def __init__(self, to: Place) -> None:
        self.to = to


def _differing(mine: Level, theirs: Level, top: tuple[dict[str, Any], dict[str, Any]]) -> Iterator[Differs]:
    def both(group: int, bucket: int | None) -> Iterator[dict[str, Any]]:
        for level in (mine, theirs):
            said = level(group, bucket)
            if _place(said) != _place(top[0]):
                raise _Moved(_place(said))
            yield said

    for group in _unlike(*top):
        for bucket in _unlike(*both(group, None)):
            ours, others = (_records(said) for said in both(group, bucket))
            for subject in sorted(ours.keys() | others.keys()):
                pair = ours.get(subject, ""), others.get(subject, "")
                if pair[0] != pair[1]:
                    yield Differs(subject, *pair)


def _unlike(here: dict[str, Any], there: dict[str, Any]) -> list[int]:
    ours, others = (binascii.a2b_base64(said["digests"], strict_mode=True) for said in (here, there))
    if len(others) != SIDE * 32:
        raise ValueError(f"{SIDE} digests expected")
    return [n for n in range(SIDE) if ours[n * 32 : n * 32 + 32] != others[n * 32 : n * 32 + 32]]


def _records(said: dict[str, Any]) -> dict[str, str]:
    records = said["records"]
    if not all(isinstance(text, str) for pair in records.items() for text in pair):
        raise ValueError("names and hashes expected")
    return dict(records)


def _place(said: dict[str, Any]) -> Place:
    return int(said["epoch"]), int(said["seq"])


def _digests(session: Session, reach: str, buckets: list[int] | None) -> bytes:
    first = buckets[0] if buckets else 0
    found = bytearray(EMPTY * (len(buckets) if buckets else SIDE * SIDE))
    for bucket, digest in digests_of(session, reach, buckets):
        found[(bucket - first) * 32 : (bucket - first) * 32 + 32] = digest
    return bytes(found)


_RECORDS = select(HeadRow.subject, HeadRow.hash)
