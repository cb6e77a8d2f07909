"""What can be asked of the read model: one frozen value, whoever asks (API, page, widget, feed).

A `Query` holds no default of any page and checks nothing but its own sense: values of the referentials are checked
at the HTTP edge (an unknown value is a 422 there), the commune is looked up by the reader. Source of the filters:
data·inclusion's read API, version 1; `docs/search.md` says what each means, ours included.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

Kind = Literal["service", "structure"]
Sort = Literal["relevance", "distance", "name", "updated"]
Facet = Literal[
    "thematiques",
    "categories",
    "publics",
    "types",
    "frais",
    "modes_accueil",
    "sectors",
    "departements",
    "sources",
    "reseaux_porteurs",
]

SORTS: tuple[Sort, ...] = get_args(Sort)
FACETS: tuple[Facet, ...] = get_args(Facet)
DEFAULT_RADIUS_KM = 50.0
MAX_SIZE = 10_000


@dataclass(frozen=True, slots=True)
class Query:
    """One question to the read model. Empty tuples and `None` filter nothing; filters add up.

    Place. `place_commune` (an INSEE code) is `/search/services`' `code_commune`: it keeps the services whose
    `zone_eligibilite` is empty or holds it, and that lie within `radius_km` or are received `a-distance`. `lat`
    and `lon` (WGS 84, both or none) replace the commune's point; alone they are a place without eligibility.
    `bbox` is west, south, east, north, in degrees: only records whose own point lies in it.

    Order. Without `sort`: by relevance when there is a `q`; else data·inclusion's own order: with a place whole
    kilometres, nulls last, then id; without one, id. `sort="distance"` orders to the metre and needs a place.

    Pages. Either `page` (from 1) or `cursor` (opaque, from `Page.next_cursor` of the same query), of `size` items.
    """

    kind: Kind = "service"
    q: str = ""
    place_commune: str | None = None
    lat: float | None = None
    lon: float | None = None
    radius_km: float = DEFAULT_RADIUS_KM
    bbox: tuple[float, float, float, float] | None = None
    sources: tuple[str, ...] = ()
    thematiques: tuple[str, ...] = ()  # themes, and categories that stand for all their themes
    frais: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    publics: tuple[str, ...] = ()
    modes_accueil: tuple[str, ...] = ()
    reseaux_porteurs: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    recherche_public: str = ""
    score_qualite_minimum: float | None = None
    code_commune: tuple[str, ...] = ()  # the record's own address, as in the lists
    code_departement: tuple[str, ...] = ()
    code_region: tuple[str, ...] = ()
    open_at: datetime | None = None  # aware; only records known to be open then
    terms: tuple[tuple[str, tuple[str, ...]], ...] = ()  # columns of `index.table.SETS`, each with one of these words
    structure: str | None = None  # only services of this structure, by its UUID
    changed_from: datetime | None = None  # aware; only records that changed then or since
    sort: Sort | None = None
    page: int = 1
    size: int = 10
    cursor: str | None = None
    facets: tuple[Facet, ...] = ()
    embed_structure: bool = True  # each service's JSON ends with its "structure", as in /search/services
