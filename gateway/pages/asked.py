"""What a visitor typed, as a query of the read model: words, a place in plain words, a few choices."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from gateway.query import Query
from services.directory.formats import referentials, sectors, territory

PAGE_SIZE = 20
RADIUS_CHOICES_KM = (5, 10, 20, 50)
_CODE = re.compile(r"\((\w{5})\)\s*$")


@dataclass(frozen=True)
class Asked:
    """The form as it was filled. `place` is the commune found, `choices` those to choose among when it is unclear."""

    words: str = ""
    typed_place: str = ""
    sector: str = ""
    public: str = ""
    radius_km: int = 0
    cursor: str = ""
    place: territory.Commune | None = None
    choices: list[territory.Commune] = field(default_factory=list)

    @classmethod
    def of(cls, arguments: MultiDict[str, str]) -> Asked:
        """Read the form's arguments; what is not understood is left out rather than refused: people type."""
        typed = arguments.get("lieu", "").strip()[:100]
        place, choices = find_place(typed)
        radius, sector, public = (arguments.get(name, "") for name in ("rayon", "secteur", "public"))
        publics = {value.value for value in referentials.values("publics")}
        return cls(
            words=arguments.get("q", "").strip()[:200], typed_place=typed, place=place, choices=choices,
            sector=sector if sector in sectors.SECTORS else "", public=public if public in publics else "",
            cursor=arguments.get("suite", ""),
            radius_km=int(radius) if radius.isdigit() and int(radius) in RADIUS_CHOICES_KM else 0,
        )  # fmt: skip

    def query(self) -> Query:
        """The question to the read model."""
        asked = Query(
            q=self.words, sectors=(self.sector,) if self.sector else (), publics=(self.public,) if self.public else (),
            size=PAGE_SIZE, cursor=self.cursor or None, facets=("sectors",),
        )  # fmt: skip
        if self.place is None:
            return asked
        asked = replace(asked, place_commune=self.place.code)
        return replace(asked, radius_km=float(self.radius_km)) if self.radius_km else asked

    def link(self, **changes: str) -> str:
        """The address of the same question with something changed; always back on the first page."""
        now = {"q": self.words, "lieu": self.typed_place, "secteur": self.sector, "public": self.public,
               "rayon": str(self.radius_km or "")}  # fmt: skip
        return "/?" + urlencode({key: value for key, value in (now | changes).items() if value})


def find_place(typed: str) -> tuple[territory.Commune | None, list[territory.Commune]]:
    """The commune that somebody means, or those it could be: by `Nantes (44109)`, name, or postal code."""
    if not typed:
        return None, []
    code = _CODE.search(typed)
    if code:
        return territory.commune(code[1]), []
    found = territory.complete(typed, 8)
    exact = [each for each in found if each.name.casefold() == typed.casefold()]
    if len(found) == 1 or len(exact) == 1:
        return (exact or found)[0], []
    return None, found
