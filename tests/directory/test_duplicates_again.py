"""What becomes of two entries made one when their sources go on telling of them."""

from __future__ import annotations

from typing import Any

import pytest

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
        directory.duplicate_decide(a=a, b=b, decision=decision)


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
