"""Values as people write them, made clean, or refused with a reason and a remedy."""

import html
from typing import Any

import pytest

from services.directory.formats import clean
from services.directory.formats.clean import Refused


def refusal(clean_one: Any, *values: object) -> Refused:
    with pytest.raises(Refused) as caught:
        clean_one(*values)
    return caught.value


# Text


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("  Maison\u00a0des  associations ", "Maison des associations"),
        ("un\r\n\r\n\r\n\r\ndeux\rtrois", "un\n\ndeux\ntrois"),
        ("cafe\u0301", "café"),
        ("\ufeffa\u200bb\x00c\u202ed\ud800", "abcd"),
        ("\uf0b7 un", "• un"),
        (44000.0, "44000"),
        (None, ""),
        (True, "oui"),
    ],
)
def test_text_has_one_form_of_each_sign(given: object, plain: str) -> None:
    assert clean.text(given) == plain


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("<p>Bonjour&nbsp;<b>le</b> monde</p>\n<ul><li>un</li><li>deux</li></ul>", "Bonjour le monde\n\n- un\n- deux"),
        ("avant<script>alert(1)</script><style>p{}</style> après", "avant après"),
        ("rue de l&#039;&Eacute;glise", "rue de l'Église"),
        ("caf&amp;eacute; &amp;amp; th&eacute;", "café & thé"),
        ("ligne 1\nligne 2 en <b>gras</b>", "ligne 1\nligne 2 en gras"),
        ("x<br/>y<br>z", "x\ny\nz"),
        ('voir <a href="https://x.fr/?a=1&b=2">ici</a>', "voir ici (https://x.fr/?a=1&b=2)"),
        ('écrire à <a href="mailto:a@b.fr">a@b.fr</a>', "écrire à a@b.fr"),
        ('<a href="javascript:alert(1)">cliquez</a>', "cliquez"),
        ("<o:p></o:p>Collé de Word<!-- commentaire -->", "Collé de Word"),
        ("moins de <18 ans & plus de 60 > 50", "moins de <18 ans & plus de 60 > 50"),
        ("<moins de 18 ans> R&D", "<moins de 18 ans> R&D"),
        ("https://x.fr/?a=1&copy=2&para=3", "https://x.fr/?a=1&copy=2&para=3"),
    ],
)
def test_html_becomes_the_text_that_one_reads(given: str, plain: str) -> None:
    assert clean.html_text(given) == plain


def test_html_escaped_again_and_again_is_read_or_refused() -> None:
    deep = "<p>bonjour"
    for _ in range(12):
        deep = html.escape(deep)
    assert clean.html_text(deep) == "bonjour"
    before, sign, after = "", "t", ""
    for _ in range(10):  # a figure of the code is itself written by its code
        code = str(ord(sign))
        before, sign, after = f"{before}&#", code[0], f"{code[1:]};{after}"
    assert refusal(clean.html_text, f"{before}{sign}{after}").code == "text.html"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("Centre social.", "Centre social"),
        ("Ateliers, sorties, etc.", "Ateliers, sorties, etc."),
        ("Aide etc...", "Aide etc."),
        ("L&#039;Escale \n bleue", "L'Escale bleue"),
        ("CCAS", "CCAS"),
    ],
)
def test_a_name_is_one_line_without_a_point_at_its_end(given: str, name: str) -> None:
    assert clean.name(given) == name


def test_a_name_too_short_or_too_long_is_refused() -> None:
    assert refusal(clean.name, "AB").code == "name.short"
    assert refusal(clean.name, "...").code == "name.short"
    assert refusal(clean.name, "a" * 151).code == "name.long"
    assert clean.name("a" * 150)


# Telephones, e-mail, sites


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ("04 50 56 87 49", "+33450568749"),
        ("04.50.56.87.49", "+33450568749"),
        ("04/50/56/87/49", "+33450568749"),
        ("+33 (0)4 50 56 87 49", "+33450568749"),
        ("(+33) 4-50-56-87-49", "+33450568749"),
        ("0033450568749", "+33450568749"),
        (450568749, "+33450568749"),
        (33450568749.0, "+33450568749"),
        ("0 800 123 456", "+33800123456"),
        ("3949", "3949"),
        ("39 49", "3949"),
        ("115", "115"),
        ("116 117", "116117"),
        ("0590 86 12 34", "+590590861234"),
        ("0262 90 12 34", "+262262901234"),
        ("+33 2 62 90 12 34", "+262262901234"),
        ("0596 60 12 34", "+596596601234"),
        ("0694 20 12 34", "+594694201234"),
        ("+41 22 123 45 67", "+41221234567"),
        ("00 41 22 123 45 67", "+41221234567"),
    ],
)
def test_a_telephone_number_is_in_e164_or_short(given: object, number: str) -> None:
    assert clean.phone(given) == number


