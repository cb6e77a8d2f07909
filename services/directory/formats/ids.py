"""Names of records: ours, stable for ever, and data·inclusion's, readable.

Source: `docs/federation.md`, "Records are identified by UUIDv5(home fingerprint, source, source id)": two nodes
that import the same open file hold two records.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

SOURCE_NAME: Final = r"[a-z0-9]+(-[a-z0-9]+){0,20}"
"""What a source may be called, with at most 99 characters: two hyphens would be read as the end of its name."""


@lru_cache(maxsize=16)
def _home_namespace(home: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"urn:maillage:{home}")


def record_id(home: str, kind: str, source: str, source_id: str) -> UUID:
    """The identifier of a record of `kind` (structure, service) that `home` (a fingerprint) knows from `source`."""
    return uuid5(_home_namespace(home), f"{kind}/{source}/{source_id}")


def is_record_id(said: object) -> bool:
    """Whether another node said an identifier, in the one way of writing it."""
    try:
        return isinstance(said, str) and str(UUID(said)) == said
    except ValueError:
        return False


def di_id(source: str, source_id: str) -> str:
    """data·inclusion's identifier: `dora--42` for the record 42 of the source dora."""
    return f"{source}--{source_id}"


def split_di_id(source: str, identifier: str) -> str:
    """The source's own identifier in a data·inclusion one; a foreign id without the prefix is kept whole."""
    return identifier.removeprefix(f"{source}--")
