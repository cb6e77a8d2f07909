"""Two running nodes over HTTP: how long until one that joins, or was away, finds what the other says; first two
embedded ones, then one on RabbitMQ and PostgreSQL that follows an embedded one. All of both on the same cores.

Join: the last event of each record, proved at the end by the checkpoint. Catch-up: the log, event by event, after as
many changes as there are records, while nobody searches there; then the same again while somebody does. All clocks end
when the last of them is in the feed that the read model follows. The rest: what a search costs at the node that catches
up, beside the same node at rest. Late: a third node joins after each record was changed twice, beside the first join.
Found: one change at a time, from the answer to the write until the other node's search finds it.
"""

from __future__ import annotations

import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.common import node, p
from benchmarks.figure import Figure, beside, duration, rate
from benchmarks.found import wait_for_rooms
from deploy.client import Client, connected
from deploy.servers import PrivateBroker, PrivatePostgres

JOIN_S, LOG_S, LATE_LEAST = 4_000, 2_000, 0.8
FOUND_P50_MS = 150
SEARCH_MOST = 1.3
SEARCHES, AT_ONCE, PAUSE_S = 200, 10, 0.01
"""Of a reader who searches again and again; how far the feed is, is asked after every ten."""
WITHIN_S = 600


def run(full: bool) -> list[Figure]:
    """Records and events a second; milliseconds; bytes."""
    count, changes = (20_000, 100) if full else (5_000, 40)
    with tempfile.TemporaryDirectory() as name:
        home, other = Path(name) / "home", Path(name) / "other"
        with node(home) as url, node(other) as other_url, connected(home) as one, connected(other) as two:
            joined, figures = _measure(one, two, other_url, count, "embedded")
            figures += [*_asked(url), *_changes(one, other_url, changes)]
            figures.append(_late(one, Path(name) / "late", count, joined))
    with PrivateBroker() as broker, PrivatePostgres() as postgres, tempfile.TemporaryDirectory() as name:
        home, other, said = Path(name) / "home", Path(name) / "other", (broker.fresh_vhost(), postgres.fresh_database())
        with node(home) as url, node(other, *said) as other_url, connected(home) as one, connected(other) as two:
            return figures + _measure(one, two, other_url, count, "PostgreSQL")[1]


def _measure(home: Client, other: Client, other_url: str, count: int, kind: str) -> tuple[float, list[Figure]]:
    """Records a second of the join; it, catch-up, and catch-up with searches beside it."""
    wait_for_rooms(home)
    home.call("directory", "source_set", {"name": "mesures", "policy": "publish"})
    _publish(home, count, "Association")
    joined = _join(home, other, count)
    left = _miss(home, other, count, 2 * count)
    began = time.perf_counter()
    other.call("federation", "peer_resume", {"peer": "bench"})
    _until(other, lambda: _in_feed(other) == 2 * count)
    caught_up = left / (time.perf_counter() - began)
    left = _miss(home, other, count, 3 * count)
    resting_ms = _searches(other_url, SEARCHES)
    began = time.perf_counter()
    other.call("federation", "peer_resume", {"peer": "bench"})
    busy_ms = _searches(other_url, lambda: _in_feed(other) == 3 * count)
    beside_searches = left / (time.perf_counter() - began)
    return joined, [
        rate(f"join by snapshot, {count:,} records, into the feed, {kind}", joined, "records/s", JOIN_S),
        rate(f"catch-up by log, {count:,} events, into the feed, {kind}", caught_up, "events/s", LOG_S),
        Figure(f"the same while one searches there, {kind}", beside_searches, "events/s"),
        beside(f"a search while it catches up, p95, {kind}", p(0.95, busy_ms), "ms",
               ("at rest", p(0.95, resting_ms)), most=SEARCH_MOST),
    ]  # fmt: skip


def _join(home: Client, other: Client, count: int) -> float:
    """Records a second."""
    wait_for_rooms(other)
    home.call("directory", "prune", {"days": 10_000})  # which signs their state
    before, began = _in_feed(other), time.perf_counter()
    other.call("federation", "peer_add", {"card": home.call("federation", "card")["card"]})
    _until(other, lambda: _in_feed(other) == before + count)
    return count / (time.perf_counter() - began)


