"""A projector whose disk is full for a while (files may not grow), in a process of its own; prints what was seen.

python -m tests.gateway.starved INDEX
"""

from __future__ import annotations

import resource
import signal
import sys
from pathlib import Path

from gateway.query import Query
from tests.gateway.world import World, random_records


def main() -> None:
    """Publish, fill the disk, publish in vain twice, make room, pull."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    world = World(Path(sys.argv[1]))
    world.publish(*random_records(30, seed=1))
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, hard))
    for number in range(2):
        try:
            world.publish(*random_records(200, seed=2 + number))
        except (OSError, ValueError):
            print("refused", world.reader.search(Query()).total)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    world.projector.pull()
    seen = [world.reader.search(Query(kind=kind)).total for kind in ("service", "structure")]  # type: ignore[arg-type]
    world.projector.rebuild()
    world.reader.refresh()
    again = [world.reader.search(Query(kind=kind)).total for kind in ("service", "structure")]  # type: ignore[arg-type]
    print("whole", seen == again, seen[0] > 30)


if __name__ == "__main__":
    main()
