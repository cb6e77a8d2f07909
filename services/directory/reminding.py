"""Who is to be written to: structures before their verification ends, and strangers whose suggestion was decided."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from services.directory import store
from services.directory.asides import Sent, Suggestion
from services.directory.model import Record
from services.kernel import clock

BEFORE, AGAIN_AFTER, AT_MOST = timedelta(days=30), timedelta(days=10), 3
"""A structure hears of it a month before, and twice more, unless it answers."""
LINK_DAYS = 30
LINK_PAUSE = timedelta(hours=1)
REMIND, SEND_LINK = "remind", "link"
Letter = dict[str, str]


def due(session: Session, now: datetime, limit: int = 50) -> list[Record]:
    """Structures to remind now: their verification ends soon, they have an address, and did not answer yet."""
    found = []
    for record in store.expiring(session, clock.to_text(now + BEFORE)):
        if record.parts["fields"].get("courriel") and _is_to_be_reminded(session, record, now):
            found.append(record)
        if len(found) == limit:
            break
    return found


def reminder(node: str, record: Record, url: str) -> Letter:
    """The letter to a structure, with its link."""
    name, to = record.parts["fields"].get("nom", ""), record.parts["fields"]["courriel"]
    return {
        "to": to,
        "subject": _heading(f"Votre fiche « {name} » dans l’annuaire de {node}"),
        "body": f"""Bonjour,

Votre fiche « {name} » dans l’annuaire de {node} est à vérifier avant le {_day(record.expires_at)}. Par ce lien, sans
compte, vous la relisez, la corrigez et la confirmez en une minute :

{url}

Il sert une fois, pendant {LINK_DAYS} jours. Sans réponse de votre part, un permanent vous appellera.

---
Hello, your entry “{name}” in the directory of {node} is due for a check. By the link above you can read it again,
correct it and confirm it. It works once, for {LINK_DAYS} days.
""",
    }


def may_ask_again(session: Session, record: Record, now: datetime) -> bool:
    """Whether another link may be sent to a structure that asks for one: once an hour at most."""
    since = clock.to_text(now - LINK_PAUSE)
    return not any(act.act == SEND_LINK and act.at >= since for act in store.acts_of(session, record.id))


def another_link(node: str, name: str, to: str, url: str) -> Letter:
    """The letter with the link that somebody of a structure asked for."""
    return {
        "to": to,
        "subject": _heading(f"Un autre lien pour votre fiche « {name} »"),
        "body": f"""Bonjour,

Quelqu’un dont le lien n’ouvrait plus en a demandé un autre pour la fiche « {name} » dans l’annuaire de {node}. Le
voici ; il sert une fois, pendant {LINK_DAYS} jours, et ouvre la fiche sans compte :

{url}

Vous n’avez rien demandé ? Ne faites rien : sans ce lien personne n’entre.

---
Hello, somebody whose link did not open any more asked for another one for “{name}” in the directory of {node}. It is
above, and works once, for {LINK_DAYS} days. If you did not ask for it, do nothing.
""",
    }


def answer(node: str, made: Suggestion | Sent, name: str) -> Letter:
    """The letter to who suggested something."""
    decided = "a été prise en compte. Merci !" if made.state == "accepted" else "n’a pas été retenue."
    said = f"\n{made.answer}\n" if made.answer else ""
    english = "was accepted. Thank you!" if made.state == "accepted" else "was not accepted."
    return {
        "to": str(made.contact),
        "subject": _heading(f"Votre proposition pour « {name} »"),
        "body": f"""Bonjour,

Votre proposition pour la fiche « {name} » de l’annuaire de {node} {decided}
{said}
Votre adresse vient d’être effacée : elle ne servait qu’à vous répondre.

---
Hello, your suggestion for “{name}” in the directory of {node} {english}
""",
    }


def _heading(text: str) -> str:
    """One line that any mail takes: a name may hold what no heading does."""
    return "".join(sign if sign.isprintable() else " " for sign in text)[:200]


def _is_to_be_reminded(session: Session, record: Record, now: datetime) -> bool:
    since = clock.to_text(clock.from_text(str(record.expires_at)) - BEFORE)
    if (record.trusted.get("confirmed_at") or "") >= since:
        return False
    sent = [act.at for act in store.acts_of(session, record.id) if act.act == REMIND and act.at >= since]
    return len(sent) < AT_MOST and (not sent or sent[-1] < clock.to_text(now - AGAIN_AFTER))


def _day(at: str | None) -> str:
    return "/".join(reversed(str(at)[:10].split("-")))
