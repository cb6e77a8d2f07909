"""The pages over a real read model, as somebody who looks for a service meets them."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gateway.app import create_app
from gateway.pages import shown
from gateway.pages.asked import PAGE_SIZE
from services.kernel import clock
from services.kernel.errors import ValidationError
from services.kernel.settings import Http, Node, Settings
from tests.gateway import world as w
from tests.gateway.world import World, service, structure

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PROGRAM = {"Accept": "application/json"}
PROBLEM = "application/problem+json"
GARDENS = 2 * PAGE_SIZE + 3


def settings(per_minute: int = 100_000) -> Settings:
    return Settings(Node("essai", "Essai"), Http(rate_limit_per_minute=per_minute))


def nobody(*_: Any, **__: Any) -> Any:
    raise AssertionError("pages never call the rooms")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with w.world(tmp_path_factory.mktemp("pages") / "index") as made:
        made.publish(
            structure(1, nom="Maison des mobilités", telephone="+33240000000", courriel="bonjour@example.org",
                      horaires_accueil="Mo-Fr 09:00-12:00", adresse="12 rue des Fleurs", code_postal="44000"),
            service("permis", nom="Préparer son permis", description="Leçons de conduite", frais="gratuit",
                    telephone="+33251111111", site_web="https://example.org/permis",
                    horaires_accueil="Tu 14:00-18:00", thematiques=[w.THEMES[0]]),
            service("rennes", nom="Permis à Rennes", commune="Rennes", code_insee=w.RENNES,
                    latitude=48.11, longitude=-1.68),
            service("hostile", nom="<script>alert(1)</script>", description="<img src=x onerror=alert(2)>"),
            structure(2, nom="Jardins"),
            structure(3, nom="Écluse seule"),
            *(service(f"jardin{number}", of=2, nom=f"Jardin {number}") for number in range(GARDENS)),
        )  # fmt: skip
        gone = service("parti", nom="Service parti")
        made.publish(gone)
        made.withdraw(gone)
        waits = service("attend", nom="Service qui attend")
        made.publish(waits)
        made.hide(waits)
        yield made


@pytest.fixture
def client(world: World) -> FlaskClient:
    return create_app(settings(), world.reader, nobody).test_client()


def see(client: FlaskClient, path: str) -> TestResponse:
    return client.get(path, headers=BROWSER)


def titles(page: TestResponse) -> list[str]:
    """The names of the services listed, in order."""
    return [html.unescape(name) for name in re.findall(r'<h3><a href="/services/[^"]+">([^<]*)</a>', page.text)]


def assert_page(answer: TestResponse, status: int) -> None:
    """A French page with the search in it, whole even where something went wrong."""
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert '<html lang="fr">' in answer.text
    assert 'role="search"' in answer.text
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "Accept" in [name.strip() for line in answer.headers.getlist("Vary") for name in line.split(",")]


def test_words_and_a_commune_find_what_is_near_with_its_structure_and_distance(client: FlaskClient) -> None:
    page = see(client, "/?q=permis&lieu=Nantes")
    assert titles(page) == ["Préparer son permis"]
    assert "1 service autour de Nantes" in page.text
    assert 'href="/structures/dora--s1">Maison des mobilités' in page.text
    assert re.search(r"à [\d.]+ km", page.text)


def test_two_homes_with_one_address_are_told_apart_and_each_link_leads_to_its_own(tmp_path: Path) -> None:
    """Each is named on its page; this node's own keeps the readable address."""
    confirmed = {"confirmed_at": "2026-03-12T09:00:00.000000Z"}
    with w.world(tmp_path / "index") as made:
        owner = structure(1, home=w.OTHER_HOME, nom="Maison d’ailleurs")
        other = service(1, home=w.OTHER_HOME, nom="Permis d’ailleurs") | confirmed
        made.publish(structure(1), service(1, nom="Permis d’ici"), owner, other)
        client = create_app(settings(), made.reader, nobody).test_client()
        page = see(client, "/?q=permis")
        [theirs] = re.findall(r'<a href="(/services/[^"]+)">Permis d’ailleurs</a>', html.unescape(page.text))
        assert theirs == f"/services/{other['id']}"
        assert f'href="/structures/{owner["id"]}"' in page.text
        assert 'href="/services/dora--v1">Permis d’ici' in html.unescape(page.text)
        assert "Fiche tenue par Ailleurs. Confirmée par la structure le 12/03/2026." in page.text
        assert page.text.count("Fiche tenue par") == 1
        assert "Permis d’ailleurs" in html.unescape(see(client, theirs).text)
        assert f'href="/services/{other["id"]}"' in see(client, f"/structures/{owner['id']}").text
        assert f'href="/structures/{owner["id"]}"' in see(client, theirs).text
        assert "Permis d’ici" in html.unescape(see(client, "/services/dora--v1").text)
        about = see(client, "/a-propos").text
    assert "Réseau dora, par Ailleurs : 1 services, 1 structures" in about
    assert "Réseau dora : 1 services, 1 structures" in about