def _miss(home: Client, other: Client, count: int, head: int) -> int:
    """The other is away while each record is changed, up to this head of its feed; how many events it then lacks."""
    other.call("federation", "peer_pause", {"peer": "bench"})
    _publish(home, count, f"Changée {head}")
    home.call("directory", "prune", {"days": 10_000})
    return head - _in_feed(other)  # the question that was open when it was paused still got its answer


def _late(home: Client, folder: Path, count: int, joined: float) -> Figure:
    with node(folder), connected(folder) as late:
        late_joined = _join(home, late, count)
    what = "the same once each record was changed twice"
    return beside(what, late_joined, "records/s", ("the first join", joined), least=LATE_LEAST)


def _searches(url: str, until: int | Callable[[], bool]) -> list[float]:
    """Milliseconds of searches by one reader after another, so many or until something is so."""
    taken: list[float] = []
    ends_at = time.monotonic() + WITHIN_S
    while (len(taken) < until) if isinstance(until, int) else not until():
        if time.monotonic() > ends_at:
            raise RuntimeError(f"not there within {WITHIN_S} s")
        for _ in range(AT_ONCE):
            began = time.perf_counter()
            with urllib.request.urlopen(f"{url}/api/v1/structures?size=10&q=association", timeout=30) as answer:
                answer.read()
            taken.append((time.perf_counter() - began) * 1000)
            time.sleep(PAUSE_S)
    return taken


def _asked(url: str) -> list[Figure]:
    """Heads and claims: what nodes ask each other every 15 s."""
    with urllib.request.urlopen(f"{url}/federation/v1/streams", timeout=30) as answer:
        size = len(answer.read())
    began = time.perf_counter()
    with urllib.request.urlopen(f"{url}/federation/v1/streams", timeout=30) as answer:
        answer.read()
    asked_ms = (time.perf_counter() - began) * 1000
    return [
        duration("equality: heads and claims, asked", asked_ms, "ms", 1_000),
        duration("equality: heads and claims, size", size / 1000, "kB", 50),
    ]


def _changes(home: Client, other_url: str, changes: int) -> list[Figure]:
    """One change at a time."""
    taken = [_found(home, other_url, number) for number in range(changes)]
    return [
        duration("commit → found at the other, HTTP held open, p50", p(0.5, taken), "ms", FOUND_P50_MS),
        Figure("commit → found at the other, HTTP held open, p95", p(0.95, taken), "ms"),
    ]


def _publish(client: Client, count: int, name: str) -> None:
    opened = client.call("directory", "import_begin", {"source": "mesures", "name": "m", "policy": "publish"})
    for start in range(0, count, 500):
        rows = [_structure(number, f"{name} {number}") for number in range(start, min(start + 500, count))]
        client.call("directory", "import_rows", {"import": opened["import"], "rows": rows})
    client.call("directory", "import_finish", {"import": opened["import"]})


def _structure(number: int, name: str) -> dict[str, Any]:
    fields = {"nom": name, "date_maj": "2026-01-31", "commune": "Nantes", "code_insee": "44109"}
    return {"kind": "structure", "source": "mesures", "source_id": f"s{number}", "fields": fields}


def _in_feed(client: Client) -> int:
    """The last position of the feed: each record that came took one."""
    return int(client.call("directory", "changes", {"after": 0, "limit": 1})["head"])


def _until(client: Client, done: Any) -> None:
    ends_at = time.monotonic() + WITHIN_S
    while not done():
        if time.monotonic() > ends_at:
            raise RuntimeError(f"not there within {WITHIN_S} s")
        time.sleep(0.1)  # each look costs what it looks at


def _found(home: Client, url: str, number: int) -> float:
    word = f"zz{'abcdefghij'[number // 10]}q{'klmnopqrst'[number % 10]}x"
    home.call("directory", "put", {"records": [_structure(7, f"Association {word}")]})
    began = time.perf_counter()
    while True:
        with urllib.request.urlopen(f"{url}/api/v1/structures?size=1&q={word}", timeout=30) as answer:
            if word.encode() in answer.read():
                return (time.perf_counter() - began) * 1000
        if time.perf_counter() - began > 30:
            raise RuntimeError(f"{word} was not found")
        time.sleep(0.003)
