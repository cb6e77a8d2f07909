"""`docs/mapping.md` is true: its example runs, its lists are those of the code, its figures those of the real list."""

import re
from pathlib import Path

import pytest

from services.directory.formats.drafts import Row
from services.directory.formats.reading import read
from services.directory.formats.refused import Summary
from services.directory.formats.vocabulary import FIELDS, OWN_FIELDS

PAGE = (Path(__file__).parents[3] / "docs" / "mapping.md").read_text(encoding="utf-8")
SAMPLES = Path(__file__).parents[3] / "deploy" / "samples"


@pytest.fixture
def example(tmp_path: Path) -> list[Row]:
    """The rows of the page's example: its table as CSV, read by its mapping."""
    (toml,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "m.toml").write_text(toml, encoding="utf-8")
    lines = [line for line in PAGE.splitlines() if line.startswith(("| N°", "| 12 |"))]
    rows = [";".join(cell.strip() for cell in line.strip("|").split("|")) for line in lines]
    (tmp_path / "a.csv").write_text("\n".join(rows), encoding="utf-8")
    return list(read([tmp_path / "a.csv"], str(tmp_path / "m.toml")))


def test_the_example_makes_what_the_page_says(example: list[Row]) -> None:
    (row,) = example
    structure, service = row.drafts
    assert (structure["source"], structure["source_id"]) == ("annuaire-du-reseau", "12")
    for said in (*(structure["fields"][name] for name in ("telephone", "horaires_accueil", "code_insee")),):
        assert said in PAGE
    assert (service["source_id"], service["structure_source_id"]) == ("12-repas", "12")
    assert service["fields"]["description"] == "Un repas à Le Grain, 3 rue du Port, tous les midis."
    assert service["fields"]["publics"] == ["familles", "jeunes"]


def test_every_field_is_listed() -> None:
    names = {name for kind in FIELDS for name in (*FIELDS[kind], *OWN_FIELDS[kind])}
    (listed,) = re.findall(r"\| of \| fields \|.*?\n\n", PAGE, re.DOTALL)
    assert set(re.findall(r"`(\w+)`", listed)) == names


def test_the_figures_of_the_national_list_are_those_of_the_page(test_data: Path) -> None:
    summary = Summary()
    for row in read([test_data / "france-services" / "liste-fs-20240801.csv"]):
        summary.add(row)
    text = " ".join(PAGE.split())
    assert "Of the 2,845 rows of the list of 2024-08-01 none is refused" in text
    assert f"the hours of {summary.hours_unread} cannot be read, or not whole" in text
    assert f"{summary.warnings['courriel.several']} have several e-mail addresses" in text
    assert (summary.read, summary.refused) == (2845, 0)


def test_the_sample_spreadsheet_reads_but_for_its_last_row() -> None:
    rows = list(read([SAMPLES / "exemple-tableur.csv"], str(SAMPLES / "exemple-tableur.toml")))
    assert [bool(row.problems) for row in rows] == [False] * 7 + [True]
    assert [row.warnings for row in rows if row.warnings] == []
    assert rows[-1].problems[0]["value"] == "Saint-Herblon-sur-Mer"
