"""What this node does not show of others: decided by a permanent, with the reason, and taken back the same way."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as Answer

from gateway.pages.shown import refusal
from gateway.staff.frame import Frame
from services.kernel.errors import Conflict, NotFound, ValidationError

TYPED: Final = ("id", "reason")


def add(staff: Blueprint, frame: Frame) -> None:
    """`/masquees`."""

    @staff.get("/masquees")
    def hidings() -> Response:
        """`fiche` names a record to begin with."""
        return _page(frame, typed={"id": request.args.get("fiche", "")[:200]})

    @staff.post("/masquees")
    def hide() -> Answer:
        frame.visitor()
        typed = {name: request.form.get(name, "").strip() for name in TYPED}
        tell = request.form.get("tell") == "oui"
        try:
            told = frame.call("directory", "hide", typed | {"tell": tell})["told"]
        except (NotFound, Conflict, ValidationError) as error:
            return _page(frame, 422, typed, refusal(error))
        return frame.on("hidings", "masquee-dite" if told else "masquee-non-dite" if tell else "masquee")

    @staff.post("/masquees/<uuid:id>/montrer")
    def show(id: Any) -> Answer:
        frame.visitor()
        frame.call("directory", "show", {"id": str(id)})
        return frame.on("hidings", "montree")


def _page(frame: Frame, status: int = 200, typed: dict[str, str] | None = None, wrong: str = "") -> Response:
    found = frame.call("directory", "hidings", {"after": request.args.get("apres", "")})
    return frame.page("hidings.html", status, found=found, typed=typed or {}, wrong=wrong)
