"""Commands about the node itself: init, up, run, status, rebuild, verify, doctor."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from deploy.client import connected
from deploy.commands.common import AsJson, Folder, out, sentences, show, table, tell, whole
from deploy.folder import ROOMS, must_be_port
from services.federation.events import EQUAL
from services.kernel import identity, settings
from services.kernel.errors import Conflict, NotFound

MARKS = {(True, True): "[green]bon[/green]", (False, True): "[red]à voir[/red]", (True, False): "pas su"}


@sentences
def init(
    folder: Folder,
    id: Annotated[str, typer.Option(help="Nom court du membre, en minuscules / short label: radar")],
    name: Annotated[str, typer.Option(help="Nom du membre / the member's name: RADAR")],
    territory: Annotated[str, typer.Option(help="Code INSEE de la commune, du département ou SIREN de l’EPCI")] = "",
    url: Annotated[str, typer.Option(help="Adresse publique / public address, https://…")] = "",
    broker: Annotated[str, typer.Option(help="amqp://… (vide : courtier intégré / empty: embedded)")] = "",
    database: Annotated[str, typer.Option(help="postgresql+psycopg://… (vide : SQLite)")] = "",
) -> None:
    """Créer le dossier d’un nœud : réglages et clés / create a node's folder: settings and keys."""
    if folder.exists() and not folder.is_dir():
        raise Conflict(f"{folder} est un fichier : donnez le chemin d’un dossier.")
    if (folder / settings.FILE).exists():
        raise Conflict(f"{folder} est déjà le dossier d’un nœud : rien n’a été changé.")
    settings.write(folder, settings.Node(id=id, name=name, territory=territory, url=url), broker, database)
    made = identity.create(folder)
    tell(
        f"Nœud « {name} » créé dans {folder}. Empreinte : {made.name}",
        f"Node “{name}” made in {folder}. Fingerprint: {made.name}",
    )
    tell(f"Ensuite : maillage up {folder}", f"Next: maillage up {folder}")
    tell(
        f"Puis entrez par un lien : maillage user add {folder} vous@example.org --role administrator --role permanent, "
        f"et maillage user link {folder} vous@example.org. Votre première page dit la suite.",
        f"Then come in by a link: maillage user add {folder} you@example.org --role administrator --role permanent, "
        f"and maillage user link {folder} you@example.org. Your first page says what comes next.",
    )


@sentences
def up(
    folder: Folder, port: Annotated[int | None, typer.Option(help="Port HTTP (sinon celui des réglages)")] = None
) -> None:
    """Faire tourner le nœud entier, au premier plan / run the whole node in the foreground."""
    _must_be_node(folder)
    loaded = settings.load(folder)
    if port is not None:
        must_be_port(port)
    module = "deploy.cluster" if loaded.broker.url else "deploy.serve"
    _become(module, str(folder), *(["--port", str(port)] if port else []), "--say-address")


@sentences
def run(
    folder: Folder, service: Annotated[str, typer.Argument(help="directory, accounts, projector, gateway")]
) -> None:
    """Faire tourner un seul service du nœud, au premier plan / run one process of the node."""
    _must_be_node(folder)
    if service == "gateway":
        _become("deploy.web", str(folder))
    if service == "projector":
        _become("deploy.projector", str(folder))
    _become("deploy.serve", str(folder), "--only", service)


@sentences
def status(folder: Folder, as_json: AsJson = False) -> None:
    """Où en sont les flux, les suiveurs et le modèle de lecture / streams, followers, read model."""
    with connected(folder) as node:
        report = node.call("node", "status") | {"peers": node.call("federation", "peers")["peers"]}

    def people() -> None:
        tell(f"Nœud {report['node']}", f"Node {report['node']}")
        rows = [
            {"stream": head["stream"].split("/", 1)[1], "seq": head["seq"], "epoch": head["epoch"],
             "parked": room["parked"]}
            for room in report["rooms"].values() for head in room["heads"]
        ]  # fmt: skip
        table(rows, {"stream": "flux", "seq": "n°", "epoch": "époque", "parked": "en attente"}, "Aucun flux.")
        held = [
            {"peer": peer["id"]} | stream | {"equal": EQUAL[stream["equal"]]}
            for peer in report["peers"] for stream in peer["streams"]
        ]  # fmt: skip
        columns = {"peer": "pair", "head": "tête", "held": "tenu", "lag": "retard", "equal": "égal", "trouble": "ennui"}
        table(held, columns, "Aucun pair.")

    show(report, as_json, people)


@sentences
def rebuild(folder: Folder) -> None:
    """Refaire le modèle de lecture à côté de l’ancien, sans arrêter les lectures / rebuild the read model."""
    with connected(folder) as node:
        done = node.call("node", "rebuild")
    tell(f"Modèle de lecture refait, fiches : {done['records']}.", f"Read model made anew, records: {done['records']}.")


@sentences
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR|FICHIER", help="Un nœud ou une sauvegarde / a node or backup")],
    as_json: AsJson = False,
) -> None:
    """Prouver le journal de chaque service : signatures, chaîne, points de contrôle / prove each log, offline."""
    streams = _of_backup(folder) if folder.is_file() else _of_node(whole(folder))
    faults = [fault for stream in streams for fault in stream["faults"]]

    def people() -> None:
        columns = {"stream": "flux", "events": "événements", "checkpoints": "points de contrôle", "erased": "expurgés"}
        table(streams, columns, "Aucun flux.")
        for fault in faults:
            tell(f"FAUX : {fault}", f"WRONG: {fault}", style="red")
        if not faults:
            tell(
                "Tout se tient. Ce que personne d’autre n’a vu ne peut pas être prouvé.",
                "All holds. What nobody else has seen cannot be proven.",
            )

    show({"streams": streams, "faults": faults}, as_json, people)
    raise typer.Exit(1 if faults else 0)


def _of_node(folder: Path) -> list[dict[str, Any]]:
    with connected(folder) as node:
        return [stream for room in ROOMS for stream in node.call(room, "verify")["streams"]]


def _of_backup(file: Path) -> list[dict[str, Any]]:
    from deploy.backup import prove

    return [vars(proof) for proof in prove(file)]


@sentences
def prune(
    folder: Folder,
    days: Annotated[int, typer.Option(help="Garder entiers les changements de ces jours / keep these days whole")] = 7,
) -> None:
    """Ne garder des changements anciens que le dernier de chaque fiche / keep only each record's last old change."""
    with connected(folder) as node:
        gone = sum(node.call(room, "prune", {"days": days})["gone"] for room in ("directory", "federation"))
    tell(f"Événements ôtés du journal : {gone}.", f"Events taken out of the log: {gone}.")


@sentences
def doctor(folder: Folder, as_json: AsJson = False) -> None:
    """Dire ce qui ne va pas, et quoi faire / say what is wrong, and what to do."""
    from deploy.doctor import examine

    findings = list(examine(folder))

    def people() -> None:
        for each in findings:
            mark = MARKS[each.ok, each.known]
            remedy = f"\n        → {each.remedy}" if each.remedy and not (each.ok and each.known) else ""
            out.print(f"{mark:>6}  " + escape(f"{each.check} : {each.detail}{remedy}"))

    show([each.to_dict() for each in findings], as_json, people)
    raise typer.Exit(0 if all(each.ok for each in findings) else 1)


def _must_be_node(folder: Path) -> None:
    if not (folder / settings.FILE).exists():
        raise NotFound(f"{folder} n’est pas le dossier d’un nœud : maillage init {folder} --id … --name …")


def _become(module: str, *arguments: str) -> None:
    """Go on as another module of ours: one that must patch or fork before anything is imported."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606
