"""Records offered between nodes: what others offer to this one, what it offers, and what a permanent decides of it."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as Answer

from gateway.staff.frame import Frame
from services.kernel.errors import NotFound, ValidationError, WrongState

PAGE_SIZE: Final = 50
WAITS: Final = "offered"
STATES: Final = {
    "offered": "attend une décision", "accepted": "acceptée", "refused": "refusée", "taken back": "reprise",
}  # fmt: skip
DONE: Final = {"accept": "passation-prise", "refuse": "passation-refusee", "take_back": "passation-reprise"}


def add(staff: Blueprint, frame: Frame) -> None:
    """`/passations`."""

    @staff.get("/passations")
    def handovers() -> Response:
        found = frame.call("directory", "offers", {})["offers"]
        waiting = [each for each in found if each["state"] == WAITS]
        return frame.page(
            "handovers.html", states=STATES, decided=[each for each in found if each["state"] != WAITS],
            to_us=[each for each in waiting if not each["outward"]], ours=[each for each in waiting if each["outward"]],
        )  # fmt: skip

    @staff.get("/passations/<uuid:identifier>")
    def handover(identifier: UUID) -> Response:
        return _page(frame, identifier)

    @staff.post("/passations/<uuid:identifier>")
    def decide_handover(identifier: UUID) -> Answer:
        frame.visitor()
        said = {name: request.form.get(name, "").strip() for name in ("decision", "answer")}
        try:
            frame.call("directory", "offer_decide", {"id": str(identifier), **said})
        except (WrongState, ValidationError) as error:
            return _page(
                frame, identifier, 409 if isinstance(error, WrongState) else 422, said["answer"], error.message
            )
        return frame.on("handovers", DONE[said["decision"]])


def _page(frame: Frame, identifier: UUID, status: int = 200, answer: str = "", wrong: str = "") -> Response:
    offers: list[dict[str, Any]] = frame.call("directory", "offers", {})["offers"]
    offer = next((each for each in offers if each["id"] == str(identifier)), None)
    if offer is None:
        raise NotFound("Aucune proposition de fiches de ce numéro : /passations montre les cent dernières.")
    asked = {"id": offer["id"], "after": request.args.get("apres", ""), "limit": PAGE_SIZE}
    return frame.page(
        "handover.html", status, offer=offer, page=frame.call("directory", "offered", asked), states=STATES,
        here=offer["structures"] + offer["services"], answer=answer, wrong=wrong,
    )  # fmt: skip
