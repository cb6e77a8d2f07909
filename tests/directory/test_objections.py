"""Somebody does not want to be named: gone from records, history and log, and no import brings them back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from services.directory.asides import Hiding, Sent
from services.kernel import verify
from services.kernel.access import MATRIX, ROLES, Actor
from services.kernel.errors import Forbidden, Unavailable, ValidationError
from tests.directory.conftest import service, structure
from tests.directory.test_qualification import get, imported, put, seen
from tests.rooms import MACHINE, NODE, Opened

ZOE = {"contact_nom_prenom": "Zoé Quelconque", "courriel": "zoe@example.org", "telephone": "02 40 12 34 56"}
NUMBER = "+33240123456"
TRACES = ("quelconque", "zoe@", NUMBER)


def rows(**fields: Any) -> list[dict[str, Any]]:
    named = {"contact_nom_prenom": "QUELCONQUE Zoé", "courriel": "Zoe@example.org", "telephone": NUMBER}
    return [structure(telephone=NUMBER, description="Demandez Zoé Quelconque à l’accueil."), service(**named | fields)]


def everything_kept(directory: Opened) -> str:
    """All that the database of the directory holds, as text."""
    tables = [
        "record",
        "event_log",
        "act",
        "import_change",
        "difference",
        "suggestion",
        "request",
        "merge",
        "objection",
    ]
    with directory.database.read() as session:
        cells = [cell for name in tables for row in session.execute(text(f"SELECT * FROM {name}")) for cell in row]
    raw = (bytes(cell) if isinstance(cell, bytes | memoryview) else str(cell).encode() for cell in cells)
    return b"\n".join(raw).decode(errors="replace").casefold()


@pytest.fixture
def named(directory: Opened) -> list[str]:
    """Records that name Zoé in many places: contacts, a text, history, an import, a suggestion."""
    imported(directory, rows())
    [one] = directory.export(kind="structure", public=False)["records"]
    [other] = directory.export(kind="service", public=False)["records"]
    directory.qualify(ids=[one["id"], other["id"]])
    directory.edit(id=other["id"], version=get(directory, other["id"])["version"], fields={"frais_precisions": "Libre"})
    directory.suggest(id=one["id"], message="Zoé Quelconque est partie.")
    directory.number_all()
    assert all(trace in everything_kept(directory) for trace in TRACES)
    return [one["id"], other["id"]]


def test_a_trial_says_where_each_record_names_them_and_changes_nothing(directory: Opened, named: list[str]) -> None:
    before = everything_kept(directory)
    said = directory.object_to(ZOE | {"dry_run": True})
    assert {each["id"]: (each["name"], sorted(each["fields"])) for each in said["found"]} == {
        named[0]: ("Association 1", ["description", "telephone"]),
        named[1]: ("Accueil 1", ["contact_nom_prenom", "courriel", "telephone"]),
    }
    assert everything_kept(directory) == before


def traces_in(folder: Path) -> list[tuple[str, str]]:
    raw = {path.name: path.read_bytes().lower() for path in folder.rglob("*") if path.is_file()}
    return [(name, trace) for name, bytes_ in raw.items() for trace in TRACES if trace.encode() in bytes_]


def test_no_file_of_the_running_node_names_them_any_more(directory: Opened, named: list[str], tmp_path: Path) -> None:
    assert bool(traces_in(tmp_path)) == directory.database.is_sqlite
    forget(directory)
    assert traces_in(tmp_path) == []


def forget(directory: Opened) -> list[str]:
    changed: list[str] = directory.object_to(ZOE)["records"]
    directory.number_all()
    directory.object_finish(ZOE)
    directory.number_all()
    return changed


def test_nothing_that_the_directory_keeps_names_them_any_more_and_the_records_stay(
    directory: Opened, named: list[str]
) -> None:
    assert set(directory.object_to(ZOE | {"dry_run": True})["records"]) == set(named)
    assert set(forget(directory)) == set(named)
    kept = everything_kept(directory)
    assert [trace for trace in TRACES if trace in kept] == []
    public = seen(directory)
    assert set(public) == {"s1", "v1"}
    assert not public["v1"]["fields"].keys() & ZOE.keys()
    assert public["s1"]["fields"]["description"] == "Demandez … à l’accueil."


def test_the_log_still_proves_itself_and_says_what_was_erased(directory: Opened, named: list[str]) -> None:
    forget(directory)
    with directory.database.read() as session:
        proofs = list(verify.verify_room(session, f"{NODE.name}/directory", NODE.keyring()))
    assert [proof.faults for proof in proofs] == [[] for _ in proofs]
    assert sum(proof.erased for proof in proofs) > 0


def test_data_that_goes_without_a_word_is_a_fault(directory: Opened, named: list[str]) -> None:
    with directory.database.begin() as session:
        session.execute(text("UPDATE event_log SET data = NULL, salt = NULL WHERE row_id = 1"))
    with directory.database.read() as session:
        proofs = list(verify.verify_room(session, f"{NODE.name}/directory", NODE.keyring()))
    assert any("data is gone" in fault for proof in proofs for fault in proof.faults)


def test_no_import_and_no_edit_brings_them_back_however_it_is_written(directory: Opened, named: list[str]) -> None:
    forget(directory)
    imported(directory, rows(contact_nom_prenom="Zoé QUELCONQUE", courriel="ZOE@example.org"))
    service_id = named[1]
    assert not get(directory, service_id)["fields"].keys() & ZOE.keys()
    again = {"courriel": "zoe@example.org", "contact_nom_prenom": "Paul Autre"}
    version = get(directory, service_id)["version"]
    with pytest.raises(ValidationError):
        directory.edit(id=service_id, version=version, fields=again)
    directory.edit(id=service_id, version=version, fields={"contact_nom_prenom": "Paul Autre"})
    assert get(directory, service_id)["fields"]["contact_nom_prenom"] == "Paul Autre"
    assert "courriel" not in get(directory, service_id)["fields"]


def test_what_is_kept_of_an_objection_tells_nobody_who_it_was(directory: Opened, named: list[str]) -> None:
    forget(directory)
    listed = directory.objections()["objections"]
    assert {each["field"] for each in listed} == set(ZOE)
    assert not any(trace in str(listed) for trace in TRACES)


def test_a_change_that_has_no_number_yet_is_waited_for(directory: Opened, named: list[str]) -> None:
    put(directory, structure(9, telephone=NUMBER))
    with pytest.raises(Unavailable, match="recommencez"):
        directory.object_finish(ZOE)
    assert directory.object_to(ZOE)["records"]


@pytest.mark.parametrize("said", [{}, {"courriel": "a@b"}, {"contact_nom_prenom": "  "}])
def test_an_objection_that_names_nobody_is_refused(directory: Opened, said: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        directory.object_to(said)


@pytest.mark.parametrize("role", [*ROLES, "a machine's key"])
def test_only_permanents_and_the_administrator_make_the_node_forget(directory: Opened, role: str) -> None:
    directory.as_(MACHINE if role == "a machine's key" else Actor("x@example.org", (role,)))
    if role in MATRIX["directory:erase"]:
        assert directory.object_to(ZOE)["records"] == []
        return
    with pytest.raises(Forbidden):
        directory.object_to(ZOE)


def test_no_import_brings_them_back_in_a_text_or_beside_the_fields(directory: Opened) -> None:
    text_ = "Demandez à ZOÉ Quelconque (zoe@example.org, 02.40.12.34.56) ou à Paul Autre."
    row = structure(description=text_) | {"extra": {"responsable": "Mme Zoé QUELCONQUE", "fax": "0240123456"}}
    imported(directory, [row])
    forget(directory)
    imported(directory, [row])
    [known] = directory.export(kind="structure", public=False)["records"]
    assert known["fields"]["description"] == "Demandez à … (…, …) ou à Paul Autre."
    assert known["extra"] == {"responsable": "Mme …", "fax": "…"}


def test_a_merge_a_reason_and_an_address_left_name_them_no_more(directory: Opened) -> None:
    a, b, c = put(directory, structure(1), structure(2, courriel="zoe@example.org"), structure(3))
    directory.qualify(ids=[a, b, c])
    directory.suggest(id=a, message="fermé le lundi", contact="Zoe@example.org")
    directory.duplicate_decide(a=a, b=b, decision="same", keep=a)
    directory.withdraw(id=c, reason="Zoé Quelconque est partie")
    directory.number_all()
    assert c in forget(directory)
    kept = everything_kept(directory)
    assert [trace for trace in TRACES if trace in kept] == []
    assert directory.suggestions()["suggestions"][0]["to_answer"] is False
    assert get(directory, c)["reason"] == "… est partie"
    [told] = [item for item in directory.changes(after=0, limit=10)["items"] if item["id"] == c]
    assert (told["op"], told["event"]["data"]["reason"]) == ("delete", "… est partie")
    directory.merge_undo(id=a)
    assert "courriel" not in get(directory, b)["fields"]


def test_the_name_of_a_file_and_an_answer_of_another_node_name_nobody_either(directory: Opened) -> None:
    opened = directory.import_begin(source="radar", name="liste_de_zoe_quelconque.csv", policy="hold")
    directory.import_rows({"import": opened["import"], "rows": rows()})
    directory.import_finish({"import": opened["import"]})
    with directory.database.begin() as session:
        session.add(Sent(
            id="s", home="h" * 32, record_id="r", name="Ailleurs", contact="Zoe@example.org", state="refused",
            at="2026-01-01T00:00:00Z", decided_at=None, answer="Demandez à Quelconque, Zoé.",
        ))  # fmt: skip
        session.add(Hiding(record_id="r", reason="Zoé QUELCONQUE s’y oppose", by="p", at="t", turns=1, ended=False))
    directory.number_all()
    forget(directory)
    assert directory.imports()["imports"][0]["name"] == "liste_de_….csv"
    assert "quelconque" not in everything_kept(directory), "nor in the log"
    with directory.database.read() as session:
        [sent], [hiding] = session.query(Sent).all(), session.query(Hiding).all()
        assert (sent.contact, sent.answer, hiding.reason) == (None, "Demandez à ….", "… s’y oppose")


def test_what_somebody_types_all_the_same_is_refused_with_its_field_and_a_suggestion_of_it_stays_open(
    directory: Opened,
) -> None:
    directory.source_set(name="radar", policy="publish")
    imported(directory, [structure(code_insee="44109", telephone=NUMBER)], "publish")
    [one] = directory.export(kind="structure")["records"]
    forget(directory)
    version = get(directory, one["id"])["version"]
    for fields in ({"telephone": NUMBER}, {"description": "Demandez Quelconque (Zoé), tous les jours."}):
        with pytest.raises(ValidationError) as refused:
            directory.edit(id=one["id"], version=version, fields=fields)
        assert [(each["field"], each["value"], each["code"]) for each in refused.value.details] == [
            (*fields, "", "objection.named")
        ]
    made = directory.suggest(id=one["id"], field="telephone", value=NUMBER)["suggestion"]
    with pytest.raises(ValidationError):
        directory.decide(suggestion=made, accept=True)
    assert [each["state"] for each in directory.suggestions()["suggestions"]] == ["open"]


def test_an_address_of_a_page_with_a_name_in_it_goes_as_a_whole(directory: Opened) -> None:
    row = structure(
        site_web="https://example.org/zoe-quelconque", description="Voir https://example.org/zoe-quelconque."
    )
    imported(directory, [row])
    forget(directory)
    for _ in range(2):
        [one] = directory.export(kind="structure", public=False)["records"]
        assert "site_web" not in one["fields"]
        assert one["fields"]["description"] == "Voir https://example.org/…."
        imported(directory, [row])
