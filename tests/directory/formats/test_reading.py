"""Rows read, from any file: drafts that are clean, or problems that say what to do; nothing lost, nothing twice."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.directory.formats.drafts import Row
from services.directory.formats.reading import detect, formats, read
from services.directory.formats.refused import Summary
from services.directory.formats.vocabulary import FIELDS
from services.kernel.errors import ValidationError

STRUCTURE = {"source": "essai", "id": "essai--1", "nom": "Le Grain", "date_maj": "2026-03-02"}
SERVICE = STRUCTURE | {"id": "essai--a", "structure_id": "essai--1", "nom": "Repas partagé", "description": "Un repas."}
MAPPING = (
    '[source]\nname = "tableur"\n[structure]\nid = "N°"\nnom = "Nom"\ncode_postal = "CP"\ncommune = "Ville"\n'
    'telephone = "Tél"\n[[service]]\nid = "{N°}-a"\nnom = { value = "Accueil" }\ntelephone = "Tél"\n'
)


def jsonl(folder: Path, items: Sequence[dict[str, Any]], name: str = "export.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    return path


def rows_of(folder: Path, *items: dict[str, Any], **options: Any) -> list[Row]:
    return list(read([jsonl(folder, items)], **options))


def row_of(folder: Path, item: dict[str, Any], **options: Any) -> Row:
    (row,) = rows_of(folder, item, **options)
    return row


def codes(row: Row) -> list[str]:
    return [problem["code"] for problem in row.problems]


def warned(row: Row) -> list[str]:
    return [problem["code"] for problem in row.warnings]


@pytest.fixture
def table(tmp_path: Path) -> Any:
    """Rows of a CSV file read by a small mapping."""
    (tmp_path / "tableur.toml").write_text(MAPPING, encoding="utf-8")

    def read_table(text: str, **options: Any) -> list[Row]:
        (tmp_path / "places.csv").write_text(text, encoding="utf-8")
        return list(read([tmp_path / "places.csv"], str(tmp_path / "tableur.toml"), **options))

    return read_table


def test_an_item_becomes_a_clean_draft(tmp_path: Path) -> None:
    item = SERVICE | {
        "commune": "St Herblain cedex", "code_postal": "44802", "latitude": "47,21", "longitude": "-1,62",
        "telephone": "02 40 12 34 56", "courriel": "ACCUEIL@Exemple.FR", "lien_source": "www.exemple.fr/a",
        "frais": "Gratuit", "thematiques": "Accès aux soins|sante--addictions", "publics": ["seniors", "femmes"],
        "horaires_accueil": "lundi au vendredi 9h-12h", "score_qualite": 0.4,
        "description": "<p>Un repas</p><p>partagé</p>",
    }  # fmt: skip
    (draft,) = row_of(tmp_path, item).drafts
    assert draft == {
        "kind": "service",
        "source": "essai",
        "source_id": "a",
        "structure_source_id": "1",
        "sectors": ["personnes-agees", "sante", "sante-psychique"],
        "fields": {
            "nom": "Repas partagé",
            "date_maj": "2026-03-02",
            "description": "Un repas\n\npartagé",
            "commune": "Saint-Herblain",
            "code_insee": "44162",
            "code_postal": "44802",
            "latitude": 47.21,
            "longitude": -1.62,
            "telephone": "+33240123456",
            "courriel": "accueil@exemple.fr",
            "lien_source": "https://www.exemple.fr/a",
            "frais": "gratuit",
            "thematiques": ["sante--acces-aux-soins", "sante--addictions"],
            "publics": ["femmes", "seniors"],
            "horaires_accueil": "Mo-Fr 09:00-12:00",
        },
    }


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"id": ""}, "id.missing"),
        ({"nom": None}, "nom.missing"),
        ({"nom": "X"}, "name.short"),
        ({"structure_id": " "}, "structure.missing"),
        ({"commune": "Saint-Herblon-sur-Mer", "code_postal": "44999"}, "commune.name"),
        ({"source": "Mon Association"}, "source.name"),
    ],
)
def test_what_carries_a_record_refuses_its_row(tmp_path: Path, change: dict[str, Any], code: str) -> None:
    row = row_of(tmp_path, SERVICE | change)
    assert codes(row) == [code]
    assert row.drafts == []
    assert row.line == 1 and row.problems[0]["line"] == 1 and row.problems[0]["why"] and row.problems[0]["remedy"]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("telephone", "demander à l'accueil", "phone.none"),
        ("thematiques", ["sante--addictions", "jardinage"], "thematiques.unknown"),
        ("siret", "130 030 133 00017", "siret.checksum"),
        ("latitude", "47.2", "coordinates.half"),
        ("adresse", {"rue": "du Port"}, "field.type"),
        ("telephonne", "0240123456", "field.unknown"),
        ("sectors", "jardins", "sectors.unknown"),
    ],
)
def test_any_other_value_that_is_not_understood_is_told_and_kept(
    tmp_path: Path, field: str, value: object, code: str
) -> None:
    item = (STRUCTURE if field in ("siret", "sectors") else SERVICE) | {field: value}
    row = row_of(tmp_path, item)
    assert [one.split(".")[0] for one in warned(row)] == [code.split(".")[0]]
    (draft,) = row.drafts
    kept = draft["extra"]["unread"][field]
    assert kept in ("jardinage", "47.2, None", value, json.dumps(value, separators=(",", ":"), ensure_ascii=False))
    assert codes(row_of(tmp_path, item, strict=True)) != []


def test_hours_that_are_not_understood_are_kept_as_text_and_counted(tmp_path: Path) -> None:
    summary = Summary()
    row = row_of(tmp_path, STRUCTURE | {"horaires_accueil": "ça dépend de la lune"})
    summary.add(row)
    assert row.drafts[0]["extra"] == {"horaires_texte": "ça dépend de la lune"}
    assert "horaires_accueil" not in row.drafts[0]["fields"]
    assert summary.to_dict()["hours_unread"] == 1


def test_a_cell_with_two_telephones_gives_the_first_and_keeps_the_cell(tmp_path: Path) -> None:
    row = row_of(tmp_path, STRUCTURE | {"telephone": "02 40 12 34 56 / 06 12 34 56 78"})
    assert row.drafts[0]["fields"]["telephone"] == "+33240123456"
    assert row.drafts[0]["extra"]["unread"] == {"telephone": "02 40 12 34 56 / 06 12 34 56 78"}


def test_everybody_stands_alone_among_audiences(tmp_path: Path) -> None:
    row = row_of(tmp_path, SERVICE | {"publics": ["femmes", "tous-publics"]})
    assert row.drafts[0]["fields"]["publics"] == ["tous-publics"]
    assert warned(row) == ["publics.everybody"]


def test_an_unknown_field_is_told_once_and_kept_every_time(tmp_path: Path) -> None:
    first, second = rows_of(tmp_path, STRUCTURE | {"rue": "a"}, STRUCTURE | {"id": "essai--2", "rue": "b"})
    assert (warned(first), warned(second)) == (["field.unknown"], [])
    assert second.drafts[0]["extra"]["unread"] == {"rue": "b"}


def test_what_the_source_certified_and_the_number_of_an_association_are_kept_beside(tmp_path: Path) -> None:
    row = row_of(tmp_path, STRUCTURE | {"adresse_certifiee": True, "rna": "w442001234", "_di_id": "x"})
    assert row.drafts[0]["extra"] == {"adresse_certifiee": True, "rna": "W442001234"}
    assert row.warnings == []


def test_a_record_without_a_date_takes_that_of_its_file(tmp_path: Path) -> None:
    path = jsonl(tmp_path, [{key: value for key, value in STRUCTURE.items() if key != "date_maj"}])
    os.utime(path, (1_700_000_000, 1_700_000_000))
    (row,) = read([path])
    assert (row.drafts[0]["fields"]["date_maj"], row.drafts[0]["as_of"]) == ("2023-11-14", "2023-11-14")


def test_identifiers_of_another_source_are_kept_whole_under_the_source_that_is_said(tmp_path: Path) -> None:
    items = [SERVICE, SERVICE | {"source": "autre", "id": "autre--a", "structure_id": "autre--1"}]
    ids = [
        (row.drafts[0]["source_id"], row.drafts[0]["structure_source_id"])
        for row in rows_of(tmp_path, *items, source="essai")
    ]
    assert ids == [("a", "1"), ("autre--a", "autre--1")]
    assert {row.drafts[0]["source"] for row in rows_of(tmp_path, *items)} == {"essai", "autre"}


def test_structures_come_before_services_whatever_the_order_of_the_file(tmp_path: Path) -> None:
    assert [row.drafts[0]["kind"] for row in rows_of(tmp_path, SERVICE, STRUCTURE)] == ["structure", "service"]
    path = tmp_path / "export.json"
    path.write_text(json.dumps({"services": [SERVICE], "structures": [STRUCTURE]}), encoding="utf-8")
    assert [row.drafts[0]["kind"] for row in read([path])] == ["structure", "service"]
    two = [jsonl(tmp_path, [SERVICE], "services.jsonl"), jsonl(tmp_path, [STRUCTURE], "structures.jsonl")]
    rows = list(read(two))
    assert [row.drafts[0]["kind"] for row in rows] == ["structure", "service"]
    assert [row.number for row in rows] == [1, 2]
    assert rows[-1].progress == 1.0


@pytest.mark.parametrize("mark", [",", ";"])
def test_csv_in_data_inclusion_s_columns_with_lists_as_json_or_with_bars(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "services.csv"
    lists = ('"[""sante--addictions"",""sante--sante-mentale""]"', "sante--addictions|sante--sante-mentale")
    lines = [["Source", "ID", "structure_id", "Nom", "thématiques"]]
    lines += [["essai", f"essai--{n}", "essai--1", "Accueil", text] for n, text in enumerate(lists)]
    path.write_text("\n".join(mark.join(line) for line in lines), encoding="cp1252")
    rows = list(read([path]))
    assert [row.drafts[0]["fields"]["thematiques"] for row in rows] == [
        ["sante--addictions", "sante--sante-mentale"]
    ] * 2


def test_a_workbook_with_a_sheet_of_each_kind(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for title, item in (("Services", SERVICE), ("À lire", {"a": "1"}), ("Structures", STRUCTURE)):
        sheet = book.create_sheet(title)
        sheet.append(list(item))
        sheet.append(list(item.values()))
    book.save(tmp_path / "export.xlsx")
    assert [row.drafts[0]["kind"] for row in read([tmp_path / "export.xlsx"])] == ["structure", "service"]


def test_one_mapping_reads_a_csv_and_its_workbook_alike(table: Any, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["Annuaire"], ["N°", "Nom", "CP", "Ville", "Tél"], [1, "Le Grain", 1200, "Valserhône", 240123456]):
        book.active.append(row)
    book.save(tmp_path / "places.xlsx")
    os.utime(tmp_path / "places.xlsx", (1, 1_700_000_000))
    from_csv = table("N°,Nom,CP,Ville,Tél\n1,Le Grain,01200,Valserhône,02 40 12 34 56\n")[0].drafts
    (from_book,) = read([tmp_path / "places.xlsx"], str(tmp_path / "tableur.toml"))
    for draft in from_csv:
        del draft["as_of"], draft["fields"]["date_maj"]
    for draft in from_book.drafts:
        assert draft.pop("as_of") == draft["fields"].pop("date_maj") == "2023-11-14"
    assert from_book.drafts == from_csv
    assert from_csv[0]["fields"]["code_postal"] == "01200"
    assert from_csv[1]["fields"]["telephone"] == "+33240123456"


def test_a_problem_shared_by_the_records_of_a_row_is_told_once_under_the_column_s_name(table: Any) -> None:
    (row,) = table("N°,Nom,CP,Ville,Tél\n1,Le Grain,44000,Nantes,inconnu\n")
    assert [(problem["field"], problem["value"]) for problem in row.warnings] == [("Tél", "inconnu")]


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


def test_a_refused_row_takes_no_identifier(tmp_path: Path) -> None:
    wrong = STRUCTURE | {"commune": "Saint-Herblon-sur-Mer"}
    assert [codes(row) != [] for row in rows_of(tmp_path, wrong, STRUCTURE)] == [True, False]


def test_rows_that_the_caller_knows_are_passed_over(tmp_path: Path) -> None:
    digests: list[bytes] = []

    def note(digest: bytes) -> bool:
        digests.append(digest)
        return False

    two = STRUCTURE | {"id": "essai--2"}
    rows_of(tmp_path, STRUCTURE, two, known=note)
    again = rows_of(tmp_path, STRUCTURE, two | {"nom": "Le Pain"}, known=set(digests).__contains__)
    assert [(row.known, bool(row.drafts)) for row in again] == [(True, False), (False, True)]
    filed = rows_of(tmp_path, STRUCTURE, source="ailleurs", known=set(digests).__contains__)
    assert filed[0].drafts, "another source makes another record of the same row"


def test_a_mapping_may_leave_rows_aside(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text('[rows]\nwhen = { column = "Nom", filled = true }\n' + MAPPING, encoding="utf-8")
    (tmp_path / "a.csv").write_text(
        "N°,Nom,CP,Ville,Tél\n1,,44000,Nantes,\n2,Le Grain,44000,Nantes,\n", encoding="utf-8"
    )
    assert [row.skipped for row in read([tmp_path / "a.csv"], mapping=tmp_path / "m.toml")] == [True, False]


def test_formats_are_found_out(tmp_path: Path, test_data: Path) -> None:
    places = test_data / "france-services" / "liste-fs-20240801.csv"
    assert detect([places]).format == detect([places], "csv").format == "france-services"
    own = detect([jsonl(tmp_path, [STRUCTURE])])
    assert (own.format, own.source, own.mapping) == ("data-inclusion", "essai", None)
    assert {"data-inclusion", "csv", "xlsx", "france-services"} <= set(formats())


def test_what_nobody_knows_is_refused_with_the_way_out(tmp_path: Path) -> None:
    unknown = tmp_path / "mine.csv"
    unknown.write_text("Association;Ville\nLe Grain;Rezé\n", encoding="utf-8")
    lines = jsonl(tmp_path, [STRUCTURE])
    attempts: list[tuple[list[Path], str | None, str]] = [
        ([unknown], None, "file.columns"),
        ([unknown], "geojson", "format.unknown"),
        ([unknown], "france-services", "mapping.column"),
        ([lines], "france-services", "file.json"),
        ([], None, "file.none"),
    ]
    for paths, format, code in attempts:
        with pytest.raises(ValidationError) as refused:
            list(read(paths, format))
        assert refused.value.details[0]["code"] == code
        assert refused.value.details[0]["remedy"]


def test_the_source_is_found_behind_a_first_item_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "structures.json"
    path.write_text('{"structures": ["\\ud800", {"source": "dora", "id": "1", "nom": "Le Grain"}]}', "utf-8")
    assert detect([path]).source == "dora"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(name=st.sampled_from(["id", "source", "structure_id", *FIELDS["service"]]), value=VALUES)
def test_whatever_stands_in_a_field_the_row_is_taken_or_refused_and_reading_goes_on(
    tmp_path: Path, name: str, value: Any
) -> None:
    odd = {"source": "dora", "id": "1", "structure_id": "s", "nom": "Un service", name: value}
    fine = {"source": "dora", "id": "2", "structure_id": "s", "nom": "Un autre"}
    path = tmp_path / "services.json"
    path.write_text(json.dumps({"services": [odd, fine]}), encoding="utf-8")
    assert [bool(row.drafts) or bool(row.problems) for row in read([path])] == [True, True]
