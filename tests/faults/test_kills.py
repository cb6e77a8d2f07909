"""Killed processes, brokers and databases: nothing lost, nothing twice, the order kept, the lag back to 0."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from deploy.servers import PrivateBroker, PrivatePostgres
from tests.faults.conftest import Make, Pair

TEST = "tests/faults/test_kills.py"
NOTHING_WRONG = {"lost": 0, "doubled": 0, "gaps": 0, "out of order": 0}


@pytest.mark.parametrize(
    ("room", "point", "what"),
    [
        ("writer", "before-publish:3", "a service killed after its commit, before publishing"),
        ("writer", "before-confirm:3", "the relay killed between publishing and the confirm"),
        ("follower", "before-ack:3", "a consumer killed after its insert, before its acknowledgement"),
    ],
    ids=["before-publish", "before-confirm", "before-ack"],
)
def test_a_process_killed_at_its_worst_moment(
    pair: Pair, events_per_run: int, room: str, point: str, what: str
) -> None:
    pair.start("writer", point if room == "writer" else "")
    pair.start("follower", point if room == "follower" else "")
    pair.write(events_per_run)
    assert pair.told(9, what, TEST) == NOTHING_WRONG


def test_two_processes_of_one_service_make_one_sequence(pair: Pair, events_per_run: int) -> None:
    for _ in range(2):
        pair.start("writer")
        pair.start("follower")
    pair.write(events_per_run)
    assert pair.told(9, "two processes of every service by mistake", TEST) == NOTHING_WRONG


def test_sigterm_ends_the_work_under_way_within_ten_seconds(pair: Pair, events_per_run: int) -> None:
    pair.start("writer")
    pair.start("follower")
    writing = threading.Thread(target=pair.write, args=(events_per_run,))
    writing.start()
    time.sleep(2)
    took_s = pair.stop()
    writing.join(60)
    assert took_s < 10
    assert pair.told(9, "SIGTERM under load", TEST) == NOTHING_WRONG


@pytest.mark.parametrize("wiped", [False, True], ids=["killed", "killed and wiped"])
def test_the_broker_killed_in_a_burst(
    killable_broker: PrivateBroker, fresh_database: Callable[[], str], make_pair: Make, events_per_run: int, wiped: bool
) -> None:
    pair = make_pair(fresh_database(), killable_broker.url)
    pair.start("writer")
    pair.start("follower")
    pair.write(events_per_run // 2)
    burst = threading.Thread(target=pair.write, args=(events_per_run // 2,))
    burst.start()
    killable_broker.kill()
    if wiped:
        killable_broker.wipe()
    killable_broker.start()
    burst.join(90)
    what = "the broker killed in a burst, its disk wiped" if wiped else "the broker killed in a burst"
    assert pair.told(2 if wiped else 1, what, TEST) == NOTHING_WRONG


def test_the_database_restarted_under_load(
    killable_postgres: PrivatePostgres, fresh_vhost: Callable[[], str], make_pair: Make, events_per_run: int
) -> None:
    pair = make_pair(killable_postgres.url, fresh_vhost())
    pair.start("writer")
    pair.start("follower")
    pair.write(events_per_run // 2)
    load = threading.Thread(target=pair.write, args=(events_per_run // 2,))
    load.start()
    killable_postgres.kill()
    killable_postgres.start()
    load.join(90)
    assert pair.told(7, "the database killed under load, in a node", TEST) == NOTHING_WRONG
