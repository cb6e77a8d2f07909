"""Mapping files: what is wrong with one is told with its line, what is right makes records of rows."""

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.directory.formats import mapping_file, mapping_template, toml_lines
from services.directory.formats.candidate import Candidate, Unmade
from services.directory.formats.drafts import Origin
from services.directory.formats.mapped import Mapped
from services.directory.formats.recognise import detect
from services.kernel.errors import Problem, ValidationError

HEAD = '[source]\nname = "essai"\n'
STRUCTURE = '[structure]\nid = "N°"\nnom = "Association"\n'


def wrong(text: str) -> list[Problem]:
    with pytest.raises(ValidationError) as refused:
        mapping_file.parse("essai.toml", text)
    problems: list[Problem] = refused.value.details
    assert all(problem["why"] and problem["remedy"] for problem in problems)
    return problems


def told(text: str) -> list[tuple[int | None, str, str]]:
    return [(one["line"], one["field"], one["code"]) for one in wrong(text)]


def made(text: str, row: dict[str, str]) -> list[Candidate]:
    """What a mapping makes of a row, given as columns and cells."""
    mapped = Mapped(mapping_file.parse("essai.toml", text), Origin(Path("a.csv"), "csv", tuple(row)))
    return list(mapped.candidates(list(row.values()), "essai"))


def values(specs: str, row: dict[str, str]) -> dict[str, Any]:
    """The values that lines of [structure] make."""
    return made(HEAD + STRUCTURE + specs, {"N°": "1", "Association": "Le Grain"} | row)[0].values


def test_every_fault_is_told_at_once_with_its_line() -> None:
    text = (
        '[source]\nname = "Mon Association"\npolicy = "open"\n'
        "\n[structure]\n"
        'id = "N°"\ntelephonne = "Tél"\n'
        'courriel = { column = "Mail", transform = ["lower", "uper"] }\n'
        "reseaux_porteurs = [\n"
        '  { value = "mjc", when = { column = "F" } },\n'
        '  { column = "P", value = "mjc" },\n'
        "]\n"
    )
    assert told(text) == [
        (2, "[source] name", "mapping.source"),
        (3, "[source] policy", "mapping.policy"),
        (7, "[structure] telephonne", "mapping.key"),
        (5, "[structure]", "mapping.required"),
        (8, "[structure] courriel.transform", "mapping.transform"),
        (10, "[structure] reseaux_porteurs.when", "mapping.condition"),
        (11, "[structure] reseaux_porteurs", "mapping.origin"),
    ]


def test_what_was_probably_meant_is_offered() -> None:
    remedies = [one["remedy"] for one in wrong(HEAD + STRUCTURE + 'telephonne = "Tél"\nadresse = { colum = "A" }\n')]
    assert "« telephone »" in remedies[0]
    assert "« column »" in remedies[1]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[source\n", "mapping.toml"),
        (HEAD, "mapping.empty"),
        (HEAD + "version = 1\n" + STRUCTURE, "mapping.key"),
        ("version = 2\n" + HEAD + STRUCTURE, "mapping.version"),
        (HEAD + '[file]\nheader_row = 0\n' + STRUCTURE, "mapping.header_row"),
        (HEAD + '[file]\nseparator = ", "\n' + STRUCTURE, "mapping.separator"),
        (HEAD + '[file]\ndate = "liste"\n' + STRUCTURE, "mapping.date"),
        (HEAD + STRUCTURE + 'nom_court = "x"\n', "mapping.key"),
        (HEAD + STRUCTURE + 'adresse = "{Rue} [{Suite}"\n', "mapping.template"),
        (HEAD + STRUCTURE + 'adresse = { template = "sans colonne" }\n', "mapping.template"),
        (HEAD + STRUCTURE + 'adresse = { column = "A", transform = "before" }\n', "mapping.transform"),
        (HEAD + STRUCTURE + 'adresse = { column = "A", when = { column = "B", matches = "(" } }\n', "mapping.regex"),
        (HEAD + STRUCTURE + 'adresse = { week = { lundi = "L" } }\n', "mapping.week"),
        (HEAD + STRUCTURE + 'horaires_accueil = { week = { monday = "L" } }\n', "mapping.key"),
        (HEAD + STRUCTURE + 'adresse = 3\n', "mapping.type"),
        (HEAD + '[[service]]\nid = "a"\nnom = "b"\n', "mapping.required"),
        (HEAD + STRUCTURE + 'reseaux_porteurs = { value = ["la-poste", "la-banque"] }\n', "mapping.value"),
        (HEAD + STRUCTURE + 'reseaux_porteurs = { column = "R", map = { oui = "la-banque" } }\n', "mapping.value"),
    ],
)  # fmt: skip
def test_a_fault_of_each_kind_has_its_code(text: str, code: str) -> None:
    assert code in [one["code"] for one in wrong(text)]


