"""Two records made one and separated again: in every order, with news of their sources, and what strangers said."""

from __future__ import annotations

import pytest

from services.kernel.errors import WrongState
from tests.directory.conftest import service, structure
from tests.directory.test_duplicates import HERE, content, twice
from tests.directory.test_duplicates_again import again
from tests.directory.test_qualification import get, put, seen
from tests.rooms import Opened

NEWS = {"telephone": "+33299999999", "site_web": "https://wrong.example.org"}


def test_what_a_source_said_of_a_merged_record_is_not_published_by_separating_it(directory: Opened) -> None:
    a, b = twice(directory)
    corrected = {"site_web": "https://b.example.org"}
    directory.edit(id=b, version=get(directory, b)["version"], fields=corrected)
    before = content(directory)
    directory.duplicate_decide(a=a, b=b, decision="same", keep=a)
    again(directory, "soliguide", structure(2, "soliguide", **HERE | NEWS))
    directory.merge_undo(id=a)
    assert content(directory) == before
    assert get(directory, b)["status"] == "qualified"
    assert directory.open_record(id=b)["differences"] == {"courriel": None, **NEWS}


def test_what_was_merged_further_is_separated_from_the_last_one_first(directory: Opened) -> None:
    a, b = twice(directory)
    [c] = put(directory, structure(3, "orpan", **HERE))
    directory.qualify(ids=[c])
    before = content(directory)
    directory.duplicate_decide(a=a, b=b, decision="same", keep=b)
    directory.duplicate_decide(a=b, b=c, decision="same", keep=c)
    with pytest.raises(WrongState, match="retirée"):
        directory.merge_undo(id=b)
    assert [get(directory, each)["id"] for each in (a, b)] == [c, c]
    directory.merge_undo(id=c)
    directory.merge_undo(id=b)
    assert content(directory) == before


def test_a_qualified_service_that_waited_for_its_structure_is_public_with_the_one_it_was_merged_into(
    directory: Opened,
) -> None:
    a, b = twice(directory)
    directory.edit(id=b, version=get(directory, b)["version"], ess="yes")
    [waiting] = put(directory, service(7, of=2, source="soliguide"))
    directory.qualify(ids=[waiting])
    assert "v7" not in seen(directory)
    directory.edit(id=a, version=get(directory, a)["version"], ess="no")
    directory.duplicate_decide(a=a, b=b, decision="same", keep=a)
    assert seen(directory)["v7"]["structure"] == a


def test_what_a_visitor_said_of_the_one_is_decided_of_the_other(directory: Opened) -> None:
    a, b = twice(directory)
    made = directory.suggest(id=b, field="courriel", value="z@example.org")["suggestion"]
    directory.duplicate_decide(a=a, b=b, decision="same", keep=a)
    assert directory.decide(suggestion=made, accept=True, answer="")["record"] == a
    assert seen(directory)["s1"]["fields"]["courriel"] == "z@example.org"
