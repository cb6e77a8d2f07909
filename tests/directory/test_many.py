"""Acts on many records: what each would change, what is left out, a whole list of the work list at once."""

from __future__ import annotations

import pytest

from services.kernel.errors import Conflict, WrongState
from tests.directory.conftest import structure
from tests.directory.test_qualification import get, put
from tests.rooms import MACHINE, PERMANENT, Opened


def in_review(directory: Opened) -> list[str]:
    """Two public structures in each of which another telephone waits."""
    ids = put(directory, structure(1), structure(2))
    directory.qualify(ids=ids)
    directory.number_all()
    directory.as_(MACHINE).put(records=[structure(1, telephone="+33240000001"), structure(2, telephone="+33240000002")])
    directory.as_(PERMANENT)
    return ids


def test_a_dry_run_says_of_each_record_what_waits_in_it(directory: Opened) -> None:
    one, _ = in_review(directory)
    would = directory.qualify(reason="review", dry_run=True)
    assert (would["qualified"], would["changing"]) == (2, 2)
    [shown] = [each for each in would["records"] if each["id"] == one]
    assert (shown["name"], shown["changed"]) == ("Association 1", {"telephone": [None, "+33240000001"]})


def test_one_record_that_cannot_be_qualified_is_told_and_the_others_are(directory: Opened) -> None:
    ids = put(directory, structure(1), structure(2))
    directory.withdraw(id=ids[0], reason="fermeture")
    done = directory.qualify(ids=ids)
    assert (done["qualified"], [each["id"] for each in done["refused"]]) == (1, [ids[0]])
    assert get(directory, ids[1])["status"] == "qualified"
    with pytest.raises(WrongState):
        directory.qualify(ids=ids[:1])


@pytest.mark.parametrize("by", ["ids", "reason"])
def test_what_changed_since_it_was_seen_is_left_out(directory: Opened, by: str) -> None:
    one, other = in_review(directory)
    chosen = {"ids": [one, other]} if by == "ids" else {"reason": "review"}
    would = directory.qualify(chosen | {"dry_run": True})
    directory.as_(MACHINE).put(records=[structure(1, telephone="+33240000009")])
    seen_then = {"versions": would["versions"]} if by == "ids" else {"unchanged_since": would["at"]}
    done = directory.as_(PERMANENT).qualify(chosen | seen_then)
    assert (done["qualified"], [each["id"] for each in done["refused"]]) == (1, [one])
    assert get(directory, one)["status"] == "review"
    with pytest.raises(Conflict):
        directory.confirm(id=one, version=get(directory, one)["version"] - 1)


def test_a_whole_list_goes_back_to_review(directory: Opened) -> None:
    ids = put(directory, structure(1), structure(2) | {"ess": "yes"})
    directory.qualify(ids=ids)
    assert directory.review_many(reason="held", dry_run=True)["reviewed"] == 1
    assert directory.review_many(reason="held") == {"reviewed": 1, "refused": []}
    assert [get(directory, each)["status"] for each in ids] == ["qualified", "review"]
