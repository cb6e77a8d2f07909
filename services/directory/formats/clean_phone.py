"""Telephone numbers in E.164, the first of a cell and the others told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from services.directory.formats.clean_text import Cell, Refused, text

# National numbers (first three digits after the 0) that belong to country codes overseas: Guadeloupe, Saint-Martin and
# Saint-Barthélemy, Guyane, Martinique, Réunion and Mayotte, Saint-Pierre-et-Miquelon. Source: Arcep, numbering plan.
_OVERSEAS = {
    "590": "590", "690": "590", "691": "590", "594": "594", "694": "594", "596": "596", "696": "596", "697": "596",
    "262": "262", "263": "262", "269": "262", "639": "262", "692": "262", "693": "262", "508": "508",
}  # fmt: skip
_FRENCH = r"(?:(?:\+|00)\s?33[\s.()-]*(?:\(?0\)?[\s.()-]*)?|0[\s.-]?)([1-9](?:[\s./-]{0,3}\d){8})"
_FOREIGN = r"((?:\+|00[\s.]?)[1-9](?:[\s./()-]{0,3}\d){5,14})"
# Not followed by a few more digits, of which the number would be a part; a whole other number may follow.
_END = r"(?!(?:[ .-]?\d){1,8}(?![ .-]?\d))"
_FULL = re.compile(rf"(?<![\d+])(?:{_FRENCH}|{_FOREIGN}){_END}")
_SHORT = re.compile(r"1\d|1[0-9]\d|10\d\d|116 ?\d{3}|118 ?\d{3}|3\d ?\d\d")
_SEPARATOR = re.compile(r"[;,|\n]|\s/\s|\s-\s|\bou\b|\bet\b", re.IGNORECASE)
_FILLER = re.compile(
    r"t[eé]l(?:[eé]phones?)?|n°|num[eé]ros?|fixe|mobile|portable|standard|appel(?:er)?|accueil|au|le|[^\w]+",
    re.IGNORECASE,
)


def phones(value: object) -> Cell:
    """The telephone numbers of a cell, in E.164 (`+33240123456`); French short numbers (`3949`, `115`) stay.

    A number without country is French, overseas departments by their prefixes. The first zero that a spreadsheet ate
    comes back. What is no number (an extension, an invalid number) is in `rest`. Raises `Refused` when none is valid.
    """
    plain = text(value)
    if not plain:
        raise Refused("phone.empty", "Aucun numéro n'est donné.", "Écrivez un numéro, par exemple 02 40 12 34 56.")
    found, left = _numbers(_restored(plain))
    if not found:
        raise _no_number(plain)
    first, *others = dict.fromkeys(found)
    return Cell(first, tuple(others), left)


def phone(value: object) -> str:
    """The first telephone number of a cell; `phones` tells the others."""
    return phones(value).value


def _restored(plain: str) -> str:
    """A lone number whose 0 or + was lost: `240123456`, `33240123456`."""
    digits = re.sub(r"[\s.]", "", plain)
    if digits.isascii() and digits.isdigit():
        if len(digits) == 9 and digits[0] != "0":
            return f"0{digits}"
        if len(digits) == 11 and digits.startswith("33"):
            return f"+{digits}"
    return plain


def _numbers(plain: str) -> tuple[list[str], str]:
    """Valid numbers in their order, and the words left."""
    found: list[tuple[int, str]] = []
    rest: list[str] = []
    marked = plain
    for match in _FULL.finditer(plain):
        number = _national(re.sub(r"\D", "", match[1])) if match[1] else _dialled(_international(match[2]))
        if number:
            found.append((match.start(), number))
            hole = ";" + " " * (len(match[0]) - 1)
            marked = f"{marked[: match.start()]}{hole}{marked[match.end() :]}"
    for at, part in _parts(marked):
        if _SHORT.fullmatch(part) and (short := _valid_short(part.replace(" ", ""))):
            found.append((at, short))
        elif re.search(r"\w", _FILLER.sub("", part)):
            rest.append(part)
    return [number for _, number in sorted(found)], " ; ".join(rest)


def _parts(marked: str) -> Iterator[tuple[int, str]]:
    start = 0
    for separator in _SEPARATOR.finditer(marked):
        yield start, marked[start : separator.start()].strip()
        start = separator.end()
    yield start, marked[start:].strip()


def _national(nine: str) -> str | None:
    """E.164 of the nine digits after the 0 of a French number."""
    overseas = _OVERSEAS.get(nine[:3])
    if overseas and _exists(overseas, nine):
        return f"+{overseas}{nine}"
    return f"+33{nine}" if _exists("33", nine) else None


@lru_cache(maxsize=4096)
def _exists(country: str, nine: str) -> bool:
    """Is this a number of a country whose numbers have nine digits? Three times as fast as parsing it."""
    import phonenumbers

    return phonenumbers.is_valid_number(phonenumbers.PhoneNumber(country_code=int(country), national_number=int(nine)))


def _international(written: str) -> str:
    digits = re.sub(r"\D", "", written.replace("(0)", ""))
    return f"+{digits.removeprefix('00') if written.startswith('00') else digits}"


@lru_cache(maxsize=4096)
def _dialled(number: str) -> str | None:
    """A number with its country's code as it is dialled, if that country has such a number."""
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(parsed):
        return None
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


@lru_cache(maxsize=256)
def _valid_short(number: str) -> str | None:
    import phonenumbers

    parsed = phonenumbers.parse(number, "FR")
    return number if phonenumbers.is_valid_short_number_for_region(parsed, "FR") else None


def _no_number(plain: str) -> Refused:
    digits = len(re.findall(r"\d", plain))
    why = f"Ce n'est pas un numéro de téléphone valide ({digits} chiffre{'s' if digits > 1 else ''})."
    remedy = "Écrivez les dix chiffres d'un numéro français (02 40 12 34 56), ou + et l'indicatif du pays."
    return Refused("phone.invalid", why, remedy)
