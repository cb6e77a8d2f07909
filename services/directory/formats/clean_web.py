"""E-mail and web addresses, the first of a cell and the others told."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote, urlsplit

from services.directory.formats.clean_text import Cell, Refused, line

_SIMPLE_LOCAL = re.compile(r"[a-z0-9_%+-]+(?:\.[a-z0-9_%+-]+)*")
_AT = re.compile(r"\s*[\[(]\s*(?:at|arobase|a)\s*[\])]\s*", re.IGNORECASE)


def emails(value: object) -> Cell:
    """The e-mail addresses of a cell, by RFC 5322 and without asking the network; domains, and CAPITALS, in lower case.

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
    local = local.lower() if local.isupper() else local
    if _SIMPLE_LOCAL.fullmatch(local) and len(local) <= 64 and domain.isascii():
        known = _domain(domain)
        if len(local) + len(known) < 254:
            return f"{local}@{known}"
    return _whole(f"{local}@{domain}")


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
    """The web addresses of a cell, `https://` put before those without a scheme.

    Only http and https, a host with a domain, no password; letters with accents are escaped. Raises `Refused`, also for
    a cell with other words: where an address ends is then a guess.
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
