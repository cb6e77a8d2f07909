"""Publish what was numbered, in order, and move the cursor only over what the broker confirmed.

The relay reads the log after its cursor, publishes a window of persistent messages without waiting, then drains the
broker's acks until every one of them came. Whatever goes wrong in between (a nack, a lost connection, a kill), the
cursor stays where it was and the window is published again: consumers count each number once.

One relay per room works at a time: it holds its cursors' rows while it publishes; a second one, started by mistake or
kept in reserve, finds the row taken and does nothing. SQLite has one lock for the whole file, which is not held while
the broker is waited for: two relays of one file, by mistake, publish twice, and consumers count each number once.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from kombu.connection import Connection
from kombu.entity import Exchange
from sqlalchemy import bindparam, select, text, tuple_, update
from sqlalchemy.orm import Session

from services.kernel.announce import HOME, SHARED
from services.kernel.broker import AT_ONCE_S, BROKER_ERRORS, dial, events_exchange, hang_up
from services.kernel.database import Database
from services.kernel.envelope import Header, Signed
from services.kernel.frames import writes
from services.kernel.rows import LogRow, RelayRow, StreamRow

WINDOW = 500
CONFIRM_TIMEOUT_S = 5
"""Less than the ten seconds in which a process that is told to stop has to end."""
OFFERED_AT_MOST, OFFERED_BYTES = 2 * WINDOW, 8_192
"""Events kept in memory for the relay, and how large one of them may be."""
LANE = "local"


class NotConfirmed(OSError):
    """The broker refused messages or did not confirm them in time."""


class Relay:
    """Publishes the streams `home` and `shared` of one room on the local broker."""

    lane = LANE
    reaches: tuple[str, ...] = (SHARED, HOME)

    def __init__(self, database: Database, service: str, connect: Callable[[], Connection]) -> None:
        self._database = database
        self._exchange = events_exchange(service)
        self._connect = connect
        self._publisher: Publisher | None = None
        self._has_cursors = False
        self._offered: dict[str, deque[Signed]] = {reach: deque() for reach in self.reaches}

    def offer(self, events: Iterable[Signed]) -> None:
        """What was just numbered, committed and witnessed: where it comes next, the log need not be read again."""
        for event in events:
            offered = self._offered.get(event.header.stream.rpartition("/")[2])
            if offered is not None and len(offered) < OFFERED_AT_MOST and len(event.data or b"") <= OFFERED_BYTES:
                offered.append(event)

    def run_once(self, limit: int = WINDOW) -> int:
        """Publish at most `limit` events of each stream; how many were confirmed, fewer than `limit` when that was all.

        Raises `BROKER_ERRORS`.
        """
        self._make_cursors()
        if self._database.is_sqlite:
            return self._run_unlocked(limit)
        with self._database.begin() as session:
            events = self._windows(session, limit)
            if events:
                self._publish(events)
                session.execute(_NO_HURRY)
                self._move(session, events)
        return len(events)

    def close(self) -> None:
        """Drop the connection; the next run opens another."""
        if self._publisher is not None:
            self._publisher.close()
            self._publisher = None

    def beat(self) -> None:
        """Keep the idle connection alive; to be called every second or so. What is dead is dropped."""
        try:
            if self._publisher is not None:
                self._publisher.beat()
        except BROKER_ERRORS:
            self.close()

    def _run_unlocked(self, limit: int) -> int:
        with self._database.read() as session:
            events = self._windows(session, limit)
        if events:
            self._publish(events)
            with self._database.begin() as session:
                self._move(session, events)
        return len(events)

    def _make_cursors(self) -> None:
        if self._has_cursors:
            return
        with self._database.begin() as session:
            session.execute(_MAKE_CURSOR, [{"lane": self.lane, "reach": reach} for reach in self.reaches])
        self._has_cursors = True

    def _windows(self, session: Session, limit: int) -> list[Signed]:
        """What comes next of each stream that went on; its cursor's row is taken, or left to the relay that has it."""
        behind = session.execute(_BEHIND, {"lane": self.lane}).all()
        return [event for reach, *place in behind for event in self._next(session, reach, (place[0], place[1]), limit)]

    def _next(self, session: Session, reach: str, place: tuple[int, int], limit: int) -> list[Signed]:
        """The window after a place: out of what was offered, if it begins there, or else out of the log."""
        offered, found = self._offered[reach], list[Signed]()
        while offered and (offered[0].header.epoch, offered[0].header.seq) <= place:
            offered.popleft()
        for number in range(min(limit, len(offered))):
            header = offered[number].header
            if (header.epoch, header.seq) != (place[0] or 1, place[1] + number + 1):
                break
            found.append(offered[number])
        return found or list(after(session, reach, *place, limit))

    def _move(self, session: Session, published: Iterable[Signed]) -> None:
        """The cursors go over what was confirmed, never back: a second relay of an SQLite file may be faster."""
        last = {event.header.stream.rpartition("/")[2]: event.header for event in published}
        for reach, header in last.items():
            place = {"epoch": header.epoch, "seq": header.seq}
            behind = tuple_(RelayRow.epoch, RelayRow.seq) < tuple_(header.epoch, header.seq)
            mine = (RelayRow.lane == self.lane, RelayRow.reach == reach)
            session.execute(update(RelayRow).where(*mine, behind).values(place), execution_options=_NO_SYNC)

    def _publish(self, events: list[Signed]) -> None:
        """A connection that was kept may have died meanwhile: once more on a new one, before anybody has to wait."""
        kept = self._publisher is not None
        try:
            self._send(events)
        except NotConfirmed:
            raise
        except BROKER_ERRORS:
            if not kept:
                raise
            self._send(events)

    def _send(self, events: list[Signed]) -> None:
        if self._publisher is None:
            self._publisher = self._opened()
        try:
            self._publisher.publish([(event.header.type, event.body()) for event in events])
        except BaseException:
            self.close()  # a channel in error answers nothing more: never use it again
            raise

    def _opened(self) -> Publisher:
        return Publisher.opened(dial(self._connect), self._exchange)


