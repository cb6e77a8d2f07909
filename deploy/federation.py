"""Three nodes on this machine that follow each other: `make federation`.

RADAR, ANIMATION44 and ORPAN, each with a RabbitMQ and a database of its own, its own samples, and the other two as
peers, by HTTPS and by the fast lane. What they say is kept in `federation/` and found again by the next run; Ctrl-C
ends all that was started.
`python -m deploy.federation [--port N] [--folder F]`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType

import psycopg

from deploy.children import end_with_parent
from deploy.client import Client
from deploy.demo import ROOT, fill, wait_for
from deploy.folder import must_be_free, must_be_port
from deploy.servers import FEDERATED, PrivateBroker, PrivatePostgres, ServerFailed
from deploy.tenants import plain_url
from deploy.words import say
from services.kernel import identity, settings
from services.kernel.errors import MaillageError, Unavailable

FOLDER = ROOT / "federation"
OPERATOR = "admin@example.org"
STOP_WITHIN_S = 20
ANSWERS_WITHIN_S, PAUSE_S = 180, 0.5
KEEP_DAYS = 10_000


@dataclass(frozen=True)
class Member:
    """A federation that hosts a node, and the samples that are its own."""

    id: str
    name: str
    samples: str


MEMBERS = (
    Member("radar", "RADAR", "radar"),
    Member("animation44", "Animation Rurale 44", "animation-rurale-44"),
    Member("orpan", "ORPAN", "orpan"),
)


class Told(Exception):
    """Ctrl-C, or SIGTERM."""


def main(arguments: list[str] | None = None) -> int:
    """0 after Ctrl-C, 1 with one sentence where the three cannot run."""
    parser = argparse.ArgumentParser(prog="make federation")
    parser.add_argument("--port", type=int, default=8081, help="of the first; the others follow")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    asked = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _told)
    try:
        with ExitStack() as opened, suppress(Told):
            _run(asked.folder.absolute(), asked.port, opened)
    except (MaillageError, OSError, ServerFailed) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _told(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise Told


def _run(folder: Path, port: int, opened: ExitStack) -> None:
    ports = [port + place for place in range(len(MEMBERS))]
    for each in ports:
        must_be_port(each)
        must_be_free("127.0.0.1", each)
    say("Démarrage de trois RabbitMQ et d’un PostgreSQL…", "Starting three RabbitMQ and a PostgreSQL…")
    servers = _servers(folder, opened)
    say("Démarrage des nœuds…", "Starting the nodes…")
    nodes: list[subprocess.Popen[bytes]] = []
    opened.callback(lambda: _together([partial(_stop, node) for node in nodes]))
    for member, number, urls in zip(MEMBERS, ports, servers, strict=True):
        nodes.append(_node(folder / member.id, member, number, urls))
    clients = []
    for member, process in zip(MEMBERS, nodes, strict=True):
        client = Client(wait_for(process, folder / member.id))
        opened.callback(client.close)
        _until_it_answers(client, process)
        fill(client, folder / member.id, [member.samples])
        client.call("directory", "prune", {"days": KEEP_DAYS})  # signs where it stands: the others can tell it is equal
        clients.append(client)
    links = [_introduce(client, clients) for client in clients]
    _open_lanes(clients)
    for member, number, link in zip(MEMBERS, ports, links, strict=True):
        print(f"  {member.name:<20} http://127.0.0.1:{number}   {link}")
    say(
        f"Prêt. Qui suit qui : la page « Pairs », ou .venv/bin/maillage peer list {_shown(folder)}/radar --live",
        "Ready. Who follows whom: the page “Pairs”, or the command above. Ctrl-C to stop.",
    )
    threading.Event().wait()


def _servers(folder: Path, opened: ExitStack) -> list[dict[str, str]]:
    """A broker and a database for each member, as the settings that name them."""
    brokers = [PrivateBroker(FEDERATED, folder / member.id / "rabbitmq") for member in MEMBERS]
    postgres = PrivatePostgres(folder=_for_postgres(folder))
    opened.callback(_together, [server.close for server in (*brokers, postgres)])
    _together([server.start for server in (*brokers, postgres)])
    with psycopg.connect(plain_url(postgres.url), autocommit=True) as connection:
        known = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
        for member in MEMBERS:
            if member.id not in known:
                connection.execute(f'CREATE DATABASE "{member.id}" TEMPLATE template0')
    at = postgres.url.rpartition("/")[0]
    return [
        {"MAILLAGE_BROKER_URL": broker.url, "MAILLAGE_DATABASE_URL": f"{at}/{member.id}",
         "MAILLAGE_LANE_MANAGEMENT": f"http://127.0.0.1:{broker.api_port}", "MAILLAGE_LANE_TLS": "false",
         "MAILLAGE_LANE_HOST": "127.0.0.1", "MAILLAGE_LANE_PORT": str(broker.port)}
        for member, broker in zip(MEMBERS, brokers, strict=True)
    ]  # fmt: skip


def _for_postgres(folder: Path) -> Path:
    """Where the database lies: root runs it as somebody else, who may not reach into root's own folders."""
    if os.geteuid() != 0 or all(each.stat().st_mode & stat.S_IXOTH for each in folder.parents):
        return folder / "postgresql"
    elsewhere = Path("/var/tmp") / f"maillage-{hashlib.sha256(bytes(folder)).hexdigest()[:12]}"  # noqa: S108
    say(f"La base de données est dans {elsewhere}.", f"The database is in {elsewhere}.")
    return elsewhere


