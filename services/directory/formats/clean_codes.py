"""Numbers, codes, dates and coordinates: checked by the rule of each, mended where spreadsheets break them."""

from __future__ import annotations

import re
from datetime import date as Date
from datetime import timedelta

from services.directory.formats import territory
from services.directory.formats.clean_text import Refused, line, said
from services.kernel import clock

MOST = 1e9
"""No field of the directory has a greater number; events carry integers to 2**53."""
_SCIENTIFIC = re.compile(r"\d[.,]?\d*e\+?\d+", re.IGNORECASE)


_AROUND_SIRET = re.compile(r"[\s.\-_/:]|SIRET|N°")
_LA_POSTE, _LA_POSTE_HEAD = "356000000", "35600000000048"


def siret(value: object) -> str:
    """The 14 digits of a SIRET whose check digit holds; a lost first zero comes back.

    Source: INSEE; Luhn's sum over all digits, and for La Poste (356 000 000) a plain sum that is a multiple of five.
    """
    digits = _AROUND_SIRET.sub("", line(value).upper())
    if not (digits.isascii() and digits.isdigit()):
        if _SCIENTIFIC.fullmatch(digits):
            why = "Le tableur a arrondi ce numéro, les derniers chiffres sont perdus."
            raise Refused("siret.rounded", why, "Mettez la colonne au format texte et collez le SIRET de nouveau.")
        raise Refused("siret.format", "Un SIRET ne contient que des chiffres.", "Écrivez ses 14 chiffres.")
    if len(digits) == 13 and _is_siret(f"0{digits}"):
        return f"0{digits}"
    if len(digits) == 9:
        why = "C'est un SIREN (9 chiffres) : il désigne l'organisme, pas l'établissement."
        raise Refused("siret.siren", why, "Ajoutez les 5 chiffres de l'établissement.")
    if len(digits) != 14:
        raise Refused(
            "siret.length", f"Il a {len(digits)} chiffres au lieu de 14.", "Écrivez les 14 chiffres du SIRET."
        )
    if not _is_siret(digits):
        why = "La clé de contrôle ne correspond pas : un chiffre est faux ou deux sont intervertis."
        raise Refused("siret.checksum", why, "Vérifiez-le sur annuaire-entreprises.data.gouv.fr.")
    return digits


def _is_siret(digits: str) -> bool:
    """As `stdnum.fr.siret`, which a test compares it with, ten times as fast: imports check one a row."""
    from stdnum import luhn

    if digits.startswith(_LA_POSTE) and digits != _LA_POSTE_HEAD:
        return sum(map(int, digits)) % 5 == 0
    return bool(luhn.is_valid(digits) and luhn.is_valid(digits[:9]))


def rna(value: object) -> str:
    """The number of an association in the national register: W, three signs of the office, six digits."""
    number = re.sub(r"[\s.\-:]|RNA|N°", "", line(value).upper())
    if not re.fullmatch(r"W\d[0-9A-Z]\d{7}", number, re.ASCII):
        raise Refused(
            "rna.format", "Ce n'est pas un numéro RNA.", "Écrivez W et neuf chiffres, par exemple W442001234."
        )
    return number


def postal_code(value: object) -> str:
    """Five digits that begin like a department's; the first zero comes back, `F-` and CEDEX go."""
    written = re.sub(r"^FR?[\s-]|CEDEX.*$|[\s.\-]", "", line(value).upper())
    digits = f"0{written}" if len(written) == 4 else written
    if not re.fullmatch(r"\d{5}", digits, re.ASCII):
        raise Refused("postal_code.format", "Un code postal a cinq chiffres.", "Écrivez par exemple 44000.")
    if digits[:2] in ("00", "96", "99"):
        why = f"Aucun code postal français ne commence par {digits[:2]}."
        raise Refused("postal_code.department", why, "Vérifiez le code postal.")
    return digits


def code_insee(value: object) -> str:
    """The INSEE code of a commune of today or of an arrondissement; one that merged gives what it became."""
    written = line(value).upper().replace(" ", "")
    code = f"0{written}" if re.fullmatch(r"\d{4}", written, re.ASCII) else written
    found = territory.commune(code)
    if found is None:
        served = territory.resolve(postal_code=code)
        remedy = "Vérifiez le code, par exemple sur insee.fr."
        if served:
            remedy = f"C'est un code postal ; le code INSEE de {served.name} est {served.code}."
        raise Refused("code_insee.unknown", "Aucune commune n'a ce code INSEE.", remedy)
    return found.code


_MONTHS = (
    "janvier", "fevrier", "mars", "avril", "mai", "juin",
    "juillet", "aout", "septembre", "octobre", "novembre", "decembre",
)  # fmt: skip
_TIME = r"(?:[T ,]*(?:à )?\d{1,2}[:h]\d{0,2}(?::\d{2}(?:[.,]\d+)?)?\s?(?:Z|UTC|[+-]\d{2}:?\d{2})?)?"
_ISO = re.compile(rf"(\d{{4}})([-/]?)(\d{{2}})\2(\d{{2}}){_TIME}", re.ASCII)
_FRENCH = re.compile(rf"(\d{{1,2}})[/.\-](\d{{1,2}})[/.\-](\d{{4}}){_TIME}", re.ASCII)
_WRITTEN = re.compile(rf"(?:\w+ )?(\d{{1,2}})(?:er)? ([^\W\d]+)\.? (\d{{4}}){_TIME}", re.ASCII)
_ACCENTS = str.maketrans("éèû", "eeu")


