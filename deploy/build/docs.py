"""Write the generated parts of `docs/`: settings, access, events, values, test vectors, what the last soak counted.

`python -m deploy.build.docs [--check]`.

A page is made whole from the code, so that it cannot say what is no longer true; the tests of the house run `--check`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from deploy.build import faults, scale
from deploy.build.vectors import vectors
from services.accounts import events as accounts_events
from services.directory import events as directory_events
from services.directory.formats import referentials
from services.federation import events as federation_events
from services.kernel import access, settings

DOCS = Path(__file__).resolve().parents[2] / "docs"
LISTS = {
    "thematiques": "thematiques", "publics": "publics", "type": "types_de_services", "frais": "frais",
    "modes_accueil": "modes_accueil", "modes_mobilisation": "modes_mobilisation",
    "mobilisable_par": "personne_mobilisatrice", "reseaux_porteurs": "reseaux_porteurs",
}  # fmt: skip
"""Fields of data·inclusion that hold values of a list, and the list."""
MADE = "<!-- Made by `python -m deploy.build.docs`; change the code, not this page. -->\n\n"


def pages() -> dict[str, str]:
    """File name → contents of every generated page."""
    return {
        "settings.md": _settings(), "access.md": _access(), "events-list.md": _events(), "values.md": _values(),
        "federation-vectors.json": vectors().decode(),
        "faults.md": faults.page(_read(DOCS / "faults.md"), _read(DOCS / "faults.jsonl")),
        "scale.md": scale.page(_read(DOCS / "scale.md"), _read(DOCS / "performance.md")),
    }  # fmt: skip


def main(arguments: list[str]) -> int:
    """0 when the pages are (now) current, 1 when `--check` found one that is not."""
    stale = [name for name, text in pages().items() if _read(DOCS / name) != text]
    if "--check" in arguments:
        for name in stale:
            print(f"docs/{name} is not current: run python -m deploy.build.docs", file=sys.stderr)
        return 1 if stale else 0
    for name in stale:
        (DOCS / name).write_text(pages()[name], encoding="utf-8")
    return 0


def _read(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


def _settings() -> str:
    head = (
        "# Settings\n\n" + MADE + "One file for each node, `maillage.toml` in its folder, made by `maillage init`. "
        "A key that does not exist is refused with the nearest that does. The environment wins over the file.\n\n"
    )
    return head + settings.documentation()


def _access() -> str:
    lines = ["# Who may do what", "", MADE.strip(), "", f"Roles of people: {', '.join(access.ROLES)}.", ""]
    lines += ["| act | " + " | ".join(access.ROLES) + " | a machine's key |", "|---" * (len(access.ROLES) + 2) + "|"]
    for act, allowed in sorted(access.MATRIX.items()):
        cells = ["yes" if role in allowed else "" for role in access.ROLES]
        lines.append(f"| `{act}` | {' | '.join(cells)} | {'with this scope' if act in access.MACHINE_SCOPES else ''} |")
    lines += ["", "A machine's key edits and imports; it never publishes, qualifies or receives people. The rule is",
              "enforced in the services, by the signed actor of each call, not on the pages.", ""]  # fmt: skip
    return "\n".join(lines)


def _events() -> str:
    lines = ["# Events announced", "", MADE.strip(), "", "The routing key is the type; [events.md](events.md) has",
             "the shape of an event and how to follow them.", "", "| type | reach |", "|---|---|"]  # fmt: skip
    for module in (directory_events, accounts_events, federation_events):
        lines += [f"| `{name}` | {_reach(module, name)} |" for name in sorted(module.TYPES)]
    return "\n".join([*lines, ""])


def _values() -> str:
    lines = ["# Values of the national lists", "", MADE.strip(), "", "What `thematiques`, `publics` and the others of",
             "[data·inclusion](https://www.data.inclusion.gouv.fr/) v1 may hold. A file may write the value, its",
             "label, or one of the words beside it; a word that several share is answered with their names.",
             ""]  # fmt: skip
    for field, name in LISTS.items():
        lines += [f"## `{field}`", "", "| value | label | also understood |", "|---|---|---|"]
        lines += [
            f"| `{value}` | {value.label} | {', '.join(referentials.synonyms(name, value))} |"
            for value in referentials.values(name)
        ]
        lines.append("")
    return "\n".join(lines)


def _reach(module: Any, name: str) -> str:
    shared = ("PUBLIC_PUTS", "PUBLIC_DELETES", "DECISIONS")
    return "`shared`" if any(name in getattr(module, each, ()) for each in shared) else "`home`"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
