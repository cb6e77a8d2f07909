"""Search over HTTP: the gateway under granian (two workers) on a synthetic directory of 60,000 services (20,000 in the
short run) of which nearly half lie around Paris; questions come over kept connections from a load generator in another
process on the same cores, in an order drawn once, no two alike in a row. Eight clients come first, then one: servers
run for weeks, and what ours keeps of places and words is then kept.

The mix: 40 % a place and a theme (10 a page), 10 % the same by 50, 20 % words around a place, 10 % words alone, 15 % a
department and a theme, 5 % one service by its id. The bare one: the same questions, pages and documents from plain
tantivy (terms, a box around the point, an exact count) behind a WSGI function, under the same granian
(`benchmarks/bare_search.py`). Then each class of the contract alone, one client; and three of them against
data·inclusion's own server (200, 38 and 13 ms; 6, 53 and 127 requests/s: measured on this kind of machine, at this
size).
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks import bare_search
from benchmarks.common import ROOT, stop, wait_for
from benchmarks.figure import Figure, beside, duration, rate
from deploy.processes import free_ports
from gateway.projection import Projector
from services.directory.formats import territory_tables
from services.directory.formats.referentials import values
from services.kernel import identity, settings
from tests.gateway.corpus import WORDS, Corpus, lazy_fetch

PARIS, PARIS_SHARE = "75056", 0.45
SEARCH, LISTS = "/api/v1/search/services", "/api/v1/services"
WORKERS = 2
Asked = list[str]


def run(full: bool) -> list[Figure]:
    """The mix beside bare tantivy, throughput, and every class of the contract's questions."""
    services, seconds = (60_000, 10.0) if full else (20_000, 4.0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus = Corpus(services, paris_share=PARIS_SHARE)
        _make_node(folder, corpus)
        bare_search.build(folder / "bare", corpus)
        mix, classes = _mix(services), _classes(services)
        with _granian("gateway.wsgi:app", {"MAILLAGE_GATEWAY_FOLDER": str(folder)}) as ours:
            with _granian("benchmarks.bare_search:app", {bare_search.FOLDER: str(folder / "bare")}) as bare:
                eight, bare_eight = _load(ours, mix, 8, seconds), _load(bare, mix, 8, seconds)
                one, bare_one = _alternate(ours, bare, mix, seconds)
            alone = {name: _load(ours, asked, 1, seconds / 4) for name, asked in classes.items()}
            many = {name: _load(ours, classes[name], 8, seconds / 4) for name in THEIRS}
    about = f"{services:,} services"
    reference = "tantivy, WSGI"
    return [
        beside(f"search over HTTP, the mix, {about}, 1 client, p50", one["p50_ms"], "ms",
               (reference, bare_one["p50_ms"]), most=2),
        rate("the mix, 8 clients", eight["per_s"], "requests/s", 1_000),
        beside("the mix, 8 clients, beside bare", eight["per_s"], "requests/s", (reference, bare_eight["per_s"])),
        *(duration(f"{name}, p50", found["p50_ms"], "ms", 5) for name, found in alone.items()),
        *_ahead(alone, many),
    ]  # fmt: skip


THEIRS = {"a place alone": (200, 6, 50), "a place and a theme": (38, 53, 20), "one by its id": (13, 127, 10)}
"""data·inclusion's server: p50 in ms, requests/s with 8 clients, and how far ahead to be."""


def _ahead(alone: dict[str, Any], many: dict[str, Any]) -> Iterator[Figure]:
    for name, (p50_ms, per_s, times) in THEIRS.items():
        ours_ms, ours_per_s = alone[name]["p50_ms"], many[name]["per_s"]
        yield beside(f"{name}, as so many questions/s of one client", 1000 / ours_ms, "/s",
                     ("data·inclusion", 1000 / p50_ms), least=times)  # fmt: skip
        yield beside(f"{name}, 8 clients", ours_per_s, "/s", ("data·inclusion", per_s), least=times)


def _make_node(folder: Path, corpus: Corpus) -> None:
    identity.create(folder)
    settings.write(folder, settings.Node("bench", "Mesures"))
    path = folder / "maillage.toml"
    # As behind a proxy: the limit of requests counts by client, and the load comes from a thousand of them.
    path.write_text(_trusting(path.read_text(encoding="utf-8")), encoding="utf-8")
    projector = Projector(folder / "index", lazy_fetch(corpus))
    projector.rebuild()
    projector.close()


def _trusting(written: str) -> str:
    lines = [line for line in written.splitlines() if "trusted_proxies" not in line]
    place = lines.index("[http]") + 1 if "[http]" in lines else len(lines)
    head = [] if "[http]" in lines else ["[http]"]
    return "\n".join([*lines[:place], *head, "trusted_proxies = 1", *lines[place:]]) + "\n"


@contextmanager
def _granian(target: str, environment: dict[str, str]) -> Iterator[int]:
    """A server of `WORKERS` processes on a free port, as `deploy/web.py` starts it; its port."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "granian", target, "--interface", "wsgi", "--host", "127.0.0.1", "--port",
               str(port), "--workers", str(WORKERS), "--blocking-threads", "4", "--no-log"]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.DEVNULL)
    try:
        wait_for(f"http://127.0.0.1:{port}{LISTS}?size=1", process)
        yield port
    finally:
        stop(process)


def _alternate(ours: int, bare: int, mix: Asked, seconds: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """One client's figures of both servers, the median of three turns each."""
    turns = [(_load(ours, mix, 1, seconds / 3), _load(bare, mix, 1, seconds / 3)) for _ in range(3)]
    first, second = zip(*turns, strict=True)
    return sorted(first, key=_p50)[1], sorted(second, key=_p50)[1]


def _p50(found: dict[str, Any]) -> float:
    return float(found["p50_ms"])


def _load(port: int, asked: Asked, clients: int, seconds: float) -> dict[str, Any]:
    """The load generator's report: `{p50_ms, p99_ms, per_s}`. Raises where any answer was no 200."""
    command = [sys.executable, "-m", "benchmarks.load", str(port), str(clients), str(seconds)]
    done = subprocess.run(command, cwd=ROOT, input=json.dumps(asked), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def _mix(services: int) -> Asked:
    rnd = random.Random(7)
    shares = (40, 10, 20, 10, 15, 5)
    makers = (
        _place_theme,
        lambda r: _place_theme(r, 50),
        _words_place,
        _words,
        _department,
        lambda r: _by_id(r, services),
    )
    return [rnd.choices(makers, shares)[0](rnd) for _ in range(3_000)]


def _classes(services: int) -> dict[str, Asked]:
    """Questions of each class of the contract; Paris has almost half of all services in reach."""
    rnd = random.Random(8)

    def many(make: Any) -> Asked:
        return [make() for _ in range(300)]

    def around(**more: Any) -> Asked:
        return [_url(SEARCH, code_commune=PARIS, size=size, **more) for size in (10, 50)]

    return {
        "a place alone": around(),
        "a place and a theme": many(lambda: _url(SEARCH, code_commune=PARIS, thematiques=_theme(rnd), size=10)),
        "one by its id": many(lambda: _by_id(rnd, services)),
        "a place, theme, audience and cost": many(
            lambda: _url(SEARCH, code_commune=_commune(rnd), thematiques=_theme(rnd), publics="jeunes", frais="gratuit")
        ),
        "a place and a way to be received": around(modes_accueil="en-presentiel"),
        "a place, audiences in words": around(recherche_public="jeunes"),
        "a place, quality": around(score_qualite_minimum="0.5"),
        "no filter": [_url(SEARCH, size=10), _url(SEARCH, size=50)],
        "list by department": many(lambda: _url(LISTS, code_departement=_department_code(rnd), size=50)),
        "list by commune": many(lambda: _url(LISTS, code_commune=_commune(rnd))),
        "list by source": [_url(LISTS, sources=source) for source in ("dora", "fredo", "soliguide")],
        "structures by department": many(lambda: _url("/api/v1/structures", code_departement=_department_code(rnd))),
        "sources": ["/api/v1/sources"],
    }


def _place_theme(rnd: random.Random, size: int = 10) -> str:
    return _url(SEARCH, code_commune=_commune(rnd), thematiques=_theme(rnd), size=size)


def _words_place(rnd: random.Random) -> str:
    return _url(SEARCH, code_commune=_commune(rnd), q=rnd.choice(WORDS), size=10)


def _words(rnd: random.Random) -> str:
    return _url(SEARCH, q=" ".join(rnd.sample(WORDS, 2)), size=10)


def _department(rnd: random.Random) -> str:
    return _url(LISTS, code_departement=_department_code(rnd), thematiques=_theme(rnd), size=10)


def _by_id(rnd: random.Random, services: int) -> str:
    return f"{LISTS}/{bare_search.public_id(rnd.randrange(services), services)}"


def _theme(rnd: random.Random) -> str:
    return rnd.choice([*_themes(), *(theme.split("--")[0] for theme in _themes()[::9])])


def _themes() -> Sequence[str]:
    return values("thematiques")


def _commune(rnd: random.Random) -> str:
    """A commune as people ask: large ones far more often than small ones."""
    return PARIS if rnd.random() < 0.1 else rnd.choice(bare_search.asked_communes())


def _department_code(rnd: random.Random) -> str:
    table = territory_tables.communes()
    return str(table[rnd.randrange(len(table))].department)


def _url(path: str, **parameters: Any) -> str:
    return f"{path}?{urlencode(parameters)}"
