"""Two releases in one federation, and one with an error: what a node cannot handle waits, and is applied afterwards."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from services.kernel.errors import NotFound, WrongState
from tests.faults.sites import Site, Watch, site, until
from tests.federation.test_messages import as_permanent
from tests.running import BIN

TEST = "tests/faults/test_releases.py"
FOLLOWS = "directory"
ONE_PAGE = 50
"""All that is parked is told on one page, of 100."""


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Site]]:
    """A home, and who follows it."""
    folder = tmp_path_factory.mktemp("releases")
    with site(folder / "home", "home") as home, site(folder / "other", "other") as other:
        other.follow(home)
        yield home, other


def becomes(node: Site, release: str) -> None:
    """Stop a node, and start it as another release; none: that of this tree."""
    node.node.stop()
    node.node.environment["RELEASE"] = release
    own = (sys.executable, "-m", "tests.faults.newer", "--say-address")
    node.node.program = own if release else (BIN, "up")
    node.node.start()


def waiting(node: Site) -> list[tuple[str, str]]:
    """(state, type) of what is parked in the directory of a node."""
    return [(each["state"], each["type"]) for each in node.ask(FOLLOWS, "parked")["parked"]]


def withdraw(home: Site, name: str) -> None:
    """Take a public record away."""
    [gone] = [each for each in home.feed() if each["op"] == "put" and each["event"]["data"]["fields"]["nom"] == name]
    home.ask("directory", "withdraw", id=gone["id"], version=gone["event"]["recordversion"], reason="fermée")


def test_a_poison_event_holds_back_its_own_record_alone_and_is_retried(
    two: tuple[Site, Site], events_per_run: int
) -> None:
    home, other = two
    becomes(other, "broken")
    home.publish(1, name="Avant", source="avant")
    until(lambda: len(other.shown(home)) == 1)  # from here on it reads each event, and not each record's last
    with Watch(other, [home]) as watch:
        home.publish(2, name="Poison", source="poison")
        home.publish(events_per_run // 10, first=2, name="Bon", source="poison")
        home.publish(2, name="Guéri", source="poison")  # would be handled, were it not behind the first
        withdraw(home, "Guéri 1")
        home.sign()
        until(lambda: len(waiting(other)) == 5, say=lambda: str(waiting(other)))
        until(lambda: other.stream(home)["held"] >= home.head()[1])
        assert len(other.shown(home)) == events_per_run // 10 + 1, "all others go on"
        assert sorted(state for state, _ in waiting(other)) == ["retrying"] * 2 + ["waiting"] * 3
        becomes(other, "")
        for each in other.ask(FOLLOWS, "parked")["parked"]:
            with suppress(NotFound, WrongState):  # it may have been tried by itself
                other.ask(FOLLOWS, "parked_retry", id=each["id"])
        until(lambda: not waiting(other), say=lambda: str(waiting(other)))
        result = watch.settled(16, "a poison event, then dependents, then retry", TEST)
    assert (result.lost, result.doubled) == (0, 0)
    assert not watch.blamed, "an error of ours is not charged to the peer"


def test_a_decision_waits_at_a_release_that_never_heard_of_decisions(two: tuple[Site, Site]) -> None:
    home, other = two
    becomes(home, "")
    becomes(other, "former")
    home.publish(2, name="Paire", source="paire")
    until(lambda: _pair(other) is not None)
    pair = _pair(other) or {}
    as_permanent(home.node, "duplicate_decide", **pair, decision="different")
    until(lambda: waiting(other) == [("upgrade", "directory.duplicate.decided.v1")], say=lambda: str(waiting(other)))
    home.sign()
    until(lambda: other.stream(home)["equal"])
    assert other.stream(home)["trouble"] == "", "held and proved, and nobody is charged"
    becomes(other, "")
    until(lambda: not waiting(other), say=lambda: str(waiting(other)))
    found = as_permanent(other.node, "duplicate_outcome", **pair)
    assert (found["decision"], [each["home"] for each in found["said"]]) == ("different", [True])


def _pair(node: Site) -> dict[str, str] | None:
    names = {each["event"]["data"]["fields"]["nom"]: each["id"] for each in node.feed() if each["op"] == "put"}
    return {"a": names["Paire 0"], "b": names["Paire 1"]} if {"Paire 0", "Paire 1"} <= names.keys() else None


def test_an_event_of_the_next_release_waits_for_the_upgrade(two: tuple[Site, Site], events_per_run: int) -> None:
    home, other = two
    count = min(events_per_run // 10, ONE_PAGE)
    becomes(home, "next")
    with Watch(other, [home]) as watch:
        before = other.shown(home)
        home.publish(count, name="Nouveau", source="next")
        home.publish(3, name="Changé", source="next")
        withdraw(home, "Changé 1")
        home.sign()
        until(lambda: len(waiting(other)) >= count + 4, say=lambda: str(waiting(other)))
        assert other.shown(home) == before
        assert other.stream(home)["equal"], "held and proved, and handed on to others"
        assert {kind for state, kind in waiting(other) if state == "upgrade"} == {"directory.structure.published.v2"}
        becomes(other, "next")
        until(lambda: not waiting(other), say=lambda: str(waiting(other)))
        result = watch.settled(16, "a type of the next release, applied after the upgrade", TEST)
    assert (result.lost, result.doubled) == (0, 0)
    assert not watch.blamed
