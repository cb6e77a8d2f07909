"""Taking back what people put their word behind: who may, what the public then sees, what is said verified of it."""

from __future__ import annotations

from typing import Any

import pytest

from services.kernel.errors import Conflict, Forbidden
from tests.directory.conftest import structure
from tests.directory.test_qualification import get, imported, seen
from tests.directory.test_undoing import edit, fates, ids_of
from tests.rooms import MACHINE, PERMANENT, Opened


def public(directory: Opened) -> dict[str, Any] | None:
    """What the public sees of the record."""
    return seen(directory).get("s1")


def twice(directory: Opened) -> tuple[str, str]:
    """A record imported and qualified, then changed by another import and qualified again; that import."""
    imported(directory, [structure(telephone="+33240000001")])
    record = ids_of(directory)["s1"]
    directory.qualify(ids=[record], how="known")
    second = imported(directory, [structure(telephone="+33240000002")])
    directory.qualify(ids=[record], how="visit")
    return record, second


def test_a_key_and_who_may_not_qualify_take_no_persons_word_back(directory: Opened) -> None:
    record, second = twice(directory)
    directory.as_(MACHINE)
    with pytest.raises(Forbidden):
        directory.undo({"import": second, "all": True})
    directory.as_(PERMANENT)
    assert get(directory, record)["fields"]["telephone"] == "+33240000002"


def test_what_was_verified_of_what_goes_is_verified_no_more(directory: Opened) -> None:
    record, second = twice(directory)
    assert fates(directory, second, all=True) == {"restored": 1, "by_people": 1}
    found = get(directory, record)
    assert found["fields"]["telephone"] == "+33240000001"
    assert "contact" not in found["verified"], "nobody verified that number by a visit"
    assert "identity" in found["verified"]


def test_what_people_corrected_and_is_gone_stands_against_no_import(directory: Opened) -> None:
    imported(directory, [structure(telephone="+33240000001")])
    record = ids_of(directory)["s1"]
    second = imported(directory, [structure(telephone="+33240000002")])
    edit(directory, record, telephone="+33240000003")
    fates(directory, second, all=True)
    imported(directory, [structure(telephone="+33240000004")])
    assert get(directory, record)["fields"]["telephone"] == "+33240000004"
    assert not directory.open_record(id=record)["differences"]


def test_what_was_never_qualified_before_is_public_no_more(directory: Opened) -> None:
    imported(directory, [structure(telephone="+33240000001")])
    record = ids_of(directory)["s1"]
    second = imported(directory, [structure(telephone="+33240000002")])
    directory.qualify(ids=[record])
    assert public(directory)
    fates(directory, second, all=True)
    assert public(directory) is None
    assert get(directory, record)["status"] == "submitted"


def test_what_was_in_review_before_is_marked_so_again(directory: Opened) -> None:
    imported(directory, [structure(telephone="+33240000001")])
    record = ids_of(directory)["s1"]
    directory.qualify(ids=[record])
    directory.step(id=record, step="review", why="à relire")
    second = imported(directory, [structure(telephone="+33240000002")])
    directory.qualify(ids=[record])
    fates(directory, second, all=True)
    told = public(directory)
    assert told is not None
    assert (told["status"], bool(told["review_since"])) == ("review", True)


def test_more_than_was_shown_is_not_taken_back(directory: Opened) -> None:
    _, second = twice(directory)
    with pytest.raises(Conflict):
        directory.undo({"import": second, "all": True, "by_people": 0})
    assert directory.undo({"import": second, "all": True, "by_people": 1})["restored"] == 1
