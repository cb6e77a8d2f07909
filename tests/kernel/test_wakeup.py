"""Bells and events that wake a reader: every name it follows is heard, at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

import pytest
from kombu.connection import Connection

from services.kernel.broker import events_exchange
from services.kernel.wakeup import Bell, follow
from tests.conftest import Backend

Connect = Callable[[], Connection]


@pytest.fixture
def connect(backend: Backend) -> Connect:
    """Connections to the broker."""
    return partial(Connection, backend.broker_url)


def test_each_name_that_is_followed_is_heard_within_a_moment(connect: Connect) -> None:
    heard = threading.Semaphore(0)
    stop = threading.Event()
    reader = threading.Thread(target=follow, args=(connect, ["one.room", "its.bell"], heard.release, stop))
    reader.start()
    try:
        assert heard.acquire(timeout=10), "it looks once as it begins"
        bell = Bell(connect, "its.bell")
        for _ in range(2):
            bell.ring()
            assert heard.acquire(timeout=2)
        bell.close()
        with connect() as connection:
            producer = connection.Producer(exchange=events_exchange("one.room"), routing_key="room.thing.changed.v1")
            producer.publish("{}", content_type="application/json", content_encoding="utf-8")
        assert heard.acquire(timeout=2)
    finally:
        stop.set()
        reader.join(5)


def test_a_bell_that_names_a_stream_tells_which_and_one_that_names_none_wakes(connect: Connect) -> None:
    woken, told = threading.Semaphore(0), list[str]()
    stop = threading.Event()
    arguments = (connect, ["named.bell"], woken.release, stop, told.append)
    reader = threading.Thread(target=follow, args=arguments)
    reader.start()
    try:
        assert woken.acquire(timeout=10), "it looks once as it begins"
        bell = Bell(connect, "named.bell")
        bell.ring("n/directory/shared")
        bell.ring()
        assert woken.acquire(timeout=2)
        assert told == ["n/directory/shared"]
        bell.close()
    finally:
        stop.set()
        reader.join(5)


def test_a_bell_without_a_broker_is_silent_and_rings_again_when_there_is_one(connect: Connect) -> None:
    away = Bell(lambda: Connection("amqp://127.0.0.1:1//", connect_timeout=1), "its.bell")
    began = time.monotonic()
    away.ring()
    assert time.monotonic() - began < 5
    away._connect = connect
    away.ring()
    assert away._connection is not None
    away.close()
