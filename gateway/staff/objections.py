"""Somebody objects to being named: what names them is shown, then it is gone for good."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as Answer

from gateway import forgetting
from gateway.pages.shown import refusal
from gateway.staff.frame import Frame
from gateway.tray import Tray
from services.kernel.errors import ValidationError

PLACES: Final = {
    "extra": "ce qu’un import a gardé à côté", "source_id": "son identifiant, qui reste : retirez plutôt la fiche",
}  # fmt: skip
FIELDS: Final = (("contact_nom_prenom", "Nom et prénom"), ("courriel", "Adresse électronique"),
                 ("telephone", "Téléphone"))  # fmt: skip


def add(staff: Blueprint, frame: Frame, tray: Tray) -> None:
    """`/oppositions`."""

    @staff.get("/oppositions")
    def objections() -> Response:
        return _page(frame, typed={}, found=None, wrong="")

    @staff.post("/oppositions")
    def forget() -> Answer:
        """First what names them, then, on a second form, gone."""
        frame.visitor()
        said = {name: request.form.get(name, "").strip() for name, _ in FIELDS}
        try:
            if request.form.get("sure") != "oui":
                found = frame.call("directory", "object_to", said | {"dry_run": True})["found"]
                return _page(frame, typed=said, found=found, wrong="")
            forgetting.forget(partial(frame.call, "directory"), said)
            tray.sweep(0)
        except ValidationError as error:
            return _page(frame, 422, typed=said, found=None, wrong=refusal(error))
        return frame.on("objections", "expurge")


def _page(frame: Frame, status: int = 200, **given: Any) -> Response:
    known = frame.call("directory", "objections", {})["objections"]
    return frame.page("objections.html", status, fields=FIELDS, places=PLACES, known=known, **given)
