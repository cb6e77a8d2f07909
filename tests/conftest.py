"""What every test may ask for: servers, databases, both backends, the shared data.

Servers start when the first test asks for one and serve the whole session; a database or a virtual host belongs to one
test.

    def test_something(backend):              # twice: embedded (SQLite) and node (PostgreSQL + RabbitMQ)
        engine = create_engine(backend.database_url("directory"))
    def test_other(fresh_database, fresh_vhost):
        url, other = fresh_database(), fresh_database()
    def test_power_cut(killable_broker):      # alone of its kind: kill, wipe, freeze it as you like
        killable_broker.kill()
    def test_real_rows(test_data):            # the folder of MAILLAGE_TEST_DATA
        rows = (test_data / "france-services" / "liste-fs-20240801.csv").read_bytes()
"""

import gc
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import settings

from deploy.processes import PORTS_OF
from deploy.servers import PrivateBroker, PrivatePostgres
from deploy.tenants import drop_database, drop_vhost, make_database, make_vhost
from services.kernel import local
from tests.parallel import WORKER, pytest_collection_modifyitems, pytest_runtest_protocol
from tests.sockets import forbid_the_world
from tests.templates import Templates, migrated_file, templates_on

__all__ = ["pytest_collection_modifyitems", "pytest_runtest_protocol"]
ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("MAILLAGE_TEST_DATA") or ROOT.parent / "shared" / "data").resolve()
SHORT_RUN, SOAK_RUN = 400, 20_000

NUMBERS_ONLY = "EVENTLET_NO_GREENDNS"
"""Names are not looked up by eventlet: all that tests speak to is a number, and loading what reads names is a fifth of
a node's start. The nodes of the operators' guide are started without it."""

TOLD = "told"
"""The property under which a test hands over a line for the end of the run."""

BackendName = Literal["embedded", "node"]
Fresh = Callable[[], str]


def pytest_configure() -> None:
    """Before anything is imported by a test: nobody leaves the machine, and no law fails because it is slow."""
    forbid_the_world()
    settings.register_profile("house", parent=settings(), deadline=None)
    settings.load_profile("house")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # hundreds of processes of ours: each would compile all it imports
    os.environ[PORTS_OF] = WORKER[2:] or "0"
    os.environ[NUMBERS_ONLY] = "yes"


def pytest_collection_finish() -> None:
    """What was collected stays to the end: the collector need not walk over thousands of tests again and again."""
    gc.collect()
    gc.freeze()


def pytest_report_header() -> str:
    """Say which data the tests will find."""
    return f"data for tests: {DATA if DATA.is_dir() else f'none at {DATA}, set MAILLAGE_TEST_DATA'}"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what the tests of faults counted, whichever process ran them."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, line in getattr(report, "user_properties", ()):
                if name == TOLD and report.when == "teardown":
                    terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real data (France services, schemas, territory); the test is skipped, and says so, without it."""
    if not DATA.is_dir():
        pytest.skip(
            f"no data at {DATA}: set MAILLAGE_TEST_DATA to the folder that holds france-services/ and the others"
        )
    return DATA


@pytest.fixture(scope="session")
def events_per_run() -> int:
    """How many events a test of faults sends: few in `make test`, 20,000 in `make soak` (MAILLAGE_SOAK=1).

    MAILLAGE_SOAK_EVENTS says another number for a long run.
    """
    soak = int(os.environ.get("MAILLAGE_SOAK_EVENTS", SOAK_RUN))
    return soak if os.environ.get("MAILLAGE_SOAK") else SHORT_RUN


@dataclass(frozen=True)
class BrokerAddress:
    """Where the session's broker is: AMQP and management API, as URLs with credentials."""

    url: str
    api_url: str


@pytest.fixture(scope="session")
def _broker() -> Iterator[BrokerAddress]:
    given = os.environ.get("MAILLAGE_TEST_BROKER")
    if given:
        authority = given.split("://", 1)[1].split("/", 1)[0]
        guessed = f"http://{authority.rsplit(':', 1)[0]}:15672/api"
        yield BrokerAddress(given, os.environ.get("MAILLAGE_TEST_BROKER_API") or guessed)
        return
    with PrivateBroker() as private:
        yield BrokerAddress(private.url, private.api_url)


@pytest.fixture(scope="session")
def broker(_broker: BrokerAddress) -> str:
    """URL of the session's RabbitMQ, its default virtual host; better use `fresh_vhost`."""
    return _broker.url


