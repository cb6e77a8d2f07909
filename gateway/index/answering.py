"""One question from end to end, over the arrays: what it means, what it keeps, in what order, which page."""

from __future__ import annotations

from dataclasses import dataclass, fields

import orjson

from gateway import text
from gateway.index import cursors, facets, ranking
from gateway.index.arrays import Rows
from gateway.index.asked import Asked, ask
from gateway.index.geography import Box, kilometres
from gateway.index.selection import Filters, Place
from gateway.index.table import split_id_key
from gateway.index.view import Records
from gateway.query import MAX_SIZE, SORTS, Query
from services.directory.formats import territory
from services.kernel.errors import Problem, ValidationError

EVERYBODY = "tous-publics"
WIDEST_KM = 20_100.0
_OF_THE_PAGE = {"page", "size", "cursor", "facets", "embed_structure"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A page as rows of the arrays; the JSON is fetched by its slots afterwards."""

    rows: list[int]
    ids: list[tuple[str, str]]
    distances_km: list[int | None]
    total: int
    next_cursor: str | None
    facets: dict[str, dict[str, int]]


def check(query: Query) -> None:
    """Raises `ValidationError` when the question does not hold together."""
    if (query.lat is None) != (query.lon is None):
        raise refused("lat" if query.lat is None else "lon", "", "lat et lon vont ensemble", "donnez les deux")
    if query.lat is not None and query.lon is not None and not (-90 <= query.lat <= 90 and -180 <= query.lon <= 180):
        raise refused("lat", f"{query.lat},{query.lon}", "ce point n'est pas sur Terre", "degrés WGS 84")
    if not 0 < query.radius_km <= WIDEST_KM:
        raise refused("radius_km", query.radius_km, "rayon hors limites", "plus de 0, en kilomètres")
    if not 1 <= query.size <= MAX_SIZE:
        raise refused("size", query.size, "taille hors limites", f"de 1 à {MAX_SIZE}")
    if query.page < 1:
        raise refused("page", query.page, "les pages commencent à 1", "1 ou plus")
    if query.bbox and not (query.bbox[0] <= query.bbox[2] and query.bbox[1] <= query.bbox[3]):
        raise refused("bbox", query.bbox, "boîte à l'envers", "ouest, sud, est, nord")
    if query.sort is not None and query.sort not in SORTS:
        raise refused("sort", query.sort, "ordre inconnu", ", ".join(SORTS))
    if query.sort == "distance" and query.place_commune is None and query.lat is None:
        raise refused("sort", "distance", "trier par distance demande un lieu", "ajoutez une commune ou lat et lon")
    if query.open_at and query.open_at.tzinfo is None:
        raise refused("open_at", query.open_at, "heure sans fuseau", "par exemple 2026-11-23T15:00:00+01:00")


def place_of(query: Query) -> Place | None:
    """Where the question is asked from. Raises `ValidationError` for an unknown commune."""
    radius_m = query.radius_km * 1_000
    if query.place_commune is None:
        return Place(query.lat, query.lon, radius_m) if query.lat is not None and query.lon is not None else None
    commune = territory.commune(query.place_commune)
    if commune is None:
        raise refused("code_commune", query.place_commune, "commune inconnue", "un code INSEE de commune")
    lat, lon = (commune.lat, commune.lon) if query.lat is None else (query.lat, query.lon)
    if lat is None or lon is None:
        raise refused("code_commune", query.place_commune, "commune sans coordonnées", "donnez lat et lon")
    return Place(lat, lon, radius_m, frozenset(territory.zone_codes(commune)))


def answer_of(query: Query, place: Place | None, records: Records, only: Rows | None = None) -> Answer:
    """The page asked for. The caller holds the view's lock, and has checked the query.

    `only`: live rows beside which none is looked at, in any order.
    """
    question = _canonical(query)
    cursor = _cursor(query, question)
    asked = _asked(query, cursor, records)
    chosen = records.selector.select(_filters(query, place, asked, records, only))
    order = _order(query, asked)
    skip = 0 if cursor else (query.page - 1) * query.size
    page = ranking.cut(order, records.table, chosen, cursor.after if cursor else None, skip, query.size)
    rows = chosen.rows[page.places].tolist()
    distances: list[int | None] = [None] * len(rows)
    if chosen.metres is not None:
        km = kilometres(chosen.metres[page.places]).tolist()
        distances = [None if one != one else int(one) for one in km]
    return Answer(
        rows=rows,
        ids=[split_id_key(records.table.ids[row]) for row in rows],
        distances_km=distances,
        total=len(chosen.rows),
        next_cursor=_next(page.after, asked, question),
        facets=facets.count(records.table, chosen.rows, query.facets),
    )


def _asked(query: Query, cursor: cursors.Cursor | None, records: Records) -> Asked | None:
    if cursor:
        return Asked(cursor.plan, records.words) if cursor.plan else None
    if not query.q.strip():
        return None
    return ask(query.q, records.words, len(records.postings.all_rows()))


def _next(after: ranking.After | None, asked: Asked | None, question: bytes) -> str | None:
    return cursors.dump(cursors.Cursor(after, asked.plan if asked else None), question) if after else None


def _order(query: Query, asked: Asked | None) -> ranking.Order:
    if query.sort and query.sort != "relevance":
        return query.sort
    return "relevance" if asked else "contract"


def _filters(query: Query, place: Place | None, asked: Asked | None, records: Records, only: Rows | None) -> Filters:
    sets = [
        ("source", query.sources),
        ("thematiques", query.thematiques),
        ("frais", query.frais),
        ("type", query.types),
        ("publics", () if EVERYBODY in query.publics or not query.publics else (*query.publics, EVERYBODY)),
        ("modes_accueil", query.modes_accueil),
        ("reseaux_porteurs", query.reseaux_porteurs),
        ("sectors", query.sectors),
        ("commune", query.code_commune),
        ("departement", query.code_departement),
        ("region", query.code_region),
        *query.terms,
    ]
    box = query.bbox
    return Filters(
        sets=tuple((name, frozenset(words)) for name, words in sets if words),
        score_min=query.score_qualite_minimum,
        box=Box(south=box[1], west=box[0], north=box[3], east=box[2]) if box else None,
        open_at=query.open_at,
        changed_from_s=query.changed_from.timestamp() if query.changed_from else None,
        only=only,
        audience=tuple(records.words.audience(stem) for stem in dict.fromkeys(text.stems(query.recherche_public))),
        place=place,
        asked=asked,
    )


def _canonical(query: Query) -> bytes:
    """All that must not change from one page to the next, as bytes."""
    parts = {field.name: getattr(query, field.name) for field in fields(query) if field.name not in _OF_THE_PAGE}
    return orjson.dumps(parts, default=list)


def _cursor(query: Query, question: bytes) -> cursors.Cursor | None:
    if query.cursor is None:
        return None
    try:
        return cursors.load(query.cursor, question)
    except cursors.BadCursor:
        shown = query.cursor[:40]
        raise refused(
            "cursor", shown, "ce curseur n'est pas de cette recherche", "reprenez à la première page"
        ) from None


def refused(field: str, value: object, why: str, remedy: str) -> ValidationError:
    """The error of one field of a question."""
    problem = Problem(field=field, value=str(value), why=why, remedy=remedy, code=f"query.{field}")
    return ValidationError(f"{field} : {why}", [problem])
