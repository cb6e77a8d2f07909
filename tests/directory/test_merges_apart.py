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


def test_what_the_others_source_said_since_goes_back_to_it_and_leaves_the_kept_one(directory: Opened) -> None:
    a, b = twice(directory)
    directory.duplicate_decide(a=a, b=b, decision="same", keep=b)
    again(directory, "radar", structure(1, "radar", **HERE | NEWS | {"courriel": "de-a@example.org"}))
    assert set(directory.open_record(id=b)["differences"]) == {*NEWS, "courriel"}
    directory.merge_undo(id=b)
    assert directory.open_record(id=b)["differences"] == {}
    assert directory.work()["counts"]["differences"] == 0
    assert get(directory, b)["fields"]["courriel"] == "a@example.org"
    assert get(directory, a)["fields"]["courriel"] == "de-a@example.org"
    assert get(directory, a)["fields"]["telephone"] == NEWS["telephone"]


def test_what_the_kept_ones_own_source_says_otherwise_stays_beside_it(directory: Opened) -> None:
    a, b = twice(directory)
    directory.edit(id=b, version=get(directory, b)["version"], fields={"courriel": "corrige@example.org"})
    again(directory, "soliguide", structure(2, "soliguide", **HERE, courriel="a@example.org"))
    before = directory.open_record(id=b)["differences"]
    assert before["courriel"] == "a@example.org"
    directory.duplicate_decide(a=a, b=b, decision="same", keep=b)
    again(directory, "radar", structure(1, "radar", **HERE | {"site_web": "https://de-a.example.org"}))
    directory.merge_undo(id=b)
    assert directory.open_record(id=b)["differences"] == before


def test_news_of_a_record_that_was_merged_twice_go_back_to_the_one_it_is_still_part_of(directory: Opened) -> None:
    a, b = twice(directory)
    [c] = put(directory, structure(3, "orpan", **HERE))
    directory.qualify(ids=[c])
    directory.duplicate_decide(a=a, b=b, decision="same", keep=b)
    directory.duplicate_decide(a=b, b=c, decision="same", keep=c)
    again(directory, "radar", structure(1, "radar", **HERE | {"site_web": "https://de-a.example.org"}))
    assert directory.open_record(id=c)["differences"] == {"site_web": "https://de-a.example.org"}
    directory.merge_undo(id=c)
    assert directory.open_record(id=c)["differences"] == {}
    assert directory.open_record(id=b)["differences"] == {"site_web": "https://de-a.example.org"}


def test_a_public_record_is_not_merged_into_one_that_the_public_does_not_see(directory: Opened) -> None:
    [a] = put(directory, structure(1, "radar", **HERE))
    [b] = put(directory, structure(2, "soliguide", **HERE))
    directory.qualify(ids=[a])
    for dry_run in (True, False):
        with pytest.raises(WrongState, match="gardez la publique"):
            directory.duplicate_decide(a=a, b=b, decision="same", keep=b, dry_run=dry_run)
    assert set(seen(directory)) == {"s1"}
    assert directory.duplicate_decide(a=a, b=b, decision="same")["kept"] == a


def tombstones(directory: Opened) -> dict[str, str | None]:
    """What the public reads of records that it does not see: where each leads, by its id."""
    directory.number_all()
    items = directory.changes(after=0, limit=100)["items"]
    return {each["id"]: each["event"]["data"].get("replaced_by") for each in items if each["op"] == "delete"}


def test_a_record_that_never_was_public_leads_to_the_one_kept_until_they_are_separated(directory: Opened) -> None:
    [a] = put(directory, structure(1, "radar", **HERE))
    [b] = put(directory, structure(2, "soliguide", **HERE))
    directory.qualify(ids=[a])
    directory.duplicate_decide(a=a, b=b, decision="same", keep=a)
    assert tombstones(directory) == {b: a}
    directory.merge_undo(id=a)
    assert tombstones(directory) == {b: None}
    directory.qualify(ids=[b])
    assert set(seen(directory)) == {"s1", "s2"}


def test_drafts_made_one_lead_to_it_once_the_public_sees_it(directory: Opened) -> None:
    a, b, c = (put(directory, structure(n, s, **HERE))[0] for n, s in ((1, "radar"), (2, "soliguide"), (3, "orpan")))
    directory.duplicate_decide(a=a, b=b, decision="same", keep=b)
    directory.duplicate_decide(a=b, b=c, decision="same", keep=c)
    assert tombstones(directory) == {}
    directory.qualify(ids=[c])
    assert tombstones(directory) == {a: b, b: c}
