"""The list of France services, all of it: what the shipped mapping makes of 2,845 real rows."""

from pathlib import Path

import pytest

from services.directory.formats import mapping_file
from services.directory.formats.drafts import Draft, Row, dated
from services.directory.formats.reading import read
from services.directory.formats.refused import Summary

LIST = "france-services/liste-fs-20240801.csv"


@pytest.fixture(scope="module")
def rows(test_data: Path) -> list[Row]:
    return list(read([test_data / LIST], "france-services"))


@pytest.fixture(scope="module")
def by_id(rows: list[Row]) -> dict[str, tuple[Draft, Draft]]:
    """The structure and the service of a row by its number in the list."""
    return {row.drafts[0]["source_id"]: (row.drafts[0], row.drafts[1]) for row in rows}


def test_every_row_makes_a_structure_and_its_service_and_none_is_refused(rows: list[Row]) -> None:
    summary = Summary()
    for row in rows:
        summary.add(row)
    assert (summary.read, summary.refused, summary.structures, summary.services) == (2845, 0, 2845, 2845)
    assert set(summary.warnings) == {"hours.partial", "hours.unread", "courriel.several"}
    assert summary.hours_unread <= 30
    assert summary.warnings["courriel.several"] == 2


def test_a_place_is_told_in_full(by_id: dict[str, tuple[Draft, Draft]]) -> None:
    structure, service = by_id["1"]
    assert structure["fields"] == {
        "nom": "France services de Valserhône",
        "description": "France services. Espace labellisé le 01/01/2020.",
        "adresse": "5-9 Rue des Papetiers",
        "commune": "Valserhône",
        "code_insee": "01033",
        "code_postal": "01200",
        "latitude": 46.1060712,
        "longitude": 5.8260084,
        "courriel": "franceservices@ccpb01.fr",
        "telephone": "+33450568749",
        "horaires_accueil": structure["fields"]["horaires_accueil"],
        "reseaux_porteurs": ["france-service"],
        "date_maj": "2024-08-01",
    }
    assert structure["fields"]["horaires_accueil"].startswith("Mo 13:30-17:00; Tu-Th 09:00-12:00,13:30-17:00")
    assert service["structure_source_id"] == "1"
    assert service["fields"]["frais"] == "gratuit"
    assert service["fields"]["publics"] == ["tous-publics"]
    assert service["fields"]["modes_mobilisation"] == ["envoyer-un-courriel", "se-presenter", "telephoner"]


def test_nobody_is_told_to_present_themselves_at_a_bus(by_id: dict[str, tuple[Draft, Draft]]) -> None:
    structure, service = by_id["8"]
    assert "itinérante, en bus" in structure["fields"]["description"]
    assert "se-presenter" not in service["fields"]["modes_mobilisation"]
    assert service["fields"]["mobilisation_precisions"].startswith("Prise de rendez-vous possible. Bus circulant")


def test_a_place_without_telephone_is_not_reached_by_it(by_id: dict[str, tuple[Draft, Draft]]) -> None:
    _, service = by_id["2139"]
    assert service["fields"]["modes_mobilisation"] == ["se-presenter"]


def test_all_are_in_a_commune_of_today_with_its_point(rows: list[Row]) -> None:
    drafts = [draft for row in rows for draft in row.drafts]
    assert all(
        {"code_insee", "commune", "code_postal", "latitude", "longitude"} <= set(draft["fields"]) for draft in drafts
    )


def test_all_can_be_public(rows: list[Row]) -> None:
    drafts = [draft for row in rows for draft in row.drafts]
    needed = {"nom", "date_maj", "description"}
    assert [draft["source_id"] for draft in drafts if not needed <= set(draft["fields"])] == []
    assert sum("horaires_accueil" not in draft["fields"] for draft in drafts) <= 2 * 50  # most of them say none


def test_the_next_month_s_list_changes_only_what_changed(rows: list[Row], test_data: Path, tmp_path: Path) -> None:
    text = (test_data / LIST).read_text(encoding="utf-8")
    later = tmp_path / "liste-fs-20240901.csv"
    later.write_text(text.replace("5-9 Rue des Papetiers", "7 Rue des Papetiers"), encoding="utf-8")
    before = {(draft["kind"], draft["source_id"]): draft["fields"] for row in rows[:200] for draft in row.drafts}
    changed = []
    for row in read([later], "france-services"):
        for draft in row.drafts:
            known = before.get((draft["kind"], draft["source_id"]))
            if known is not None and dated(draft, known) != known:
                changed.append((draft["kind"], draft["source_id"], dated(draft, known)["date_maj"]))
        if row.number == 200:
            break
    assert changed == [("structure", "1", "2024-09-01"), ("service", "1-demarches", "2024-09-01")]


def test_the_source_is_published_as_it_comes_with_its_licence() -> None:
    source = mapping_file.load("france-services").source
    assert (source.policy, source.licence, source.attribution) == (
        "publish",
        "Licence Ouverte 2.0",
        "ANCT, France services",
    )
