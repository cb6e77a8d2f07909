"""An address, a number or a name is found in a text however it is written, and nothing else is."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.directory.formats import naming
from services.directory.formats.naming import GONE, Sought, plain_name, size_of
from services.directory.objecting import normalised

NAME, NUMBER, ADDRESS = "Marie de la Combe", "+33240796655", "ysolde.quimperlot@exemple-x.fr"
NAMES = (NAME, "Jean d’Ormesson", "Élodie le Bihan", "Anne Le Goff", "Ysolde Quimperlot",
         "Pierre Paul Jacques de la Tour", "عمر المختار")  # fmt: skip


def sought(*names: str, number: str = NUMBER, address: str = ADDRESS) -> Sought:
    plain = {plain_name(each) for each in names}
    said = {("telephone", number), ("courriel", address), *(("contact_nom_prenom", each) for each in plain)}

    def is_theirs(field: str, value: str) -> bool:
        return (field, normalised(field, value)) in said

    return Sought(is_theirs, frozenset(map(size_of, plain)))


@pytest.mark.parametrize(
    "written",
    ["02 40 79 66 55", "0240796655", "02-40-79-66-55", "02–40–79–66–55", "02,40,79,66,55", "02_40_79_66_55",
     "02·40·79·66·55", "02\t40\t79\t66\t55", "02%2040%2079%2066%2055", "０２ ４０ ７９ ６６ ５５", "+33 2 40 79 66 55",
     "+33 (0)2 40 79 66 55", "0033 240796655", "02.40.79.66.55", "02 / 40 / 79 / 66 / 55", "02\n40796655"],
)  # fmt: skip
def test_a_number_in_any_writing(written: str) -> None:
    assert naming.without(f"Tél : {written}.", sought()) == f"Tél : {GONE}."
    assert naming.without(f"{written} / 06 11 22 33 44", sought()) == f"{GONE} / 06 11 22 33 44"
    assert naming.without(f"06 11 22 33 44, {written}", sought()) == f"06 11 22 33 44, {GONE}"


@pytest.mark.parametrize("text", ["02 40 79 66 56", "1240796655123", "SIRET 13240796655000", "le 02/40, salle 79", ""])
def test_what_is_another_number_or_none_stays(text: str) -> None:
    assert naming.without(text, sought()) == text


@pytest.mark.parametrize(
    "written",
    [ADDRESS, ADDRESS.upper(), "ysolde.quimperlot (at) exemple-x.fr", "ysolde.quimperlot[at]exemple-x.fr",
     "ysolde.quimperlot @ exemple-x.fr", "ysolde.quimperlot%40exemple-x.fr", "ysolde.quimperlot at exemple-x.fr",
     "ysolde.quimperlot arobase exemple-x point fr", "ysolde.quimperlot@exemple-x(dot)fr",
     "ysolde.quimperlot＠exemple-x.fr"],
)  # fmt: skip
def test_an_address_in_any_writing(written: str) -> None:
    assert naming.without(f"Écrire à {written} avant midi", sought()) == f"Écrire à {GONE} avant midi"
    assert naming.without(f"l’adresse d’{written}", sought()) == f"l’adresse d’{GONE}"


def test_another_address_stays() -> None:
    text = "ysolde@exemple-x.fr, ysolde.quimperlot@exemple.fr, rendez-vous at home"
    assert naming.without(text, sought()) == text


@pytest.mark.parametrize(
    ("name", "written"),
    [("Ysolde Quimperlot", "QUIMPERLOT, Ysolde"), ("Ysolde Quimperlot", "Quimperlot (Ysolde"),
     (NAME, "marie DE LA combe"), (NAME, "de la Combe Marie"), ("Jean d’Ormesson", "Jean d'Ormesson"),
     ("Élodie le Bihan", "Elodie Le Bihan"),
     ("Élodie le Bihan", "E\u0301lodie le Bihan"), ("Anne Le Goff", "LE GOFF - Anne"),
     ("Anne Le Goff", "Anne\nLe Goff"),
     ("Pierre Paul Jacques de la Tour", "Pierre-Paul Jacques de La Tour"), ("عمر المختار", "عمر المختار")],
)  # fmt: skip
def test_a_name_in_any_order_case_and_accents(name: str, written: str) -> None:
    found = naming.without(f"Demandez {written}) ici.", sought(*NAMES))
    assert name in NAMES
    assert found == f"Demandez {GONE}) ici."


@pytest.mark.parametrize("text", ["Marie Combe", "la Combe de Claire-Marie", "Anne. Autre phrase. Le Goff", "le bihan"])
def test_a_name_of_which_a_word_is_missing_stays(text: str) -> None:
    assert naming.without(text, sought(*NAMES)) == text


@given(st.text(max_size=80), st.sampled_from([NUMBER.replace("+33", "0"), ADDRESS, *NAMES]), st.text(max_size=80))
def test_what_stands_around_changes_nothing(before: str, written: str, after: str) -> None:
    found = naming.without(f"{before} ; — ; {written} ; — ; {after}", sought(*NAMES))
    assert written not in found
    assert GONE in found


def test_long_texts_take_no_time() -> None:
    text = "Accueil de Marie, le 02 40 12 34 56 à l’heure, et puis la Combe d’en bas (at) midi. " * 1_000
    began = time.perf_counter()
    assert naming.without(text, sought(*NAMES)) == text
    assert time.perf_counter() - began < 5
    hostile = "1 " * 50_000 + "a@" * 20_000 + "x." * 20_000 + "at " * 20_000
    began = time.perf_counter()
    naming.without(hostile, sought(*NAMES))
    assert time.perf_counter() - began < 5
