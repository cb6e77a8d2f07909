"""Bulk files over a real read model: made when something changed, whole or not at all, and served as they lie."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gateway.app import create_app
from gateway.bulk.making import Public, make
from gateway.bulk.shelf import Shelf
from gateway.index.folder import Folder
from services.directory.formats.reading import read
from services.kernel.errors import Conflict, Unavailable, ValidationError
from services.kernel.settings import Bulk, Http, Node, Settings, erased_mark
from tests.gateway import world as w
from tests.gateway.world import World, service, structure


def settings(**bulk: Any) -> Settings:
    return Settings(Node("essai", "Essai"), Http(rate_limit_per_minute=100_000), bulk=Bulk(**bulk))


def nobody(*_: Any, **__: Any) -> Any:
    raise AssertionError("bulk files never call the rooms")


@pytest.fixture
def node(tmp_path: Path) -> Iterator[tuple[Path, World]]:
    """A folder with a read model of two structures and two services, one of which waits for its structure."""
    with w.world(tmp_path / "index") as made:
        made.publish(structure(1), structure(2, source="soliguide"), service(1), service("orphelin", of=9))
        yield tmp_path, made


@pytest.fixture
def client(node: tuple[Path, World]) -> FlaskClient:
    folder, world = node
    return create_app(settings(), world.reader, nobody, shelf=Shelf.of(folder)).test_client()


def names(manifest: dict[str, Any]) -> set[str]:
    return {each["name"] for each in manifest["files"]}


def fetch(client: FlaskClient, name: str, **headers: str) -> TestResponse:
    """A file, read to its end and closed."""
    with client.get(f"/data/{name}", headers=headers, buffered=True) as answer:
        return answer


def test_every_format_holds_what_the_public_sees_with_its_source_licence_and_digest(node: tuple[Path, World]) -> None:
    folder, _ = node
    manifest = make(folder, settings())
    current = Shelf.of(folder).current()
    assert current is not None
    assert names(manifest) == {"structures.json", "services.json", "structures.csv", "services.csv",
                               "hsds-organizations.json", "hsds-services.json", "annuaire-hsds.zip",
                               "annuaire.xlsx", "annuaire.geojson"}  # fmt: skip
    assert (manifest["structures"], manifest["services"]) == (2, 1)
    for told in manifest["files"]:
        raw = (current / told["name"]).read_bytes()
        assert (len(raw), hashlib.sha256(raw).hexdigest()) == (told["bytes"], told["sha256"])
    assert {each["name"]: each["records"] for each in manifest["files"]}["annuaire.xlsx"] == 3
    assert manifest["sources"] == [
        {"source": "dora", "home": w.HOME, "home_node": None, "licence": "Licence Ouverte 2.0",
         "attribution": "Réseau dora", "structures": 1, "services": 1},
        {"source": "soliguide", "home": w.HOME, "home_node": None, "licence": "Licence Ouverte 2.0",
         "attribution": "Réseau soliguide", "structures": 1, "services": 0},
    ]  # fmt: skip
    assert openpyxl.load_workbook(current / "annuaire.xlsx")["services"].max_row == 2
    ids = [draft["source_id"] for row in read([current / "annuaire.geojson"]) for draft in row.drafts]
    assert ids == ["s1", "s2", "v1"]


def test_two_homes_with_a_source_of_one_name_are_told_apart(node: tuple[Path, World], client: FlaskClient) -> None:
    folder, world = node
    world.publish(structure(1, home=w.OTHER_HOME), structure(2, home=w.OTHER_HOME))
    ours, theirs, _ = make(folder, settings())["sources"]
    assert (ours["source"], ours["home"], ours["home_node"], ours["structures"]) == ("dora", w.HOME, None, 1)
    assert (theirs["source"], theirs["home"], theirs["structures"]) == ("dora", w.OTHER_HOME, 2)
    assert theirs["home_node"]["name"] == "Ailleurs"
    page = client.get("/data/").text
    assert "Réseau dora, par Ailleurs : 0 services, 2 structures" in page
    assert "Réseau dora : 1 services, 1 structures" in page


def test_files_are_made_again_after_a_change_and_not_otherwise(node: tuple[Path, World]) -> None:
    folder, world = node
    first = make(folder, settings())
    assert make(folder, settings()) == first
    gone = service(1)
    world.withdraw(gone)
    second = make(folder, settings())
    assert second["services"] == 0
    assert second["made_at"] > first["made_at"]
    assert make(folder, settings(formats="csv"))["of"]["formats"] == ["csv"]


def test_what_was_withdrawn_is_in_no_file_that_stays(node: tuple[Path, World]) -> None:
    folder, world = node
    make(folder, settings())
    world.withdraw(service(1))
    make(folder, settings())
    make(folder, settings())  # the night after
    assert len(list((folder / "bulk").glob("set-*"))) == 1
    assert not any(b"v1" in path.read_bytes() for path in folder.glob("bulk/set-*/*.csv"))


def test_after_an_erasure_no_file_of_before_is_shown_and_none_is_made_before_the_read_model_is_new(
    node: tuple[Path, World], client: FlaskClient
) -> None:
    folder, _ = node
    make(folder, settings())
    assert fetch(client, "services.csv").status_code == 200
    mark = erased_mark(folder)
    mark.parent.mkdir()
    mark.touch()
    assert fetch(client, "services.csv").status_code == 404
    assert "pas encore faits" in client.get("/data/").text
    with pytest.raises(Unavailable, match="en train d’être refait"):
        make(folder, settings())
    (Folder(folder / "index").current() or folder).joinpath("born").touch()  # as a rebuild does
    make(folder, settings())
    assert fetch(client, "services.csv").status_code == 200


def test_what_is_erased_while_they_are_made_is_said_and_they_are_shown_to_nobody(node: tuple[Path, World]) -> None:
    folder, world = node
    world.publish(*(structure(number) for number in range(10, 400)))
    mark = erased_mark(folder)
    mark.parent.mkdir()

    def erase() -> None:
        while not list(folder.glob("bulk/set-*/*.json")):
            time.sleep(0.001)
        mark.touch()

    erasing = threading.Thread(target=erase)
    erasing.start()
    with pytest.raises(Unavailable, match="effacé pendant"):
        make(folder, settings())
    erasing.join()
    assert Shelf.of(folder).manifest() is None


def test_without_a_read_model_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="modèle de lecture"):
        make(tmp_path, settings())


def test_an_unknown_format_leaves_the_files_there_are(node: tuple[Path, World]) -> None:
    folder, world = node
    first = make(folder, settings())
    world.publish(service(2))
    with pytest.raises(ValidationError, match="data-inclusion, hsds, hsds-csv, csv"):
        make(folder, settings(formats="csv,pdf"))
    shown = Shelf.of(folder).manifest()
    assert shown is not None and shown[1] == first
    assert all((shown[0] / name).exists() for name in names(first))


def test_two_do_not_make_them_at_once(node: tuple[Path, World]) -> None:
    folder, _ = node
    with Shelf.of(folder).lock(wait=False), pytest.raises(Conflict):
        make(folder, settings())


def test_records_are_those_of_one_commit_however_long_reading_takes(node: tuple[Path, World]) -> None:
    folder, world = node
    public = Public(folder / "index")
    before = [record["id"] for record in public]
    world.publish(structure(3), service(3, of=3))
    assert [record["id"] for record in public] == before
    assert len(list(Public(folder / "index"))) == len(before) + 2


def test_the_page_names_the_files_and_whose_they_are(node: tuple[Path, World], client: FlaskClient) -> None:
    assert "ne sont pas encore faits" in client.get("/data/").text
    make(node[0], settings())
    page = client.get("/data/").text
    assert '<a href="/data/annuaire.xlsx" download>' in page
    assert "Réseau soliguide : 0 services, 1 structures (Licence Ouverte 2.0)" in page
    assert '<a href="/data/">' in client.get("/a-propos").text


def test_a_file_comes_with_its_type_its_digest_and_in_pieces(node: tuple[Path, World], client: FlaskClient) -> None:
    make(node[0], settings())
    manifest = client.get("/data/manifest.json").json
    assert manifest is not None
    for told in manifest["files"]:
        answer = fetch(client, told["name"])
        assert answer.headers["Content-Type"] == told["media_type"]
        assert answer.headers["Content-Disposition"] == f"attachment; filename=essai-{told['name']}"
        assert answer.headers["ETag"] == f'"{told["sha256"]}"'
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert hashlib.sha256(answer.data).hexdigest() == told["sha256"]
    whole = fetch(client, "structures.json")
    part = fetch(client, "structures.json", **{"Range": "bytes=2-9"})
    assert (part.status_code, part.data, part.headers["Content-Type"]) == (206, whole.data[2:10], "application/json")
    again = fetch(client, "structures.json", **{"If-None-Match": whole.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert json.loads(whole.data)[0]["id"] == "dora--s1"


@pytest.mark.parametrize("name", ["..%2fstate.json", "bulk.lock", "manifest.jso", "%2e%2e/index/current"])
def test_nothing_but_the_files_named_is_served(node: tuple[Path, World], client: FlaskClient, name: str) -> None:
    make(node[0], settings())
    assert client.get(f"/data/{name}").status_code == 404


def test_before_the_first_files_a_program_is_told_to_come_back(client: FlaskClient) -> None:
    answer = client.get("/data/manifest.json")
    assert (answer.status_code, "pas encore faits" in answer.text) == (404, True)


def test_a_node_that_offers_no_files_says_nothing_of_them(node: tuple[Path, World]) -> None:
    folder, world = node
    none = create_app(settings(enabled=False), world.reader, nobody, shelf=Shelf.of(folder)).test_client()
    assert none.get("/data/").status_code == 404
    assert "/data/" not in none.get("/a-propos").text
