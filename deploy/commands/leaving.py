"""A member leaves the federation: what it still publishes is withdrawn, and which copies have taken that in."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn

from deploy.client import Client, connected
from deploy.commands.common import AsJson, Folder, Yes, agreed, err, sentences, show, table, tell
from services.kernel.envelope import read_claim
from services.kernel.errors import Conflict

ASKED_EVERY_S = 2.0
COLUMNS = {"id": "pair", "name": "membre", "said": "ce retrait"}
Permanent = Annotated[str, typer.Option("--as", metavar="EMAIL", help="Permanent au nom de qui agir")]
Place = tuple[int, int]


@sentences
def leave(
    folder: Folder,
    as_: Permanent,
    reason: Annotated[
        str, typer.Option("--reason", help="Ce que diront les avis de retrait / what tombstones say")
    ] = "",
    wait: Annotated[int, typer.Option("--wait", help="Secondes à attendre les copies / seconds to wait", min=0)] = 60,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Dire sans faire / only say what would be done.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Retirer tout ce que ce nœud publie, et dire quelles copies l’ont appris / withdraw all that is public here.

    Interrompue, la commande reprend où elle en était ; redite, elle dit où en sont les copies.
    """
    with connected(folder) as node:
        asked: dict[str, Any] = {"reason": reason} if reason else {}
        seen = _leave(node, as_, asked | {"dry_run": True})
        if not as_json:
            _foresee(seen)
        if dry_run:
            show(seen, as_json, lambda: None)
            return
        if not (seen["done"] or yes or as_json or agreed("Tout retirer ? / Withdraw everything?")):
            raise typer.Exit(1)
        _withdraw(node, as_, asked, seen)
        copies = _copies(node, wait)
    show({"withdrawn": seen, "copies": copies}, as_json, lambda: _tell(copies))


def _withdraw(node: Client, email: str, asked: dict[str, Any], seen: dict[str, Any]) -> None:
    """Some at a time until nothing is left; asked once more where nothing is, so that the end is signed."""
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:.0f} / {task.total:.0f}"),
        console=err, transient=True,
    )  # fmt: skip
    total, left = _size(seen), seen
    with bar as bars:
        task = bars.add_task("Retrait", total=max(total, 1))
        while True:
            before, left = left, _leave(node, email, asked)
            bars.update(task, completed=total - _size(left))
            if left["done"]:
                return
            if _size(left) >= _size(before):
                raise Conflict(
                    "Des fiches deviennent publiques pendant le retrait : arrêtez les imports, et recommencez."
                )


def _copies(node: Client, wait_s: int) -> list[dict[str, Any]]:
    """What each peer holds of this node's directory, once all hold the end of it, or the time is over."""
    ends_at = time.monotonic() + wait_s
    peers = [each for each in node.call("federation", "peers")["peers"] if each["state"] != "blocked"]
    copies: dict[str, dict[str, Any]] = {}
    while True:
        end = _end(node)
        for peer in peers:  # one at a time: who is away is waited for
            if not copies.get(peer["node"], {}).get("taken"):
                copies[peer["node"]] = _copy(node, peer, *end)
        if all(each["taken"] for each in copies.values()) or time.monotonic() > ends_at:
            return list(copies.values())
        time.sleep(ASKED_EVERY_S)


def _end(node: Client) -> tuple[str, Place]:
    """The last checkpoint of this node's public directory: its stream and place."""
    claims = node.call("directory", "checkpoints")["claims"]
    if not claims:
        return "", (0, 0)
    head = read_claim(claims[0]).header
    return head.stream, (head.epoch, head.seq)


def _copy(node: Client, peer: dict[str, Any], stream: str, end: Place) -> dict[str, Any]:
    said = node.call("federation", "peer_copy", {"peer": peer["node"]})
    held = tuple(said["streams"].get(stream, (0, 0)))
    named = {name: peer[name] for name in ("node", "id", "name")}
    return named | {"held": list(held), "taken": held >= end, "trouble": said["trouble"]}


def _leave(node: Client, email: str, asked: dict[str, Any]) -> dict[str, Any]:
    proof = node.call("accounts", "act_as", {"email": email})["actor"]  # asked anew: it lasts minutes
    left: dict[str, Any] = node.call("directory", "leave", asked, actor=proof)
    return left


def _size(left: dict[str, Any]) -> int:
    return int(left["structures"] + left["services"] + left["decisions"])


def _foresee(seen: dict[str, Any]) -> None:
    tell(
        f"Seraient retirés de tous les nœuds : structures {seen['structures']}, services {seen['services']}, "
        f"décisions sur des doublons {seen['decisions']}.",
        f"To be withdrawn everywhere: structures {seen['structures']}, services {seen['services']}, "
        f"decisions about duplicates {seen['decisions']}.",
    )
    if seen["offers"]:
        tell(
            f"Propositions de fiches en cours : {seen['offers']} ; rien n’est retiré avant qu’elles soient passées.",
            f"Offers under way: {seen['offers']}; nothing is withdrawn before they are through.",
        )


def _tell(copies: list[dict[str, Any]]) -> None:
    words = {True: "appris", False: "pas encore"}
    rows = [each | {"said": each["trouble"] or words[each["taken"]]} for each in copies]
    table(rows, COLUMNS, "Aucun pair : personne d’autre n’a de copie.")
    if all(each["taken"] for each in copies):
        tell("Ce nœud peut être arrêté.", "This node may be switched off.")
    else:
        tell("Laissez-le en marche, et redites la commande plus tard.", "Keep it up, and ask again later.")
