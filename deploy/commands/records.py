"""Commands about records: source list and set, imports, publish, undo."""

from __future__ import annotations

import difflib
from typing import Annotated

import typer

from deploy.client import Client, connected
from deploy.commands.common import AsJson, Folder, of_problem, out, sentences, show, table, tell
from services.kernel.errors import ValidationError

source = typer.Typer(no_args_is_help=True, help="Les sources des fiches et leur politique / sources and policies.")


@source.command("list")
@sentences
def source_list(folder: Folder, as_json: AsJson = False) -> None:
    """Les sources, leur politique et leurs fiches / sources, their policy and records."""
    with connected(folder) as node:
        sources = node.call("directory", "sources")["sources"]
    columns = {"name": "source", "policy": "politique", "licence": "licence", "attribution": "attribution",
               "records": "fiches"}  # fmt: skip
    show(sources, as_json, lambda: table(sources, columns, "Aucune source : maillage import DIR FICHIER"))


@source.command("set")
@sentences
def source_set(
    folder: Folder,
    name: Annotated[str, typer.Argument(help="Nom de la source")],
    policy: Annotated[str | None, typer.Option(help="hold (retenu) ou publish (publié d’office)")] = None,
    label: Annotated[str | None, typer.Option(help="Nom lisible / readable name")] = None,
    licence: Annotated[str | None, typer.Option(help="Licence des fiches")] = None,
    attribution: Annotated[str | None, typer.Option(help="À qui les attribuer")] = None,
) -> None:
    """Changer une source / change a source."""
    given = {"policy": policy, "label": label, "licence": licence, "attribution": attribution}
    with connected(folder) as node:
        _must_be_source(node, name)
        request = {"name": name} | {key: value for key, value in given.items() if value is not None}
        changed = node.call("directory", "source_set", request)
    out.print(f"{changed['name']} : {changed['policy']}, {changed['licence'] or 'sans licence'}", markup=False)


@sentences
def publish(
    folder: Folder,
    source: Annotated[str, typer.Option(help="Source dont publier les fiches retenues")],
    as_: Annotated[str, typer.Option("--as", metavar="EMAIL", help="Permanent au nom de qui publier")],
    as_json: AsJson = False,
) -> None:
    """Publier d’un coup les fiches retenues d’une source / publish what is held of a source."""
    with connected(folder) as node:
        _must_be_source(node, source)
        proof = node.call("accounts", "act_as", {"email": as_})["actor"]
        done = node.call("directory", "publish", {"source": source}, actor=proof)

    def people() -> None:
        published, refused = done["published"], len(done["refused"])
        tell(
            f"Fiches publiées : {published}, refusées : {refused}.",
            f"Records published: {published}, refused: {refused}.",
        )
        for each in done["refused"]:
            out.print(f"  {each['id']} : {each['why']}", markup=False)
            for problem in each["problems"] or ():
                out.print(f"    {of_problem(problem)}", markup=False)

    show(done, as_json, people)


@sentences
def undo(
    folder: Folder, import_: Annotated[str, typer.Argument(metavar="IMPORT", help="Numéro donné par l’import")]
) -> None:
    """Annuler un import, sauf ce qui a changé depuis / take an import back."""
    with connected(folder) as node:
        done = node.call("directory", "undo", {"import": import_})
    tell(
        f"Import annulé. Fiches retirées : {done['withdrawn']}, rendues à leur état d’avant : {done['restored']}, "
        f"gardées car modifiées depuis, ou nécessaires à d’autres : {done['kept']}.",
        f"Import taken back. Records withdrawn: {done['withdrawn']}, as they were before: {done['restored']}, "
        f"kept because changed since, or needed by others: {done['kept']}.",
    )


@sentences
def imports(folder: Folder, as_json: AsJson = False) -> None:
    """Les derniers imports, avec leur numéro / the last imports, with their numbers."""
    with connected(folder) as node:
        done = node.call("directory", "imports")["imports"]
    columns = {"import": "import", "source": "source", "name": "fichiers", "state": "état", "started_at": "le",
               "created": "créées", "updated": "modifiées", "refused": "refusées"}  # fmt: skip
    show(done, as_json, lambda: table(done, columns, "Aucun import : maillage import DIR FICHIER"))


def _must_be_source(node: Client, name: str) -> None:
    """Raises `ValidationError` with the nearest name, or with all there are."""
    known = [each["name"] for each in node.call("directory", "sources")["sources"]]
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        remedy = f"Vouliez-vous dire « {near[0]} » ?" if near else f"Connues : {', '.join(known) or 'aucune'}."
        raise ValidationError(f"Aucune source « {name} ». {remedy}")
