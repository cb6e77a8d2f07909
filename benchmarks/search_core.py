"""Search in process: each class of questions, beside bare tantivy on the same index in the same run.

    python -m benchmarks.search_core [--services 60000] [--compare 10000] [--json]

Prints, for each class, the first answer (cold) and the p50 and p99 of the next ones in milliseconds, what was found,
and for classes that bare tantivy can answer at all the ratio to it (BM25, one page, its documents, an exact count).
`--compare N` builds a second index of N services and prints how the selective classes grow from N.

The directory is synthetic (`tests/gateway/corpus.py`); a share of it lies around Paris, so that some 28,000 of 60,000
services are in reach of one place, as in data·inclusion's own.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tantivy

from gateway import schema, text
from gateway.index import generation
from gateway.projection import Projector
from gateway.query import Query
from gateway.search import Reader
from tests.gateway.corpus import WORDS, Corpus, Feed, lazy_fetch

PARIS, NANTES, RURAL = "75056", "44109", "48095"
PARIS_SHARE = 0.45
PERMIT = "mobilite--preparer-un-permis"
COMMON = frozenset(map(text.fold, WORDS))
# A made-up word of one record, the same at any size.
RARE = next(
    word for word in text.words(Corpus(1).service(0)["fields"]["description"]) if len(word) > 8 and word not in COMMON
)


@dataclass(frozen=True, slots=True)
class Class:
    """A class of questions: our query, and the words and theme of bare tantivy's, if it can be asked."""

    name: str
    query: Query
    words: str = ""
    selective: bool = False


CLASSES = (
    Class("place alone, 50", Query(place_commune=PARIS, size=50)),
    Class("place alone, 10", Query(place_commune=PARIS)),
    Class("place + theme, 50", Query(place_commune=PARIS, thematiques=("mobilite",), size=50)),
    Class("place + theme, small town", Query(place_commune=RURAL, thematiques=(PERMIT,))),
    Class(
        "place + theme + audience + cost",
        Query(place_commune=NANTES, thematiques=("sante",), publics=("jeunes",), frais=("gratuit",)),
    ),
    Class("no filter, by id, 50", Query(size=50)),
    Class("theme", Query(thematiques=(PERMIT,))),
    Class("source + type", Query(sources=("dora",), types=("atelier",))),
    Class("audience in words", Query(recherche_public="jeunes")),
    Class("quality", Query(score_qualite_minimum=0.5)),
    Class("department", Query(code_departement=("44",))),
    Class("own address: a town", Query(code_commune=(RURAL,)), selective=True),
    Class("box of 20 km", Query(bbox=(-1.7, 47.1, -1.4, 47.3))),
    Class("small box, theme", Query(bbox=(-1.58, 47.2, -1.55, 47.22), thematiques=("sante",)), selective=True),
    Class("rare word", Query(q=RARE), RARE, selective=True),
    Class("word", Query(q="crèche"), "crèche"),
    Class("two words", Query(q="logement urgence"), "logement urgence"),
    Class("word + place", Query(q="logement", place_commune=PARIS), "logement"),
    Class("typing mistake", Query(q="hebergment"), "hebergement"),
    Class("by name", Query(sort="name")),
    Class("facets of a place", Query(place_commune=PARIS, facets=("thematiques", "publics", "types", "frais"))),
    Class("page 20 of 50", Query(place_commune=PARIS, size=50, page=20)),
)


@dataclass(slots=True)
class Line:
    """What was measured of a class, in milliseconds."""

    name: str
    found: int
    cold_ms: float
    p50_ms: float
    p99_ms: float
    bare_p50_ms: float | None = None
    growth: float | None = None


def main() -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=int, default=60_000)
    parser.add_argument("--compare", type=int, default=0, help="also measure an index of so many services")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--folder", type=Path, help="keep the index there, and use it again")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    small = _measured(options.compare, options.rounds, None) if options.compare else None
    report = _measured(options.services, options.rounds, options.folder)
    if small:
        before = {line["name"]: line["p50_ms"] for line in small["lines"]}
        selective = {one.name for one in CLASSES if one.selective}
        for line in report["lines"]:
            if line["name"] in selective:
                line["growth"] = line["p50_ms"] / before[line["name"]]
    print(json.dumps(report, ensure_ascii=False, indent=1) if options.json else _table(report, options.compare))


