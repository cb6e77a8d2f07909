"""What the page of a record says in rows: everything that is public of it and has no place of its own on the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.pages import shown
from services.directory.formats import legal_forms, own_values, sectors, territory

SCALES: Final = {
    "commune": "commune", "epci": "EPCI", "department": "département", "region": "région", "country": "pays",
}  # fmt: skip
ESS: Final = {"yes": "oui", "no": "non"}
_AT: Final[Mapping[str, Callable[[str], Any]]] = {
    "commune": territory.commune, "epci": territory.epci, "department": territory.department,
    "region": territory.region,
}  # fmt: skip
_ZONES: Final = ("department", "epci", "commune")
WEB: Final = ("http://", "https://")


@dataclass(frozen=True)
class Link:
    """A value that leads somewhere."""

    href: str
    text: str


Value = str | list[str] | Link
Row = tuple[str, Value]


def of_structure(item: dict[str, Any], native: dict[str, Any]) -> list[Row]:
    """Label and value, in the order of the page; `item` as `shown.labelled` makes it. What is not said has no row."""
    return _said((
        *_place(item, shown.address(item)),
        ("Réseaux nationaux", item["reseaux_porteurs"]),
        ("Réseaux et pôles", [_membership(each) for each in native.get("memberships", ())]),
        ("Économie sociale et solidaire", ESS.get(native.get("ess", ""), "")),
        ("Forme juridique", legal_forms.label(native["legal_form"]) if native.get("legal_form") else ""),
        ("Secteurs", _sectors(native)),
        *_received(item, native),
        ("SIRET", item.get("siret") or ""),
        ("Registre des associations", str(native.get("extra", {}).get("rna") or "")),
    ))  # fmt: skip


def of_service(item: dict[str, Any], native: dict[str, Any], structure: dict[str, Any] | None) -> list[Row]:
    """The same of a service; at the place of its `structure` where it names none of its own."""
    own = shown.address(item)
    return _said((
        *_place(item, own or shown.address(structure or {})),
        ("Territoire servi", [_zone(code) for code in item.get("zone_eligibilite") or ()]),
        ("Type", item.get("type") or ""),
        ("Thèmes", item["thematiques"]),
        ("Secteurs", _sectors(native)),
        ("Pour qui", item["publics"]),
        ("Précisions sur le public", item.get("publics_precisions") or ""),
        ("Conditions", item.get("conditions_acces") or ""),
        ("Frais", item.get("frais") or ""),
        ("Précisions sur les frais", item.get("frais_precisions") or ""),
        ("Accueil", item["modes_accueil"]),
        *_received(item, native),
        ("Durée", _lasts(item)),
        ("Comment s’y prendre", item["modes_mobilisation"]),
        ("Qui peut demander", item["mobilisable_par"]),
        ("Précisions", item.get("mobilisation_precisions") or ""),
    ))  # fmt: skip


def source_page(item: dict[str, Any]) -> str:
    """The address of a record at its source, empty where there is none that a browser may follow."""
    href = str(item.get("lien_source") or "")
    return href if href.startswith(WEB) else ""


def _said(rows: tuple[Row, ...]) -> list[Row]:
    return [(label, value) for label, value in rows if value]


def _place(item: dict[str, Any], address: str) -> Iterator[Row]:
    yield "Adresse", address
    lat, lon = item.get("latitude"), item.get("longitude")
    if lat is not None and lon is not None:
        yield "Position", Link(f"geo:{lat},{lon}", f"{lat:.5f}, {lon:.5f}")


def _received(item: dict[str, Any], native: dict[str, Any]) -> Iterator[Row]:
    """What decides whether somebody can come at all: languages, and what people with a disability find there."""
    yield "Langues parlées", [own_values.language_name(code) for code in native.get("languages", ())]
    yield "Accessibilité", str(native.get("accessibility") or "")
    page = str(item.get("accessibilite_lieu") or "")
    if page.startswith(WEB):
        yield "Accessibilité du lieu", Link(page, "Voir la fiche d’accessibilité")


def _sectors(native: dict[str, Any]) -> list[str]:
    return [sectors.label(code, "fr") for code in native.get("sectors", ())]


def _membership(each: dict[str, str]) -> str:
    """`CLIC (EPCI : CC de Nozay)`."""
    scale, code = each.get("scale", ""), each.get("territory", "")
    place = _AT[scale](code) if scale in _AT and code else None
    where = " : ".join(part for part in (SCALES.get(scale, ""), place.name if place else "") if part)
    return f"{each.get('name', '')} ({where})" if where else each.get("name", "")


def _zone(code: str) -> str:
    """A territory served, by its name: `Loire-Atlantique (département)`."""
    if code in territory.ALL_FRANCE:
        return "toute la France"
    for scale in _ZONES:
        place = _AT[scale](code)
        if place is not None:
            return f"{place.name} ({SCALES[scale]})"
    return code


def _lasts(item: dict[str, Any]) -> str:
    """`3 h par semaine, pendant 6 semaines`."""
    hours, weeks = item.get("volume_horaire_hebdomadaire"), item.get("nombre_semaines")
    said = (f"{hours:g} h par semaine".replace(".", ",") if hours else "", _weeks(weeks) if weeks else "")
    return ", ".join(part for part in said if part)


def _weeks(number: int) -> str:
    return f"pendant {number} semaine{'s' if number > 1 else ''}"
