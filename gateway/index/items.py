"""Finished JSON by slot, the lately read kept: most questions are about the same towns.

A page of fifty takes half a millisecond out of the index (a block to unpack for each), nearly nothing out of memory.
What is kept is known by the stamp it was written with, so a record that changed is simply not found.
"""

from __future__ import annotations

from collections.abc import Sequence

import tantivy

from gateway.index import generation
from gateway.index.generation import BATCH

KEPT_BYTES = 32_000_000


def joined(item: bytes, name: bytes, value: bytes) -> bytes:
    """A JSON object with one more member, by joining bytes: nothing is parsed."""
    return item[:-1] + b',"' + name + b'":' + value + b"}"


class Items:
    """The items of one generation."""

    def __init__(self, index_schema: tantivy.Schema) -> None:
        self._schema = index_schema
        self._kept: dict[tuple[int, bool], tuple[int, bytes]] = {}
        self.nbytes = 0

    def fetch(
        self, searcher: tantivy.Searcher, slots: Sequence[int], stamps: Sequence[int], *, embed_structure: bool
    ) -> list[bytes]:
        """The JSON of these slots as written at these stamps, in their order, each with its structure if so asked.

        `searcher` must be of the commit that the stamps were read at.
        """
        found: dict[int, bytes] = {}
        for slot, stamp in zip(slots, stamps, strict=True):
            kept = self._kept.get((slot, embed_structure))
            if kept and kept[0] == stamp:
                found[slot] = kept[1]
        missing = [slot for slot in slots if slot not in found]
        if missing:
            read = self._read(searcher, missing, embed_structure)
            found.update(read)
            if len(missing) <= BATCH:
                stamp_of = dict(zip(slots, stamps, strict=True))
                self._keep({(slot, embed_structure): (stamp_of[slot], item) for slot, item in read.items()})
        return [found[slot] for slot in slots]

    def _read(self, searcher: tantivy.Searcher, slots: list[int], embed_structure: bool) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        for start in range(0, len(slots), BATCH):
            for slot, document in generation.by_slots(self._schema, searcher, slots[start : start + BATCH]).items():
                item = generation.stored(document, "item")
                structure = document.get_first("structure_item") if embed_structure else None
                found[slot] = joined(item, b"structure", structure) if structure else item
        return found

    def _keep(self, fresh: dict[tuple[int, bool], tuple[int, bytes]]) -> None:
        replaced = [self._kept.pop(key) for key in fresh if key in self._kept]
        self.nbytes += sum(len(item) for _, item in fresh.values()) - sum(len(item) for _, item in replaced)
        self._kept.update(fresh)
        if self.nbytes > KEPT_BYTES:
            # The older half goes; dictionaries keep the order of arrival.
            kept = list(self._kept.items())
            self._kept = dict(kept[len(kept) // 2 :])
            self.nbytes = sum(len(item) for _, item in self._kept.values())
