"""The page where a file of records comes in, and where an import is taken back."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as Answer

from gateway import importing
from gateway.staff.frame import Frame
from services.kernel.errors import Forbidden, ValidationError

COUNTS: Final = ("created", "updated", "unchanged", "refused")


def add(staff: Blueprint, frame: Frame) -> None:
    """`/importer`, and taking an import back."""

    @staff.get("/importer")
    def imports() -> Response:
        return _page(frame, report=None, wrong=[], source="")

    @staff.post("/importer")
    def bring_in() -> Response:
        request.max_content_length = importing.LARGEST_BYTES
        if not frame.visitor().may("directory:import"):  # before anything is read: a file may be long to read
            raise Forbidden("Vous ne pouvez pas importer de fiches.")
        source, trial = request.form.get("source", "").strip(), request.form.get("trial") == "oui"
        try:
            report = importing.bring_in(partial(frame.call, "directory"), request.files.get("file"), source, trial)
        except ValidationError as error:
            wrong = [error.message, *(f"{each['why']} {each['remedy']}" for each in error.details or ())]
            return _page(frame, 422, report=None, wrong=wrong, source=source)
        return _page(frame, report=report, wrong=[], source=source, trial=trial)

    @staff.post("/importer/annuler")
    def undo_import() -> Answer:
        frame.call("directory", "undo", {"import": request.form.get("import", "")})
        return frame.on("imports", "import-annule")


def _page(frame: Frame, status: int = 200, **given: Any) -> Response:
    done = frame.call("directory", "imports", {})["imports"]
    largest = importing.LARGEST_BYTES // 1_000_000
    return frame.page("imports.html", status, imports=done, counts=COUNTS, largest=largest, **given)
