"""Tables as people make them: titles above, cells missing or in excess, a quote left open, the same thing in XLSX."""

import datetime
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.directory.formats.drafts import Raw
from services.directory.formats.tables import Layout, Table, names_of, open_table
from services.directory.formats.workbook import text_of
from services.kernel.errors import ValidationError


def csv_of(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "places.csv"
    path.write_bytes(text.encode(encoding))
    return path


def xlsx_of(folder: Path, rows: Sequence[Sequence[Any]], sheet: str = "Lieux") -> Path:
    book = openpyxl.Workbook()
    book.active.title = sheet
    for row in rows:
        book.active.append(list(row))
    path = folder / "places.xlsx"
    book.save(path)
    return path


def cells(table: Table) -> list[list[str]]:
    return [raw.cells for raw in table.rows]


def all_of(table: Table) -> list[Raw]:
    return list(table.rows)


def test_cells_are_trimmed_blank_rows_passed_over_and_lines_told(tmp_path: Path) -> None:
    path = csv_of(tmp_path, '\ufeffid ;  Nom\n1; Le Grain \n;\n2;"deux\nlignes"\n3;L\'Été\n')
    table = open_table(path, "csv")
    assert table.origin.columns == ("id", "Nom")
    assert [(raw.line, raw.cells) for raw in table.rows] == [
        (2, ["1", "Le Grain"]),
        (4, ["2", "deux\nlignes"]),
        (6, ["3", "L'Été"]),
    ]


def test_titles_above_the_header_are_found_by_the_columns_expected(tmp_path: Path) -> None:
    path = csv_of(tmp_path, "Annuaire 2026;\n;\nImprimé le 3 mars;\nNom;Ville\nLe Grain;Rezé\n")
    table = open_table(path, "csv", expected=["nom", "VILLE"])
    assert table.origin.columns == ("Nom", "Ville")
    assert len(table.origin.preamble) == 3
    assert cells(table) == [["Le Grain", "Rezé"]]


def test_a_header_row_that_is_said_is_taken(tmp_path: Path) -> None:
    path = csv_of(tmp_path, "a;b\nNom;Ville\nLe Grain;Rezé\n")
    assert open_table(path, "csv", ["a"], Layout(header_row=2)).origin.columns == ("Nom", "Ville")
    with pytest.raises(ValidationError):
        open_table(path, "csv", [], Layout(header_row=9))


def test_columns_without_a_name_or_with_the_same_get_one_of_their_own() -> None:
    assert names_of(["Tél\n fixe", "", "Tél fixe"]) == ("Tél fixe", "colonne 2", "Tél fixe (2)")


def test_cells_in_excess_refuse_the_row_and_missing_ones_are_told(tmp_path: Path) -> None:
    long, short, fine = all_of(open_table(csv_of(tmp_path, "a,b,c\n1,2,3,4\n1\n1,2,3,,\n"), "csv"))
    assert [fault["code"] for fault in long.faults] == ["row.long"]
    assert long.cells == ["1", "2", "3", "4"]
    assert (short.cells, [note["code"] for note in short.notes]) == (["1", "", ""], ["row.short"])
    assert (fine.faults, fine.notes) == ([], [])


def test_a_quote_left_open_costs_one_row(tmp_path: Path) -> None:
    text = 'id,nom,ville\n1,Un,Rezé\n2,"Deux,Rezé\n' + "".join(f"{n},Lieu {n},Rezé\n" for n in range(3, 2000))
    rows = all_of(open_table(csv_of(tmp_path, text), "csv"))
    assert [(raw.line, raw.cells, raw.faults[0]["code"]) for raw in rows if raw.faults] == [
        (3, ["2", "Deux", "Rezé"], "row.quote")
    ]
    assert len(rows) == 1999


@pytest.mark.parametrize("after", [0, 1, 2, 5, 180, 300])
def test_a_quote_left_open_costs_one_row_however_many_follow(tmp_path: Path, after: int) -> None:
    rows = "".join(f"{n},Lieu {n},Rezé,12 rue\n" for n in range(after))
    read = all_of(open_table(csv_of(tmp_path, f'id,nom,ville,rue\n1,Un,Rezé,1 rue\nx,"Deux,Rezé,2 rue\n{rows}'), "csv"))
    assert [raw.line for raw in read if raw.faults] == [3]
    assert [raw.cells[0] for raw in read if not raw.faults] == ["1", *map(str, range(after))]


def test_a_text_of_several_lines_is_one_cell(tmp_path: Path) -> None:
    text = 'id,nom,ville\n1,"Le Grain,\nmaison ""bleue""\nde tous",Rezé\n2,"a\nb",\n'
    assert cells(open_table(csv_of(tmp_path, text), "csv")) == [
        ["1", 'Le Grain,\nmaison "bleue"\nde tous', "Rezé"], ["2", "a\nb", ""]
    ]  # fmt: skip


def test_broken_bytes_cost_one_row_and_are_mended_for_the_eye(tmp_path: Path) -> None:
    path = tmp_path / "places.csv"
    path.write_bytes("id,nom\n1,Été\n2,Épicerie\n3,Rez".encode() + b"\xe9\n" + "4,Île\n".encode())
    rows = all_of(open_table(path, "csv"))
    assert [raw.cells for raw in rows if raw.faults] == [["3", "Rezé"]]
    assert [raw.cells[1] for raw in rows if not raw.faults] == ["Été", "Épicerie", "Île"]


def test_a_formula_without_a_value_is_taken_for_empty_and_told(tmp_path: Path) -> None:
    (row,) = all_of(open_table(csv_of(tmp_path, "id,nom\n1,#N/A\n"), "csv"))
    assert (row.cells, [note["field"] for note in row.notes]) == (["1", ""], ["nom"])


def test_an_encoding_that_is_said_is_taken_unless_a_mark_says_another(tmp_path: Path) -> None:
    said = Layout(encoding="cp1252")
    assert open_table(csv_of(tmp_path, "Catégorie\nx\n", "cp1252"), "csv", [], said).origin.columns == ("Catégorie",)
    assert open_table(csv_of(tmp_path, "\ufeffCatégorie\nx\n"), "csv", [], said).origin.columns == ("Catégorie",)
    with pytest.raises(ValidationError):
        open_table(csv_of(tmp_path, "Catégorie\nx\n", "cp1252"), "csv", [], Layout(encoding="utf-8"))


def test_a_workbook_reads_like_its_csv(tmp_path: Path) -> None:
    day, nine = datetime.datetime(2026, 11, 23), datetime.time(9, 30)  # noqa: DTZ001  (as Excel keeps them)
    path = xlsx_of(
        tmp_path,
        [["Annuaire"], [], ["id", "CP", "Maj", "Ouvre", "Actif", "Lat"], [], [1.0, 1200, day, nine, True, 47.5]],
    )
    table = open_table(path, "xlsx", expected=["id", "cp"])
    assert [(raw.line, raw.cells) for raw in table.rows] == [(5, ["1", "1200", "2026-11-23", "09:30", "oui", "47.5"])]


def test_a_sheet_is_chosen_by_name_and_a_wrong_name_told_with_those_there_are(tmp_path: Path) -> None:
    path = xlsx_of(tmp_path, [["id"], ["1"]])
    assert cells(open_table(path, "xlsx", [], Layout(sheet="lieux"))) == [["1"]]
    with pytest.raises(ValidationError, match="Lieux"):
        open_table(path, "xlsx", [], Layout(sheet="Places"))


def test_cells_of_a_workbook_as_text() -> None:
    moment = datetime.datetime(2026, 11, 23, 14, 5)  # noqa: DTZ001
    assert [text_of(value) for value in (None, False, 0.5, moment, 12)] == ["", "non", "0.5", "2026-11-23 14:05", "12"]


CELL = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20).map(str.strip)


