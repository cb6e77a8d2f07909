"""Commands about events that could not be handled: parked list, show, retry, drop."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from deploy.client import Client, connected
from deploy.commands.common import AsJson, Folder, Yes, agreed, sentences, show, table, tell
from deploy.folder import ROOMS

parked = typer.Typer(no_args_is_help=True, help="Événements en attente d’un opérateur / parked events.")
Room = Annotated[str, typer.Option("--room", help="Service qui n’a pas pu traiter l’événement")]
Number = Annotated[int, typer.Argument(help="Numéro donné par « parked list »")]


@parked.command("list")
@sentences
def parked_list(folder: Folder, as_json: AsJson = False) -> None:
    """Tous les événements en attente / all parked events."""
    with connected(folder) as node:
        rows = [row | {"room": room} for room in ROOMS for row in _all(node, room)]
    columns = {"room": "service", "id": "n°", "state": "état", "type": "type", "subject": "fiche",
               "attempts": "essais", "error": "erreur"}  # fmt: skip
    show(rows, as_json, lambda: table(rows, columns, "Aucun événement en attente."))


@parked.command("show")
@sentences
def parked_show(folder: Folder, number: Number, room: Room = "directory") -> None:
    """Un événement, entier / one event, whole."""
    with connected(folder) as node:
        row = node.call(room, "parked_show", {"id": number})
    show(row, True, lambda: None)


@parked.command("retry")
@sentences
def parked_retry(folder: Folder, number: Number, room: Room = "directory") -> None:
    """L’essayer de nouveau, avec tous ses essais / try it again."""
    with connected(folder) as node:
        node.call(room, "parked_retry", {"id": number})
    tell(f"L’événement n° {number} sera essayé dans la seconde.", f"Event {number} is tried again within a second.")


@parked.command("drop")
@sentences
def parked_drop(folder: Folder, number: Number, room: Room = "directory", yes: Yes = False) -> None:
    """Y renoncer ; les suivants de la même fiche sont alors essayés / give it up."""
    if not yes and not agreed(f"Renoncer pour de bon à l’événement n° {number} ? / Drop it for good?"):
        raise typer.Exit(1)
    with connected(folder) as node:
        node.call(room, "parked_drop", {"id": number})
    tell(f"L’événement n° {number} est abandonné.", f"Event {number} is given up.")


def _all(node: Client, room: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        page = node.call(room, "parked", {"after": after})
        rows += page["parked"]
        after = page["next"]
    return rows
