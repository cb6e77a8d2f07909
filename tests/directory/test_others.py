"""Records of other nodes: held as signed, shown beside ours, hidden or forgotten with their home, changed by nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.directory import store_others
from services.directory.service import DirectoryService
from services.kernel.applier import Event, cursor_of
from services.kernel.envelope import Signed
from services.kernel.errors import NotFound, NotHome
from tests.conftest import Backend
from tests.federation.homes import WITHDRAWN, Home
from tests.rooms import Opened

ORPAN = Home.of("orpan")


@pytest.fixture
def directory(backend: Backend, tmp_path: Path) -> Iterator[Opened]:
    """A directory that knows the node ORPAN."""
    opened = Opened(DirectoryService, backend, tmp_path)
    know(opened, "active")
    yield opened
    opened.close()


@pytest.fixture
def home() -> Home:
    """The node ORPAN, which said nothing yet."""
    return Home.of("orpan")


def know(directory: Opened, state: str, name: str = "ORPAN") -> None:
    """Federation tells what ORPAN is to this node."""
    with directory.database.begin() as session:
        directory.room.peer_changed(session, changed(state, name))


def changed(state: str, name: str = "ORPAN") -> Event:
    """The event that tells it."""
    said = {"node": ORPAN.identity.name, "label": "orpan", "name": name, "url": "https://orpan.example.org",
            "state": state}  # fmt: skip
    return Event("id", "federation.peer.changed.v1", said["node"], 1, "", "", 1, said, None)  # type: ignore[arg-type]


def hear(directory: Opened, *events: Signed) -> None:
    """What ORPAN said arrives, in one transaction."""
    with directory.database.begin() as session:
        for signed in events:
            directory.room.other_record(session, Event.of(signed))


def feed(directory: Opened, after: int = 0) -> list[tuple[str, str, int]]:
    """Public changes after a position: what, whose, at which version."""
    items: list[dict[str, Any]] = directory.changes(after=after)["items"]
    return [(item["op"], item["event"]["data"]["id"], item["event"]["data"]["version"]) for item in items]


def test_what_another_node_publishes_stands_in_the_feed_as_it_signed_it_with_its_name(
    directory: Opened, home: Home
) -> None:
    event = home.says(1)
    hear(directory, event)
    [item] = directory.changes()["items"]
    assert item["home"] == {"id": "orpan", "name": "ORPAN", "url": "https://orpan.example.org"}
    assert orjson.dumps(item["event"]) == event.body()


def test_a_record_stands_once_at_its_last_change_and_an_older_one_changes_nothing(
    directory: Opened, home: Home
) -> None:
    first, second, third = home.says(1), home.says(2), home.says(1, 2)
    hear(directory, first, second)
    before = directory.changes()["head"]
    hear(directory, third)
    hear(directory, first)
    assert feed(directory, before) == [("put", third.header.subject, 2)]
    assert [version for _, _, version in feed(directory)] == [1, 2]


def test_withdrawn_by_its_home_it_leaves_a_tombstone_signed_by_it(directory: Opened, home: Home) -> None:
    gone = (home.says(1), home.says(1, 2, WITHDRAWN))[1]
    hear(directory, *home.events)
    [item] = directory.changes()["items"]
    assert (item["op"], item["event"]["signature"]) == ("delete", event_text(gone))


def test_a_blocked_node_is_not_shown_and_comes_back_as_it_is_by_then(directory: Opened, home: Home) -> None:
    hear(directory, home.says(1), home.says(2))
    know(directory, "blocked")
    assert {op for op, _, _ in feed(directory)} == {"delete"}
    hear(directory, home.says(1, 2))
    assert {op for op, _, _ in feed(directory)} == {"delete"}
    know(directory, "active")
    assert sorted((op, version) for op, _, version in feed(directory)) == [("put", 1), ("put", 2)]


def test_a_node_is_blocked_once_and_the_place_of_that_event_is_kept(directory: Opened, home: Home) -> None:
    """Else who applies it goes round for ever, and hears of no stream that is new."""
    hear(directory, home.says(1))
    with directory.database.begin() as session:
        cursor = cursor_of(session, "federation")
        directory.room.peer_changed(session, changed("blocked"))
        cursor.next = 7
    with directory.database.begin() as session:
        assert cursor_of(session, "federation").next == 7


def test_a_removed_node_leaves_no_word_of_what_it_said(directory: Opened, home: Home) -> None:
    hear(directory, home.says(1))
    know(directory, "removed")
    assert feed(directory) == [("delete", home.record(1)["id"], 1)]
    with directory.database.read() as session:
        left = store_others.other(session, home.record(1)["id"])
    assert left is not None
    assert (left.data, left.salt) == (None, None)


def test_a_node_that_is_known_by_another_name_is_told_by_it_of_all_that_is_shown(directory: Opened, home: Home) -> None:
    hear(directory, home.says(1), home.says(2))
    before = directory.changes()["head"]
    know(directory, "active")
    assert directory.changes()["head"] == before
    directory.hide(id=home.record(2)["id"], reason="doute")
    know(directory, "active", name="ORPAN Habitat")
    items = {each["id"]: each for each in directory.changes(after=before)["items"]}
    told = items[home.record(1)["id"]]
    assert (told["op"], told["home"]["name"]) == ("put", "ORPAN Habitat")
    assert items[home.record(2)["id"]]["op"] == "delete"


def test_what_comes_before_its_node_is_known_is_not_taken_for_this_nodes_own(backend: Backend, tmp_path: Path) -> None:
    directory, home = Opened(DirectoryService, backend, tmp_path), Home.of("orpan")
    hear(directory, home.says(1))
    [early] = directory.changes()["items"]
    know(directory, "active")
    [item] = directory.changes(after=early["position"])["items"]
    directory.close()
    assert early["home"]["name"] == ORPAN.identity.name
    assert item["home"]["name"] == "ORPAN"


def test_our_own_changes_and_those_of_others_take_turns_in_one_order(directory: Opened, home: Home) -> None:
    drafts = [{"kind": "structure", "source": "ici", "source_id": str(each), "fields": {
        "nom": f"Ici {each}", "date_maj": "2026-01-31", "commune": "Blain", "code_insee": "44015"
    }} for each in range(3)]  # fmt: skip
    for number, draft in enumerate(drafts):
        [saved] = directory.put(records=[draft])["records"]
        directory.qualify(ids=[saved["id"]], how="visit")
        directory.number_all()
        hear(directory, home.says(number))
    positions = [item["position"] for item in directory.changes()["items"]]
    assert positions == sorted(set(positions))
    assert len(positions) == 6


def test_nobody_changes_a_record_here_that_is_anothers_and_its_address_is_told(directory: Opened, home: Home) -> None:
    record = home.record(1)
    hear(directory, home.says(1))
    with pytest.raises(NotHome, match=r"ORPAN, https://orpan\.example\.org"):
        directory.edit(id=record["id"], version=1, fields={"nom": "Pris"})
    with pytest.raises(NotHome):
        directory.get(id=record["id"])
    with pytest.raises(NotFound):
        directory.get(id=home.record(2)["id"])


def event_text(event: Signed) -> str:
    """Its signature as it travels."""
    signature: str = orjson.loads(event.body())["signature"]
    return signature


def test_a_permanent_hides_a_record_of_another_node_whatever_its_home_says_of_it_until_it_is_shown_again(
    directory: Opened, home: Home
) -> None:
    hear(directory, home.says(1), home.says(2))
    record = home.record(1)["id"]
    said = directory.hide(id=record, reason="plus d’accueil ici")
    assert (said["hidden"], said["reason"]) == (True, "plus d’accueil ici")
    assert ("delete", record, 1) in feed(directory)
    [listed] = directory.hidings()["hidings"]
    assert (listed["id"], listed["home"]) == (record, ORPAN.identity.name)
    shown = {home.record(2)["id"]: "put", record: "delete"}
    hear(directory, home.says(1, 2))
    assert {each: op for op, each, _ in feed(directory)} == shown
    know(directory, "blocked")
    know(directory, "active")
    assert {each: op for op, each, _ in feed(directory)} == shown
    directory.show(id=record)
    assert ("put", record, 2) in feed(directory)
    assert directory.hidings()["hidings"] == []


def test_what_is_shown_again_while_its_node_is_blocked_waits_for_the_node(directory: Opened, home: Home) -> None:
    hear(directory, home.says(1))
    record = home.record(1)["id"]
    directory.hide(id=record, reason="doute")
    know(directory, "blocked")
    directory.show(id=record)
    assert [op for op, _, _ in feed(directory)] == ["delete"]
    know(directory, "active")
    assert [op for op, _, _ in feed(directory)] == ["put"]


def test_a_record_is_hidden_by_the_address_of_its_page_and_what_nobody_publishes_is_refused(
    directory: Opened, home: Home
) -> None:
    hear(directory, home.says(1))
    record = home.record(1)
    address = f"https://radar.example.org/structures/{record['source']}--{record['source_id']}?p=1"
    assert directory.hide(id=address, reason="doute")["id"] == record["id"]
    by_uuid = f"https://radar.example.org/structures/{record['id']}"
    assert directory.hide(id=by_uuid, reason="certitude")["id"] == record["id"]
    for unknown in ("https://radar.example.org/structures/autre--1", "0190b7a0-0000-7000-8000-000000000000"):
        with pytest.raises(NotFound):
            directory.hide(id=unknown, reason="doute")
    with pytest.raises(NotFound):
        directory.show(id=home.record(2)["id"])


def test_hidden_twice_the_newer_reason_holds_and_withdrawn_by_its_home_it_is_gone(
    directory: Opened, home: Home
) -> None:
    hear(directory, home.says(1))
    record = home.record(1)["id"]
    directory.hide(id=record, reason="doute")
    before = directory.changes()["head"]
    directory.hide(id=record, reason="certitude")
    assert (directory.changes()["head"], directory.hidings()["hidings"][0]["reason"]) == (before, "certitude")
    hear(directory, home.says(1, 2, WITHDRAWN))
    directory.show(id=record)
    assert [op for op, _, _ in feed(directory)] == ["delete"]
