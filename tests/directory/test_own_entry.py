"""What somebody who works on a record is shown, and what a structure may do by its link."""

from __future__ import annotations

import pytest

from services.kernel.access import Actor
from services.kernel.errors import Forbidden, NotFound, ValidationError
from tests.directory.conftest import service, structure
from tests.directory.test_qualification import get, imported, put, seen
from tests.rooms import PERMANENT, VOLUNTEER, Opened


def editor(*structures: str) -> Actor:
    return Actor(f"structure:{structures[0]}", ("structure_editor",), structures=structures)


def test_a_record_is_opened_with_what_it_lacks_its_services_and_the_next_question(directory: Opened) -> None:
    one, of = put(directory, structure() | {"ess": "yes"}, service())
    found = directory.open_record(id=one)
    assert [each["id"] for each in found["services"]] == [of]
    assert {each["code"] for each in found["barriers"]} == {"gate.argumentaire"}
    assert found["public"] is False
    assert 0 < found["score"] < 1
    assert found["next_question"]["fields"] == ["telephone", "courriel"]


def test_records_are_found_by_words_of_their_names_and_communes_without_accents(directory: Opened) -> None:
    put(directory, structure(1, nom="L’Écluse des Outils", commune="Blain"), structure(2, nom="Écluse", commune="Rezé"))
    assert [each["source_id"] for each in directory.find(q="ecluse BLAIN")["records"]] == ["s1"]
    assert len(directory.find(q="écluse")["records"]) == 2
    page = directory.find(q="ecluse", limit=1)
    assert len(directory.find(q="ecluse", after=page["next"])["records"]) == 1
    with pytest.raises(Forbidden):
        directory.as_(VOLUNTEER).find(q="ecluse")


def test_a_structure_corrects_and_confirms_its_own_entry_and_a_permanent_looks_again(directory: Opened) -> None:
    one, of = put(directory, structure(), service())
    directory.qualify(ids=[one, of])
    directory.as_(editor(one)).edit(id=of, version=get(directory, of)["version"], fields={"frais": "payant"})
    directory.confirm(id=one)
    assert (get(directory, of)["status"], get(directory, one)["confirmed_at"] is not None) == ("review", True)
    assert "frais" not in seen(directory)["v1"]["fields"]
    directory.as_(PERMANENT).qualify(ids=[of])
    assert seen(directory)["v1"]["fields"]["frais"] == "payant"
    [entry, *_] = directory.history(id=one)["entries"]
    assert (entry["act"], entry["role"]) == ("confirm", "structure_editor")


def test_a_change_that_is_not_essential_is_public_at_once_when_a_person_makes_it_and_waits_when_a_machine_does(
    directory: Opened,
) -> None:
    [one] = put(directory, structure())
    directory.qualify(ids=[one])
    directory.as_(editor(one)).edit(id=one, version=1, fields={"description": "Ouvert à tous, le mardi."})
    record = get(directory, one)
    assert (record["status"], seen(directory)["s1"]["fields"]["description"]) == (
        "qualified",
        "Ouvert à tous, le mardi.",
    )
    machine = Actor("key:site", scopes=("directory:write",))
    directory.as_(machine).edit(id=one, version=2, fields={"description": "Fermé."})
    assert get(directory.as_(PERMANENT), one)["status"] == "review"
    assert seen(directory)["s1"]["fields"]["description"] == "Ouvert à tous, le mardi."
    directory.as_(editor(one)).edit(id=one, version=4, fields={"horaires_accueil": "Mo-Fr 09:00-12:00"})
    assert "horaires_accueil" not in seen(directory)["s1"]["fields"], "a held change is not shown by the next one"


def test_what_a_structure_corrected_is_not_overwritten_by_an_import(directory: Opened) -> None:
    imported(directory, [structure(telephone="+33240000000")])
    [known] = directory.export(kind="structure", public=False)["records"]
    directory.as_(editor(known["id"])).edit(
        id=known["id"], version=known["version"], fields={"telephone": "+33251000000"}
    )
    imported(directory.as_(PERMANENT), [structure(telephone="+33240000000")])
    assert get(directory, known["id"])["fields"]["telephone"] == "+33251000000"


def test_a_structure_touches_no_entry_but_its_own(directory: Opened) -> None:
    one, other = put(directory, structure(1), structure(2))
    directory.as_(editor(one))
    version = 1
    for act in (
        lambda: directory.edit(id=other, version=version, fields={"nom": "Pris"}),
        lambda: directory.confirm(id=other),
        lambda: directory.open_record(id=other),
        lambda: directory.history(id=other),
        lambda: directory.qualify(ids=[one]),
        lambda: directory.withdraw(id=one, reason="fermeture"),
        lambda: directory.find(q="association"),
        lambda: directory.work(),
    ):
        with pytest.raises(Forbidden):
            act()
    assert get(directory, one)["fields"]["nom"] == "Association 1"


