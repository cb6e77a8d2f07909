"""A projector in a process of its own, to be killed: follows a feed written in a file of JSON lines.

python -m tests.gateway.follower INDEX FEED PAGE
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import orjson

from gateway import projection
from gateway.projection import Projector


def fetch_from(path: Path) -> projection.Fetch:
    """`directory.changes` over a file whose lines are feed items, positions rising."""

    def fetch(after: int, limit: int) -> dict[str, Any]:
        latest: dict[str, dict[str, Any]] = {}
        head = 0
        for line in path.read_bytes().splitlines():
            item = orjson.loads(line)
            latest[item["id"]] = item
            head = item["position"]
        items = sorted(
            (item for item in latest.values() if item["position"] > after), key=lambda item: item["position"]
        )
        return {"items": items[:limit], "head": head}

    return fetch


def main() -> None:
    """Follow until killed, in small pages so that there are many commits."""
    index, feed, page = sys.argv[1:]
    projection.PAGE = int(page)
    projection.GROUPED_S = 0.0
    projector = Projector(Path(index), fetch_from(Path(feed)), poll_s=0.01)
    print("following", flush=True)
    projector.run(threading.Event())


if __name__ == "__main__":
    main()