def _measured(services: int, rounds: int, folder: Path | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as own:
        path = folder or Path(own)
        built = {} if (path / "current").exists() else _build(path, services)
        began = time.perf_counter()
        reader = Reader(path)
        status = reader.status()
        opened_s = time.perf_counter() - began
        lines = [_line(reader, one, rounds) for one in CLASSES]
        built["seen_after_ms"] = _seen_after_ms()
        after = reader.status()
        return {
            "services": status.services,
            "structures": status.structures,
            **built,
            "reader_opens_s": round(opened_s, 2),
            "arrays_mb": round(after.memory_bytes / 1e6, 1),
            "process_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            "lines": [asdict(line) for line in lines],
        }


def _build(path: Path, services: int) -> dict[str, Any]:
    """A rebuild from a synthetic feed; the time to make the records is not the projector's."""
    corpus = Corpus(services, paris_share=PARIS_SHARE)
    made = lazy_fetch(corpus)
    making_s = 0.0

    def fetch(after: int, limit: int) -> dict[str, Any]:
        nonlocal making_s
        began = time.perf_counter()
        page = made(after, limit)
        making_s += time.perf_counter() - began
        return page

    projector = Projector(path, fetch)
    began = time.perf_counter()
    records = projector.rebuild(_say if sys.stderr.isatty() else None)
    taken_s = time.perf_counter() - began - making_s
    projector.close()
    return {"rebuild_records_per_s": round(records / taken_s)}


def _seen_after_ms() -> float:
    """From a change in the feed to a search that finds it: p50 of fifty, one at a time, among 3,000 services."""
    feed, corpus = Feed(), Corpus(3_000)
    for record in corpus.records():
        feed.put(record)
    with tempfile.TemporaryDirectory() as folder:
        projector, stop = Projector(Path(folder), feed.fetch), threading.Event()
        projector.pull()
        follower = threading.Thread(target=projector.run, args=(stop,))
        follower.start()
        reader, taken_ms = Reader(Path(folder)), []
        for number in range(50):
            time.sleep(0.08)
            began = time.perf_counter()
            position = feed.put(corpus.service(number))
            projector.wake()
            while reader.search(Query(size=1)).total < 3_000 or reader.status().position < position:
                time.sleep(0.001)
            taken_ms.append((time.perf_counter() - began) * 1000)
        stop.set()
        projector.wake()
        follower.join()
        projector.close()
    return round(statistics.median(taken_ms), 1)


def _say(position: int, head: int) -> None:
    print(f"\r{position}/{head}", end="" if position < head else "\n", file=sys.stderr, flush=True)


def _line(reader: Reader, one: Class, rounds: int) -> Line:
    view = reader._latest.view()
    times = _times(lambda: reader.search(one.query), rounds)
    found = reader.search(one.query).total
    line = Line(one.name, found, times[0], statistics.median(times[1:]), sorted(times[1:])[int(rounds * 0.98)])
    if one.words:
        line.bare_p50_ms = statistics.median(_times(lambda: _bare(view.schema, view.searcher, one), rounds)[1:])
    return line


def _bare(index_schema: tantivy.Schema, searcher: tantivy.Searcher, one: Class) -> list[bytes]:
    """The same words as tantivy would be asked without us: every word in any field, BM25, a page, an exact count."""
    must = [(tantivy.Occur.Must, tantivy.Query.term_query(index_schema, "kind", "service", index_option="basic"))]
    for word in text.asked(one.words):
        anywhere = [
            (tantivy.Occur.Should, tantivy.Query.term_query(index_schema, field, text.stem(word), index_option="basic"))
            for field in schema.TIERS
        ]
        must.append((tantivy.Occur.Must, tantivy.Query.boolean_query(anywhere)))
    hits = searcher.search(tantivy.Query.boolean_query(must), one.query.size, count=True).hits
    return [generation.stored(searcher.doc(address), "item") for _, address in hits]


def _times(ask: Callable[[], object], rounds: int) -> list[float]:
    taken = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def _table(report: dict[str, Any], compared: int) -> str:
    about = {name: value for name, value in report.items() if name != "lines"}
    lines = [", ".join(f"{name} {value}" for name, value in about.items()), ""]
    lines.append(f"{'class':34}{'found':>9}{'cold':>9}{'p50':>8}{'p99':>8}{'x tantivy':>11}{f'x {compared}':>10}")
    for line in report["lines"]:
        bare = f"{line['p50_ms'] / line['bare_p50_ms']:.2f}" if line["bare_p50_ms"] else ""
        growth = f"{line['growth']:.2f}" if line["growth"] else ""
        times = "".join(f"{line[name]:{width}.2f}" for name, width in (("cold_ms", 9), ("p50_ms", 8), ("p99_ms", 8)))
        lines.append(f"{line['name']:34}{line['found']:9}{times}{bare:>11}{growth:>10}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
