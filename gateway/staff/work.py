"""What waits for a permanent: the list by urgency, a record by its name, suggestions and their answers."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as Answer

from gateway.staff.frame import Frame
from services.directory.formats import sectors, territory
from services.directory.formats.groups import REASONS

PAGE_SIZE = 50
WORDS: Final = {
    "suggestions": "Propositions", "differences": "Imports qui contredisent une correction", "review": "À revoir",
    "held": "Qualifiées, pas publiques",
    "expiring": "Vérification qui se termine", "submitted": "À qualifier", "duplicates": "Doublons possibles",
    "contrary": "Décisions contraires d’un autre nœud",
}  # fmt: skip

QUALIFIABLE: Final = frozenset({"review", "expiring", "submitted"})
"""Reasons that a qualification answers: of these lists, all can be qualified at once."""
REVIEWABLE: Final = frozenset({"held", "expiring"})
"""Reasons under which all are qualified, and can be sent back to review at once."""
STATES: Final = {"open": "En attente", "accepted": "Acceptées", "refused": "Refusées"}


def add(staff: Blueprint, frame: Frame) -> None:
    """`/travail`, `/travail/chercher`, `/propositions`, `/fraicheur`."""
    _add_suggestions(staff, frame)

    @staff.get("/travail")
    def work() -> Response:
        return page(frame, request.args.get("motif", ""), request.args.get("apres", ""))

    @staff.get("/travail/chercher")
    def find() -> Response:
        said = request.args.get("q", "").strip()
        asked = {"q": said, "after": request.args.get("apres", ""), "limit": PAGE_SIZE}
        page = frame.call("directory", "find", asked) if len(said) > 1 else {"records": [], "next": None}
        return frame.page("find.html", page=page, said_words=said)

    @staff.get("/fraicheur")
    def freshness() -> Response:
        found = frame.call("directory", "freshness", {})
        places = [(_place(code), each) for code, each in found["departments"].items()]
        named = [
            (sectors.label(code, "fr") if code else "sans secteur", each) for code, each in found["sectors"].items()
        ]
        tables = [("Tout l’annuaire", [("toutes", found["all"])]), ("Départements", places), ("Secteurs", named)]
        return frame.page("freshness.html", tables=tables)


def page(frame: Frame, reason: str, after: str, status: int = 200, wrong: str = "") -> Response:
    """A page of the list for a reason, or for the most urgent; `wrong`: what a form of it lacked."""
    asked = {"reason": reason if reason in REASONS else None, "after": after, "limit": PAGE_SIZE}
    found = frame.call("directory", "work", asked)
    imports = frame.call("directory", "imports", {})["imports"] if found["reason"] == "submitted" else []
    held = [each for each in imports if each["state"] == "finished"]
    return frame.page(
        "work.html", status, page=found, after=after, wrong=wrong, words=WORDS, reasons=REASONS, imports=held,
        qualifiable=found["reason"] in QUALIFIABLE, reviewable=found["reason"] in REVIEWABLE,
    )  # fmt: skip


def _add_suggestions(staff: Blueprint, frame: Frame) -> None:
    @staff.get("/propositions")
    def suggestions() -> Response:
        state = request.args.get("etat", "open")
        state = state if state in STATES else "open"
        asked = {"state": state, "after": request.args.get("apres", ""), "limit": PAGE_SIZE}
        page = frame.call("directory", "suggestions", asked)
        sent = frame.call("directory", "sent_suggestions", {})["suggestions"]
        return frame.page("suggestions.html", page=page, sent=sent, state=state, states=STATES)

    @staff.post("/propositions/<uuid:suggestion>")
    def decide(suggestion: Any) -> Answer:
        accept = request.form.get("decision") == "accept"
        asked = {"suggestion": str(suggestion), "accept": accept, "answer": request.form.get("answer", "")}
        made = frame.call("directory", "decide", asked)
        return frame.on("suggestions", "refuse" if not accept else "accepte" if made["field"] else "note")


def _place(code: str) -> str:
    department = territory.department(code)
    return f"{department.name} ({code})" if department else "sans commune"


def _sector(code: str) -> str:
    return sectors.label(code, "fr") if code else "sans secteur"