@pytest.fixture
def fresh_vhost(request: pytest.FixtureRequest) -> Iterator[Fresh]:
    """A function that makes an empty virtual host and returns its AMQP URL; it is deleted after the test."""
    made: list[tuple[str, str]] = []

    def make() -> str:
        where: BrokerAddress = request.getfixturevalue("_broker")  # no broker is started for who asks for none
        made.append((where.api_url, make_vhost(where.url, where.api_url)))
        return made[-1][1]

    yield make
    for api_url, url in made:
        drop_vhost(api_url, url)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of the session's PostgreSQL, its database `postgres`; better use `fresh_database`."""
    given = os.environ.get("MAILLAGE_TEST_DATABASE")
    if given:
        yield given.replace("postgresql://", "postgresql+psycopg://", 1)
        return
    with PrivatePostgres(durable=False) as private:
        yield private.url


@pytest.fixture(scope="session")
def _templates(postgres: str) -> Iterator[Templates]:
    with templates_on(postgres) as templates:
        yield templates


@pytest.fixture
def fresh_database(postgres: str, _templates: Templates) -> Iterator[Callable[..., str]]:
    """A function that makes a PostgreSQL database, empty or migrated for a room: its URL. The test's end drops it."""
    made: list[str] = []

    def make(room: str = "") -> str:
        made.append(_templates.copy(room) if room else make_database(postgres))
        return made[-1]

    yield make
    for url in made:
        drop_database(postgres, url)


@pytest.fixture(scope="session")
def broker_to_kill() -> Iterator[PrivateBroker]:
    """The RabbitMQ behind `killable_broker`, for fixtures of a wider scope; start it before use."""
    with PrivateBroker() as private:
        yield private


@pytest.fixture
def killable_broker(broker_to_kill: PrivateBroker) -> Iterator[PrivateBroker]:
    """A RabbitMQ that a test may kill, freeze or wipe; it runs when the test starts. Use its `fresh_vhost()`."""
    broker_to_kill.start()
    yield broker_to_kill


@pytest.fixture(scope="session")
def postgres_to_kill() -> Iterator[PrivatePostgres]:
    """The PostgreSQL behind `killable_postgres`, for fixtures of a wider scope; start it before use."""
    with PrivatePostgres(durable=True) as private:
        yield private


@pytest.fixture
def killable_postgres(postgres_to_kill: PrivatePostgres) -> Iterator[PrivatePostgres]:
    """A durable PostgreSQL that a test may kill, freeze or restart; it runs when the test starts."""
    postgres_to_kill.start()
    yield postgres_to_kill


@pytest.fixture(scope="session")
def _kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("migrated")


class Backend:
    """One of the ways to run: where the databases and the broker of this test are, made when they are asked for.

    `name` is `embedded` (SQLite, a file a service; the in-process transport) or `node` (PostgreSQL and RabbitMQ).
    """

    def __init__(self, name: BackendName, folder: Path, request: pytest.FixtureRequest) -> None:
        self.name = name
        self._folder = folder
        self._request = request
        self._made: dict[str, str] = {}

    @property
    def broker_url(self) -> str:
        """kombu's URL; `local://` is the in-process transport."""
        return local.URL if self.name == "embedded" else self._once("fresh_vhost")

    def database_url(self, service: str) -> str:
        """SQLAlchemy URL of the empty database of a service; on `node` one database holds them all."""
        if self.name == "embedded":
            return f"sqlite:///{self._folder / service}.sqlite3"
        return self._once("fresh_database")

    def migrated_url(self, room: str) -> str:
        """The same of a room that need not be migrated any more."""
        if self.name == "embedded":
            kept: Path = self._request.getfixturevalue("_kept")
            return migrated_file(kept, room, self._folder / f"{room}.sqlite3")
        return self._once("fresh_database", room)

    def _once(self, fixture: str, *asked: str) -> str:
        if fixture not in self._made:
            self._made[fixture] = self._request.getfixturevalue(fixture)(*asked)
        return self._made[fixture]


@pytest.fixture(params=["embedded", "node"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """Both backends in turn, each empty; the servers are started only for `node`."""
    if request.param == "node":  # here, so that they are cleared away after all that a test opens on them
        request.getfixturevalue("fresh_vhost")
        request.getfixturevalue("fresh_database")
    return Backend(request.param, tmp_path, request)
