"""The whole directory, downloaded from a page in both standards, and the same when it is imported elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient

from gateway.app import create_app
from services.directory.formats.reading import read
from services.kernel.settings import Http, Node, Settings
from tests.gateway import world as w
from tests.gateway.corpus import HOME
from tests.gateway.world import service, structure

RECORDS = [r for r in w.random_records(700, 3) if r["home"] == HOME and len(r["fields"]["nom"]) > 3]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """The pages over many records, one of them withdrawn, one without its structure."""
    with w.world(tmp_path_factory.mktemp("downloads") / "index") as made:
        gone = structure("parti")
        made.publish(*RECORDS, gone, service("seul", of="nulle-part"))
        made.withdraw(gone)
        yield create_app(Settings(Node("essai", "Essai"), Http()), made.reader, _nobody).test_client()


def _nobody(*_: Any, **__: Any) -> Any:
    raise AssertionError("reading never calls the rooms")


@pytest.mark.parametrize("name", ["data-inclusion", "hsds"])
def test_what_is_downloaded_holds_every_public_record_once_and_imports_elsewhere(
    client: FlaskClient, tmp_path: Path, name: str
) -> None:
    answer = client.get(f"/telecharger/{name}.json")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="annuaire-{name}.json"'
    path = tmp_path / "annuaire.json"
    path.write_bytes(answer.data)
    whole = orjson.loads(answer.data)
    assert sum(map(len, whole.values())) == len({record["id"] for record in RECORDS})
    rows = list(read([path]))
    assert not [row.problems for row in rows if row.problems]


def test_the_page_says_which_files_there_are_and_under_which_licence(client: FlaskClient) -> None:
    page = client.get("/telecharger").get_data(as_text=True)
    assert "/telecharger/hsds.json" in page
    assert "/telecharger/data-inclusion.json" in page
    assert "Licence" in page or "licence" in page
    assert client.get("/telecharger/excel.json").status_code == 404
