"""What a structure says beside data·inclusion's fields, as files write it: of the social economy or not, its legal
form, its languages, the parts of its argumentaire, the networks it is a member of.

Each function returns the clean value or raises `Refused` with the reason and the remedy in French.

>>> ess("Oui"), legal_form("Association loi 1901"), legal_form("9230 - ARUP"), language("anglais"), language("FR")
('yes', '9220', '9230', 'en', 'fr')
>>> try:
...     legal_form("Scop")
... except Refused as refused:
...     print(refused.remedy)
Écrivez son code : 5458 (SARL), 5558 (SA), 5710 (SAS).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

import orjson

from services.directory.formats.argumentaire import CHARS_AT_MOST
from services.directory.formats.clean_text import Refused, line, long_text
from services.directory.formats.tables import key_of
from services.directory.formats.vocabulary import ARGUMENTAIRE

_ESS: Final = {
    "yes": ("yes", "oui", "o", "y", "true", "vrai", "1", "x", "ess", "esus", "del ess"),
    "no": ("no", "non", "n", "false", "faux", "0", "hors ess", "pas ess"),
    "unknown": ("unknown", "inconnu", "inconnue", "ne sait pas", "nsp", "je ne sais pas", "à vérifier", "à préciser",
                "non renseigné", "non précisé"),
}  # fmt: skip
_ESS_OF: Final = {key_of(word): value for value, words in _ESS.items() for word in words}

_FORMS: Final[Mapping[str, tuple[str, ...]]] = {
    "1000": ("entrepreneur individuel", "entreprise individuelle", "ei", "micro-entreprise", "auto-entrepreneur"),
    "5202": ("société en nom collectif", "snc"),
    "5458": ("scop sarl", "sarl scop", "sarl coopérative de production"),
    "5460": ("scic sarl", "sarl scic"),
    "5498": ("eurl", "sarl unipersonnelle"),
    "5499": ("sarl", "société à responsabilité limitée"),
    "5558": ("scop sa", "sa scop"),
    "5560": ("scic sa", "sa scic"),
    "5599": ("sa à conseil d'administration",),
    "5699": ("sa à directoire",),
    "5710": ("sas", "société par actions simplifiée", "scop sas", "sas scop", "scic sas", "sas scic"),
    "5720": ("sasu", "sas unipersonnelle", "société par actions simplifiée unipersonnelle"),
    "6220": ("gie", "groupement d'intérêt économique"),
    "6316": ("cuma", "coopérative d'utilisation de matériel agricole"),
    "6317": ("coopérative agricole", "société coopérative agricole"),
    "6540": ("sci", "société civile immobilière"),
    "7210": ("commune", "mairie", "ville"),
    "7220": ("département", "conseil départemental"),
    "7230": ("région", "conseil régional"),
    "7344": ("métropole",),
    "7346": ("communauté de communes",),
    "7348": ("communauté d'agglomération",),
    "7361": ("ccas", "centre communal d'action sociale"),
    "7366": ("établissement public social et médico-social",),
    "7367": ("cias", "centre intercommunal d'action sociale"),
    "7410": ("gip", "groupement d'intérêt public"),
    "8210": ("mutuelle",),
    "8290": ("organisme mutualiste",),
    "8410": ("syndicat de salariés",),
    "8420": ("syndicat patronal",),
    "9210": ("association non déclarée", "association de fait", "collectif"),
    "9220": ("association", "asso", "association loi 1901", "association loi de 1901", "association déclarée",
             "loi 1901", "association à but non lucratif"),
    "9221": ("association d'insertion", "association d'insertion par l'économique",
             "association déclarée d'insertion par l'économique"),
    "9222": ("association intermédiaire",),
    "9223": ("groupement d'employeurs",),
    "9230": ("association reconnue d'utilité publique", "arup", "reconnue d'utilité publique",
             "association déclarée reconnue d'utilité publique"),
    "9240": ("congrégation",),
    "9260": ("association de droit local", "association loi 1908", "association alsace-moselle"),
    "9300": ("fondation", "fondation reconnue d'utilité publique"),
}  # fmt: skip
"""Codes of INSEE's legal categories (level III, https://www.insee.fr/fr/information/2028129), and usual names."""
_FORM_OF: Final = {key_of(name): code for code, names in _FORMS.items() for name in names}
_SEVERAL: Final = {
    "scop": "5458 (SARL), 5558 (SA), 5710 (SAS)",
    "societecooperativedeproduction": "5458 (SARL), 5558 (SA), 5710 (SAS)",
    "scic": "5460 (SARL), 5560 (SA), 5710 (SAS)",
    "societecooperativedinteretcollectif": "5460 (SARL), 5560 (SA), 5710 (SAS)",
    "cooperative": "5460 (SARL), 5560 (SA), 5710 (SAS), 6317 (agricole)",
    "sa": "5599 (à conseil d'administration), 5699 (à directoire)",
    "societeanonyme": "5599 (à conseil d'administration), 5699 (à directoire)",
}
_CODE: Final = re.compile(r"(\d{4})(?!\d)", re.ASCII)
_SPELT: Final = {"farsi": "fa", "dari": "fa", "chinois mandarin": "zh", "mandarin": "zh", "flamand": "nl",
                 "castillan": "es", "pachtou": "ps", "moldave": "ro", "tamil": "ta", "bengali": "bn"}  # fmt: skip
