"""What people call the legal forms that associations and their partners have, by INSEE's codes (level III).

Source: https://www.insee.fr/fr/information/2028129.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LABELS: Final[Mapping[str, str]] = {
    "1000": "entrepreneur individuel", "5202": "société en nom collectif", "5458": "Scop SARL", "5460": "Scic SARL",
    "5498": "SARL unipersonnelle", "5499": "SARL", "5558": "Scop SA", "5560": "Scic SA",
    "5599": "SA à conseil d’administration", "5699": "SA à directoire", "5710": "SAS", "5720": "SAS unipersonnelle",
    "6220": "groupement d’intérêt économique", "6316": "coopérative d’utilisation de matériel agricole (Cuma)",
    "6317": "coopérative agricole", "6540": "société civile immobilière", "7210": "commune", "7220": "département",
    "7230": "région", "7344": "métropole", "7346": "communauté de communes", "7348": "communauté d’agglomération",
    "7361": "centre communal d’action sociale", "7366": "établissement public social et médico-social",
    "7367": "centre intercommunal d’action sociale", "7410": "groupement d’intérêt public", "8210": "mutuelle",
    "8290": "organisme mutualiste", "8410": "syndicat de salariés", "8420": "syndicat patronal",
    "9210": "association non déclarée", "9220": "association déclarée", "9221": "association déclarée, d’insertion",
    "9222": "association intermédiaire", "9223": "groupement d’employeurs",
    "9230": "association reconnue d’utilité publique", "9240": "congrégation", "9260": "association de droit local",
    "9300": "fondation",
}  # fmt: skip


def label(code: str) -> str:
    """What people call a legal form; a code that has no usual name is told as one.

    >>> label("9220"), label("7389")
    ('association déclarée', 'catégorie 7389 de l’INSEE')
    """
    return LABELS.get(code, f"catégorie {code} de l’INSEE")
