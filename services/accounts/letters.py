"""What the node writes to people: French first, then English; plain text."""

from __future__ import annotations

from services.accounts.mail import Message


def sign_in(to: str, node: str, url: str) -> Message:
    """The link that was asked for."""
    return Message(
        to,
        f"Votre lien pour entrer dans Maillage · {node}",
        f"""Bonjour,

Voici le lien que vous avez demandé pour entrer dans Maillage ({node}). Il sert une fois, dans les trente minutes :

{url}

Vous n’avez rien demandé ? Ne faites rien : sans ce lien personne n’entre.

---
Hello, here is the link you asked for to sign in to Maillage ({node}). It works once, within thirty minutes.
If you did not ask for it, do nothing.
""",
    )
