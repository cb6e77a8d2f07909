"""What a reader holds of every record of one kind (structures, or services): arrays by row, filled from the index.

A `RowData` is what the projector stores for one record; `Table.put` takes batches of them. Only what filters, sorts
and facets need is here: the finished JSON stays in the index.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from gateway import schema
from gateway.index import geography
from gateway.index.arrays import Floats, Keys, Mask, Rows, grown
from gateway.index.sets import SetColumn
from gateway.index.strings import OrderedStrings

SETS = (
    "source",
    "thematiques",  # and their categories
    "type",
    "frais",
    "publics",
    "modes_accueil",
    "zone",
    "sectors",
    "commune",
    "departement",
    "region",
    "reseaux_porteurs",
    "modes_mobilisation",
    "mobilisable_par",
    "opening",
    "rights",  # source, home, its names, licence and attribution, as JSON
)
REMOTE, ON_SITE = "a-distance", "en-presentiel"
NO_SCORE = -1.0


@dataclass(slots=True)
class RowData:
    """One record as the arrays need it; `gone` rows (withdrawn, or waiting for their structure) have only a slot.

    `id` is data·inclusion's; `name` is folded; `updated` is days since 1970, of what the record says of itself;
    `changed` seconds since 1970, of the last change of the record that we know; `sets` has one set (as `sets.written`)
    for each column of `SETS`.
    """

    slot: int
    gone: bool = True
    id: str = ""
    uuid: str = ""
    name: str = ""
    lat: float | None = None
    lon: float | None = None
    score: float = NO_SCORE
    updated: int = 0
    changed: float = 0.0
    sets: Sequence[str] = ()

    def dump(self) -> bytes:
        """Compact JSON for the index."""
        if self.gone:
            return orjson.dumps([self.slot])
        numbers = (self.lat, self.lon, self.score, self.updated, self.changed)
        return orjson.dumps([self.slot, False, self.id, self.uuid, self.name, *numbers, self.sets])

    @classmethod
    def load(cls, stored: bytes) -> RowData:
        """What `dump` wrote."""
        return cls(*orjson.loads(stored))

    @property
    def row(self) -> int:
        """The row within its kind."""
        return schema.row(self.slot)


def id_key(public_id: str, uuid: str) -> bytes:
    """How records are ordered by id: data·inclusion's id, and ours where two homes have the same."""
    return public_id.encode() + b"\0" + bytes.fromhex(uuid.replace("-", ""))


def split_id_key(key: bytes) -> tuple[str, str]:
    """The public id and the UUID, with its hyphens, in an `id_key`."""
    digits = key[-16:].hex()
    uuid = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
    return key[:-17].decode(), uuid


def name_key(name: str, key: bytes) -> bytes:
    """How records are ordered by (folded) name, and by id where names are equal."""
    return name.encode() + b"\0" + key


class Table:
    """All rows of one kind. Not safe for threads by itself: the reader holds a lock."""

    def __init__(self) -> None:
        self.size = 0
        self.alive: Mask = np.zeros(0, dtype=np.bool_)
        self.lat, self.lon, self.x, self.y, self.z, self.score = (np.zeros(0) for _ in range(6))
        self.strip: Keys = np.zeros(0, dtype=np.int64)
        self.updated: npt.NDArray[np.int32] = np.zeros(0, dtype=np.int32)
        self.changed: Floats = np.zeros(0)
        self.remote: Mask = np.zeros(0, dtype=np.bool_)
        self.on_site: Mask = np.zeros(0, dtype=np.bool_)
        self.ids = OrderedStrings()
        self.names = OrderedStrings()
        self.sets = {name: SetColumn() for name in SETS}

    _FILL = {  # noqa: RUF012
        "alive": False,
        "lat": np.nan,
        "lon": np.nan,
        "x": np.nan,
        "y": np.nan,
        "z": np.nan,
        "score": NO_SCORE,
        "strip": geography.NOWHERE,
        "updated": 0,
        "changed": 0.0,
        "remote": False,
        "on_site": False,
    }

    def put(self, batch: Sequence[RowData]) -> Rows:
        """Take rows as they are now; returns the rows touched. The last of a row repeated in a batch counts."""
        if not batch:
            return np.empty(0, dtype=np.intp)
        self._make_room(max(data.row for data in batch) + 1)
        latest = {data.row: data for data in batch}
        rows = np.fromiter(latest, dtype=np.intp, count=len(latest))
        self.alive[rows] = [not data.gone for data in latest.values()]
        live = [data for data in latest.values() if not data.gone]
        if live:
            self._put_live(np.array([data.row for data in live], dtype=np.intp), live)
        return rows

    def live_rows(self) -> Rows:
        """Rows of public records, ascending."""
        return np.flatnonzero(self.alive[: self.size])

    def _make_room(self, rows: int) -> None:
        if rows <= self.size:
            return
        self.size = rows
        for name, fill in self._FILL.items():
            setattr(self, name, grown(getattr(self, name), rows, fill))
        for strings in (self.ids, self.names):
            strings.resize(len(self.alive))
        for column in self.sets.values():
            column.resize(len(self.alive))

    def _put_live(self, rows: Rows, live: list[RowData]) -> None:
        lat, lon = _floats(data.lat for data in live), _floats(data.lon for data in live)
        self.lat[rows], self.lon[rows] = lat, lon
        self.x[rows], self.y[rows], self.z[rows] = geography.vectors(lat, lon)
        self.strip[rows] = geography.strip_keys(lat, lon)
        self.score[rows] = [data.score for data in live]
        self.updated[rows] = [data.updated for data in live]
        self.changed[rows] = [data.changed for data in live]
        for place, column in enumerate(self.sets.values()):
            column.put(rows, [data.sets[place] for data in live])
        modes = self.sets["modes_accueil"]
        self.remote[rows] = modes.with_any((REMOTE,))[modes.codes[rows]]
        self.on_site[rows] = modes.with_any((ON_SITE,))[modes.codes[rows]]
        keys = [id_key(data.id, data.uuid) for data in live]
        numbers = rows.tolist()
        self.ids.put(dict(zip(numbers, keys, strict=True)))
        names = [name_key(data.name, key) for data, key in zip(live, keys, strict=True)]
        self.names.put(dict(zip(numbers, names, strict=True)))

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Everything, as arrays by name, for a snapshot."""
        for strings in (self.ids, self.names):
            strings.keys()  # worked out now, once for all readers
        found = {name: getattr(self, name) for name in self._FILL} | {"size": np.array([self.size])}
        for name, strings in (("ids", self.ids), ("names", self.names)):
            found |= {f"{name}.{part}": array for part, array in strings.state().items()}
        for name, column in self.sets.items():
            found[f"{name}.codes"], found[f"{name}.sets"] = column.state()
        return found

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """What `state` gave, into a new table."""
        self.size = int(state["size"][0])
        for name in self._FILL:
            setattr(self, name, state[name])
        for name, strings in (("ids", self.ids), ("names", self.names)):
            parts = {key.partition(".")[2]: array for key, array in state.items() if key.startswith(f"{name}.")}
            strings.restore(parts)
        for name, column in self.sets.items():
            column.restore(state[f"{name}.codes"], state[f"{name}.sets"])

    @property
    def nbytes(self) -> int:
        """Bytes held, about."""
        arrays = sum(getattr(self, name).nbytes for name in self._FILL)
        return int(arrays + self.ids.nbytes + self.names.nbytes + sum(column.nbytes for column in self.sets.values()))


def _floats(values: Iterable[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
