"""Commands that take a node to safety and back: backup, restore."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deploy.commands.common import AsJson, Folder, Yes, agreed, sentences, show, tell
from services.kernel.errors import NotFound

File = Annotated[Path, typer.Argument(metavar="FICHIER", help="La sauvegarde / the backup: radar.maillage")]


@sentences
def backup(folder: Folder, file: File, as_json: AsJson = False) -> None:
    """Écrire tout le nœud dans un fichier, sans l’arrêter / write the whole node to one file while it runs."""
    from deploy.backup import back_up

    made = back_up(folder, file)
    size_mb = round(file.stat().st_size / 1e6, 1)
    show({"file": str(file), "size_mb": size_mb} | vars(made), as_json, lambda: tell(
        f"Sauvegarde de « {made.id} » : {file}, {size_mb} Mo. Elle contient la clé du nœud : gardez-la comme une clé.",
        f"Backup of “{made.id}”: {file}, {size_mb} MB. It holds the node's key: keep it like a key.",
    ))  # fmt: skip


@sentences
def restore(file: File, folder: Folder, yes: Yes = False) -> None:
    """Remettre un nœud comme il était dans une sauvegarde / make a node what it was in a backup.

    Les pairs le suivent d’eux-mêmes ; ce qui est d’eux est relu chez eux, et ce qu’ils tiennent de ce que ce nœud a
    publié depuis la sauvegarde lui revient.
    """
    from deploy.archive import read
    from deploy.backup import restore as put_back

    if not file.exists():
        raise NotFound(f"{file} n’existe pas. / there is no {file}.")
    said = read(file)
    tell(f"Sauvegarde de « {said.id} » du {said.made_at}.", f"Backup of “{said.id}” made at {said.made_at}.")
    question = (
        f"Remettre {folder} dans cet état ? Ce qui y a été fait depuis est perdu, sauf ce que des pairs ont de public."
        f" / Put {folder} back? What peers hold of what was public comes back, nothing else."
    )
    if not yes and not agreed(question):
        raise typer.Exit(1)
    put_back(file, folder)
    tell(
        f"Remis. Ensuite : maillage up {folder}, qui reprend chez les pairs ce que ce nœud a publié depuis, oppositions"
        " comprises. Dans un dossier neuf et sans pair joignable, refaites les oppositions reçues depuis cette date.",
        f"Restored. Next: maillage up {folder}, which takes from peers what was public since, objections included."
        " In a new folder, and where no peer can be reached, repeat the objections received since then.",
    )
