"""Search with the gate, duplicates and facets on: the same questions, in process, to a directory as the one-node issue
had it and to the same directory qualified, in turn. In the second every record says who verified it and when, a third
of the structures are of the social economy with their argumentaire, one structure in ten was merged from two (its
other record leads to it) and one in twenty has left the public. One corpus of 20,000 services (60,000 in the full
run); the time is that of all questions of `benchmarks/search_core.py` together, those with facets among them.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.common import median
from benchmarks.figure import Figure, beside
from benchmarks.search_core import CLASSES, PARIS_SHARE
from gateway.projection import Projector
from gateway.query import Query
from gateway.search import Reader
from services.directory.formats.argumentaire import PARTS
from services.directory.formats.ids import record_id
from tests.gateway.corpus import HOME, Corpus, Feed

ROUNDS = 40
VERIFIED = {"at": "2026-11-20T10:00:00Z", "by": "permanent", "how": "call", "until": "2027-11-20T10:00:00Z"}
TRUST = {
    "verified_at": VERIFIED["at"], "verified_until": VERIFIED["until"], "confirmed_at": VERIFIED["at"],
    "status": "qualified", "verified": dict.fromkeys(("identity", "place", "contact", "hours", "offer"), VERIFIED),
}  # fmt: skip
WRITTEN = {part.name: part.example for part in PARTS}
ESS_ONE_IN, MERGED_ONE_IN, HIDDEN_ONE_IN = 3, 10, 20


def run(full: bool) -> list[Figure]:
    """The time of all questions, and of those with facets, beside the same of the plain directory."""
    corpus = Corpus(60_000 if full else 20_000, paris_share=PARIS_SHARE)
    with tempfile.TemporaryDirectory() as folder:
        plain = _reader(Path(folder) / "plain", corpus, qualified=False)
        trusted = _reader(Path(folder) / "trusted", corpus, qualified=True)
        with_facets = tuple(one.query for one in CLASSES if one.query.facets)
        sets = ((f"{len(CLASSES)} questions", tuple(one.query for one in CLASSES)), ("facets of a place", with_facets))
        return [_figure(f"{name}, {corpus.services:,} services", queries, plain, trusted) for name, queries in sets]


def _figure(name: str, queries: tuple[Query, ...], plain: Reader, trusted: Reader) -> Figure:
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for reader, times in zip((plain, trusted), taken, strict=True):  # in turn: what else the machine does hits both
            began = time.perf_counter()
            for query in queries:
                reader.search(query)
            times.append((time.perf_counter() - began) * 1000)
    before, after = (median(times[1:]) for times in taken)
    return beside(name, after, "ms", ("the one-node directory", before), most=1.2)


def _reader(path: Path, corpus: Corpus, qualified: bool) -> Reader:
    feed = Feed()
    for record in corpus.records():
        feed.put(record | TRUST if qualified else record)
    if qualified:
        for number in range(corpus.structures):
            _trust(feed, corpus, number)
    projector = Projector(path, feed.fetch)
    projector.rebuild()
    projector.close()
    return Reader(path)


def _trust(feed: Feed, corpus: Corpus, number: int) -> None:
    """What qualifying, merging and the gate made of one structure."""
    structure = corpus.structure(number)
    if number % ESS_ONE_IN == 0:
        feed.put(structure | TRUST | {"version": 2, "ess": "yes", "argumentaire": WRITTEN})
    if number % MERGED_ONE_IN == 0:
        other = structure | {"id": str(record_id(HOME, "structure", "autre", f"a{number}")), "source": "autre"}
        sources = [{"source": "autre", "source_id": f"a{number}", "licence": "", "attribution": "Autre liste"}]
        feed.put(structure | TRUST | {"version": 3, "sources": sources})
        feed.delete(other, structure)
    elif number % HIDDEN_ONE_IN == 1:
        for record in (structure, *_services(corpus, number)):
            feed.hide(record)


def _services(corpus: Corpus, owner: int) -> Iterator[dict[str, Any]]:
    return (corpus.service(number) for number in range(owner, corpus.services, corpus.structures))
