"""Once a structure is said to be of the social economy, only a permanent says otherwise: no argumentaire is shed."""

from __future__ import annotations

from typing import Any

import pytest

from services.kernel.access import Actor
from services.kernel.errors import ValidationError
from tests.directory.conftest import structure
from tests.directory.test_qualification import get, imported, seen
from tests.rooms import MACHINE, PERMANENT, Opened


def of_ess(**fields: Any) -> dict[str, Any]:
    return structure(code_insee="44109", **fields) | {"ess": "yes"}


@pytest.fixture
def hidden(directory: Opened) -> str:
    """A structure of a source that is published unseen, of the social economy, without its argumentaire."""
    directory.source_set(name="radar", policy="publish")
    imported(directory, [of_ess()], "publish")
    assert seen(directory) == {}
    [one] = directory.export(kind="structure", public=False)["records"]
    return str(one["id"])


def editor(record: str) -> Actor:
    return Actor(f"structure:{record}", ("structure_editor",), structures=(record,))


@pytest.mark.parametrize("who", ["structure", "facilitator"])
def test_neither_a_structure_nor_a_facilitator_says_that_it_is_not(directory: Opened, hidden: str, who: str) -> None:
    actor = editor(hidden) if who == "structure" else Actor("f@example.org", ("facilitator",))
    version = get(directory, hidden)["version"]
    for said in ("no", "unknown"):
        with pytest.raises(ValidationError) as refused:
            directory.as_(actor).edit(id=hidden, version=version, ess=said)
        assert refused.value.details[0]["code"] == "ess.permanent"
    assert seen(directory.as_(PERMANENT)) == {}


def test_a_key_does_not_say_it_by_writing_the_record_anew(directory: Opened, hidden: str) -> None:
    draft = structure(code_insee="44109") | {"ess": "no"}
    with pytest.raises(ValidationError):
        directory.as_(MACHINE).put(records=[draft])
    directory.as_(PERMANENT).withdraw(id=hidden, version=get(directory, hidden)["version"], reason="fermée")
    with pytest.raises(ValidationError):  # withdrawn meanwhile or not
        directory.as_(MACHINE).put(records=[draft])
    assert seen(directory) == {}


def test_an_import_that_says_it_stands_beside_for_a_permanent(directory: Opened, hidden: str) -> None:
    imported(directory, [structure(code_insee="44109", description="Autre chose") | {"ess": "no"}], "publish")
    now = get(directory, hidden)
    assert (now["ess"], now["fields"]["description"]) == ("yes", "Autre chose")
    assert seen(directory) == {}
    assert directory.open_record(id=hidden)["differences"] == {"ess": "no"}
    directory.edit(id=hidden, version=now["version"], ess="no")
    assert list(seen(directory)) == ["s1"], "a permanent says it"


def test_an_import_that_says_nothing_of_it_changes_nothing_of_it(directory: Opened, hidden: str) -> None:
    imported(directory, [structure(code_insee="44109", description="Autre chose")], "publish")
    assert get(directory, hidden)["ess"] == "yes"
    assert directory.open_record(id=hidden)["differences"] == {}
