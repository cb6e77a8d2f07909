"""One act taken back: an edit, an import's change, a withdrawal; and when it is too late."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.directory.formats import argumentaire
from services.directory.model import flat
from services.kernel.errors import Conflict, NotFound
from tests.directory.conftest import service, structure
from tests.directory.test_qualification import WRITTEN, get, imported, put, seen
from tests.rooms import Opened


def test_an_edit_taken_back_leaves_what_was_there_before_and_what_others_changed_since(directory: Opened) -> None:
    [record] = put(directory, structure(telephone="+33240000000"))
    first = directory.edit(id=record, version=1, fields={"telephone": "+33251000000", "adresse": "1 rue Haute"})
    directory.edit(id=record, version=first["version"], fields={"commune": "Blain"}, ess="yes")
    assert directory.revert(id=record, of=first["version"])["changed"] == [record]
    now = get(directory, record)
    assert now["fields"]["telephone"] == "+33240000000"
    assert "adresse" not in now["fields"]
    assert (now["fields"]["commune"], now["ess"]) == ("Blain", "yes")


def test_a_field_changed_again_since_is_not_lost_by_taking_the_first_change_back(directory: Opened) -> None:
    [record] = put(directory, structure())
    first = directory.edit(id=record, version=1, fields={"nom": "Premier nom"})
    directory.edit(id=record, version=first["version"], fields={"nom": "Second nom"})
    with pytest.raises(Conflict, match="nom"):
        directory.revert(id=record, of=first["version"])
    assert get(directory, record)["fields"]["nom"] == "Second nom"


def test_what_an_import_changed_in_one_record_can_be_taken_back_alone(directory: Opened) -> None:
    imported(directory, [structure(1), structure(2)])
    imported(directory, [structure(1, nom="Renommée 1"), structure(2, nom="Renommée 2")])
    [one, two] = directory.export(kind="structure", public=False)["records"]
    directory.revert(id=one["id"], of=directory.history(id=one["id"])["entries"][0]["version"])
    assert get(directory, one["id"])["fields"]["nom"].startswith("Association")
    assert get(directory, two["id"])["fields"]["nom"].startswith("Renommée")


def test_a_withdrawal_taken_back_gives_the_structure_its_services_again_to_be_qualified(directory: Opened) -> None:
    ids = put(directory, structure(), service(1), service(2))
    directory.withdraw(id=ids[2], reason="arrêtée depuis longtemps")
    directory.qualify(ids=ids[:2])
    gone = directory.withdraw(id=ids[0], reason="par erreur")
    assert seen(directory) == {}
    [entry, *_] = directory.history(id=ids[0])["entries"]
    assert set(directory.revert(id=ids[0], of=entry["version"])["changed"]) == set(gone["withdrawn"])
    assert [get(directory, each)["status"] for each in ids] == ["submitted", "submitted", "withdrawn"]
    directory.qualify(ids=ids[:2])
    assert set(seen(directory)) == {"s1", "v1"}


def test_a_version_that_changed_nothing_cannot_be_taken_back(directory: Opened) -> None:
    [record] = put(directory, structure())
    directory.qualify(ids=[record])
    for version in (get(directory, record)["version"], 99):
        with pytest.raises(NotFound):
            directory.revert(id=record, of=version)


VALUES = st.fixed_dictionaries(
    {},
    optional={
        "fields": st.fixed_dictionaries({}, optional={
            "telephone": st.sampled_from([None, "+33251000000"]), "commune": st.sampled_from(["Nantes", "Blain", None])
        }),
        "ess": st.sampled_from(["yes", "no"]),
        "sectors": st.sampled_from([[], ["logement"]]),
        "argumentaire": st.sampled_from([{}, {"link": WRITTEN["link"]}, dict.fromkeys(argumentaire.NAMES)]),
    },
)  # fmt: skip


def test_law_an_edit_taken_back_at_once_is_no_edit(directory: Opened) -> None:
    [record] = put(directory, structure(commune="Rezé"))

    @settings(deadline=None, max_examples=40)
    @given(before=VALUES, then=VALUES)
    def law(before: dict[str, Any], then: dict[str, Any]) -> None:
        start = directory.edit({"id": record, "version": get(directory, record)["version"]} | before)
        edited = directory.edit({"id": record, "version": start["version"]} | then)
        if edited["done"] == "updated":
            directory.revert(id=record, of=edited["version"])
        assert flat(get(directory, record)) == flat(start)

    law()
