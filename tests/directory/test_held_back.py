"""What is qualified and still not public is somebody's work; what is public says what was verified of it, and how."""

from __future__ import annotations

from services.kernel.access import Actor
from tests.directory.conftest import service, structure
from tests.directory.test_qualification import WRITTEN, get, imported, put, seen
from tests.rooms import PERMANENT, Opened


def _editor(record: str) -> Actor:
    return Actor(f"structure:{record}", ("structure_editor",), structures=(record,))


def test_what_is_qualified_and_held_back_is_in_the_work_list_with_what_it_lacks(directory: Opened) -> None:
    imported(directory, [structure(1) | {"ess": "yes"}, service(1)])
    directory.qualify(source="radar")
    page = directory.work()
    assert (page["reason"], page["counts"]["held"]) == ("held", 2)
    lacks = {each["source_id"]: {why["code"] for why in each["barriers"]} for each in page["records"]}
    assert lacks == {"s1": {"gate.argumentaire"}, "v1": {"gate.structure"}}
    [one] = [each for each in page["records"] if each["source_id"] == "s1"]
    directory.edit(id=one["id"], version=one["version"], argumentaire=WRITTEN)
    assert directory.work()["counts"]["held"] == 0


def test_the_public_record_says_of_which_groups_when_how_and_by_which_role_it_was_verified(
    directory: Opened,
) -> None:
    [record] = put(directory, structure(telephone="+33240000000", description="Un lieu ouvert à tous."))
    directory.qualify(ids=[record], how="call")
    verified = seen(directory)["s1"]["verified"]
    assert set(verified) == {"identity", "place", "contact"}
    assert {(each["by"], each["how"]) for each in verified.values()} == {("permanent", "call")}
    assert PERMANENT.name not in str(verified)
    directory.as_(_editor(record)).edit(
        id=record, version=get(directory, record)["version"], fields={"description": "Changé."}
    )
    assert set(seen(directory)["s1"]["verified"]) == {"place", "contact"}


def test_a_search_by_name_says_who_sees_it_and_what_a_tombstone_was_called(directory: Opened) -> None:
    [shown, gone] = put(directory, structure(1, nom="Maison verte"), structure(2, nom="Maison rouge"))
    directory.qualify(ids=[shown])
    directory.withdraw(id=gone, reason="fermée")
    found = {each["id"]: (each["name"], each["public"]) for each in directory.find(q="maison")["records"]}
    assert found == {shown: ("Maison verte", True), gone: ("Maison rouge", False)}


def test_the_history_tells_each_change_with_who_made_it(directory: Opened) -> None:
    imported(directory, [structure(telephone="+33240000000")])
    [record] = [one["id"] for one in directory.work()["records"]]
    directory.qualify(ids=[record], how="visit")
    now = get(directory, record)["version"]
    directory.edit(id=record, version=now, fields={"telephone": "+33251000000"})
    entries = directory.history(id=record)["entries"]
    assert [(entry["act"], entry["how"]) for entry in entries] == [
        ("edit", ""), ("qualify", "visit"), ("import", "radar : f.csv")
    ]  # fmt: skip
    assert entries[0]["changed"] == {"telephone": ["+33240000000", "+33251000000"]}
    assert (entries[0]["by"], entries[0]["role"]) == ("marie@example.org", "permanent")
