"""Decisions of records that their home merges, that vanish, or that their author's database forgot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import delete

from services.directory import others, store_decisions
from services.directory.asides import Decision
from services.directory.deciding import DIFFERENT, SAME
from services.directory.events import DECISIONS
from services.directory.model import Record
from services.directory.store_decisions import OURS
from services.kernel.applier import Event
from services.kernel.envelope import Signed
from tests.directory.moves import NAMES, World, in_files
from tests.directory.test_decisions_law import Deciding


@pytest.fixture
def deciding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deciding]:
    made = Deciding(World(in_files(tmp_path_factory.mktemp("kept")), tmp_path_factory.mktemp("world")))
    yield made
    made.world.close()


def merge(deciding: Deciding, kept: int, gone: int) -> None:
    """RADAR takes one of its own into another."""
    a, b = deciding.ids[kept], deciding.ids[gone]
    deciding.world.nodes["radar"].duplicate_decide(a=a, b=b, decision=SAME, keep=a)
    deciding.world.settle()


def outcomes(deciding: Deciding, which: list[int]) -> list[tuple[Any, Any]]:
    a, b = (deciding.ids[each] for each in which)
    found = [deciding.world.nodes[name].duplicate_outcome(a=a, b=b) for name in NAMES]
    return [(each["decision"], each["public"]) for each in found]


def said_last(deciding: Deciding, of: str, is_it: Callable[[Signed], bool]) -> Signed:
    return [each for each in deciding.world.said(of) if is_it(each)][-1]


def test_what_was_said_of_a_merged_record_is_told_of_the_kept_one_and_its_author_may_say_otherwise(
    deciding: Deciding,
) -> None:
    world, pair = deciding.world, [0, 2]
    deciding.decide("radar", [1, 2], DIFFERENT)
    merge(deciding, kept=0, gone=1)
    deciding.decide("orpan", pair)
    world.settle()
    assert outcomes(deciding, pair) == [(DIFFERENT, False)] * 3
    for name in ("radar", "orpan"):
        [told] = world.nodes[name].duplicates_contrary()["pairs"]
        assert {told["a"], told["b"]} == {deciding.ids[each] for each in pair}
        assert {each["decision"] for each in told["outcome"]["said"]} == {SAME, DIFFERENT}
    deciding.decide("radar", pair)
    world.settle()
    assert outcomes(deciding, pair) == [(SAME, True)] * 3, "it says one thing of a pair, its last"
    deciding.undo("radar", pair)
    world.settle()
    assert outcomes(deciding, pair) == [(SAME, False)] * 3


def test_a_merge_in_between_that_is_undone_is_followed_though_nothing_else_is_heard(deciding: Deciding) -> None:
    world = deciding.world
    deciding.ids.append(deciding.add("radar", "g3"))
    world.settle()
    for name in ("radar", "orpan"):
        deciding.decide(name, [0, 2])
    world.settle()
    merge(deciding, kept=1, gone=0)
    merge(deciding, kept=4, gone=1)
    assert outcomes(deciding, [4, 2]) == [(SAME, True)] * 3
    deciding.separate("radar", 4)
    back = said_last(deciding, "radar", lambda each: each.header.subject == deciding.ids[1])
    world.tell("animation", back)
    found = world.nodes["animation"].duplicate_outcome(a=deciding.ids[1], b=deciding.ids[2])
    assert (found["decision"], found["public"]) == (SAME, True)
    world.settle()
    assert outcomes(deciding, [1, 2]) == [(SAME, True)] * 3


def test_what_was_said_of_a_merged_record_holds_when_its_home_forgets_the_tombstone(deciding: Deciding) -> None:
    radar = deciding.world.nodes["radar"]
    for name in ("radar", "orpan"):
        deciding.decide(name, [1, 2])
    deciding.world.settle()
    merge(deciding, kept=0, gone=1)
    deciding.edit("radar", 0)
    deciding.world.settle()
    with radar.database.begin() as session:
        radar.room.pruned(session, [deciding.ids[1]])
    deciding.edit("radar", 0)
    deciding.world.settle()
    assert outcomes(deciding, [0, 2]) == [(SAME, True)] * 3


def test_who_merged_much_looks_at_none_of_it_when_another_record_changes(deciding: Deciding) -> None:
    merge(deciding, kept=0, gone=1)
    for name in NAMES:
        with deciding.world.nodes[name].database.read() as session:
            assert store_decisions.touched(session, [deciding.ids[1]])
            assert store_decisions.touched(session, [deciding.ids[3]]) == {}


def test_a_decision_that_its_authors_stream_has_no_more_joins_nothing_any_more(deciding: Deciding) -> None:
    world, kept = deciding.world, min(deciding.ids[:2])
    [gone] = {*deciding.ids[:2]} - {kept}
    radar, animation = world.nodes["radar"], world.nodes["animation"]
    with radar.database.begin() as session:  # as a home may that merges nothing of its own
        radar.room._say(session, kept, gone, SAME)
    world.settle()
    assert deciding.seen_at("animation")[gone] == ("delete", kept, [])
    decision = said_last(deciding, "radar", lambda each: each.header.type in DECISIONS)
    with animation.database.begin() as session:
        others.vanish(session, world.fingerprint("radar"), [decision.header.subject])
    assert deciding.seen_at("animation")[gone] == ("put", None, [])
    assert deciding.seen_at("animation")[kept] == ("put", None, [])


def test_what_a_database_forgot_of_its_decisions_is_said_again(deciding: Deciding) -> None:
    world, radar = deciding.world, deciding.world.nodes["radar"]
    deciding.decide("radar", [0, 2])
    deciding.decide("radar", [1, 2])
    deciding.undo("radar", [1, 2])
    world.settle()
    said = [Event.of(each) for each in world.said("radar")]
    with radar.database.begin() as session:
        session.execute(delete(Decision).where(Decision.node == OURS))
    assert outcomes(deciding, [0, 2])[0] == (None, False)
    radar.room.regain(said)
    assert outcomes(deciding, [0, 2])[0] == (SAME, False)
    assert outcomes(deciding, [1, 2])[0] == (None, False)
    again = world.said("radar")[len(said) :]
    before = [(each.subject, each.recordversion) for each in said if each.type in DECISIONS]
    assert [(each.header.subject, each.header.recordversion) for each in again] == before, "its epoch is a later one"
    radar.room.regain(said)
    assert len(world.said("radar")) == len(said) + len(again), "once"


def test_a_pair_that_another_node_names_has_a_grade_however_little_alike_and_whenever_compared(
    deciding: Deciding,
) -> None:
    radar = deciding.world.nodes["radar"]
    other = {"nom": "Garage solidaire", "commune": "Nantes", "code_insee": "44109", "date_maj": "2026-01-31"}
    [made] = radar.put(records=[{"kind": "structure", "source": "liste", "source_id": "g9", "fields": other}])[
        "records"
    ]
    radar.qualify(ids=[made["id"]], how="visit")
    deciding.ids.append(made["id"])
    deciding.world.settle()
    deciding.decide("orpan", [4, 2])
    deciding.world.settle()
    for _ in range(2):
        radar.duplicates_find()
        found = radar.duplicates(limit=100)["pairs"]
        [pair] = [each for each in found if made["id"] in (each["a"]["id"], each["b"]["id"])]
        assert (pair["grade"], [each["decision"] for each in pair["said"]]) == ("possible", [SAME])
        deciding.edit("radar", 4)


def test_a_merge_that_another_node_says_is_none_is_told_to_both(deciding: Deciding) -> None:
    deciding.decide("orpan", [0, 1], DIFFERENT)
    deciding.world.settle()
    merge(deciding, kept=0, gone=1)
    for name in ("radar", "orpan"):
        [told] = deciding.world.nodes[name].duplicates_contrary()["pairs"]
        assert {told["a"], told["b"]} == set(deciding.ids[:2])


def test_a_decision_is_taken_back_by_the_name_of_what_was_kept_though_nothing_was_decided_of_that(
    deciding: Deciding,
) -> None:
    deciding.decide("radar", [1, 2])
    merge(deciding, kept=0, gone=1)
    assert outcomes(deciding, [0, 2]) == [(SAME, False)] * 3
    deciding.undo("radar", [0, 2])
    deciding.world.settle()
    assert outcomes(deciding, [0, 2]) == [(None, False)] * 3


def tombstone_to(deciding: Deciding, gone: int, after: str) -> None:
    """RADAR withdraws a record and says that it is another now, whatever that is."""
    radar, name = deciding.world.nodes["radar"], deciding.ids[gone]
    version = radar.get(id=name)["version"]
    with radar.database.begin() as session:
        session.get_one(Record, name).replaced_by = after
    radar.withdraw(id=name, version=version, reason="fermée")
    deciding.world.settle()


def test_a_tombstone_that_leads_to_a_record_of_another_home_leads_no_decision_along(deciding: Deciding) -> None:
    for name in ("radar", "orpan"):
        deciding.decide(name, [1, 2])
    deciding.world.settle()
    tombstone_to(deciding, 1, deciding.ids[3])
    assert outcomes(deciding, [3, 2]) == [(None, False)] * 3, "ORPAN said nothing of its own two"


def test_a_tombstone_that_leads_to_no_identifier_leads_nowhere(deciding: Deciding) -> None:
    tombstone_to(deciding, 1, "ailleurs")
    with deciding.world.nodes["animation"].database.read() as session:
        assert store_decisions.successors(session, [deciding.ids[1]]) == {}
