"""Commands about places: territory points."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from deploy.commands.common import Folder, sentences, tell
from deploy.folder import POINTS
from services.directory.formats.territory_points import load_points

territory = typer.Typer(no_args_is_help=True, help="Le territoire / the territory.")


@territory.command("points")
@sentences
def points(
    folder: Folder,
    file: Annotated[Path, typer.Argument(metavar="FICHIER", help="CSV : code,lat,lon", exists=True)],
) -> None:
    """Charger de meilleurs points pour les communes / load better points for the communes."""
    read = load_points(file)
    shutil.copyfile(file, folder / POINTS)
    tell(
        f"{len(read)} communes ont leur point ; ils servent dès que le nœud redémarre.",
        f"{len(read)} communes have their point; they serve once the node is started again.",
    )
