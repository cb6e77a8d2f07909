"""Imports run one way, in rooms that stand and in rooms to come."""

import configparser

import grimp
import pytest

from tests.house import walls
from tests.house.tree import ROOT, name_of

ROOMS = sorted(path.parent.name for path in (ROOT / "services").glob("*/__init__.py") if path.parent.name != "kernel")


def test_no_import_passes_a_wall() -> None:
    graph = grimp.build_graph("services", "gateway", "deploy", cache_dir=None)
    imports = [(one, other) for one in graph.modules for other in graph.find_modules_directly_imported_by(one)]
    assert imports
    assert walls.breaches(imports) == []


@pytest.mark.parametrize("contract", ["kernel:forbidden_modules", "rooms:modules", "furniture:containers"])
def test_every_room_is_in_the_contracts(contract: str) -> None:
    name, key = contract.split(":")
    config = configparser.ConfigParser()
    config.read(ROOT / ".importlinter")
    listed = set(config[f"importlinter:contract:{name}"][key].split())
    assert {f"services.{room}" for room in ROOMS} <= listed


def test_every_folder_of_code_is_a_package() -> None:
    folders = {path.parent for top in ("services", "gateway", "deploy") for path in (ROOT / top).rglob("*.py")}
    assert [name_of(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("gateway.api.search", "services.directory.store"),
        ("gateway.api.search", "services.kernel.rows"),
        ("gateway.app", "services.directory.importing"),
        ("services.directory.service", "services.accounts.model"),
        ("services.directory.store", "services.accounts.events"),
        ("services.directory.store", "services.kernel.doors"),
    ],
)
def test_a_breach_is_told(importer: str, imported: str) -> None:
    assert len(walls.breaches([(importer, imported)])) == 1


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("gateway.api.search", "services.directory.formats.hours"),
        ("gateway.app", "services.kernel.settings"),
        ("services.directory.service", "services.accounts.events"),
        ("services.directory.service", "services.kernel.doors"),
        ("services.directory.store", "services.directory.model"),
        ("deploy.node", "services.directory.service"),
    ],
)
def test_what_may_pass_is_left_alone(importer: str, imported: str) -> None:
    assert walls.breaches([(importer, imported)]) == []
