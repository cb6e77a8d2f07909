"""No file names a place of somebody's machine: the project is the same wherever it lies."""

import re

import pytest

from tests.house.tree import files, name_of

# Homes, scratch and work folders. Places that a package owns (/etc, /usr, /var/lib) are part of what the docs explain.
PLACE = re.compile(r"(?<![\w.:@/}\]-])/(?:root|tmp|w[o]rk|h[o]me/\w+|U[s]ers/\w+)(?:/|\b(?![\w.-]))")


def places_of_a_machine(text: str) -> list[str]:
    """Absolute paths that exist on one machine only, with their line."""
    lines = enumerate(text.splitlines(), start=1)
    return [f"line {number}: {line.strip()[:100]}" for number, line in lines if PLACE.search(line)]


def test_no_file_names_a_place_of_somebodys_machine() -> None:
    found = {}
    for path in files():
        if path.name == "test_traces.py":
            continue
        try:
            found[name_of(path)] = places_of_a_machine(path.read_text())
        except UnicodeDecodeError:
            continue  # an image or an archive
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize("line", ["see '/home/marie/x'", "`/tmp/out.csv`", "cd /Users/paul", "/root"])
def test_a_place_of_a_machine_is_told(line: str) -> None:
    assert places_of_a_machine(line) != []


@pytest.mark.parametrize(
    "line", ["/var/lib/maillage", "https://example.org/home/a", "services/tmp/x", "DIR/root/", "/workers", "/homepage"]
)
def test_other_paths_are_left_alone(line: str) -> None:
    assert places_of_a_machine(line) == []
