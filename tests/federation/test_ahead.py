"""The next page is asked for while the one at hand is kept: no question more, and nothing else believed."""

from __future__ import annotations

from typing import Any

import pytest

from services.federation import reading
from services.kernel.database import Database
from services.kernel.errors import Unavailable
from tests.federation.homes import Home, bodies
from tests.federation.test_reading import Peer, live
from tests.federation.test_taking import held, state


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Peer:
    """A home with forty records, read seven at a time."""
    monkeypatch.setattr(reading, "PAGE", 7)
    home = Home.of("orpan")
    for number in range(40):
        home.says(number)
    home.checkpoint()
    return Peer(home, page=7)


def test_each_page_is_asked_for_once_and_before_it_is_needed(database: Database, peer: Peer) -> None:
    peer.catch_up(peer.reader(database))
    assert peer.asked == ["snapshot"] * 6 + ["log"]
    assert live(database, peer.home) == peer.home.heads
    for number in range(40, 60):
        peer.home.says(number)
    peer.home.checkpoint()
    peer.asked.clear()
    peer.catch_up(peer.reader(database))
    assert peer.asked == ["log"] * 4, "21 events, and nothing more"
    assert live(database, peer.home) == peer.home.heads


def test_what_was_asked_too_early_is_asked_again_where_the_page_before_it_was_refused(
    database: Database, peer: Peer
) -> None:
    truth = peer.home.snapshot()
    peer.lies = [*truth[:3], peer.home.forged(truth[3], stream="x"), *truth[4:]]
    reader = peer.reader(database)
    reader._snapshot(peer.home.stream)
    assert state(database, peer.home).read_seq == 3
    peer.lies = None
    peer.catch_up(reader)
    assert bodies(held(database, peer.home)) == bodies(truth)


def test_an_answer_that_fails_ahead_fails_where_it_is_needed_and_is_asked_again(database: Database, peer: Peer) -> None:
    reader = peer.reader(database)

    def breaks(path: str, asked: dict[str, Any]) -> bytes:
        if asked["after"] == 14:
            raise Unavailable("away")
        return peer.get(path, asked)

    reader._get = breaks
    with pytest.raises(Unavailable):
        peer.catch_up(reader)
    assert state(database, peer.home).read_seq == 14, "what came before is kept"
    reader._get = peer.get
    peer.catch_up(reader)
    assert live(database, peer.home) == peer.home.heads
