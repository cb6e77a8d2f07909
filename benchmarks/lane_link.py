"""The part of `benchmarks/lane.py` that measures the link alone: ours, and RabbitMQ's federation of the same bytes."""

from __future__ import annotations

import multiprocessing
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.messaging import Producer

from benchmarks.common import median
from benchmarks.figure import Figure, beside
from benchmarks.kernel_relay import DATA
from deploy.servers import PrivateBroker, PrivatePostgres
from services.federation import store
from services.federation.lane import making, names
from services.federation.lane.arriving import Arrivals
from services.federation.lane.management import Management
from services.federation.reading import LOG, Reader
from services.federation.service.lanes import _hashed
from services.federation.taking import Taker
from services.kernel.announce import SHARED, NewEvent
from services.kernel.broker import in_vhost
from services.kernel.catchup import log_after
from services.kernel.database import Database
from services.kernel.follow import Batches
from services.kernel.identity import Identity, Keyring
from services.kernel.log import EventLog
from services.kernel.migrate import migrate
from services.kernel.outward import Outward
from services.kernel.sequencer import Sequencer
from services.kernel.witness import Witness

HOME, READER = Identity.from_seed(b"h" * 32), Identity.from_seed(b"r" * 32)
STREAM = f"{HOME.name}/directory/{SHARED}"
EVENTS = 1_900
"""A round: fewer than those above which only a checkpoint is sent."""
LEAST = 0.6


def throughput(one: PrivateBroker, other: PrivateBroker, postgres: PrivatePostgres, rounds: int) -> list[Figure]:
    """Events a second, ours and RabbitMQ's own; the median of the rounds."""
    _make_lane(one, other)
    with tempfile.TemporaryDirectory() as folder:
        home = Database(postgres.fresh_database(), "directory")
        migrate(home)
        kept_url = postgres.fresh_database()
        migrate(Database(kept_url, "federation"))
        sequencer = Sequencer(home, "directory", HOME, Witness(Path(folder) / "witness.json"))
        sequencer.recover()
        outward = Outward(home, in_vhost(lambda: Connection(one.url), names.vhost_of(HOME.name)))
        _commit(home, sequencer, 10)
        outward.run_for(1)  # of what was before it was opened, nothing is sent
        ours, bare = [], []
        for _ in range(rounds + 1):
            with _Consumer(_keep, kept_url, home.engine.url.render_as_string(False), other.url) as keeping:
                _commit(home, sequencer, EVENTS)
                head = _head(home)
                ours.append(keeping.timed(lambda: _relay(outward), head))
            bodies = _bodies(home, head - EVENTS)
            with _Consumer(_count, kept_url, "", other.url) as counting:
                bare.append(counting.timed(lambda bodies=bodies: _publish(one.url, bodies), EVENTS))
        outward.close()
        home.close()
    what = ("RabbitMQ’s federation, kombu", median(bare[1:]))
    return [
        beside("through the link, proved and kept, events of 1 kB", median(ours[1:]), "events/s", what, least=LEAST)
    ]


class _Consumer:
    """A process that takes what arrives, and says how far it is."""

    def __init__(self, work: Callable[..., None], *arguments: Any) -> None:
        self._ready, self._stop = multiprocessing.Event(), multiprocessing.Event()
        self._at: Any = multiprocessing.Value("q", 0)
        target = (self._ready, self._stop, self._at, *arguments)
        self._process = multiprocessing.Process(target=work, args=target, daemon=True)

    def __enter__(self) -> _Consumer:
        self._process.start()
        if not self._ready.wait(30):
            raise RuntimeError("the consumer did not begin")
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._process.join(10)

    def timed(self, send: Callable[[], None], until: int) -> float:
        """Events a second, from the first byte sent until the last is taken."""
        began = time.perf_counter()
        send()
        while self._at.value < until:
            if time.perf_counter() - began > 60:
                raise RuntimeError(f"{self._at.value} of {until} after 60 s")
            time.sleep(0.002)
        return EVENTS / (time.perf_counter() - began)


