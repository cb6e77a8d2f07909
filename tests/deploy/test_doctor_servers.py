"""`maillage doctor` tries database and broker as the node uses them: real servers that refuse, are full, or are old."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from deploy import doctor_servers
from deploy.findings import Finding
from deploy.servers import PrivateBroker
from deploy.tenants import call_broker_api, plain_url
from services.kernel.settings import Broker, DatabaseSettings, Node, Settings
from tests.conftest import BrokerAddress, Fresh


def of_broker(url: str) -> list[Finding]:
    """What `doctor` says of a broker."""
    return list(doctor_servers.examine_broker(Path(), Settings(Node("x", "X"), broker=Broker(url))))


def of_database(url: str) -> list[Finding]:
    """What `doctor` says of a database."""
    return list(doctor_servers.examine_database(Path(), Settings(Node("x", "X"), database=DatabaseSettings(url))))


def test_servers_that_do_what_a_node_needs_are_good(fresh_vhost: Fresh, fresh_database: Fresh) -> None:
    for [found] in (of_broker(fresh_vhost()), of_broker(""), of_database(fresh_database()), of_database("")):
        assert found.ok, found


def test_a_broker_that_refuses_says_whether_it_is_the_password_or_the_virtual_host(fresh_vhost: Fresh) -> None:
    url = fresh_vhost()
    user, _, rest = url.partition("://")[2].partition(":")
    password, _, place = rest.partition("@")
    wrongs = {
        f"amqp://{user}:{password}x@{place}": "change_password",
        f"amqp://{rest and user}:{password}@{place.rpartition('/')[0]}/nulle-part": "add_vhost nulle-part",
        "amqp://guest:guest@127.0.0.1:1/x": "systemctl status rabbitmq-server",
    }
    for address, remedy in wrongs.items():
        [found] = of_broker(address)
        assert (found.ok, remedy in found.remedy) == (False, True), found


@pytest.mark.parametrize("lacks", ["configure", "write", "read"])
def test_a_user_who_comes_in_and_may_not_do_all_in_the_virtual_host(
    fresh_vhost: Fresh, _broker: BrokerAddress, lacks: str
) -> None:
    url = fresh_vhost()
    vhost, user = url.rpartition("/")[2], url.partition("://")[2].partition(":")[0]
    may = {"configure": ".*", "write": ".*", "read": ".*"} | {lacks: "^$"}
    call_broker_api(_broker.api_url, "PUT", f"/permissions/{vhost}/{user}", may)
    [good, found] = of_broker(url)
    assert good.ok
    assert (found.check, found.ok) == ("courtier, droits", False)
    assert f"set_permissions -p {vhost} {user}" in found.remedy


@pytest.fixture
def full_broker() -> Iterator[str]:
    """A RabbitMQ that has less room than it asks for."""
    broker = PrivateBroker()
    broker.configure("disk_free_limit.absolute = 900000GB\n")
    with broker:
        yield broker.url


def test_a_broker_whose_disk_is_full_takes_nothing_and_is_told_apart_from_one_that_forbids(full_broker: str) -> None:
    [good, found] = of_broker(full_broker)
    assert good.ok
    assert (found.check, found.ok, "df -h" in found.remedy) == ("courtier, disque", False, True)


def test_a_database_in_which_the_node_may_make_nothing(fresh_database: Fresh) -> None:
    url, role = fresh_database(), f"r_{uuid.uuid4().hex}"
    with psycopg.connect(plain_url(url), autocommit=True) as admin:
        admin.execute(f"CREATE ROLE \"{role}\" LOGIN PASSWORD 'x'")
        try:
            scheme, _, rest = url.partition("://")
            good, found = of_database(f"{scheme}://{role}:x@{rest.rpartition('@')[2]}")
        finally:
            admin.execute(f'DROP ROLE "{role}"')
    assert good.ok
    assert (found.check, found.ok, f'OWNER TO "{role}"' in found.remedy) == ("base de données, droits", False, True)


def test_a_database_that_does_not_answer() -> None:
    [found] = of_database("postgresql+psycopg://maillage@127.0.0.1:1/x")
    assert (found.ok, "PostgreSQL tourne" in found.remedy) == (False, True)


def test_servers_older_than_a_node_needs(
    fresh_vhost: Fresh, fresh_database: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_servers, "OLDEST_BROKER", (99, 0))
    monkeypatch.setattr(doctor_servers, "OLDEST_POSTGRES", 99)
    [broker], [database] = of_broker(fresh_vhost()), of_database(fresh_database())
    assert (broker.ok, "Installez RabbitMQ" in broker.remedy) == (False, True)
    assert (database.ok, "Installez PostgreSQL" in database.remedy) == (False, True)
