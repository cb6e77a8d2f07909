"""Before an import: a mapping sketched from the columns, and what a reading would make, in words."""

from pathlib import Path

import pytest

from services.directory.formats import mapping_file
from services.directory.formats.explain import explain
from services.directory.formats.reading import read
from services.directory.formats.sketch import sketch


def test_a_sketch_reads_the_table_it_was_made_from(tmp_path: Path) -> None:
    places = tmp_path / "Annuaire été 2026.csv"
    places.write_text(
        "Association;Ville;CP;Tél.;E-mail;Lundi;Mardi;Mercredi;Remarque\n"
        "Le Grain;Rezé;44400;0240123456;;9h-12h;;;rien\n",
        encoding="cp1252",
    )
    text = sketch(places)
    (tmp_path / "annuaire.toml").write_text(text, encoding="utf-8")
    (row,) = read([places], str(tmp_path / "annuaire.toml"))
    (draft,) = row.drafts
    assert (draft["source"], draft["source_id"]) == ("annuaire-ete-2026", "le-grain-reze")
    assert draft["fields"]["telephone"] == "+33240123456"
    assert draft["fields"]["horaires_accueil"] == "Mo 09:00-12:00"
    assert "# Colonnes que personne ne lit : Remarque" in text


def test_a_sketch_knows_a_column_by_its_first_word_and_never_takes_one_twice(tmp_path: Path) -> None:
    places = tmp_path / "ateliers.csv"
    places.write_text("Identifiant;Nom de l'atelier;Ville d'accueil;Nombre de places\n1;Couture;Blain;3\n", "utf-8")
    text = sketch(places)
    assert 'id = "Identifiant"\nnom = "Nom de l\'atelier"\ncommune = "Ville d\'accueil"' in text
    assert "# Colonnes que personne ne lit : Nombre de places" in text


def test_a_sketch_of_columns_that_nobody_knows_still_is_a_mapping(tmp_path: Path) -> None:
    places = tmp_path / "?.csv"
    places.write_text('Quoi "donc";Où\na;b\n', encoding="utf-8")
    mapping = mapping_file.parse("sketch", sketch(places))
    assert (mapping.source.name, mapping.source.policy) == ("ma-source", "hold")


def test_a_reading_is_told_in_words(tmp_path: Path, test_data: Path) -> None:
    told = "\n".join(explain([test_data / "france-services" / "liste-fs-20240801.csv"], rows=1))
    assert "Format : france-services. Source : france-services." in told
    assert "Colonnes que personne ne lit : insee_dep." in told
    assert "structure france-services--1" in told
    assert "    telephone = +33450568749" in told


@pytest.mark.parametrize("line", ['{"source": "essai", "id": "essai--1", "nom": "X"}', "{}"])
def test_what_would_be_refused_is_told_with_what_to_do(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.jsonl").write_text(line, encoding="utf-8")
    told = "\n".join(explain([tmp_path / "a.jsonl"]))
    assert "refusée" in told
    assert "  ! nom" in told


def test_a_sketch_knows_what_a_structure_says_of_itself(tmp_path: Path) -> None:
    places = tmp_path / "ess.csv"
    places.write_text(
        "N°;Association;Structure ESS ?;Forme juridique;Langues parlées;Projet associatif;Participation;"
        "Plus-value;Gouvernance\n"
        "1;Le Grain;Oui;association loi 1901;français, anglais / LSF;Nourrir;Élus;214 repas;Une voix\n"
        "2;Le Sel;peut-être;Scop;;;;;\n",
        encoding="utf-8",
    )
    (tmp_path / "ess.toml").write_text(sketch(places), encoding="utf-8")
    first, second = read([places], str(tmp_path / "ess.toml"))
    [draft] = first.drafts
    assert (draft["ess"], draft["legal_form"], draft["languages"]) == ("yes", "9220", ["fr"])
    assert draft["argumentaire"] == {
        "link": "Nourrir", "participation": "Élus", "added_value": "214 repas", "governance": "Une voix"
    }  # fmt: skip
    told = {(one["line"], one["field"], one["value"], one["code"]) for one in first.warnings + second.warnings}
    assert told == {
        (2, "Langues parlées", "anglais / LSF", "languages.unknown"),
        (3, "Structure ESS ?", "peut-être", "ess.unknown"),
        (3, "Forme juridique", "Scop", "legal_form.several"),
    }
    assert "5458" in next(one["remedy"] for one in second.warnings if one["code"] == "legal_form.several")
    assert second.drafts[0]["extra"]["unread"]["legal_form"] == "Scop"
