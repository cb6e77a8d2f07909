"""Files and functions of a size to read, tests that prove, skips that explain."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.house import shape
from tests.house.tree import name_of, named

CODE = named(".py", "services", "gateway", "deploy")
TESTS = named(".py", "tests")
# Migrations are lists of columns, and may be as long as they are.
ALL = [path for path in named(".py") if "migrations" not in path.parts]


def complaints(rule: Callable[[str], list[str]], paths: list[Path]) -> dict[str, list[str]]:
    """What a rule says of each file, those without complaint left out."""
    said = {name_of(path): rule(path.read_text()) for path in paths}
    return {name: wrong for name, wrong in said.items() if wrong}


def test_files_and_functions_are_short() -> None:
    assert complaints(shape.too_long, ALL) == {}


def test_every_test_can_fail() -> None:
    assert complaints(shape.without_proof, TESTS) == {}


def test_every_skip_says_why() -> None:
    assert complaints(shape.silent_skips, TESTS) == {}


def test_heavy_packages_are_loaded_late() -> None:
    assert complaints(shape.heavy_at_start, CODE) == {}


def test_long_files_and_functions_are_told() -> None:
    long_function = '"""Doc."""\ndef talk():\n    """Say much."""\n' + "    print()\n" * 41
    assert shape.too_long(long_function) == ["talk: 41 lines, at most 40"]
    assert shape.too_long("a = 1\n" * 351) == ["351 lines, at most 350: one idea a file"]
    assert shape.too_long("def talk():\n" + "    print()\n" * 40) == []


@pytest.mark.parametrize(
    "proof", ["assert x", "with pytest.raises(KeyError): x", "check_it(x)", "case.call_and_validate()"]
)
def test_a_test_that_proves_is_left_alone(proof: str) -> None:
    assert shape.without_proof(f"def test_it():\n    {proof}\n") == []


def test_a_test_that_proves_nothing_is_told() -> None:
    assert shape.without_proof("def test_it():\n    run()\n") == ["test_it"]


@pytest.mark.parametrize(
    "skip", ["pytest.skip()", "pytest.skip('')", "pytest.mark.skipif(True)", "pytest.mark.xfail()"]
)
def test_a_silent_skip_is_told(skip: str) -> None:
    assert len(shape.silent_skips(skip)) == 1


@pytest.mark.parametrize("skip", ["pytest.skip(f'no {x}')", "pytest.mark.skipif(True, reason='no server')"])
def test_a_skip_with_its_reason_is_left_alone(skip: str) -> None:
    assert shape.silent_skips(skip) == []


def test_a_heavy_import_at_the_top_is_told() -> None:
    assert shape.heavy_at_start("from pydantic import BaseModel\n") == ["line 1: pydantic"]
    assert shape.heavy_at_start("def read():\n    import openpyxl\n") == []