def test_a_file_that_is_not_there_names_those_shipped(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="france-services"):
        mapping_file.load(tmp_path / "absent.toml")


@pytest.mark.parametrize("name", mapping_file.shipped())
def test_shipped_mappings_are_right(name: str) -> None:
    mapping = mapping_file.load(name)
    assert mapping.source.name == name
    assert mapping.source.licence and mapping.source.attribution and mapping.about


def test_columns_are_found_without_case_and_accents_and_a_missing_one_is_told_with_the_line_that_names_it() -> None:
    text = HEAD + STRUCTURE + 'telephone = "Téléphone"\ncommune = "Vile"\nadresse = { column = "X", optional = true }\n'
    mapping = mapping_file.parse("essai.toml", text)
    columns = ("n", "ASSOCIATION", "telephone", "Ville")
    with pytest.raises(ValidationError) as refused:
        Mapped(mapping, Origin(Path("a.csv"), "csv", columns))
    (problem,) = refused.value.details
    assert (problem["line"], problem["value"], problem["remedy"]) == (7, "Vile", "Vouliez-vous dire « Ville » ?")


def test_columns_that_a_table_lacks_are_told_with_the_faults_of_the_mapping(tmp_path: Path) -> None:
    table, mapping = tmp_path / "liste.csv", tmp_path / "essai.toml"
    table.write_text("N°,Association,Ville\n1,Le Grain,Nantes\n", "utf-8")
    mapping.write_text(HEAD + STRUCTURE + 'commune = "Vile"\ntelephonne = "Tél"\n', "utf-8")
    with pytest.raises(ValidationError, match=r"essai\.toml : 2 erreurs") as refused:
        detect([table], str(mapping))
    told = [(one["code"], one["remedy"]) for one in refused.value.details]
    assert told == [
        ("mapping.key", "Vouliez-vous dire « telephone » ?"),
        ("mapping.column", "Vouliez-vous dire « Ville » ?"),
    ]


def test_constants_columns_templates_and_defaults() -> None:
    specs = (
        'description = "{Rue}[ ({Suite})], {Ville}"\n'
        'reseaux_porteurs = { value = ["mjc"] }\n'
        'site_web = { column = "Site", default = "https://exemple.fr" }\n'
    )
    row = {"Rue": "3 rue du Port", "Suite": "", "Ville": "Rezé", "Site": ""}
    assert values(specs, row) == {
        "nom": "Le Grain",
        "description": "3 rue du Port, Rezé",
        "reseaux_porteurs": ("mjc",),
        "site_web": "https://exemple.fr",
    }
    assert values(specs, row | {"Suite": "cour"})["description"] == "3 rue du Port (cour), Rezé"
    assert "description" not in values(specs, dict.fromkeys(row, ""))


def test_maps_with_a_word_for_the_rest_and_without() -> None:
    words = '{ "M.J.C." = "mjc", rien = "", deux = ["aci", "ei"] }'
    known = f'reseaux_porteurs = {{ column = "R", split = "/", map = {words} }}\n'
    assert values(known, {"R": "m.j.c. / Rien/deux"})["reseaux_porteurs"] == ["mjc", "aci", "ei"]
    unmade = values(known, {"R": "M.J.C./autre"})["reseaux_porteurs"]
    assert isinstance(unmade, Unmade)
    assert (unmade.value, unmade.refused.code, unmade.kept) == ("autre", "map.unknown", ["mjc"])
    rest = 'adresse = { column = "R", map = { oui = "ici" }, otherwise = "ailleurs" }\n'
    assert values(rest, {"R": "non"})["adresse"] == "ailleurs"
    assert "adresse" not in values(rest, {"R": ""})


@pytest.mark.parametrize(
    ("test", "cell", "holds"),
    [
        ('is = "bus"', "Bus", True),
        ('is = ["bus", "car"]', "vélo", False),
        ('not = "bus"', "vélo", True),
        ("filled = true", "", False),
        ("filled = false", "", True),
        ('matches = "^b.s$"', "BUS", True),
    ],
)
def test_conditions(test: str, cell: str, holds: bool) -> None:
    specs = f'adresse = {{ value = "ici", when = {{ column = "T", {test} }} }}\n'
    assert ("adresse" in values(specs, {"T": cell})) is holds


