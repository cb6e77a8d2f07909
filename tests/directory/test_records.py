"""The life of a record: saved, published, changed, withdrawn — and who may do each."""

from typing import Any

import pytest

from services.kernel.access import Actor
from services.kernel.errors import Conflict, Forbidden, NotFound, ValidationError, WrongState
from tests.directory.conftest import service, structure
from tests.directory.test_qualification import imported
from tests.rooms import MACHINE, PERMANENT, VOLUNTEER, Opened


def put(directory: Opened, *drafts: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = directory.put(records=list(drafts), **more)["records"]
    return answer


def test_a_new_record_is_a_draft_that_the_public_does_not_see(directory: Opened) -> None:
    [saved] = put(directory, structure())
    assert (saved["status"], saved["version"]) == ("draft", 1)
    assert directory.announced() == [("directory.structure.drafted.v1", saved["id"])]
    assert directory.changes(after=0, limit=10) == {"items": [], "head": 0}


def test_publishing_puts_the_record_in_the_feed_with_its_signed_event(directory: Opened) -> None:
    [saved] = put(directory, structure())
    directory.publish(ids=[saved["id"]])
    directory.announced()
    [item] = directory.changes(after=0, limit=10)["items"]
    assert (item["op"], item["id"], item["position"]) == ("put", saved["id"], 1)
    assert item["event"]["data"]["fields"]["nom"] == "Association 1"
    assert item["event"]["signature"]


def test_a_permanents_change_of_a_public_record_is_public_and_names_the_fields(directory: Opened) -> None:
    [saved] = put(directory, structure())
    directory.publish(ids=[saved["id"]])
    directory.announced()
    [changed] = put(directory, structure(nom="Nouveau nom"))
    assert (changed["status"], changed["changed"]) == ("qualified", ["nom"])
    directory.announced()
    [item] = directory.changes(after=0, limit=10)["items"]
    assert item["event"]["data"]["fields"]["nom"] == "Nouveau nom"
    assert item["position"] == 2


def test_a_machines_change_of_a_public_record_waits_and_the_public_version_stands(directory: Opened) -> None:
    [saved] = put(directory, structure())
    directory.publish(ids=[saved["id"]])
    directory.as_(MACHINE)
    [held] = put(directory, structure(nom="Venu d’un site"))
    assert held["status"] == "review"
    directory.announced()
    [item] = directory.changes(after=0, limit=10)["items"]
    assert item["event"]["data"]["fields"]["nom"] == "Association 1"


def test_saving_the_same_content_again_changes_nothing_and_announces_nothing(directory: Opened) -> None:
    put(directory, structure())
    before = directory.announced()
    [again] = put(directory, structure())
    assert (again["done"], again["version"]) == ("unchanged", 1)
    assert directory.announced() == before


def test_a_request_repeated_under_its_id_is_done_once_and_answered_alike(directory: Opened) -> None:
    first = put(directory, structure(), request_id="abc")
    again = put(directory, structure(), request_id="abc")
    assert first == again
    with pytest.raises(Conflict):
        put(directory, structure(2), request_id="abc")


def test_two_programs_that_number_their_requests_alike_do_not_hinder_each_other(directory: Opened) -> None:
    directory.as_(MACHINE).put(records=[structure(1)], request_id="1")
    other = Actor("key:autre", scopes=("directory:write",))
    [made] = directory.as_(other).put(records=[structure(2)], request_id="1")["records"]
    assert made["source_id"] == "s2"


def test_a_change_read_at_an_older_version_is_refused(directory: Opened) -> None:
    put(directory, structure())
    put(directory, structure(nom="Deuxième"), version=1)
    with pytest.raises(Conflict, match="version 2"):
        put(directory, structure(nom="Troisième"), version=1)


def test_a_record_that_does_not_exist_was_not_read_at_any_version(directory: Opened) -> None:
    with pytest.raises(Conflict, match="n’existe pas"):
        put(directory, structure(), version=7)


def test_a_machines_record_of_a_source_published_unseen_is_public_at_once(directory: Opened) -> None:
    directory.source_set(name="radar", policy="publish")
    put(directory.as_(MACHINE), structure())
    directory.announced()
    assert [item["op"] for item in directory.changes(after=0, limit=10)["items"]] == ["put"]


def test_a_service_is_public_only_with_its_structure(directory: Opened) -> None:
    saved = put(directory, structure(), service())
    with pytest.raises(ValidationError) as refused:
        directory.publish(ids=[saved[1]["id"]])
    assert [problem["code"] for problem in refused.value.details] == ["gate.structure"]
    directory.publish(ids=[each["id"] for each in saved])
    assert [kind for kind, _ in directory.announced()][2:] == [
        "directory.structure.published.v1",
        "directory.service.published.v1",
    ]


def test_withdrawing_a_structure_takes_its_services_and_leaves_tombstones_without_contents(directory: Opened) -> None:
    saved = put(directory, structure(telephone="+33240000000"), service())
    directory.publish(ids=[each["id"] for each in saved])
    gone = directory.withdraw(id=saved[0]["id"], reason="fermeture définitive")["withdrawn"]
    assert set(gone) == {each["id"] for each in saved}
    directory.announced()
    items = directory.changes(after=0, limit=10)["items"]
    assert [item["op"] for item in items] == ["delete", "delete"]
    assert all("fields" not in item["event"]["data"] for item in items)
    assert items[1]["event"]["data"]["reason"] == "fermeture définitive"
    with pytest.raises(WrongState):
        directory.withdraw(id=saved[0]["id"], reason="encore")


def test_a_service_of_an_unknown_structure_is_refused_with_the_remedy(directory: Opened) -> None:
    with pytest.raises(ValidationError) as refused:
        put(directory, service(of=9))
    [problem] = refused.value.details
    assert (problem["field"], problem["value"]) == ("structure_id", "s9")
    assert "Importez d’abord" in problem["remedy"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"nom": "ab"}, "nom"),
        ({"siret": "123"}, "siret"),
        ({"date_maj": "hier"}, "date_maj"),
        ({"latitude": "quarante-sept"}, "latitude"),
        ({"couleur": "bleu"}, "couleur"),
        ({"site_web": "javascript:alert(1)"}, "site_web"),
    ],
)
def test_a_bad_field_is_refused_and_named(directory: Opened, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        put(directory, structure(**fields))
    assert [problem["field"] for problem in refused.value.details] == [field]


def test_what_is_written_by_hand_is_read_as_an_import_reads_it(directory: Opened) -> None:
    [saved] = put(directory, structure(telephone="02 40 00 00 77"))
    assert saved["fields"]["telephone"] == "+33240000077"
    said = {"telephone": "02.40.00.00.78", "site_web": "exemple.fr"}
    changed = directory.edit(id=saved["id"], version=1, fields=said)
    assert changed["fields"]["telephone"] == "+33240000078"
    assert changed["fields"]["site_web"] == "https://exemple.fr"
    for telephone, code in (("n’importe quoi", "phone.invalid"), ("02 40 00 00 77 poste 3", "telephone.several")):
        with pytest.raises(ValidationError) as refused:
            directory.edit(id=saved["id"], version=2, fields={"telephone": telephone})
        [fault] = refused.value.details
        assert (fault["field"], fault["value"], fault["code"]) == ("telephone", telephone, code)
        assert fault["remedy"]


def test_a_value_that_nobody_touches_is_no_fault_however_it_was_once_written(directory: Opened) -> None:
    imported(directory, [structure(telephone="poste 12")])
    [record] = directory.export(kind="structure", public=False)["records"]
    changed = directory.edit(id=record["id"], version=1, fields={"telephone": "poste 12", "nom": "Autre nom"})
    assert (changed["fields"]["nom"], changed["fields"]["telephone"]) == ("Autre nom", "poste 12")


def test_one_bad_record_among_good_ones_leaves_nothing_half_done(directory: Opened) -> None:
    with pytest.raises(ValidationError):
        put(directory, structure(1), structure(2, nom=""), structure(3, siret="x"))
    assert directory.announced() == []
    assert directory.export(kind="structure", public=False)["records"] == []


def test_an_incomplete_record_may_be_kept_and_is_not_published(directory: Opened) -> None:
    saved = put(directory, structure(), service(description=None))
    with pytest.raises(ValidationError) as refused:
        directory.publish(ids=[each["id"] for each in saved])
    assert [problem["field"] for problem in refused.value.details] == ["description"]


def test_machines_and_volunteers_never_publish(directory: Opened) -> None:
    [saved] = put(directory, structure())
    for actor in (MACHINE, VOLUNTEER):
        with pytest.raises(Forbidden):
            directory.as_(actor).publish(ids=[saved["id"]])


def test_volunteers_and_strangers_never_write(directory: Opened) -> None:
    with pytest.raises(Forbidden):
        put(directory.as_(VOLUNTEER), structure())


def test_a_record_that_does_not_exist_is_said_so(directory: Opened) -> None:
    with pytest.raises(NotFound):
        directory.as_(PERMANENT).get(id="nothing")


def test_a_record_of_another_home_is_changed_there_and_not_here(directory: Opened) -> None:
    from services.directory import store
    from services.kernel.errors import NotHome

    [saved] = put(directory, structure())
    with directory.database.begin() as session:
        record = store.record(session, saved["id"])
        assert record is not None
        record.home = "a" * 32
    with pytest.raises(NotHome):
        put(directory, structure(nom="Ailleurs"))
    with pytest.raises(NotHome):
        directory.withdraw(id=saved["id"], reason="pas à nous")


def test_unknown_fields_of_a_request_are_refused(directory: Opened) -> None:
    with pytest.raises(ValidationError) as refused:
        directory.withdraw(id="x", reason="fermée", because="?")
    assert [problem["field"] for problem in refused.value.details] == ["because"]


@pytest.mark.parametrize(
    ("at_fault", "field"),
    [
        ({"source_id": "a\x00b"}, "source_id"),
        ({"source_id": "x" * 201}, "source_id"),
        ({"source_id": "  "}, "source_id"),
        ({"sectors": ["jardinage"]}, "sectors"),
        ({"extra": ["seul"]}, "extra"),
    ],
)
def test_what_names_a_record_is_one_line_of_text(directory: Opened, at_fault: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        put(directory, structure() | at_fault)
    assert [problem["field"] for problem in refused.value.details] == [field]


def test_a_null_character_is_no_text(directory: Opened) -> None:
    with pytest.raises(ValidationError) as refused:
        put(directory, structure(nom="Une\x00asso"))
    assert [problem["field"] for problem in refused.value.details] == ["nom"]
