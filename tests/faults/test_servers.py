"""A node on servers, beside one without: RabbitMQ dies, its disk too, PostgreSQL; and none keeps what was erased."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from deploy.servers import PrivateBroker, PrivatePostgres
from deploy.tenants import call_broker_api
from services.kernel.errors import MaillageError
from tests.faults import canary
from tests.faults.sites import Site, Watch, site, until
from tests.running import BIN

TEST = "tests/faults/test_servers.py"
ANSWERS_WITHIN_S = 120


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where both nodes are."""
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="module")
def two(folder: Path, broker_to_kill: PrivateBroker, postgres_to_kill: PrivatePostgres) -> Iterator[tuple[Site, Site]]:
    """A node on RabbitMQ and PostgreSQL, a process a room, and an embedded one; each follows the other."""
    broker_to_kill.start()
    postgres_to_kill.start()
    servers = {
        "MAILLAGE_BROKER_URL": broker_to_kill.url, "MAILLAGE_DATABASE_URL": postgres_to_kill.fresh_database(),
        "MAILLAGE_HTTP_WORKERS": "1",
    }  # fmt: skip
    with site(folder / "large", "large", **servers) as large, site(folder / "small", "small") as small:
        large.follow(small)
        small.follow(large)
        yield large, small


@pytest.mark.parametrize("what", ["broker", "broker wiped", "database"])
def test_a_server_of_a_node_dies_while_it_follows_and_is_followed(
    two: tuple[Site, Site], broker_to_kill: PrivateBroker, postgres_to_kill: PrivatePostgres, events_per_run: int,
    what: str,
) -> None:  # fmt: skip
    large, small = two
    count, source = events_per_run // 2, what.replace(" ", "-")
    fault, told, kill = faults(broker_to_kill, postgres_to_kill)[what]
    with Watch(large, [small]) as here, Watch(small, [large]) as there, ThreadPoolExecutor() as threads:
        small.publish(count, source=source)
        large.publish(count // 4, source=source)
        bursts = [
            threads.submit(small.publish, count, count, "Pendant", source),
            threads.submit(publish_through, large, count // 4, source),
        ]
        kill()
        for burst in bursts:
            burst.result()
        results = [here.settled(fault, f"{told}: who follows", TEST), there.settled(fault, f"{told}: the home", TEST)]
    assert [(each.lost, each.doubled) for each in results] == [(0, 0), (0, 0)]
    assert not here.blamed.keys() | there.blamed.keys(), "a dead server is nobody's lie"


def faults(
    broker: PrivateBroker, postgres: PrivatePostgres
) -> dict[str, tuple[int, str, Callable[[], None]]]:  # fmt: skip
    """What is killed: the fault's number, its name in the table, and how."""
    return {
        "broker": (1, "RabbitMQ killed in a burst between nodes", partial(killed, broker)),
        "broker wiped": (2, "RabbitMQ killed and its disk wiped, between nodes", partial(killed, broker, wiped=True)),
        "database": (7, "PostgreSQL killed in a burst between nodes", partial(killed, postgres)),
    }


def killed(server: PrivateBroker | PrivatePostgres, *, wiped: bool = False) -> None:
    """SIGKILL, perhaps an empty disk, and a new start."""
    server.kill()
    if wiped and isinstance(server, PrivateBroker):
        server.wipe()
    server.start()


def publish_through(site: Site, count: int, source: str) -> None:
    """Import as people do while a server is away: what was refused, or not answered, is sent again, in pieces."""
    pieces, ends_at = list(range(0, count, 20)), time.monotonic() + ANSWERS_WITHIN_S
    while pieces:
        try:
            site.publish(min(20, count - pieces[0]), first=count + pieces[0], name="Pendant", source=source)
        except MaillageError:
            if time.monotonic() > ends_at:
                raise
            time.sleep(0.2)
        else:
            del pieces[0]


def test_a_number_after_its_objection_is_in_no_table_no_queue_and_no_backup_put_back(
    two: tuple[Site, Site], broker_to_kill: PrivateBroker, tmp_path: Path
) -> None:
    large, small = two
    told(two, small)
    saved = tmp_path / "large.maillage"
    command("backup", large.node.folder, saved, site=large)
    with Watch(large, [small]) as watch:
        canary.objects(small)
        result = watch.settled(23, "a telephone number after its objection, on RabbitMQ and PostgreSQL", TEST)
    assert result.lost == 0
    is_gone(two, broker_to_kill)
    large.node.stop()
    command("restore", saved, large.node.folder, "--yes", site=large)
    large.node.start()
    with Watch(large, [small]) as watch:
        watch.settled(23, "the same, in a PostgreSQL backup made before and put back after", TEST)
    is_gone(two, broker_to_kill)
    told(two, large)
    with Watch(small, [large]) as watch:
        canary.objects(large)
        watch.settled(23, "a number whose home is on RabbitMQ and PostgreSQL", TEST)
    is_gone(two, broker_to_kill)


def told(two: tuple[Site, Site], home: Site) -> None:
    """One publishes the number, both show it, and it is found where it is looked for later."""
    canary.tell(home)
    for each in two:
        until(lambda: canary.says(each, home))  # noqa: B023
    assert canary.tables(database(two[0]))
    assert canary.remnants(two[1].node.folder)


def is_gone(two: tuple[Site, Site], broker: PrivateBroker) -> None:
    """The number is in no feed, no table, no queue, and no file of a node's own.

    RabbitMQ's and PostgreSQL's own files are not looked at: they overwrite what was taken or erased in their own time.
    """
    large = two[0]
    for each in two:
        for home in two:
            until(lambda: not canary.says(each, home))  # noqa: B023
        until(lambda: not canary.remnants(each.node.folder))  # noqa: B023
    until(lambda: not canary.tables(database(large)), say=lambda: str(canary.tables(database(large))))
    until(lambda: not waiting(broker), say=lambda: str(waiting(broker)))


def waiting(broker: PrivateBroker) -> dict[str, int]:
    """Queues that hold messages."""
    queues: Any = call_broker_api(broker.api_url, "GET", "/queues")
    return {each["name"]: each["messages"] for each in queues if each.get("messages")}


def database(large: Site) -> str:
    """Where its PostgreSQL is."""
    return large.node.environment["MAILLAGE_DATABASE_URL"]


def command(*arguments: object, site: Site) -> None:
    """A command about a node, which finds its servers as the node does."""
    subprocess.run([BIN, *map(str, arguments)], check=True, capture_output=True, timeout=120,
                   env=os.environ | site.node.environment)  # fmt: skip
