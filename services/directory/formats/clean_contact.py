"""Telephones, e-mail addresses and addresses of sites: one in the form of its standard, the others of the cell told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from services.directory.formats.clean_text import Refused, line, text


class Cell(NamedTuple):
    """What a cell held: the first good value, the other good ones, and the words that were none."""

    value: str
    others: tuple[str, ...] = ()
    rest: str = ""


# Telephones

# National numbers (first three digits after the 0) that belong to the country codes overseas: Guadeloupe, Saint-Martin and
# Saint-Barthélemy, Guyane, Martinique, Réunion and Mayotte, Saint-Pierre-et-Miquelon. Source: Arcep, plan de numérotation.
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
_SEPARATOR = re.compile(r"\x00|[;,|\n]|\s/\s|\s-\s|\bou\b|\bet\b", re.IGNORECASE)
_FILLER = re.compile(
    r"t[eé]l(?:[eé]phones?)?|n°|num[eé]ros?|fixe|mobile|portable|standard|appel(?:er)?|accueil|au|le|[^\w]+",
    re.IGNORECASE,
)


def phones(value: object) -> Cell:
    """The telephone numbers of a cell, in E.164 (`+33240123456`); French short numbers (`3949`, `115`) stay as they are.

    A number without country is French, overseas departments by their prefixes. The first zero that a spreadsheet ate comes
    back. What is no number (an extension, an invalid number) is in `rest`. Raises `Refused` when no number is valid.
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
        number = _national(re.sub(r"\D", "", match[1])) if match[1] else _valid(_international(match[2]))
        if number:
            found.append((match.start(), number))
            hole = "\x00" * len(match[0])
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
    return (_valid(f"+{overseas}{nine}") if overseas else None) or _valid(f"+33{nine}")


def _international(written: str) -> str:
    digits = re.sub(r"\D", "", written.replace("(0)", ""))
    return f"+{digits.removeprefix('00') if written.startswith('00') else digits}"


@lru_cache(maxsize=4096)
def _valid(number: str) -> str | None:
    """The number as it is dialled, if its country has such a number."""
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


# E-mail

_SIMPLE_LOCAL = re.compile(r"[a-z0-9_%+-]+(?:\.[a-z0-9_%+-]+)*")
_AT = re.compile(r"\s*[\[(]\s*(?:at|arobase|a)\s*[\])]\s*", re.IGNORECASE)


def emails(value: object) -> Cell:
    """The e-mail addresses of a cell, by RFC 5322 and without asking the network; domains in lower case.

    `mailto:`, `Nom <adresse>` and several addresses in one cell are understood. Raises `Refused` when none is valid.
    """
    plain = re.sub(r"\s*@\s*", "@", _AT.sub("@", line(value)))
    found: list[str] = []
    rest: list[str] = []
    why = "Il y manque le signe @." if "@" not in plain else ""
    for part in re.split(r"[\s;,|<>()\"]+", plain):
        word = part.removeprefix("mailto:").strip(".:'/-")
        if "@" not in word:
            rest += (
                [word] if re.search(r"\w", word) and word.lower() not in ("ou", "et", "mail", "email", "e-mail") else []
            )
            continue
        try:
            found.append(_address(word))
        except ValueError:
            rest.append(word)
            why = why or _fault(word)
    if not found:
        raise Refused(
            "email.invalid", f"Ce n'est pas une adresse e-mail. {why}".strip(), "Écrivez par exemple nom@exemple.fr."
        )
    first, *others = dict.fromkeys(found)
    return Cell(first, tuple(others), " ".join(rest))


def email(value: object) -> str:
    """The first e-mail address of a cell; `emails` tells the others."""
    return emails(value).value


def _address(word: str) -> str:
    local, _, domain = word.rpartition("@")
    if _SIMPLE_LOCAL.fullmatch(local) and len(local) <= 64 and domain.isascii():
        known = _domain(domain)
        if len(local) + len(known) < 254:
            return f"{local}@{known}"
    return _whole(word)


