"""Commands about records: source list and set, imports, publish, undo."""

from __future__ import annotations

import difflib
from typing import Annotated, Any, Final

import typer

from deploy.client import Client, connected
from deploy.commands.common import AsJson, Folder, Yes, agreed, of_problem, out, sentences, show, table, tell
from deploy.words import in_words
from services.kernel.errors import ValidationError

WHY: Final = {
    "people": ("qualifiée ou modifiée par une personne", "qualified or edited by a person"),
    "changed": ("changée depuis autrement", "changed otherwise since"),
    "needed": ("nécessaire à des services qui restent", "needed by services that stay"),
}
"""Why an import is not simply taken back in a record."""
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
    folder: Folder,
    import_: Annotated[str, typer.Argument(metavar="IMPORT", help="Numéro donné par l’import")],
    all_: Annotated[
        bool, typer.Option("--all", help="Aussi ce qu’une personne a qualifié ou modifié depuis / people’s words too")
    ] = False,
    as_: Annotated[str, typer.Option("--as", metavar="EMAIL", help="Permanent au nom de qui, avec --all")] = "",
    dry_run: Annotated[bool, typer.Option(help="Dire ce qui serait fait, sans rien faire")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Annuler un import, sauf ce qui a changé depuis / take an import back."""
    asked = {"import": import_, "all": all_}
    with connected(folder) as node:
        done = node.call("directory", "undo_preview", asked)
        proof = node.call("accounts", "act_as", {"email": as_})["actor"] if as_ else None
        if not dry_run:
            if not (yes or as_json):
                _tell_undo(done, all_, foreseen=True)
                if not agreed("Annuler cet import ? / Take it back?"):
                    raise typer.Exit(1)
            done = node.call("directory", "undo", asked | {"by_people": done["by_people"]}, actor=proof)
    show(done, as_json, lambda: _tell_undo(done, all_, foreseen=dry_run))


def _tell_undo(done: dict[str, Any], everything: bool, foreseen: bool) -> None:
    """Counts, then by name what somebody may want to look at: what stays, and what people had put their word behind."""
    fr, en = (
        ("À retirer", "To be withdrawn") if foreseen else ("Import annulé. Fiches retirées", "Taken back. Withdrawn")
    )
    tell(
        f"{fr} : {done['withdrawn']}, rendues à leur état d’avant : {done['restored']}, gardées : {done['kept']}.",
        f"{en}: {done['withdrawn']}, as they were before: {done['restored']}, kept: {done['kept']}.",
    )
    if done["by_people"]:
        tell(
            f"Qualifiées ou modifiées depuis par une personne : {done['by_people']}, "
            f"{'reprises aussi' if everything else 'qui restent (--all --as EMAIL les reprend aussi)'}.",
            f"Qualified or edited by a person since: {done['by_people']}, "
            f"{'taken back too' if everything else 'which stay (--all --as EMAIL takes them back too)'}.",
        )
    if done["differences"]:
        tell(
            f"Contradictions avec des corrections, qui partent avec lui : {done['differences']}.",
            f"What it said otherwise than corrections, gone with it: {done['differences']}.",
        )
    for each in done["records"]:
        if each["why"]:
            out.print(f"  {each['name'] or each['id']} : {in_words(*WHY[each['why']])}", markup=False)


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
