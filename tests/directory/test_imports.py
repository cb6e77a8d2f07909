"""Imports: twice is once, a changed row announces one record, what vanished goes when asked."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kernel.errors import Forbidden, ValidationError
from tests.directory.conftest import service, structure
from tests.rooms import MACHINE, VOLUNTEER, Opened


def run(directory: Opened, rows: list[dict[str, Any]], policy: str = "publish", **finish: Any) -> dict[str, Any]:
    opened = directory.import_begin(source="radar", name="fichier.csv", policy=policy)
    directory.import_rows({"import": opened["import"], "rows": rows})
    summary: dict[str, Any] = directory.import_finish({"import": opened["import"], **finish})
    return summary


def counts(summary: dict[str, Any]) -> dict[str, int]:
    names = ("created", "updated", "unchanged", "withdrawn", "refused")
    return {name: summary[name] for name in names if summary[name]}


def test_a_second_import_of_the_same_file_changes_nothing_and_announces_nothing(directory: Opened) -> None:
    rows = [structure(), service(1), service(2)]
    assert counts(run(directory, rows)) == {"created": 3}
    before = directory.announced()
    assert counts(run(directory, rows)) == {"unchanged": 3}
    assert [kind for kind, _ in directory.announced()[len(before) :]] == ["directory.import.finished.v1"]


def test_a_changed_row_announces_that_record_alone(directory: Opened) -> None:
    run(directory, [structure(), service(1), service(2)])
    before = directory.announced()
    assert counts(run(directory, [structure(), service(1), service(2, nom="Accueil du soir")])) == {
        "updated": 1,
        "unchanged": 2,
    }
    new = directory.announced()[len(before) :]
    assert [kind for kind, _ in new] == ["directory.service.published.v1", "directory.import.finished.v1"]


def test_a_held_source_waits_for_a_permanent_and_one_call_publishes_the_batch(directory: Opened) -> None:
    run(directory, [structure(), service(1)], policy="hold")
    directory.announced()
    assert directory.changes(after=0, limit=10)["items"] == []
    assert directory.publish(source="radar") == {"published": 2, "refused": []}
    directory.announced()
    assert [item["kind"] for item in directory.changes(after=0, limit=10)["items"]] == ["structure", "service"]


def test_a_held_change_leaves_what_the_public_sees(directory: Opened) -> None:
    run(directory, [structure()], policy="hold")
    directory.publish(source="radar")
    run(directory, [structure(nom="Autre nom")], policy="hold")
    directory.announced()
    [item] = directory.changes(after=0, limit=10)["items"]
    assert item["event"]["data"]["fields"]["nom"] == "Association 1"


def test_rows_that_vanished_stay_unless_the_file_is_said_to_be_complete(directory: Opened) -> None:
    many = [structure(number) for number in range(10)]
    run(directory, many)
    assert counts(run(directory, many[:9])) == {"unchanged": 9}
    assert counts(run(directory, many[:9], complete=True)) == {"unchanged": 9, "withdrawn": 1}


def test_a_complete_file_that_would_withdraw_more_than_a_fifth_needs_to_be_told(directory: Opened) -> None:
    many = [structure(number) for number in range(10)]
    run(directory, many)
    with pytest.raises(ValidationError, match="3 fiches sur 10"):
        run(directory, many[:7], complete=True)
    assert len(directory.export(kind="structure")["records"]) == 10
    assert counts(run(directory, many[:7], complete=True, force=True))["withdrawn"] == 3


def test_a_row_that_comes_back_is_published_again(directory: Opened) -> None:
    many = [structure(number) for number in range(6)]
    run(directory, many)
    run(directory, many[:5], complete=True)
    assert counts(run(directory, many)) == {"updated": 1, "unchanged": 5}
    assert len(directory.export(kind="structure")["records"]) == 6


def test_a_bad_row_is_refused_alone(directory: Opened) -> None:
    opened = directory.import_begin(source="radar", name="f", policy="publish")
    rows = directory.import_rows(
        {"import": opened["import"], "rows": [structure(1), structure(2, siret="12"), service()]}
    )
    assert [row["done"] for row in rows["rows"]] == ["created", "refused", "created"]
    [problem] = rows["rows"][1]["problems"]
    assert (problem["field"], problem["value"]) == ("siret", "12")


def test_a_batch_sent_twice_after_a_cut_is_taken_once(directory: Opened) -> None:
    opened = directory.import_begin(source="radar", name="f", policy="publish")
    batch = {"import": opened["import"], "rows": [structure(1), service(1)]}
    directory.import_rows(batch)
    again = directory.import_rows(batch)
    assert [row["done"] for row in again["rows"]] == ["unchanged", "unchanged"]
    assert len(directory.announced()) == 2


def test_a_preview_says_what_would_be_done_and_does_nothing(directory: Opened) -> None:
    run(directory, [structure(1)])
    before = directory.announced()
    rows = [structure(1), structure(2), service(1), structure(3, siret="1")]
    answer = directory.import_preview(source="radar", rows=rows)["rows"]
    assert [row["done"] for row in answer] == ["unchanged", "created", "created", "refused"]
    assert directory.announced() == before


def test_a_list_that_dates_all_its_rows_anew_changes_only_what_differs(directory: Opened) -> None:
    def listed(number: int, as_of: str, **fields: Any) -> dict[str, Any]:
        return structure(number, date_maj=as_of, **fields) | {"as_of": as_of}

    run(directory, [listed(1, "2026-01-01"), listed(2, "2026-01-01")])
    again = run(directory, [listed(1, "2026-02-01"), listed(2, "2026-02-01", commune="Rezé")])
    assert counts(again) == {"updated": 1, "unchanged": 1}
    dates = {r["source_id"]: r["fields"]["date_maj"] for r in directory.export(kind="structure")["records"]}
    assert dates == {"s1": "2026-01-01", "s2": "2026-02-01"}


def test_a_machines_key_imports_and_a_volunteer_does_not(directory: Opened) -> None:
    assert counts(run(directory.as_(MACHINE), [structure()])) == {"created": 1}
    with pytest.raises(Forbidden):
        run(directory.as_(VOLUNTEER), [structure()])


Row = st.tuples(st.integers(1, 5), st.sampled_from(["A", "Bé", "C d"]))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.lists(st.lists(Row, min_size=1, max_size=6), min_size=1, max_size=4))
def test_whatever_is_imported_the_feed_ends_at_the_last_file(directory: Opened, files: list[list[Any]]) -> None:
    """Law: after any files, the public state is each row's last content, once, whatever was there before."""
    for rows in files:
        run(directory, [structure(number, nom=f"Nom {name}") for number, name in dict(rows).items()])
    expected = {f"s{number}": f"Nom {name}" for rows in files for number, name in dict(rows).items()}
    directory.number_all()
    public = {}
    after = 0
    while items := directory.changes(after=after, limit=3)["items"]:
        for item in items:
            public[item["event"]["data"]["source_id"]] = item["event"]["data"]["fields"]["nom"]
        after = items[-1]["position"]
    assert {key: public[key] for key in expected} == expected
