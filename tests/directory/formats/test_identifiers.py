"""An identifier names one record of a file: met twice it is refused, with what tells the rows apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from services.directory.formats.reading import read
from tests.directory.formats.test_reading import STRUCTURE, codes, rows_of, table, warned

__all__ = ["table"]


def test_an_identifier_met_twice(table: Any) -> None:
    head = "N°,Nom,CP,Ville,Tél\n"
    same, other = "1,Le Grain,44000,Nantes,\n", "1,Le Pain,44000,Nantes,\n"
    assert [row.drafts == [] for row in table(head + same + same)] == [False, True]
    assert codes(table(head + same + same)[1]) == []
    changed = table(head + same + other)[1]
    assert (codes(changed), warned(changed)) == ([], ["structure.repeated"])


def test_an_identifier_taken_by_another_record_refuses_the_row_and_names_the_line(tmp_path: Path) -> None:
    second = rows_of(tmp_path, STRUCTURE, STRUCTURE | {"nom": "Le Pain"})[1]
    assert codes(second) == ["id.taken"]
    assert "ligne 1" in second.problems[0]["why"]


BY_NAME = """
version = 1
[source]
name = "essai"
[structure]
id = { template = "{Nom}-{Ville}", transform = "slug" }
nom = "Nom"
commune = "Ville"
telephone = "Tél"
"""


def test_an_identifier_made_of_columns_says_of_which_and_how_to_tell_the_rows_apart(tmp_path: Path) -> None:
    (tmp_path / "noms.toml").write_text(BY_NAME, encoding="utf-8")
    (tmp_path / "noms.csv").write_text("Nom,Ville,Tél\nLe Grain,Nantes,\nLe Grain,Nantes,0240000000\n", "utf-8")
    first, second = read([tmp_path / "noms.csv"], str(tmp_path / "noms.toml"))
    [fault] = second.problems
    assert "« Nom » et « Ville »" in fault["why"]
    assert "une colonne qui les distingue" in fault["remedy"]
    assert first.drafts[0]["empty"] == ["telephone"]
