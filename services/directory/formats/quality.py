"""How much a record tells somebody who needs it, from 0 to 1, and the question whose answer would add most.

Each question weighs what it is worth to who looks for help: how to reach, where, for whom, at what price come first.
Four fifths are what the record says; a tenth is that its structure confirmed it, a tenth that a permanent verified it.
`score_qualite` of data·inclusion's API is this score. The weights are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

SAID, CONFIRMED, VERIFIED = 0.8, 0.1, 0.1


@dataclass(frozen=True)
class Question:
    """One question: the fields of which any answers it, what it weighs beside the others, its words."""

    fields: tuple[str, ...]
    weight: int
    fr: str


QUESTIONS: Final[Mapping[str, tuple[Question, ...]]] = {
    "structure": (
        Question(("telephone", "courriel"), 5, "À quel numéro ou à quelle adresse électronique vous joindre ?"),
        Question(("adresse", "code_insee"), 4, "À quelle adresse reçoit-on les personnes ?"),
        Question(("horaires_accueil",), 4, "Quels sont les jours et les heures d’ouverture ?"),
        Question(("description",), 4, "En quelques phrases : que fait cette structure, et pour qui ?"),
        Question(("siret",), 3, "Quel est le numéro SIRET ?"),
        Question(("site_web",), 2, "Quel est le site ?"),
        Question(("ess",), 2, "Cette structure est-elle de l’économie sociale et solidaire ?"),
        Question(("accessibilite_lieu", "accessibility"), 2, "Que trouve sur place une personne handicapée ?"),
        Question(("reseaux_porteurs", "memberships"), 1, "À quels réseaux ou pôles appartient-elle ?"),
        Question(("legal_form",), 1, "Quelle est sa forme juridique ?"),
        Question(("languages",), 1, "Quelles langues y parle-t-on ?"),
    ),
    "service": (
        Question(("telephone", "courriel", "lien_mobilisation"), 5, "Comment demander ce service ?"),
        Question(("description",), 4, "En quelques phrases : en quoi consiste ce service ?"),
        Question(("thematiques",), 4, "De quels thèmes relève-t-il ?"),
        Question(("publics", "publics_precisions"), 4, "À qui s’adresse-t-il ?"),
        Question(("frais", "frais_precisions"), 3, "Que coûte-t-il ?"),
        Question(("conditions_acces",), 3, "Quelles sont les conditions pour y avoir droit ?"),
        Question(("adresse", "zone_eligibilite"), 3, "Où a-t-il lieu, et pour quel territoire ?"),
        Question(("modes_accueil",), 2, "Reçoit-on sur place ou à distance ?"),
        Question(("horaires_accueil",), 2, "Quels sont les jours et les heures ?"),
        Question(("type",), 2, "De quel type de service s’agit-il ?"),
        Question(("modes_mobilisation", "mobilisable_par"), 1, "Qui peut le demander, et de quelle manière ?"),
        Question(("languages",), 1, "Quelles langues y parle-t-on ?"),
    ),
}
_TOTAL: Final = {kind: sum(each.weight for each in questions) for kind, questions in QUESTIONS.items()}
_UNSAID: Final[tuple[object, ...]] = (None, "", [], {}, "unknown")


def score(record: Mapping[str, Any]) -> float:
    """The score of a native record, two decimals."""
    kind, said = record["kind"], record["fields"]
    told = 0
    for each in QUESTIONS[kind]:
        for name in each.fields:
            if said.get(name) not in _UNSAID or record.get(name) not in _UNSAID:
                told += each.weight
                break
    checked = CONFIRMED * bool(record.get("confirmed_at")) + VERIFIED * bool(record.get("verified_at"))
    return round(SAID * told / _TOTAL[kind] + checked, 2)


def next_question(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """`{fields, question, adds}`: what is not answered yet and would raise the score most; none where all is said."""
    said = {**record, **record["fields"]}
    open_questions = [
        each for each in QUESTIONS[record["kind"]] if all(said.get(name) in _UNSAID for name in each.fields)
    ]
    if not open_questions:
        return None
    best = max(open_questions, key=lambda each: each.weight)
    adds = round(SAID * best.weight / _TOTAL[record["kind"]], 2)
    return {"fields": list(best.fields), "question": best.fr, "adds": adds}
