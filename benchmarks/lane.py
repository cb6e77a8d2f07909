"""The fast lane: two whole nodes, each with its RabbitMQ and its tables in PostgreSQL, a lane between them, the sure
lane's polling at its default. Changes are written at one, so many a second (those of 300 in calls of fifteen), and a
search at the other asks for the last of each call until it is found; the clock starts when the answer to the write,
which follows its commit, has come. First the same is asked of the home itself: what the lane adds is the difference.

Then the throughput of the link alone: signed events of 1 kB go from the log of one, by the relay for other nodes, over
both brokers, and are proved and kept, committed, at the other. Beside it kombu publishes the same bytes to the same
exchange and a plain consumer takes them out at the other end: RabbitMQ's own federation. Rounds alternate.
"""

from __future__ import annotations

import http.client
import os
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from benchmarks.common import node, p
from benchmarks.figure import Figure, duration
from benchmarks.found import _finds, _letters, _structure, wait_for_rooms
from benchmarks.lane_link import throughput
from deploy.client import Client, connected
from deploy.servers import FEDERATED, PrivateBroker, PrivatePostgres

RATES = ((20, 1, 80, 300), (300, 15, None, 2_000))
"""Events a second, events a call, p50 and p95 to reach in ms."""
WITHIN_S = 60
RECORDS = 3_000
"""So many that none is changed again before its last change may be found: at 300 a second, after ten seconds."""


def run(full: bool) -> list[Figure]:
    """Milliseconds until found; events a second through the link."""
    seconds = 20 if full else 8
    with (
        PrivateBroker(FEDERATED) as one, PrivateBroker(FEDERATED) as other, PrivatePostgres() as postgres,
        tempfile.TemporaryDirectory() as folder,
    ):  # fmt: skip
        figures = throughput(one, other, postgres, 5 if full else 3)
        with _two(Path(folder), one, other, postgres) as (home, reader, home_url, url):
            at_home = _measure(home, home_url, 20, 1, seconds // 2)
            figures.append(Figure("commit → found at home, 20 events/s, p50", p(0.5, at_home), "ms"))
            figures.append(Figure("commit → found at home, 20 events/s, p95", p(0.95, at_home), "ms"))
            for events, at_once, p50, p95 in RATES:
                taken = _measure(home, url, events // at_once, at_once, seconds)
                figures += _figures(f"{events} events/s", taken, p50, p95)
            lane = reader.call("federation", "lanes")["lanes"][0]
            figures.append(Figure("brought by the lane", lane["events"] / max(lane["events"] + lane["doubled"], 1), ""))
    return figures


def _figures(what: str, taken: list[float], p50: float | None, p95: float) -> list[Figure]:
    middle, high = p(0.5, taken), p(0.95, taken)
    name = f"commit → found at the other, {what}"
    first = Figure(f"{name}, p50", middle, "ms") if p50 is None else duration(f"{name}, p50", middle, "ms", p50)
    return [first, duration(f"{name}, p95", high, "ms", p95)]


@contextmanager
def _two(
    folder: Path, one: PrivateBroker, other: PrivateBroker, postgres: PrivatePostgres
) -> Iterator[tuple[Client, Client, str, str]]:
    with (
        _node(folder / "home", one, postgres, "home") as home_url,
        _node(folder / "reader", other, postgres, "reader") as url,
        connected(folder / "home") as home, connected(folder / "reader") as reader,
    ):  # fmt: skip
        for each in (home, reader):
            wait_for_rooms(each)
            each.call("directory", "source_set", {"name": "mesures", "policy": "publish"})
            for first in range(0, RECORDS, 300):
                named = [_structure(number, f"Association {number}") for number in range(first, first + 300)]
                each.call("directory", "put", {"records": named})
        for each, peer in ((home, reader), (reader, home)):
            each.call("federation", "peer_add", {"card": peer.call("federation", "card")["card"]})
        documents = [
            (peer, each.call("federation", "lane_open", {"peer": label})["document"])
            for each, peer, label in ((home, reader, "reader"), (reader, home, "home"))
        ]
        for peer, document in documents:
            peer.call("federation", "lane_take", {"document": document})
        number = 0
        while reader.call("federation", "lanes")["lanes"][0]["events"] < 5:
            home.call("directory", "put", {"records": [_structure(number % 300, f"Essai {number}")]})
            number += 1
            time.sleep(0.5)
        yield home, reader, home_url, url


@contextmanager
def _node(folder: Path, broker: PrivateBroker, postgres: PrivatePostgres, label: str) -> Iterator[str]:
    lane = {
        "MAILLAGE_NODE_ID": label, "MAILLAGE_LANE_MANAGEMENT": f"http://127.0.0.1:{broker.api_port}",
        "MAILLAGE_LANE_TLS": "false", "MAILLAGE_LANE_HOST": "127.0.0.1", "MAILLAGE_LANE_PORT": str(broker.port),
        "MAILLAGE_LOG_LEVEL": "ERROR",
    }  # fmt: skip
    with mock.patch.dict(os.environ, lane), node(folder, broker.fresh_vhost(), postgres.fresh_database()) as url:
        yield url


def _measure(home: Client, url: str, calls_per_s: int, at_once: int, seconds: int) -> list[float]:
    """Milliseconds from the answer to each call until its last record is found at the other."""
    waiting, over = deque[tuple[str, float]](), threading.Event()

    def send() -> None:
        began = time.perf_counter()
        for call in range(calls_per_s * seconds):
            time.sleep(max(began + call / calls_per_s - time.perf_counter(), 0))
            word = f"{_letters(call % 324)}{'xyz'[call // 324 % 3]}{'ab'[at_once > 1]}"
            numbers = [(call * at_once + each) % RECORDS for each in range(at_once)]
            home.call(
                "directory", "put", {"records": [_structure(each, f"Association {word} {each}") for each in numbers]}
            )
            waiting.append((word, time.perf_counter()))
        over.set()

    threading.Thread(target=send, daemon=True).start()
    asker, taken = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30), list[float]()
    while waiting or not over.is_set():
        if waiting and _finds(asker, waiting[0][0]):
            taken.append((time.perf_counter() - waiting.popleft()[1]) * 1000)
        elif waiting and time.perf_counter() - waiting[0][1] > WITHIN_S:
            raise RuntimeError(f"{waiting[0][0]} was not found within {WITHIN_S} s")
        else:
            time.sleep(0.005)
    asker.close()
    return taken
