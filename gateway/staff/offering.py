"""Offering records to another node: first what would be offered, then, on a second form, offered."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as Answer

from gateway.pages.shown import refusal
from gateway.staff.frame import Frame
from services.kernel.errors import Conflict, MaillageError, NotFound, ValidationError, WrongState

TYPED: Final = ("to", "what", "id", "note")
_SOURCE: Final = "source:"
_NO_CHOICE: Final = "Choisissez à quel nœud, et quelles fiches."


def add(staff: Blueprint, frame: Frame) -> None:
    """`/passations/proposer`."""

    @staff.get("/passations/proposer")
    def offer() -> Response:
        one = request.args.get("id", "").strip()
        return _page(frame, dict.fromkeys(TYPED, "") | {"id": one, "what": "id" if one else ""})

    @staff.post("/passations/proposer")
    def send_offer() -> Answer:
        frame.visitor()
        typed = {name: request.form.get(name, "").strip() for name in TYPED}
        if not (typed["to"] and typed["what"]):
            return _page(frame, typed, 422, wrong=_NO_CHOICE)
        sure = request.form.get("sure") == "oui"
        try:
            found = frame.call("directory", "hand_over", _asked(typed) | {"dry_run": not sure})
        except (Conflict, NotFound, ValidationError, WrongState) as error:
            return _page(frame, typed, _status(error), wrong=refusal(error))
        return frame.on("handovers", "passation-proposee") if sure else _page(frame, typed, foreseen=found)


def _asked(typed: dict[str, str]) -> dict[str, Any]:
    """What the room is asked; `what` is `id`, `all`, or `source:` and its name."""
    said: dict[str, Any] = {"to": typed["to"], "note": typed["note"]}
    if typed["what"] == "all":
        return said | {"all": True}
    if typed["what"].startswith(_SOURCE):
        return said | {"source": typed["what"].removeprefix(_SOURCE)}
    return said | {"ids": [typed["id"]]}


def _status(error: MaillageError) -> int:
    return 422 if isinstance(error, ValidationError) else 409


def _page(frame: Frame, typed: dict[str, str], status: int = 200, *, wrong: str = "", foreseen: Any = None) -> Response:
    nodes = frame.call("directory", "offers", {})["nodes"]
    sources = frame.call("directory", "sources", {})["sources"]
    name = ""
    if typed["id"]:
        record = frame.call("directory", "open_record", {"id": typed["id"]})
        name = record.get("fields", {}).get("nom") or record["id"]
    return frame.page(
        "offer.html", status, typed=typed, wrong=wrong, foreseen=foreseen, nodes=nodes, name=name,
        to_name=next((each["name"] for each in nodes if each["node"] == typed["to"]), ""),
        sources=[each["name"] for each in sources if each["public"]],
    )  # fmt: skip
