"""Somebody objects to being named: what names them is shown, then it is gone for good, and other nodes are told."""

from __future__ import annotations

from functools import partial
from typing import Any, Final
from uuid import UUID

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as Answer

from gateway import forgetting
from gateway.pages.shown import refusal
from gateway.staff.frame import Frame
from gateway.tray import Tray
from services.kernel.errors import ValidationError, WrongState

PLACES: Final = {
    "extra": "ce qu’un import a gardé à côté", "source_id": "son identifiant, qui reste : retirez plutôt la fiche",
}  # fmt: skip
FIELDS: Final = (("contact_nom_prenom", "Nom et prénom"), ("courriel", "Adresse électronique"),
                 ("telephone", "Téléphone"))  # fmt: skip
STATES: Final = {
    "waiting": "pas encore prévenu", "sent": "prévenu, n’a pas encore répondu", "accepted": "acceptée",
    "dismissed": "écartée", "absent": "ne la nomme pas", "open": "à examiner",
}  # fmt: skip


def add(staff: Blueprint, frame: Frame, tray: Tray) -> None:
    """`/oppositions`, `/oppositions/recues`."""
    _add_heard(staff, frame, tray)

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
                seen = frame.call("directory", "object_to", said | {"dry_run": True})
                return _page(frame, typed=said, found=seen["found"], elsewhere=seen["elsewhere"], wrong="")
            done = forgetting.forget(partial(frame.call, "directory"), said)
            tray.sweep(0)
        except ValidationError as error:
            return _page(frame, 422, typed=said, found=None, wrong=refusal(error))
        return frame.on(
            "objections", "expurge-non-dit" if done.unreached else "expurge-dit" if done.told else "expurge"
        )


def _add_heard(staff: Blueprint, frame: Frame, tray: Tray) -> None:
    @staff.get("/oppositions/recues")
    def heard_objections() -> Response:
        return _heard(frame)

    @staff.post("/oppositions/recues/<uuid:identifier>")
    def decide_objection(identifier: UUID) -> Answer:
        """Accepted: they are taken out of this node as by an objection made here. Dismissed: with the reason."""
        frame.visitor()
        accepts, answer = request.form.get("decision") == "accept", request.form.get("answer", "").strip()
        call, named = partial(frame.call, "directory"), str(identifier)
        try:
            if accepts:
                forgetting.accept(call, named, answer)
                tray.sweep(0)
            else:
                call("objection_decide", {"id": named, "decision": "dismiss", "answer": answer})
        except (ValidationError, WrongState) as error:
            status = 422 if isinstance(error, ValidationError) else 409
            return _heard(frame, status, error.message, named)
        return frame.on("heard_objections", "opposition-acceptee" if accepts else "opposition-ecartee")


def _heard(frame: Frame, status: int = 200, wrong: str = "", of: str = "") -> Response:
    found = frame.call("directory", "objections_heard", {})["heard"]
    waiting = [each for each in found if each["state"] == "open"]
    decided = [each for each in found if each["state"] != "open"]
    return frame.page("objections_heard.html", status, waiting=waiting, decided=decided, states=STATES, places=PLACES,
                      wrong=wrong, of=of)  # fmt: skip


def _page(frame: Frame, status: int = 200, **given: Any) -> Response:
    known = frame.call("directory", "objections", {})["objections"]
    told = frame.call("directory", "objections_told", {})["told"]
    given = {"elsewhere": []} | given
    return frame.page("objections.html", status, fields=FIELDS, places=PLACES, known=known, told=told, states=STATES,
                      **given)  # fmt: skip
