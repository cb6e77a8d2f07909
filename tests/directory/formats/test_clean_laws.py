"""Laws of cleaning: any text is cleaned or refused, cleaning twice is cleaning once, nothing dangerous is left."""

import doctest
import re
import unicodedata
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.directory.formats import clean, territory, territory_names, vocabulary
from services.directory.formats.clean import Refused

CLEANERS: dict[str, Callable[[object], Any]] = {
    **clean.FIELDS,
    "text": clean.text,
    "line": clean.line,
    "html_text": clean.html_text,
    "rna": clean.rna,
    "boolean": clean.boolean,
    "date": clean.date,
}
# What people and programs put into cells, cut into pieces and glued at random: it goes deeper than random letters.
PIECES = [
    *("<p>", "</p>", "<br>", "<li>", "<", ">", "&amp;", "&lt;", "&", ";", "&#60;", "&#x26;", "amp;", "<script>", "<b"),
    *("</script>", '<a href="https://x.fr">', "</a>", "<!--", "-->", "<td", "o:p", "&eacute;", "&nbsp;", "/>", "\\"),
    *(
        "https://",
        "http:",
        "//",
        "www.",
        "x.fr",
        "été.fr",
        "@",
        "a@b.fr",
        "mailto:",
        "[",
        "]",
        "%",
        "%20",
        "#",
        "?",
        ":",
    ),
    *("0", "02 40", "04 50 56 87 49", "+33", "(0)", "00", "3949", " / ", "poste", "8080", "44", "44109", "000", "2A"),
    *("\n", "\r\n", "\u00a0", "\u200b", "e\u0301", "\u0301", "\ud800", "\x00", "\ufeff", " ", "  ", "\x0b", "\uf0b7"),
    *(".", "etc", "etc.", ",", "-", "france", "13003013300016", "W442001234", "CEDEX", "23/11/2026", "2026-11-23"),
    *("1er mars", "T10:00", "1e3", "nan", "47,2", "-1.5", "oui", "é"),
]
CELLS = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
NESTED = st.one_of(st.dictionaries(st.text(max_size=3), CELLS, max_size=2), st.binary(max_size=9), st.tuples(CELLS))
SCALARS = st.one_of(CELLS, st.none(), st.booleans(), st.integers(), st.floats(), st.dates())
ANYTHING = st.one_of(SCALARS, st.lists(CELLS, max_size=3), NESTED)


@pytest.mark.parametrize("field", CLEANERS)
@settings(deadline=None)
@given(value=ANYTHING)
@example(value="&amp;" * 30 + "lt;b>")
@example(value="<b\x0b>x")
@example(value=10**5000)
def test_any_value_is_cleaned_or_refused_and_cleaning_again_changes_nothing(field: str, value: object) -> None:
    try:
        once = CLEANERS[field](value)
    except Refused as refused:
        assert refused.why and refused.remedy and "." in refused.code
        return
    assert CLEANERS[field](once) == once


@settings(deadline=None)
@given(CELLS)
def test_plain_text_holds_no_control_sign_and_no_strange_space(value: str) -> None:
    plain = clean.text(value)
    assert not {unicodedata.category(sign) for sign in plain.replace("\n", "")} & {"Cc", "Cs", "Zl", "Zp"}
    assert not {sign for sign in plain if unicodedata.category(sign) == "Zs"} - {" "}
    assert plain == plain.strip()
    assert "  " not in plain
    assert "\n\n\n" not in plain
    plain.encode()


@settings(deadline=None)
@given(CELLS)
def test_no_tag_of_html_is_left(value: str) -> None:
    try:
        plain = clean.html_text(value)
    except Refused:
        return
    assert not re.search(r"</?(?:script|p|b|a|br|td)(?:\s[^<>]*)?/?>", plain, re.IGNORECASE)


@settings(deadline=None)
@given(CELLS)
def test_a_url_is_of_the_web_and_nothing_else(value: str) -> None:
    try:
        found = clean.url(value)
    except Refused:
        return
    assert re.fullmatch(r"https?://[a-z0-9_.-]+\.[a-z0-9-]{2,}(?::\d+)?(?:[/?#][!-~]*)?", found)
    assert not set(found) & set('"<>\\ ')


@settings(deadline=None)
@given(st.from_regex(r"[1-9][0-9]{8}", fullmatch=True), st.sampled_from(". -/"))
def test_a_french_number_is_read_the_same_however_it_is_spaced(nine: str, space: str) -> None:
    national = f"0{nine}"
    spaced = space.join(national[at : at + 2] for at in range(0, 10, 2))
    try:
        expected = clean.phone(national)
    except Refused:
        with pytest.raises(Refused):
            clean.phone(spaced)
        return
    assert expected[0] == "+"
    assert expected.endswith(nine)
    for written in (spaced, f"+33 {spaced[1:]}", f"+33 (0) {nine}", f"0033{nine}", nine, int(nine)):
        assert clean.phone(written) == expected


@settings(deadline=None)
@given(st.from_regex(r"[A-Za-z0-9._%+-]{1,20}@[a-z0-9.-]{1,20}\.[a-z]{2,4}", fullmatch=True))
def test_the_short_way_of_an_address_agrees_with_the_library(address: str) -> None:
    from email_validator import EmailNotValidError, validate_email

    local, domain = address.split("@")
    lowered = f"{local.lower() if local.isupper() else local}@{domain}".strip(".:'/-")
    try:
        expected = validate_email(lowered, check_deliverability=False).normalized
    except EmailNotValidError:
        with pytest.raises(Refused):
            clean.email(address)
    else:
        assert clean.email(address) == expected


@settings(deadline=None)
@given(st.one_of(st.integers(0, 10**14 - 1), st.integers(356 * 10**11, 356 * 10**11 + 99_999), st.just(35600000000048)))
@example(13003013300016)
def test_a_siret_is_taken_exactly_when_the_library_takes_it(number: int) -> None:
    from stdnum.fr import siret

    for key in range(10):
        digits = f"{number // 10:013}{key}"
        assert (_taken(digits) == digits) == siret.is_valid(digits)


def _taken(digits: str) -> str | None:
    try:
        return clean.siret(digits)
    except Refused:
        return None


def test_every_field_of_data_inclusion_is_cleaned() -> None:
    assert set(clean.FIELDS) == {*vocabulary.STRUCTURE_FIELDS, *vocabulary.SERVICE_FIELDS}


@pytest.mark.parametrize("module", [clean, territory, territory_names])
def test_the_examples_in_the_docs_of_a_module_run(module: ModuleType) -> None:
    ran = doctest.testmod(module)
    assert ran.attempted > 0
    assert ran.failed == 0
