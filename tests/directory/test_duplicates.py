"""Two entries that are one: found, decided once, merged, separated again; and what the public sees of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import pairs
from services.directory.formats import matching
from services.kernel.access import ROLES, Actor
from services.kernel.errors import Conflict, Forbidden, NotFound, WrongState
from tests.directory.conftest import service, structure
from tests.directory.test_qualification import get, imported, put, seen
from tests.rooms import MACHINE, Opened

HERE = {"nom": "L’Écluse des Outils", "adresse": "3 rue Haute", "commune": "Blain", "code_insee": "44015",
        "telephone": "+33240000000"}  # fmt: skip


def twice(directory: Opened) -> tuple[str, str]:
    """One structure of two sources, each with a service; all public."""
    one = put(directory, structure(1, "radar", **HERE), service(1, 1, "radar"))
    other = put(directory, structure(2, "soliguide", **HERE, courriel="a@example.org"), service(2, 2, "soliguide"))
    directory.qualify(ids=[*one, *other])
    while directory.duplicates_find()["waiting"]:
        pass
    return one[0], other[0]


def content(directory: Opened) -> dict[str, Any]:
    """What the public sees, but for versions and dates of the records."""
    left_out = ("version", "changed_at", "published_at", "changed", "verified_at", "verified_until")
    return {
        name: {key: value for key, value in record.items() if key not in left_out}
        for name, record in seen(directory).items()
    }


def test_two_entries_of_one_structure_are_found_with_their_reasons_and_stand_in_the_work_list(
    directory: Opened,
) -> None:
    a, b = twice(directory)
    put(directory, structure(3, "radar", nom="Le Relais des Aînés", commune="Nozay", code_insee="44113"))
    directory.duplicates_find()
    page = directory.duplicates()
    [pair] = page["pairs"]
    assert {pair["a"]["id"], pair["b"]["id"]} == {a, b}
    assert pair["grade"] == "sure"
    assert {"name", "address", "phone", "commune"} <= {name for name, weight in pair["reasons"] if weight > 0}
    assert directory.work()["counts"]["duplicates"] == 1
    assert directory.work()["reason"] == "duplicates"


def test_same_makes_one_record_with_both_sources_and_the_old_id_leads_to_it(directory: Opened) -> None:
    a, b = twice(directory)
    foreseen = directory.duplicate_decide(a=a, b=b, decision="same", dry_run=True)["record"]
    assert set(seen(directory)) == {"s1", "s2", "v1", "v2"}
    merged = directory.duplicate_decide(a=a, b=b, decision="same")
    assert merged["kept"] == a
    public = seen(directory)
    assert set(public) == {"s1", "v1", "v2"}
    assert public["s1"]["fields"] == foreseen["fields"]
    assert public["s1"]["fields"]["courriel"] == "a@example.org"
    assert [(each["source"], each["source_id"]) for each in public["s1"]["sources"]] == [("soliguide", "s2")]
    assert public["v2"]["structure"] == a
    assert get(directory, b)["id"] == a
    tombstone = [each for each in directory.changes(after=0, limit=100)["items"] if each["id"] == b]
    assert tombstone[0]["event"]["data"]["replaced_by"] == a
    assert directory.duplicates()["pairs"] == []


def test_a_merge_announces_a_withdrawal_a_publication_and_the_decision_beside_the_services_that_moved(
    directory: Opened,
) -> None:
    a, b = twice(directory)
    before = directory.announced()
    directory.duplicate_decide(a=a, b=b, decision="same")
    told = [(kind.split(".", 1)[1], subject) for kind, subject in directory.announced()[len(before) :]]
    assert told.count(("structure.withdrawn.v1", b)) == 1
    assert told.count(("structure.published.v1", a)) == 1
    assert [kind for kind, _ in told].count("duplicate.decided.v1") == 1
    assert len(told) == 4


def test_a_row_that_comes_again_wakes_nothing_up_and_its_news_wait_for_a_permanent(directory: Opened) -> None:
    a, b = twice(directory)
    directory.duplicate_decide(a=a, b=b, decision="same")
    directory.number_all()
    head = directory.changes(after=0, limit=100)["head"]
    again = structure(2, "soliguide", **HERE | {"telephone": "+33251000000"}, courriel="a@example.org")
    opened = directory.import_begin(source="soliguide", name="f.csv")
    rows = [again, service(2, 2, "soliguide"), service(3, 2, "soliguide", nom="Prêt d’outils")]
    done = directory.import_rows({"import": opened["import"], "rows": rows})["rows"]
    assert [each["done"] for each in done] == ["unchanged", "unchanged", "created"]
    directory.number_all()
    assert directory.changes(after=head, limit=100)["items"] == []
    assert directory.work(reason="differences")["records"][0]["differences"] == {"telephone": "+33251000000"}
    assert get(directory, done[2]["id"])["structure"] == a


@pytest.mark.parametrize("decision", ["different", "branch"])
def test_what_was_decided_is_never_asked_again_whatever_changes(directory: Opened, decision: str) -> None:
    a, b = twice(directory)
    directory.duplicate_decide(a=b, b=a, decision=decision, head=a if decision == "branch" else None)
    directory.edit(id=a, version=get(directory, a)["version"], fields={"courriel": "a@example.org"})
    directory.duplicates_find()
    assert directory.duplicates()["pairs"] == []
    assert set(seen(directory)) == {"s1", "s2", "v1", "v2"}


def test_separating_puts_both_back_as_they_were_and_asks_again(directory: Opened) -> None:
    a, b = twice(directory)
    before = content(directory)
    directory.duplicate_decide(a=a, b=b, decision="same", keep=b)
    assert set(seen(directory)) == {"s2", "v1", "v2"}
    assert directory.merge_undo(id=b) == {"kept": b, "separated": a}
    assert content(directory) == before
    while directory.duplicates_find()["waiting"]:
        pass
    assert len(directory.duplicates()["pairs"]) == 1
    with pytest.raises(NotFound):
        directory.merge_undo(id=b)


def test_what_somebody_changed_after_a_merge_stays_when_it_is_undone(directory: Opened) -> None:
    a, b = twice(directory)
    directory.duplicate_decide(a=a, b=b, decision="same")
    directory.edit(id=a, version=get(directory, a)["version"], fields={"courriel": "nouveau@example.org"})
    directory.merge_undo(id=a)
    assert get(directory, a)["fields"]["courriel"] == "nouveau@example.org"
    assert get(directory, b)["fields"]["courriel"] == "a@example.org"


def test_three_become_one_and_are_separated_in_the_order_in_which_they_came(directory: Opened) -> None:
    a, b = twice(directory)
    [c] = put(directory, structure(3, "dora", **HERE))
    directory.qualify(ids=[c])
    directory.duplicate_decide(a=a, b=b, decision="same")
    directory.duplicate_decide(a=c, b=a, decision="same")
    assert get(directory, b)["id"] == c
    assert {each["source"] for each in get(directory, c)["sources"]} == {"radar", "soliguide"}
    with pytest.raises((Conflict, NotFound, WrongState)):
        directory.merge_undo(id=b)
    directory.merge_undo(id=c)
    directory.merge_undo(id=a)
    assert {"s1", "s2", "s3"} <= set(seen(directory))


def test_a_structure_changed_to_another_is_no_candidate_any_more(directory: Opened) -> None:
    a, _ = twice(directory)
    away = {"nom": "Jardins du Gesvres", "adresse": "8 quai Bas", "telephone": "+33299999999"}
    directory.edit(id=a, version=get(directory, a)["version"], fields=away)
    directory.duplicates_find()
    assert directory.duplicates()["pairs"] == []


@pytest.mark.parametrize("role", [*ROLES, "a machine's key"])
def test_only_a_permanent_decides(directory: Opened, role: str) -> None:
    a, b = twice(directory)
    directory.as_(MACHINE if role == "a machine's key" else Actor("x@example.org", (role,)))
    if role == "permanent":
        assert directory.duplicate_decide(a=a, b=b, decision="different") == {"decision": "different"}
        return
    with pytest.raises(Forbidden):
        directory.duplicate_decide(a=a, b=b, decision="same")
    with pytest.raises(Forbidden):
        directory.duplicates()


def test_a_service_or_the_same_record_is_not_merged(directory: Opened) -> None:
    ids = put(directory, structure(), service())
    for a, b in ((ids[0], ids[1]), (ids[0], ids[0])):
        with pytest.raises(WrongState):
            directory.duplicate_decide(a=a, b=b, decision="same")


def test_pages_of_pairs_hold_every_pair_once(directory: Opened) -> None:
    imported(directory, [structure(number, **HERE) for number in range(6)])
    while directory.duplicates_find()["waiting"]:
        pass
    met, after = [], ""
    while after is not None:
        page = directory.duplicates(limit=4, after=after)
        met += [(pair["a"]["id"], pair["b"]["id"]) for pair in page["pairs"]]
        after = page["next"]
    assert len(met) == len(set(met)) == 15


SAID = st.fixed_dictionaries({}, optional={
    "telephone": st.sampled_from(["+33240000000", "+33251000000"]), "courriel": st.just("a@example.org"),
    "adresse": st.sampled_from(["3 rue Haute", "5 rue Basse"]), "siret": st.just("73282932000074"),
    "description": st.sampled_from(["On y répare ensemble.", "Un atelier."]),
})  # fmt: skip


def test_law_a_merge_undone_at_once_changes_nothing_that_the_public_sees(directory: Opened) -> None:
    number = 0

    @settings(max_examples=25)
    @given(SAID, SAID, st.booleans(), st.booleans())
    def law(mine: dict[str, Any], theirs: dict[str, Any], mine_public: bool, keep_other: bool) -> None:
        nonlocal number
        number += 2
        a, va = put(directory, structure(number, **mine), service(number, number))
        b, vb = put(directory, structure(number + 1, **theirs), service(number + 1, number + 1))
        directory.qualify(ids=[b, vb] + ([a, va] if mine_public else []))
        before, keep = content(directory), b if keep_other or not mine_public else a
        directory.duplicate_decide(a=a, b=b, decision="same", keep=keep)
        directory.merge_undo(id=keep)
        assert content(directory) == before

    law()


def test_most_labelled_pairs_are_told_rightly(test_data: Path) -> None:
    measured = pairs.measure(pairs.labelled(test_data)[1::2])
    assert measured.precision >= 0.95
    assert measured.recall >= 0.90


def test_the_reasons_of_a_likeness_add_up_to_its_score_and_the_order_does_not_matter() -> None:
    one, other = matching.sketch(HERE), matching.sketch(HERE | {"nom": "Ecluse des outils", "telephone": None})
    alike = matching.compare(one, other)
    assert alike.score == pytest.approx(min(sum(weight for _, weight in alike.reasons), 1.0), abs=0.01)
    assert matching.compare(other, one).score == alike.score
