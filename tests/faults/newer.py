"""A node of another release, for tests of two releases in one federation: `python -m tests.faults.newer DIR …`.

`RELEASE=next`: it says and knows `directory.structure.published.v2`, of which the release of this tree never heard.
`RELEASE=former`: it never heard of decisions about duplicates.
`RELEASE=broken`: it cannot handle a record of another node whose name begins with `Poison`.
"""

import os
import warnings

warnings.filterwarnings("ignore")
os.environ.setdefault("EVENTLET_HUB", "epolls")

import eventlet  # noqa: E402

eventlet.monkey_patch()

import sys  # noqa: E402
from dataclasses import replace  # noqa: E402
from typing import Any  # noqa: E402

from services.directory import events, others  # noqa: E402

OLD, NEW = "directory.structure.published.v1", "directory.structure.published.v2"


def upgrade() -> None:
    """Before the rooms are defined: they ask for these names when they are."""
    events.TYPES |= {NEW}
    events.PUBLIC_PUTS |= {NEW}
    known = events.published

    def published(view: Any) -> Any:
        made = known(view)
        return replace(made, type=NEW) if made.type == OLD else made

    events.published = published


def downgrade() -> None:
    """Before the rooms are defined, as above."""
    events.TYPES -= events.DECISIONS
    events.DECISIONS = frozenset()


def break_it() -> None:
    """An error of the program, met by some records only."""
    take = others.take

    def fails(session: Any, event: Any, *more: Any) -> Any:
        if str((event.data or {}).get("fields", {}).get("nom", "")).startswith("Poison"):
            raise ValueError("an error of this release")
        return take(session, event, *more)

    others.take = fails


if __name__ == "__main__":
    {"next": upgrade, "former": downgrade, "broken": break_it}[os.environ["RELEASE"]]()
    from deploy import serve

    code = serve.main()
    sys.stdout.flush()
    os._exit(code)
