"""A small directory to ask questions of: few communes, few words, many coincidences; and the parts to run it with."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway.projection import Projector
from gateway.search import Reader
from services.directory.formats import territory
from tests.gateway.corpus import HOME, OTHER_HOME, Feed, native

NANTES, SAINT_HERBLAIN, ANGERS, RENNES, PARIS_11 = "44109", "44162", "49007", "35238", "75111"
COMMUNES = (NANTES, NANTES, SAINT_HERBLAIN, "44190", "44184", ANGERS, RENNES, "85191", PARIS_11, "97411")
THEMES = (
    "mobilite--preparer-un-permis",
    "mobilite--acceder-a-un-vehicule",
    "logement-hebergement--louer-un-logement",
    "sante--addictions",
    "famille--garde-denfants",
)
PUBLICS = ("jeunes", "femmes", "seniors", "familles")
TYPES = ("atelier", "formation", "accompagnement")
NETWORKS = ("ccas-cias", "mission-locale", "emmaus")
_SAID = "aide au logement l'hébergement d'urgence permis vélo écoute jeunes seniors jardin solidaire réparation"
SAID = _SAID.split()
OPENINGS = ("Mo-Fr 09:00-12:00,14:00-17:00", "Tu 14:00-18:00", "Sa 10:00-12:00; PH off", "Jul-Aug Mo-Sa 08:00-20:00")


class World:
    """A feed, the projector that follows it and a reader of what it writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.feed = Feed()
        self.projector = Projector(path, self.feed.fetch)
        self.reader = Reader(path, check_every_s=0.0)

    def publish(self, *records: dict[str, Any]) -> None:
        """Records became public (or changed), and the projector took them in."""
        for record in records:
            self.feed.put(record)
        self.projector.pull()

    def withdraw(self, *records: dict[str, Any]) -> None:
        """Records were withdrawn, and the projector took it in."""
        for record in records:
            self.feed.delete(record)
        self.projector.pull()

    def hide(self, *records: dict[str, Any]) -> None:
        """Records left the public and live on, and the projector took it in."""
        for record in records:
            self.feed.hide(record)
        self.projector.pull()

    def merge(self, gone: dict[str, Any], into: dict[str, Any]) -> None:
        """One record was merged into another, and the projector took it in."""
        self.feed.delete(gone, into)
        self.projector.pull()


@contextmanager
def world(path: Path) -> Iterator[World]:
    """A world that lets go of its folder at the end."""
    made = World(path)
    try:
        yield made
    finally:
        made.projector.close()


def structure(number: int | str, *, source: str = "dora", home: str = HOME, **fields: Any) -> dict[str, Any]:
    """A structure of Nantes, with these fields over the ordinary ones; None takes one away."""
    return native("structure", source, f"s{number}", _fields(fields, nom=f"Maison {number}"), home=home)


def service(
    number: int | str, *, of: int | str = 1, source: str = "dora", home: str = HOME, **fields: Any
) -> dict[str, Any]:
    """A service, received on site in Nantes, of structure `of`; with these fields over the ordinary ones."""
    ordinary = _fields(fields, nom=f"Service {number}", modes_accueil=["en-presentiel"])
    return native("service", source, f"v{number}", ordinary, structure=f"s{of}", home=home)


def random_records(count: int, seed: int) -> list[dict[str, Any]]:
    """So many services and a third as many structures, of two homes and two sources."""
    rnd = random.Random(seed)
    owners = max(1, count // 3)
    structures = [_random_structure(rnd, number) for number in range(owners)]
    return structures + [random_service(rnd, number, structures) for number in range(count)]


def random_service(rnd: random.Random, number: int, structures: list[dict[str, Any]]) -> dict[str, Any]:
    """One service of one of the structures."""
    owner = rnd.choice(structures)
    fields = {
        **_random_place(rnd),
        "nom": " ".join(rnd.choices(SAID, k=rnd.randint(1, 3))).capitalize() + rnd.choice(("", " !")),
        "description": " ".join(rnd.choices(SAID, k=rnd.randint(0, 8))) or "Rien",
        "date_maj": f"2026-0{rnd.randint(1, 3)}-1{rnd.randint(0, 2)}",
        "thematiques": rnd.sample(THEMES, rnd.randint(0, 2)),
        "type": rnd.choice((*TYPES, None)),
        "frais": rnd.choice(("gratuit", "payant", None)),
        "publics": rnd.choice((["tous-publics"], rnd.sample(PUBLICS, rnd.randint(0, 2)))),
        "publics_precisions": rnd.choice((None, None, "réservé aux jeunes du quartier")),
        "modes_accueil": rnd.choice((["en-presentiel"], ["a-distance"], ["a-distance", "en-presentiel"], None)),
        "zone_eligibilite": rnd.choice((None, ["44"], ["france"], [NANTES, ANGERS], ["244400404"], ["35", "49"])),
        "horaires_accueil": rnd.choice((None, *OPENINGS)),
    }
    kept = {name: value for name, value in fields.items() if value}
    return native(
        "service",
        owner["source"],
        f"v{number}",
        kept,
        structure=owner["source_id"],
        home=owner["home"],
    )


def _random_structure(rnd: random.Random, number: int) -> dict[str, Any]:
    fields = {
        **_random_place(rnd),
        "nom": f"{rnd.choice(('Maison', 'Relais', 'Étape'))} {rnd.choice(SAID)}",
        "description": " ".join(rnd.choices(SAID, k=5)),
        "date_maj": "2026-01-10",
        "reseaux_porteurs": rnd.sample(NETWORKS, rnd.randint(0, 2)),
        "horaires_accueil": rnd.choice((None, *OPENINGS)),
    }
    kept = {name: value for name, value in fields.items() if value}
    home = HOME if rnd.random() < 0.8 else OTHER_HOME
    return native("structure", rnd.choice(("dora", "soliguide")), f"s{number % 40}", kept, home=home)


def _random_place(rnd: random.Random) -> dict[str, Any]:
    if rnd.random() < 0.1:
        return {}
    commune = territory.commune(rnd.choice(COMMUNES))
    assert commune is not None
    shift = rnd.choice((0.0, 0.0, 0.01, 0.1, -0.2))
    return {
        "commune": commune.name,
        "code_insee": commune.code,
        "latitude": commune.lat + shift,
        "longitude": commune.lon - shift,
    }


def _fields(given: dict[str, Any], **ordinary: Any) -> dict[str, Any]:
    nantes = {"commune": "Nantes", "code_insee": NANTES, "latitude": 47.2186, "longitude": -1.5541}
    fields = {**nantes, "date_maj": "2026-10-01", **ordinary, **given}
    return {name: value for name, value in fields.items() if value is not None}
