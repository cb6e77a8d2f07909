"""The command that makes the bulk files now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deploy.client import Client, connected
from deploy.commands.common import AsJson, Folder, sentences, show, table, tell
from services.kernel.errors import Conflict
from services.kernel.settings import load


@sentences
def bulk(folder: Folder, as_json: AsJson = False) -> None:
    """Faire maintenant les fichiers de tout ce qui est public / make the files of everything public now."""
    from gateway.bulk.making import make

    with connected(folder) as node:
        _bring_up_to_date(folder, node)
        manifest = make(folder, load(folder), wait=True)

    def people() -> None:
        counts = f"structures : {manifest['structures']}, services : {manifest['services']}"
        tell(f"Fichiers du {manifest['made_at'][:16]} UTC, {counts}.", f"Files of {manifest['made_at'][:16]} UTC.")
        columns = {"name": "fichier", "records": "fiches", "bytes": "octets", "sha256": "SHA-256"}
        table(manifest["files"], columns, "Aucun fichier.")
        tell(f"Dans {folder / 'bulk' / 'current'}", f"In {folder / 'bulk' / 'current'}")

    show(manifest, as_json, people)


def _bring_up_to_date(folder: Path, node: Client) -> None:
    """The read model of a node that does not run; one that runs sees to its own."""
    from gateway.projection import Projector

    def fetch(after: int, limit: int) -> dict[str, Any]:
        page: dict[str, Any] = node.call("directory", "changes", {"after": after, "limit": limit})
        return page

    try:
        projector = Projector(folder / "index", fetch)
    except Conflict:
        return
    try:
        projector.pull()
    finally:
        projector.close()
