"""Synthetic directories of any size, the same for the same seed: native records, and a feed that holds them.

Records are made one by one from their number, so that a million of them need no memory. Places follow the population
of the communes; zones, modes, themes and words follow what real French directories look like, roughly.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import accumulate
from typing import Any

from services.directory.formats import referentials, territory, territory_tables
from services.directory.formats.ids import record_id

HOME = "k" * 32
OTHER_HOME = "q" * 32
ELSEWHERE = {"id": "ailleurs", "name": "Ailleurs", "url": "https://ailleurs.example.org"}
SERVICES_A_STRUCTURE = 3
_COMMON = """
    accueil accompagnement aide atelier écoute orientation information permanence entretien collectif individuel
    famille enfant parent jeune senior femme logement hébergement urgence loyer impayé emploi formation métier
    entreprise création projet budget dette droits démarche numérique ordinateur internet santé psychologue
    addiction handicap mobilité permis voiture vélo transport alimentation colis épicerie repas vêtement meuble
    français lecture écriture calcul langue citoyenneté séjour asile justice médiation voisinage culture sport
    jardin lien solidarité bénévole association quartier commune territoire rendez-vous gratuit inscription suivi
    personnalisé durable insertion chantier recyclage réemploi garde crèche soutien scolaire aidant répit
