"""Commands about the fast lane to other nodes: peer lane open, take, show, close."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.client import connected
from deploy.commands.common import AsJson, Folder, Yes, agreed, out, sentences, show, table, tell
from deploy.doctor_lanes import LINKS

lane = typer.Typer(no_args_is_help=True, help="La voie rapide, par RabbitMQ / the fast lane, over RabbitMQ.")
Name = Annotated[str, typer.Argument(metavar="PAIR", help="Nom court ou empreinte / label or fingerprint")]
DOCUMENT_BYTES = 65_536


@lane.command("open")
@sentences
def lane_open(
    folder: Folder,
    name: Name,
    out_file: Annotated[Path | None, typer.Option("--out", help="Fichier à écrire / file")] = None,
    renew: Annotated[bool, typer.Option("--renew", help="Avec un autre mot de passe / another password")] = False,
    as_json: AsJson = False,
) -> None:
    """Faire notre côté, et le document à envoyer à l’autre membre / make our side, and the document for theirs."""
    with connected(folder) as node:
        done = node.call("federation", "lane_open", {"peer": name, "renew": renew})
    if as_json:
        show(done, True, lambda: None)
        return
    if out_file is None:
        sys.stdout.write(done["document"] + "\n")
        return
    _write(out_file, done["document"])
    _told(done["made"])
    tell(
        f"À envoyer à {done['id']}, qui fait : maillage peer lane take DIR {out_file.name}",
        f"Send it to {done['id']}, who types: maillage peer lane take DIR {out_file.name}",
    )
    if done["certificates"]:
        tell(
            f"Certificats que RabbitMQ doit servir : {done['certificates']}/tls.conf (voir docs/operators.md)",
            f"Certificates that RabbitMQ is to serve: {done['certificates']}/tls.conf (see docs/operators.md)",
        )
    if done["waits"]:
        tell(
            f"Il lira ici une fois son document pris : maillage peer lane take {folder} FICHIER",
            f"It reads here once its own document is taken: maillage peer lane take {folder} FILE",
        )


@lane.command("take")
@sentences
def lane_take(
    folder: Folder,
    document: Annotated[Path, typer.Argument(metavar="FICHIER", help="Document reçu ; - : entrée standard")],
    as_json: AsJson = False,
) -> None:
    """Prendre le document de l’autre membre / take the document of the other member."""
    raw = sys.stdin.read(DOCUMENT_BYTES + 1) if str(document) == "-" else document.read_text("ascii", "replace")
    with connected(folder) as node:
        done = node.call("federation", "lane_take", {"document": raw.strip()})
    if as_json:
        show(done, True, lambda: None)
        return
    _told(done["made"])
    if done["reads"]:
        tell(f"{done['id']} arrive par RabbitMQ : maillage peer lane show {folder}", f"{done['id']} comes by RabbitMQ.")
    else:
        tell(f"{done['id']} lit ici ; lui-même reste lu par HTTPS.", f"{done['id']} reads here; it is read by HTTPS.")


@lane.command("show")
@sentences
def lane_show(folder: Folder, as_json: AsJson = False) -> None:
    """Les voies rapides : ce qui est arrivé, leur état / the lanes: what came, their state."""
    with connected(folder) as node:
        said = node.call("federation", "lanes")
    show(said, as_json, lambda: _listed(said))


@lane.command("close")
@sentences
def lane_close(folder: Folder, name: Name, yes: Yes = False, as_json: AsJson = False) -> None:
    """Défaire notre côté ; HTTPS continue / take our side away; HTTPS goes on."""
    if not yes and not as_json and not agreed(f"Fermer la voie rapide avec {name} ? / Close it?"):
        raise typer.Exit(1)
    with connected(folder) as node:
        done = node.call("federation", "lane_close", {"peer": name})
    if as_json:
        show(done, True, lambda: None)
        return
    tell(
        f"Fermée : {', '.join(done['gone']) or 'rien n’était fait'}.",
        f"Closed: {', '.join(done['gone']) or 'nothing'}.",
    )


def _write(path: Path, document: str) -> None:
    """Sealed as it is, it is nobody else's business."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(document + "\n")


def _told(made: list[str]) -> None:
    said = ", ".join(made)
    tell(f"Fait : {said}." if made else "Tout était déjà fait.", f"Made: {said}." if made else "All was there already.")


def _listed(said: dict[str, Any]) -> None:
    rows = [each | {"state": f"{LINKS.get(each['state'], each['state'])} {each['why']}".strip()}
            for each in said["lanes"]]  # fmt: skip
    columns = {"id": "pair", "way": "par", "state": "lien", "events": "reçus", "doubled": "en double",
               "refused": "refusés", "last_at": "dernier", "opened_at": "ouverte"}  # fmt: skip
    table(rows, columns, "Aucune voie rapide : maillage peer lane open DIR PAIR")
    if said["trouble"]:
        out.print(said["trouble"], style="red", markup=False)
