"""Native records as data·inclusion v1 says them: items of its files, and of its API.

Source: data·inclusion schema v1, https://gip-inclusion.github.io/data-inclusion-schema/v1/ and the API of
https://api.data.inclusion.gouv.fr. These are plain functions of dictionaries, a few microseconds each: exports and
the read model call them for every record. The fields of a record are clean (`drafting`), so nothing is checked here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from services.directory.formats.ids import di_id
from services.directory.formats.quality import score
from services.directory.formats.vocabulary import FIELDS, IDENTIFIERS

Record = Mapping[str, Any]

_BLANK: Final = {kind: dict.fromkeys((*IDENTIFIERS[kind], *names)) for kind, names in FIELDS.items()}
DESCRIPTION_CHARS_AT_LEAST: Final = 5


def structure_item(record: Record) -> dict[str, Any]:
    """A structure's record as an item of data·inclusion: every key there, null where the record says nothing.

    `date_maj`, which v1 requires, is the day of the record's last change when its source gave none.
    """
    item: dict[str, Any] = _BLANK["structure"] | record["fields"]
    item["source"] = record["source"]
    item["id"] = di_id(record["source"], record["source_id"])
    if item["date_maj"] is None:
        item["date_maj"] = record["changed_at"][:10]
    return item


def service_item(record: Record, structure: Record) -> dict[str, Any]:
    """A service's record as an item of data·inclusion.

    `date_maj` is as for a structure. `description`, which v1 requires, is the service's name where nobody wrote one.

    Args:
        structure: the record of its structure; only its `source` and `source_id` are read. Empty when it is not known:
            `structure_id` is then null, which v1 does not allow.
    """
    item: dict[str, Any] = _BLANK["service"] | record["fields"]
    item["source"] = record["source"]
    item["structure_id"] = di_id(structure["source"], structure["source_id"]) if structure else None
    item["id"] = di_id(record["source"], record["source_id"])
    if item["date_maj"] is None:
        item["date_maj"] = record["changed_at"][:10]
    if item["description"] is None:
        name = item["nom"] or ""
        item["description"] = name if len(name) >= DESCRIPTION_CHARS_AT_LEAST else f"Service {name}"
    return item


def api_structure(record: Record) -> dict[str, Any]:
    """A structure as the API answers it: the item with `adresse_certifiee` and `score_qualite`; not for exports."""
    return structure_item(record) | _quality(record)


def api_service(record: Record, structure: Record) -> dict[str, Any]:
    """A service as the API answers it, without its structure beside it; not for exports."""
    return service_item(record, structure) | _quality(record)


def _quality(record: Record) -> dict[str, Any]:
    certified = record.get("extra", {}).get("adresse_certifiee") is True
    return {"adresse_certifiee": certified, "score_qualite": score(record)}
