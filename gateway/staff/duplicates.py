"""Two entries side by side: are they one? What would be kept is shown before it is done."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as Answer

from gateway.staff import fields, forms
from gateway.staff.frame import Frame

PAGE_SIZE: Final = 10
REASONS: Final = {
    "name": "le nom", "siret": "le SIRET", "address": "l’adresse", "commune": "la commune", "phone": "le téléphone",
    "email": "l’adresse électronique", "site": "le site", "distance": "la distance",
    "form": "l’une seule est itinérante ou une antenne",
}  # fmt: skip
GRADES: Final = {"sure": "presque sûr", "probable": "probable", "possible": "possible"}


DECIDED: Final = {"same": "c’est la même", "branch": "l’une est une antenne de l’autre", "different": "ce sont deux"}
DONE: Final = {"same": "fusionne", "branch": "antenne"}


def add(staff: Blueprint, frame: Frame) -> None:
    """`/doublons`, and separating what was merged."""

    @staff.get("/doublons")
    def duplicates() -> Response:
        asked = {"after": request.args.get("apres", ""), "limit": PAGE_SIZE}
        page = frame.call("directory", "duplicates", asked)
        pairs = [each | {"rows": side_by_side(each["a"], each["b"])} for each in page["pairs"]]
        contrary = [] if asked["after"] else frame.call("directory", "duplicates_contrary", {})["pairs"]
        return frame.page("duplicates.html", page=page, pairs=pairs, reason_words=REASONS, grades=GRADES,
                          contrary=contrary, decided_words=DECIDED)  # fmt: skip

    @staff.post("/doublons")
    def decide_pair() -> Answer:
        a, b = request.form.get("a", ""), request.form.get("b", "")
        head, keep = request.form.get("head") or None, request.form.get("keep") or None
        decision = "branch" if head else request.form.get("decision", "")
        asked = {"a": a, "b": b, "decision": decision, "keep": keep, "head": head}
        made = frame.call("directory", "duplicate_decide", asked)
        between = decision == "same" and "outcome" in made
        return frame.on("duplicates", "dite" if between else DONE.get(decision, "differentes"))

    @staff.post("/doublons/avis")
    def contrary_pair() -> Answer:
        keep = request.form.get("decision") == "keep"
        asked = {"a": request.form.get("a", ""), "b": request.form.get("b", "")}
        frame.call("directory", "duplicate_keep" if keep else "duplicate_undo", asked)
        return frame.on("duplicates", "gardee" if keep else "reprise")

    @staff.post("/fiches/<uuid:identifier>/separer")
    def separate(identifier: UUID) -> Answer:
        frame.call("directory", "merge_undo", {"id": str(identifier)})
        return frame.on("record", "separe", identifier=identifier)


def side_by_side(one: dict[str, Any], other: dict[str, Any]) -> list[tuple[str, str, str, bool]]:
    """Label, what each says in words, and whether they agree, of every field that either fills."""
    rows = []
    for group in fields.groups_of("structure"):
        mine, theirs = forms.shown(one, group), forms.shown(other, group)
        for field in fields.of_group("structure", group):
            pair = mine[field.name], theirs[field.name]
            if any(pair):
                said = [fields.in_words(field.name, value) if field.values else value or "—" for value in pair]
                rows.append((field.label, said[0], said[1], pair[0] == pair[1]))
    return rows
