"""Everything that is public of a record is on its page: each field of the vocabulary, and what it says of its own."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway.app import create_app
from services.directory.formats.own import OF_STRUCTURES, OWN
from services.directory.formats.vocabulary import FIELDS
from tests.gateway import world as w
from tests.gateway.pages.test_pages import nobody, see, settings
from tests.gateway.world import service, structure

CODES = frozenset({"code_insee"})
"""What only programs read: the commune's name is on the page."""
PLACE: dict[str, tuple[Any, str]] = {
    "adresse": ("3 rue Haute", "3 rue Haute, Bâtiment B, 44130 Blain"),
    "complement_adresse": ("Bâtiment B", "Bâtiment B"),
    "code_postal": ("44130", "44130"),
    "commune": ("Blain", "44130 Blain"),
    "latitude": (47.4762, '<a href="geo:47.4762,-1.7649"'),
    "longitude": (-1.7649, ">47.47620, -1.76490</a>"),
}
COMMON: dict[str, tuple[Any, str]] = PLACE | {
    "nom": ("L’Écluse des Outils", "<h1>L’Écluse des Outils</h1>"),
    "date_maj": ("2026-01-31", "fiche modifiée à sa source le 31/01/2026"),
    "description": ("On y répare ensemble.", "On y répare ensemble."),
    "lien_source": ("https://example.org/source", '<a href="https://example.org/source"'),
    "telephone": ("+33240000000", "02 40 00 00 00"),
    "courriel": ("bonjour@example.org", "mailto:bonjour@example.org"),
    "horaires_accueil": ("Mo 09:00-12:00", "lundi"),
}
SAID: dict[str, dict[str, tuple[Any, str]]] = {
    "structure": COMMON | {
        "siret": ("13002603200016", "<dt>SIRET</dt><dd class=\"text\">13002603200016"),
        "site_web": ("https://example.org/site", '<a href="https://example.org/site"'),
        "accessibilite_lieu": ("https://acceslibre.example.org/1", '<a href="https://acceslibre.example.org/1"'),
        "reseaux_porteurs": (["mjc"], "Maisons des Jeunes et de la Culture"),
    },
    "service": COMMON | {
        "type": ("atelier", "Atelier"),
        "thematiques": (["remobilisation--lien-social"], "Lien social"),
        "frais": ("payant", "Payant"),
        "frais_precisions": ("5 € l’an", "5 € l’an"),
        "publics": (["jeunes"], "Jeunes"),
        "publics_precisions": ("De 16 à 25 ans", "De 16 à 25 ans"),
        "conditions_acces": ("Habiter le pays", "Habiter le pays"),
        "modes_accueil": (["a-distance"], "À distance"),
        "zone_eligibilite": (["44", "244400404", "44015", "france"],
                             "Loire-Atlantique (département), Nantes Métropole (EPCI), Blain (commune), toute la F"),
        "contact_nom_prenom": ("Camille Exemple", "Personne à contacter : Camille Exemple"),
        "lien_mobilisation": ("https://example.org/demande", '<a href="https://example.org/demande"'),
        "modes_mobilisation": (["se-presenter"], "Se présenter"),
        "mobilisable_par": (["professionnels"], "Professionnels"),
        "mobilisation_precisions": ("Sonner deux fois", "Sonner deux fois"),
        "volume_horaire_hebdomadaire": (2.5, "2,5 h par semaine"),
        "nombre_semaines": (6, "pendant 6 semaines"),
    },
}  # fmt: skip
OWNED: dict[str, tuple[Any, str]] = {
    "ess": ("yes", '<dt>Économie sociale et solidaire</dt><dd class="text">oui'),
    "legal_form": ("9220", "association déclarée"),
    "argumentaire": ({"link": "Les habitants décident."}, "Les habitants décident."),
    "languages": (["ar", "fr"], "arabe, français"),
    "accessibility": ("De plain-pied.", "De plain-pied."),
    "memberships": ([{"name": "LIS", "scale": "country", "territory": "FR"},
                     {"name": "CLIC", "scale": "epci", "territory": "244400404"}, {"name": "créactiv’"}],
                    "LIS (pays), CLIC (EPCI : Nantes Métropole), créactiv’"),
}  # fmt: skip


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The page of a structure and of a service that say all they can."""
    with w.world(tmp_path_factory.mktemp("pages") / "index") as made:
        client = create_app(settings(), made.reader, nobody).test_client()
        house = structure(1, code_insee="44015", **{name: value for name, (value, _) in SAID["structure"].items()})
        offer = service(1, code_insee="44015", **{name: value for name, (value, _) in SAID["service"].items()})
        made.publish(house | _own("structure") | {"sectors": ["mobilite"], "extra": {"rna": "W442001234"}})
        made.publish(offer | _own("service"))
        yield {each["kind"]: _text(client, each) for each in (house, offer)}


def _own(kind: str) -> dict[str, Any]:
    return {name: value for name, (value, _) in OWNED.items() if kind == "structure" or name not in OF_STRUCTURES}


def _text(client: FlaskClient, record: dict[str, Any]) -> str:
    return html.unescape(see(client, f"/{record['kind']}s/{record['id']}").text)


@pytest.mark.parametrize("kind", FIELDS)
def test_each_field_of_the_vocabulary_that_is_public_is_on_the_page(pages: dict[str, str], kind: str) -> None:
    assert set(SAID[kind]) == set(FIELDS[kind]) - CODES, "a field without an example here may be without a place"
    wanted = {name: said for name, (_, said) in SAID[kind].items()}
    assert {name: said for name, said in wanted.items() if said not in pages[kind]} == {}


@pytest.mark.parametrize("kind", FIELDS)
def test_what_a_record_says_of_its_own_is_on_the_page(pages: dict[str, str], kind: str) -> None:
    assert set(OWNED) == set(OWN)
    assert {name: said for name, (_, said) in OWNED.items() if name in _own(kind) and said not in pages[kind]} == {}


def test_the_register_and_the_sectors_of_a_structure_are_on_its_page(pages: dict[str, str]) -> None:
    assert "W442001234" in pages["structure"]
    assert '<dt>Secteurs</dt><dd class="text">Mobilité' in pages["structure"]


def test_what_is_not_known_has_no_row_and_a_service_without_a_place_is_at_that_of_its_structure(tmp_path: Path) -> None:
    with w.world(tmp_path / "index") as made:
        client = create_app(settings(), made.reader, nobody).test_client()
        nowhere = dict.fromkeys(("commune", "code_insee", "latitude", "longitude"))
        bare = structure(1, adresse="12 rue des Fleurs") | {"ess": "unknown"}
        made.publish(bare, service(1, **nowhere))
        page, offer = _text(client, bare), _text(client, service(1))
    for label in ("Économie sociale", "Forme juridique", "Langues", "Accessibilité", "Réseaux", "Territoire"):
        assert f"<dt>{label}" not in page + offer
    assert '<dt>Adresse</dt><dd class="text">12 rue des Fleurs, Nantes' in offer


def test_a_record_in_review_is_marked_on_its_page_in_the_list_and_in_the_api_until_it_is_not(tmp_path: Path) -> None:
    since = "2026-03-12T09:00:00.000000Z"
    marked = {"status": "review", "review_since": since, "version": 2}
    with w.world(tmp_path / "index") as made:
        client = create_app(settings(), made.reader, nobody).test_client()
        made.publish(structure(1), service(1), structure(1) | marked, service(1) | marked)
        said = "Fiche en cours de relecture depuis le 12/03/2026."
        for path in ("/structures/dora--s1", "/services/dora--v1", "/?q=service"):
            assert said in see(client, path).text, path
        for path in ("/api/v1/services/dora--v1", "/api/v1/structures/dora--s1"):
            assert client.get(path).get_json()["record"]["review_since"] == since
        made.publish(structure(1) | {"version": 3}, service(1) | {"version": 3})
        for path in ("/structures/dora--s1", "/services/dora--v1", "/?q=service"):
            assert "relecture" not in see(client, path).text, path
