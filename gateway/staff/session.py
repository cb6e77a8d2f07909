"""Who is in: a cookie that only the browser and the server's digest know, and the proof that a form is ours.

The cookie is `HttpOnly`, `SameSite=Lax`, and under `https` `Secure` with the prefix `__Host-`. Each form carries a
token made of the session's secret; a browser that says that another site sent the form is refused before that.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import Response, g, request

from gateway.auth import Ask
from services.kernel.errors import Forbidden, MaillageError, Unauthorized
from services.kernel.settings import Settings

OURS = frozenset({"same-origin", "none"})
"""What `Sec-Fetch-Site` says of a form of this site, or of an address typed by hand."""


@dataclass(frozen=True)
class Visitor:
    """Somebody who is in. `acts` is all that they may do, `structures` the entries that a structure's link opens."""

    token: str
    actor: str
    name: str
    roles: tuple[str, ...]
    structures: tuple[str, ...]
    acts: frozenset[str]

    @property
    def csrf(self) -> str:
        """What each form of this session carries."""
        return hmac.new(self.token.encode(), b"form", hashlib.sha256).hexdigest()

    def may(self, act: str) -> bool:
        """Whether a page shows this act; the room decides whether it is done."""
        return act in self.acts


class Sessions:
    """The sessions of one gateway's visitors, asked of accounts once in a request."""

    def __init__(self, ask: Ask, secure: bool) -> None:
        self._ask = ask
        self._secure = secure
        self._cookie = "__Host-maillage" if secure else "maillage"

    @classmethod
    def of(cls, settings: Settings, ask: Ask) -> Sessions:
        """Those of a node, as its address says whether they travel by `https`."""
        return cls(ask, urlsplit(settings.base_url).scheme == "https")

    def visitor(self) -> Visitor | None:
        """Who is in, `None` where nobody is."""
        if "visitor" not in g:
            g.visitor = self._known(request.cookies.get(self._cookie, ""))
        found: Visitor | None = g.visitor
        return found

    def who_may(self, act: str) -> Visitor | None:
        """Who is in and may do this, on a page that everybody sees: nobody, where accounts does not answer."""
        try:
            visitor = self.visitor()
        except MaillageError:
            return None
        return visitor if visitor is not None and visitor.may(act) else None

    def must(self) -> Visitor:
        """Who is in, on a page or a form of theirs. Raises `Unauthorized`; `Forbidden` on a form that is not ours."""
        visitor = self.visitor()
        if visitor is None:
            raise Unauthorized("Entrez d’abord.")
        if request.method == "POST":
            must_be_ours()
            if not hmac.compare_digest(request.form.get("csrf", ""), visitor.csrf):
                raise Forbidden("Ce formulaire n’est plus valable : revenez à la page, et recommencez.")
        return visitor

    def begin(self, response: Response, token: str) -> Response:
        """Let a browser in, until its session ends."""
        response.set_cookie(self._cookie, token, httponly=True, secure=self._secure, samesite="Lax", path="/")
        return response

    def end(self, response: Response) -> Response:
        """Let it out."""
        response.delete_cookie(self._cookie, httponly=True, secure=self._secure, samesite="Lax", path="/")
        return response

    def _known(self, token: str) -> Visitor | None:
        if not token:
            return None
        try:
            known: dict[str, Any] = self._ask("accounts", "session_get", {"session": token[:200]})
        except Unauthorized:
            return None
        return Visitor(
            token, known["actor"], known["name"], tuple(known["roles"]), tuple(known["structures"]),
            frozenset(known["acts"]),
        )  # fmt: skip


def must_be_ours() -> None:
    """Raises `Forbidden` where the browser says that another site sent this form."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if (site and site not in OURS) or (origin and urlsplit(origin).netloc != request.host):
        raise Forbidden("Ce formulaire vient d’un autre site : il n’est pas pris.")
