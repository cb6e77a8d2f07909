"""Native records for tests of exports, from drafts and from hypothesis: what any source may say, cleaned."""

import datetime as dt
from typing import Any

from hypothesis import strategies as st

from services.directory.formats import clean, referentials
from services.directory.formats.argumentaire import PARTS
from services.directory.formats.drafts import BESIDE, Draft
from services.directory.formats.ids import record_id

HOME = "maillageabcdefghijklmnopqrstuvwx"
CHANGED_AT = "2026-03-02T10:20:30Z"


def record_of(draft: Draft) -> dict[str, Any]:
    """The published record of a draft, as the directory tells it."""
    record: dict[str, Any] = {
        "id": str(record_id(HOME, draft["kind"], draft["source"], draft["source_id"])),
        "kind": draft["kind"], "home": HOME, "source": draft["source"], "source_id": draft["source_id"],
        "version": 1, "status": "published", "changed_at": CHANGED_AT, "published_at": CHANGED_AT, "changed": [],
        "fields": draft["fields"], "sectors": draft.get("sectors", []),
    }  # fmt: skip
    if draft["kind"] == "service":
        record["structure"] = str(record_id(HOME, "structure", draft["source"], draft["structure_source_id"]))
    return record | {name: draft[name] for name in BESIDE if name in draft}  # type: ignore[literal-required]


def _some(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


def _listed(name: str) -> st.SearchStrategy[Any]:
    return st.lists(st.sampled_from(list(map(str, referentials.values(name)))), max_size=4)


TEXT = st.text(st.characters(codec="utf-8"), max_size=60)
NAME = st.text(st.characters(codec="utf-8", categories=["L", "Nd", "P", "Zs"]), min_size=1, max_size=40).map(
    "Le {}".format
)
PLACES: list[dict[str, Any]] = [
    {},
    {"commune": "Rezé", "code_postal": "44400"},
    {"code_insee": "75112", "commune": "Paris 12e"},
    {"code_insee": "2A004", "latitude": 41.919229, "longitude": "8,738635"},
    {"code_insee": 1033, "code_postal": 1200, "adresse": "3, rue « du Port »;\nau fond"},
]
COMMON = {
    "nom": NAME,
    "date_maj": st.dates(min_value=dt.date(2000, 1, 1), max_value=dt.date(2025, 1, 1)).map(str),
    "description": _some(TEXT),
    "lien_source": _some(st.sampled_from(["https://exemple.fr/a?b=c#d", "exemple.fr", "http://été.exemple.fr/à b"])),
    "telephone": _some(st.sampled_from(["02 40 12 34 56", "3949", "+262 262 12 34 56", "rien"])),
    "courriel": _some(st.sampled_from(["a.b+c@exemple.fr", "Accueil <accueil@exemple.fr>", "x@y"])),
    "horaires_accueil": _some(st.sampled_from(["lundi 9h-12h", "Mo-Fr 08:30-12:30; PH off", "sur rendez-vous", "?"])),
    "place": st.sampled_from(PLACES),
}  # fmt: skip
STRUCTURE = {
    "siret": _some(st.sampled_from(["13003013300016", "35600000000048", "1"])),
    "site_web": _some(st.just("www.exemple.fr")),
    "accessibilite_lieu": _some(st.just("https://acceslibre.beta.gouv.fr/app/a/")),
    "reseaux_porteurs": _listed("reseaux_porteurs"),
}
SERVICE = {
    "structure_id": st.integers(0, 2).map("essai--{}".format),
    "type": _some(st.sampled_from(list(map(str, referentials.values("types_de_services"))))),
    "thematiques": _listed("thematiques"),
    "frais": _some(st.sampled_from(["gratuit", "payant"])),
    "frais_precisions": _some(TEXT),
    "publics": _listed("publics"),
    "publics_precisions": _some(TEXT),
    "conditions_acces": _some(TEXT),
    "modes_accueil": _listed("modes_accueil"),
    "zone_eligibilite": st.lists(st.sampled_from(["44109", "44", "2A", "200093201", "france", "01091"]), max_size=3),
    "contact_nom_prenom": _some(NAME),
    "lien_mobilisation": _some(st.just("https://exemple.fr/demande")),
    "modes_mobilisation": _listed("modes_mobilisation"),
    "mobilisable_par": _listed("mobilisable_par"),
    "mobilisation_precisions": _some(TEXT),
    "volume_horaire_hebdomadaire": _some(st.floats(0, 40)),
    "nombre_semaines": _some(st.integers(1, 52)),
}  # fmt: skip


def _items(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(COMMON | fields).map(lambda item: item | item.pop("place"))


@st.composite
def exports(draw: st.DrawFn) -> dict[str, list[dict[str, Any]]]:
    """What a producer may send: three structures and some services of theirs, values good and bad."""
    structures = [draw(_items(STRUCTURE)) | {"source": "essai", "id": f"essai--{n}"} for n in range(3)]
    count = draw(st.integers(0, 3))
    services = [draw(_items(SERVICE)) | {"source": "essai", "id": f"essai--s{n}"} for n in range(count)]
    return {"structures": structures, "services": services}


RUN = "=1+1", "+1 cmd", "-2+3|'x'!A0", "@SUM(1)", "'=1", "''-x", "＝1", "'", "- un tiret", "+33", "-1.5"
SAID = (st.sampled_from(RUN) | TEXT).map(clean.long_text).filter(bool)
"""Clean texts, many of which a spreadsheet would take for a formula."""
MEMBERSHIP = st.fixed_dictionaries(
    {"name": NAME, "scale": st.sampled_from(["local", "national"])}, optional={"territory": st.just("44")}
)


@st.composite
def own_parts(draw: st.DrawFn) -> dict[str, Any]:
    """What a structure says beside its fields."""
    parts = {
        "ess": draw(_some(st.sampled_from(["yes", "no", "unknown"]))),
        "legal_form": draw(_some(st.from_regex(r"[1-9][0-9]{3}", fullmatch=True))),
        "languages": sorted(draw(st.sets(st.sampled_from(["fr", "en", "ar", "ps", "nb"])))),
        "memberships": draw(st.lists(MEMBERSHIP, max_size=2)),
        "argumentaire": draw(st.dictionaries(st.sampled_from([part.name for part in PARTS]), SAID)),
        "extra": draw(st.dictionaries(st.sampled_from(["unread", "vu"]), st.dictionaries(NAME, TEXT, max_size=2))),
    }
    return {name: value for name, value in parts.items() if value}
