"""An import is taken back: first what would go and what would stay; people's words stay unless that is asked for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kernel.access import Actor
from services.kernel.errors import Forbidden, NotFound, WrongState
from tests.directory.conftest import service, structure
from tests.directory.test_qualification import get, imported, put, seen
from tests.rooms import MACHINE, PERMANENT, VOLUNTEER, Opened


def fates(directory: Opened, import_id: str, **asked: Any) -> dict[str, int]:
    """The counts of an import taken back that are not 0; the preview says the same, and announces nothing."""
    before = directory.announced()
    foreseen = directory.undo_preview({"import": import_id, **asked})
    assert directory.announced() == before
    done = directory.undo({"import": import_id, **asked})
    assert foreseen == done
    return {name: count for name, count in done.items() if isinstance(count, int) and count}


def ids_of(directory: Opened) -> dict[str, str]:
    """The ids of all living records, by the names of the sources."""
    kinds = ("structure", "service")
    records = [each for kind in kinds for each in directory.export(kind=kind, public=False)["records"]]
    return {each["source_id"]: each["id"] for each in records}


def edit(directory: Opened, record: str, **fields: Any) -> None:
    directory.edit(id=record, version=get(directory, record)["version"], fields=fields)


def test_what_nobody_changed_since_is_taken_back_and_that_once(directory: Opened) -> None:
    imported(directory, [structure(1), structure(2)], "publish")
    rows = [structure(1, nom="Changée"), structure(2, nom="Changée aussi"), structure(3)]
    second = imported(directory, rows, "publish")
    put(directory, structure(2, nom="Corrigée par une personne"))
    assert fates(directory, second) == {"restored": 1, "withdrawn": 1, "kept": 1, "by_people": 1}
    names = {record["fields"]["nom"] for record in directory.export(kind="structure")["records"]}
    assert names == {"Association 1", "Corrigée par une personne"}
    for door in (directory.undo, directory.undo_preview):
        with pytest.raises(WrongState):
            door({"import": second})


def test_services_go_with_their_structures(directory: Opened) -> None:
    assert fates(directory, imported(directory, [structure(), service(1), service(2)])) == {"withdrawn": 3}


def test_a_structure_that_services_of_another_import_need_stays(directory: Opened) -> None:
    first = imported(directory, [structure(1), structure(2)], "publish")
    imported(directory, [service(1, of=1)], "publish")
    [told] = [each for each in directory.undo_preview({"import": first})["records"] if each["why"]]
    assert (told["name"], told["done"], told["why"]) == ("Association 1", "kept", "needed")
    assert fates(directory, first) == {"withdrawn": 1, "kept": 1}
    assert ids_of(directory).keys() == {"s1", "v1"}


def test_what_a_person_qualified_for_the_first_time_stays_with_its_structure_and_is_told_by_name(
    directory: Opened,
) -> None:
    done = imported(directory, [structure(1), service(1), service(2), structure(2)])
    ids = ids_of(directory)
    directory.qualify(ids=[ids["v1"]])
    told = {each["id"]: (each["name"], each["done"], each["why"]) for each in directory.undo_preview(
        {"import": done})["records"]}  # fmt: skip
    assert told == {
        ids["v1"]: ("Accueil 1", "kept", "people"), ids["v2"]: ("Accueil 2", "withdrawn", ""),
        ids["s1"]: ("Association 1", "kept", "needed"), ids["s2"]: ("Association 2", "withdrawn", ""),
    }  # fmt: skip
    assert fates(directory, done) == {"withdrawn": 2, "kept": 2, "by_people": 1}
    assert ids_of(directory).keys() == {"s1", "v1"}


@pytest.mark.parametrize("act", ["qualify", "edit", "confirm", "by the structure's link"])
def test_people_s_words_go_too_where_that_is_asked_for(directory: Opened, act: str) -> None:
    done = imported(directory, [structure()])
    record = ids_of(directory)["s1"]
    if act == "qualify":
        directory.qualify(ids=[record])
    elif act == "confirm":
        directory.confirm(id=record)
    else:
        directory.as_(PERMANENT if act == "edit" else Actor("x", ("structure_editor",), structures=(record,)))
        edit(directory, record, telephone="02 40 00 00 01")
        directory.as_(PERMANENT)
    kept = directory.undo_preview({"import": done})
    assert (kept["withdrawn"], kept["kept"], kept["by_people"]) == (0, 1, 1)
    assert fates(directory, done, all=True) == {"withdrawn": 1, "by_people": 1}
    assert ids_of(directory) == {}


def test_what_a_person_had_written_is_in_the_history_and_can_be_brought_back(directory: Opened) -> None:
    imported(directory, [structure(code_insee="44109")])
    record = ids_of(directory)["s1"]
    done = imported(directory, [structure(code_insee="44109", description="Dite par le fichier.")])
    edit(directory, record, description="Dite par une personne.")
    assert fates(directory, done, all=True) == {"restored": 1, "by_people": 1}
    assert "description" not in get(directory, record)["fields"]
    last = directory.history(id=record)["entries"][0]
    assert (last["act"], last["by"], last["how"]) == ("undo", PERMANENT.name, "radar : f.csv")
    assert last["changed"] == {"description": ["Dite par une personne.", None]}
    directory.revert(id=record, of=last["version"])
    assert get(directory, record)["fields"]["description"] == "Dite par une personne."


def test_what_another_import_changed_since_stays_in_any_case_and_the_newest_first_takes_back_both(
    directory: Opened,
) -> None:
    imported(directory, [structure(nom="Premier nom")])
    first = imported(directory, [structure(nom="Deuxième nom")])
    second = imported(directory, [structure(nom="Troisième nom")])
    told = directory.undo_preview({"import": first, "all": True})
    assert (told["kept"], told["by_people"], told["records"][0]["why"]) == (1, 0, "changed")
    assert fates(directory, second) == {"restored": 1}
    assert fates(directory, first) == {"restored": 1}
    assert get(directory, ids_of(directory)["s1"])["fields"]["nom"] == "Premier nom"


@pytest.mark.parametrize("who", ["a machine", "a merge", "a withdrawal"])
def test_what_a_program_or_a_merge_changed_since_and_what_is_withdrawn_stays_in_any_case(
    directory: Opened, who: str
) -> None:
    done = imported(directory, [structure(1)])
    imported(directory, [structure(2)])
    ids = ids_of(directory)
    if who == "a machine":
        edit(directory.as_(MACHINE), ids["s1"], telephone="02 40 00 00 01")
        directory.as_(PERMANENT)
    elif who == "a merge":
        directory.duplicate_decide(a=ids["s1"], b=ids["s2"], decision="same", keep=ids["s1"])
    else:
        directory.withdraw(id=ids["s1"], reason="fermeture")
    assert fates(directory, done, all=True) == {"kept": 1}


def test_a_service_that_only_its_structure_took_from_the_public_is_taken_back(directory: Opened) -> None:
    done = imported(directory, [structure(), service()], "publish")
    ids = ids_of(directory)
    directory.edit(id=ids["s1"], version=get(directory, ids["s1"])["version"], ess="yes")
    assert seen(directory) == {}
    assert fates(directory, done) == {"withdrawn": 1, "kept": 1, "by_people": 1}


def test_a_service_does_not_go_back_under_a_structure_that_is_withdrawn_since(directory: Opened) -> None:
    imported(directory, [structure(1), structure(2), service(1, of=1)])
    moved = imported(directory, [service(1, of=2)])
    ids = ids_of(directory)
    directory.withdraw(id=ids["s1"], reason="fermeture")
    assert fates(directory, moved, all=True) == {"kept": 1}
    assert get(directory, ids["v1"])["structure"] == ids["s2"]


def test_what_an_import_said_otherwise_than_people_goes_with_it_and_can_be_taken_no_more(directory: Opened) -> None:
    imported(directory, [structure(1, telephone="+33240000001"), structure(2)])
    ids = ids_of(directory)
    for record in ids.values():
        edit(directory, record, telephone="02 40 00 00 02")
    imported(directory, [structure(2, telephone="+33240000003")])
    second = imported(directory, [structure(n, telephone="+33240000003") for n in (1, 2)])
    assert directory.work()["counts"]["differences"] == 2
    assert fates(directory, second) == {"differences": 1}
    [still] = directory.work(reason="differences")["records"]
    assert still["id"] == ids["s2"], "an import of before said the same"
    with pytest.raises(NotFound):
        directory.settle_difference(id=ids["s1"], field="telephone", take=True)
    directory.settle_difference(id=ids["s2"], field="telephone", take=True)


def test_what_stands_beside_the_record_that_one_of_its_source_was_merged_into_goes_too(directory: Opened) -> None:
    imported(directory, [structure(1), structure(2)])
    a, b = (ids_of(directory)[name] for name in ("s1", "s2"))
    [c] = put(directory, structure(3, source="autre"))
    directory.duplicate_decide(a=a, b=b, decision="same", keep=b)
    directory.duplicate_decide(a=b, b=c, decision="same", keep=c)
    news = imported(directory, [structure(1, telephone="+33240000003")])
    assert [each["id"] for each in directory.work(reason="differences")["records"]] == [c]
    assert fates(directory, news) == {"differences": 1}
    assert directory.work()["counts"]["differences"] == 0


def test_many_are_counted_and_the_first_told_by_name(directory: Opened) -> None:
    done = imported(directory, [structure(number) for number in range(30)])
    told = directory.undo_preview({"import": done})
    assert (told["withdrawn"], len(told["records"])) == (30, 20)


def test_who_may_not_import_takes_none_back(directory: Opened) -> None:
    done = imported(directory, [structure()])
    directory.as_(VOLUNTEER)
    for door in (directory.undo, directory.undo_preview):
        with pytest.raises(Forbidden):
            door({"import": done})
    directory.as_(PERMANENT)
    for door in (directory.undo, directory.undo_preview):
        with pytest.raises(NotFound):
            door({"import": "nul"})


Step = st.tuples(st.sampled_from(["import", "qualify", "edit", "withdraw"]), st.integers(1, 3), st.sampled_from("ABC"))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(Step, max_size=8), everything=st.booleans(), data=st.data())
def test_law_the_preview_says_what_is_done_and_no_word_of_a_person_goes_unasked(
    directory: Opened, steps: list[Any], everything: bool, data: st.DataObject
) -> None:
    """Whatever happened before, to records that earlier examples left too."""
    done = [imported(directory, [structure(1), service(1), service(2)])]
    for act, number, word in steps:
        ids = ids_of(directory)
        row = structure(number, nom=f"Nom {word}") if number < 3 else service(1, of=1, nom=f"Accueil {word}")
        name = row["source_id"]
        if act == "import":
            done.append(imported(directory, [row] if number < 3 else [structure(1), row]))
        elif name in ids and act == "withdraw":
            directory.withdraw(id=ids[name], reason="fermeture")
        elif name in ids and act == "qualify":
            directory.qualify(ids=[ids[name]])
        elif name in ids:
            edit(directory, ids[name], horaires_accueil="Mo 09:00-12:00", description=f"Parole de {word}.")
    before = {name: get(directory, each) for name, each in ids_of(directory).items()}
    words = {name: each["fields"].get("description") for name, each in before.items()}
    fates(directory, data.draw(st.sampled_from(done)), all=everything)
    after = {name: get(directory, each) for name, each in ids_of(directory).items()}
    for name in words if not everything else ():
        if (words[name] or "").startswith("Parole de"):
            assert after[name]["fields"]["description"] == words[name]
    for each in after.values():
        assert "structure" not in each or get(directory, each["structure"])["status"] != "withdrawn"
