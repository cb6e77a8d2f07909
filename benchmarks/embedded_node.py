"""The embedded node of `make run` with its samples, as a newcomer has it: how long it takes to start (until its pages
and its search answer), the memory it holds (after two hundred searches), and the processor it uses when nobody asks.
The bare library here is Python itself: the same measures of an interpreter that imports nameko, Flask and SQLAlchemy.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil

from benchmarks.common import ROOT, allow_any_rate, stop, wait_for
from benchmarks.figure import Figure, beside, duration
from deploy import demo
from deploy.client import connected
from deploy.processes import free_ports
from services.kernel import identity, settings

SETTLE_S = 3.0
BARE = "import eventlet; eventlet.monkey_patch(); import nameko.containers, flask, sqlalchemy, time; time.sleep(30)"


def run(full: bool) -> list[Figure]:
    """Start, memory, idle processor."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "demo"
        folder.mkdir()
        identity.create(folder)
        settings.write(folder, settings.Node("demo", "Démonstration", "44"))
        allow_any_rate(folder)
        with connected(folder) as client:
            demo._fill(client)
        started = []
        for _ in range(3):
            process, address, start_s = _start(folder)
            started.append(start_s)
            if len(started) < 3:
                stop(process)
        try:
            figures = _measure(process, address, 30.0 if full else 10.0)
        finally:
            stop(process)
    return [duration("start of an embedded node with the samples", min(started), "s", 3), *figures]


def _start(folder: Path) -> tuple[subprocess.Popen[bytes], str, float]:
    (port,) = free_ports(1)
    began = time.perf_counter()
    command = [sys.executable, "-m", "deploy.serve", str(folder), "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    wait_for(f"{address}/api/v1/services?q=logement", process)
    return process, address, time.perf_counter() - began


def _measure(process: subprocess.Popen[bytes], address: str, idle_s: float) -> list[Figure]:
    for number in range(200):
        words = ("logement", "emploi", "permis", "santé")[number % 4]
        url = f"{address}/api/v1/search/services?code_commune=44109&size=20&q={urllib.request.quote(words)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            answer.read()
    time.sleep(SETTLE_S)
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    before, began = _cpu_s(family), time.perf_counter()
    time.sleep(idle_s)
    share = (_cpu_s(family) - before) / (time.perf_counter() - began) * 100
    memory_mb = sum(each.memory_info().rss for each in family) / 1e6
    return [
        duration("memory of it", memory_mb, "MB", 200),
        beside("memory beside its bare libraries", memory_mb, "MB", ("nameko, Flask, SQLAlchemy imported", _bare_mb())),
        duration("processor of it when idle", share, "% of a core", 1),
    ]


def _cpu_s(family: list[psutil.Process]) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in family)


def _bare_mb() -> float:
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", BARE])
    try:
        time.sleep(SETTLE_S)
        return psutil.Process(process.pid).memory_info().rss / 1e6
    finally:
        process.kill()
        process.wait()
