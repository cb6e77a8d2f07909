"""The transforms that a mapping file may name: small changes of text, each with an example that is tested.

Telephones, SIRET, addresses of sites and e-mail, dates, hours and HTML need none: every field is cleaned anyway.
A transform is named alone (`lower`) or with an argument after a colon (`before:(`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from services.directory.formats.expressions import Expression


@dataclass(frozen=True)
class Transform:
    """A change of text.

    Args:
        argument: what the text after the colon means, empty where there is none.
        example: the transform as written in a mapping, a text, and what becomes of it.
    """

    name: str
    meaning: str
    argument: str
    example: tuple[str, str, str]
    apply: Callable[[str, str], str]


def _slug(text: str, _: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def _sentence(text: str, _: str) -> str:
    return text[:1].upper() + text[1:].lower() if text.isupper() else text[:1].upper() + text[1:]


def _replace(text: str, argument: str) -> str:
    old, _, new = argument.partition("=>")
    return text.replace(old, new)


def _title(text: str, _: str) -> str:
    return re.sub(r"\w+", lambda word: word.group().capitalize(), text)


_ALL: Final = (
    Transform("lower", "to lower case", "", ("lower", "OUI", "oui"), lambda text, _: text.lower()),
    Transform("upper", "to upper case", "", ("upper", "w442001234", "W442001234"), lambda text, _: text.upper()),
    Transform("title", "each word with a capital", "", ("title", "MARIE-ODILE LE GOFF", "Marie-Odile Le Goff"), _title),
    Transform(
        "sentence",
        "a capital at the start; shouted text is lowered",
        "",
        ("sentence", "ACCUEIL DE JOUR", "Accueil de jour"),
        _sentence,
    ),
    Transform(
        "digits", "digits only", "", ("digits", "N° 12-34", "1234"), lambda text, _: "".join(re.findall(r"\d", text))
    ),
    Transform("slug", "letters and digits joined by hyphens", "", ("slug", "L'Été à Rezé", "l-ete-a-reze"), _slug),
    Transform(
        "one-line",
        "line breaks and repeated spaces become one space",
        "",
        ("one-line", "12 rue\nde  Nantes", "12 rue de Nantes"),
        lambda text, _: " ".join(text.split()),
    ),
    Transform(
        "before",
        "what comes before a mark, all if it is absent",
        "the mark",
        ("before:(", "Nantes (44)", "Nantes"),
        lambda text, mark: text.partition(mark)[0].strip(),
    ),
    Transform(
        "after",
        "what comes after a mark, nothing if it is absent",
        "the mark",
        ("after:le", "labellisé le 01/01/2020", "01/01/2020"),
        lambda text, mark: text.partition(mark)[2].strip(),
    ),
    Transform(
        "match",
        "the first match of a regular expression, its first group if it has one; nothing if none",
        "the expression",
        (r"match:\b(\d{5})\b", "3 quai X, 44000 Nantes", "44000"),
        lambda text, pattern: Expression(pattern).first(text),
    ),
    Transform(
        "remove",
        "without a text",
        "the text",
        ("remove:Tél. :", "Tél. : 02 40 00 00 00", "02 40 00 00 00"),
        lambda text, part: text.replace(part, "").strip(),
    ),
    Transform(
        "replace",
        "one text for another",
        "`old=>new`",
        ("replace:St =>Saint-", "St Herblain", "Saint-Herblain"),
        _replace,
    ),
    Transform(
        "prefix",
        "a text put in front, unless the value is empty",
        "the text",
        ("prefix:https://", "example.org", "https://example.org"),
        lambda text, start: start + text if text else "",
    ),
)

TRANSFORMS: Final[dict[str, Transform]] = {transform.name: transform for transform in _ALL}


def parse(written: str) -> Callable[[str], str]:
    """The function that a mapping names: `lower`, `before:(`.

    Raises `KeyError` for an unknown name, `ValueError` (in French) for a missing, useless or wrong argument.
    """
    name, colon, argument = written.partition(":")
    transform = TRANSFORMS[name]
    if bool(transform.argument) != bool(colon):
        needs = "demande un argument après « : »" if transform.argument else "ne prend pas d'argument"
        raise ValueError(f"« {name} » {needs}.")
    if name == "match":
        return Expression(argument).first
    if name == "replace" and "=>" not in argument:
        raise ValueError("« replace » s'écrit « replace:ancien=>nouveau ».")
    apply = transform.apply
    return lambda text: apply(text, argument)


def table() -> str:
    """The table of `docs/mapping.md`, in Markdown."""
    lines = ["| transform | gives | argument | for example |", "|---|---|---|---|"]
    for transform in _ALL:
        written, before, after = (part.replace("\n", "⏎").replace("|", "\\|") for part in transform.example)
        lines.append(
            f"| `{transform.name}` | {transform.meaning} | {transform.argument} | `{written}`: `{before}` → `{after}` |"
        )
    return "\n".join(lines)
