"""A record in review stays public, marked so: since when, and nothing of what waits."""

from __future__ import annotations

from typing import Any

import pytest

from services.directory import store
from services.kernel.access import Actor
from tests.directory.conftest import structure
from tests.directory.moves import World, move
from tests.directory.test_held_changes import qualified
from tests.directory.test_qualification import get, imported, put, seen
from tests.rooms import PERMANENT, Opened

NEW = "+33240999999"


def by_its_structure(directory: Opened, record: str, **fields: Any) -> None:
    """An edit by whoever holds the structure's link."""
    directory.as_(Actor(f"structure:{record}", ("structure_editor",), structures=(record,)))
    directory.edit(id=record, version=get(directory, record)["version"], fields=fields)
    directory.as_(PERMANENT)


@pytest.fixture
def waiting(directory: Opened) -> tuple[str, dict[str, Any]]:
    """A qualified structure of which a change waits, and what the public saw before."""
    [record] = qualified(directory, structure(telephone="+33240000000"))
    before = seen(directory)["s1"]
    by_its_structure(directory, record, telephone=NEW)
    return record, before


def test_the_public_is_told_that_a_record_is_in_review_and_sees_what_was_verified(
    directory: Opened, waiting: tuple[str, dict[str, Any]]
) -> None:
    record, before = waiting
    now = seen(directory)["s1"]
    assert (now["status"], before["status"]) == ("review", "qualified")
    assert now["review_since"] > before["verified_at"]
    assert now["version"] > before["version"]
    told = ("version", "status", "review_since", "changed")
    assert {name: value for name, value in now.items() if name not in told} == {
        name: value for name, value in before.items() if name not in told
    }
    assert now["changed"] == []
    assert NEW not in str(directory.changes(after=0, limit=100))
    own = get(directory, record)
    assert (own["fields"]["telephone"], own["version"] > now["version"]) == (NEW, True)
    opened = directory.open_record(id=record)
    assert (opened["waits"], opened["waiting"]) == (True, {"telephone": ["+33240000000", NEW]})


def test_the_mark_goes_when_a_permanent_qualifies_and_the_version_shown_is_a_new_one(
    directory: Opened, waiting: tuple[str, dict[str, Any]]
) -> None:
    record, _ = waiting
    marked = seen(directory)["s1"]
    directory.qualify(ids=[record])
    now = seen(directory)["s1"]
    assert (now["status"], now["fields"]["telephone"]) == ("qualified", NEW)
    assert "review_since" not in now and "review_since" not in get(directory, record)
    assert now["version"] > marked["version"]


def test_a_second_change_that_waits_keeps_the_day_of_the_first_and_tells_the_public_nothing(
    directory: Opened, waiting: tuple[str, dict[str, Any]]
) -> None:
    record, _ = waiting
    marked = seen(directory)["s1"]
    by_its_structure(directory, record, courriel="bonjour@example.org")
    imported(directory, [structure(telephone="+33240000000", site_web="https://example.org")])
    assert seen(directory)["s1"] == marked
    assert get(directory, record)["review_since"] == marked["review_since"]


def test_undoing_what_waited_or_sending_to_review_by_hand_tells_it_too(directory: Opened) -> None:
    [record] = qualified(directory, structure())
    directory.step(id=record, step="review")
    assert seen(directory)["s1"]["review_since"]
    directory.qualify(ids=[record])
    held = imported(directory, [structure(telephone=NEW)])
    assert seen(directory)["s1"]["review_since"]
    directory.undo({"import": held})
    now = seen(directory)["s1"]
    assert (now["status"], now.get("review_since")) == ("qualified", None)
    assert "telephone" not in now["fields"]


def test_a_record_that_nobody_qualified_or_that_the_public_does_not_see_is_not_told(directory: Opened) -> None:
    [record] = put(directory, structure())
    by_its_structure(directory, record, telephone=NEW)
    assert seen(directory) == {}
    directory.qualify(ids=[record])
    by_its_structure(directory, record, telephone="+33240000000")
    directory.withdraw(id=record, reason="fermeture")
    with directory.database.read() as session:
        known = store.record(session, record)
        assert known is not None and b"review_since" not in known.trust


def test_an_export_of_what_is_public_holds_nothing_of_what_waits(
    directory: Opened, waiting: tuple[str, dict[str, Any]]
) -> None:
    marked = seen(directory)["s1"]
    [exported] = directory.export(kind="structure", public=True)["records"]
    assert exported == marked
    [everything] = directory.export(kind="structure", public=False)["records"]
    assert everything["fields"]["telephone"] == NEW


def test_other_nodes_hear_it_and_a_record_that_moves_home_in_review_keeps_the_day(world: World) -> None:
    radar = world.nodes["radar"]
    radar.step(id=world.structure, step="review")
    since = get(radar, world.structure)["review_since"]
    world.hear("animation", "radar")
    assert _data(world, "animation")["review_since"] == since
    radar.qualify(ids=[world.structure])
    by_its_structure(radar, world.structure, telephone=NEW)
    world.hear("animation", "radar")
    told = _data(world, "animation")
    assert (told["status"], told["fields"]["telephone"]) == ("review", "+33240000000")
    assert NEW not in str(world.nodes["animation"].changes())
    radar.qualify(ids=[world.structure])
    since = radar.step(id=world.structure, step="review")["review_since"]
    move(world)
    adopted = get(world.nodes["orpan"], world.structure)
    assert (adopted["status"], adopted["review_since"]) == ("review", since)


def _data(world: World, name: str) -> dict[str, Any]:
    """What the feed of a node says of the structure."""
    world.nodes[name].number_all()
    [item] = [each for each in world.nodes[name].changes()["items"] if each["id"] == world.structure]
    data: dict[str, Any] = item["event"]["data"]
    return data
