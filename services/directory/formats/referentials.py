"""data·inclusion's closed lists of values: themes, audiences, networks…, their labels, and the words people use.

Values, labels and descriptions: data·inclusion, schema v1 (MIT, Licence Ouverte 2.0), `data/referentials.json`, made by
`python -m deploy.build.referentials`. The synonyms are ours, `data/synonyms.json`: common words and abbreviations that
people type; one that belongs to several values says no more than that.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

DATA: Final = Path(__file__).parent / "data"
NAMES: Final = (
    "categories",
    "thematiques",
    "publics",
    "types_de_services",
    "frais",
    "modes_accueil",
    "modes_mobilisation",
    "personne_mobilisatrice",
    "reseaux_porteurs",
)
# Names of fields and of the API's parameters for the same lists.
_ALIASES: Final = {
    "type": "types_de_services",
    "types": "types_de_services",
    "mobilisable_par": "personne_mobilisatrice",
}
_SURE_RATIO, _SURE_MARGIN, _NEAR_RATIO, _NEAREST = 92.0, 4.0, 75.0, 3
_TOLD = 10  # values of a list that a message may hold
_SHORT, _ROOT = 2, 6  # letters of words that say nothing by themselves, and of a root that tells words apart


class Value(str):
    """A value of a list: the string itself, with its French `label` and `description` (empty where there is none)."""

    label: str
    description: str

    @property
    def value(self) -> str:
        """The plain string."""
        return str(self)


@dataclass(frozen=True)
class Unlisted:
    """A text that is no value of a list.

    Args:
        nearest: the values that it may mean, the likeliest first; none when nothing is near.
        choices: all values of a list that is short enough to be told.
    """

    text: str
    nearest: tuple[Value, ...]
    choices: tuple[Value, ...] = ()

    @property
    def why(self) -> str:
        """What is wrong, in French."""
        return "Cette valeur n’est pas dans la liste."

    @property
    def remedy(self) -> str:
        """What to do, in French, with the nearest values."""
        if not self.nearest:
            every = f" : {', '.join(self.choices)}." if self.choices else " (docs/values.md, /api/v1/referentials)."
            return f"Prendre une valeur de la liste{every}"
        near = ", ".join(f"« {value} » ({value.label})" for value in self.nearest)
        return f"Vouliez-vous dire {near} ?"


def values(name: str) -> tuple[Value, ...]:
    """All values of a list, in data·inclusion's order. Raises `KeyError` for a list that does not exist."""
    return tuple(_list(name).values())


def label(name: str, value: str) -> str:
    """The French label of a value; a category is known among the themes too. Other words are returned with spaces."""
    return _known(name, value).get(value, _unlabelled(value)).label


def description(name: str, value: str) -> str:
    """What a value means, in French; empty where its label says it all, and for an unknown value."""
    return _known(name, value).get(value, _unlabelled(value)).description


def is_known(name: str, value: str) -> bool:
    """Whether the list has this value, to the letter."""
    return value in _list(name)


def category_of(theme: str) -> str:
    """The category of a theme, the part before `--`: `mobilite--preparer-un-permis` gives `mobilite`."""
    return theme.partition("--")[0]


def themes_of(category: str) -> tuple[Value, ...]:
    """All themes of a category, none for an unknown one."""
    return _by_category().get(category, ())


def synonyms(name: str, value: str) -> tuple[str, ...]:
    """Words and short phrases that people type for a value (`RSA`, `crèche`, `HLM`), for search and for imports."""
    return _synonyms().get(_ALIASES.get(name, name), {}).get(value) or _category_words(name, value)


def find(name: str, text: str) -> Value | Unlisted:
    """The value that a text means, for imports; `Unlisted` with the nearest values where there is a doubt.

    A text means a value when it is that value, its label, or a synonym of it alone: in any case, with or without
    accents, plural or singular, or with a slip of the pen that leaves no doubt.
    """
    said = _plain(text)
    exact = _meanings(name).get(said)
    if exact is not None:
        return exact if isinstance(exact, Value) else Unlisted(text, exact[:_NEAREST])
    return _nearest(name, text, said) if said else Unlisted(text, ())


@lru_cache(maxsize=1)
def _lists() -> dict[str, dict[str, Value]]:
    content: dict[str, Any] = json.loads((DATA / "referentials.json").read_text(encoding="utf-8"))
    return {name: {line[0]: _value(*line) for line in lines} for name, lines in content["lists"].items()}


def _value(value: str, label: str, description: str | None) -> Value:
    made = Value(value)
    made.label, made.description = label, description or ""
    return made


@lru_cache(maxsize=256)
def _unlabelled(value: str) -> Value:
    return _value(value, value.replace("--", " : ").replace("-", " "), None)


