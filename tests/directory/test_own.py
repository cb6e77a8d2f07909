"""What a record says beside data·inclusion's fields: networks and poles, languages, the social economy."""

from __future__ import annotations

import pytest

from services.kernel.errors import ValidationError
from tests.directory.conftest import service, structure
from tests.directory.test_qualification import get, imported, put, seen
from tests.rooms import Opened


def test_the_networks_and_poles_of_a_structure_are_told_each_on_its_scale_and_its_languages(directory: Opened) -> None:
    poles = [{"name": "LIS", "scale": "country", "territory": "FR"}, {"name": "CLIC", "scale": "commune"}]
    told = {"memberships": poles, "languages": ["fr", "ar"], "accessibility": "De plain-pied, boucle magnétique."}
    [record] = put(directory, structure() | told)
    directory.qualify(ids=[record])
    public = seen(directory)["s1"]
    assert {name: public[name] for name in told} == told
    with pytest.raises(ValidationError, match="enregistrée"):
        put(directory, structure(), service() | {"memberships": poles})


def test_an_import_does_not_overwrite_what_a_person_said_of_the_social_economy(directory: Opened) -> None:
    imported(directory, [structure() | {"ess": "no"}])
    [known] = directory.export(kind="structure", public=False)["records"]
    directory.edit(id=known["id"], version=known["version"], ess="yes")
    imported(directory, [structure() | {"ess": "no"}])
    assert get(directory, known["id"])["ess"] == "yes"
    assert directory.work(reason="differences")["records"][0]["differences"] == {"ess": "no"}