@pytest.mark.parametrize(
    ("given", "others", "rest"),
    [
        ("04 50 56 87 49 / 06 12 34 56 78", ("+33612345678",), ""),
        ("04 50 56 87 49 06 12 34 56 78", ("+33612345678",), ""),
        ("0450568749 ou 3949", ("3949",), ""),
        ("Tél : 04 50 56 87 49\nFax : 04 50 56 87 50", ("+33450568750",), "Fax :"),
        ("04 50 56 87 49 poste 12", (), "poste 12"),
        ("04 50 56 87 49 (mairie)", (), "(mairie)"),
        ("04 50 56 87 49 ou 06 12", (), "06 12"),
        ("04 50 56 87 49, 04 50 56 87 49", (), ""),
    ],
)
def test_of_several_numbers_the_first_is_kept_and_the_rest_told(given: str, others: tuple[str, ...], rest: str) -> None:
    cell = clean.phones(given)
    assert cell.value == "+33450568749"
    assert (cell.others, cell.rest) == (others, rest)


@pytest.mark.parametrize("given", ["", "néant", "04 50 56 87", "04 50 56 87 49 12", "00 00 00 00 00", "12", "999999"])
def test_what_is_no_number_is_refused(given: str) -> None:
    assert refusal(clean.phone, given).code in ("phone.invalid", "phone.empty")


@pytest.mark.parametrize(
    ("given", "address", "others", "rest"),
    [
        ("accueil@exemple.fr", "accueil@exemple.fr", (), ""),
        ("Marie Dupont <Marie.Dupont@Exemple.FR>", "Marie.Dupont@exemple.fr", (), "Marie Dupont"),
        ("ACCUEIL@EXEMPLE.FR", "accueil@exemple.fr", (), ""),
        ("mailto:a@b.fr", "a@b.fr", (), ""),
        ("a (at) b.fr", "a@b.fr", (), ""),
        ("a @ b.fr.", "a@b.fr", (), ""),
        ("a@b.fr - c@d.fr ; e@f.fr", "a@b.fr", ("c@d.fr", "e@f.fr"), ""),
        ("a@b.fr ou pas@", "a@b.fr", (), "pas@"),
    ],
)
def test_an_e_mail_address_is_found_in_its_cell(given: str, address: str, others: tuple[str, ...], rest: str) -> None:
    assert clean.emails(given) == (address, others, rest)
    assert clean.email(given) == address


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("exemple.fr", "signe @"),
        ("a@localhost", "nom de domaine"),
        ("a..b@exemple.fr", "précède le @"),
        ("", "signe @"),
    ],
)
def test_a_wrong_e_mail_address_says_which_side_is_wrong(given: str, why: str) -> None:
    assert why in refusal(clean.email, given).why


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("www.exemple.fr", "https://www.exemple.fr"),
        ("exemple.fr/contact", "https://exemple.fr/contact"),
        ("HTTP://Exemple.FR/Accueil", "http://exemple.fr/Accueil"),
        ("http:/exemple.fr", "http://exemple.fr"),
        ("http//exemple.fr", "http://exemple.fr"),
        ("http://https://exemple.fr", "https://exemple.fr"),
        ("exemple.fr:8080/a", "https://exemple.fr:8080/a"),
        ("https://exemple.fr/été?q=é", "https://exemple.fr/%C3%A9t%C3%A9?q=%C3%A9"),
        ("https://exemple.fr/a%20b", "https://exemple.fr/a%20b"),
        ("été.fr", "https://xn--t-9fab.fr"),
        ("<https://exemple.fr>", "https://exemple.fr"),
    ],
)
def test_a_web_address_is_completed(given: str, address: str) -> None:
    assert clean.url(given) == address


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("javascript:alert(1)", "url.scheme"),
        ("ftp://exemple.fr", "url.scheme"),
        ("contact@exemple.fr", "url.scheme"),
        ("https://marie:secret@exemple.fr", "url.user"),
        ("https://exemple.fr en travaux", "url.space"),
        ("http://", "url.host"),
        ("https://localhost", "url.host"),
        ("https://192.168.1.1", "url.host"),
        ("https://[::1]/", "url.host"),
        ("https://exemple.fr:99999", "url.host"),
        ("néant", "url.host"),
        ("https://exemple.fr/" + "a" * 2083, "url.long"),
        ("", "url.empty"),
    ],
)
def test_what_is_no_public_web_address_is_refused(given: str, code: str) -> None:
    assert refusal(clean.url, given).code == code


def test_several_web_addresses_are_told() -> None:
    cell = clean.urls("https://a.exemple.fr ; www.b.exemple.fr")
    assert (cell.value, cell.others) == ("https://a.exemple.fr", ("https://www.b.exemple.fr",))