"""
WORDS = _COMMON.split()
OPENINGS = (
    "Mo-Fr 09:00-12:00,14:00-17:00",
    "Mo-Fr 09:00-17:00",
    "Tu,Th 14:00-18:00",
    "Sa 10:00-12:00",
    "24/7",
)
SOURCES = ("dora", "soliguide", "fredo", "mission-locale", "carif-oref", "reseau-alpha")


class Corpus:
    """`structures` structures with three services each on average; record n is always the same."""

    def __init__(self, services: int, *, seed: int = 1, paris_share: float = 0.0) -> None:
        """`paris_share`: this part of the structures lies in Paris, beyond its share of the population."""
        self.services = services
        self.structures = max(1, services // SERVICES_A_STRUCTURE)
        self._seed = seed
        self._paris_share = paris_share

    def structure(self, number: int) -> dict[str, Any]:
        """The native record of a structure."""
        rnd = random.Random(f"{self._seed}/structure/{number}")
        commune = self._commune(rnd)
        source = SOURCES[number % len(SOURCES)]
        fields: dict[str, Any] = {
            "nom": f"{rnd.choice(_HOUSES)} {rnd.choice(WORDS)} {commune.name}",
            "description": self._sentence(rnd, 20),
            "date_maj": _date(rnd),
            **_address(rnd, commune),
        }
        if rnd.random() < 0.3:
            fields["reseaux_porteurs"] = rnd.sample(self._values["reseaux_porteurs"], 1)
        if rnd.random() < 0.3:
            fields["horaires_accueil"] = rnd.choice(OPENINGS)
        return native("structure", source, f"s{number}", fields)

    def service(self, number: int) -> dict[str, Any]:
        """The native record of a service; its structure is number `number % structures`."""
        rnd = random.Random(f"{self._seed}/service/{number}")
        owner = number % self.structures
        host = self.structure(owner)["fields"]
        themes = rnd.sample(self._values["thematiques"], rnd.choice((1, 1, 2, 3)))
        fields: dict[str, Any] = {
            "nom": f"{rnd.choice(WORDS).capitalize()} {rnd.choice(WORDS)} {rnd.choice(WORDS)}",
            "description": self._sentence(rnd, rnd.choice((15, 40, 80))),
            "date_maj": _date(rnd),
            "thematiques": themes,
            **{key: host[key] for key in _ADDRESS if key in host},
        }
        self._add_details(rnd, fields, host)
        return native("service", SOURCES[owner % len(SOURCES)], f"v{number}", fields, structure=f"s{owner}")

    def records(self) -> Iterator[dict[str, Any]]:
        """All records, each structure followed by its services."""
        for owner in range(self.structures):
            yield self.structure(owner)
            for number in range(owner, self.services, self.structures):
                yield self.service(number)

    def _add_details(self, rnd: random.Random, fields: dict[str, Any], host: dict[str, Any]) -> None:
        values = self._values
        fields["modes_accueil"] = rnd.choices(_MODES, (62, 22, 12))[0]
        zone = rnd.choices((None, "departement", "france", "epci", "commune"), (15, 55, 8, 12, 10))[0]
        fields["zone_eligibilite"] = _zone(zone, host.get("code_insee"))
        if rnd.random() < 0.8:
            fields["publics"] = (
                ["tous-publics"] if rnd.random() < 0.4 else rnd.sample(values["publics"], rnd.randint(1, 3))
            )
        if rnd.random() < 0.8:
            fields["type"] = rnd.choice(values["types"])
        if rnd.random() < 0.6:
            fields["frais"] = rnd.choice(("gratuit", "gratuit", "payant"))
        if rnd.random() < 0.2:
            fields["publics_precisions"] = self._sentence(rnd, 4)
        if rnd.random() < 0.4:
            fields["horaires_accueil"] = rnd.choice(OPENINGS)
        for name in [name for name, value in fields.items() if not value]:
            del fields[name]

    @cached_property
    def _values(self) -> dict[str, list[str]]:
        names = ("thematiques", "publics", "types", "reseaux_porteurs")
        return {name: [value for value in referentials.values(name) if value != "tous-publics"] for name in names}

    @cached_property
    def _communes(self) -> tuple[list[Any], list[int]]:
        table = territory_tables.communes()
        known = [commune for commune in map(table.__getitem__, range(len(table))) if commune.population]
        return known, list(accumulate(commune.population for commune in known))

    def _commune(self, rnd: random.Random) -> Any:
        if rnd.random() < self._paris_share:
            return rnd.choice(self._in_paris)
        known, weights = self._communes
        return known[bisect_right(weights, rnd.randrange(weights[-1]))]

    @cached_property
    def _in_paris(self) -> list[Any]:
        return [commune for commune in self._communes[0] if commune.department == "75"]

    @staticmethod
    def _sentence(rnd: random.Random, length: int) -> str:
        """Common words, and now and then one of many thousands of rare ones."""
        said = [
            rnd.choice(WORDS) if rnd.random() < 0.85 else "".join(rnd.choices(_SYLLABLES, k=rnd.randint(2, 4)))
            for _ in range(length)
        ]
        return " ".join(said).capitalize() + "."


class Feed:
    """A directory's feed in memory: each record once, at its latest position; gaps where it was before."""

    def __init__(self) -> None:
        self.head = 0
        self._items: dict[str, dict[str, Any]] = {}
        self._order: list[tuple[int, str]] = []
        self.fetched = 0

    def put(self, record: dict[str, Any], **beside: Any) -> int:
        """A record was published, or changed; returns its position. `beside`: what the feed tells beside its event."""
        return self._append("put", record, beside)

    def delete(self, record: dict[str, Any], into: dict[str, Any] | None = None, **beside: Any) -> int:
        """A record was withdrawn, or merged into another."""
        kept = ("id", "kind", "home", "source", "source_id", "structure", "version", "changed_at")
        tombstone = {key: record[key] for key in kept if key in record}
        moved = {"replaced_by": into["id"]} if into else {}
        return self._append("delete", {**tombstone, "status": "withdrawn", "reason": "fermé", **moved}, beside)

    def hide(self, record: dict[str, Any]) -> int:
        """A record that lives is public no more."""
        kept = ("id", "kind", "home", "source", "source_id", "version", "changed_at")
        hidden = {key: record[key] for key in kept if key in record}
        return self._append("delete", {**hidden, "status": "qualified", "reason": "n’est plus publique"}, {})

    def fetch(self, after: int, limit: int) -> dict[str, Any]:
        """What `directory.changes` answers."""
        self.fetched += 1
        items = []
        for place in range(bisect_right(self._order, (after, "~")), len(self._order)):
            position, uuid = self._order[place]
            if self._items[uuid]["position"] == position:
                items.append(self._items[uuid])
            if len(items) == limit:
                break
        return {"items": items, "head": self.head}

    def live(self, kind: str) -> dict[str, dict[str, Any]]:
        """The public records of one kind, by UUID: what the feed amounts to."""
        found = ((uuid, item) for uuid, item in self._items.items() if item["kind"] == kind and item["op"] == "put")
        return {uuid: item["event"]["data"] for uuid, item in found}

    def _append(self, op: str, record: dict[str, Any], beside: dict[str, Any]) -> int:
        self.head += 1
        self._items[record["id"]] = feed_item(self.head, op, record) | beside
        self._order.append((self.head, record["id"]))
        return self.head


