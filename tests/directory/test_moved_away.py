"""What the old home of a record that moved answers to whoever still asks it: where the record is by now."""

from __future__ import annotations

import pytest

from services.kernel.errors import NotHome
from tests.directory.moves import FIRST, World, move


def test_whatever_is_asked_of_the_old_home_it_answers_with_the_address_of_the_new_one(world: World) -> None:
    move(world)
    radar, record = world.nodes["radar"], world.structure
    draft = {"kind": "structure", "source": "liste", "source_id": "g1", "fields": FIRST}
    for door, asked in (
        ("put", {"records": [draft]}), ("edit", {"id": record, "version": 1, "fields": {"nom": "Prise"}}),
        ("qualify", {"ids": [record]}), ("step", {"id": record, "step": "review"}), ("confirm", {"id": record}),
        ("withdraw", {"id": record, "reason": "fermée"}), ("hand_over", {"to": "a" * 32, "ids": [record]}),
        ("open_record", {"id": record}), ("revert", {"id": record, "of": 1}),
    ):  # fmt: skip
        with pytest.raises(NotHome, match=r"ORPAN, https://orpan\.example\.org") as refused:
            getattr(radar, door)(**asked)
        assert refused.value.details["page"] == f"https://orpan.example.org/structures/{record}", door
    world.hear("animation", "orpan")
    with pytest.raises(NotHome, match=r"https://orpan\.example\.org"):
        world.nodes["animation"].qualify(ids=[record])


def test_a_file_that_still_names_what_moved_is_told_so_row_by_row(world: World) -> None:
    move(world)
    radar = world.nodes["radar"]
    opened = radar.import_begin(source="liste", name="f", policy="publish")["import"]
    row = {
        "kind": "structure",
        "source": "liste",
        "source_id": "g1",
        "fields": {"nom": "Prise", "date_maj": "2026-02-01"},
    }
    [answer] = radar.import_rows(request={"import": opened, "rows": [row]})["rows"]
    assert (answer["done"], answer["problems"][0]["code"]) == ("refused", "record.moved")
    assert "ORPAN, https://orpan.example.org" in answer["problems"][0]["why"]


def test_what_somebody_suggests_at_the_old_home_goes_to_the_new_one(world: World) -> None:
    move(world)
    world.hear("radar", "orpan")
    sent = world.nodes["radar"].suggest(id=world.structure, message="La porte est murée.")
    assert sent["home"] == world.fingerprint("orpan")
    world.write_to("orpan", "radar")
    [made] = world.nodes["orpan"].suggestions()["suggestions"]
    assert (made["record"], made["message"]) == (world.structure, "La porte est murée.")
