"""Publish public events for other nodes, beside the local relay and never in its way.

A connection and a cursor of its own: a peer whose queue refuses, or that blocks the broker, delays nothing here. What
is refused is counted and passed over: the log repairs. Where more waits than a lane is good for, or more peers read
than one broker should copy each event for, only the last checkpoint goes out: who hears of it reads the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kombu.connection import Connection
from kombu.entity import Exchange
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from services.kernel.announce import SHARED
from services.kernel.broker import dial
from services.kernel.catchup import last_checkpoint
from services.kernel.database import Database
from services.kernel.envelope import Signed
from services.kernel.relay import Publisher, Relay
from services.kernel.rows import RelayRow, StreamRow

EXCHANGE = "federation.out"
READERS_AT_MOST = 12
WAITING_AT_MOST = 2_000
Place = tuple[int, int]


class Forgiving(Publisher):
    """Counts what a queue refused: others have it, and who refused it reads the log."""

    refused = 0

    def _on_nack(self, tag: int, multiple: bool) -> None:
        self.refused += max(tag - self._confirmed, 1) if multiple else 1
        self._on_ack(tag, multiple)


class Outward(Relay):
    """Publishes the stream `shared` of one room for other nodes. `sent`, `passed_over`: events, since the start."""

    lane = "federation"
    reaches = (SHARED,)

    def __init__(self, database: Database, connect: Callable[[], Connection]) -> None:
        super().__init__(database, EXCHANGE, connect)
        self._exchange = Exchange(EXCHANGE, type="topic", durable=True, auto_delete=False)
        self._refused_before = 0
        self._at: Place = (0, 0)
        self.sent = self.passed_over = 0

    @property
    def refused(self) -> int:
        """How many messages a peer's queue refused."""
        return self._refused_before + (self._publisher.refused if isinstance(self._publisher, Forgiving) else 0)

    def run_for(self, readers: int) -> int:
        """Publish what comes next for so many peers; how many events, 0 where nothing is left. `BROKER_ERRORS`."""
        self._make_cursors()
        if readers <= READERS_AT_MOST and self._is_near():
            return self._sent(self.run_once())
        place, head = self._places()
        if place >= head:
            return 0
        far = place[0] != head[0] or head[1] - place[1] > WAITING_AT_MOST
        if place == (0, 0) or far or readers > READERS_AT_MOST:
            return self._skip(place, head)
        return self._sent(self.run_once())

    def _sent(self, count: int) -> int:
        self.sent += count
        return count

    def _is_near(self) -> bool:
        """Whether what comes next was just offered: then little waits, and the tables need not be asked."""
        offered = self._offered[SHARED]
        while offered and (offered[0].header.epoch, offered[0].header.seq) <= self._at:
            offered.popleft()
        return bool(offered) and (offered[0].header.epoch, offered[0].header.seq) == (self._at[0], self._at[1] + 1)

    def _move(self, session: Session, published: Iterable[Signed]) -> None:
        events = list(published)
        super()._move(session, events)
        self._at = events[-1].header.epoch, events[-1].header.seq

    def close(self) -> None:
        """Drop the connection, keep the counts."""
        self._refused_before = self.refused
        super().close()

    def _opened(self) -> Publisher:
        return Forgiving.opened(dial(self._connect), self._exchange)

    def _skip(self, place: Place, head: Place) -> int:
        """The last checkpoint in place of everything; the first time, of what was before, nothing."""
        with self._database.read() as session:
            last = last_checkpoint(session, SHARED)
        if place != (0, 0) and last is not None and (last.header.epoch, last.header.seq) > place:
            self._publish([last])
            self.sent += 1
        self.passed_over += head[1] - place[1] if place[0] == head[0] else 0
        with self._database.begin() as session:
            session.execute(update(RelayRow).where(*self._mine()).values(epoch=head[0], seq=head[1]))
        return 0

    def _places(self) -> tuple[Place, Place]:
        """How far this went, and how far the stream is."""
        with self._database.read() as session:
            mine = session.execute(select(RelayRow.epoch, RelayRow.seq).where(*self._mine())).one()
            head = session.execute(select(StreamRow.epoch, StreamRow.seq).where(StreamRow.reach == SHARED)).first()
        return (mine[0], mine[1]), (head[0], head[1]) if head else (0, 0)

    def _mine(self) -> tuple[ColumnElement[bool], ...]:
        return RelayRow.lane == self.lane, RelayRow.reach == SHARED