def lazy_fetch(corpus: Corpus) -> Callable[[int, int], dict[str, Any]]:
    """A feed of a whole corpus, of any size, made as it is read; position n is the n-th record."""
    records = enumerate(corpus.records(), 1)
    state = {"last": 0}

    def fetch(after: int, limit: int) -> dict[str, Any]:
        assert after == state["last"], "this feed is read once, from its beginning"
        items = []
        for position, record in records:
            items.append(feed_item(position, "put", record))
            if len(items) == limit:
                break
        state["last"] = after + len(items)
        return {"items": items, "head": corpus.structures + corpus.services}

    return fetch


def feed_item(position: int, op: str, record: dict[str, Any]) -> dict[str, Any]:
    """One item of the feed, with an event of the shape (not the signature) of a real one."""
    fact = "published" if op == "put" else "withdrawn"
    event = {
        "specversion": "1.0",
        "id": f"0190{position:028x}",
        "source": f"urn:maillage:{record['home']}",
        "type": f"directory.{record['kind']}.{fact}.v1",
        "subject": record["id"],
        "time": record["changed_at"],
        "datacontenttype": "application/json",
        "recordversion": record["version"],
        "signature": "s" * 88,
        "data": record,
    }
    item = {"position": position, "op": op, "kind": record["kind"], "id": record["id"], "event": event}
    return item | ({"home": ELSEWHERE} if record["home"] == OTHER_HOME else {})


def native(
    kind: str, source: str, source_id: str, fields: dict[str, Any], *, structure: str | None = None, home: str = HOME
) -> dict[str, Any]:
    """A published native record; `structure` is the source's id of a service's structure."""
    record: dict[str, Any] = {
        "id": str(record_id(home, kind, source, source_id)),
        "kind": kind,
        "home": home,
        "source": source,
        "source_id": source_id,
        "version": 1,
        "status": "published",
        "changed_at": "2026-11-20T10:00:00.000000Z",
        "published_at": "2026-11-20T10:00:00.000000Z",
        "changed": sorted(fields),
        "licence": "Licence Ouverte 2.0",
        "attribution": f"Réseau {source}",
        "sectors": [],
        "fields": fields,
    }
    if structure is not None:
        record["structure"] = str(record_id(home, "structure", source, structure))
    return record


_HOUSES = ("Association", "Maison", "Centre", "Espace", "Collectif", "Mission", "Relais", "Atelier")
_ADDRESS = ("commune", "code_postal", "code_insee", "adresse", "latitude", "longitude")
_MODES = (["en-presentiel"], ["a-distance", "en-presentiel"], ["a-distance"])
_SYLLABLES = [consonant + vowel for consonant in "bcdfglmnprstv" for vowel in ("a", "e", "i", "o", "u", "an", "ou")]


def _address(rnd: random.Random, commune: Any) -> dict[str, Any]:
    return {
        "commune": commune.name,
        "code_postal": commune.postal_codes[0] if commune.postal_codes else None,
        "code_insee": commune.code,
        "adresse": f"{rnd.randint(1, 99)} rue {rnd.choice(WORDS)}",
        "latitude": round(commune.lat + rnd.gauss(0, 0.01), 6),
        "longitude": round(commune.lon + rnd.gauss(0, 0.01), 6),
    }


def _zone(kind: str | None, code: str | None) -> list[str] | None:
    commune = territory.commune(code) if code else None
    if kind is None or commune is None:
        return None
    if kind == "france":
        return ["france"]
    zone = {"departement": commune.department, "epci": commune.epci, "commune": commune.code}[kind]
    return [zone] if zone else None


def _date(rnd: random.Random) -> str:
    return f"202{rnd.randint(3, 6)}-{rnd.randint(1, 11):02d}-{rnd.randint(1, 28):02d}"
