"""A law: decisions, changes, merges, deletions and moves, heard in whatever order, end in one outcome at every node."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.directory.deciding import BRANCH, DIFFERENT, SAME, Word, outcome
from services.kernel.errors import Conflict, NotFound, NotHome, ValidationError, WrongState
from tests.directory.moves import FIRST, NAMES, World, in_files

PAIRS = [(at, of) for at in NAMES for of in NAMES if at != of]
SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
NODES, TWO = st.sampled_from(NAMES), st.lists(st.integers(0, 3), min_size=2, max_size=2, unique=True)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("decide"), NODES, TWO, st.sampled_from((SAME, SAME, SAME, DIFFERENT, BRANCH))),
        st.tuples(st.just("decide"), NODES, TWO, st.just(SAME)),
        st.tuples(st.just("undo"), NODES, TWO),
        st.tuples(st.just("separate"), NODES, st.integers(0, 3)),
        st.tuples(st.just("withdraw"), NODES, st.integers(0, 3)),
        st.tuples(st.just("edit"), NODES, st.integers(0, 3)),
        st.tuples(st.just("move"), st.sampled_from(PAIRS), st.integers(0, 3)),
        st.tuples(st.just("hear"), st.sampled_from(PAIRS), st.integers(1, 4)),
        st.tuples(st.just("again"), st.sampled_from(PAIRS), st.integers(0, 30)),
    ),
    min_size=8, max_size=30,
)  # fmt: skip
WORDS = st.builds(
    lambda node, decision, head: Word(node, decision, head if decision == BRANCH else None),
    st.sampled_from("ABCD"), st.sampled_from((SAME, DIFFERENT, BRANCH, "of a later release")), st.sampled_from("xy"),
)  # fmt: skip


class Deciding:
    """A world with two structures of RADAR and two of ORPAN, all heard everywhere."""

    def __init__(self, world: World) -> None:
        self.world, self._count = world, 0
        self.ids = [world.structure, self.add("radar", "g2"), self.add("orpan", "o1"), self.add("orpan", "o2")]
        world.settle()

    def add(self, at: str, source_id: str) -> str:
        """Another public structure of a node."""
        draft = {"kind": "structure", "source": "liste", "source_id": source_id, "fields": FIRST}
        [made] = self.world.nodes[at].put(records=[draft])["records"]
        self.world.nodes[at].qualify(ids=[made["id"]], how="visit")
        name: str = made["id"]
        return name

    def play(self, what: str, who: Any, which: Any = 0, said: str = "") -> None:
        """One step; what a node refuses, since it may not or there is nothing to do, is no fault."""
        with suppress(NotHome, NotFound, WrongState, Conflict, ValidationError):
            getattr(self, what)(who, which, *([said] if said else []))

    def decide(self, at: str, which: list[int], decision: str = SAME) -> None:
        a, b = (self.ids[each] for each in which)
        head = a if decision == BRANCH else None
        self.world.nodes[at].duplicate_decide(a=a, b=b, decision=decision, head=head)

    def undo(self, at: str, which: list[int]) -> None:
        a, b = (self.ids[each] for each in which)
        self.world.nodes[at].duplicate_undo(a=a, b=b)

    def separate(self, at: str, which: int) -> None:
        self.world.nodes[at].merge_undo(id=self.ids[which])

    def withdraw(self, at: str, which: int) -> None:
        record = self.world.nodes[at].get(id=self.ids[which])
        self.world.nodes[at].withdraw(id=record["id"], version=record["version"], reason="fermée")

    def edit(self, at: str, which: int) -> None:
        self._count += 1
        record = self.world.nodes[at].get(id=self.ids[which])
        fields = {"telephone": f"+332400000{self._count:02}"}
        self.world.nodes[at].edit(id=record["id"], version=record["version"], fields=fields)

    def move(self, pair: tuple[str, str], which: int) -> None:
        to, of = pair
        self.world.nodes[of].hand_over(to=self.world.fingerprint(to), ids=[self.ids[which]])
        self.world.write_to(to, of)
        self.world.accept(to)
        self.world.write_to(of, to)

    def hear(self, pair: tuple[str, str], number: int) -> None:
        self.world.hear(*pair, number)

    def again(self, pair: tuple[str, str], number: int) -> None:
        self.world.hear_again(*pair, number)

    def seen_at(self, name: str) -> dict[str, Any]:
        """What comes of each pair at a node, and what its public sees of each structure."""
        node = self.world.nodes[name]
        node.number_all()
        items = {item["id"]: item for item in node.changes()["items"]}
        seen: dict[str, Any] = {}
        for record in self.ids:
            item = items.get(record, {"op": "never"})
            seen[record] = item["op"], item.get("joined"), [each["id"] for each in item.get("sources", ())]
        for at, a in enumerate(self.ids):
            for b in self.ids[at + 1 :]:
                found = node.duplicate_outcome(a=a, b=b)
                said = sorted((each["node"], each["decision"], each["head"]) for each in found["said"])
                seen[f"{a} {b}"] = found["decision"], found["head"], found["public"], found["kept"], said
        return seen


Opens = Callable[[], Deciding]


@pytest.fixture(scope="module")
def opens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opens]:
    kept = tmp_path_factory.mktemp("kept")
    yield lambda: Deciding(World(in_files(kept), tmp_path_factory.mktemp("world")))


@given(STEPS, st.permutations(PAIRS))
@settings(max_examples=15, suppress_health_check=SLOW)
def test_all_nodes_end_with_the_same_outcomes_and_show_the_same(
    opens: Opens, steps: list[tuple[Any, ...]], order: list[tuple[str, str]]
) -> None:
    deciding = opens()
    try:
        for step in steps:
            deciding.play(*step)
        for at, of in order:
            deciding.world.hear(at, of)
        deciding.world.settle()
        seen = [deciding.seen_at(name) for name in NAMES]
        assert seen[0] == seen[1] == seen[2]
    finally:
        deciding.world.close()


@given(st.lists(WORDS, max_size=6), st.data())
def test_the_outcome_follows_from_the_set_and_homes_go_first_and_the_careful_wins(words: list[Word], data: Any) -> None:
    homes = data.draw(st.sets(st.sampled_from("AB"), max_size=2))
    found = outcome(words, homes)
    assert outcome(data.draw(st.permutations(words)), homes) == found
    known = [word for word in words if word.decision in (SAME, DIFFERENT, BRANCH)]
    heard = [word for word in known if word.node in homes] or known
    said = {word.decision for word in heard}
    assert found.decision == next((each for each in (DIFFERENT, BRANCH, SAME) if each in said), None)
    both_say_so = bool(homes) and said == {SAME} and homes <= {word.node for word in heard}
    assert found.public == both_say_so


def test_both_homes_say_the_same_and_the_public_of_every_node_sees_one_with_its_sources(opens: Opens) -> None:
    deciding = opens()
    world, pair = deciding.world, [0, 2]
    kept, gone = sorted(deciding.ids[each] for each in pair)
    try:
        deciding.decide("animation", pair)
        deciding.decide("radar", pair)
        world.settle()
        assert all(deciding.seen_at(name)[gone][:2] == ("put", None) for name in NAMES), "one home alone joins nothing"
        deciding.decide("orpan", pair)
        world.settle()
        for name in NAMES:
            seen = deciding.seen_at(name)
            assert (seen[gone], seen[kept]) == (("delete", kept, []), ("put", None, [gone]))
        deciding.undo("radar", pair)
        world.settle()
        assert all(deciding.seen_at(name)[gone] == ("put", None, []) for name in NAMES)
    finally:
        world.close()


def test_contrary_decisions_come_to_one_outcome_and_both_are_told_until_somebody_looked(opens: Opens) -> None:
    deciding = opens()
    world, pair = deciding.world, [0, 2]
    a, b = (deciding.ids[each] for each in pair)
    try:
        deciding.decide("radar", pair)
        deciding.decide("orpan", pair, DIFFERENT)
        deciding.decide("animation", pair)
        world.settle()
        assert {world.nodes[name].duplicate_outcome(a=a, b=b)["decision"] for name in NAMES} == {DIFFERENT}
        for name, others in (("radar", {"ORPAN"}), ("orpan", {"RADAR", "ANIMATION"}), ("animation", {"ORPAN"})):
            [told] = world.nodes[name].duplicates_contrary()["pairs"]
            contrary = [each for each in told["outcome"]["said"] if each["decision"] != told["decision"]]
            assert ({told["a"], told["b"]}, {each["name"] for each in contrary}) == ({a, b}, others)
            assert world.nodes[name].work(reason="contrary")["counts"]["contrary"] == 1
        world.nodes["radar"].duplicate_keep(a=a, b=b)
        assert world.nodes["radar"].duplicates_contrary()["pairs"] == []
        deciding.decide("orpan", pair, BRANCH)
        world.settle()
        assert len(world.nodes["radar"].duplicates_contrary()["pairs"]) == 1, "something new was said"
        deciding.decide("orpan", pair)
        world.settle()
        assert all(world.nodes[name].duplicates_contrary()["pairs"] == [] for name in NAMES)
    finally:
        world.close()


def test_a_merge_between_two_homes_takes_no_field_and_no_choice_of_what_is_kept(opens: Opens) -> None:
    deciding = opens()
    a, b = deciding.ids[0], deciding.ids[2]
    try:
        with pytest.raises(ValidationError, match="keep"):
            deciding.world.nodes["radar"].duplicate_decide(a=a, b=b, decision=SAME, keep=a)
        with pytest.raises(ValidationError, match="fields"):
            deciding.world.nodes["radar"].duplicate_decide(a=a, b=b, decision=SAME, fields={"telephone": a})
        before = deciding.seen_at("radar")
        told = deciding.world.nodes["radar"].duplicate_decide(a=a, b=b, decision=SAME, dry_run=True)
        assert (told["decision"], deciding.seen_at("radar")) == (SAME, before)
        with pytest.raises(NotFound):
            deciding.world.nodes["radar"].duplicate_undo(a=a, b=b)
    finally:
        deciding.world.close()
