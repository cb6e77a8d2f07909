"""Take what a peer's broker brought into ours, as the sure lane takes what it asked for.

Nothing here is believed: each event is proved, what is held is passed over, what does not follow is left to the log.
What is no event of this peer's public streams is counted and charged to the link that brought it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

import orjson
import structlog
from kombu.connection import Connection
from kombu.entity import Queue
from sqlalchemy.orm import Session

from services.federation import store
from services.federation.lane.names import incoming
from services.federation.reading import Brought, Counted, Placed
from services.kernel import clock
from services.kernel.database import Database
from services.kernel.follow import Batches

BURST, BURST_S = 5, 0.02
_log = structlog.get_logger(__name__)


class Brings(Protocol):
    """Who proves and keeps events of a stream."""

    def bring(self, stream: str, arrived: Sequence[Placed], counted: Counted) -> Brought:
        """What became of them."""


class Arrivals(Batches):
    """The lane from one peer.

    `keeps_up`: it brought the last event that is held; nothing need be asked for until heads are. `missing`: set where
    the log is to be read now.
    """

    def __init__(
        self, database: Database, node: str, streams: frozenset[str], reader: Brings, connect: Callable[[], Connection]
    ) -> None:
        super().__init__([Queue(incoming(node), durable=True, no_declare=True)], connect, "lane")
        self._database = database
        self._node = node
        self._streams = streams
        self._reader = reader
        self.keeps_up = False
        self.missing = threading.Event()

    def patience_s(self, last: int) -> float:
        """In a burst a little, so that one commit serves many; a lone event waits for no other."""
        return BURST_S if last >= BURST else 0.0

    def connected(self, is_so: bool) -> None:
        """Where our own broker is away, the sure lane is asked again at once."""
        if not is_so and self.keeps_up:
            self.keeps_up = False
            self.missing.set()

    def take(self, bodies: list[bytes]) -> None:
        """Keep what is proved; the rest is counted."""
        by_stream: dict[str, list[Placed]] = {}
        for stream, arrived in map(_of, bodies):
            by_stream.setdefault(stream, []).append(arrived)
        for stream, some in by_stream.items():
            if stream in self._streams:
                self._bring(stream, some)
            else:
                _log.warning("lane brought what is none of its peer", peer=self._node)
                with self._database.begin() as session:
                    self._count(session, Brought(), len(some))

    def _bring(self, stream: str, some: list[Placed]) -> None:
        done = self._reader.bring(stream, some, self._count)
        self.keeps_up = done.keeps_up and not done.gap
        if done.gap:
            self.missing.set()

    def _count(self, session: Session, done: Brought, strange: int = 0) -> None:
        refused = strange + bool(done.refused)
        store.count_lane(session, self._node, done.kept, done.doubled, refused, clock.to_text(clock.now()))


def _of(body: bytes) -> tuple[str, Placed]:
    """The stream and the place that a body names, `""` for none; nothing of it is believed yet."""
    try:
        said = orjson.loads(body)
        return str(said["stream"]), ((int(said["epoch"]), int(said["sequence"])), body)
    except (ValueError, TypeError, KeyError):
        return "", ((0, 0), body)
