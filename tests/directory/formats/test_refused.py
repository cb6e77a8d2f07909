"""Refused rows come out in a file that is corrected and imported again."""

import csv
import io
import json
from pathlib import Path

import openpyxl
import pytest

from services.directory.formats.reading import read
from services.directory.formats.refused import RefusedRows, Summary

MAPPING = (
    '[source]\nname = "tableur"\n[file]\nencoding = "cp1252"\n[structure]\nid = "N°"\nnom = "Nom"\ncode_postal = "CP"\n'
    'commune = "Ville"\nwhen = { column = "Nom", not = "rien" }\n'
)
TITLES = "Annuaire;;;\n\nN°;Nom;CP;Ville\n"


@pytest.fixture
def mapping(tmp_path: Path) -> str:
    path = tmp_path / "tableur.toml"
    path.write_text(MAPPING, encoding="utf-8")
    return str(path)


def refuse(paths: list[Path], format: str | None = None) -> tuple[list[Path], Summary]:
    summary = Summary()
    with RefusedRows(paths[0].parent / "refused") as refused:
        for row in read(paths, format):
            summary.add(row)
            if row.problems:
                refused.add(row.raw, row.problems)
    return refused.files, summary


def test_a_corrected_row_is_read_from_the_file_of_refused_rows(tmp_path: Path, mapping: str) -> None:
    places = tmp_path / "places.csv"
    places.write_text(TITLES + '1;Le Grain;44400;Rezé\n2;"L\'Été; à Rezé";44400;Ressé\n3;Trop;44400;Rezé;€\n', "cp1252")
    (path,), summary = refuse([places], mapping)
    assert (summary.read, summary.refused, path.name) == (3, 2, "places.refuses.csv")
    text = path.read_text(encoding="utf-8-sig")
    header, second, third = list(csv.reader(io.StringIO(text), delimiter=";"))[2:]
    assert header == ["erreur", "N°", "Nom", "CP", "Ville"]
    assert second[1:] == ["2", "L'Été; à Rezé", "44400", "Ressé"]
    assert "Rezé" in second[0]
    assert third[1:] == ["3", "Trop", "44400", "Rezé", "€"]
    path.write_text(text.replace("Ressé", "Rezé").replace(";€", ""), encoding="utf-8-sig")
    again, summary = refuse([path], mapping)
    assert (again, summary.refused) == ([], 0)
    assert [row.drafts[0]["fields"]["nom"] for row in read([path], mapping)] == ["L'Été; à Rezé", "Trop"]


def test_what_is_refused_again_has_one_column_of_errors(tmp_path: Path, mapping: str) -> None:
    places = tmp_path / "places.csv"
    places.write_text(TITLES + "2;Été;44400;Ressé\n", encoding="cp1252")
    (path,), _ = refuse([places], mapping)
    (again,), _ = refuse([path], mapping)
    assert again.name == "places.refuses.refuses.csv"
    assert again.read_bytes() == path.read_bytes()


def test_rows_of_a_workbook_come_out_as_csv_for_the_same_mapping(tmp_path: Path, mapping: str) -> None:
    book = openpyxl.Workbook()
    for row in (["Annuaire"], [], ["N°", "Nom", "CP", "Ville"], [7, "Le Grain", 1200, "Ressé"]):
        book.active.append(row)
    book.save(tmp_path / "places.xlsx")
    (path,), _ = refuse([tmp_path / "places.xlsx"], mapping)
    path.write_text(path.read_text(encoding="utf-8-sig").replace("Ressé", "Valserhône"), encoding="utf-8-sig")
    (row,) = read([path], mapping)
    assert (row.line, row.drafts[0]["fields"]["code_postal"]) == (4, "01200")


def test_items_of_json_come_out_as_lines_by_kind(tmp_path: Path) -> None:
    export = tmp_path / "export.json"
    item = {"source": "essai", "id": "essai--1", "date_maj": "2026-03-02"}
    export.write_text(json.dumps({"structures": [item], "services": [item | {"nom": "Repas"}, 3]}), encoding="utf-8")
    files, _ = refuse([export])
    assert [path.name for path in files] == ["export.refuses-structures.jsonl", "export.refuses-services.jsonl"]
    services = files[1].read_text(encoding="utf-8").splitlines()
    assert json.loads(services[0])["erreur"].startswith("structure_id : Le service n'est rattaché")
    assert services[1] == "3"
    files[1].write_text(services[0].replace('"id"', '"structure_id": "essai--9", "id"', 1), encoding="utf-8")
    (row,) = read([files[1]])
    assert row.drafts[0]["kind"] == "service"


def test_no_file_is_made_while_nothing_is_refused(tmp_path: Path) -> None:
    with RefusedRows(tmp_path / "refused") as refused:
        assert refused.files == []
    assert not (tmp_path / "refused").exists()
