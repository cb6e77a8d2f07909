"""A room's database: one writer at a time without stopping the others, one moment per reading, clear refusals."""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, StatementError

from deploy.servers import PrivatePostgres
from deploy.tenants import plain_url
from services.kernel.announce import NewEvent
from services.kernel.database import Database
from services.kernel.errors import Unavailable
from services.kernel.log import EventLog
from services.kernel.migrate import migrate
from tests.conftest import Backend


@pytest.fixture
def database(backend: Backend) -> Iterator[Database]:
    """A room's database with one table."""
    opened = Database(backend.database_url("room"), "room")
    migrate(opened)
    with opened.begin() as session:
        session.execute(text("CREATE TABLE thing (id INTEGER PRIMARY KEY, value TEXT)"))
    yield opened
    opened.close()


def count(database: Database) -> int:
    """How many things there are."""
    with database.read() as session:
        return session.scalar(text("SELECT count(*) FROM thing")) or 0


def test_what_raises_is_undone_and_what_only_reads_keeps_nothing(database: Database) -> None:
    with pytest.raises(KeyError), database.begin() as session:
        session.execute(text("INSERT INTO thing VALUES (1, 'a')"))
        raise KeyError
    with database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM thing")) == 0


def test_a_reading_sees_one_moment_whatever_is_committed_meanwhile(database: Database) -> None:
    with database.read() as reading:
        before = reading.scalar(text("SELECT count(*) FROM thing"))
        with database.begin() as session:
            session.execute(text("INSERT INTO thing VALUES (1, 'a')"))
        assert reading.scalar(text("SELECT count(*) FROM thing")) == before == 0
    assert count(database) == 1


def test_many_writers_at_once_are_all_committed(database: Database) -> None:
    def write(number: int) -> None:
        for offset in range(10):
            with database.begin() as session:
                session.execute(text("INSERT INTO thing VALUES (:id, 'x')"), {"id": number * 10 + offset})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert count(database) == 80


def test_a_wrong_statement_is_a_fault_and_not_a_database_that_is_away(database: Database) -> None:
    with pytest.raises(StatementError) as caught, database.begin() as session:
        session.execute(text("SELECT nothing_of_the_kind FROM thing"))
    assert not isinstance(caught.value, Unavailable)
    with pytest.raises(IntegrityError), database.begin() as session:
        session.execute(text("INSERT INTO thing VALUES (1, 'a'), (1, 'b')"))
    assert count(database) == 0


def test_migrations_run_once_however_many_processes_start_together(backend: Backend) -> None:
    databases = [Database(backend.database_url("room"), "room") for _ in range(4)]
    failed: list[BaseException] = []

    def start(database: Database) -> None:
        try:
            migrate(database)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=start, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    with databases[0].read() as session:
        assert session.scalars(text("SELECT version_num FROM version_kernel")).all() == ["0003"]
    for database in databases:
        database.close()


def test_a_locked_file_is_said_to_be_busy_and_nothing_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import services.kernel.database as module

    monkeypatch.setattr(module, "SQLITE_BUSY_MS", 100)
    first = Database(f"sqlite:///{tmp_path}/room.sqlite3", "room")
    second = Database(f"sqlite:///{tmp_path}/room.sqlite3", "room")
    with first.begin() as session:
        session.execute(text("CREATE TABLE thing (id INTEGER)"))
        with pytest.raises(Unavailable, match="locked"), second.begin():
            pass
    first.close()
    second.close()


def test_a_database_that_went_away_is_unavailable_and_comes_back(killable_postgres: PrivatePostgres) -> None:
    database = Database(killable_postgres.fresh_database(), "room")
    migrate(database)
    killable_postgres.kill()
    for use in (database.begin, database.read):
        with pytest.raises(Unavailable, match="ne répond pas"), use() as session:
            session.execute(text("SELECT 1"))
    killable_postgres.start()
    with database.begin() as session:
        assert session.scalar(text("SELECT 1")) == 1
    database.close()


COOPERATIVE = """
import os, warnings
warnings.filterwarnings("ignore")
import eventlet
eventlet.monkey_patch()
import sys, time
from eventlet import tpool
from sqlalchemy import text
from services.kernel.database import Database
database = Database(f"sqlite:///{sys.argv[1]}/room.sqlite3", "room", tpool.execute)
with database.begin() as session:
    session.execute(text("CREATE TABLE thing (id INTEGER)"))
beats, longest = [time.monotonic()], [0.0]
def beat():
    while True:
        eventlet.sleep(0.001)
        longest[0] = max(longest[0], time.monotonic() - beats[0])
        beats[0] = time.monotonic()
def write():
    for _ in range(25):
        with database.begin() as session:
            session.execute(text("INSERT INTO thing VALUES (1)"))
            eventlet.sleep(0)  # another greenlet may run while this one holds the file
def read():
    for _ in range(50):
        with database.read() as session:
            session.execute(text("SELECT count(*) FROM thing")).scalar()
        eventlet.sleep(0)
eventlet.spawn(beat)
work = [eventlet.spawn(write) for _ in range(8)] + [eventlet.spawn(read) for _ in range(4)]
for one in work:
    one.wait()
with database.read() as session:
    print(session.execute(text("SELECT count(*) FROM thing")).scalar(), longest[0] < 2.0)
os._exit(0)
"""


