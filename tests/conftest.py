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

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import settings

from deploy.servers import PrivateBroker, PrivatePostgres
from deploy.tenants import drop_database, drop_vhost, make_database, make_vhost
from services.kernel import local
from tests.sockets import forbid_the_world

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("MAILLAGE_TEST_DATA") or ROOT.parent / "shared" / "data").resolve()
SHORT_RUN, SOAK_RUN = 400, 20_000

BackendName = Literal["embedded", "node"]
Fresh = Callable[[], str]


def pytest_configure() -> None:
    """Before anything is imported by a test: nobody leaves the machine, and no law fails because it is slow."""
    forbid_the_world()
    settings.register_profile("house", parent=settings(), deadline=None)
    settings.load_profile("house")


def pytest_report_header() -> str:
    """Say which data the tests will find."""
    return f"data for tests: {DATA if DATA.is_dir() else f'none at {DATA}, set MAILLAGE_TEST_DATA'}"


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
def fresh_vhost(_broker: BrokerAddress) -> Iterator[Fresh]:
    """A function that makes an empty virtual host and returns its AMQP URL; it is deleted after the test."""
    made: list[str] = []

    def make() -> str:
        made.append(make_vhost(_broker.url, _broker.api_url))
        return made[-1]

    yield make
    for url in made:
        drop_vhost(_broker.api_url, url)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of the session's PostgreSQL, its database `postgres`; better use `fresh_database`."""
    given = os.environ.get("MAILLAGE_TEST_DATABASE")
    if given:
        yield given.replace("postgresql://", "postgresql+psycopg://", 1)
        return
    with PrivatePostgres(durable=False) as private:
        yield private.url


@pytest.fixture
def fresh_database(postgres: str) -> Iterator[Fresh]:
    """A function that makes an empty PostgreSQL database and returns its URL; it is dropped after the test."""
    made: list[str] = []

    def make() -> str:
        made.append(make_database(postgres))
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


@dataclass(frozen=True)
class Backend:
    """One of the ways to run: where the databases and the broker of this test are.

    Args:
        name: `embedded` (SQLite, a file a service; the in-process transport) or `node` (PostgreSQL and RabbitMQ).
        broker_url: kombu's URL; `local://` is the in-process transport.
    """

    name: BackendName
    broker_url: str
    _folder: Path
    _database_url: str

    def database_url(self, service: str) -> str:
        """SQLAlchemy URL of the database of a service; on `node` one database holds them all."""
        return self._database_url or f"sqlite:///{self._folder / service}.sqlite3"


@pytest.fixture(params=["embedded", "node"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """Both backends in turn, each empty; the servers are started only for `node`."""
    if request.param == "embedded":
        return Backend("embedded", local.URL, tmp_path, "")
    vhost: Fresh = request.getfixturevalue("fresh_vhost")
    database: Fresh = request.getfixturevalue("fresh_database")
    return Backend("node", vhost(), tmp_path, database())
