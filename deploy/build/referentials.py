"""Rebuild data·inclusion's lists of values that the product ships: `python -m deploy.build.referentials`.

They come from the PyPI package data-inclusion-schema (data·inclusion, MIT), which the development environment has: the
values, labels and descriptions of its version 1, in its order. The result goes to
`services/directory/formats/data/referentials.json`; run it when a new version of the package comes out, read what it
prints, then give new themes their sectors and their synonyms: the tests say which lack them.
"""

from __future__ import annotations

import importlib
import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from services.directory.formats import referentials

LISTS = {
    "categories": "Categorie",
    "thematiques": "Thematique",
    "publics": "Public",
    "types_de_services": "TypeService",
    "frais": "Frais",
    "modes_accueil": "ModeAccueil",
    "modes_mobilisation": "ModeMobilisation",
    "personne_mobilisatrice": "PersonneMobilisatrice",
    "reseaux_porteurs": "ReseauPorteur",
}


def build() -> dict[str, Any]:
    """The content of the file: where it comes from, then for each list `[value, label, description or null]`."""
    schema = importlib.import_module("data_inclusion.schema.v1")
    lists = {
        name: [[entry.value, entry.label, entry.description] for entry in getattr(schema, enum)]
        for name, enum in LISTS.items()
    }
    source = f"data·inclusion, schéma v1 (PyPI data-inclusion-schema {version('data-inclusion-schema')}, MIT)"
    return {"source": source, "lists": lists}


def write(path: Path) -> None:
    """Write the file, a line for each value, and say how many there are."""
    content = build()
    lists = ",\n".join(
        f"{json.dumps(name)}: [\n" + ",\n".join(json.dumps(line, ensure_ascii=False) for line in lines) + "\n]"
        for name, lines in content["lists"].items()
    )
    source = json.dumps(content["source"], ensure_ascii=False)
    path.write_text(f'{{"source": {source},\n"lists": {{\n{lists}\n}}}}\n', encoding="utf-8")
    for name, lines in content["lists"].items():
        print(f"{name}: {len(lines)}")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else referentials.DATA / "referentials.json")