def test_the_form_still_says_what_was_asked(client: FlaskClient) -> None:
    page = see(client, "/?q=permis&lieu=Nantes&rayon=20")
    assert 'value="permis"' in page.text
    assert 'value="Nantes"' in page.text
    assert '<option value="20" selected>' in page.text


def test_without_a_question_the_whole_directory_is_listed(client: FlaskClient) -> None:
    page = see(client, "/")
    assert f"{GARDENS + 3} services" in page.text
    assert len(titles(page)) == PAGE_SIZE


def test_following_the_link_to_the_next_page_shows_every_service_once(client: FlaskClient) -> None:
    seen: list[str] = []
    path: str | None = "/?q=jardin&lieu=Nantes"
    while path:
        page = see(client, path)
        assert 'value="jardin"' in page.text
        seen += titles(page)
        following = re.search(r'rel="next" href="([^"]+)"', page.text)
        path = html.unescape(following[1]) if following else None
    assert sorted(seen) == sorted(f"Jardin {number}" for number in range(GARDENS))


def test_nothing_found_comes_with_advice(client: FlaskClient) -> None:
    page = see(client, "/?q=sous-marin")
    assert (page.status_code, titles(page)) == (200, [])
    assert "Aucun service trouvé" in page.text
    assert "Essayez d’autres mots" in page.text


def test_a_structure_without_services_is_found_by_its_name_and_only_on_the_first_page(client: FlaskClient) -> None:
    page = see(client, "/?q=seule")
    assert_page(page, 200)
    assert re.findall(r'<a href="(/structures/[^"]+)">Écluse seule</a> · Nantes', page.text) == ["/structures/dora--s3"]
    assert titles(page) == []
    assert "Structures de ce nom" not in see(client, "/").text
    assert "Structures de ce nom" not in see(client, "/?q=permis").text


def test_a_commune_that_does_not_exist_is_said_and_the_search_goes_on(client: FlaskClient) -> None:
    page = see(client, "/?q=permis&lieu=Xyzzyville")
    assert "Aucune commune ne s’appelle «&nbsp;Xyzzyville&nbsp;»" in page.text
    assert len(titles(page)) == 2


def test_a_service_shows_contacts_hours_source_and_licence(client: FlaskClient) -> None:
    text = see(client, "/services/dora--vpermis").text
    assert 'href="tel:+33251111111">02 51 11 11 11<' in text
    assert 'href="https://example.org/permis" rel="noopener nofollow"' in text
    assert re.search(r'<ul class="hours"><li>[^<]*14', text)
    assert "Source : Réseau dora · Licence Ouverte 2.0 · fiche modifiée à sa source le 01/10/2026" in text
    assert 'href="/structures/dora--s1">Maison des mobilités' in text


def test_a_structure_shows_address_contacts_hours_services_source_and_licence(client: FlaskClient) -> None:
    page = see(client, "/structures/dora--s1")
    assert "12 rue des Fleurs, 44000 Nantes" in page.text
    assert 'href="mailto:bonjour@example.org"' in page.text
    assert re.search(r'<ul class="hours"><li>[^<]*9', page.text)
    assert "Préparer son permis" in titles(page)
    assert "Réseau dora · Licence Ouverte 2.0" in page.text