@lru_cache(maxsize=4096)
def _domain(domain: str) -> str:
    """A domain that may receive mail, normalised; many addresses share one. Raises ValueError."""
    return _whole(f"a@{domain}")[2:]


def _whole(address: str) -> str:
    from email_validator import validate_email

    return str(validate_email(address, check_deliverability=False).normalized)


def _fault(word: str) -> str:
    try:
        _domain(word.rpartition("@")[2])
    except ValueError:
        return "Ce qui suit le @ n'est pas un nom de domaine."
    return "Ce qui précède le @ n'est pas permis."


# Sites

LONGEST_URL = 2083
"""Characters, as data·inclusion's schema has it."""
_SCHEME = re.compile(r"(?:(https?)(?:\s?:[\s/\\]*|//+))+", re.IGNORECASE)
_OTHER_SCHEME = re.compile(r"([a-z][a-z0-9+-]*):(?!\d)", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_TOP = re.compile(r"[a-z]{2,63}|xn--[a-z0-9-]{1,59}")
_SAFE = "%/:?#[]@!$&'()*+,;=~-._"


def urls(value: object) -> Cell:
    """The web addresses of a cell, `https://` put before those without a scheme. Raises `Refused` when it holds other words.

    Only http and https, a host with a domain, no password; spaces and letters with accents are escaped.
    """
    plain = line(value).strip("<>\"' ")
    if not plain:
        raise Refused("url.empty", "Aucune adresse n'est donnée.", "Écrivez par exemple https://exemple.fr.")
    parts = [part for part in re.split(r"[\s;,|]+(?=https?:|www\.)|\s(?:ou|et)\s", plain, flags=re.IGNORECASE) if part]
    first, *others = dict.fromkeys(map(_url, parts))
    return Cell(first, tuple(others))


def url(value: object) -> str:
    """The first web address of a cell; `urls` tells the others."""
    return urls(value).value


def _url(written: str) -> str:
    written = written.strip("<>\"' ;,")
    scheme = _SCHEME.match(written)
    other = None if scheme else _OTHER_SCHEME.match(written)
    if other or (not scheme and "@" in written.split("/")[0]):
        what = "C'est une adresse e-mail." if "@" in written else f"« {written[:20]} » n'est pas une adresse de site."
        raise Refused("url.scheme", what, "Écrivez une adresse qui commence par https:// ou http://.")
    secure, rest = (scheme[1].lower(), written[scheme.end() :]) if scheme else ("https", written.lstrip("/"))
    if " " in rest:
        raise Refused("url.space", "L'adresse contient des espaces ou d'autres mots.", "Gardez l'adresse seule.")
    whole = f"{secure}://{_host(rest)}"
    if len(whole) > LONGEST_URL:
        raise Refused(
            "url.long", f"L'adresse a {len(whole)} caractères.", f"Elle ne doit pas dépasser {LONGEST_URL} caractères."
        )
    return whole


def _host(rest: str) -> str:
    """The address behind its scheme: host checked and in lower case, the path escaped."""
    try:
        split = urlsplit(f"//{rest}")
        host, port = split.hostname or "", split.port
    except ValueError:
        raise _no_host(rest) from None
    if "@" in split.netloc:
        raise Refused("url.user", "L'adresse contient un identifiant (@).", "Écrivez l'adresse publique du site.")
    host = _ascii(host.rstrip("."))
    labels = host.split(".")
    if len(labels) < 2 or not _TOP.fullmatch(labels[-1]) or not all(map(_LABEL.fullmatch, labels)) or len(host) > 253:
        raise _no_host(rest)
    path = quote(rest[len(split.netloc) :], safe=_SAFE)
    return f"{host}{'' if port is None else f':{port}'}{path}"


def _ascii(host: str) -> str:
    if host.isascii():
        return host
    import idna

    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        return ""


def _no_host(rest: str) -> Refused:
    why = f"« {rest[:60]} » n'a pas de nom de site valable." if rest else "Il y manque le nom du site."
    return Refused("url.host", why, "Écrivez l'adresse telle que le navigateur la montre.")
