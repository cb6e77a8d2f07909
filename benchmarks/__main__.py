"""`python -m benchmarks [--full] [--only NAME…] [--write]`: run benchmarks, print a table, write the page.

Each benchmark is a file of this folder with `run(full: bool) -> list[Figure]`, run in a process of its own: none
inherits another's memory, patches or caches. 1 where a figure was not reached or a benchmark failed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks import report
from benchmarks.common import stop
from benchmarks.figure import Figure

NAMES = ("search_http", "search_scale", "search_trusted", "found", "kernel_relay", "kernel_apply", "rpc_write",
         "import_export", "embedded_node", "qualifying", "duplicates", "hsds", "exporting", "holding", "joining",
         "lane")  # fmt: skip
Found = dict[str, tuple[str, list[Figure]]]


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked; see the module."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="measure, beside the bare libraries")
    parser.add_argument("--full", action="store_true", help="all sizes")
    parser.add_argument("--only", nargs="+", action="extend", choices=NAMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--write", action="store_true", help="write docs/performance.md, the sections of what was run")
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    asked.only = asked.only or list(NAMES)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    if asked.into:
        [name] = asked.only
        figures = importlib.import_module(f"benchmarks.{name}").run(asked.full)
        asked.into.write_text(json.dumps([asdict(figure) for figure in figures]))
        return 0
    found, failed = _run_all(asked.only, asked.full)
    if asked.write:
        before = report.PAGE.read_text("utf-8") if report.PAGE.exists() else ""
        report.PAGE.write_text(report.page(found, _command(asked), before, NAMES), encoding="utf-8")
        print(f"→ {report.PAGE}")
    missed = [figure for _, figures in found.values() for figure in figures if figure.ok is False]
    for name in failed:
        print(f"FAILED: {name}", file=sys.stderr)
    return 1 if missed or failed else 0


def _run_all(names: list[str], full: bool) -> tuple[Found, list[str]]:
    print(report.machine(), flush=True)
    found: Found = {}
    failed = []
    for name in names:
        began = time.monotonic()
        figures = _run_apart(name, full)
        if figures is None:
            failed.append(name)
            continue
        story = (importlib.import_module(f"benchmarks.{name}").__doc__ or "").strip()
        found[name] = (story, figures)
        print(f"\n{name} ({time.monotonic() - began:.0f} s)\n{report.screen(figures)}", flush=True)
    return found, failed


def _run_apart(name: str, full: bool) -> list[Figure] | None:
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "figures.json"
        command = [sys.executable, "-m", "benchmarks", "--only", name, "--into", str(into)]
        process = subprocess.Popen([*command, *(["--full"] if full else [])])
        try:
            code = process.wait()
        finally:
            if process.poll() is None:  # we were told to stop: it stops its servers first
                stop(process, 30)
        if code:
            return None
        return [Figure(**figure) for figure in json.loads(into.read_text())]


def _command(asked: argparse.Namespace) -> str:
    words = ["python -m benchmarks", *(["--full"] if asked.full else []), "--write"]
    if tuple(asked.only) != NAMES:
        words += ["--only", *asked.only]
    return " ".join(words)


if __name__ == "__main__":
    sys.exit(main())
