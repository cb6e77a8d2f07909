"""A change that waits for a permanent goes on waiting, whatever is undone, hidden, moved or erased around it."""

from __future__ import annotations

from typing import Any

import pytest

from services.directory import store
from services.kernel.access import Actor
from services.kernel.errors import WrongState
from tests.directory.conftest import service, structure
from tests.directory.test_objections import NUMBER, forget
from tests.directory.test_qualification import WRITTEN, get, imported, put, seen
from tests.directory.test_undoing import fates
from tests.rooms import Opened


def qualified(directory: Opened, *rows: dict[str, Any]) -> list[str]:
    """Import rows and qualify them; their ids, structures first."""
    imported(directory, list(rows))
    kinds = ("structure", "service")
    ids = [record["id"] for kind in kinds for record in directory.export(kind=kind, public=False)["records"]]
    directory.qualify(ids=ids)
    return ids


def complete(directory: Opened, rows: list[dict[str, Any]]) -> str:
    """Import a file that holds all of its source."""
    opened = directory.import_begin(source="radar", name="f.csv")
    directory.import_rows({"import": opened["import"], "rows": rows})
    directory.import_finish({"import": opened["import"], "complete": True})
    return str(opened["import"])


def status(directory: Opened, record: str) -> tuple[str, bool]:
    with directory.database.read() as session:
        known = store.record(session, record)
        assert known is not None
        return known.status, known.is_public


def test_undoing_the_second_of_two_held_imports_does_not_publish_the_first(directory: Opened) -> None:
    [record] = qualified(directory, structure())
    imported(directory, [structure(telephone="+33240000001")])
    second = imported(directory, [structure(telephone="+33240000002")])
    directory.undo({"import": second})
    assert get(directory, record)["fields"]["telephone"] == "+33240000001"
    assert "telephone" not in seen(directory)["s1"]["fields"]
    assert status(directory, record) == ("review", True)


def test_undoing_the_only_held_import_leaves_the_record_qualified_and_public(directory: Opened) -> None:
    [record] = qualified(directory, structure())
    directory.undo({"import": imported(directory, [structure(telephone="+33240000001")])})
    assert status(directory, record) == ("qualified", True)
    assert seen(directory)["s1"]["version"] == get(directory, record)["version"]


def test_an_import_that_a_permanent_read_and_qualified_since_is_not_undone_in_that_record(directory: Opened) -> None:
    [record] = qualified(directory, structure())
    changed = imported(directory, [structure(telephone="+33240000001")])
    directory.qualify(ids=[record])
    assert fates(directory, changed) == {"by_people": 1, "kept": 1}
    assert seen(directory)["s1"]["fields"]["telephone"] == "+33240000001"


def test_what_a_complete_file_withdrew_waits_for_a_permanent_once_it_is_undone_and_its_services_too(
    directory: Opened,
) -> None:
    rows = [*(structure(number) for number in range(10)), service(9, of=9)]
    qualified(directory, *rows)
    done = complete(directory, [*rows[:9], rows[10]])
    assert seen(directory).keys() == {f"s{number}" for number in range(9)}
    assert fates(directory, done) == {"restored": 2}
    waiting = directory.work(reason="submitted")["records"]
    assert {record["source_id"] for record in waiting} == {"s9", "v9"}
    directory.qualify(ids=[record["id"] for record in waiting])
    assert {"s9", "v9"} <= seen(directory).keys()


def test_a_service_in_review_comes_not_back_with_its_structure_but_by_a_permanent(directory: Opened) -> None:
    of, it = qualified(directory, structure(), service())
    imported(directory, [structure(), service(telephone="+33240000001")])
    directory.edit(id=of, version=get(directory, of)["version"], ess="yes")
    assert seen(directory) == {}
    directory.edit(id=of, version=get(directory, of)["version"], argumentaire=WRITTEN)
    assert seen(directory).keys() == {"s1"}
    directory.qualify(ids=[it])
    assert seen(directory)["v1"]["fields"]["telephone"] == "+33240000001"


def test_a_service_that_an_import_moves_waits_and_is_never_seen_under_a_structure_that_is_gone(
    directory: Opened,
) -> None:
    rows = [structure(1), structure(2)]
    it = qualified(directory, *rows, service(1, of=1))[-1]
    imported(directory, [*rows, service(1, of=2)])
    assert status(directory, it) == ("review", False)
    assert [record["id"] for record in directory.work(reason="review")["records"]] == [it]
    directory.withdraw(id=next(_ids(directory, "s1")), reason="fermeture")
    assert seen(directory).keys() == {"s2"}
    directory.qualify(ids=[it])
    assert seen(directory)["v1"]["structure"] == next(_ids(directory, "s2"))


def test_who_objects_is_out_of_what_the_public_sees_and_the_change_beside_it_goes_on_waiting(
    directory: Opened,
) -> None:
    [record] = qualified(directory, structure(telephone=NUMBER))
    imported(directory, [structure(nom="Un autre nom", telephone="+33240000002")])
    assert seen(directory)["s1"]["fields"]["telephone"] == NUMBER
    assert forget(directory) == [record]
    assert seen(directory)["s1"]["fields"] == structure()["fields"]
    assert get(directory, record)["fields"]["nom"] == "Un autre nom"
    assert status(directory, record) == ("review", True)


def test_who_objects_is_out_of_what_the_public_sees_where_the_source_is_not_published_unseen_any_more(
    directory: Opened,
) -> None:
    imported(directory, [structure(telephone=NUMBER)], policy="publish")
    assert "s1" in seen(directory)
    directory.source_set(name="radar", policy="hold")
    forget(directory)
    assert seen(directory) == {}


def test_a_record_withdrawn_is_still_opened_by_those_who_may(directory: Opened) -> None:
    [record] = put(directory, structure())
    directory.withdraw(id=record, reason="fermeture")
    opened = directory.open_record(id=record)
    assert (opened["status"], opened["score"], opened["next_question"]) == ("withdrawn", 0.0, None)
    own = Actor(f"structure:{record}", ("structure_editor",), structures=(record,))
    assert directory.as_(own).open_record(id=record)["reason"] == "fermeture"


def test_a_withdrawal_of_long_ago_does_not_wake_up_what_was_merged_since(directory: Opened) -> None:
    kept, gone = put(directory, structure(1), structure(2))
    directory.withdraw(id=gone, reason="fermeture")
    then = directory.history(id=gone)["entries"][0]["version"]
    directory.revert(id=gone, of=then)
    directory.duplicate_decide(a=kept, b=gone, decision="same", keep=kept)
    with pytest.raises(WrongState, match="séparez-les"):
        directory.revert(id=gone, of=then)
    assert get(directory, gone)["id"] == kept


def _ids(directory: Opened, source_id: str) -> Any:
    records = directory.export(kind="structure", public=False)["records"]
    return (record["id"] for record in records if record["source_id"] == source_id)
