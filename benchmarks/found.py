"""From a write to the search that finds it, on a whole running node: embedded (SQLite, one process) and with RabbitMQ
and PostgreSQL (a process a room, projector, gateway of two workers), some 300 records in it. One change at a time gives
a public structure a name with a new word, and `GET /api/v1/structures?…` asks for that word until it is found. The
clock starts when the answer to the write, which follows its commit, has come; the time from sending it is told too.
"""

from __future__ import annotations

import http.client
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson

from benchmarks.common import node, p
from benchmarks.figure import Figure, duration
from deploy.client import Client, connected
from deploy.servers import PrivateBroker, PrivatePostgres
from services.kernel.errors import Unavailable

POLL_S = 0.003
FOUND_WITHIN_S = READY_WITHIN_S = 30
P50_MS, P99_MS = 60, 300


def run(full: bool) -> list[Figure]:
    """p50 and p99 of both ways to run."""
    changes = 400 if full else 100
    with tempfile.TemporaryDirectory() as name:
        figures = _measure("embedded", Path(name) / "node", changes, "", "")
    with PrivateBroker() as broker, PrivatePostgres() as postgres, tempfile.TemporaryDirectory() as name:
        return figures + _measure(
            "RabbitMQ + PostgreSQL", Path(name) / "node", changes, broker.fresh_vhost(), postgres.fresh_database()
        )


def _measure(way: str, folder: Path, changes: int, broker: str, database: str) -> list[Figure]:
    with node(folder, broker, database) as address, connected(folder) as client:
        asker = http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)
        _fill(client)
        for number in range(5):
            _change(client, asker, f"essai{number}")
        taken = [_change(client, asker, f"mot{_letters(number)}") for number in range(changes)]
        asker.close()
    after_commit, after_sending = zip(*taken, strict=True)
    return [
        duration(f"commit → found, {way}, p50", p(0.5, after_commit), "ms", P50_MS),
        duration(f"commit → found, {way}, p99", p(0.99, after_commit), "ms", P99_MS),
        Figure(f"sent → found, {way}, p50", p(0.5, after_sending), "ms"),
    ]


def _fill(client: Client) -> None:
    """A few hundred public records, as soon as the room answers."""
    wait_for_rooms(client)
    client.call("directory", "source_set", {"name": "mesures", "policy": "publish"})
    opened = client.call("directory", "import_begin", {"source": "mesures", "name": "m", "policy": "publish"})
    rows = [_structure(number, f"Association {number}") for number in range(300)]
    client.call("directory", "import_rows", {"import": opened["import"], "rows": rows})
    client.call("directory", "import_finish", {"import": opened["import"]})


def wait_for_rooms(client: Client) -> None:
    """Raises `Unavailable` where the rooms do not answer in time."""
    ends_at = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            client.call("directory", "sources")
        except Unavailable:
            if time.monotonic() > ends_at:
                raise
            time.sleep(0.1)
        else:
            return


def _structure(number: int, name: str) -> dict[str, Any]:
    fields = {"nom": name, "date_maj": "2026-01-31", "commune": "Nantes", "code_insee": "44109"}
    return {"kind": "structure", "source": "mesures", "source_id": f"s{number}", "fields": fields}


def _change(client: Client, asker: http.client.HTTPConnection, word: str) -> tuple[float, float]:
    """Milliseconds until found: from the answer to the write, and from its sending."""
    sent_at = time.perf_counter()
    client.call("directory", "put", {"records": [_structure(7, f"Association {word}")]})
    committed_at = time.perf_counter()
    while not _finds(asker, word):
        if time.perf_counter() - committed_at > FOUND_WITHIN_S:
            raise RuntimeError(f"{word} was not found within {FOUND_WITHIN_S} s")
        time.sleep(POLL_S)
    found_at = time.perf_counter()
    time.sleep(0.05)
    return (found_at - committed_at) * 1000, (found_at - sent_at) * 1000


def _finds(asker: http.client.HTTPConnection, word: str) -> bool:
    asker.request("GET", f"/api/v1/structures?size=1&q={word}")
    answer = asker.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status}: {body[:300]!r}")
    names = [item["nom"] for item in orjson.loads(body)["items"]]
    return any(word in name for name in names)


def _letters(number: int) -> str:
    """A word of its own for each number, far enough from the others that no typing mistake is thought of."""
    steps = ((7, 3, "a"), (5, 1, "o"), (1, 0, "i"), (11, number // 18, "u"))
    return "".join("bdfghklmnpqrstvwxz"[(number * factor + shift) % 18] + vowel for factor, shift, vowel in steps)
