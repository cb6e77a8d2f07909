"""Somebody is forgotten whatever the spelling, and what no import could read is nobody's business but the staff's."""

from __future__ import annotations

from typing import Any

import pytest

from services.directory.formats import argumentaire
from services.kernel.errors import NotFound, ValidationError
from tests.directory.conftest import structure
from tests.directory.test_held_back import _editor
from tests.directory.test_objections import everything_kept
from tests.directory.test_qualification import get, imported, put, seen
from tests.rooms import PERMANENT, Opened

ODILE = {"contact_nom_prenom": "Odile Brindezingue", "courriel": "odile.brin@example.org", "telephone": "0261913344"}
SPELLINGS = (
    "02 61 91 33 44", "02-61-91-33-44", "02.61.91.33.44", "+33 (0)2 61 91 33 44", "0033261913344", "02/61/91/33/44",
    "(02) 61 91 33 44", "+33 2 61 91 33 44", "02\u00a061\u00a091\u00a033\u00a044",
    "Brindezingue Odile", "BRINDEZINGUE Odile", "Odile-Brindezingue", "Odile\nBrindezingue", "odile brindezingue",
    "Mme ODILE BRINDEZINGUE", "Odile.Brin@example.org",
)  # fmt: skip
REMAINS = ("61 91 33", "61-91", "61.91", "61/91", "619133", "brindezingue", "odile")


def forget(directory: Opened, said: dict[str, str]) -> None:
    directory.object_to(said)
    directory.number_all()
    directory.object_finish(said)
    directory.number_all()


def test_every_spelling_goes_from_the_record_the_public_the_history_and_the_imports(directory: Opened) -> None:
    rows = [structure(number, description=f"Demandez ici : {each}.") for number, each in enumerate(SPELLINGS, 1)]
    imported(directory, rows, policy="publish")
    directory.number_all()
    assert len(seen(directory)) == len(SPELLINGS)
    forget(directory, ODILE)
    kept = everything_kept(directory)
    assert [each for each in REMAINS if each in kept] == []
    assert {len(record["fields"]["description"]) < 40 for record in seen(directory).values()} == {True}
    by_capitals = [row for row in rows if "odile brindezingue" not in row["fields"]["description"]]
    imported(directory, by_capitals, policy="publish")
    kept = everything_kept(directory)
    assert [each for each in REMAINS if each in kept] == []


def test_others_of_the_same_name_or_number_in_part_stay(directory: Opened) -> None:
    text = "Odile Dupont, 02 61 91 33 45, Brindezingue et fils, odile.brin@example.com."
    put(directory, structure(1, description=text))
    assert directory.object_to(ODILE | {"dry_run": True})["found"] == []


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"telephone": "bonjour"}, "telephone"), ({"telephone": "\x00\x00\x00\x00"}, "telephone"),
        ({"courriel": "pas une adresse"}, "courriel"), ({"contact_nom_prenom": "A. B."}, "contact_nom_prenom"),
    ],
)  # fmt: skip
def test_what_names_nobody_is_refused_and_not_answered_as_a_success(
    directory: Opened, said: dict[str, str], field: str
) -> None:
    for more in ({}, {"dry_run": True}):
        with pytest.raises(ValidationError) as refused:
            directory.object_to(said | more)
        assert refused.value.details is None or refused.value.details[0]["field"] == field
    assert directory.objections()["objections"] == []


def aside(directory: Opened) -> str:
    unread = {"telephone": "02 61 91 33 44 / 06 12 34 56 78", "Portable": "06 12 34 56 78"}
    imported(directory, [structure(1) | {"extra": {"unread": unread, "vu": "oui"}}], policy="publish")
    found: str = directory.export(kind="structure", public=False)["records"][0]["id"]
    return found


def test_what_no_import_could_read_is_never_public_and_a_permanent_sees_it(directory: Opened) -> None:
    record = aside(directory)
    assert seen(directory)["s1"]["extra"] == {"vu": "oui"}
    [public] = directory.export(kind="structure", public=True)["records"]
    assert public["extra"] == {"vu": "oui"}
    assert set(directory.open_record(id=record)["extra"]["unread"]) == {"telephone", "Portable"}


def test_who_writes_the_field_anew_or_drops_it_has_read_it(directory: Opened) -> None:
    record = aside(directory)
    directory.edit(id=record, version=get(directory, record)["version"], fields={"telephone": "02 61 91 33 44"})
    assert set(get(directory, record)["extra"]["unread"]) == {"Portable"}
    directory.forget_unread(id=record, field="Portable")
    assert get(directory, record)["extra"] == {"vu": "oui"}
    with pytest.raises(NotFound):
        directory.forget_unread(id=record, field="Portable")


@pytest.mark.parametrize("nothing", ["\u200b" * 50, "<p></p>" * 10, "&nbsp;" * 10, "-" * 40, "x" * 40, "ha " * 20])
def test_an_argumentaire_that_says_nothing_opens_no_gate(directory: Opened, nothing: str) -> None:
    written = dict.fromkeys(argumentaire.NAMES, nothing)
    [record] = put(directory, structure(1) | {"ess": "yes", "argumentaire": written})
    [held] = directory.qualify(ids=[record])["kept_back"]
    assert {each["code"] for each in held["problems"]} == {"gate.argumentaire"}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"commune": "Nulle-Part", "code_postal": "00000"}, "commune"), ({"code_insee": "99999"}, "code_insee"),
        ({"commune": "Ville-Imaginaire"}, "commune"),
    ],
)  # fmt: skip
def test_a_place_that_there_is_none_of_is_refused(directory: Opened, fields: dict[str, Any], field: str) -> None:
    [record] = put(directory, structure())
    with pytest.raises(ValidationError) as refused:
        directory.edit(id=record, version=1, fields=fields)
    assert refused.value.details[0]["field"] == field
    with pytest.raises(ValidationError):
        put(directory, structure(2, **{"commune": None, "code_insee": None, **fields}))


def test_another_town_takes_its_own_code_and_leaves_the_point_of_the_one_before(directory: Opened) -> None:
    [record] = put(directory, structure(commune="Nantes", code_insee="44109", latitude=47.2, longitude=-1.5))
    moved = directory.edit(id=record, version=1, fields={"commune": "Rezé", "code_postal": "44400"})["fields"]
    assert (moved["commune"], moved["code_insee"], moved["code_postal"]) == ("Rezé", "44143", "44400")
    assert "latitude" not in moved
    directory.qualify(ids=[record])
    directory.as_(_editor(record)).edit(id=record, version=get(directory.as_(PERMANENT), record)["version"],
                                        fields={"description": "Un lieu ouvert."})  # fmt: skip
    assert get(directory.as_(PERMANENT), record)["fields"]["code_insee"] == "44143"
