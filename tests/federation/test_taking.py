"""What is kept of another node's stream: what is proved and next, nothing else; and whether it is what its home has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.directory.events import is_told_by
from services.federation import store
from services.federation.model import Taken
from services.federation.reading import fresh
from services.federation.taking import Receipt, Taker
from services.kernel.database import Database
from services.kernel.envelope import Signed, canonical, datahash
from services.kernel.identity import Keyring
from tests.federation.homes import PUBLISHED, WITHDRAWN, Home, bodies

ORPAN, RADAR = "orpan", "radar"


def taker_of(home: Home) -> Taker:
    """Who believes this home's key, and no other."""
    return Taker(Keyring({home.identity.name: home.identity.public_key}), is_told_by)


def take(database: Database, taker: Taker, home: Home, events: Sequence[bytes]) -> Receipt:
    """One page of this home's stream, kept as a link does."""
    with database.begin() as session:
        taken = store.taken(session, home.stream)
        if taken is None:
            taken = fresh(home.stream)
            session.add(taken)
        return taker.take(session, taken, events)


def held(database: Database, home: Home) -> list[Signed]:
    """All that is kept of this home's stream."""
    with database.read() as session:
        return store.after(session, home.stream, 1, 0, 10_000)


def state(database: Database, home: Home) -> Taken:
    """How far the stream was taken."""
    with database.read() as session:
        found = store.taken(session, home.stream)
        assert found is not None
        return found


def test_what_a_home_signed_is_kept_byte_for_byte_and_may_be_handed_on(database: Database) -> None:
    home = Home.of(ORPAN)
    for number in range(5):
        home.says(number)
    assert take(database, taker_of(home), home, bodies(home.events)).kept == 5
    assert bodies(held(database, home)) == bodies(home.events)


def test_pages_of_any_size_lead_to_the_same_state_which_is_that_of_the_home(database: Database) -> None:
    home = Home.of(ORPAN)
    for number in range(30):
        home.says(number)
    home.says(3, 2, nom="Autrement")
    home.says(4, 2, WITHDRAWN)
    home.checkpoint()
    home.says(31)
    home.checkpoint()
    events, taker = bodies(home.events), taker_of(home)
    for start in range(0, len(events), 7):
        taker = taker_of(home) if start == 14 else taker  # a process ended here
        take(database, taker, home, events[start : start + 7])
    found = state(database, home)
    assert (found.seq, found.differs) == (len(events), False)
    assert found.root == orjson.loads(events[-1])["data"]["root"]
    with database.read() as session:
        assert store.live(session, home.stream) == 30


def test_a_root_that_is_not_that_of_the_records_is_told_as_a_difference(database: Database) -> None:
    home = Home.of(ORPAN)
    home.says(1)
    home.checkpoint(root="0" * 64)
    take(database, taker_of(home), home, bodies(home.events))
    assert state(database, home).differs


def lies() -> dict[str, list[bytes]]:
    """Second events of a stream that must not be kept, each with what it does wrong."""
    home, forger = Home.of(ORPAN), Home.of(RADAR)
    first, second = home.says(1), home.says(2)
    third = home.says(3)
    other_data = canonical(home.record(2, nom="Autre chose"))
    claimed = forger.record(9)
    return {
        "a gap": [third.body()],
        "the first again": [first.body()],
        "signed by another, in its name": [forger.forged(second).body()],
        "signed by another, in his own": [forger.forged(second, keyid=forger.identity.keyid).body()],
        "other data under the same signature": [replace(second, data=other_data).body()],
        "a history of its own": [home.forged(second, prev="1" * 64).body()],
        "of another stream": [home.forged(second, stream=forger.stream).body()],
        "a number far ahead": [home.forged(second, seq=2**52).body()],
        "another epoch": [home.forged(second, epoch=2).body()],
        "of a record that is another's": [
            home.signed(
                replace(second.header, subject=claimed["id"], datahash=datahash(b"s" * 32, canonical(claimed))),
                canonical(claimed), b"s" * 32,
            ).body()
        ],
        "not JSON": [b"{"],
        "not an event": [b"[]"],
        "too large": [b'"' + b"x" * 2_000_000 + b'"'],
    }  # fmt: skip


@pytest.mark.parametrize("lie", sorted(lies()))
def test_what_is_not_proved_is_not_kept_nor_what_comes_after(database: Database, lie: str) -> None:
    home = Home.of(ORPAN)
    first = home.says(1)
    rest = [home.says(2).body(), home.says(3).body()]
    told = lies()[lie]
    receipt = take(database, taker_of(home), home, [first.body(), *told, *rest])
    assert (receipt.kept, bool(receipt.refused)) == (1, True)
    assert bodies(held(database, home)) == [first.body()]
    assert take(database, taker_of(home), home, rest).kept == 2, "the truth goes on where the lie was"


def test_a_record_that_is_said_to_have_moved_is_kept_unproved_and_the_stream_goes_on_to_its_root(
    database: Database,
) -> None:
    home, other = Home.of(ORPAN), Home.of(RADAR)
    said = other.record(1) | {"home": home.identity.name, "origin": other.identity.name, "term": 1, "proof": []}
    home.tells(PUBLISHED, said["id"], 1, said)
    home.says(2)
    home.checkpoint()
    receipt = take(database, taker_of(home), home, bodies(home.events))
    assert (receipt.kept, receipt.refused, state(database, home).differs) == (3, "", False)
    unsaid = {name: value for name, value in said.items() if name not in ("origin", "term", "proof")}
    home.tells(PUBLISHED, said["id"], 2, unsaid | {"version": 2})
    receipt = take(database, taker_of(home), home, bodies(home.events[3:]))
    assert (receipt.kept, "pas de son nœud" in receipt.refused) == (0, True)


def test_a_new_epoch_is_believed_where_it_begins_after_what_is_held(database: Database) -> None:
    home = Home.of(ORPAN)
    home.says(1)
    home.reopen()
    home.says(2)
    home.checkpoint()
    taker = taker_of(home)
    assert take(database, taker, home, bodies(home.events)).kept == 4
    assert (state(database, home).epoch, state(database, home).differs) == (2, False)


def test_what_was_redacted_is_erased_here_too_and_the_chain_still_holds(database: Database) -> None:
    home = Home.of(ORPAN)
    home.says(1, contact_nom_prenom="Ada Lovelace")
    home.says(1, 2)
    home.redact(home.events[0])
    home.checkpoint()
    take(database, taker_of(home), home, bodies(home.events))
    first, *rest = held(database, home)
    assert (first.data, first.salt) == (None, None)
    assert all(event.data for event in rest)
    assert not state(database, home).differs
    late = Home.of(ORPAN)
    late.events = [replace(home.events[0], data=None, salt=None), *home.events[1:]]
    with database.begin() as session:
        store.forget(session, home.identity.name)
    assert take(database, taker_of(home), late, bodies(late.events)).kept == 4, "who joins later gets no data of it"


@given(st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_law_no_single_change_of_a_body_is_kept(database: Database, data: st.DataObject) -> None:
    home = Home.of(data.draw(st.text("abcdef", min_size=4, max_size=8)))
    event = home.says(1)
    attributes = orjson.loads(event.body())
    name = data.draw(st.sampled_from(sorted(attributes)))
    value = data.draw(st.one_of(st.integers(0, 5), st.text(max_size=5), st.none(), st.just([]), st.just({})))
    if attributes[name] == value:
        return
    changed = orjson.dumps(attributes | {name: value})
    assert take(database, taker_of(home), home, [changed]).kept == 0
    assert held(database, home) == []
