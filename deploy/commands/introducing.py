"""What two operators read to each other before they trust a card, and what keeps the others from coming by it."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from deploy.commands.common import err, out, tell
from deploy.words import in_words
from services.federation.reaching import is_loopback
from services.kernel import settings
from services.kernel.errors import ValidationError

CARD_BYTES = 16_384
EVENT_BYTES = 2_000
"""On the wire, on average: what a record of the samples says (940), and what goes round it (980)."""
Say = Callable[[str, str], None]


def own(folder: Path, made: dict[str, Any], say: Say) -> None:
    """This node's card: what to read aloud, and whether anybody comes to the address that it says."""
    say(f"Empreinte à lire au téléphone : {spoken(made['node'])}", f"Fingerprint to read aloud: {spoken(made['node'])}")
    if made["key"] != made["node"]:
        say(
            f"Clé en usage, à lire aussi : {spoken(made['key'])}. L’empreinte reste celle de la première.",
            f"Key in use, to be read too: {spoken(made['key'])}. The fingerprint stays that of the first one.",
        )
    url = orjson.loads(made["card"])["url"]
    if is_loopback(url):
        path = folder / settings.FILE
        say(
            f"Attention : cette carte dit {url}, où personne d’autre ne vient. Sauf pour un essai sur cette machine, "
            f'écrivez url = "https://…" sous [node] dans {path}, redémarrez le nœud et refaites la carte.',
            f"Beware: this card says {url}, where nobody else can come. Unless it is a trial on this machine, write "
            f'url = "https://…" under [node] in {path}, restart the node and make the card again.',
        )


def aside(fr: str, en: str) -> None:
    """Beside what a program or a file takes from standard output."""
    err.print(in_words(fr, en), markup=False)


def introduce(seen: dict[str, Any]) -> None:
    """Who a card is of, what to compare, whether it answers, what will be shared."""
    out.print(f"{seen['name']} ({seen['id']}), {seen['url']}", markup=False)
    tell(f"Empreinte : {spoken(seen['node'])}", f"Fingerprint: {spoken(seen['node'])}")
    if seen["key"] != seen["node"]:
        tell(f"Clé en usage : {spoken(seen['key'])}", f"Key in use: {spoken(seen['key'])}")
    if seen["revoked"]:
        tell(
            "Sa clé d’avant est révoquée : un autre l’a peut-être, et ferait une carte de la même empreinte. C’est la "
            "clé en usage qui compte : que l’autre membre la lise, de vive voix.",
            "Its former key is revoked: somebody else may have it, and could make a card of the same fingerprint. It "
            "is the key in use that counts: have the other member read it, by voice.",
        )
    events = sum(each["events"] for each in seen["streams"])
    if seen["reached"]:
        size_mb = math.ceil(events * EVENT_BYTES / 1e6)
        tell(
            f"Il répond ; à lire : {events} événements, {size_mb} Mo environ au plus.",
            f"It answers; to read: {events} events, some {size_mb} MB at most.",
        )
    else:
        tell(f"Il ne répond pas encore : {seen['trouble']}", f"It does not answer yet: {seen['trouble']}")
    tell(
        "Partagé avec lui : ce qui est public ici, et rien d’autre.",
        "Shared with it: what is public here, nothing else.",
    )


def question(seen: dict[str, Any]) -> str:
    """What is to be agreed to before a card is taken."""
    if seen["key"] == seen["node"]:
        return "L’empreinte est-elle celle que l’autre membre lit ? / Same fingerprint?"
    return "L’empreinte et la clé en usage sont-elles celles que l’autre membre lit ? / Same fingerprint and key?"


def read_card(card: Path) -> str:
    """The text of a card's file, `-` being standard input. Raises `ValidationError`, `OSError`."""
    if str(card) == "-":
        return sys.stdin.read(CARD_BYTES + 1)
    try:
        return card.read_bytes()[: CARD_BYTES + 1].decode()
    except UnicodeDecodeError:
        raise ValidationError(f"{card} n’est pas une carte : ce n’est pas du texte.") from None


def spoken(fingerprint: str) -> str:
    """Eight groups of four letters, to be read aloud."""
    return " ".join(fingerprint[start : start + 4] for start in range(0, len(fingerprint), 4))