def _node(folder: Path, member: Member, port: int, urls: dict[str, str]) -> subprocess.Popen[bytes]:
    if not (folder / settings.FILE).exists():
        settings.write(folder, settings.Node(member.id, member.name, "44"))
        identity.create(folder)
    command = [sys.executable, "-m", "deploy.cluster", str(folder), "--port", str(port)]
    environment = os.environ | urls | {"MAILLAGE_HTTP_WORKERS": "1", "MAILLAGE_LOG_LEVEL": "ERROR"}
    return subprocess.Popen(command, cwd=ROOT, env=environment, process_group=0, preexec_fn=end_with_parent)


def _until_it_answers(client: Client, process: subprocess.Popen[bytes]) -> None:
    """Wait for all its rooms: three nodes that start at once take their time on a small machine that is busy."""
    ends_at = time.monotonic() + ANSWERS_WITHIN_S
    while True:
        try:
            client.call("node", "status")
            return
        except Unavailable:
            if process.poll() is not None or time.monotonic() > ends_at:
                raise
            time.sleep(PAUSE_S)


def _together(acts: Sequence[Callable[[], object]]) -> None:
    """All at once; raises what the first of them raised once all have ended."""
    with ThreadPoolExecutor() as threads:
        for each in [threads.submit(act) for act in acts]:
            each.result()


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_WITHIN_S)
    process.kill()
    process.wait()


def _introduce(client: Client, everybody: Sequence[Client]) -> str:
    """Make the others peers of a node, and somebody its administrator; the address by which that one comes in."""
    for other in everybody:
        if other is not client:
            client.call("federation", "peer_add", {"card": other.call("federation", "card")["card"]})
    people = [person["email"] for person in client.call("accounts", "people")["people"]]
    if OPERATOR not in people:
        client.call("accounts", "person_add", {"email": OPERATOR, "roles": ["administrator", "permanent"]})
    return str(client.call("accounts", "link_make", {"email": OPERATOR})["url"])


def _open_lanes(clients: Sequence[Client]) -> None:
    """Each gives each other what leads to its RabbitMQ, and takes what it is given."""
    for client in clients:
        for peer in client.call("federation", "peers")["peers"]:
            [other] = [each for each in clients if each is not client and _is(each, peer["node"])]
            given = client.call("federation", "lane_open", {"peer": peer["node"]})["document"]
            other.call("federation", "lane_take", {"document": given})


def _is(client: Client, node: str) -> bool:
    return bool(client.call("federation", "card")["node"] == node)


def _shown(folder: Path) -> str:
    """The folder as it is typed from here."""
    return str(folder.relative_to(Path.cwd())) if folder.is_relative_to(Path.cwd()) else str(folder)


if __name__ == "__main__":
    sys.exit(main())
