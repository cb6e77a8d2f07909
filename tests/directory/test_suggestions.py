"""Anybody may say that a record is wrong; a permanent answers; nothing of it is public before."""

from __future__ import annotations

from typing import Any

import pytest

from services.directory import suggesting
from services.kernel.access import ROLES, Actor
from services.kernel.errors import Forbidden, NotFound, ValidationError, WrongState
from tests.directory.conftest import structure
from tests.directory.test_qualification import get, put, seen
from tests.rooms import MACHINE, NODE, PERMANENT, Opened

NOBODY = Actor("")


@pytest.fixture
def public(directory: Opened) -> str:
    """The id of a public structure; nobody is behind the next calls."""
    [record] = put(directory, structure(telephone="+33240000000"))
    directory.qualify(ids=[record])
    directory.as_(NOBODY)
    return record


def waiting(directory: Opened) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = directory.as_(PERMANENT).suggestions()["suggestions"]
    return found


def test_a_stranger_proposes_a_value_a_permanent_accepts_it_and_the_public_sees_it(
    directory: Opened, public: str
) -> None:
    directory.suggest(id=public, field="telephone", value="+33251000000", message="Ils ont changé de numéro.")
    assert seen(directory)["s1"]["fields"]["telephone"] == "+33240000000"
    [made] = waiting(directory)
    assert (made["now"], made["value"]) == ("+33240000000", "+33251000000")
    assert directory.work()["reason"] == "suggestions"
    decided = directory.decide(suggestion=made["suggestion"], accept=True)
    assert decided["state"] == "accepted"
    assert seen(directory)["s1"]["fields"]["telephone"] == "+33251000000"
    assert seen(directory)["s1"]["status"] == "qualified"
    assert waiting(directory) == []
    with pytest.raises(WrongState, match="déjà"):
        directory.decide(suggestion=made["suggestion"], accept=False)


def test_a_proposed_value_is_read_as_an_import_reads_it_before_anybody_accepts_it(
    directory: Opened, public: str
) -> None:
    directory.suggest(id=public, field="telephone", value="02 51 00 00 00")
    [made] = waiting(directory)
    assert made["value"] == "+33251000000"
    with pytest.raises(ValidationError) as refused:
        directory.as_(NOBODY).suggest(id=public, field="telephone", value="n’importe quoi")
    [fault] = refused.value.details
    assert (fault["field"], fault["value"], fault["code"]) == ("telephone", "n’importe quoi", "phone.invalid")
    assert "02 40 12 34 56" in fault["remedy"]
    assert len(waiting(directory)) == 1


def test_a_refused_suggestion_changes_nothing_and_keeps_its_answer(directory: Opened, public: str) -> None:
    directory.suggest(id=public, message="Cette association a fermé.")
    [made] = waiting(directory)
    before = get(directory, public)
    decided = directory.decide(suggestion=made["suggestion"], accept=False, answer="Nous y étions hier.")
    assert (decided["state"], decided["answer"]) == ("refused", "Nous y étions hier.")
    assert get(directory, public) == before
    assert directory.suggestions(state="refused", record=public)["suggestions"] == [decided | {"from_name": None}]


def test_neither_what_a_stranger_wrote_nor_the_address_left_is_in_any_event(directory: Opened, public: str) -> None:
    directory.suggest(id=public, message="Demandez à Zoé Quelconque.", contact="zoe@example.org")
    directory.announced()
    stream = directory.log_after(stream=f"{NODE.name}/directory/home", epoch=1, after=0, limit=500)
    assert "suggestion.made" in str(stream["events"])
    assert "Zoé" not in str(stream["events"])
    assert "zoe@" not in str(stream["events"])
    [made] = waiting(directory)
    assert made["to_answer"] is True
    assert "zoe@" not in str(made)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({}, "Dites ce qui ne va pas"),
        ({"field": "slogan", "value": "x"}, "n’existe pas"),
        ({"field": "siret", "value": "12"}, "pas valable"),
        ({"field": "telephone", "value": "+33240000000"}, "le dit déjà"),
        ({"message": "x" * 2_001}, "message"),
        ({"message": "fermé", "contact": "zoe"}, "contact"),
    ],
)
def test_a_suggestion_that_says_nothing_usable_is_refused_with_the_reason(
    directory: Opened, public: str, said: dict[str, Any], why: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        directory.suggest({"id": public} | said)
    assert why in f"{refused.value} {refused.value.details}"
    assert waiting(directory) == []


def test_a_record_that_the_public_does_not_see_takes_no_suggestion(directory: Opened) -> None:
    [draft] = put(directory, structure())
    with pytest.raises(NotFound):
        directory.as_(NOBODY).suggest(id=draft, message="fermé")


def test_too_many_open_suggestions_of_one_record_are_refused_and_others_go_on(
    directory: Opened, public: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suggesting, "OPEN_OF_ONE_AT_MOST", 2)
    directory.suggest(id=public, message="fermé")
    directory.suggest(id=public, message="fermé le lundi")
    with pytest.raises(WrongState, match="Trop de propositions"):
        directory.suggest(id=public, message="fermé le mardi")
    assert len(waiting(directory)) == 2


@pytest.mark.parametrize("role", [*ROLES, "a machine's key"])
def test_only_a_permanent_reads_and_decides(directory: Opened, public: str, role: str) -> None:
    made = directory.suggest(id=public, message="fermé")["suggestion"]
    directory.as_(MACHINE if role == "a machine's key" else Actor("x@example.org", (role,)))
    if role == "permanent":
        assert directory.decide(suggestion=made, accept=True)["state"] == "accepted"
        return
    for ask in (directory.suggestions, lambda: directory.decide(suggestion=made, accept=True)):
        with pytest.raises(Forbidden):
            ask()


def test_a_proposed_value_that_no_record_could_hold_is_refused(directory: Opened, public: str) -> None:
    with pytest.raises(ValidationError, match="trop longue"):
        directory.suggest(id=public, field="reseaux_porteurs", value=[f"réseau {number}" for number in range(2_000)])
    assert directory.as_(PERMANENT).suggestions()["suggestions"] == []