def date(value: object) -> str:
    """A day as `2026-11-23`, from ISO 8601, `23/11/2026`, `23 novembre 2026`; a time behind it is left out."""
    if isinstance(value, Date):  # a datetime is one
        return f"{value.year:04}-{value.month:02}-{value.day:02}"
    written = line(value)
    if found := _ISO.fullmatch(written):
        year, _, month, day = found.groups()
    elif found := _FRENCH.fullmatch(written):
        day, month, year = found.groups()
    elif found := _WRITTEN.fullmatch(written.lower().translate(_ACCENTS)):
        day, name, year = found.groups()
        meant = [rank for rank, full in enumerate(_MONTHS, 1) if len(name) > 2 and full.startswith(name)]
        month = str(meant[0] if len(meant) == 1 else 0)
    else:
        remedy = "Écrivez 2026-11-23 ou 23/11/2026, avec l'année entière."
        raise Refused("date.format", "Ce n'est pas une date.", remedy)
    try:
        return Date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        why = f"Le jour {written} n'existe pas."
        raise Refused("date.impossible", why, "Écrivez le jour, le mois puis l'année : 23/11/2026.") from None


FIRST_UPDATE = "2000-01-01"


def update_date(value: object) -> str:
    """A `date` of last change: from 2000 to today. Source: data·inclusion schema v1, field `date_maj`."""
    day = date(value)
    # Today in Paris, whose clocks are at most two hours ahead of UTC.
    today = (clock.now() + timedelta(hours=2)).date().isoformat()
    if day > today:
        raise Refused("date.future", f"La date {day} est dans le futur.", "Écrivez la date de la dernière mise à jour.")
    if day < FIRST_UPDATE:
        raise Refused(
            "date.old", f"La date {day} est antérieure à l'an 2000.", "Écrivez la date de la dernière mise à jour."
        )
    return day


_YES = frozenset({"oui", "o", "vrai", "true", "yes", "y", "1", "x", "ok", "actif"})
_NO = frozenset({"non", "n", "faux", "false", "no", "0", "-", "aucun", "inactif"})


def boolean(value: object) -> bool:
    """A truth value, from oui, non, vrai, faux, true, false, 1, 0, x."""
    word = line(value).lower().rstrip(".")
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise Refused("boolean.format", "Ce n'est ni oui ni non.", "Écrivez oui ou non.")


_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)


def number(value: object, least: float = 0, most: float = MOST) -> float:
    """A number with a decimal point or comma, at most seven decimals (what an event can carry), within bounds."""
    written = line(value).replace(" ", "").replace(",", ".").replace("−", "-")
    if not _NUMBER.fullmatch(written):
        raise Refused("number.format", "Ce n'est pas un nombre.", "Écrivez un nombre, par exemple 3,5.")
    found = float(written)
    if not least <= found <= most:
        remedy = f"Écrivez un nombre d'au moins {least:g}." if most == MOST else f"Il va de {least:g} à {most:g}."
        raise Refused("number.range", f"Le nombre {written[:20]} est hors de ses limites.", remedy)
    return round(found, 7) + 0.0  # no minus zero


def whole(value: object, least: int = 0) -> int:
    """A whole number."""
    found = number(value, least)
    if not found.is_integer():
        raise Refused("number.whole", f"Le nombre {said(value)[:20]} n'est pas entier.", "Écrivez un nombre entier.")
    return int(found)


# Where French land lies: south, north, west, east.
_LANDS = (
    (41.0, 51.6, -5.8, 9.9), (15.6, 18.4, -63.4, -60.7), (14.2, 15.1, -61.4, -60.6), (2.0, 6.0, -54.8, -51.4),
    (-21.6, -20.7, 55.0, 56.0), (-13.2, -12.4, 44.8, 45.5), (46.5, 47.4, -56.7, -55.9), (-14.6, -13.0, -178.4, -175.9),
    (-28.0, -7.5, -155.0, -134.0), (-23.5, -19.0, 158.0, 172.5),
)  # fmt: skip


def coordinates(lat: object, lon: object) -> tuple[float, float]:
    """Latitude and longitude in degrees, WGS 84, seven decimals; put right when they are certainly swapped.

    Certainly: the point is in no part of France, the swapped one is. Raises `Refused` for (0, 0), degrees out of range,
    and projected coordinates (Lambert 93).
    """
    north, east = _degrees(lat, "latitude", 180), _degrees(lon, "longitude", 180)
    if north == 0 and east == 0:
        raise Refused(
            "coordinates.zero", "Le point 0, 0 est au milieu de l'océan.", "Laissez vides des coordonnées inconnues."
        )
    if _in_france(east, north) and not _in_france(north, east):
        north, east = east, north
    return _within(north, "latitude", 90), east


def latitude(value: object) -> float:
    """Degrees north, -90 to 90."""
    return _degrees(value, "latitude", 90)


def longitude(value: object) -> float:
    """Degrees east, -180 to 180."""
    return _degrees(value, "longitude", 180)


def _degrees(value: object, what: str, most: int) -> float:
    try:
        found = number(value, -MOST)
    except Refused:
        why = f"La {what} n'est pas un nombre."
        raise Refused(f"coordinates.{what}", why, "Écrivez des degrés décimaux, par exemple 47,2184.") from None
    if abs(found) > 1000:
        why = f"La {what} {found:g} est en mètres d'une projection, pas en degrés."
        raise Refused("coordinates.projected", why, "Convertissez le point en WGS 84 (degrés).")
    return _within(found, what, most)


def _within(found: float, what: str, most: int) -> float:
    if abs(found) > most:
        why = f"La {what} {found:g} n'existe pas."
        raise Refused(f"coordinates.{what}", why, f"Elle va de -{most} à {most} degrés.")
    return found


def _in_france(lat: float, lon: float) -> bool:
    return any(south <= lat <= north and west <= lon <= east for south, north, west, east in _LANDS)
