"""A home changes its key: who follows goes on, who joins later reads both, a thief of the old one is not believed."""

from __future__ import annotations

import pytest

from services.federation import cards, store
from services.federation.peering import added, renewed
from services.kernel.database import Database
from services.kernel.envelope import Forged, canonical
from tests.federation.homes import Home
from tests.federation.test_reading import Peer, held, live


@pytest.fixture
def peer() -> Peer:
    """A home with three records, changed under two keys."""
    home = Home.of("orpan")
    for number in range(3):
        home.says(number)
    home.checkpoint()
    return Peer(home)


def test_who_follows_goes_on_under_the_next_key_once_it_has_the_card(database: Database, peer: Peer) -> None:
    before = peer.reader(database)
    peer.catch_up(before)
    peer.home.rotate("second")
    peer.home.says(4)
    peer.home.checkpoint()
    peer.catch_up(before)
    assert "unknown key" in held(database, peer.home).trouble, "not believed, and nothing lost"
    peer.catch_up(peer.reader(database))
    assert (held(database, peer.home).trouble, held(database, peer.home).differs) == ("", False)
    assert live(database, peer.home) == peer.home.heads


def test_who_joins_a_year_later_reads_events_of_both_keys(database: Database, peer: Peer) -> None:
    peer.home.rotate("second")
    peer.home.says(1, 2)
    peer.home.rotate("third")
    peer.home.says(5)
    peer.home.checkpoint()
    peer.catch_up(peer.reader(database))
    assert live(database, peer.home) == peer.home.heads
    assert held(database, peer.home).generation == 0


def test_what_a_stolen_key_signs_after_its_last_event_is_not_kept(database: Database, peer: Peer) -> None:
    thief = Home(peer.home.identity, events=list(peer.home.events), heads=dict(peer.home.heads))
    forged = thief.says(1, 2, nom="Faux")
    peer.home.rotate("second")
    peer.home.says(1, 2, nom="Vrai")
    peer.home.checkpoint()
    reader = peer.reader(database)
    peer.lies = [*peer.home.events[:4], forged]
    peer.catch_up(reader)
    assert held(database, peer.home).trouble != ""
    peer.lies = None
    peer.catch_up(peer.reader(database))
    assert live(database, peer.home) == peer.home.heads


def test_who_followed_a_thief_comes_back_by_the_epoch_that_the_revocation_opens(database: Database, peer: Peer) -> None:
    reader = peer.reader(database)
    peer.catch_up(reader)
    thief = Home(peer.home.identity, events=list(peer.home.events), heads=dict(peer.home.heads))
    thief.says(1, 2, nom="Faux")
    thief.says(9, 1, nom="Faux aussi")
    thief.checkpoint()
    Peer(thief).catch_up(Peer(thief).reader(database))
    assert live(database, peer.home) == thief.heads
    peer.home.rotate("second", revoked=True)
    peer.home.says(2, 2)
    peer.home.checkpoint()
    peer.catch_up(peer.reader(database))
    found = held(database, peer.home)
    assert (found.trouble, found.generation, found.epoch) == ("", 1, 2)
    assert live(database, peer.home) == peer.home.heads


def test_a_card_proves_its_keys_from_the_first_to_the_one_in_use() -> None:
    home = Home.of("orpan")
    home.says(1)
    home.rotate("second")
    home.rotate("third")
    raw = cards.written(home.card(), home.identity)
    assert cards.read(raw) == home.card()
    stranger = Home.of("radar").identity
    card = home.card()
    for wrong in (
        {"rotations": card.rotations[1:]}, {"rotations": card.rotations[:1]}, {"rotations": card.rotations[::-1]},
        {"rotations": stranger.rotated(b"x" * 32, revoked=False).rotations}, {"signing": stranger.public_key},
    ):  # fmt: skip
        changed = cards.Card(**(vars(card) | wrong))
        with pytest.raises(Forged):
            cards.read(cards.written(changed, home.identity))
    assert canonical(home.card().said()) in raw or raw.startswith(b"{")


def test_a_peers_later_card_is_taken_from_itself_unless_a_key_was_revoked(database: Database) -> None:
    home = Home.of("orpan")
    home.says(1)

    def answers(version: int) -> str:
        raw = cards.written(home.card(version), home.identity)
        with database.begin() as session:
            known = store.peer(session, home.identity.name)
            assert known is not None
            return renewed(known, home.card(version), raw)

    with database.begin() as session:
        added(session, home.card(), cards.written(home.card(), home.identity), "me", False)
    home.rotate("second")
    assert answers(2) == ""
    assert "ne suit pas" in answers(2), "it is known"
    honest, home = home, Home.of("orpan")
    home.says(1)
    home.rotate("thief")
    assert "ne suit pas" in answers(3), "another key was named before"
    home = honest
    home.rotate("third", revoked=True)
    assert "révoqué" in answers(3)
