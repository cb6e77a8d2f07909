"""The page where a file of records comes in, and where an import is taken back."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from flask import Blueprint, Response, request

from gateway import importing
from gateway.pages.shown import fault
from gateway.staff.frame import Frame
from gateway.tray import Tray
from services.directory.formats.sketch import sketch
from services.kernel.errors import Conflict, Forbidden, ValidationError

COUNTS: Final = ("created", "updated", "unchanged", "refused")
UNKNOWN_COLUMNS: Final = (
    "Ce nœud ne connaît pas les colonnes de ce fichier. Voici comment il propose de les lire : relisez, corrigez, puis "
    "essayez de nouveau."
)
FATES: Final = (
    ("kept", "people", "Qualifiées ou modifiées depuis par une personne"),
    ("kept", "changed", "Changées depuis autrement : par un autre import, un programme, une fusion, un retrait"),
    ("kept", "needed", "Structures dont un service reste"),
    ("withdrawn", "people", "Retirées, qu’une personne avait qualifiées ou modifiées"),
    ("restored", "people", "Rendues à leur état d’avant, qu’une personne avait qualifiées ou modifiées"),
    ("withdrawn", "", "Retirées"),
    ("restored", "", "Rendues à leur état d’avant"),
)
"""What becomes of records when an import is taken back (`done`, `why`), those first that may surprise."""
TOLD: Final = 20
LONGEST_COUNT: Final = 10
"""Records that the directory names of each fate."""
GONE: Final = "Le fichier n’est plus gardé : choisissez-le de nouveau."


def add(staff: Blueprint, frame: Frame, tray: Tray) -> None:
    """`/importer`, and taking an import back."""

    @staff.get("/importer")
    def imports() -> Response:
        return _page(frame)

    @staff.post("/importer")
    def bring_in() -> Response:
        request.max_content_length = importing.LARGEST_BYTES
        if not frame.visitor().may("directory:import"):  # before anything is read: a file may be long to read
            raise Forbidden("Vous ne pouvez pas importer de fiches.")
        return _bring_in(frame, tray)

    @staff.get("/importer/annuler")
    def foresee_undo() -> Response:
        asked = {"import": request.args.get("import", "")}
        return _undo_page(frame, asked, frame.call("directory", "undo_preview", asked), sure=False)

    @staff.post("/importer/annuler")
    def undo_import() -> Response:
        asked = {"import": request.form.get("import", ""), "all": request.form.get("all") == "oui"}
        seen = request.form.get("by_people", "")
        shown = {"by_people": int(seen)} if seen.isdecimal() and len(seen) < LONGEST_COUNT else {}
        try:
            return _undo_page(frame, asked, frame.call("directory", "undo", asked | shown), sure=True)
        except Conflict as error:
            asked.pop("all")
            found = frame.call("directory", "undo_preview", asked)
            return _undo_page(frame, asked, found, sure=False, status=409, failed=str(error))


def _undo_page(
    frame: Frame, asked: dict[str, Any], done: dict[str, Any], sure: bool, status: int = 200, failed: str = ""
) -> Response:
    everything = asked.get("all", False)
    told = {"failed": failed, "titles": FATES, "told": TOLD, "import": asked["import"], "everything": everything}
    return frame.page("undo.html", status, done=done, sure=sure, **told)


def _bring_in(frame: Frame, tray: Tray) -> Response:
    source, trial = request.form.get("source", "").strip(), request.form.get("trial") == "oui"
    mapping, sent, kept = request.form.get("mapping", ""), request.files.get("file"), request.form.get("kept", "")
    if sent is not None and sent.filename:
        tray.drop(kept)
        kept = tray.keep(sent)
    path = tray.find(kept)
    if path is None:
        return _page(
            frame, 422, wrong=[GONE if kept else importing.NO_FILE], source=source, mapping=mapping, ticked=trial
        )
    typed: dict[str, Any] = {"source": source, "mapping": mapping, "kept": kept, "name": path.name, "ticked": trial}
    try:
        report = importing.take(partial(frame.call, "directory"), path, source, trial, mapping)
    except ValidationError as error:
        if not mapping.strip() and any(each["code"] == "file.columns" for each in error.details or ()):
            proposed = sketch(path, source, by_page=True)
            return _page(frame, 422, **typed | {"mapping": proposed, "wrong": [UNKNOWN_COLUMNS], "ticked": True})
        return _page(frame, 422, **typed, wrong=_sentences(error))
    if trial:
        return _page(frame, **typed | {"ticked": False}, report=report, trial=True)
    tray.drop(kept)
    return _page(frame, report=report, used=mapping)


def _sentences(error: ValidationError) -> list[str]:
    """What is wrong, each thing once: the message of a file that cannot be read is made of its first fault."""
    faults = error.details or []
    told = [f"{f'Ligne {line} : ' if (line := each.get('line')) else ''}{fault(each)}" for each in faults]
    repeated = any(each["why"][:40] in error.message for each in faults)
    return told if repeated else [error.message, *told]


def _page(frame: Frame, status: int = 200, **given: Any) -> Response:
    done = frame.call("directory", "imports", {})["imports"]
    largest = importing.LARGEST_BYTES // 1_000_000
    shown = {
        "report": None,
        "wrong": [],
        "source": "",
        "mapping": "",
        "kept": "",
        "name": "",
        "trial": False,
        "ticked": False,
        "used": "",
    } | given
    return frame.page("imports.html", status, imports=done, counts=COUNTS, largest=largest, **shown)
