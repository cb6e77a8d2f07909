"""data·inclusion's lists of values are ours to the letter, and people's words lead to them."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.build import referentials as build
from services.directory.formats import referentials
from services.directory.formats.referentials import Unlisted, Value

# The package that the lists are made from has mended what the published table still lacks.
MENDED = {"Aide materielle": "Aide matérielle"}
CSV_LISTS = [name for name in referentials.NAMES if name != "categories"]


@pytest.mark.parametrize("name", CSV_LISTS)
def test_values_labels_and_descriptions_are_those_of_data_inclusion(name: str, test_data: Path) -> None:
    with (test_data / "data-inclusion-v1" / f"{name}_v1.csv").open(encoding="utf-8", newline="") as file:
        rows = [{**row, "label": MENDED.get(row["label"], row["label"])} for row in csv.DictReader(file)]
    theirs = {(row["value"], row["label"], row["description"]) for row in rows}
    ours = referentials.values(name)
    assert {(value.value, value.label, value.description) for value in ours} == theirs
    assert len(ours) == len(theirs)


def test_the_file_is_what_its_builder_makes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build.write(tmp_path / "made.json")
    assert (tmp_path / "made.json").read_text() == (referentials.DATA / "referentials.json").read_text()
    assert "thematiques: 69" in capsys.readouterr().out


def test_a_value_is_a_string_with_a_label() -> None:
    women = next(value for value in referentials.values("publics") if value == "femmes")
    assert (women.value, women.label, women.description) == (
        "femmes",
        "Femmes",
        "Femmes isolées, victimes de violence, etc",
    )
    assert type(women.value) is str
    assert referentials.description("publics", "femmes") == women.description


def test_lists_answer_to_the_names_of_their_fields() -> None:
    assert referentials.values("type") == referentials.values("types") == referentials.values("types_de_services")
    assert referentials.is_known("mobilisable_par", "usagers")
    with pytest.raises(KeyError):
        referentials.values("couleurs")


def test_labels_are_for_people_even_of_what_is_not_known() -> None:
    assert referentials.label("thematiques", "mobilite--preparer-un-permis") == "Préparer un permis"
    assert referentials.label("thematiques", "mobilite") == "Mobilité"
    assert referentials.label("publics", "gens-du-voyage") == "gens du voyage"
    assert referentials.description("publics", "gens-du-voyage") == ""


def test_every_theme_has_its_category() -> None:
    themes = referentials.values("thematiques")
    categories = referentials.values("categories")
    assert {referentials.category_of(theme) for theme in themes} == set(categories)
    assert [theme for category in categories for theme in referentials.themes_of(category)] == list(themes)
    assert referentials.themes_of("couleurs") == ()


def test_known_is_to_the_letter_and_a_category_is_no_theme() -> None:
    assert referentials.is_known("publics", "femmes")
    assert not referentials.is_known("publics", "Femmes")
    assert not referentials.is_known("thematiques", "mobilite")


@pytest.mark.parametrize("name", ("categories", "thematiques", "publics", "types_de_services", "frais", "modes_accueil",
                                  "modes_mobilisation", "personne_mobilisatrice"))  # fmt: skip
def test_every_value_has_the_words_of_people(name: str) -> None:
    assert [value for value in referentials.values(name) if len(referentials.synonyms(name, value)) < 2] == []


def test_synonyms_are_of_values_that_exist() -> None:
    said = referentials._synonyms()
    assert {(name, value) for name in said for value in said[name] if not referentials.is_known(name, value)} == set()
    assert all(words and words == words.strip() for name in said for every in said[name].values() for words in every)


@pytest.mark.parametrize(
    ("word", "theme"),
    (
        ("RSA", "difficultes-administratives-ou-juridiques--accompagnement-pour-lacces-aux-droits"),
        ("crèche", "famille--garde-denfants"),
        ("HLM", "logement-hebergement--louer-un-logement"),
        ("permis de conduire", "mobilite--preparer-un-permis"),
        ("CV", "preparer-sa-candidature--realiser-un-cv-et-ou-une-lettre-de-motivation"),
    ),
)
def test_common_words_are_synonyms_of_their_theme(word: str, theme: str) -> None:
    assert word in referentials.synonyms("thematiques", theme)


@pytest.mark.parametrize("name", referentials.NAMES)
def test_a_value_and_its_label_are_found_however_they_are_written(name: str) -> None:
    for value in referentials.values(name):
        for written in (value, value.label, value.label.upper(), f"  {value.label.replace('’', chr(39))} "):
            assert referentials.find(name, written) == value


@pytest.mark.parametrize(
    ("name", "written", "value"),
    (
        ("publics", "Handicap", "personnes-en-situation-de-handicap"),
        ("publics", "Demandeur d'emploi", "demandeurs-emploi"),
        ("publics", "demandeurs d'emplois", "demandeurs-emploi"),
        ("publics", "Personnes agées", "seniors"),
        ("thematiques", "numerique--acquerir-un-equipment", "numerique--acquerir-un-equipement"),
        ("thematiques", "garde enfants", "famille--garde-denfants"),
        ("reseaux_porteurs", "CCAS", "ccas-cias"),
        ("mobilisable_par", "Professionnel", "professionnels"),
    ),
)
def test_people_s_words_lead_to_values(name: str, written: str, value: str) -> None:
    assert referentials.find(name, written) == value


def test_what_may_mean_several_values_or_none_is_told_with_the_nearest() -> None:
    shared = referentials.find("publics", "AAH")
    assert isinstance(shared, Unlisted)
    assert set(shared.nearest) == {"beneficiaires-des-minimas-sociaux", "personnes-en-situation-de-handicap"}
    assert "« Personnes" not in shared.remedy
    assert "(Personnes en situation de handicap)" in shared.remedy
    category = referentials.find("thematiques", "Mobilité")
    assert isinstance(category, Unlisted)
    assert all(theme.startswith("mobilite--") for theme in category.nearest)
    for nothing in ("", "?!", "xyzzy"):
        assert referentials.find("publics", nothing) == Unlisted(nothing, ())


@given(st.sampled_from(referentials.NAMES), st.text(max_size=40))
def test_any_text_is_a_value_or_is_told(name: str, text: str) -> None:
    found = referentials.find(name, text)
    assert (isinstance(found, Value) and referentials.is_known(name, found)) or (
        isinstance(found, Unlisted)
        and found.remedy
        and all(referentials.is_known(name, near) for near in found.nearest)
    )


@pytest.mark.parametrize(
    ("name", "said", "first"),
    [
        ("thematiques", "mobilité douce", "mobilite--mobilite-douce-partagee-collective"),
        (
            "thematiques",
            "aide aux démarches",
            "difficultes-administratives-ou-juridiques--accompagnement-aux-demarches-administratives",
        ),
        ("thematiques", "permanance numerique", "numerique--"),
        ("thematiques", "logement", "logement-hebergement--"),
    ],
)
def test_the_nearest_values_are_those_that_share_a_telling_word(name: str, said: str, first: str) -> None:
    found = referentials.find(name, said)
    assert isinstance(found, Unlisted)
    assert found.nearest[0].startswith(first)


def test_a_short_list_is_told_whole_where_nothing_is_near() -> None:
    found = referentials.find("frais", "prix libre")
    assert isinstance(found, Unlisted)
    assert "gratuit, payant" in found.remedy
