"""What all pages of staff share: who is in, a call of a room in their name, a page, the way on after a form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Answer

from gateway.auth import Ask
from gateway.staff import fields
from gateway.staff.session import Sessions, Visitor

SAID: Final[Mapping[str, str]] = {
    "entre": "Vous êtes entré.",
    "sorti": "Vous êtes sorti.",
    "enregistre": "C’est enregistré.",
    "attend": "C’est enregistré, et attend d’être relu par un permanent : d’ici là, le public voit la fiche d’avant.",
    "plus-publique": "C’est enregistré. La fiche n’est plus publique : voyez ce qui manque.",
    "inchange": "Rien n’a changé.",
    "qualifie": "La fiche est qualifiée.",
    "retenue": "La fiche est qualifiée, et pas encore publique : voyez ce qui manque.",
    "revision": "La fiche est à revoir.",
    "confirme": "La fiche est confirmée. Merci !",
    "confirme-attend": "La fiche est confirmée. Merci ! Ce qui y a changé attend encore d’être relu par un permanent : "
    "d’ici là, le public voit la fiche d’avant.",
    "retire": "La fiche est retirée.",
    "annule": "Le changement est défait.",
    "accepte": "La proposition est acceptée : la fiche a changé.",
    "note": "C’est noté : vous vous en occupez. La fiche n’a pas changé ; le message reste sous « Acceptées ».",
    "refuse": "La proposition est refusée.",
    "expurge": "C’est effacé de ce nœud, et aucun import ne le ramènera. Les fichiers de /data/ sont refaits.",
    "expurge-dit": "C’est effacé de ce nœud, et aucun import ne le ramènera. Les nœuds qui tiennent d’autres fiches en "
    "sont prévenus. Les fichiers de /data/ sont refaits.",
    "expurge-non-dit": "C’est effacé de ce nœud, et aucun import ne le ramènera. Un nœud qui tient d’autres fiches "
    "n’est pas joint en ce moment : voyez plus bas lequel.",
    "opposition-acceptee": "C’est effacé de ce nœud, et l’autre nœud l’apprendra.",
    "opposition-ecartee": "L’opposition est écartée : l’autre nœud lira pourquoi.",
    "masquee": "Ce nœud ne montre plus cette fiche.",
    "masquee-dite": "Ce nœud ne montre plus cette fiche, et le dit à celui qui la tient.",
    "masquee-non-dite": "Ce nœud ne montre plus cette fiche. Celui qui la tient ne peut pas être joint : appelez-le.",
    "montree": "Ce nœud montre de nouveau cette fiche.",
    "passation-proposee": "C’est proposé : rien ne change avant que l’autre nœud accepte.",
    "passation-prise": "C’est accepté : ces fiches viennent dès que l’autre nœud les a laissées.",
    "passation-refusee": "C’est refusé : l’autre nœud l’apprendra.",
    "passation-reprise": "La proposition est reprise : les fiches restent ici, et l’autre nœud l’apprendra.",
    "fusionne": "Les deux fiches n’en font plus qu’une.",
    "antenne": "C’est noté : l’une est un établissement de l’autre.",
    "dite": "C’est dit aux autres nœuds : le public n’en voit qu’une quand les deux nœuds d’origine le disent.",
    "gardee": "Décision gardée : elle ne revient ici que si un autre nœud dit autre chose.",
    "reprise": "Décision reprise : la paire revient parmi les doublons possibles.",
    "differentes": "C’est noté : ces fiches sont différentes.",
    "separe": "Les deux fiches sont de nouveau séparées.",
}
"""What a page says after a form, by the word in its address: nobody else's words come to be shown."""
STATUS: Final[Mapping[str, str]] = {
    "draft": "brouillon", "submitted": "à qualifier", "qualified": "qualifiée", "review": "à revoir",
    "withdrawn": "retirée",
}  # fmt: skip


class Frame:
    """The pages' way to the rooms, as whoever is in."""

    def __init__(self, ask: Ask, sessions: Sessions) -> None:
        self._ask = ask
        self.sessions = sessions

    def visitor(self) -> Visitor:
        """Who is in. Raises `Unauthorized`, `Forbidden`."""
        return self.sessions.must()

    def call(self, room: str, door: str, asked: dict[str, Any]) -> Any:
        """The room's answer to whoever is in."""
        return self._ask(room, door, asked, actor=self.visitor().actor)

    def open_call(self, room: str, door: str, asked: dict[str, Any]) -> Any:
        """The room's answer to anybody."""
        return self._ask(room, door, asked)

    def page(self, template: str, status: int = 200, **given: Any) -> Response:
        """A page of staff, which no cache keeps."""
        visitor = self.sessions.visitor()
        html = render_template(
            f"staff/{template}", visitor=visitor, said=SAID.get(request.args.get("fait", "")), status_words=STATUS,
            in_words=fields.in_words, label=fields.label, **given,
        )  # fmt: skip
        return Response(html, status, {"Cache-Control": "no-store"}, content_type="text/html; charset=utf-8")

    def on(self, endpoint: str, said: str = "", **where: Any) -> Answer:
        """The way on after a form: a page, with what is said there."""
        return redirect(url_for(f"staff.{endpoint}", fait=said or None, **where), 303)
