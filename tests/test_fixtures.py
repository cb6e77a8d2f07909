"""The tools of the tests hold what they promise."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kombu
import psycopg
import pytest
from sqlalchemy import create_engine, inspect, text

from deploy.processes import free_ports
from deploy.servers import PrivateBroker, PrivatePostgres
from deploy.tenants import plain_url
from services.kernel.database import Database
from services.kernel.migrate import migrate
from tests.conftest import ROOT, Backend
from tests.sockets import WorldReached, is_here


def test_a_backend_gives_an_empty_database_and_a_broker(backend: Backend) -> None:
    engine = create_engine(backend.database_url("directory"))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE proof (n INTEGER)"))
        connection.execute(text("INSERT INTO proof VALUES (1)"))
        assert connection.execute(text("SELECT sum(n) FROM proof")).scalar() == 1
    engine.dispose()
    assert (backend.name == "embedded") == (backend.broker_url.startswith("local:"))


def test_a_copy_of_a_migrated_database_is_what_migrating_an_empty_one_makes(
    backend: Backend, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    fresh: Callable[[], str] = request.getfixturevalue("fresh_database") if backend.name == "node" else lambda: ""
    anew = Database(fresh() or f"sqlite:///{tmp_path}/anew.sqlite3", "directory")
    migrate(anew)
    copied = Database(backend.migrated_url("directory"), "directory")
    assert shape(copied) == shape(anew)
    with copied.begin() as session:
        session.execute(text("DELETE FROM version_directory"))
    again = Database(backend.migrated_url("directory"), "directory")
    with again.read() as session:
        assert session.scalar(text("SELECT count(*) FROM version_directory")) == 0, "the same in the same test"
    for database in (anew, copied, again):
        database.close()


def shape(database: Database) -> dict[str, Any]:
    """Every table: its columns, its indexes, its rows (which are the versions)."""
    found = inspect(database.engine)
    with database.read() as session:
        return {
            table: (
                [(column["name"], str(column["type"]), column["nullable"]) for column in found.get_columns(table)],
                sorted(str(index["name"]) for index in found.get_indexes(table)),
                sorted(map(tuple, session.execute(text(f'SELECT * FROM "{table}"')))),
            )
            for table in found.get_table_names()
        }


def test_two_tests_never_share_a_virtual_host(fresh_vhost: Callable[[], str]) -> None:
    here, there = fresh_vhost(), fresh_vhost()
    with kombu.Connection(here) as connection, connection.SimpleQueue("proof") as queue:
        queue.put({"n": 1})
        assert queue.get(timeout=5).payload == {"n": 1}
    with kombu.Connection(there) as connection, pytest.raises(connection.channel_errors):
        connection.default_channel.queue_declare("proof", passive=True)


def test_two_tests_never_share_a_database(fresh_database: Callable[[], str]) -> None:
    here, there = fresh_database(), fresh_database()
    with psycopg.connect(plain_url(here)) as connection:
        connection.execute("CREATE TABLE proof (n INTEGER)")
    with psycopg.connect(plain_url(there)) as connection:
        assert connection.execute("SELECT to_regclass('proof')").fetchone() == (None,)


def test_a_killed_postgres_comes_back_with_what_was_committed(killable_postgres: PrivatePostgres) -> None:
    url = plain_url(killable_postgres.fresh_database())
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE proof (n INTEGER)")
    pid = killable_postgres.pid
    os.kill(pid, signal.SIGKILL)
    killable_postgres.kill()
    assert not killable_postgres.running
    killable_postgres.start()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT to_regclass('proof')").fetchone() == ("proof",)
    assert killable_postgres.pid != pid


def test_a_wiped_broker_comes_back_empty_on_the_same_port(killable_broker: PrivateBroker) -> None:
    url = killable_broker.fresh_vhost()
    with kombu.Connection(url) as connection:
        connection.connect()
    killable_broker.wipe()
    with pytest.raises(OSError), kombu.Connection(killable_broker.url, connect_timeout=2) as connection:
        connection.connect()
    killable_broker.start()
    with kombu.Connection(killable_broker.url) as connection:
        connection.connect()
        assert connection.connected
    with kombu.Connection(url) as connection, pytest.raises(connection.connection_errors):
        connection.connect()


def test_a_server_dies_with_the_tests_that_started_it(tmp_path: Path) -> None:
    story = tmp_path / "story"
    program = (
        "import os, signal, pathlib\n"
        "from deploy.servers import PrivatePostgres\n"
        "server = PrivatePostgres(durable=False); server.start()\n"
        f"pathlib.Path({str(story)!r}).write_text(f'{{server.pid}} {{server.folder}}')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    pid, folder = story.read_text().split()
    ends_at = time.monotonic() + 10
    while (Path(f"/proc/{pid}").exists() or Path(folder).exists()) and time.monotonic() < ends_at:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()
    assert not Path(folder).exists()


def test_free_ports_differ_and_are_free() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    with socket.socket() as one:
        one.bind(("127.0.0.1", ports[0]))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost", "", None, b"localhost", "0.0.0.0"])
def test_the_loopback_is_here(host: object) -> None:
    assert is_here(host)


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "example.org", "localhost.example.org", b"10.0.0.1"])
def test_the_rest_is_the_world(host: object) -> None:
    assert not is_here(host)


def test_a_socket_to_the_world_is_refused() -> None:
    with pytest.raises(WorldReached, match=r"192\.0\.2\.1"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(WorldReached), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(b"?", ("192.0.2.1", 53))
    with pytest.raises(WorldReached, match="example"):
        socket.getaddrinfo("example.org", 80)
