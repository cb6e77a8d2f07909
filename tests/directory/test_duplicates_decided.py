"""What was decided of two structures that both live on: which is the head, and what a later merge makes of it."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from services.directory.asides import Pair
from services.kernel.errors import Conflict, ValidationError
from tests.directory.conftest import structure
from tests.directory.test_duplicates import HERE
from tests.directory.test_duplicates_again import again
from tests.directory.test_qualification import get, put
from tests.rooms import Opened

DECISIONS = st.sampled_from([None, "different", "first is head", "second is head"])


def entries(directory: Opened, *numbers: int, **fields: Any) -> list[str]:
    """Entries of one structure, all compared."""
    made = [put(directory, structure(number, f"liste-{number}", **HERE | fields))[0] for number in numbers]
    while directory.duplicates_find()["waiting"]:
        pass
    return made


def decide(directory: Opened, a: str, b: str, decision: str | None) -> None:
    if decision is not None:
        head = {"first is head": a, "second is head": b}.get(decision)
        directory.duplicate_decide(a=a, b=b, decision="branch" if head else decision, head=head)


def open_with(directory: Opened, one: str) -> set[str]:
    """With whom this record may still be one, as a permanent is asked."""
    while directory.duplicates_find()["waiting"]:
        pass
    pairs = directory.duplicates(record=one)["pairs"]
    return {each["id"] for pair in pairs for each in (pair["a"], pair["b"])} - {one}


def decisions(directory: Opened) -> dict[tuple[str, str], tuple[str, str | None]]:
    with directory.database.read() as session:
        decided = session.scalars(select(Pair).where(Pair.decision.is_not(None)))
        return {(pair.a, pair.b): (str(pair.decision), pair.head) for pair in decided}


def test_a_branch_has_a_head_and_both_records_show_the_other(directory: Opened) -> None:
    house, van = entries(directory, 1, 2)
    answer = directory.duplicate_decide(a=van, b=house, decision="branch", head=house)
    assert answer == {"decision": "branch", "head": house}
    kin = {"nom": HERE["nom"]}
    assert directory.open_record(id=van)["branch_of"] == [{"id": house} | kin]
    assert directory.open_record(id=house)["branches"] == [{"id": van} | kin]
    assert directory.open_record(id=house)["branch_of"] == []
    directory.withdraw(id=van, reason="fermée")
    assert directory.open_record(id=house)["branches"] == []


@pytest.mark.parametrize(
    ("decision", "head"), [("branch", None), ("branch", "somebody else"), ("different", "a"), ("same", "a")]
)
def test_a_branch_without_its_head_and_a_head_of_something_else_are_refused_by_name(
    directory: Opened, decision: str, head: str | None
) -> None:
    a, b = entries(directory, 1, 2)
    with pytest.raises(ValidationError) as refused:
        directory.duplicate_decide(a=a, b=b, decision=decision, head=a if head == "a" else head)
    assert [problem["field"] for problem in refused.value.details or ()] == ["head"]
    assert decisions(directory) == {}


def test_a_decision_asked_twice_under_one_key_is_made_once(directory: Opened) -> None:
    a, b = entries(directory, 1, 2)
    asked = {"a": a, "b": b, "decision": "same", "keep": a, "request_id": "k1"}
    first = directory.duplicate_decide(**asked)
    assert directory.duplicate_decide(**asked) == first
    with pytest.raises(Conflict, match="idempotence"):
        directory.duplicate_decide(**asked | {"keep": b})


@pytest.mark.parametrize("decision", ["different", "first is head", "second is head"])
def test_what_was_decided_of_one_that_is_merged_is_not_asked_of_the_one_that_stays(
    directory: Opened, decision: str
) -> None:
    kept, gone, third = entries(directory, 1, 2, 3)
    decide(directory, gone, third, decision)
    assert open_with(directory, kept) == {gone, third}
    directory.duplicate_decide(a=kept, b=gone, decision="same", keep=kept)
    assert open_with(directory, kept) == set()
    shown = directory.open_record(id=kept)
    expected = {"first is head": ("branches", [third]), "second is head": ("branch_of", [third])}
    name, ids = expected.get(decision, ("branches", []))
    assert [each["id"] for each in shown[name]] == ids
    directory.merge_undo(id=kept)
    assert open_with(directory, kept) == {gone, third}


def test_what_somebody_decided_of_the_one_that_stays_holds_before_and_after(directory: Opened) -> None:
    kept, gone, third = entries(directory, 1, 2, 3)
    decide(directory, gone, third, "different")
    decide(directory, kept, third, "second is head")
    directory.duplicate_decide(a=kept, b=gone, decision="same", keep=kept)
    assert directory.open_record(id=kept)["branch_of"] == [{"id": third, "nom": HERE["nom"]}]
    directory.merge_undo(id=kept)
    assert directory.open_record(id=kept)["branch_of"] == [{"id": third, "nom": HERE["nom"]}]


def test_law_a_merge_asks_nothing_again_and_undone_leaves_every_decision_as_it_was(directory: Opened) -> None:
    numbers = count(1)

    @settings(max_examples=15)
    @given(st.lists(DECISIONS, min_size=5, max_size=5), st.booleans())
    def law(said: list[str | None], keep_second: bool) -> None:
        number = next(numbers)
        mine = {"nom": f"Atelier {number:04} des Outils", "telephone": f"+3324{number:07}", "adresse": f"{number} rue"}
        a, b, c, d = entries(directory, *range(10 * number, 10 * number + 4), **mine)
        for (one, other), each in zip([(a, c), (a, d), (b, c), (b, d), (c, d)], said, strict=True):
            decide(directory, one, other, each)
        before = decisions(directory)
        kept = b if keep_second else a
        decided_with = {other for pair in before for other in pair if {a, b} & set(pair)}
        directory.duplicate_decide(a=a, b=b, decision="same", keep=kept)
        assert open_with(directory, kept).isdisjoint(decided_with)
        directory.merge_undo(id=kept)
        assert decisions(directory) == before
        for each in (a, b, c, d):
            directory.withdraw(id=each, reason="fin de l’exemple")

    law()


def test_a_dry_run_of_an_import_counts_what_the_import_will_do_where_records_were_merged_and_corrected(
    directory: Opened,
) -> None:
    kept, gone, corrected = entries(directory, 1, 2, 3)
    directory.edit(id=corrected, version=get(directory, corrected)["version"], fields={"telephone": "+33240999999"})
    directory.duplicate_decide(a=kept, b=gone, decision="same", keep=kept, fields={"telephone": gone})
    for source, number in (("liste-1", 1), ("liste-2", 2), ("liste-3", 3)):
        row = structure(number, source, **HERE | {"telephone": "+33240888888"})
        foreseen = directory.import_preview(source=source, rows=[row])["rows"]
        done = again(directory, source, row)
        assert [each["done"] for each in foreseen] == [each["done"] for each in done], source
