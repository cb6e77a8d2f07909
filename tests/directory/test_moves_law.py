"""A law: whatever is changed, offered, taken and heard in whatever order, all nodes end with one home and its word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kernel.errors import NotFound, NotHome
from tests.directory.moves import NAMES, World, in_files

TWO = ("radar", "orpan")
PAIRS = [(at, of) for at in NAMES for of in TWO if at != of]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("edit"), st.sampled_from(TWO)),
        st.tuples(st.just("offer"), st.sampled_from([("radar", "orpan"), ("orpan", "radar")])),
        st.tuples(st.just("accept"), st.sampled_from(TWO)),
        st.tuples(st.just("write"), st.sampled_from([("radar", "orpan"), ("orpan", "radar")])),
        st.tuples(st.just("hear"), st.sampled_from(PAIRS), st.integers(1, 3)),
        st.tuples(st.just("again"), st.sampled_from(PAIRS), st.integers(0, 20)),
        st.tuples(st.just("move"), st.booleans()),
    ),
    min_size=6, max_size=25,
)  # fmt: skip


class Played:
    """A world in which steps are done, with what each change was to say."""

    def __init__(self, world: World) -> None:
        self.world, self.last, self._count = world, "+33240000000", 0

    def play(self, what: str, who: object, number: int = 0) -> None:
        """One step; what a node refuses since the record is not its own is no fault."""
        world = self.world
        if what == "edit":
            self._edit(str(who))
        elif what == "offer":
            self._offer(*who)  # type: ignore[misc]
        elif what == "accept":
            world.accept(str(who))
        elif what == "write":
            world.write_to(*who)  # type: ignore[misc]
        elif what == "hear":
            world.hear(*who, number)  # type: ignore[misc]
        elif what == "again":
            world.hear_again(*who, number)  # type: ignore[misc]
        else:
            self._move(bool(who))
        assert len(world.homes()) <= 1

    def _edit(self, at: str) -> None:
        self._count += 1
        said = f"+332400000{self._count:02}"
        try:
            self.world.edit(at, said)
        except (NotHome, NotFound):
            assert at not in self.world.homes()
            return
        self.last = said

    def _offer(self, of: str, to: str) -> None:
        if of in self.world.homes():
            self.world.offer(of, to)
        else:
            with pytest.raises((NotHome, NotFound)):
                self.world.offer(of, to)

    def _move(self, whole: bool) -> None:
        """From whoever holds it to the other; `whole`: until the other says so."""
        for of in self.world.homes():
            to = TWO[1 - TWO.index(of)]
            self.world.offer(of, to)
            self.world.write_to(to, of)
            self.world.accept(to)
            self.world.write_to(of, to)
            if whole:
                self.world.hear(to, of)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield tmp_path_factory.mktemp("kept")


@given(STEPS, st.permutations(PAIRS))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_all_nodes_end_with_the_same_home_term_and_content(
    kept: Path, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[object, ...]], order: list[tuple[str, str]]
) -> None:
    world = World(in_files(kept), tmp_path_factory.mktemp("world"))
    try:
        played = Played(world)
        for step in steps:
            played.play(*step)  # type: ignore[arg-type]
        for at, of in order:
            world.hear(at, of)
        world.settle()
        [home] = world.homes()
        seen = [world.seen_at(name) for name in NAMES]
        assert seen[0] == seen[1] == seen[2]
        assert (seen[0]["home"], seen[0]["op"], seen[0]["moving"]) == (world.fingerprint(home), "put", False)
        assert seen[0]["telephone"] == played.last
        services = [world.seen_at(name, world.service) for name in NAMES]
        assert services[0] == services[1] == services[2]
        assert (services[0]["home"], services[0]["term"]) == (seen[0]["home"], seen[0]["term"])
    finally:
        world.close()
