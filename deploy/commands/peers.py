"""Commands about other nodes: peer card, add, list, compare, pause, resume, block, remove; and what is handed over."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.client import Client, connected
from deploy.commands import handing, leaving
from deploy.commands.common import AsJson, Folder, Yes, agreed, out, sentences, show, table, tell
from deploy.commands.introducing import aside, introduce, own, question, read_card
from deploy.commands.lanes import lane
from services.federation.events import EQUAL, STATES
from services.kernel import clock

peer = typer.Typer(no_args_is_help=True, help="Les autres nœuds / other nodes.")
peer.add_typer(lane, name="lane")
Name = Annotated[str, typer.Argument(metavar="PAIR", help="Nom court ou empreinte / label or fingerprint")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Dire sans faire / only say what would be done.")]
LOOK_EVERY_S = 1.0
BEGINNING = 10
"""Letters of a fingerprint by which a peer is named, where two have one label."""
COMPARE_TRIES = 5
"""A peer that changes just now is judged at its next checkpoint."""


@peer.command("card")
@sentences
def peer_card(
    folder: Folder, out_file: Annotated[Path | None, typer.Option("--out", help="Fichier à écrire / file")] = None
) -> None:
    """La carte de ce nœud, à envoyer à l’autre membre / this node's card, to send to the other member."""
    with connected(folder) as node:
        made = node.call("federation", "card")
    if out_file is None:
        sys.stdout.write(made["card"] + "\n")
        own(folder, made, aside)
        return
    out_file.write_text(made["card"] + "\n", "utf-8")
    tell(f"Carte écrite : {out_file}", f"Card written: {out_file}")
    own(folder, made, tell)


