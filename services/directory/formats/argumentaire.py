"""The argumentaire: what a structure of the social economy adds, in its own words; the public sees no such structure
without it. Source of the parts: the mission's function F3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from services.directory.formats import clean_text

CHARS_AT_LEAST, CHARS_AT_MOST = 40, 5_000
LETTERS_AT_LEAST, WORDS_AT_LEAST = 20, 5
"""Of those, letters, and different words."""
_WORD: Final = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Part:
    """One part: its name, its French heading, what to write, and how another structure wrote it (invented)."""

    name: str
    label: str
    guidance: str
    example: str


PARTS: Final = (
    Part(
        "link", "Le lien entre l’offre et le projet",
        "Dites en quoi ce que vous proposez sert le projet de la structure : pourquoi cette offre, ici, et par vous.",
        "Nous réparons des vélos parce que le projet de l’association est que personne ne renonce à un emploi faute de "
        "pouvoir s’y rendre : l’atelier est ouvert à tous, et chaque vélo donné l’est à quelqu’un qui cherche.",
    ),
    Part(
        "participation", "La part des personnes dans la définition du projet",
        "Dites comment les habitants, les usagers et les salariés prennent part à ce qui est décidé, et à quoi.",
        "Les usagers élisent quatre des douze membres du conseil ; l’accueil du samedi a été ouvert à leur demande.",
    ),
    Part(
        "added_value", "La plus-value, par des faits",
        "Donnez des faits et des chiffres que chacun peut vérifier : ce qui n’existerait pas sans vous.",
        "En 2025, 214 personnes sans permis ont été conduites à un rendez-vous médical, à 15 km en moyenne ; aucun "
        "autre transport ne dessert ces huit communes.",
    ),
    Part(
        "governance", "La gouvernance",
        "Dites qui décide, comment les comptes sont rendus et ce que deviennent les excédents.",
        "Une personne, une voix ; les comptes sont affichés à l’accueil ; tout excédent va à la caisse de secours.",
    ),
)  # fmt: skip
NAMES: Final = frozenset(part.name for part in PARTS)


def unwritten(said: Mapping[str, Any]) -> list[Part]:
    """The parts that are missing, or too short to say anything: signs that nobody sees, and dashes, say nothing."""
    return [part for part in PARTS if not _says_something(str(said.get(part.name) or ""))]


def _says_something(text: str) -> bool:
    words = _WORD.findall(clean_text.text(text))
    return sum(map(len, words)) >= LETTERS_AT_LEAST and len(clean_text.text(text)) >= CHARS_AT_LEAST and (
        len({word.casefold() for word in words}) >= WORDS_AT_LEAST
    )  # fmt: skip


def faults(said: Any) -> list[tuple[str, str]]:
    """What is wrong with an argumentaire as a text, by part: `(name, why)`. An unfinished one has no fault."""
    if not isinstance(said, dict):
        return [("", "un objet est attendu, avec un texte par partie")]
    found = [
        (str(name), f"partie inconnue ; il y a : {', '.join(sorted(NAMES))}") for name in said if name not in NAMES
    ]
    for name in sorted(NAMES & said.keys()):
        text = said[name]
        if text is not None and not isinstance(text, str):
            found.append((name, "un texte est attendu"))
        elif text and (len(text) > CHARS_AT_MOST or "\x00" in text):
            found.append((name, f"{CHARS_AT_MOST} caractères au plus, sans caractère nul"))
    return found
