"""Points and distances: how far one is from another, and the points that an operator gives for communes."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from math import asin, cos, radians, sin, sqrt
from pathlib import Path

from services.directory.formats.territory_tables import communes
from services.kernel.errors import Problem, ValidationError

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius of the Earth (IUGG)."""
MOST_PROBLEMS = 20
COLUMNS = ["code", "lat", "lon"]

Points = dict[str, tuple[float, float]]


def distance_m(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Metres between two points (degrees, WGS 84) along a great circle; haversine, within 0.5 % of the ellipsoid."""
    phi1, phi2 = radians(lat1), radians(lat2)
    half = sin((phi2 - phi1) / 2) ** 2 + cos(phi1) * cos(phi2) * sin(radians(lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_M * asin(sqrt(min(1.0, half)))


def load_points(path: Path) -> Points:
    """Points of communes from a CSV file with the columns `code,lat,lon` (INSEE code, degrees, WGS 84, decimal point).

    The separator may be a semicolon, the decimals then commas. Raises `ValidationError` whose details are the first
    problems, each with its line, and `FileNotFoundError`; communes that the file does not name keep their points.
    """
    points: Points = {}
    problems: list[Problem] = []
    for line, cells in _lines(path):
        found = _point(line, cells, points)
        if isinstance(found, str):
            points[found] = (_degrees(cells[1]), _degrees(cells[2]))
        else:
            problems.append(found)
        if len(problems) == MOST_PROBLEMS:
            break
    if not points and not problems:
        problems.append(
            _problem(None, "code", "", "points.empty", "Le fichier ne contient aucun point.", "Vérifiez le fichier.")
        )
    if problems:
        raise ValidationError(f"{path.name} : {problems[0].get('why')}", problems)
    return points


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each row below the header, whose names are checked."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        why, remedy = f"Le fichier n'est pas en UTF-8 (octet {error.start}).", "Enregistrez-le en CSV UTF-8."
        raise ValidationError(
            f"{path.name} : {why}", [_problem(None, "code", "", "points.encoding", why, remedy)]
        ) from None
    rows = csv.reader(text.splitlines(), delimiter=";" if ";" in text.split("\n", 1)[0] else ",")
    header = [name.strip().lower() for name in next(rows, [])]
    if header != COLUMNS:
        why, remedy = "Les colonnes ne sont pas code, lat, lon.", "La première ligne doit être : code,lat,lon"
        raise ValidationError(
            f"{path.name} : {why}", [_problem(1, "code", ",".join(header), "points.header", why, remedy)]
        )
    for cells in rows:
        if any(cell.strip() for cell in cells):
            yield rows.line_num, [cell.strip() for cell in cells]


def _point(line: int, cells: list[str], before: Points) -> str | Problem:
    """The code of a good row, or what is wrong with it."""
    if len(cells) != len(COLUMNS):
        why = f"{len(cells)} valeurs au lieu de 3."
        return _problem(line, "code", ",".join(cells), "points.cells", why, "Écrivez code,lat,lon.")
    code, *degrees = cells
    if code not in communes().rows:
        return _problem(
            line,
            "code",
            code,
            "points.commune",
            "Le code de commune est inconnu.",
            "Utilisez le code INSEE d'une commune de 2026.",
        )
    if code in before:
        return _problem(
            line, "code", code, "points.twice", "La commune est déjà donnée plus haut.", "Gardez une seule ligne."
        )
    for name, text, most in zip(COLUMNS[1:], degrees, (90, 180), strict=True):
        try:
            good = abs(_degrees(text)) <= most  # false for NaN too
        except ValueError:
            good = False
        if not good:
            why = f"Ce n'est pas un nombre de degrés entre -{most} et {most}."
            return _problem(line, name, text, f"points.{name}", why, "Écrivez par exemple 47.2184.")
    return code


def _degrees(text: str) -> float:
    return float(text.replace(",", "."))


def _problem(line: int | None, field: str, value: str, code: str, why: str, remedy: str) -> Problem:
    return {"line": line, "field": field, "value": value, "why": why, "remedy": remedy, "code": code}