def test_green_threads_share_one_file_without_stopping_each_other(tmp_path: Path) -> None:
    """A busy wait of SQLite would stop the only thread for five seconds, with the lock's holder in it."""
    command = [sys.executable, "-c", COOPERATIVE, str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout.split() == ["200", "True"]


@pytest.fixture
def small_disk() -> Iterator[Callable[[int], Path]]:
    """Mounts a file system in memory of so many kilobytes, open to all."""
    mounted: list[Path] = []

    def mount(size_kb: int) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="maillage-disk-"))
        command = ["mount", "-t", "tmpfs", "-o", f"size={size_kb}k,mode=0777", "tmpfs", str(folder)]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
            folder.rmdir()
            pytest.skip("a full disk needs a file system of its own, and only root may mount one here")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()


def test_a_full_disk_under_sqlite_changes_nothing_and_goes_on_when_there_is_room(
    small_disk: Callable[[int], Path],
) -> None:
    disk = small_disk(1_500)
    (disk / "ballast").write_bytes(b"x" * 600_000)
    database = Database(f"sqlite:///{disk}/room.sqlite3", "room")
    migrate(database)
    written = _fill(database)
    (disk / "ballast").unlink()
    _check_it_goes_on(database, written)


def test_a_full_disk_under_postgresql_changes_nothing_and_goes_on_when_there_is_room(
    small_disk: Callable[[int], Path], killable_postgres: PrivatePostgres
) -> None:
    """The tables' disk: where the write-ahead log's own is full, PostgreSQL stops by itself."""
    disk = small_disk(20_000)
    url = killable_postgres.fresh_database()
    with psycopg.connect(plain_url(killable_postgres.url), autocommit=True) as connection:
        place = disk / "tables"
        place.mkdir()
        shutil.chown(place, killable_postgres.user)
        connection.execute(f"CREATE TABLESPACE small LOCATION '{place}'")
        connection.execute(f"ALTER DATABASE {url.rsplit('/', 1)[1]} SET TABLESPACE small")
    database = Database(url, "room")
    migrate(database)
    ballast = disk / "ballast"
    ballast.write_bytes(b"x" * (_free(disk) - 2_000_000))
    written = _fill(database)
    ballast.unlink()
    _check_it_goes_on(database, written)
    with psycopg.connect(plain_url(killable_postgres.url), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {url.rsplit('/', 1)[1]} WITH (FORCE)")
        connection.execute("DROP TABLESPACE small")


def _free(disk: Path) -> int:
    told = os.statvfs(disk)
    return told.f_bavail * told.f_bsize


def _fill(database: Database) -> int:
    """Write until refused; how many transactions were committed."""
    log, written = EventLog(), 0
    with pytest.raises(Unavailable, match="disque est plein"):
        while written < 2_000:
            with database.begin() as session:
                noise = os.urandom(10_000).hex()
                log.append(session, NewEvent("room.thing.changed.v1", f"s{written}", 1, {"noise": noise}))
            written += 1
    return written


def _check_it_goes_on(database: Database, written: int) -> None:
    log = EventLog()
    with database.begin() as session:
        log.append(session, NewEvent("room.thing.changed.v1", "after", 1, {}))
    with database.read() as session:
        subjects = session.scalars(text("SELECT subject FROM event_log ORDER BY row_id")).all()
    assert subjects == [*(f"s{number}" for number in range(written)), "after"]
    database.close()


def test_what_was_erased_is_in_no_page_of_the_file_and_a_reader_of_before_only_delays_that(tmp_path: Path) -> None:
    opened, chance = Database(f"sqlite:///{tmp_path}/room.sqlite3", "room"), random.Random(3)
    ids = [f"{chance.getrandbits(64):016x}" for _ in range(400)]  # in no order: pages are split, and keep copies
    with opened.begin() as session:
        session.execute(text("CREATE TABLE said (id TEXT PRIMARY KEY, value BLOB)"))
        for each in ids:
            value = b"Kerdoncuff" + bytes(chance.randrange(100, 900))
            session.execute(text("INSERT INTO said VALUES (:id, :value)"), {"id": each, "value": value})
    with opened.begin() as session:
        for each in ids:
            value = bytes(chance.randrange(100, 1_500))
            session.execute(text("UPDATE said SET value = :value WHERE id = :id"), {"id": each, "value": value})
    with opened.read() as session:
        session.execute(text("SELECT count(*) FROM said")).one()
        with opened.begin() as writing:
            writing.execute(text("DELETE FROM said WHERE id = :id"), {"id": ids[0]})
        with pytest.raises(Unavailable):
            opened.shed()
    opened.settle()
    assert not [file.name for file in tmp_path.iterdir() if b"Kerdoncuff" in file.read_bytes()]
    opened.close()
