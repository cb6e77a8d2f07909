"""How complete a record is, until its quality is judged by more than that.

data·inclusion's clients ask for `score_qualite`, 0 to 1. Here it is the share of filled fields among all fields of
data·inclusion's schema v1, required and optional, identifiers aside since every record has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from services.directory.formats.vocabulary import FIELDS

_FIELDS: Final = {kind: (frozenset(names), len(names)) for kind, names in FIELDS.items()}

_EMPTY: Final[tuple[object, ...]] = (None, "", [], ())


def score(kind: Literal["structure", "service"], fields: Mapping[str, Any]) -> float:
    """Share of filled fields, 0 to 1, two digits. None, empty texts and lists are not filled; 0 and False are."""
    known, total = _FIELDS[kind]
    return round(sum(name in known and value not in _EMPTY for name, value in fields.items()) / total, 2)