class Publisher:
    """A connection of its own that publishes windows of messages and waits for all their confirms at once."""

    def __init__(self, connection: Connection, exchange: Exchange) -> None:
        self._connection = connection
        self._channel = connection.channel()
        exchange(self._channel).declare()
        self._exchange = exchange.name
        self._confirms = hasattr(self._channel, "confirm_select")
        self._sent = self._confirmed = 0
        self._early: set[int] = set()
        self._refused = False
        if self._confirms:
            self._channel.confirm_select()
            self._channel.events["basic_ack"].add(self._on_ack)
            self._channel.events["basic_nack"].add(self._on_nack)

    @classmethod
    def opened(cls, connection: Connection, exchange: Exchange) -> Publisher:
        """A publisher on this connection, which is closed again where the exchange is not what we know."""
        try:
            return cls(connection, exchange)
        except BaseException:
            hang_up(connection)
            raise

    def publish(self, messages: list[tuple[str, bytes]], timeout_s: float = CONFIRM_TIMEOUT_S) -> None:
        """Publish (routing key, JSON body) pairs; returns when the broker has them all. Raises `BROKER_ERRORS`."""
        if not self._confirms:
            self._publish_in_process(messages)
            return
        connection = self._connection.connection
        for part in writes(self._channel.channel_id, connection.frame_max, self._exchange, messages):
            connection.transport.write(part)
        self._sent += len(messages)
        self._await_confirms(timeout_s)

    def _publish_in_process(self, messages: list[tuple[str, bytes]]) -> None:
        """The embedded broker has no frames and nothing to confirm."""
        for routing_key, body in messages:
            message = self._channel.prepare_message(
                body.decode(), content_type="application/json", content_encoding="utf-8",
                properties={"delivery_mode": 2},
            )  # fmt: skip
            self._channel.basic_publish(message, exchange=self._exchange, routing_key=routing_key)

    def beat(self) -> None:
        """Take what the broker says, say that we live. Raises `BROKER_ERRORS` where it says nothing any more."""
        if not self._confirms:
            return
        try:
            self._connection.drain_events(timeout=AT_ONCE_S)
        except TimeoutError:
            self._connection.heartbeat_check()

    def close(self) -> None:
        """Close the connection, whatever state it is in."""
        hang_up(self._connection)

    def _await_confirms(self, timeout_s: float) -> None:
        ends_at = time.monotonic() + timeout_s
        while self._confirmed < self._sent and not self._refused:
            left = ends_at - time.monotonic()
            if left <= 0:
                raise NotConfirmed(f"{self._sent - self._confirmed} messages not confirmed after {timeout_s} s")
            try:
                self._connection.drain_events(timeout=left)
            except TimeoutError:
                continue
        if self._refused:
            raise NotConfirmed("the broker refused a message")

    def _on_ack(self, tag: int, multiple: bool) -> None:
        if multiple:
            self._confirmed = max(self._confirmed, tag)
            self._early = {early for early in self._early if early > tag}
        elif tag > self._confirmed:
            self._early.add(tag)
        while self._confirmed + 1 in self._early:
            self._confirmed += 1
            self._early.remove(self._confirmed)

    def _on_nack(self, tag: int, multiple: bool) -> None:
        """A queue did not take it; others may have."""
        self._refused = True


def after(session: Session, reach: str, epoch: int, seq: int, limit: int) -> Iterator[Signed]:
    """Numbered events of an own stream after `(epoch, seq)`, in order, at most `limit`."""
    columns = (LogRow.header, LogRow.signature, LogRow.data, LogRow.salt)
    query = (
        select(*columns)
        .where(LogRow.reach == reach, tuple_(LogRow.epoch, LogRow.seq) > (epoch, seq))
        .order_by(LogRow.epoch, LogRow.seq)
        .limit(limit)
    )
    for header, signature, data, salt in session.execute(query):
        yield Signed(Header.stored(header or b""), signature or b"", data, salt)


_NO_SYNC = {"synchronize_session": False}
_BEHIND = (
    select(RelayRow.reach, RelayRow.epoch, RelayRow.seq)
    .join(StreamRow, StreamRow.reach == RelayRow.reach)
    .where(RelayRow.lane == bindparam("lane"), StreamRow.seq > 0)
    .where(tuple_(RelayRow.epoch, RelayRow.seq) < tuple_(StreamRow.epoch, StreamRow.seq))
    .with_for_update(of=RelayRow, skip_locked=True)
)
_NO_HURRY = text("SET LOCAL synchronous_commit TO off")
"""A cursor that a power cut sets back publishes a window again: no reason to wait for the disk."""
_MAKE_CURSOR = text(
    "INSERT INTO relay (lane, reach, epoch, seq) VALUES (:lane, :reach, 0, 0) ON CONFLICT (lane, reach) DO NOTHING"
)
