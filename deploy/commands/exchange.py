"""Commands that bring records in and take them out: import, export."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from deploy.client import Client, connected
from deploy.commands.common import AsJson, Folder, err, of_problem, out, sentences, show, tell
from deploy.loading import Loader, Outcome, Plan
from services.kernel.errors import ValidationError

PAGE = 500
SHOWN, WARNED = 5, 3
"""Refused values told one by one, and warnings of each code."""
KINDS = "JSON, JSON lignes, CSV, XLSX, ou paquet HSDS (.zip)"
Files = Annotated[list[Path], typer.Argument(metavar="FICHIER…", help=KINDS, exists=True)]


@sentences
def import_(
    folder: Folder,
    files: Files,
    format: Annotated[
        str | None, typer.Option(help="data-inclusion, csv, france-services, ou un fichier de correspondance .toml")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Nom de la source (sinon celui que dit le fichier)")] = None,
    complete: Annotated[bool, typer.Option(help="Retirer ce qui n’est plus dans le fichier (20 % au plus)")] = False,
    force: Annotated[bool, typer.Option(help="Retirer même plus de 20 %")] = False,
    dry_run: Annotated[bool, typer.Option(help="Dire ce qui serait fait, sans rien faire")] = False,
    strict: Annotated[bool, typer.Option(help="Refuser une ligne pour toute valeur incomprise")] = False,
    explain: Annotated[
        bool, typer.Option(help="Dire comment le fichier serait lu, et proposer une correspondance")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Importer des fiches ; recommencer ne double rien / import records; doing it again doubles nothing."""
    from services.directory.formats.reading import detect, read

    if explain:
        _explain(files, format)
        return
    detected = detect(files, format)
    about: dict[str, Any] = dict(detected.rights)
    if detected.mapping is not None:
        known = detected.mapping.source
        source = source or known.name
        about = {"label": known.title, "licence": known.licence, "attribution": known.attribution,
                 "policy": known.policy}  # fmt: skip
    source = source or detected.source
    if not source:
        raise ValidationError("Dites de quelle source viennent ces fiches : --source NOM.")
    rows = read(files, format, source=source, strict=strict)
    plan = Plan(source, ", ".join(path.name for path in files), about, complete, force, dry_run)
    with connected(folder) as node, _bar() as bars:
        bar = bars.add_task("Import", total=1.0, rows=0, rate=0)

        def progress(share: float, count: int) -> None:
            elapsed_s = bars.tasks[0].elapsed or 0.001
            bars.update(bar, completed=share, rows=count, rate=int(count / elapsed_s))

        outcome = Loader(node, plan, Path.cwd()).run(rows, progress)
    show(outcome.to_dict(), as_json, lambda: _tell(outcome, plan, folder))
    raise typer.Exit(1 if outcome.refused else 0)


@sentences
def export(
    folder: Folder,
    out_: Annotated[Path, typer.Option("--out", help="Fichier (.json, .csv, .xlsx, .geojson, .zip…) ou dossier")],
    format: Annotated[
        str | None,
        typer.Option(help="data-inclusion, hsds, hsds-csv, csv, xlsx, geojson, parquet (sinon ce que dit le fichier)"),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Aussi ce qui n’est pas public")] = False,
    as_json: AsJson = False,
) -> None:
    """Exporter les fiches publiques / export the public records."""
    from services.directory.formats.writing import format_for, write

    with connected(folder) as node:
        written = write(format or format_for(out_), out_, _records(node, not all_))
    report = {"files": [str(path) for path in written.files], "structures": written.structures,
              "services": written.services, "left_out": written.left_out}  # fmt: skip

    def people() -> None:
        counts = f"structures : {written.structures}, services : {written.services}"
        tell(f"Exporté, {counts}.", f"Exported, {counts}.")
        for path in written.files:
            out.print(f"  {path}", markup=False)

    show(report, as_json, people)


def _records(node: Client, public: bool) -> Iterator[dict[str, Any]]:
    for kind in ("structure", "service"):
        after: str | None = ""
        while after is not None:
            page = node.call("directory", "export", {"kind": kind, "after": after, "limit": PAGE, "public": public})
            yield from page["records"]
            after = page["next"]


def _explain(files: list[Path], format: str | None) -> None:
    """How the files would be read; for columns that nothing knows, a mapping to begin with."""
    from services.directory.formats.explain import explain
    from services.directory.formats.sketch import sketch

    try:
        for line in explain(files, format):
            out.print(line, markup=False)
    except ValidationError as error:
        if not any(problem.get("code") == "file.columns" for problem in error.details or ()):
            raise
        out.print(f"# {error.message}\n# Une correspondance pour commencer, à compléter :\n", markup=False)
        out.print(sketch(files[0]), markup=False)


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rows]} lignes, {task.fields[rate]}/s"),
        TimeRemainingColumn(), console=err, transient=True,
    )  # fmt: skip


def _tell(outcome: Outcome, plan: Plan, folder: Path) -> None:
    fr, en = ("Seraient", "would be ") if plan.dry_run else ("Fiches", "")
    tell(
        f"{fr} créées : {outcome.created}, modifiées : {outcome.updated}, inchangées : {outcome.unchanged}, "
        f"retirées : {outcome.withdrawn}.",
        f"{en}created: {outcome.created}, changed: {outcome.updated}, unchanged: {outcome.unchanged}, "
        f"withdrawn: {outcome.withdrawn}.".capitalize(),
    )
    _tell_warnings(outcome)
    if outcome.refused:
        tell(f"Lignes refusées : {outcome.refused}", f"Rows refused: {outcome.refused}", style="red")
        for problem in outcome.problems[:SHOWN]:
            out.print(f"  {of_problem(problem)}", markup=False)
        if len(outcome.problems) > SHOWN:
            tell("  … (les autres : --json)", "  … (the others: --json)")
    for path in outcome.refused_files:
        tell(f"Corrigez-les dans {path}, puis importez ce fichier.", f"Correct them in {path}, then import that file.")
    if outcome.import_id:
        undo = f"maillage undo {folder} {outcome.import_id}"
        tell(f"Pour annuler : {undo}", f"To take it back: {undo}")


def _tell_warnings(outcome: Outcome) -> None:
    """What was understood in part, or not: kept beside, told with where it stands."""
    if not outcome.read.warnings:
        return
    total = outcome.read.warnings.total()
    tell(f"Importées, et à vérifier : {total} valeurs", f"Imported, and worth a look: {total} values", style="yellow")
    for code, count in outcome.read.warnings.most_common():
        out.print(f"  {code} ({count})", markup=False)
        for problem in outcome.read.examples[code][:WARNED]:
            out.print(f"    {of_problem(problem)}", markup=False)