@peer.command("add")
@sentences
def peer_add(
    folder: Folder,
    card: Annotated[Path, typer.Argument(metavar="CARTE", help="Fichier de la carte reçue ; - : entrée standard")],
    private: Annotated[bool, typer.Option("--private", help="Son adresse est sur un réseau privé")] = False,
    via: Annotated[
        str, typer.Option("--via", help="Pair qui le redit, s’il ne répond pas / peer that re-serves it")
    ] = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Suivre un autre nœud, d’après sa carte / follow another node, by its card."""
    asked = {"card": read_card(card), "private": private, "via": via}
    with connected(folder) as node:
        seen = node.call("federation", "peer_add", asked | {"dry_run": True})
        if not as_json:
            introduce(seen)
        if not dry_run:
            if not yes and not agreed(question(seen)):
                raise typer.Exit(1)
            seen = node.call("federation", "peer_add", asked)
    if as_json:
        show(seen, True, lambda: None)
    elif dry_run:
        tell("Rien n’a été enregistré.", "Nothing was saved.")
    elif seen["state"] == "active":
        tell(f"{seen['name']} est suivi : maillage peer list {folder}", f"{seen['name']} is followed.")
    else:
        resume = f"maillage peer resume {folder} {seen['node']}"
        tell(f"La carte est gardée, mais {seen['name']} n’est pas suivi ({STATES[seen['state']]}) : {resume}",
             f"The card is kept, but {seen['name']} is not followed ({seen['state']}): {resume}")  # fmt: skip


@peer.command("list")
@sentences
def peer_list(
    folder: Folder,
    live: Annotated[bool, typer.Option("--live", help="Relire chaque seconde / look again every second")] = False,
    as_json: AsJson = False,
) -> None:
    """Les pairs : ce qui est tenu de chacun, le retard, l’égalité / peers: what is held, lag, equality."""
    with connected(folder) as node:
        peers = node.call("federation", "peers")["peers"]
        if live and not as_json and out.is_terminal:
            _watch(node)
            return
    show(peers, as_json, lambda: _listed(peers))


@peer.command("compare")
@sentences
def peer_compare(folder: Folder, name: Name, as_json: AsJson = False) -> None:
    """Comparer ce qui est tenu d’un pair à ce qu’il tient, fiche par fiche / which records differ from a peer's."""
    with connected(folder) as node:
        for _ in range(COMPARE_TRIES):
            found = node.call("federation", "peer_compare", {"peer": name})
            if all(each["judged"] for each in found["streams"]):
                break
            time.sleep(LOOK_EVERY_S)
    show(found, as_json, lambda: _compared(found))
    if any(each["differing"] for each in found["streams"]):
        raise typer.Exit(1)


@peer.command("pause")
@sentences
def peer_pause(folder: Folder, name: Name) -> None:
    """Ne plus rien demander à un pair ; ses fiches restent / ask a peer nothing; its records stay."""
    _set(folder, name, "peer_pause")
    tell(f"{name} n’est plus suivi ; ses fiches restent.", f"{name} is not followed; its records stay.")


@peer.command("resume")
@sentences
def peer_resume(folder: Folder, name: Name) -> None:
    """Suivre de nouveau un pair / follow a peer again."""
    _set(folder, name, "peer_resume")
    tell(f"{name} est suivi de nouveau.", f"{name} is followed again.")


@peer.command("block")
@sentences
def peer_block(folder: Folder, name: Name) -> None:
    """Ne plus suivre un pair ni montrer ses fiches / neither follow a peer nor show its records."""
    _set(folder, name, "peer_block")
    tell(f"{name} n’est plus suivi, ses fiches ne sont plus montrées.", f"{name} is blocked, its records are hidden.")


@peer.command("accept")
@sentences
def peer_accept(folder: Folder, name: Name) -> None:
    """Laisser partir autant de fiches que ce pair le dit / let go of as many records as this peer says."""
    with connected(folder) as node:
        done = node.call("federation", "peer_accept", {"peer": name})
    if done["accepted"]:
        tell(f"Ce que dit {name} remplace ce qui était tenu.", f"What {name} says replaces what was held.")
    else:
        tell(f"Rien n’attendait pour {name}.", f"Nothing was waiting for {name}.")


@peer.command("remove")
@sentences
def peer_remove(folder: Folder, name: Name, dry_run: DryRun = False, yes: Yes = False) -> None:
    """Oublier un pair et ses fiches / forget a peer and its records."""
    with connected(folder) as node:
        gone = node.call("federation", "peer_remove", {"peer": name, "dry_run": True})
        records, events = gone["records"], gone["events"]
        tell(
            f"{records} fiches et {events} événements de {gone['id']} quittent ce nœud ; il garde ce qu’il a reçu.",
            f"{records} records and {events} events of {gone['id']} leave; it keeps what it got from here.",
        )
        if gone["unread"]:
            tell(
                f"{gone['unread']} messages qui lui sont écrits l’attendent ici ; il ne pourra plus venir les lire.",
                f"{gone['unread']} messages written to it wait here; it cannot come for them any more.",
            )
        if dry_run:
            return
        if not yes and not agreed("Oublier ce pair ? / Forget this peer?"):
            raise typer.Exit(1)
        node.call("federation", "peer_remove", {"peer": name})
    tell(f"{gone['id']} est oublié.", f"{gone['id']} is forgotten.")


def _set(folder: Path, name: str, door: str) -> None:
    with connected(folder) as node:
        node.call("federation", door, {"peer": name})


def _watch(node: Client) -> None:
    """Until Ctrl-C."""
    with suppress(KeyboardInterrupt), out.screen():
        while True:
            peers = node.call("federation", "peers")["peers"]
            out.clear()
            _listed(peers)
            tell("Ctrl-C pour arrêter.", "Ctrl-C to stop.")
            time.sleep(LOOK_EVERY_S)


def _listed(peers: list[dict[str, Any]]) -> None:
    names = {each["node"]: each["id"] for each in peers}
    rows = []
    for each in peers:
        streams = each["streams"]
        troubles = [each["trouble"], each["called"], *(stream["trouble"] for stream in streams)]
        rows.append(
            {"id": each["id"], "node": each["node"][:BEGINNING], "name": each["name"], "state": _state(each, names),
             "records": _sum_of(each, "records"), "lag": _sum_of(each, "lag"),
             "equal": ", ".join(EQUAL[stream["equal"]] for stream in streams), "heard": clock.ago(each["heard_at"]),
             "trouble": "; ".join(filter(None, troubles))}
        )  # fmt: skip
    columns = {"id": "pair", "node": "empreinte", "name": "nom", "state": "état", "records": "fiches", "lag": "retard",
               "equal": "égal", "heard": "entendu", "trouble": "ennui"}  # fmt: skip
    table(rows, columns, "Aucun pair : maillage peer add DIR CARTE")


def _state(peer: dict[str, Any], names: dict[str, str]) -> str:
    """Whether a peer is followed, and how it is read where that is not by its address."""
    by = f", lu par {names.get(peer['via'], 'un pair oublié')}" if peer["via"] else ""
    return STATES[peer["state"]] + (", appelle" if peer["calls"] else "") + by


def _compared(found: dict[str, Any]) -> None:
    """What differs, stream by stream."""
    if not found["streams"]:
        tell(f"Rien n’est tenu de {found['id']} : rien à comparer (maillage peer list DIR dit ce qu’il en est).",
             f"Nothing is held of {found['id']}: nothing to compare.")  # fmt: skip
    for each in found["streams"]:
        if not each["judged"]:
            tell(f"{each['stream']} : pas au même point de contrôle ; recommencez dans une minute.",
                 f"{each['stream']}: not at the same checkpoint; try again in a minute.")  # fmt: skip
        elif not each["differing"]:
            tell(f"{each['stream']} : égal jusqu’à {each['here'][1]}.", f"{each['stream']}: equal.")
    rows = [
        {"id": record["id"], "how": "tenue ici seulement" if not record["there"]
         else "manque ici" if not record["here"] else "une autre version"}
        for each in found["streams"] for record in each["differing"]
    ]  # fmt: skip
    if rows:
        table(rows, {"id": "fiche", "how": "différence"}, "")
    if any(each["more"] for each in found["streams"]):
        tell("Et d’autres encore.", "And more.")


def _sum_of(peer: dict[str, Any], name: str) -> int:
    """A figure over all streams of a peer."""
    return sum(stream[name] for stream in peer["streams"])


HANDING: dict[str, Callable[..., None]] = {
    "hand-over": handing.hand_over, "offers": handing.offers, "offered": handing.offered, "take": handing.take,
    "refuse": handing.refuse, "take-back": handing.take_back, "leave": leaving.leave,
}  # fmt: skip
for command_name, command in HANDING.items():
    peer.command(command_name)(command)