def test_the_first_filled_of_several_counts_and_lists_are_put_together() -> None:
    specs = 'telephone = ["Fixe", { column = "Mobile" }]\nreseaux_porteurs = [{ value = "mjc" }, "R"]\n'
    found = values(specs, {"Fixe": "", "Mobile": "06", "R": "aci"})
    assert (found["telephone"], found["reseaux_porteurs"]) == ("06", ["mjc", "aci"])


SERVICES = (
    HEAD + STRUCTURE + 'when = { column = "Association", not = "" }\n'
    '[[service]]\nid = "{N°}-repas"\nnom = { value = "Repas" }\nwhen = { column = "Repas", is = "oui" }\n'
    '[[service]]\nid = "{N°}-prêt"\nnom = "Prêt"\nwhen = { column = "Prêt", filled = true }\n'
)


def test_a_row_makes_a_structure_and_the_services_whose_conditions_hold() -> None:
    row = {"N°": "7", "Association": "Le Grain", "Repas": "oui", "Prêt": "Prêt d'outils"}
    assert [(one.kind, one.source_id, one.structure_source_id) for one in made(SERVICES, row)] == [
        ("structure", "7", "7"),
        ("service", "7-repas", "7"),
        ("service", "7-prêt", "7"),
    ]
    assert [one.source_id for one in made(SERVICES, row | {"Repas": "non", "Prêt": ""})] == ["7"]
    assert [one.kind for one in made(SERVICES, row | {"Association": "", "Prêt": ""})] == ["service"]


def test_services_of_another_file_name_their_structure() -> None:
    text = HEAD + '[[service]]\nid = "N°"\nnom = "Nom"\nstructure = "Porteur"\n'
    (service,) = made(text, {"N°": "1", "Nom": "Repas", "Porteur": "9"})
    assert service.structure_source_id == "9"


def test_the_date_of_a_list_is_in_its_file_s_name_or_said() -> None:
    by_name = mapping_file.parse("a", HEAD + "[file]\ndate = '(\\d{4}-?\\d\\d-?\\d\\d)'\n" + STRUCTURE)
    assert by_name.as_of(Path("liste-20240801.csv")) == "2024-08-01"
    assert by_name.as_of(Path("liste-2024-08-01.csv")) == "2024-08-01"
    assert by_name.as_of(Path("liste.csv")) is None
    assert mapping_file.parse("a", HEAD + "[file]\ndate = 2024-08-01\n" + STRUCTURE).as_of(Path("x")) == "2024-08-01"


def test_lines_are_found_through_strings_comments_and_arrays() -> None:
    text = (
        'a = """\n[x]\n"""  # ]\n[t]\n"b c" = [ # (\n  1,\n  { d = "}" },\n]\n[[s]]\n[[s]]\ne.f = \'[\'\n[s.g]\nh = 1\n'
    )
    lines = toml_lines.lines_of(text)
    expected = {("a",): 1, ("t", "b c"): 5, ("t", "b c", 1, "d"): 7, ("s", 1, "e", "f"): 11, ("s", 1, "g", "h"): 13}
    assert {path: lines[path] for path in expected} == expected
    assert toml_lines.line_at(lines, ("t", "b c", 1, "nowhere", 3)) == 7
    assert toml_lines.line_at(lines, ()) == 1


@given(st.text(alphabet="ab{}[] ", max_size=12))
def test_any_template_is_read_or_refused_with_a_reason(text: str) -> None:
    try:
        template = mapping_template.read(text)
    except ValueError as error:
        assert str(error)
    else:
        assert mapping_template.render(template, lambda name: "") == ""
        assert "x" in mapping_template.render(template, lambda name: "x")


def test_an_expression_that_would_try_for_hours_answers_at_once() -> None:
    cell, began = "a" * 40 + "!", time.monotonic()
    specs = (
        'description = { column = "D", transform = "match:(a+)+$", when = { column = "D", matches = "(a|aa)+$" } }\n'
    )
    assert "description" not in values(specs, {"D": cell})
    assert time.monotonic() - began < 1


def test_an_expression_that_looks_ahead_is_refused_with_its_line_and_what_to_do() -> None:
    text = HEAD + STRUCTURE + 'description = { column = "D", transform = "match:a(?=b)" }\n'
    text += 'telephone = { column = "T", when = { column = "T", matches = "(a)\\\\1" } }\n'
    refused = wrong(text)
    assert [(one["line"], one["code"]) for one in refused] == [(6, "mapping.transform"), (7, "mapping.regex")]
    assert all("(?=" in one["remedy"] and one["value"] in ("match:a(?=b)", "(a)\\1") for one in refused)