def test_a_structures_editor_without_a_link_may_nothing(directory: Opened) -> None:
    [one] = put(directory, structure())
    directory.as_(Actor("x@example.org", ("structure_editor",)))
    with pytest.raises(Forbidden):
        directory.confirm(id=one)


def test_a_difference_that_was_settled_is_shown_again_only_when_the_import_says_something_else(
    directory: Opened,
) -> None:
    imported(directory, [structure(telephone="+33240000000")])
    [known] = directory.export(kind="structure", public=False)["records"]
    directory.edit(id=known["id"], version=known["version"], fields={"telephone": "+33251000000"})
    imported(directory, [structure(telephone="+33240000000")])
    directory.settle_difference(id=known["id"], field="telephone", take=False)
    imported(directory, [structure(telephone="+33240000000")])
    assert directory.work(reason="differences")["records"] == []
    imported(directory, [structure(telephone="+33299000000")])
    assert directory.work(reason="differences")["records"][0]["differences"] == {"telephone": "+33299000000"}
    directory.settle_difference(id=known["id"], field="telephone", take=True)
    assert get(directory, known["id"])["fields"]["telephone"] == "+33299000000"
    assert directory.work(reason="differences")["records"] == []


def test_what_waits_is_shown_beside_what_the_public_sees_until_it_is_qualified(directory: Opened) -> None:
    [mine] = put(directory, structure(1, telephone="+33240000000"))
    directory.qualify(ids=[mine])
    directory.number_all()
    assert not directory.open_record(id=mine)["waits"]
    directory.as_(Actor("lien", ("structure_editor",), structures=(mine,)))
    directory.edit(id=mine, version=get(directory, mine)["version"], fields={"telephone": "+33240111111"})
    directory.confirm(id=mine)
    opened = directory.open_record(id=mine)
    assert opened["waits"]
    assert opened["waiting"] == {"telephone": ["+33240000000", "+33240111111"]}
    directory.as_(PERMANENT)
    directory.qualify(ids=[mine])
    directory.number_all()
    opened = directory.open_record(id=mine)
    assert not opened["waits"]
    assert "waiting" not in opened


def test_what_a_permanent_changed_is_verified_by_the_change_and_by_no_way_that_nobody_said(directory: Opened) -> None:
    [mine] = put(directory, structure(1, telephone="+33240000000"))
    directory.qualify(ids=[mine], how="visit")
    directory.edit(id=mine, version=get(directory, mine)["version"], fields={"telephone": "+33240111111"})
    verified = get(directory, mine)["verified"]
    assert (verified["contact"]["how"], verified["identity"]["how"]) == ("edit", "visit")
    with pytest.raises(ValidationError):
        directory.qualify(ids=[mine], how="edit")


def test_hours_that_nobody_can_read_are_refused_without_saying_that_they_are_kept(directory: Opened) -> None:
    [mine] = put(directory, structure(1))
    with pytest.raises(ValidationError) as refused:
        directory.edit(id=mine, version=1, fields={"horaires_accueil": "quand le coq chante"})
    [fault] = refused.value.details
    assert "gardé" not in fault["why"]


def test_decided_suggestions_are_listed_with_the_newest_first(directory: Opened) -> None:
    [mine] = put(directory, structure(1))
    directory.qualify(ids=[mine])
    made = [directory.suggest(id=mine, message=f"Appelez {n}")["suggestion"] for n in range(3)]
    for each in made:
        assert directory.decide(suggestion=each, accept=True, answer="")["field"] is None
    page = directory.suggestions(state="accepted", limit=2)
    rest = directory.suggestions(state="accepted", limit=2, after=page["next"])
    assert [each["suggestion"] for each in page["suggestions"] + rest["suggestions"]] == made[::-1]


def test_a_file_without_a_column_contradicts_no_correction_and_one_that_leaves_it_empty_does(
    directory: Opened,
) -> None:
    imported(directory, [structure(1)])
    [known] = directory.export(kind="structure", public=False)["records"]
    said = {"adresse": "3 rue Haute", "telephone": "+33240000000"}
    directory.edit(id=known["id"], version=known["version"], fields=said)
    imported(directory, [structure(1)])
    assert directory.open_record(id=known["id"])["differences"] == {}
    imported(directory, [structure(1) | {"empty": ["adresse"]}])
    assert directory.open_record(id=known["id"])["differences"] == {"adresse": None}
    assert get(directory, known["id"])["fields"]["adresse"] == "3 rue Haute"


def test_what_waits_of_an_import_that_there_is_none_of_is_not_found(directory: Opened) -> None:
    with pytest.raises(NotFound):
        directory.qualify({"import": "0190-nowhere"})