def _keep(ready: Any, stop: Any, at: Any, kept_url: str, home_url: str, broker_url: str) -> None:
    """The reader's side: what arrives is proved and kept; before that, what is missing is read from the log."""
    kept, home = Database(kept_url, "federation"), Database(home_url, "directory")

    def get(path: str, asked: dict[str, Any]) -> bytes:
        with home.read() as session:
            found = log_after(session, SHARED, asked["epoch"], asked["after"], 500).bodies if path == LOG else []
        return b"\n".join(found)

    def held(_: str) -> None:
        with kept.read() as session:
            taken = store.taken(session, STREAM)
            at.value = taken.seq if taken else 0

    keyring = Keyring({HOME.keyid: HOME.public_key})
    reader = Reader(kept, Taker(keyring, lambda *_: True), get, held)
    reader.catch_up(STREAM, 1, _head(home))
    arrivals = Arrivals(kept, HOME.name, frozenset({STREAM}), reader, _incoming(broker_url))
    arrivals.connected = lambda is_so: ready.set()  # type: ignore[method-assign]
    arrivals.run(stop)


def _count(ready: Any, stop: Any, at: Any, kept_url: str, home_url: str, broker_url: str) -> None:
    """The bare side: messages are taken out and counted."""

    class Counting(Batches):
        def take(self, bodies: list[bytes]) -> None:
            at.value += len(bodies)

        def connected(self, is_so: bool) -> None:
            ready.set()

    Counting([Queue(names.incoming(HOME.name), durable=True, no_declare=True)], _incoming(broker_url), "bare").run(stop)


def _incoming(url: str) -> Callable[[], Connection]:
    return in_vhost(lambda: Connection(url), names.vhost_of(READER.name))


def _make_lane(one: PrivateBroker, other: PrivateBroker) -> None:
    """From the one's broker to the other's, as the commands make it."""
    home, reader = (Management(f"http://127.0.0.1:{each.api_port}", "guest", "guest") for each in (one, other))
    password, user = secrets.token_urlsafe(32), names.user_of(HOME.name, READER.name)
    making.prepare(home, HOME.name, "guest")
    making.admit(home, HOME.name, READER.name, _hashed(password), reader.check())
    making.prepare(reader, READER.name, "guest")
    uri = f"amqp://{user}:{password}@127.0.0.1:{one.port}/{names.vhost_of(HOME.name)}"
    making.listen(reader, READER.name, HOME.name, uri)
    while making.state(reader.links(names.vhost_of(READER.name)), HOME.name)["state"] != "running":
        time.sleep(0.1)


def _commit(database: Database, sequencer: Sequencer, events: int) -> None:
    """Write and number them."""
    log = EventLog()
    for begin in range(0, events, 500):
        subjects = (f"00000000-0000-7000-8000-{number:012}" for number in range(begin, min(begin + 500, events)))
        with database.begin() as session:
            log.append(session, *(NewEvent("directory.structure.published.v1", each, 1, DATA) for each in subjects))
    while sequencer.run_once():
        pass


def _relay(outward: Outward) -> None:
    while outward.run_for(1):
        pass


def _head(database: Database) -> int:
    with database.read() as session:
        page = log_after(session, SHARED, 1, 0, 1)
        assert page.bodies
        from sqlalchemy import text

        return int(session.scalar(text("SELECT seq FROM stream WHERE reach = 'shared'")) or 0)


def _bodies(database: Database, after: int) -> list[bytes]:
    found: list[bytes] = []
    with database.read() as session:
        while len(found) < EVENTS:
            found += log_after(session, SHARED, 1, after + len(found), 500).bodies
    return found[:EVENTS]


def _publish(url: str, bodies: list[bytes]) -> None:
    with Connection(url) as plain, plain.clone(virtual_host=names.vhost_of(HOME.name)) as connection:
        exchange = Exchange(names.OUT, type="topic", durable=True)
        producer = Producer(connection.channel(), exchange=exchange, auto_declare=False)
        for body in bodies:
            producer.publish(body, routing_key="directory.structure.published.v1", content_type="application/json",
                             content_encoding="utf-8", delivery_mode=2)  # fmt: skip
