"""A generation as a reader sees it: the last commit taken up, and the arrays brought up to it.

Taking up a commit costs about what was written in it: documents stamped since the last one are read, and nothing
else. The first time, all are.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tantivy

from gateway import schema
from gateway.index import generation, snapshot
from gateway.index.arrays import Rows, grown
from gateway.index.generation import Position
from gateway.index.items import Items
from gateway.index.postings import Postings
from gateway.index.selector import Selector
from gateway.index.table import RowData, Table
from gateway.index.words import Words

STAMPS_A_STEP = 8_192


class Records:
    """The arrays of one kind, and what answers from them."""

    def __init__(self, kind: str, index_schema: tantivy.Schema) -> None:
        self.table = Table()
        self.postings = Postings(self.table)
        self.words = Words(kind, index_schema)
        self._everywhere = kind == "structure"
        self.selector = Selector(self.table, self.postings, everywhere=self._everywhere)
        self.stamps: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)

    def put(self, batch: list[RowData], stamps: list[int]) -> None:
        """Take rows as they were at their stamps."""
        rows: Rows = self.table.put(batch)
        self.stamps = grown(self.stamps, self.table.size, 0)
        self.stamps[[data.row for data in batch]] = stamps
        self.postings.touched(rows)
        self.selector.touched()

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Everything, as arrays by name, for a snapshot."""
        return self.table.state() | {"stamps": self.stamps}

    def restore(self, state: dict[str, npt.NDArray[Any]]) -> None:
        """What `state` gave, before anything was put."""
        self.table.restore(state)
        self.stamps = state["stamps"]
        self.postings = Postings(self.table)
        self.selector = Selector(self.table, self.postings, everywhere=self._everywhere)

    @property
    def nbytes(self) -> int:
        """Bytes held, about."""
        return self.table.nbytes + self.words.nbytes + self.selector.nbytes + self.stamps.nbytes


class View:
    """One opened generation. `lock` guards the arrays; a searcher once taken may be used without it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = threading.Lock()
        self.index = generation.open_(path)
        self.schema = self.index.schema
        self.searcher = self.index.searcher()
        self.position = Position()
        self.records = {kind: Records(kind, self.schema) for kind in schema.KINDS}
        self.items = Items(self.schema)
        self._seen: tuple[int, int, int] | None = None
        self._restore()
        self.refresh()

    def _restore(self) -> None:
        """Begin with the last snapshot, if there is one."""
        found = snapshot.load(self.path)
        if found:
            stamp, states = found
            self.position = Position(stamp=stamp)
            for kind, records in self.records.items():
                records.restore(states[kind])

    @property
    def version(self) -> str:
        """Changes when anything in the read model does: the generation and the stamp."""
        return f"{self.path.name.removeprefix('gen-')}-{self.position.stamp}"

    def committed_since(self) -> bool:
        """Was anything committed since the last refresh? One `stat`; raises `FileNotFoundError`."""
        return self._signature() != self._seen

    def refresh(self) -> None:
        """Take up the last commit. Raises `WrongFormat`, `FileNotFoundError`."""
        with self.lock:
            # Looked at before reloading: a commit in between is then taken up twice, never missed.
            seen = self._signature()
            self.index.reload()
            searcher = self.index.searcher()
            position = generation.position(self.schema, searcher)
            if position.stamp != self.position.stamp:
                self._take_up(searcher, self.position.stamp, position.stamp)
            for records in self.records.values():
                records.postings.settle()
                records.words.follow(searcher, position.stamp - 1, records.stamps, len(records.table.alive))
            self.searcher, self.position, self._seen = searcher, position, seen

    def rows_of(self, structure: str | None) -> Rows | None:
        """Rows of the public services of a structure, by its UUID; None where none is asked for. Under the lock."""
        if structure is None:
            return None
        slots = generation.slots_with_term(self.schema, self.searcher, "structure", structure)
        rows = np.array([schema.row(slot) for slot in slots], dtype=np.intp)
        alive: Rows = rows[self.records["service"].table.alive[rows]]
        return alive

    def _take_up(self, searcher: tantivy.Searcher, first: int, past: int) -> None:
        for start in range(first, past, STAMPS_A_STEP):
            batches: dict[str, tuple[list[RowData], list[int]]] = {kind: ([], []) for kind in schema.KINDS}
            for kind, data, stamp in self._written(searcher, start, min(start + STAMPS_A_STEP, past)):
                batches[kind][0].append(data)
                batches[kind][1].append(stamp)
            for kind, (batch, stamps) in batches.items():
                if batch:
                    self.records[kind].put(batch, stamps)

    def _written(self, searcher: tantivy.Searcher, first: int, past: int) -> Iterator[tuple[str, RowData, int]]:
        found = generation.numbers_between(self.schema, searcher, "stamp", first, past, past - first)
        for stamp, document in found:
            data = RowData.load(generation.stored(document, "columns"))
            yield schema.kind_of(data.slot), data, stamp

    def _signature(self) -> tuple[int, int, int]:
        meta = (self.path / "meta.json").stat()
        return meta.st_ino, meta.st_mtime_ns, meta.st_size