@given(st.lists(st.tuples(CELL.filter(bool), CELL, CELL), min_size=1, max_size=20))
def test_whatever_a_csv_writer_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]]
) -> None:
    import csv

    from services.directory.formats.tables import FORMULA_ERRORS

    path = tmp_path_factory.getbasetemp() / "round.csv"
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([("id", "nom", "ville"), *rows])
    expected = [["" if cell in FORMULA_ERRORS else cell for cell in row] for row in rows]
    assert cells(open_table(path, "csv", [], Layout(separator=","))) == [row for row in expected if any(row)]


def test_a_workbook_broken_in_its_middle_is_told_and_not_failed(tmp_path: Path) -> None:
    whole, broken = xlsx_of(tmp_path, [["id", "nom"], ["1", "Le Grain"], ["2", "Le Sel"]]), tmp_path / "broken.xlsx"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(broken, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name.startswith("xl/worksheets/"):
                content = content.replace(b"</row>", b"</row>&nothing;", 1)
            target.writestr(name, content)
    with pytest.raises(ValidationError, match="ne peut être lu"):
        all_of(open_table(broken, "xlsx"))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_the_mark_of_an_encoding_decides(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "places.csv"
    path.write_bytes("id,nom\n1,Été à Rezé\n".encode(encoding))
    assert cells(open_table(path, "csv")) == [["1", "Été à Rezé"]]
