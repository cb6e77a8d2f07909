"""From a native record to its documents: words by place, columns for the readers' arrays, finished JSON.

Pure: everything comes from the record and, for a service, from its structure; nothing is looked up in the index.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import orjson
import tantivy

from gateway import schema, text
from gateway.index import labels
from gateway.index.labels import joined
from gateway.index.openings import opening_word
from gateway.index.sets import written
from gateway.index.table import NO_SCORE, SETS, RowData
from services.directory.formats import data_inclusion, referentials, sectors, territory
from services.directory.formats.ids import di_id
from services.kernel import clock

_EPOCH = date(1970, 1, 1)
SERVICE_TEXTS = ("description", "publics_precisions", "conditions_acces", "frais_precisions",
                 "mobilisation_precisions", "adresse")  # fmt: skip
STRUCTURE_TEXTS = ("description", "accessibilite_lieu", "adresse")


@dataclass(frozen=True, slots=True)
class Owner:
    """A structure as its services need it: the record, and its finished JSON."""

    record: dict[str, Any]
    item: bytes

    @classmethod
    def of(cls, feed_item: dict[str, Any]) -> Owner:
        """From the feed's item of a published structure."""
        return cls(feed_item["event"]["data"], orjson.dumps(_item(feed_item, None)))


def live_row(slot: int, stamp: int, feed_item: dict[str, Any], owner: Owner | None) -> tantivy.Document:
    """The row document of a public record; `owner` for services only."""
    record = feed_item["event"]["data"]
    is_service = record["kind"] == "service"
    item = _item(feed_item, owner)
    document = _row(slot, stamp, record)
    words = service_words(record, owner) if is_service and owner else structure_words(record)
    for field, said in words.items():
        document.add_text(field, said)
    document.add_text(schema.WORDS, joined(words.values()))
    document.add_text(schema.COMPLETION, text.grams(record["fields"].get("nom", "")))
    document.add_bytes("item", orjson.dumps(item))
    if owner:
        document.add_bytes("structure_item", owner.item)
        if is_service and owner.record["id"] != record["structure"]:  # found under the one its own is shown as, too
            document.add_text("structure", owner.record["id"])
    document.add_bytes("columns", _columns(slot, feed_item, item).dump())
    return document


def gone_row(slot: int, stamp: int, record: dict[str, Any]) -> tantivy.Document:
    """The row document of a record that is not to be found (withdrawn, or a service without its structure)."""
    document = _row(slot, stamp, record)
    document.add_bytes("columns", RowData(slot).dump())
    return document


def event(feed_item: dict[str, Any]) -> tantivy.Document:
    """The document that `/changes` reads."""
    document = tantivy.Document()
    document.add_text("key", schema.event_key(feed_item["id"]))
    document.add_unsigned("position", feed_item["position"])
    document.add_bytes("event", orjson.dumps(feed_item))
    return document


def _row(slot: int, stamp: int, record: dict[str, Any]) -> tantivy.Document:
    document = tantivy.Document()
    document.add_text("key", record["id"])
    document.add_text("kind", record["kind"])
    document.add_text("public_id", di_id(record["source"], record["source_id"]))
    document.add_unsigned("slot", slot)
    document.add_unsigned("stamp", stamp)
    if "structure" in record:
        document.add_text("structure", record["structure"])
    return document


def _item(feed_item: dict[str, Any], owner: Owner | None) -> dict[str, Any]:
    """What answers say: data·inclusion's item, and in `record` what that contract cannot say of whose record it is."""
    native = feed_item["event"]["data"]
    item = data_inclusion.api_structure(native) if native["kind"] == "structure" else data_inclusion.api_service(
        native, owner.record if owner else {}
    )  # fmt: skip
    item["record"] = {
        "id": native["id"], "home_node": feed_item.get("home"),
        "confirmed_at": native.get("confirmed_at"), "verified_at": native.get("verified_at"),
        "review_since": native.get("review_since"),
    }  # fmt: skip
    return item