@pytest.mark.parametrize("path", ["/?q=alert", "/services/dora--vhostile", "/structures/dora--s1"])
def test_a_record_named_like_a_script_is_shown_as_text(client: FlaskClient, path: str) -> None:
    text = see(client, path).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script" not in text
    assert "<img" not in text


@pytest.mark.parametrize("path", ["/", "/services/dora--vpermis", "/structures/dora--s1", "/a-propos", "/docs", "/non"])
def test_no_page_needs_or_allows_scripts_of_others(client: FlaskClient, path: str) -> None:
    page = see(client, path)
    assert "<script" not in page.text
    assert not re.search(r"<[^>]+\son\w+=|<[^>]+\sstyle=|javascript:", page.text)
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/nulle-part", "Cette adresse n’existe pas"),
        ("/services/dora--vpersonne", "Ce service n’est pas dans l’annuaire"),
        ("/structures/dora--spersonne", "Cette structure n’est pas dans l’annuaire"),
        ("/services/dora--vparti", "Ce service n’est plus dans l’annuaire, la fiche a été retirée : fermé."),
        (
            "/services/dora--vattend",
            "Cette fiche n’est pas publique en ce moment : elle est à compléter ou à vérifier.",
        ),
        ("/nulle-part/%3Cscript%3E", "Cette adresse n’existe pas"),
    ],
)
def test_what_is_not_there_is_a_page_for_browsers_and_a_problem_for_programs(
    client: FlaskClient, path: str, said: str
) -> None:
    page = see(client, path)
    assert_page(page, 404)
    assert said in page.text
    for headers in (PROGRAM, {"Accept": "*/*"}, {}):
        answer = client.get(path, headers=headers)
        assert (answer.status_code, answer.mimetype) == (404, PROBLEM)


@pytest.mark.parametrize("path", ["/api", "/api/v1/nothing", "/api/v1/services/dora--vpersonne", "/healthz/no"])
def test_addresses_of_the_api_answer_problems_even_to_browsers(client: FlaskClient, path: str) -> None:
    answer = see(client, path)
    assert (answer.status_code, answer.mimetype) == (404, PROBLEM)


@pytest.mark.parametrize("query", ["secteur=cuisine", "public=martiens", "rayon=7", "couleur=bleu"])
def test_a_choice_that_the_form_does_not_offer_is_left_out(client: FlaskClient, query: str) -> None:
    assert titles(see(client, f"/?q=permis&{query}")) == titles(see(client, "/?q=permis"))
    assert titles(see(client, "/?q=permis"))


def test_a_link_to_a_page_that_was_forged_is_said_beside_the_form(client: FlaskClient) -> None:
    page = see(client, "/?q=permis&suite=forged")
    assert_page(page, 422)
    assert 'role="alert"' in page.text
    assert 'value="permis"' in page.text
    assert "Aucun service trouvé" not in page.text
    answer = client.get("/?suite=forged", headers=PROGRAM)
    assert (answer.status_code, answer.mimetype) == (422, PROBLEM)


def test_too_many_requests_is_a_page_that_says_when_to_come_back(world: World) -> None:
    client = create_app(settings(per_minute=1), world.reader, nobody).test_client()
    assert see(client, "/").status_code == 200
    page = see(client, "/")
    assert_page(page, 429)
    assert "réessayez dans" in page.text
    assert int(page.headers["Retry-After"]) > 0


