"""Import and export of the directory, and the rebuild of the read model, on SQLite (every commit synced to disk).

New rows: batches of 400 drafts through `import_rows`, each batch numbered, chained and signed as on a running node;
unchanged rows: the same drafts again. Export: native records read page by page. Rebuild: the feed, as the directory
answers it, into a fresh read model. Reading: the rows of a real file of France services, cleaned, to drafts. The bare
libraries: sqlite3 inserting, or reading and parsing, the same JSON; tantivy indexing the same JSON as one text; csv.
"""

from __future__ import annotations

import csv
import itertools
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import tantivy

from benchmarks.common import sqlite_in
from benchmarks.figure import Figure, beside, duration, rate
from gateway.projection import Projector
from services.directory.formats.reading import read
from services.directory.service import DirectoryService
from tests.conftest import DATA
from tests.gateway.corpus import Corpus
from tests.rooms import Opened

BATCH, PAGE = 400, 500
SOURCE = "mesures"
SMALL_ROWS, FULL_ROWS = 10_000, 200_000
Drafts = list[dict[str, Any]]


def run(full: bool) -> list[Figure]:
    """Rates at 10,000 rows (4,000 in the short run); with `full`, memory at 200,000 against 10,000."""
    rows = SMALL_ROWS if full else 4_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        directory = Opened(DirectoryService, sqlite_in(folder), folder)
        figures = [*_imports(directory, folder, rows), *_readings_back(directory, folder)]
        if full:
            figures += _memory(directory, folder)
        directory.close()
    return figures + _france_services()


