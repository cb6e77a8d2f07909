"""Commands about records that move home: offered to another member, or by one, taken, refused, taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.client import Client, connected
from deploy.commands.common import AsJson, Folder, Yes, agreed, out, sentences, show, table, tell
from services.kernel.errors import NotFound, ValidationError

Permanent = Annotated[str, typer.Option("--as", metavar="EMAIL", help="Permanent au nom de qui agir")]
Offer = Annotated[str, typer.Argument(metavar="PROPOSITION", help="Son numéro, ou le début : maillage peer offers")]
COLUMNS = {"id": "proposition", "way": "", "name": "membre", "said": "état", "structures": "structures",
           "services": "services", "done": "passées", "at": "le", "note": "mot"}  # fmt: skip
STATES = {"offered": "attend", "accepted": "acceptée", "refused": "refusée", "taken back": "reprise"}


@sentences
def hand_over(
    folder: Folder,
    name: Annotated[str, typer.Argument(metavar="PAIR", help="Nom court ou empreinte / label or fingerprint")],
    as_: Permanent,
    source: Annotated[str | None, typer.Option("--source", help="Toutes les structures publiques d’une source")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Tout ce qui est public ici / all that is public")] = False,
    ids: Annotated[list[str] | None, typer.Option("--id", help="Une structure ; plusieurs fois pour plusieurs")] = None,
    note: Annotated[str, typer.Option("--note", help="Un mot pour qui décide là-bas / for who decides there")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Dire sans faire / only say what would be done.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Proposer des fiches à un autre membre, qui les tiendra / offer records to another member, who will keep them."""
    with connected(folder) as node:
        asked = {"to": _peer(node, name), "ids": ids or None, "source": source, "all": everything, "note": note}
        proof = _as(node, as_)
        seen = node.call("directory", "hand_over", asked | {"dry_run": True}, actor=proof)
        if not as_json:
            _foresee(seen, name)
        if not dry_run:
            if not (yes or agreed("Les proposer ? / Offer them?")):
                raise typer.Exit(1)
            seen = node.call("directory", "hand_over", asked, actor=proof)
    if as_json:
        show(seen, True, lambda: None)
    elif not dry_run:
        tell(
            f"Proposition {seen['id']} envoyée. Rien ne change avant que {name} accepte.",
            f"Offer {seen['id']} sent. Nothing changes until {name} accepts.",
        )


@sentences
def offers(folder: Folder, as_: Permanent, as_json: AsJson = False) -> None:
    """Les fiches proposées, d’ici et à ce nœud / records offered, by this node and to it."""
    with connected(folder) as node:
        found = node.call("directory", "offers", actor=_as(node, as_))["offers"]
    rows = [each | {"way": "à" if each["outward"] else "de", "said": STATES[each["state"]]} for each in found]
    show(found, as_json, lambda: table(rows, COLUMNS, "Aucune proposition."))


@sentences
def offered(folder: Folder, offer: Offer, as_: Permanent, as_json: AsJson = False) -> None:
    """Ce que dit une proposition, fiche par fiche / what an offer names, record by record."""
    with connected(folder) as node:
        proof = _as(node, as_)
        asked: dict[str, Any] = {"id": _named(node, offer, proof), "after": ""}
        found: list[dict[str, Any]] = []
        while asked["after"] is not None:
            page = node.call("directory", "offered", asked, actor=proof)
            found += page["records"]
            asked["after"] = page["next"]
    columns = {"id": "fiche", "kind": "", "name": "nom", "left_out": "à quoi une personne s’est opposée ici"}
    show(found, as_json, lambda: table(found, columns, "Aucune fiche."))


@sentences
def take(folder: Folder, offer: Offer, as_: Permanent) -> None:
    """Accepter des fiches proposées : ce nœud les tiendra / accept offered records: this node will keep them."""
    made = _decide(folder, offer, as_, "accept", "")
    tell(
        f"Acceptée. {made['total']} fiches viendront dès que {made['name']} les aura laissées.",
        f"Accepted. {made['total']} records come once {made['name']} has let them go.",
    )
    if made["left_out"]:
        tell("Sans ce à quoi une personne s’est opposée ici :", "Without what somebody objected to here:")
    for each in made["left_out"]:
        out.print(f"  {each['name']} : {', '.join(each['fields'])}", markup=False)


@sentences
def refuse(
    folder: Folder, offer: Offer, as_: Permanent, why: Annotated[str, typer.Option("--why", help="Réponse")] = ""
) -> None:
    """Refuser des fiches proposées / refuse offered records."""
    made = _decide(folder, offer, as_, "refuse", why)
    tell(f"Refusée ; {made['name']} l’apprendra.", f"Refused; {made['name']} will hear of it.")


@sentences
def take_back(folder: Folder, offer: Offer, as_: Permanent) -> None:
    """Reprendre une proposition qui n’est pas encore acceptée / take back an offer that was not accepted yet."""
    made = _decide(folder, offer, as_, "take_back", "")
    tell(f"Reprise : les fiches restent ici, et {made['name']} l’apprendra.", "Taken back: the records stay here.")


def _decide(folder: Path, offer: str, as_: str, decision: str, answer: str) -> Any:
    with connected(folder) as node:
        proof = _as(node, as_)
        asked = {"id": _named(node, offer, proof), "decision": decision, "answer": answer}
        return node.call("directory", "offer_decide", asked, actor=proof)


def _as(node: Client, email: str) -> str:
    proof: str = node.call("accounts", "act_as", {"email": email})["actor"]
    return proof


def _peer(node: Client, name: str) -> str:
    """The fingerprint of a peer by its label, or the beginning of its fingerprint."""
    peers = node.call("federation", "peers")["peers"]
    found: list[str] = [each["node"] for each in peers if each["id"] == name or each["node"].startswith(name)]
    if len(found) != 1:
        raise NotFound(f"Aucun pair, ou plusieurs, pour « {name} » : maillage peer list DIR les dit tous.")
    return found[0]


def _named(node: Client, offer: str, proof: str) -> str:
    known = [each["id"] for each in node.call("directory", "offers", actor=proof)["offers"]]
    found = [each for each in known if each.startswith(offer)]
    if len(found) != 1:
        raise ValidationError(f"Aucune proposition, ou plusieurs, pour « {offer} » : maillage peer offers DIR --as …")
    return found[0]


def _foresee(seen: dict[str, Any], name: str) -> None:
    tell(
        f"Structures : {seen['structures']}, services : {seen['services']}, qui seraient tenus par {name}.",
        f"Structures: {seen['structures']}, services: {seen['services']}, to be kept by {name}.",
    )
    if seen["staying"]:
        tell("Restent ici, car un changement y attend un permanent :", "Stay here, since a change waits:")
        for each in seen["staying"]:
            out.print(f"  {each}", markup=False)