def test_a_bug_is_a_page_that_keeps_its_secret(
    world: World, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("secret")

    for name in ("search", "status", "get"):
        monkeypatch.setattr(world.reader, name, broken)
    for path in ("/", "/services/dora--vpermis"):
        page = see(client, path)
        assert_page(page, 500)
        assert "secret" not in page.text
    assert client.get("/", headers=PROGRAM).mimetype == PROBLEM


@pytest.mark.parametrize(
    ("groups", "line"),
    [
        (("identity", "contact"), "Vous la voyez telle qu’un permanent l’a vérifiée en dernier."),
        (("identity",), "Un permanent vérifie de nouveau ce qu’elle dit"),
        ((), "Un permanent vérifie de nouveau ce qu’elle dit"),
    ],
)
def test_a_review_says_since_when_and_that_what_is_shown_was_verified_only_where_all_of_it_was(
    groups: tuple[str, ...], line: str
) -> None:
    fields = {"nom": "Une", "telephone": "+33240000000"}
    native = {"status": "review", "verified_at": "2026-02-01T10:00:00Z" if groups else None,
              "verified_until": "2027-02-01T10:00:00Z", "review_since": "2026-03-12T10:00:00Z",
              "fields": fields, "verified": {group: {"how": "edit"} for group in groups},
              "changed_at": "2026-01-31T10:00:00Z"}  # fmt: skip
    since, told = shown.review(native)
    assert since == "Fiche en cours de relecture depuis le 12/03/2026."
    assert told.startswith(line)
    assert shown.review(native | {"status": "qualified"}) == []
    if groups:
        assert "(en la corrigeant)" in shown.trust(native, clock.from_text("2026-11-23T10:00:00Z"))[0]


@pytest.mark.parametrize(
    ("why", "value", "remedy", "told"),
    [
        ("trop court (2 chiffres).", "02", "Dix chiffres.", "Trop court (2 chiffres) : « 02 ». Dix chiffres."),
        ("4 caractères au moins.", "", "", "4 caractères au moins."),
        ("manque", None, "Renseignez nom", "Manque. Renseignez nom."),
    ],
)
def test_a_fault_is_told_in_sentences_with_what_to_do(why: str, value: str | None, remedy: str, told: str) -> None:
    assert shown.fault({"why": why, "value": value, "remedy": remedy}) == told


def test_a_refusal_tells_what_to_do_of_each_fault() -> None:
    fault = {"why": "(2 chiffres).", "value": "02", "remedy": "Écrivez-en dix."}
    told = shown.refusal(ValidationError("La valeur proposée n’est pas valable.", [fault]))  # type: ignore[list-item]
    assert told == "La valeur proposée n’est pas valable. (2 chiffres) : « 02 ». Écrivez-en dix."


@pytest.mark.parametrize(
    ("said", "lines"),
    [
        ({}, ["Pas encore vérifiée par un permanent", "Modifiée ici le 31/01/2026."]),
        ({"home_node": {"name": "ORPAN"}}, ["Pas encore vérifiée", "à son nœud d’origine, ORPAN, le 31/01/2026."]),
        (
            {"status": "qualified", "verified_at": "2026-02-01T10:00:00Z", "verified_until": "2027-02-01T10:00:00Z"},
            ["Vérifiée par un permanent le 01/02/2026, jusqu’au 01/02/2027.", "Modifiée ici"],
        ),
        (
            {"status": "review", "verified_at": "2024-02-01T10:00:00Z", "verified_until": "2025-02-01T10:00:00Z",
             "confirmed_at": "2026-03-04T10:00:00Z"},
            ["à vérifier de nouveau depuis le 01/02/2025",
             "Confirmée par la structure le 04/03/2026", "Modifiée"],
        ),
        (
            {"status": "qualified", "verified_at": "2026-02-01T10:00:00Z", "verified_until": "2027-02-01T10:00:00Z",
             "fields": {"nom": "Une", "telephone": "+33240000000", "horaires_accueil": "Mo 09:00-12:00"},
             "ess": "yes", "verified": {"contact": {"how": "call"}, "offer": {"how": "visit"}}},
            ["le 01/02/2026 (par téléphone, sur place), jusqu’au 01/02/2027.",
             "Changé depuis, et pas encore vérifié : identité, horaires.", "Modifiée"],
        ),
    ],
)  # fmt: skip
def test_three_dates_are_told_and_never_mixed(said: dict[str, Any], lines: list[str]) -> None:
    told = shown.trust({"changed_at": "2026-01-31T10:00:00Z"} | said, clock.from_text("2026-11-23T10:00:00Z"))
    assert len(told) == len(lines)
    assert all(part in line for part, line in zip(lines, told, strict=True))
