"""Items and tables in data·inclusion's own shape, as candidates: which kind they are, whose, and what they say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from services.directory.formats import hsds_in
from services.directory.formats.candidate import Candidate
from services.directory.formats.drafts import Kind
from services.directory.formats.ids import split_di_id
from services.directory.formats.tables import key_of
from services.directory.formats.vocabulary import ADDED, COLUMNS, SERVICE_ONLY

_KINDS: Final[dict[str, Kind]] = {"structures": "structure", "services": "service"}
_BESIDE: Final = ADDED | {"source", "id", "structure_id"}
_NAMES: Final = {key_of(name): name for kind in COLUMNS for name in COLUMNS[kind]}


def kind_of(keys: Iterable[str], section: str = "") -> Kind:
    """What an item is: what its section says, else a service when it has a field that services alone have."""
    if section in _KINDS:
        return _KINDS[section]
    if isinstance(keys, Mapping) and hsds_in.is_item(keys, section):
        return "service" if hsds_in.is_service(keys) else "structure"
    return "service" if not SERVICE_ONLY.isdisjoint(keys) else "structure"


def in_shape(columns: Iterable[str]) -> bool:
    """Whether a table's columns are data·inclusion's: an identifier, a name, and few columns of another making."""
    keys = [key_of(name) for name in columns]
    known = sum(key in _NAMES or key in ADDED for key in keys)
    return "id" in keys and "nom" in keys and known * 2 >= len(keys)


def candidate(item: Mapping[str, Any], kind: Kind, source: str | None = None) -> Candidate:
    """The candidate that an item is.

    Args:
        source: the source to file it under, whatever the item says. Where the item says another one, its identifiers
            are kept whole (`dora--42`), so that those of two sources never meet.
    """
    own = _word(item.get("source"))
    identifier, structure = _word(item.get("id")), _word(item.get("structure_id"))
    if source is None or source == own:
        identifier, structure = split_di_id(own, identifier), split_di_id(own, structure)
    elif not own:
        identifier, structure = split_di_id(source, identifier), split_di_id(source, structure)
    values = {
        name: value
        for name, value in item.items()
        if value is not None and value != "" and name not in _BESIDE and not name.startswith("_")
    }
    empty = tuple(name for name, value in item.items() if value is None or value == "")
    return Candidate(kind, source or own, identifier, structure, values, empty=empty)


def candidates(item: Mapping[str, Any], section: str, source: str | None) -> list[Candidate]:
    """The candidates that an item of a JSON file is: one in our own shape, or several of an object of HSDS."""
    if hsds_in.is_item(item, section):
        return list(hsds_in.candidates(item, source))
    return [candidate(item, kind_of(item, section), source)]


def renamed(columns: Iterable[str]) -> tuple[str, ...]:
    """Columns of a table by data·inclusion's names where they only differ by case, accents or punctuation."""
    return tuple(_NAMES.get(key_of(name), name) for name in columns)


def _word(value: Any) -> str:
    return "" if value is None else str(value).strip()
