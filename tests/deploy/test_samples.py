"""What a newcomer searches first: the samples are valid, true to the territory, call nobody, and show every case."""

import csv
import gzip
import json
import math
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from data_inclusion.schema import v1
from opening_hours import OpeningHours

from services.directory.formats import sectors
from services.directory.formats.reading import read

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "deploy" / "samples"
FILES = ("radar", "animation-rurale-44", "orpan")
TABLES = ROOT / "services" / "directory" / "formats" / "data"
KINDS = ("structures", "services")
MODELS = {"structures": v1.Structure, "services": v1.Service}

# Ranges kept for fiction: ARCEP, national numbering plan (decision 2018-0881).
FICTION = re.compile(r"\+33(19900|26191)\d{4}")
REAL = {
    "RADAR",
    "Animation Rurale 44",
    "ORPAN",
    "Le temps pour toiT",
    "Réseau LIS",
    "Inter-Faces",
    "Titi Floris",
    "CLIC",
    "créactiv’",
    "Nantes Initiatives",
    "Chambre de commerce",
}
COMMUNE_RADIUS_KM = 12
# What cleaning must leave as it is written; the commune is found again from its code.
KEPT = (
    "nom", "description", "commune", "code_insee", "code_postal", "latitude", "longitude", "telephone", "courriel",
    "horaires_accueil", "frais_precisions",
)  # fmt: skip
Record = dict[str, Any]


