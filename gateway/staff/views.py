"""The pages of those who are in, as one blueprint."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as Answer

from gateway import problems
from gateway.auth import Ask
from gateway.staff import (
    bulk,
    duplicates,
    entering,
    handovers,
    hidings,
    importing,
    mappings,
    objections,
    offering,
    peers,
    records,
    starting,
    work,
)  # fmt: skip
from gateway.staff.frame import Frame
from gateway.staff.session import Sessions
from gateway.tray import Tray
from services.directory.formats.groups import GROUP_OF
from services.kernel.errors import Forbidden, NotHome, Unauthorized
from services.kernel.settings import Settings


def _own(frame: Frame, structure: str) -> dict[str, Any]:
    """The record that a structure's link opens; of one that was merged, that it is no more."""
    try:
        found: dict[str, Any] = frame.call("directory", "open_record", {"id": structure})
    except Forbidden:  # it leads to the record that it was merged into, which is not this structure's
        return {"status": "withdrawn", "replaced_by": True}
    return found


def staff_blueprint(settings: Settings, ask: Ask) -> Blueprint:
    """The pages of staff and structures, to be registered by the application."""
    staff = Blueprint("staff", __name__, template_folder="templates")
    frame = Frame(ask, Sessions.of(settings, ask))
    entering.add(staff, frame, bool(settings.mail.host))
    starting.add(staff, frame, settings)
    for pages in (records, work, bulk, duplicates, handovers, offering, mappings, hidings, peers):
        pages.add(staff, frame)
    for with_files in (importing, objections):
        with_files.add(staff, frame, Tray.of(settings.node.id))

    @staff.get("/equipe")
    def home() -> Answer:
        visitor = frame.visitor()
        if visitor.structures:
            entries = [_own(frame, each) for each in visitor.structures]
            return frame.page("own.html", entries=entries, groups_of_field=GROUP_OF)
        said, qualifies = request.args.get("fait", ""), visitor.may("directory:qualify")
        if visitor.may("node:operate") and not (qualifies and starting.has_imports(frame)):
            return frame.on("start", said)
        return frame.on("work", said) if qualifies else frame.page("welcome.html")

    @staff.errorhandler(Unauthorized)
    def enter_first(error: Unauthorized) -> Answer:
        """Whoever reads is shown the way in; a form that comes too late is told so."""
        if request.method == "GET":
            return redirect(url_for("staff.enter"), 303)
        return problems.of_error(error)

    staff.register_error_handler(Forbidden, _not_theirs)

    @staff.after_request
    def keep_private(response: Response) -> Response:
        response.headers["Cache-Control"] = "no-store"
        return response

    return staff


def _not_theirs(error: Forbidden) -> Response:
    """A page that somebody's role does not open, told in words of pages; a form says what was refused."""
    if request.method == "GET" and problems.for_people() and not isinstance(error, NotHome):
        error = Forbidden("Cette page demande un autre rôle que le vôtre. Votre première page : /equipe.")
    return problems.of_error(error)
