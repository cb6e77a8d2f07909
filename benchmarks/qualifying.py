"""A permanent at work, on a whole running node with RabbitMQ and PostgreSQL: a thousand imported structures qualified
in one act, until a search finds the last; then one record corrected again and again, each save timed by its sender.
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
from benchmarks.found import wait_for_rooms
from deploy.client import Client, connected
from deploy.servers import PrivateBroker, PrivatePostgres

RECORDS, BATCH = 1_000, 250
MAIL = "marie@example.org"
FOUND_WITHIN_S = 60


def run(full: bool) -> list[Figure]:
    """Seconds from the act to the last record found; milliseconds of a save."""
    saves = 400 if full else 100
    with PrivateBroker() as broker, PrivatePostgres() as postgres, tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "node"
        with node(folder, broker.fresh_vhost(), postgres.fresh_database()) as address, connected(folder) as client:
            wait_for_rooms(client)
            _import(client)
            client.call("accounts", "person_add", {"email": MAIL, "roles": ["permanent"]})
            return [*_qualify(client, address), *_save(client, saves)]


def _import(client: Client) -> None:
    opened = client.call("directory", "import_begin", {"source": "mesures", "name": "m", "policy": "hold"})
    for start in range(0, RECORDS, BATCH):
        rows = [_structure(number) for number in range(start, start + BATCH)]
        client.call("directory", "import_rows", {"import": opened["import"], "rows": rows})
    client.call("directory", "import_finish", {"import": opened["import"]})


def _structure(number: int) -> dict[str, Any]:
    fields = {"nom": f"Association {number}", "date_maj": "2026-01-31", "commune": "Nantes", "code_insee": "44109",
              "telephone": "+33240000000", "description": "On y reçoit chacun, " * 20}  # fmt: skip
    return {"kind": "structure", "source": "mesures", "source_id": f"s{number}", "fields": fields}


def _qualify(client: Client, address: str) -> list[Figure]:
    asker = http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)
    began = time.perf_counter()
    done = client.call("directory", "qualify", {"source": "mesures", "how": "known"}, actor=_permanent(client))
    if done["public"] != RECORDS:
        raise RuntimeError(f"{done['public']} of {RECORDS} became public")
    acted_s = time.perf_counter() - began
    while _found(asker) < RECORDS:
        if time.perf_counter() - began > FOUND_WITHIN_S:
            raise RuntimeError(f"not all were found within {FOUND_WITHIN_S} s")
        time.sleep(0.01)
    found_s = time.perf_counter() - began
    asker.close()
    return [
        duration(f"qualifying {RECORDS:,} records, to all searchable", found_s, "s", 10),
        Figure("of which the act itself", acted_s, "s"),
    ]


def _save(client: Client, saves: int) -> list[Figure]:
    proof, taken = _permanent(client), []
    [record] = client.call("directory", "export", {"kind": "structure", "limit": 1})["records"]
    version = record["version"]
    for number in range(saves + 10):
        fields = {"telephone": f"+3324{number:07d}"}
        began = time.perf_counter()
        saved = client.call(
            "directory", "edit", {"id": record["id"], "version": version, "fields": fields}, actor=proof
        )
        taken.append((time.perf_counter() - began) * 1000)
        version = saved["version"]
    return [
        duration("an editor's save, p95", p(0.95, taken[10:]), "ms", 60),
        Figure("an editor's save, p50", p(0.5, taken[10:]), "ms"),
    ]


def _permanent(client: Client) -> str:
    proof: str = client.call("accounts", "act_as", {"email": MAIL})["actor"]
    return proof


def _found(asker: http.client.HTTPConnection) -> int:
    asker.request("GET", "/api/v1/structures?size=1&q=association")
    total: int = orjson.loads(asker.getresponse().read())["total"]
    return total