def load(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return document


DOCUMENTS = {name: load(name) for name in FILES}
STRUCTURES: list[Record] = [record for name in FILES for record in DOCUMENTS[name]["structures"]]
SERVICES: list[Record] = [record for name in FILES for record in DOCUMENTS[name]["services"]]
RECORDS = STRUCTURES + SERVICES


def unfinished() -> set[str]:
    """Names of invented structures that nobody can reach yet."""
    wanting = ("description", "telephone", "courriel", "horaires_accueil")
    return {record["nom"] for record in STRUCTURES if not any(field in record for field in wanting)}


@pytest.fixture(scope="module")
def communes() -> dict[str, dict[str, str]]:
    with gzip.open(TABLES / "communes.csv.gz", "rt", encoding="utf-8") as table:
        return {row["code"]: row for row in csv.DictReader(table)}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_record_is_valid_data_inclusion(name: str, kind: str) -> None:
    for record in DOCUMENTS[name][kind]:
        MODELS[kind].model_validate({key: value for key, value in record.items() if key != "sectors"})
        known = set(MODELS[kind].model_fields) | {"sectors"}
        assert set(record) <= known, f"{record['id']}: {set(record) - known}"


def test_there_is_enough_to_search() -> None:
    assert len(STRUCTURES) >= 60
    assert len(SERVICES) >= 150


def test_each_file_names_its_member_and_each_record_its_source() -> None:
    for name in FILES:
        document = DOCUMENTS[name]
        assert {"id", "name", "territory", "source", "licence", "attribution"} <= set(document["member"])
        sources = {record["source"] for kind in KINDS for record in document[kind]}
        assert sources == {document["member"]["source"]}
        assert document["member"]["name"] in {record["nom"] for record in document["structures"]}


def test_identifiers_are_unique_and_services_belong_to_a_structure_of_their_file() -> None:
    repeated = [identifier for identifier, times in Counter(record["id"] for record in RECORDS).items() if times > 1]
    assert repeated == []
    for name in FILES:
        homes = {structure["id"] for structure in DOCUMENTS[name]["structures"]}
        assert {service["structure_id"] for service in DOCUMENTS[name]["services"]} <= homes
    assert all(record["id"].startswith(record["source"] + "--") for record in RECORDS)


def test_every_sector_theme_audience_and_way_is_shown() -> None:
    def said(field: str) -> set[str]:
        values = [record.get(field) or [] for record in RECORDS]
        return {value for some in values for value in ([some] if isinstance(some, str) else some)}

    assert said("sectors") <= set(sectors.SECTORS)
    assert {sector for record in RECORDS for sector in sectors_of(record)} == set(sectors.SECTORS)
    assert said("thematiques") == {theme.value for theme in v1.Thematique}
    assert said("publics") == {public.value for public in v1.Public}
    assert said("type") == {kind.value for kind in v1.TypeService}
    assert said("frais") == {"gratuit", "payant"}
    assert said("modes_accueil") == {mode.value for mode in v1.ModeAccueil}
    assert said("modes_mobilisation") == {mode.value for mode in v1.ModeMobilisation}
    assert said("mobilisable_par") == {who.value for who in v1.PersonneMobilisatrice}


def sectors_of(record: Record) -> list[str]:
    """Those that a record says, else those that follow from its themes and audiences."""
    return record.get("sectors") or list(sectors.of(record.get("thematiques", ()), record.get("publics", ())))


def test_each_sector_has_structures_and_services() -> None:
    for records, at_least in ((STRUCTURES, 2), (SERVICES, 4)):
        shown = Counter(sector for record in records for sector in sectors_of(record))
        assert {sector: shown[sector] for sector in sectors.SECTORS if shown[sector] < at_least} == {}


def test_communes_postal_codes_and_points_agree(communes: dict[str, dict[str, str]]) -> None:
    for record in (record for record in RECORDS if "code_insee" in record):
        commune = communes[record["code_insee"]]
        assert record["commune"] == commune["name"], record["id"]
        assert record["code_postal"] in commune["postal_codes"].split(), record["id"]
        assert record["code_insee"].startswith("44"), record["id"]
        if "latitude" in record:
            assert distance_km(record, commune) < COMMUNE_RADIUS_KM, record["id"]


def distance_km(record: Record, commune: dict[str, str]) -> float:
    """Flat-earth distance, good enough within a department."""
    north = record["latitude"] - float(commune["lat"])
    east = (record["longitude"] - float(commune["lon"])) * math.cos(math.radians(record["latitude"]))
    return math.hypot(north, east) * 111.2


def test_zones_of_eligibility_exist_and_are_of_every_kind(communes: dict[str, dict[str, str]]) -> None:
    epci = {commune["epci"] for commune in communes.values()}
    departments = {commune["department"] for commune in communes.values()}
    kinds = Counter(
        "commune" if zone in communes else "epci" if zone in epci else "department" if zone in departments else zone
        for service in SERVICES
        for zone in service.get("zone_eligibilite", ())
    )
    assert set(kinds) == {"commune", "epci", "department", "france"}


def test_nobody_real_can_be_called_or_written_to() -> None:
    for record in RECORDS:
        assert FICTION.fullmatch(record.get("telephone", "+33199000000")), record["id"]
        assert record.get("courriel", "@x.example.org").endswith(".example.org"), record["id"]
        for field in ("site_web", "lien_mobilisation"):
            assert re.match(r"https://[a-z0-9-]+\.example\.org/", record.get(field, "https://x.example.org/"))
        assert "siret" not in record
        if "adresse" in record:
            assert "fictif" in record["complement_adresse"], record["id"]


def test_real_structures_say_nothing_that_was_not_told() -> None:
    real = [record for record in STRUCTURES if record["nom"] in REAL]
    assert {record["nom"] for record in real} == REAL
    for record in real:
        assert set(record) <= {"source", "id", "nom", "date_maj", "description", "sectors"}, record["nom"]


def test_hours_can_be_read() -> None:
    said = [record["horaires_accueil"] for record in RECORDS if "horaires_accueil" in record]
    assert len(said) > 60
    for hours in said:
        OpeningHours(hours)


def test_descriptions_are_worth_searching() -> None:
    begun = {record["id"] for record in STRUCTURES if record["nom"] in unfinished()}
    finished = [record for record in SERVICES if record["structure_id"] not in begun]
    written = [record["description"] for record in finished]
    assert len(finished) >= 150
    assert all(100 <= len(text) <= 400 for text in written), sorted(written, key=len)[:1]
    assert len(set(written)) == len(written)
    openings = Counter(" ".join(text.split()[:4]) for text in written)
    assert openings.most_common(1)[0][1] <= 2


@pytest.mark.parametrize(
    ("words", "commune"),
    [
        (("garde", "enfants"), "Blain"),
        (("permis",), "Orvault"),
        (("micro-crèche",), "Rezé"),
        (("aide", "psychologique"), "Nantes"),
        (("maladie", "alzheimer"), "Donges"),
    ],
)
def test_what_a_newcomer_types_is_there(words: tuple[str, ...], commune: str) -> None:
    found = [
        service["nom"]
        for service in SERVICES
        if service.get("commune") == commune and all(word in service["nom"].casefold() for word in words)
    ]
    assert found != []


def test_the_readme_tells_the_counts_and_what_is_unfinished() -> None:
    readme = " ".join((SAMPLES / "README.md").read_text(encoding="utf-8").split())
    for name in FILES:
        counted = f"| {len(DOCUMENTS[name]['structures'])} | {len(DOCUMENTS[name]['services'])} |"
        assert counted in readme.split(f"({name}.json)")[1][:160], name
    assert len(unfinished()) >= 5
    assert [name for name in unfinished() if name not in readme] == []


@pytest.mark.parametrize("name", FILES)
def test_an_import_takes_every_sample_as_it_is(name: str) -> None:
    rows = list(read([SAMPLES / f"{name}.json"]))
    assert [problem for row in rows for problem in (*row.problems, *row.warnings)] == []
    drafts = {(draft["kind"], draft["source_id"]): draft for row in rows for draft in row.drafts}
    assert len(drafts) == len(rows) == sum(len(DOCUMENTS[name][kind]) for kind in KINDS)
    for kind in KINDS:
        for record in DOCUMENTS[name][kind]:
            draft = drafts[kind[:-1], record["id"].split("--")[1]]
            assert {field: draft["fields"].get(field) for field in KEPT if field in record} == {
                field: record[field] for field in KEPT if field in record
            }
            assert set(draft["fields"].get("zone_eligibilite", ())) == set(record.get("zone_eligibilite", ()))
            assert set(draft.get("sectors", [])) == set(sectors_of(record))


def test_the_example_spreadsheet_is_read_by_its_mapping_but_for_its_wrong_row() -> None:
    rows = list(read([SAMPLES / "exemple-tableur.csv"], mapping=SAMPLES / "exemple-tableur.toml"))
    assert [len(row.drafts) for row in rows] == [2, 2, 2, 2, 2, 2, 2, 0]
    assert {problem["code"] for problem in rows[-1].problems} == {"commune.name"}
    assert [row.warnings for row in rows] == [[]] * 8
    garde = rows[2].drafts[1]
    assert garde["fields"]["commune"] == "Le Gâvre"
    assert garde["fields"]["horaires_accueil"] == "Mo-Fr 06:30-20:00"
    assert garde["fields"]["telephone"] == "+33261917703"
    assert "petite-enfance" in garde["sectors"]
