"""One write by RPC on RabbitMQ and PostgreSQL: `directory.put` of a structure that is new (actor checked, fields
checked, record, event and log in one commit) on a running directory service, beside a bare nameko service whose one
method inserts the same JSON with psycopg and commits. The same client, the gateway's, calls both, in turns.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from benchmarks.common import ROOT, median, p, stop
from benchmarks.figure import Figure, beside
from deploy.servers import PrivateBroker, PrivatePostgres
from gateway.rpc import RpcClient, connector
from services.kernel import identity, settings
from services.kernel.access import Actor, seal
from services.kernel.errors import MaillageError

READY_WITHIN_S = 30


def run(full: bool) -> list[Figure]:
    """Median milliseconds of a call, beside the bare one's."""
    calls = 1_000 if full else 300
    with PrivateBroker() as broker, PrivatePostgres() as postgres, tempfile.TemporaryDirectory() as name:
        folder, url = Path(name), broker.fresh_vhost()
        identity.create(folder)
        settings.write(folder, settings.Node("bench", "Mesures"), url, postgres.fresh_database())
        client = RpcClient(connector(url))
        bare_env = os.environ | {"BENCH_BROKER": url, "BENCH_DATABASE": postgres.fresh_database()}
        processes = [
            subprocess.Popen([sys.executable, "-m", "deploy.serve", str(folder), "--only", "directory"], cwd=ROOT),
            subprocess.Popen([sys.executable, "-m", "benchmarks.bare_rpc"], cwd=ROOT, env=bare_env),
        ]
        try:
            return _measure(client, seal(Actor("operator", ("administrator",)), identity.load(folder)), calls)
        finally:
            for process in processes:
                stop(process)


def _measure(client: RpcClient, actor: str, calls: int) -> list[Figure]:
    _wait(client, "directory", "sources", {})
    _wait(client, "bare", "insert", _put())
    ours, bare = [], []
    for number in range(calls + 50):
        taken = _ms(client, "directory", "put", actor), _ms(client, "bare", "insert", actor)
        if number >= 50:
            ours.append(taken[0])
            bare.append(taken[1])
    reference = "nameko, one insert"
    return [
        beside("one write by RPC, p50", median(ours), "ms", (reference, median(bare)), most=1.5),
        beside("one write by RPC, p99", p(0.99, ours), "ms", (reference, p(0.99, bare))),
    ]


def _ms(client: RpcClient, service: str, method: str, actor: str) -> float:
    request = _put()
    began = time.perf_counter()
    client.call(service, method, request, actor=actor)
    return (time.perf_counter() - began) * 1000


def _put() -> dict[str, Any]:
    fields = {"nom": "Maison des solidarités", "date_maj": "2026-01-31", "commune": "Nantes", "code_insee": "44109",
              "description": "On y reçoit chacun, " * 20}  # fmt: skip
    draft = {"kind": "structure", "source": "mesures", "source_id": uuid.uuid4().hex, "fields": fields}
    return {"records": [draft]}


def _wait(client: RpcClient, service: str, method: str, request: dict[str, Any]) -> None:
    ends_at = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            client.call(service, method, request, timeout_s=2)
        except MaillageError:
            if time.monotonic() > ends_at:
                raise
            time.sleep(0.1)
        else:
            return