def _imports(directory: Opened, folder: Path, rows: int) -> list[Figure]:
    batches = list(itertools.islice(drafts_of(rows), rows // BATCH))
    count = sum(map(len, batches))
    new_s, _ = import_all(directory, batches), directory.number_all()
    again_s = import_all(directory, batches)
    bare_s = _insert_bare(folder / "bare.sqlite3", batches)
    new, again, bare = count / new_s, count / again_s, ("sqlite3, inserting the JSON", count / bare_s)
    return [
        rate("import, new rows", new, "rows/s", 1_000),
        rate("import, unchanged rows", again, "rows/s", 5_000),
        beside("import, new rows, beside sqlite3", new, "rows/s", bare),
    ]


def import_all(directory: Opened, batches: list[Drafts], offset: str = "") -> float:
    """Seconds to import all batches, each numbered before the next."""
    opened = directory.import_begin(source=SOURCE, name="mesures.json", policy="publish")
    began = time.perf_counter()
    for batch in batches:
        answer = directory.import_rows({"import": opened["import"], "rows": batch})
        directory.number_all()
        refused = [row for row in answer["rows"] if row["done"] == "refused"]
        if refused:
            raise RuntimeError(f"a synthetic row was refused: {refused[0]['problems']}")
    taken_s = time.perf_counter() - began
    directory.import_finish({"import": opened["import"]})
    return taken_s


def drafts_of(rows: int, seed: int = 1) -> Iterator[Drafts]:
    """Batches of drafts of a synthetic directory, structures before their services."""
    corpus = Corpus(rows * 3 // 4, seed=seed)
    drafts = (_draft(record, number) for number, record in enumerate(corpus.records()))
    owner = ""
    batch: Drafts = []
    for draft in drafts:
        if draft["kind"] == "structure":
            owner = draft["source_id"]
        else:
            draft["structure_source_id"] = owner
        batch.append(draft)
        if len(batch) == BATCH:
            yield batch
            batch = []


def _draft(record: dict[str, Any], number: int) -> dict[str, Any]:
    fields = {name: value for name, value in record["fields"].items() if value is not None}
    return {"kind": record["kind"], "source": SOURCE, "source_id": record["source_id"], "fields": fields}


def _insert_bare(path: Path, batches: list[Drafts]) -> float:
    connection = sqlite3.connect(path)
    connection.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE r (id TEXT PRIMARY KEY, c)"
    )
    began = time.perf_counter()
    for batch in batches:
        rows = [(f"{each['kind']}/{each['source_id']}", orjson.dumps(each)) for each in batch]
        with connection:
            connection.executemany("INSERT INTO r VALUES (?, ?)", rows)
    connection.close()
    return time.perf_counter() - began


def _readings_back(directory: Opened, folder: Path) -> list[Figure]:
    count, export_s = timed(lambda: _export(directory))
    rebuilt, rebuild_s = timed(lambda: _rebuild(directory, folder / "index"))
    read_s, index_s = _read_bare(folder / "bare.sqlite3"), _index_bare(folder / "bare.sqlite3", folder / "bare-index")
    return [
        rate("export", count / export_s, "records/s", 8_000),
        beside("export, beside sqlite3", count / export_s, "records/s", ("sqlite3 and orjson", count / read_s)),
        rate("rebuild of the read model", rebuilt / rebuild_s, "records/s", 6_000),
        beside("rebuild, beside tantivy", rebuilt / rebuild_s, "records/s", ("tantivy, one text", count / index_s)),
    ]


def timed(act: Callable[[], int]) -> tuple[int, float]:
    """What it answers, and the seconds it took."""
    began = time.perf_counter()
    return act(), time.perf_counter() - began


def _export(directory: Opened) -> int:
    count = 0
    for kind in ("structure", "service"):
        after: str | None = ""
        while after is not None:
            page = directory.export({"kind": kind, "after": after, "limit": PAGE, "public": True})
            count += len(page["records"])
            after = page["next"]
    return count


def _rebuild(directory: Opened, path: Path) -> int:
    projector = Projector(path, lambda after, limit: directory.changes(after=after, limit=limit))
    rebuilt = projector.rebuild()
    projector.close()
    return rebuilt


def _read_bare(path: Path) -> float:
    connection = sqlite3.connect(path)
    began = time.perf_counter()
    for (content,) in connection.execute("SELECT c FROM r ORDER BY id"):
        orjson.loads(content)
    return time.perf_counter() - began


def _index_bare(path: Path, index_path: Path) -> float:
    contents = [content.decode() for (content,) in sqlite3.connect(path).execute("SELECT c FROM r")]
    index_path.mkdir()
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("text", stored=True)
    began = time.perf_counter()
    writer = tantivy.Index(builder.build(), str(index_path)).writer()
    for content in contents:
        writer.add_document(tantivy.Document(text=content))
    writer.commit()
    writer.wait_merging_threads()
    return time.perf_counter() - began


def _memory(directory: Opened, folder: Path) -> list[Figure]:
    """Peak memory of this process's own: ten thousand rows imported and rebuilt, then two hundred thousand."""
    peaks = []
    for rows, seed in ((SMALL_ROWS, 2), (FULL_ROWS, 3)):
        with Peak() as importing:
            for batch in itertools.islice(drafts_of(rows, seed), rows // BATCH):
                import_all(directory, [[draft | {"source_id": f"{seed}-{draft['source_id']}"} | _owned(draft, seed)
                                     for draft in batch]])  # fmt: skip
            _export(directory)
        with Peak() as rebuilding:
            _rebuild(directory, folder / f"index-{rows}")
        peaks.append((importing.mb, rebuilding.mb))
    names = (f"memory of import and export, {FULL_ROWS:,} rows", f"memory of a rebuild, {FULL_ROWS:,} rows")
    return [
        beside(name, peaks[1][place], "MB", (f"{SMALL_ROWS:,} rows", peaks[0][place]), most=1.25)
        for place, name in enumerate(names)
    ]


def _owned(draft: dict[str, Any], seed: int) -> dict[str, str]:
    owner = draft.get("structure_source_id")
    return {"structure_source_id": f"{seed}-{owner}"} if owner else {}


class Peak:
    """The most memory of its own that a process (this one, unless told) held within a `with`, looked at every 20 ms.

    Not the whole resident set: index and databases are mapped files, which the kernel keeps while there is room.
    """

    def __init__(self, pid: int | None = None) -> None:
        self._status = Path("/proc") / str(pid or "self") / "status"
        self.mb = 0.0

    def __enter__(self) -> Peak:
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look)
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._over.wait(0.02):
            try:
                lines = self._status.read_text().splitlines()
            except OSError:  # it ended
                return
            for line in lines:  # none of them once it is a zombie
                if line.startswith("RssAnon"):
                    self.mb = max(self.mb, int(line.split()[1]) / 1024)


def _france_services() -> list[Figure]:
    path = DATA / "france-services" / "liste-fs-20240801.csv"
    if not path.exists():
        print(f"reading of France services left out: no {path}, set MAILLAGE_TEST_DATA")
        return []
    count, read_s = timed(lambda: sum(1 for _ in read([path], "france-services")))
    with path.open(encoding="utf-8", newline="") as lines:
        _, bare_s = timed(lambda: sum(1 for _ in csv.DictReader(lines, delimiter=";")))
    found = beside("reading France services", count / read_s, "rows/s", ("csv.DictReader", count / bare_s))
    return [found, duration("reading its 2,845 rows", read_s, "s", 2_845 / 1_000)]
