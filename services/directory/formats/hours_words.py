"""French phrases about opening hours, as words that mean something: the first step of reading them.

Every sign of the text becomes part of one `Token`, of a space or of a filler ("le", "de"), so that nothing is
dropped that could change the meaning: what is not known is a token of kind `word`, which the reader cannot pass over.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final


@dataclass(frozen=True, slots=True)
class Token:
    """A word that means something.

    Kinds and their `value`: `time` (minutes after midnight), `number` (0-99, a bare one), `everyday` (24 hours);
    `day` (0-6), `days` (bits of a set of days), `part` (0 morning, 1 afternoon), `nth` (1-5, -1), `month` (1-12),
    `parity` (0 even, 1 odd), `ofmonth`; `PH`, `SH`, `term` (school term); `except`, `closed`, `until`, `between`,
    `nonstop`, `around` ("ouvert"); `booking`; separators `dash to slash comma hard colon and open close`; `note` (a
    phone, an address: harmless), `vague` (a word that may change any hours) and `word` (any other).
    """

    kind: str
    value: int
    start: int
    end: int
    text: str


# In order: the first that matches wins. Text is lower case, without accents, one sign for one sign.
_DAY_WORDS: Final = (
    r"lundis?|lun|lu",
    r"mardis?|mar|ma",
    r"mercredis?|mer|me",
    r"jeudis?|jeu|je",
    r"vendredis?|vend?|ve",
    r"samedis?|sam|sa",
    r"dimanches?|dim|di",
)
_MONTH_WORDS: Final = (
    r"janvier|janv\.?",
    r"fevrier|fevr?\.?",
    r"mars",
    r"avril|avr\.?",
    r"mai",
    r"juin",
    r"juillet|juil\.?",
    r"aout",
    r"septembre|sept\.?",
    r"octobre|oct\.?",
    r"novembre|nov\.?",
    r"decembre|dec\.?",
)
_NTH_WORDS: Final = (
    r"1 ?ere?s?|premi(?:er|ere)s?",
    r"2 ?(?:eme|nde?|e)s?|deuxiemes?|second(?:e|s)?",
    r"3 ?(?:eme|e)s?|troisiemes?",
    r"4 ?(?:eme|e)s?|quatriemes?",
    r"5 ?(?:eme|e)s?|cinquiemes?",
)
_WEEKS = r"(?:(?:les |des |la |de la |en |chaque )?(?:semaines?|sem\.?) )?"
_RDV = r"(?:rendez[ -]?vous|r\.? ?d\.? ?v\.?s?)"
# Said around days and hours; they end an enumeration of days: "lundi ouvert, mardi 9h-12h" gives Monday no hours.
_AROUND = (
    r"aux? (?:public|horaires suivants?)|accueil(?:le)?(?: (?:libre|du public|physique))?|public|permanences?|"
    r"jours? et (?:heures?|horaires) d'ouverture|jours? d'ouverture|d'ouvertures?|d'accueil|"
    r"ouvert(?:e|s|es|ures?)?|horaires?|heures?|suivants?|est|sont|sommes|nous|notre|nos|structure|service|bureaux?|"
    r"uniquement|seulement|exclusivement|annuelle|hebdomadaire"
)
_FILLERS = r"tou(?:te)?s les semaines|chaque semaine|tou(?:te)?s les|chaque|pendant|durant|en|de|du|des|le|la|les"
_NONSTOP = r"sans interruption|non[ -]stop|en continu|(?:en )?journee continue"
_VAGUE = (
    r"semaines?|mois|jours?|quinzaine|alternance|an|annees?|ete|hiver|printemps|automne|vacances|conges|periodes?|"
    r"soirs?|soirees?|nuits?|provisoires?|temporaires?|exceptionnel(?:le)?(?:s|ment)?|suspendue?s?|annulee?s?|"
    r"partir|depuis|travaux|dates?|plannings?|calendrier|rotation|sinon|ou|ni|pas|aucune?|sans|avant|apres|"
    r"debut|fin|prochaine?s?|dernier|actuellement|demain|aujourd'hui|veilles?|ponts?|quelques|certaine?s|parfois|"
    r"selon|variables?|journees?|reste|temps|autres?|aussi|egalement|idem|memes?|fois|deux|trois|quatre|un|une|ouvres|ouvrables|midis|paques|noel|avec|telephoniques?"
)
_PHONE = r"(?:tel(?:ephone)?\.? ?:? ?|au )?(?:\+33|0033|0) ?[1-9](?:[ .\-/]?\d\d){4}(?!\d)"
_SIGNS: Final = (
    ("hard", r"[\n\r;|•·*]|\.(?!\d)"),
    ("dash", r"-+"),
    ("to", r"a(?![a-z0-9'])|aux?(?![a-z0-9'])|[>→]|=>"),
    ("slash", r"/+"),
    ("comma", r","),
    ("colon", r":"),
    ("and", r"(?:et|puis|ainsi que)(?![a-z0-9])|[&+]"),
    ("open", r"\("),
    ("close", r"\)"),
)


def _words(kind: str, pattern: str) -> tuple[str, str]:
    return kind, rf"(?:{pattern})(?![a-z0-9])"


def _grammar() -> Iterator[tuple[str, str]]:
    yield "space", r"[ \t]+"
    yield "note", rf"{_PHONE}|[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)+|https?://\S+|www\.\S+"
    yield _words("everyday", r"24 ?h?(?:eures)? ?(?:/|sur) ?24 ?(?:h|heures)?|h24")
    yield _words("days_127", r"tous les jours(?: de la semaine)?|chaque jour|7 ?j(?:ours)? ?(?:/|sur) ?7 ?j?(?:ours)?")
    yield _words("days_31", r"en semaine")
    yield _words("days_96", r"week[ -]?ends?")
    yield _words("term", r"(?:en |pendant |durant )?(?:les |la )?periodes? scolaires?")
    yield _words("SH", r"(?:les |des )?(?:vacances|conges|vac\.?) (?:scolaires?|scol\.?)")
    yield _words("PH", r"(?:les )?(?:jours? )?feries?")
    yield _words("parity_0", _WEEKS + r"paires?")
    yield _words("parity_1", _WEEKS + r"impaires?")
    yield _words("ofmonth", r"(?:du|de chaque|chaque|par|tous les|de tous les) mois")
    yield "booking", _BOOKING
    yield _words("except", r"sauf|hors|excepte|hormis|a l'exception d(?:es?|u)|en dehors d(?:es?|u)|a part")
    yield _words("closed", r"fermee?s?|fermetures?")
    yield _words("until", r"jusqu'?(?: ?a|aux?)?")
    yield _words("between", r"entre")
    yield _words("nonstop", _NONSTOP)
    yield "time", r"\d{1,2} ?(?:heures?|hrs?|h)(?: ?[0-5]\d(?! ?[h:]))?(?: ?(?:min|mn))?(?![a-z0-9])"
    yield "time", r"\d{1,2} ?: ?[0-5]\d(?: ?h)?(?![\d:a-z])"
    yield "time", r"(?<![\d.])\d{1,2}\.[0-5]\d(?![\d]|\.\d)"
    yield _words("noon", r"midi")
    yield _words("midnight", r"minuit")
    for number, pattern in enumerate(_NTH_WORDS):
        yield _words(f"nth_{number + 1}", pattern)
    yield _words("nth_-1", r"derni(?:er|ere)s?")
    yield _words("part_0", r"(?:le |les )?mat(?:in(?:s|ees?)?|\.)")
    yield _words("part_1", r"(?:l'|les )?(?:apres[ -]?midis?|aprem|apm)")
    for number, pattern in enumerate(_MONTH_WORDS):
        yield _words(f"month_{number + 1}", pattern)
    for number, pattern in enumerate(_DAY_WORDS):
        full, *short = pattern.split("|")
        yield f"day_{number}", rf"(?:{full})(?![a-z0-9])|(?:{'|'.join(short)})(?![a-z0-9'])\.?"
    yield _words("around", _AROUND)
    yield _words("filler", _FILLERS)
    yield "filler", r"[dl]'"
    yield _words("vague", _VAGUE)
    yield from _SIGNS
    yield "number", r"\d{1,2}(?![\da-z])"
    yield "word", r"[a-z0-9]+|."


_BOOKING = (
    rf"(?:(?:uniquement|exclusivement|seulement|de preference|avec (?:ou|et) sans|sans (?:ou|et) avec|avec|sans|sur|"
    rf"prise de|possibilite de prendre|possible) )+{_RDV}(?![a-z0-9])(?: (?:uniquement|seulement|exclusivement))?"
    rf"(?: (?:tres |fortement )?(?:conseillee?|recommandee?|souhaitee?|souhaitable|obligatoire|possible|necessaire))?"
    rf"(?![a-z0-9])|{_RDV} (?:tres |fortement )?(?:conseille|recommande|souhaite|obligatoire|possible|necessaire)"
    r"(?![a-z0-9])"
)
_KINDS: Final = tuple(name.partition("_")[::2] for name, _ in _grammar())
_SCANNER: Final = re.compile("|".join(f"({pattern})" for _, pattern in _grammar()), re.DOTALL)
_FOLDS: Final = str.maketrans({"’": "'", "‘": "'", "`": "'", "–": "-", "—": "-", "−": "-", "‐": "-", "‑": "-"})


def fold(text: str) -> str:
    """Lower case without accents, as many signs as the text: quotes, dashes and spaces made plain."""
    return "".join(map(_fold_sign, text.translate(_FOLDS)))


@lru_cache(maxsize=1024)
def _fold_sign(sign: str) -> str:
    if sign in "\n\r":
        return sign
    if sign.isspace():
        return " "
    return (unicodedata.normalize("NFKD", sign)[:1] or sign).lower()[:1] or sign


def tokens(text: str) -> list[Token]:
    """The words of a text that mean something about opening hours, in order."""
    found: list[Token] = []
    for match in _SCANNER.finditer(fold(text)):
        kind, number = _KINDS[(match.lastindex or 0) - 1]
        if kind not in ("space", "filler"):
            kind, value = _meaning(kind, number, match.group())
            found.append(Token(kind, value, match.start(), match.end(), text[match.start() : match.end()]))
    return found


def _meaning(kind: str, number: str, said: str) -> tuple[str, int]:
    """The kind and value of a word: what a time or a number says is in the word itself."""
    if kind == "time":
        hours, minutes = (*map(int, re.findall(r"\d+", said)), 0)[:2]
        return ("time", hours * 60 + minutes) if hours * 60 + minutes <= 1440 else ("word", 0)
    if kind in ("noon", "midnight"):
        return "time", 720 if kind == "noon" else 1440
    return kind, int(said) if kind == "number" else int(number or 0)
