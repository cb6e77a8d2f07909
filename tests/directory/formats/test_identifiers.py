"""Identifiers that a mapping makes of columns, and what a file has a place for."""

from __future__ import annotations

from pathlib import Path

from services.directory.formats.reading import read

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
