"""What all commands share: the folder argument, errors as sentences, output for people or as JSON."""

from __future__ import annotations

import errno
import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

import orjson
import typer
from rich.console import Console
from rich.table import Table

from deploy.words import in_words
from services.kernel.errors import MaillageError, Problem


def whole(folder: Path) -> Path:
    """The node's folder, a restore that was cut off there finished, before any command opens it."""
    if any(folder.glob(".restoring*")):
        from deploy.backup import finish_restore

        if sentences(finish_restore)(folder):
            err.print(in_words(
                "Une remise en état avait été coupée ; elle est finie à présent.", "A restore that was cut off is done."
            ), markup=False)  # fmt: skip
    return folder


Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Dossier du nœud / the node's folder.", callback=whole)]
AsJson = Annotated[bool, typer.Option("--json", help="Données en JSON / data as JSON.")]
Yes = Annotated[bool, typer.Option("--yes", help="Ne pas demander confirmation / do not ask.")]

WIDTH = 400
"""Of a table in a file or a pipe: nothing is cut there, since numbers are copied from it."""
out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDTH)
err = Console(stderr=True, highlight=False, soft_wrap=True)


SAID = {
    errno.ENOSPC: ("le disque est plein : libérez de la place", "the disk is full: make room"),
    errno.EACCES: ("accès refusé : vérifiez les droits", "access denied: check the permissions"),
    errno.ENOENT: ("ce fichier n’existe pas", "there is no such file"),
    errno.EISDIR: ("c’est un dossier, un fichier est attendu", "that is a folder, a file is expected"),
    errno.ENOTDIR: ("un fichier est à la place d’un dossier", "a file stands where a folder is expected"),
}
"""What the system refuses, in words."""

P = ParamSpec("P")
R = TypeVar("R")


def agreed(question: str) -> bool:
    """Ask before what cannot be taken back; `oui` and `yes` agree, anything else does not."""
    try:
        answer = typer.prompt(f"{question} [oui/N]", default="", show_default=False, err=True)
    except typer.Abort:  # Ctrl-C, or nobody there to answer
        answer = ""
        err.print()
        err.print(
            in_words("Rien n’a été fait (--yes répond d’avance).", "Nothing was done (--yes answers beforehand).")
        )
    return answer.strip().casefold() in ("o", "oui", "y", "yes")


def sentences(command: Callable[P, R]) -> Callable[P, R]:
    """Errors of the product become one sentence and exit code 1, never a traceback."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except MaillageError as error:
            tell_error(error)
        except OSError as error:
            fr, en = SAID.get(error.errno or 0, (error.strerror or str(error),) * 2)
            where = f" ({error.filename})" if error.filename else ""
            err.print(f"{in_words('Erreur', 'Error')} : {in_words(fr, en)}{where}", style="red", markup=False)
        except ValueError as error:
            err.print(f"Erreur : {error}", style="red", markup=False)
        except KeyboardInterrupt:
            fr, en = (
                "Interrompu : ce qui était fait l’est, recommencez pour continuer.",
                "Stopped: start again to go on.",
            )
            err.print(in_words(fr, en), markup=False)
        raise typer.Exit(1)

    return run


def tell(fr: str, en: str, style: str | None = None) -> None:
    """One line for people, in the language of the terminal; in both where it does not say."""
    out.print(in_words(fr, en), style=style, markup=False)


def tell_error(error: MaillageError) -> None:
    """The sentence, then each field at fault with its remedy."""
    err.print(f"Erreur : {error.message}", style="red", markup=False)
    for problem in error.details if isinstance(error.details, list) else ():
        if problem["why"] not in error.message:
            err.print(f"  {of_problem(problem)}", markup=False)


def of_problem(problem: Problem) -> str:
    """A fault in one line: where it is, the value, why, what to do."""
    places = [f"ligne {problem['line']}" if problem.get("line") else "", problem["field"]]
    value = f" « {problem['value']} »" if problem.get("value") else ""
    return f"{', '.join(filter(None, places))}{value} : {problem['why'].rstrip('.')}. {problem['remedy']}"


def show(data: Any, as_json: bool, people: Callable[[], None]) -> None:
    """Print `data` as JSON, or let `people` print it for people."""
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(data, option=orjson.OPT_INDENT_2) + b"\n")
    else:
        people()


def table(rows: list[dict[str, Any]], columns: dict[str, str], nothing: str) -> None:
    """A table of `rows`: key → heading; the sentence `nothing` where there are none."""
    if not rows:
        out.print(nothing)
        return
    drawn = Table(box=None, pad_edge=False)
    for heading in columns.values():
        drawn.add_column(heading, overflow="fold")
    for row in rows:
        drawn.add_row(*(_cell(row.get(key)) for key in columns))
    out.print(drawn)


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} {count}" for key, count in value.items())
    return "" if value is None else str(value)