"""Names that CLDR writes otherwise."""
_WITHDRAWN: Final = "sh"
"""Serbo-Croatian: CLDR knows it still, ISO 639-1 no more."""
_SCALES_CHARS, _MEMBERSHIPS = 200, 100


def ess(value: object) -> str:
    """`yes`, `no` or `unknown`."""
    found = _ESS_OF.get(key_of(line(value)))
    if found is None:
        raise Refused("ess.unknown", "On ne sait pas si c'est un oui ou un non.", "Écrivez oui, non ou inconnu.")
    return found


def legal_form(value: object) -> str:
    """The four digits of a legal category of INSEE, from its code or from the name people give it."""
    written = line(value)
    found = _CODE.match(written.replace(".", ""))
    if found:
        return found.group(1)
    key = key_of(re.sub(r"\(.*?\)", "", written))
    code = _FORM_OF.get(key_of(written)) or _FORM_OF.get(key)
    if code is not None:
        return code
    if key in _SEVERAL:
        why = f"« {written} » peut être de plusieurs formes."
        raise Refused("legal_form.several", why, f"Écrivez son code : {_SEVERAL[key]}.")
    remedy = "Écrivez le code à quatre chiffres de l'INSEE (9220 : association déclarée), ou un nom courant."
    raise Refused("legal_form.unknown", "Cette forme juridique n'est pas connue.", remedy)


def language(value: object) -> str:
    """The ISO 639-1 code of a language, from its code or its French or English name."""
    written = line(value)
    found = _languages().get(key_of(written))
    if found is None:
        why = "Cette langue n'a pas de code ISO 639-1, ou n'est pas reconnue."
        raise Refused("languages.unknown", why, "Écrivez son nom (anglais) ou son code à deux lettres (en).")
    return found


def language_name(code: str) -> str:
    """What French calls a language of ISO 639-1; the code itself where it is none.

    >>> language_name("ar"), language_name("zz")
    ('arabe', 'zz')
    """
    return _french().get(code, code)


def argumentaire_part(value: object) -> str:
    """One part of the argumentaire; whether it says enough to be public is asked by the gate."""
    text = long_text(value)
    if len(text) > CHARS_AT_MOST:
        why = f"Cette partie de l'argumentaire est trop longue ({len(text)} caractères)."
        raise Refused("argumentaire.long", why, f"Ramenez-la à {CHARS_AT_MOST} caractères.")
    return text


def memberships(value: Any) -> list[dict[str, str]]:
    """The networks and poles a structure belongs to: `[{"name", "scale", "territory"?}]`, or the text of its JSON."""
    found = _parsed(value)
    if not isinstance(found, list) or len(found) > _MEMBERSHIPS or not all(map(_is_membership, found)):
        why = "Ce n'est pas une liste d'appartenances."
        raise Refused("memberships.shape", why, 'Par exemple [{"name": "LIS", "scale": "national"}].')
    return found


def extra(value: Any) -> dict[str, Any]:
    """What a source said and data·inclusion cannot say, as our own exports write it: an object, or its JSON."""
    found = _parsed(value)
    if not isinstance(found, dict) or not isinstance(found.get("unread", {}), dict):
        raise Refused("extra.shape", "Ce n'est pas un objet JSON.", "Retirez cette colonne, ou laissez-la vide.")
    return found


def _parsed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except ValueError:
        return None


def _is_membership(one: Any) -> bool:
    if not isinstance(one, dict) or not {"name", "scale"} <= one.keys() <= {"name", "scale", "territory"}:
        return False
    return all(isinstance(text, str) and 0 < len(text) <= _SCALES_CHARS for text in one.values())


CLEAN: Final[Mapping[str, Callable[[object], Any]]] = {
    "ess": ess, "legal_form": legal_form, "memberships": memberships, "extra": extra,
    **dict.fromkeys(ARGUMENTAIRE, argumentaire_part),
}  # fmt: skip
"""How each is cleaned; `languages`, of which there are several, one by one."""


@cache
def _french() -> dict[str, str]:
    """Names of languages by their codes, from those of CLDR; loaded when a language is first told."""
    from babel import Locale

    return {str(code): str(name) for code, name in Locale("fr").languages.items() if len(str(code)) == 2}


@cache
def _languages() -> dict[str, str]:
    """Codes by what people write, from the names of CLDR; loaded when a file first says a language."""
    from babel import Locale

    names = {key_of(name): code for name, code in _SPELT.items()}
    for locale in ("en", "fr"):
        known = {str(code): str(name) for code, name in Locale(locale).languages.items()}
        names |= {key_of(name): code for code, name in known.items() if len(code) == 2 and code != _WITHDRAWN}
        names |= {code: code for code in known if len(code) == 2 and code != _WITHDRAWN}
    return names
