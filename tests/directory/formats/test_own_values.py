"""What a structure says of itself, as spreadsheets write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.directory.formats import mapping_file, own_values
from services.directory.formats.clean import Refused
from services.kernel.errors import ValidationError


@pytest.mark.parametrize(
    ("written", "value"),
    [("Oui", "yes"), ("NON", "no"), ("x", "yes"), (True, "yes"), (False, "no"), ("hors ESS", "no"), ("?", None),
     ("Ne sait pas", "unknown"), ("inconnue", "unknown"), ("à vérifier", "unknown"), ("yes", "yes")],
)  # fmt: skip
def test_of_the_social_economy_or_not(written: object, value: str | None) -> None:
    if value is None:
        with pytest.raises(Refused, match="oui, non ou inconnu"):
            own_values.ess(written)
    else:
        assert own_values.ess(written) == value


@pytest.mark.parametrize(
    ("written", "code"),
    [("9220", "9220"), (9220, "9220"), (9220.0, "9220"), ("92.20", "9220"), ("9260 - Droit local", "9260"),
     ("Association", "9220"), ("ASSOCIATION (loi 1901)", "9220"), ("association reconnue d’utilité publique", "9230"),
     ("Association (reconnue d'utilité publique)", "9230"), ("Scop (SARL)", "5458"), ("S.A.S.", "5710"),
     ("Mutuelle", "8210"), ("G.I.E.", "6220"), ("Fondation", "9300")],
)  # fmt: skip
def test_legal_forms_by_code_and_by_the_names_people_use(written: object, code: str) -> None:
    assert own_values.legal_form(written) == code


@pytest.mark.parametrize("written", ["Scop", "SA", "Scic", "coopérative"])
def test_a_name_of_several_legal_forms_is_refused_with_their_codes(written: str) -> None:
    with pytest.raises(Refused, match=r"Écrivez son code : \d{4} \("):
        own_values.legal_form(written)


def test_a_legal_form_that_nobody_knows_is_refused() -> None:
    with pytest.raises(Refused, match="9220"):
        own_values.legal_form("club de pétanque")


@pytest.mark.parametrize(
    ("written", "code"),
    [("français", "fr"), ("Anglais", "en"), ("english", "en"), ("EN", "en"), ("Arabe", "ar"), ("farsi", "fa"),
     ("pachto", "ps"), ("Ukrainien", "uk"), ("kurdish", "ku")],
)  # fmt: skip
def test_languages_by_name_and_by_code(written: str, code: str) -> None:
    assert own_values.language(written) == code


def test_a_language_without_a_code_of_two_letters_is_refused() -> None:
    with pytest.raises(Refused, match="ISO 639-1"):
        own_values.language("LSF")


@given(value=st.text(max_size=20))
def test_any_text_is_understood_or_refused_with_a_remedy(value: str) -> None:
    for clean in (own_values.ess, own_values.legal_form, own_values.language):
        try:
            found = clean(value)
        except Refused as refused:
            assert refused.why and refused.remedy
        else:
            assert clean(found) == found


@pytest.mark.parametrize("value", ["{", "[1]", [{"name": "LIS"}], [{"name": "", "scale": "x"}], {"name": "LIS"}])
def test_what_is_no_list_of_memberships_is_refused(value: object) -> None:
    with pytest.raises(Refused, match="LIS"):
        own_values.memberships(value)


def test_constants_of_a_mapping_are_checked_as_cells_are() -> None:
    head = '[source]\nname = "essai"\n[structure]\nid = "N"\nnom = "Nom"\n'
    right = 'ess = { value = "oui" }\nlegal_form = { column = "F", map = { asso = "association" } }\n'
    mapping_file.parse("essai.toml", head + right + 'languages = { value = ["fr", "anglais"] }\n')
    with pytest.raises(ValidationError) as refused:
        mapping_file.parse("essai.toml", head + 'ess = { value = "parfois" }\nlanguages = { value = ["xx"] }\n')
    assert [one["field"] for one in refused.value.details] == ["[structure] ess.value", "[structure] languages.value"]
