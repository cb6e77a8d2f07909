"""Coming in and going out. A link opens a page with a button: who looks at mails beforehand uses no link up."""

from __future__ import annotations

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as Answer

from gateway.limit import Limit
from gateway.problems import too_many
from gateway.staff.frame import Frame
from gateway.staff.session import must_be_ours
from services.kernel.errors import Unauthorized, ValidationError

TRIES_PER_MINUTE = 10


def add(staff: Blueprint, frame: Frame, mail: bool) -> None:
    """`/entrer`, `/entrer/<secret>`, `/entrer/<secret>/autre`, `/sortir`. `mail`: whether the node sends any."""
    tries = Limit(TRIES_PER_MINUTE)
    _add_asking(staff, frame, tries, mail)
    _add_links(staff, frame, tries, mail)


def _add_asking(staff: Blueprint, frame: Frame, tries: Limit, mail: bool) -> None:
    @staff.get("/entrer")
    def enter() -> Response:
        return frame.page("enter.html", asked=None, wrong="", mail=mail)

    @staff.post("/entrer")
    def ask_link() -> Response:
        must_be_ours()
        email = request.form.get("email", "").strip()
        refused = _too_many(tries)
        if refused is not None:
            return refused
        try:
            answer = frame.open_call("accounts", "link_ask", {"email": email})
        except ValidationError:
            return frame.page(
                "enter.html", 422, asked=None, email=email, wrong="Ce n’est pas une adresse électronique.", mail=mail
            )
        return frame.page("enter.html", asked=answer, email=email, wrong="", mail=mail)


def _add_links(staff: Blueprint, frame: Frame, tries: Limit, mail: bool) -> None:
    @staff.get("/entrer/<secret>")
    def link(secret: str) -> Response:
        return frame.page("link.html", secret=secret, wrong="", mail=mail)

    @staff.post("/entrer/<secret>")
    def use_link(secret: str) -> Answer:
        must_be_ours()
        refused = _too_many(tries)
        if refused is not None:
            return refused
        try:
            opened = frame.open_call("accounts", "session_open", {"secret": secret})
        except Unauthorized as error:
            return frame.page("link.html", 401, secret=secret, wrong=error.message, mail=mail)
        return frame.sessions.begin(frame.on("home", "entre"), opened["session"])  # type: ignore[arg-type]

    @staff.post("/entrer/<secret>/autre")
    def link_again(secret: str) -> Answer:
        """Ask that another link be sent to the structure: what is said is the same whether one is."""
        must_be_ours()
        refused = _too_many(tries)
        if refused is not None:
            return refused
        frame.open_call("directory", "link_again", {"secret": secret[:200]})
        return frame.page("link.html", secret="", wrong="", asked=True, mail=mail)

    @staff.post("/sortir")
    def leave() -> Answer:
        visitor = frame.visitor()
        frame.open_call("accounts", "session_close", {"session": visitor.token})
        return frame.sessions.end(frame.on("enter", "sorti"))  # type: ignore[arg-type]


def _too_many(tries: Limit) -> Response | None:
    """A refusal for who tries again and again."""
    allowed = tries.hit(request.remote_addr or "")
    return None if allowed.passes else too_many(allowed.next_in_s)
