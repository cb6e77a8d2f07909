"""Where a record's page is on this node: two homes may use one readable address, so only this node's own records do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from services.directory.formats.ids import di_id


def named(said: Mapping[str, Any]) -> str:
    """The name by which a record is asked for here: `source--id` of our own, the UUID of another node's.

    Args:
        said: an item of data·inclusion as the read model answers it, with ours in `record`; or a native record.
    """
    ours = said.get("record") or said
    if ours.get("home_node"):
        return str(ours["id"])
    return str(said["id"]) if "record" in said else di_id(said["source"], said["source_id"])


def address(said: Mapping[str, Any]) -> str:
    """The last part of the address of a record's page, as a link writes it."""
    return quote(named(said), safe="")
