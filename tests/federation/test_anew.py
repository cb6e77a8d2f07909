"""A stream is read anew: cut off, it goes on; twice in a row, it does; where it takes long, it waits and says so."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from services.federation import reading
from services.federation.model import Taken
from services.federation.reading import SNAPSHOT, TO_READ_ANEW, Reader
from services.kernel.database import Database
from services.kernel.errors import Unavailable
from tests.federation.homes import Home
from tests.federation.test_reading import Peer, held, live

SOON_S = 10


@pytest.fixture
def peer() -> Peer:
    """A home with ten records, and some that its database will forget."""
    home = Home.of("orpan")
    for number in range(10):
        home.says(number)
    home.checkpoint()
    return Peer(home, page=4)


def put_back(peer: Peer, name: str) -> None:
    """Its database forgets the last that it told; another change takes its place."""
    lost = peer.home.events[-2]
    peer.home.put_back(lost)
    peer.home.reopen()
    peer.home.checkpoint()
    peer.home.says(3, 2, nom=name)
    peer.home.checkpoint()


def test_a_database_put_back_twice_in_a_row_is_followed_twice(database: Database, peer: Peer) -> None:
    reader = peer.reader(database)
    for turn in range(1, 4):
        peer.home.says(20 + turn, nom="Perdu")
        peer.home.checkpoint()
        peer.catch_up(reader)
        put_back(peer, f"Tour {turn}")
        found = soon_at(1 + turn, database, peer, reader)
        assert (found.epoch, found.generation, found.trouble) == (1 + turn, turn, "")
        assert live(database, peer.home) == peer.home.heads
        assert (found.head_epoch, found.head_seq) == (found.epoch, found.seq), "and says of no lag that there is none"


def soon_at(epoch: int, database: Database, peer: Peer, reader: Reader) -> Taken:
    """Look again and again for a few seconds, as a link does, until the stream is held in this epoch."""
    ends_at = time.monotonic() + SOON_S
    while True:
        peer.catch_up(reader)
        found = held(database, peer.home)
        if (found.epoch == epoch and found.seq == peer.home.events[-1].header.seq) or time.monotonic() > ends_at:
            return found


def test_a_reading_anew_that_is_cut_off_goes_on_where_it_was(database: Database, peer: Peer) -> None:
    peer.catch_up(peer.reader(database))
    put_back(peer, "Changé")
    asked: list[str] = []
    reader = peer.reader(database)
    reader._get = cut_after(1, peer, asked)
    for _ in range(2):
        with pytest.raises(Unavailable):
            peer.catch_up(reader)
    assert held(database, peer.home).generation == 0
    reader._get = peer.get
    peer.catch_up(reader)
    found = held(database, peer.home)
    assert (found.epoch, found.generation, found.trouble) == (2, 1, "")
    assert live(database, peer.home) == peer.home.heads


def cut_after(pages: int, peer: Peer, asked: list[str]) -> Callable[[str, dict[str, Any]], bytes]:
    """A way to a peer that breaks after so many pages of its records."""

    def get(path: str, question: dict[str, Any]) -> bytes:
        asked.extend([path] if path == SNAPSHOT else [])
        if path == SNAPSHOT and len(asked) > pages:
            raise Unavailable("coupé")
        return peer.get(path, question)

    return get


def test_where_it_took_long_the_next_time_waits_and_is_told(
    database: Database, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "ANEW_SHARE", 1e-9)
    reader = peer.reader(database)
    peer.catch_up(reader)
    for turn in range(2):
        put_back(peer, f"Tour {turn}")
        for _ in range(3):
            peer.catch_up(reader)
    found = held(database, peer.home)
    assert (found.epoch, found.generation) == (2, 1)
    assert found.trouble.endswith(f"n’est pas la suite de ce qui est tenu{TO_READ_ANEW}600 s")
    assert found.trouble.count(TO_READ_ANEW) == 1
