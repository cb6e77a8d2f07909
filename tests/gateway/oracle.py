"""What a query must find, said in plain Python over plain records: no index, no arrays, no cleverness.

Written from data·inclusion's contract and `docs/search.md`. Words and stems are the analyzers' own; all else is here.
"""

from __future__ import annotations

import math
from typing import Any

from gateway import schema, text
from gateway.index import documents
from gateway.index.documents import Owner
from gateway.query import Query
from services.directory.formats import data_inclusion, hours, sectors, territory
from tests.gateway.corpus import ELSEWHERE, OTHER_HOME, feed_item

Record = dict[str, Any]


class Oracle:
    """Answers for the public records of one kind; `owners` are the public structures by UUID."""

    def __init__(self, kind: str, records: dict[str, Record], owners: dict[str, Record]) -> None:
        visible = [one for one in records.values() if kind == "structure" or one["structure"] in owners]
        self.records = visible
        self.owners = owners
        self._words = {one["id"]: self._said(one) for one in visible}

    def answer(self, query: Query) -> list[tuple[str, int | None]]:
        """UUIDs in order, each with its whole kilometres."""
        place = _place(query)
        scores = self._scores(query.q)
        kept = []
        for record in self.records:
            near, metres = _near(record, place, query) if place else (True, None)
            if near and self._passes(record, query) and (scores is None or record["id"] in scores):
                kept.append((record, metres))
        kept.sort(key=lambda pair: _key(query, pair[0], pair[1], place is not None, scores))
        return [(record["id"], None if metres is None else round(metres / 1000)) for record, metres in kept]

    def _passes(self, record: Record, query: Query) -> bool:
        fields = record["fields"]
        themes = set(fields.get("thematiques", []))
        commune = territory.commune(fields["code_insee"]) if "code_insee" in fields else None
        item = self._item(record)
        opening = fields.get("horaires_accueil")
        return all(
            (
                not query.sources or record["source"] in query.sources,
                not query.thematiques
                or bool((themes | {theme.split("--")[0] for theme in themes}) & {*query.thematiques}),
                not query.frais or fields.get("frais") in query.frais,
                not query.types or fields.get("type") in query.types,
                _publics(fields.get("publics", []), query.publics),
                not query.modes_accueil or bool({*fields.get("modes_accueil", [])} & {*query.modes_accueil}),
                not query.reseaux_porteurs or bool({*fields.get("reseaux_porteurs", [])} & {*query.reseaux_porteurs}),
                not query.sectors or bool({*_sectors(record)} & {*query.sectors}),
                all(_holds(self._words[record["id"]]["audience"], stem) for stem in text.stems(query.recherche_public)),
                query.score_qualite_minimum is None or item["score_qualite"] >= query.score_qualite_minimum,
                not query.code_commune or bool(commune and commune.code in query.code_commune),
                not query.code_departement or bool(commune and commune.department in query.code_departement),
                not query.code_region or bool(commune and commune.region in query.code_region),
                query.bbox is None or _in_box(fields, query.bbox),
                query.open_at is None or bool(opening and hours.is_open(opening, query.open_at)),
            )
        )

    def _item(self, record: Record) -> dict[str, Any]:
        whose = {"id": record["id"], "home_node": ELSEWHERE if record["home"] == OTHER_HOME else None,
                 "confirmed_at": None, "verified_at": None, "review_since": None}  # fmt: skip
        if record["kind"] == "structure":
            return data_inclusion.api_structure(record) | {"record": whose}
        return data_inclusion.api_service(record, self.owners[record["structure"]]) | {"record": whose}

    def _said(self, record: Record) -> dict[str, Any]:
        if record["kind"] == "structure":
            said = documents.structure_words(record)
        else:
            said = documents.service_words(record, Owner.of(feed_item(1, "put", self.owners[record["structure"]])))
        stems = {field: set(text.indexed(words)) for field, words in said.items()}
        plain = {word for words in said.values() for word in text.words(words)}
        return {"audience": set(), **stems, "plain": plain}

    def _scores(self, question: str) -> dict[str, int] | None:
        """Scores of the records that answer in words; None when no word was asked for."""
        asked = text.asked(question)
        if not asked:
            return None
        by_word = [self._tiers(word) for word in asked]
        weights = [max(1, round(10 * math.log(1 + len(self.records) / max(1, len(tiers))))) for tiers in by_word]
        everywhere = set.intersection(*map(set, by_word))
        found = everywhere or set.union(*map(set, by_word))
        return {
            uuid: sum(weight * tiers.get(uuid, 0) for weight, tiers in zip(weights, by_word, strict=True))
            for uuid in found
        }

    def _tiers(self, word: str) -> dict[str, int]:
        stem, tiers = text.stem(word), {}
        for uuid, said in self._words.items():
            best = max((tier for field, tier in schema.TIERS.items() if _holds(said[field], stem)), default=0)
            if best:
                tiers[uuid] = best
        if len(tiers) < 3 and len(word) >= 4:
            for uuid, said in self._words.items():
                if uuid not in tiers and any(one_mistake(word, other) for other in said["plain"]):
                    tiers[uuid] = 1
        return tiers


