"""Commands about structures that may be one: find them, list the pairs, decide, separate again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn

from deploy.client import connected
from deploy.commands.common import AsJson, Folder, err, out, sentences, show, table, tell

duplicates = typer.Typer(no_args_is_help=True, help="Les fiches qui n’en font peut-être qu’une / duplicates.")
Permanent = Annotated[str, typer.Option("--as", metavar="EMAIL", help="Permanent au nom de qui agir")]
Id = Annotated[str, typer.Argument(metavar="FICHE", help="Identifiant d’une structure")]
Call = Callable[[str, dict[str, Any]], Any]
COLUMNS = {"grade": "", "score": "score", "suggests": "plutôt", "a": "fiche", "b": "autre fiche", "names": "noms"}


@duplicates.command("find")
@sentences
def find(folder: Folder, as_: Permanent, as_json: AsJson = False) -> None:
    """Comparer maintenant tout ce qui attend de l’être / compare all that waits for it."""
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:.0f} / {task.total:.0f}"),
        console=err, transient=True,
    )  # fmt: skip
    with _permanent(folder, as_) as call, bar as bars:
        task, compared, waiting = bars.add_task("Comparaison", total=1), 0, 1
        while waiting:
            done = call("duplicates_find", {})
            compared, waiting = compared + done["compared"], done["waiting"]
            bars.update(task, completed=compared, total=compared + waiting)
        pairs = len(_all(call))
    show({"compared": compared, "pairs": pairs}, as_json, lambda: tell(
        f"Structures comparées : {compared}. Paires à décider : {pairs}.",
        f"Structures compared: {compared}. Pairs to decide: {pairs}.",
    ))  # fmt: skip


@duplicates.command("list")
@sentences
def list_(folder: Folder, as_: Permanent, as_json: AsJson = False) -> None:
    """Les paires à décider, les plus probables d’abord / pairs to decide, the likeliest first."""
    with _permanent(folder, as_) as call:
        rows = [_row(pair) for pair in _all(call)]
    show(rows, as_json, lambda: table(rows, COLUMNS, "Aucune paire à décider."))


@duplicates.command("decide")
@sentences
def decide(
    folder: Folder,
    a: Id,
    b: Id,
    decision: Annotated[str, typer.Argument(help="same (n’en font qu’une), different ou branch (antenne)")],
    as_: Permanent,
    head: Annotated[str | None, typer.Option(help="Avec branch : la fiche du siège")] = None,
    keep: Annotated[str | None, typer.Option(help="Avec same : la fiche qui reste")] = None,
    dry_run: Annotated[bool, typer.Option(help="Montrer la fiche qui resterait, sans rien faire")] = False,
    as_json: AsJson = False,
) -> None:
    """Dire si deux fiches n’en font qu’une ; ce n’est plus demandé / say whether two are one, once and for all."""
    asked = {"a": a, "b": b, "decision": decision, "head": head, "keep": keep, "dry_run": dry_run}
    with _permanent(folder, as_) as call:
        done = call("duplicate_decide", asked)

    def people() -> None:
        if "outcome" in done:
            _tell_outcome(done["outcome"])
            return
        if "kept" not in done:
            tell("C’est noté, et ne sera plus demandé.", "Noted, never asked again.")
            return
        verb = ("Resterait", "Would stay") if dry_run else ("Reste", "Stays")
        tell(f"{verb[0]} : {done['kept']}", f"{verb[1]}: {done['kept']}")
        for name, value in done["record"]["fields"].items():
            out.print(f"  {name} : {value}", markup=False)

    show(done, as_json, people)


@duplicates.command("undo")
@sentences
def undo(
    folder: Folder,
    kept: Id,
    as_: Permanent,
    other: Annotated[str | None, typer.Argument(metavar="[AUTRE]", help="Reprendre ce qui fut décidé des deux")] = None,
    as_json: AsJson = False,
) -> None:
    """Séparer ce qui a été fusionné en dernier, ou reprendre une décision / undo a merge or a decision."""
    with _permanent(folder, as_) as call:
        if other is not None:
            found = call("duplicate_undo", {"a": kept, "b": other})
            show(found, as_json, lambda: _tell_outcome(found))
            return
        done = call("merge_undo", {"id": kept})
    show(done, as_json, lambda: tell(f"Séparée : {done['separated']}", f"Separated: {done['separated']}"))


@duplicates.command("contrary")
@sentences
def contrary(folder: Folder, as_: Permanent, as_json: AsJson = False) -> None:
    """Nos décisions dont un autre nœud a décidé autrement / where another node decided otherwise."""
    with _permanent(folder, as_) as call:
        pairs = call("duplicates_contrary", {})["pairs"]

    def people() -> None:
        for pair in pairs:
            out.print(f"{pair['names'][0]} — {pair['names'][1]}  {pair['a']} {pair['b']}", markup=False)
            _tell_outcome(pair["outcome"])
        if not pairs:
            tell("Aucune décision contraire.", "No contrary decision.")

    show(pairs, as_json, people)


def _tell_outcome(found: dict[str, Any]) -> None:
    """What each node said of a pair, and what comes of it."""
    for each in found["said"]:
        home = " (nœud d’origine / home)" if each["home"] else ""
        out.print(f"  {each['name']}{home} : {each['decision']}, {each['at'][:10]}", markup=False)
    tell(f"Ce qui vaut partout : {found['decision'] or 'rien encore'}.",
         f"What holds everywhere: {found['decision'] or 'nothing yet'}.")  # fmt: skip
    if found["public"]:
        tell(f"Le public en voit une : {found['kept']}", f"The public sees one: {found['kept']}")


@contextmanager
def _permanent(folder: Path, email: str) -> Iterator[Call]:
    """`call(method, request)` of the directory, by a permanent; their proof is asked anew, since it lasts minutes."""
    with connected(folder) as node:

        def call(method: str, request: dict[str, Any]) -> Any:
            proof = node.call("accounts", "act_as", {"email": email})["actor"]
            return node.call("directory", method, request, actor=proof)

        yield call


def _all(call: Call) -> list[dict[str, Any]]:
    pairs: list[dict[str, Any]] = []
    after: str | None = ""
    while after is not None:
        page = call("duplicates", {"after": after, "limit": 100})
        pairs += page["pairs"]
        after = page["next"]
    return pairs


def _row(pair: dict[str, Any]) -> dict[str, Any]:
    return {
        "a": pair["a"]["id"], "b": pair["b"]["id"], "score": pair["score"], "grade": pair["grade"],
        "suggests": "branch" if pair["branch"] else "same", "reasons": dict(pair["reasons"]),
        "names": [each["fields"].get("nom", "") for each in (pair["a"], pair["b"])],
    }  # fmt: skip