def _list(name: str) -> Mapping[str, Value]:
    return _lists()[_ALIASES.get(name, name)]


def _known(name: str, value: str) -> Mapping[str, Value]:
    """The list, or that of the categories for a category among themes."""
    return _list("categories") if name == "thematiques" and "--" not in value else _list(name)


@lru_cache(maxsize=1)
def _by_category() -> dict[str, tuple[Value, ...]]:
    found: dict[str, tuple[Value, ...]] = {}
    for theme in values("thematiques"):
        found[category_of(theme)] = (*found.get(category_of(theme), ()), theme)
    return found


@lru_cache(maxsize=1)
def _synonyms() -> dict[str, dict[str, tuple[str, ...]]]:
    content: dict[str, dict[str, str]] = json.loads((DATA / "synonyms.json").read_text(encoding="utf-8"))
    return {
        name: {value: tuple(said.split(", ")) for value, said in by_value.items()} for name, by_value in content.items()
    }


def _category_words(name: str, value: str) -> tuple[str, ...]:
    return _synonyms()["categories"].get(value, ()) if name == "thematiques" else ()


def _plain(text: str) -> str:
    """A text as it is compared: folded words without the plural's s or x, joined by spaces."""
    spelled = text.casefold().replace("œ", "oe").replace("’", "'")
    folded = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", re.sub(r"\b(?:[dlsn]|qu)'", "", folded))
    return " ".join(word[:-1] if len(word) > 3 and word[-1] in "sx" else word for word in words)


@lru_cache(maxsize=16)
def _meanings(name: str) -> dict[str, Value | tuple[Value, ...]]:
    """What each plain text means in a list: one value, or several when a synonym is shared."""
    found: dict[str, Value | tuple[Value, ...]] = {}
    for value in values(name):
        for said in synonyms(name, value):
            _note(found, _plain(said), value)
    for value in values(name):  # a value and its label mean it alone, whatever the synonyms of others
        found[_plain(value.label)] = value
    for value in values(name):
        found[_plain(value)] = value
    if name == "thematiques":
        for category in values("categories"):
            for said in (category, category.label):
                found.setdefault(_plain(said), themes_of(category))
    return found


def _note(found: dict[str, Value | tuple[Value, ...]], said: str, value: Value) -> None:
    before = found.get(said)
    known: Iterable[Value] = () if before is None else (before,) if isinstance(before, Value) else before
    every = tuple(dict.fromkeys((*known, value)))
    found[said] = every[0] if len(every) == 1 else every


def _nearest(name: str, text: str, said: str) -> Value | Unlisted:
    from rapidfuzz import fuzz, process

    meanings = _meanings(name)
    scored: dict[Value, float] = {}
    for match, ratio, _ in process.extract(said, meanings.keys(), scorer=fuzz.token_sort_ratio, limit=12):
        meant = meanings[match]
        for value in (meant,) if isinstance(meant, Value) else meant:
            scored[value] = max(ratio, scored.get(value, 0.0))
    ranked = sorted(scored, key=lambda value: -scored[value])
    best, second = scored[ranked[0]], scored[ranked[1]] if len(ranked) > 1 else 0.0
    if best >= _SURE_RATIO and best - second >= _SURE_MARGIN:
        return ranked[0]
    near = _by_words(name, said) or tuple(one for one in ranked if scored[one] >= _NEAR_RATIO)[:_NEAREST]
    return Unlisted(text, near, values(name) if len(values(name)) <= _TOLD else ())


@lru_cache(maxsize=16)
def _by_word(name: str) -> dict[str, dict[Value, float]]:
    """For each word, the values that say it, each with the share of what it is called that this word makes up."""
    found: dict[str, dict[Value, float]] = {}
    for said, meant in _meanings(name).items():
        words = [word for word in said.split() if len(word) > _SHORT]
        for word in words:
            values_of = found.setdefault(word, {})
            for value in (meant,) if isinstance(meant, Value) else meant:
                values_of[value] = max(values_of.get(value, 0.0), 1 / len(words))
    return found


def _by_words(name: str, said: str) -> tuple[Value, ...]:
    """The values that share a word with a text, or its root; a word that few values say counts more."""
    scored: dict[Value, float] = {}
    by_word = _by_word(name)
    for word in said.split():
        root = word[:_ROOT]
        same = [by_word[word]] if word in by_word else []
        near = same or [known for other, known in by_word.items() if len(root) == _ROOT and other.startswith(root)]
        shares: dict[Value, float] = {}
        for known in near:
            for value, share in known.items():
                shares[value] = max(share, shares.get(value, 0.0))
        for value, share in shares.items():
            scored[value] = scored.get(value, 0.0) + (1 + share) / len(shares)
    return tuple(sorted(scored, key=lambda value: -scored[value])[:_NEAREST])
