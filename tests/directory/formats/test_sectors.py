"""Sectors of the field follow from themes and audiences."""

import pytest

from services.directory.formats import referentials, sectors

GLOSSARY = (
    "petite-enfance",
    "enfance-jeunesse",
    "personnes-agees",
    "handicap",
    "sante-psychique",
    "logement",
    "mobilite",
    "creation-activite",
    "culture",
)


def test_the_sectors_of_the_glossary_are_there() -> None:
    assert set(GLOSSARY) <= set(sectors.SECTORS)
    assert all(sectors.is_known(code) for code in GLOSSARY)


@pytest.mark.parametrize("theme", [*referentials.values("thematiques"), *referentials.values("categories")])
def test_every_theme_has_a_sector(theme: str) -> None:
    found = sectors.of([theme])
    assert found
    assert set(found) <= set(sectors.SECTORS)


def test_every_sector_is_reached_by_some_theme() -> None:
    assert {sector for theme in referentials.values("thematiques") for sector in sectors.of([theme])} == set(
        sectors.SECTORS
    )


def test_the_mapping_names_only_values_that_exist() -> None:
    assert all(referentials.is_known("thematiques", theme) for theme in sectors._OF_THEME)
    assert set(sectors._OF_CATEGORY) == set(referentials.values("categories"))
    assert all(referentials.is_known("publics", audience) for audience in sectors._OF_AUDIENCE)


def test_audiences_add_their_sector_unless_nearly_everybody_is_named() -> None:
    theme = "mobilite--preparer-un-permis"
    assert sectors.of([theme], ["jeunes"]) == ("enfance-jeunesse", "mobilite")
    assert sectors.of([theme], ["tous-publics"]) == ("mobilite",)
    assert sectors.of([theme], ["jeunes", "seniors", "familles", "femmes"]) == ("mobilite",)
    assert sectors.of([], []) == sectors.of(["couleurs--bleu"]) == ()


def test_sectors_come_in_one_order_whatever_that_of_the_themes() -> None:
    themes = ["sante--sante-mentale", "famille--garde-denfants"]
    assert sectors.of(themes) == sectors.of(themes[::-1]) == ("petite-enfance", "famille", "sante-psychique")


def test_sectors_have_names_in_both_languages() -> None:
    assert sectors.label("sante-psychique") == "Santé psychique"
    assert sectors.label("sante-psychique", "en") == "Mental health"
    assert sectors.label("haute-couture") == "haute couture"
    told = list(sectors.SECTORS.values())
    assert len({sector.french for sector in told}) == len({sector.english for sector in told}) == len(told)
    assert all(sector.description.endswith(".") for sector in told)