def metres_between(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Great-circle distance by the haversine formula, whole metres."""
    phi, other_phi = math.radians(lat), math.radians(other_lat)
    half = math.sin((phi - other_phi) / 2) ** 2
    half += math.cos(phi) * math.cos(other_phi) * math.sin(math.radians(lon - other_lon) / 2) ** 2
    return round(2 * 6_371_008.8 * math.asin(min(1.0, math.sqrt(half))))


def one_mistake(word: str, other: str) -> bool:
    """Are two words the same but for one letter more, less, other, or two neighbours swapped?"""
    if abs(len(word) - len(other)) > 1:
        return False
    if word == other:
        return True
    start = next((i for i, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), min(len(word), len(other)))
    a, b = word[start:], other[start:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[1::-1] and len(b) > 1 and a[2:] == b[2:])


def _place(query: Query) -> tuple[float, float] | None:
    if query.place_commune is None:
        return (query.lat, query.lon) if query.lat is not None and query.lon is not None else None
    commune = territory.commune(query.place_commune)
    assert commune is not None
    return (commune.lat, commune.lon) if query.lat is None or query.lon is None else (query.lat, query.lon)


def _near(record: Record, place: tuple[float, float], query: Query) -> tuple[bool, float | None]:
    fields = record["fields"]
    zones = set(fields.get("zone_eligibilite", []))
    if query.place_commune and zones:
        commune = territory.commune(query.place_commune)
        assert commune is not None
        if not zones & set(territory.zone_codes(commune)):
            return False, None
    metres = None
    if "latitude" in fields:
        metres = metres_between(*place, fields["latitude"], fields["longitude"])
        metres = metres if metres <= query.radius_km * 1000 else None
    if record["kind"] == "structure":
        return metres is not None, metres
    modes = fields.get("modes_accueil", [])
    return metres is not None or "a-distance" in modes, metres if "en-presentiel" in modes else None


def _key(
    query: Query, record: Record, metres: float | None, placed: bool, scores: dict[str, int] | None
) -> tuple[Any, ...]:
    by_id = (f"{record['source']}--{record['source_id']}", record["id"])
    order = (
        query.sort if query.sort and query.sort != "relevance" else "relevance" if scores is not None else "contract"
    )
    if order == "relevance":
        assert scores is not None
        factor = 1.0 if not placed else 0.5 if metres is None else 10_000 / (10_000 + metres)
        return (-scores[record["id"]] * factor, *by_id)
    if order == "name":
        return (text.fold(record["fields"]["nom"]), *by_id)
    if order == "updated":
        return ([-ord(sign) for sign in record["fields"]["date_maj"]], *by_id)
    if order == "distance":
        return (metres is None, metres or 0, *by_id)
    return (metres is None, round((metres or 0) / 1000), *by_id) if placed else by_id


def _holds(said: set[str], stem: str) -> bool:
    return not said.isdisjoint(text.forms(stem))


def _publics(held: list[str], asked: tuple[str, ...]) -> bool:
    return not asked or "tous-publics" in asked or bool({*held} & {*asked, "tous-publics"})


def _sectors(record: Record) -> list[str]:
    fields = record["fields"]
    return record["sectors"] or list(sectors.of(fields.get("thematiques", []), fields.get("publics", [])))


def _in_box(fields: dict[str, Any], box: tuple[float, float, float, float]) -> bool:
    west, south, east, north = box
    return "latitude" in fields and south <= fields["latitude"] <= north and west <= fields["longitude"] <= east
