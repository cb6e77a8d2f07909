"""What somebody objected to is never dropped without a word: refused, or named by field where an act is of many."""

from __future__ import annotations

from typing import Any

import pytest

from services.kernel.access import Actor
from services.kernel.errors import ValidationError
from tests.directory.conftest import service, structure
from tests.directory.moves import World
from tests.directory.test_objections import NUMBER, ZOE, forget
from tests.directory.test_qualification import get, imported, put
from tests.rooms import MACHINE, PERMANENT, Opened

CODE = "objection.named"
UNWANTED: list[dict[str, Any]] = [
    structure(telephone="02 40.12 34 56", description="Demandez Quelconque (Zoé)."),
    service(courriel="Zoe@example.org") | {"accessibility": "Appelez Zoé Quelconque."},
]
FIELDS = [["telephone", "description"], ["courriel", "accessibility"]]


def fields_in(problems: list[dict[str, Any]]) -> list[str]:
    assert {(each["code"], each["value"]) for each in problems} == {(CODE, "")}
    return [each["field"] for each in problems]


@pytest.mark.parametrize("who", [PERMANENT, MACHINE], ids=["a permanent", "a key"])
def test_a_whole_record_that_says_it_is_refused_with_its_fields_and_none_is_saved(
    directory: Opened, who: Actor
) -> None:
    forget(directory)
    directory.as_(who)
    with pytest.raises(ValidationError) as refused:
        put(directory, structure(2), *UNWANTED)
    assert fields_in(refused.value.details) == [name for names in FIELDS for name in names]
    assert not any(said in str(refused.value.args).casefold() for said in ("zoe", "zoé", "12 34 56"))
    assert directory.export(kind="structure", public=False)["records"] == []
    beside = structure() | {"extra": {"responsable": "Zoé Quelconque"}}
    with pytest.raises(ValidationError) as refused:
        put(directory, beside)
    assert fields_in(refused.value.details) == ["extra"]


def test_a_structure_that_writes_it_by_its_link_is_told_the_field(directory: Opened) -> None:
    [record] = put(directory, structure())
    forget(directory)
    directory.as_(Actor("x", ("structure_editor",), structures=(record,)))
    with pytest.raises(ValidationError) as refused:
        directory.edit(id=record, version=get(directory, record)["version"], fields={"telephone": NUMBER})
    assert fields_in(refused.value.details) == ["telephone"]


def test_an_import_is_told_the_fields_of_each_row_and_takes_the_rest(directory: Opened) -> None:
    forget(directory)
    rows = [structure(1), *UNWANTED[1:], structure(2) | {"extra": {"fax": NUMBER}}, structure(3, siret="12")]
    foreseen = directory.import_preview(source="radar", rows=rows)["rows"]
    opened = directory.import_begin(source="radar", name="f.csv", policy="hold")
    done = directory.import_rows({"import": opened["import"], "rows": rows})["rows"]
    for answers in (foreseen, done):
        assert [each["done"] for each in answers] == ["created", "created", "created", "refused"]
        assert [each["left_out"] for each in answers if not each["left_out"]] == [[], []]
        assert fields_in(answers[1]["left_out"]) == FIELDS[1]
        assert fields_in(answers[2]["left_out"]) == ["extra"]
    again = directory.import_rows({"import": opened["import"], "rows": rows})["rows"]
    assert (again[1]["done"], fields_in(again[1]["left_out"])) == ("unchanged", FIELDS[1])


def test_where_nobody_objected_nothing_is_left_out(directory: Opened) -> None:
    assert len(put(directory, *UNWANTED)) == 2
    imported(directory, UNWANTED)
    assert directory.import_preview(source="radar", rows=UNWANTED)["rows"][0]["left_out"] == []


def test_an_offer_says_what_of_its_records_would_not_be_taken_and_the_history_what_was_not(world: World) -> None:
    orpan = world.nodes["orpan"]
    orpan.object_to(ZOE | {"telephone": "+33240000000"})
    world.offer("radar", "orpan")
    world.write_to("orpan", "radar")
    [offer] = orpan.offers()["offers"]
    told = {each["id"]: each["left_out"] for each in orpan.offered(id=offer["id"])["records"]}
    assert told == {world.structure: ["telephone"], world.service: []}
    accepted = orpan.offer_decide(id=offer["id"], decision="accept")
    assert accepted["left_out"] == [{"id": world.structure, "name": "La Grange", "fields": ["telephone"]}]
    world.write_to("radar", "orpan")
    world.hear("orpan", "radar")
    assert "telephone" not in orpan.get(id=world.structure)["fields"]
    acts = {each["act"]: each["how"] for each in orpan.history(id=world.structure)["entries"]}
    assert acts["forget"] == "laissés de côté : telephone"
    assert "forget" not in {each["act"] for each in orpan.history(id=world.service)["entries"]}
