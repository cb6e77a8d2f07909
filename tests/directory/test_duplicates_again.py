"""What becomes of two entries made one when their sources go on telling of them."""

from __future__ import annotations

from typing import Any

import pytest

from services.directory import store_pairs
from services.kernel.errors import WrongState
from tests.directory.conftest import structure
from tests.directory.test_duplicates import HERE, content, twice
from tests.directory.test_qualification import get, seen
from tests.rooms import Opened


def again(directory: Opened, source: str, *rows: dict[str, Any], **finish: Any) -> list[dict[str, Any]]:
    """Import rows of a source once more."""
    opened = directory.import_begin(source=source, name="f.csv")
    done = directory.import_rows({"import": opened["import"], "rows": list(rows)})["rows"]
    directory.import_finish({"import": opened["import"], **finish})
    told: list[dict[str, Any]] = done
    return told


def test_the_kept_records_own_row_comes_again_and_takes_nothing_of_what_the_other_gave(directory: Opened) -> None:
    a, b = twice(directory)
    directory.duplicate_decide(a=a, b=b, decision="same", keep=a)
    again(directory, "radar", structure(1, "radar", **HERE))
    assert get(directory, a)["fields"]["courriel"] == "a@example.org"
    assert seen(directory)["s1"]["fields"]["courriel"] == "a@example.org"


def test_separating_after_the_others_row_came_again_leaves_nothing_of_it(directory: Opened) -> None:
    a, b = twice(directory)
    before = content(directory)
    directory.duplicate_decide(a=a, b=b, decision="same", keep=a)
    again(directory, "soliguide", structure(2, "soliguide", **HERE, courriel="b@example.org"))
    directory.merge_undo(id=a)
    assert "courriel" not in get(directory, a)["fields"]
    assert get(directory, b)["fields"]["courriel"] == "b@example.org"
    assert content(directory)["s1"] == before["s1"]


def test_a_record_that_another_source_still_tells_of_stays_when_its_own_lets_it_go(directory: Opened) -> None:
    a, b = twice(directory)
    directory.duplicate_decide(a=a, b=b, decision="same", keep=a)
    again(directory, "radar", structure(9, "radar"), complete=True, force=True)
    assert "s1" in seen(directory)


@pytest.mark.parametrize("decision", ["same", "different", "branch"])
def test_nothing_is_decided_of_a_record_and_itself(directory: Opened, decision: str) -> None:
    a, b = twice(directory)
    directory.duplicate_decide(a=a, b=b, decision="same", keep=a)
    with pytest.raises(WrongState):
        directory.duplicate_decide(a=a, b=b, decision=decision, head=a if decision == "branch" else None)


def test_the_word_chosen_of_the_other_stands_when_the_own_row_comes_again_and_goes_when_they_are_separated(
    directory: Opened,
) -> None:
    a, b = twice(directory)
    directory.edit(id=b, version=get(directory, b)["version"], fields={"telephone": "+33251000000"})
    before = content(directory)
    asked = {"a": a, "b": b, "decision": "same", "keep": a, "fields": {"telephone": b, "nom": a}}
    foreseen = directory.duplicate_decide(**asked, dry_run=True)["record"]["fields"]
    assert (foreseen["telephone"], foreseen["nom"]) == ("+33251000000", HERE["nom"])
    assert content(directory) == before
    directory.duplicate_decide(**asked)
    again(directory, "radar", structure(1, "radar", **HERE))
    assert get(directory, a)["fields"]["telephone"] == "+33251000000"
    directory.merge_undo(id=a)
    assert content(directory) == before


def test_a_search_that_is_killed_goes_on_where_it_was_and_finds_each_pair_once(
    directory: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = twice(directory)
    directory.edit(id=a, version=get(directory, a)["version"], fields={"telephone": "+33251000000"})

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as power_cut, pytest.raises(KeyboardInterrupt):
        power_cut.setattr(store_pairs, "set_matched", killed)
        directory.duplicates_find()
    assert directory.duplicates()["waiting"] == 1
    assert directory.duplicates_find() == {"compared": 1, "waiting": 0}
    [pair] = directory.duplicates()["pairs"]
    assert {pair["a"]["id"], pair["b"]["id"]} == {a, b}
    assert {name: weight > 0 for name, weight in pair["reasons"]}["phone"] is False


def test_structures_that_share_the_telephone_of_a_large_network_meet_by_something_rarer_alone(
    directory: Opened,
) -> None:
    line = {"telephone": "+33800000000"}
    many = [structure(number, nom=f"Antenne {number:03d}", commune=f"Ville {number}", **line) for number in range(70)]
    twins = [structure(number, "radar", **HERE | line) for number in (100, 101)]
    again(directory, "radar", *many, *twins)
    while directory.duplicates_find()["waiting"]:
        pass
    [pair] = directory.duplicates()["pairs"]
    assert {pair["a"]["source_id"], pair["b"]["source_id"]} == {"s100", "s101"}


def test_a_change_that_waits_for_a_permanent_is_read_before_the_merge_not_shown_by_it(directory: Opened) -> None:
    a, b = twice(directory)
    again(directory, "radar", structure(1, "radar", **HERE | {"telephone": "+33299999999"}))
    before = content(directory)
    for dry_run in (True, False):
        with pytest.raises(WrongState, match="attend d’être relue"):
            directory.duplicate_decide(a=a, b=b, decision="same", keep=b, dry_run=dry_run)
    assert content(directory) == before
    directory.qualify(ids=[a])
    assert directory.duplicate_decide(a=a, b=b, decision="same", keep=b)["kept"] == b