def service_words(record: dict[str, Any], owner: Owner) -> dict[str, str]:
    """What a service says, by the fields of the index."""
    fields, host = record["fields"], owner.record["fields"]
    audiences = labels.of_all("publics", tuple(fields.get("publics", ())))
    return {
        schema.NAME: fields.get("nom", ""),
        schema.LABELS: joined(
            [
                labels.of_themes(tuple(fields.get("thematiques", ()))),
                audiences,
                labels.of("types", fields["type"]) if "type" in fields else None,
                labels.of_sectors(_sectors(record)),
            ]
        ),
        schema.PLACE: joined(
            [
                host.get("nom"),
                fields.get("commune") or host.get("commune"),
                labels.of_all("reseaux_porteurs", tuple(host.get("reseaux_porteurs", ()))),
            ]
        ),
        schema.BODY: joined(map(fields.get, SERVICE_TEXTS)),
        schema.AUDIENCE: joined([audiences, fields.get("publics_precisions")]),
    }


def structure_words(record: dict[str, Any]) -> dict[str, str]:
    """What a structure says, by the fields of the index."""
    fields = record["fields"]
    return {
        schema.NAME: fields.get("nom", ""),
        schema.LABELS: joined(
            [
                labels.of_all("reseaux_porteurs", tuple(fields.get("reseaux_porteurs", ()))),
                labels.of_sectors(_sectors(record)),
            ]
        ),
        schema.PLACE: fields.get("commune", ""),
        schema.BODY: joined(map(fields.get, STRUCTURE_TEXTS)),
    }


def _sectors(record: dict[str, Any]) -> tuple[str, ...]:
    fields = record["fields"]
    return tuple(record.get("sectors") or sectors.of(fields.get("thematiques", ()), fields.get("publics", ())))


def _columns(slot: int, feed_item: dict[str, Any], item: dict[str, Any]) -> RowData:
    record = feed_item["event"]["data"]
    fields = record["fields"]
    score = item.get("score_qualite")
    return RowData(
        slot=slot,
        gone=False,
        id=item["id"],
        uuid=record["id"],
        name=text.fold(fields.get("nom", "")),
        lat=fields.get("latitude"),
        lon=fields.get("longitude"),
        score=NO_SCORE if score is None else score,
        updated=_day(fields.get("date_maj") or record["changed_at"]),
        changed=clock.from_text(record["changed_at"]).timestamp(),
        sets=_sets(record, feed_item.get("home")),
    )


def _sets(record: dict[str, Any], home_node: dict[str, str] | None) -> list[str]:
    fields = record["fields"]
    opening = opening_word(fields.get("horaires_accueil", ""))
    sets = {
        "source": record["source"],
        "thematiques": _with_categories(tuple(fields.get("thematiques", ()))),
        "type": fields.get("type", ""),
        "frais": fields.get("frais", ""),
        "publics": written(fields.get("publics", ())),
        "modes_accueil": written(fields.get("modes_accueil", ())),
        "zone": written(fields.get("zone_eligibilite", ())),
        "sectors": written(_sectors(record)),
        "reseaux_porteurs": written(fields.get("reseaux_porteurs", ())),
        "modes_mobilisation": written(fields.get("modes_mobilisation", ())),
        "mobilisable_par": written(fields.get("mobilisable_par", ())),
        "opening": opening or "",
        "rights": _rights(record, home_node),
    } | _around(fields.get("code_insee", ""))
    return [sets[name] for name in SETS]


def _rights(record: dict[str, Any], home_node: dict[str, str] | None) -> str:
    """As JSON, which leaves no line or tab in the texts of other nodes that could be read as the end of one."""
    licence, attribution = record.get("licence", ""), record.get("attribution", "")
    return orjson.dumps([record["source"], record["home"], home_node, licence, attribution]).decode()


@lru_cache(maxsize=4096)
def _with_categories(themes: tuple[str, ...]) -> str:
    return written([*themes, *map(referentials.category_of, themes)])


@lru_cache(maxsize=4096)
def _around(code: str) -> dict[str, str]:
    """The commune with its city, the department and the region of a commune's code."""
    place = territory.commune(code) if code else None
    if place is None:
        return {"commune": code, "departement": "", "region": ""}
    communes = written([code, place.code, territory.city(place).code])
    return {"commune": communes, "departement": place.department, "region": place.region}


def _day(written: str) -> int:
    """Days since 1970 of a date or time as records write them."""
    return (date.fromisoformat(written[:10]) - _EPOCH).days
