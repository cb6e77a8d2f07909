"""Commands about who this node is: identity rotate, revoke."""

from __future__ import annotations

from pathlib import Path

import typer

from deploy.client import try_socket
from deploy.commands.common import Folder, Yes, agreed, sentences, tell
from services.kernel import identity, settings
from services.kernel.errors import NotFound

identity_app = typer.Typer(no_args_is_help=True, help="La clé de ce nœud / this node's key.")

FEW = 5


@identity_app.command("rotate")
@sentences
def identity_rotate(folder: Folder, yes: Yes = False) -> None:
    """Changer de clé, comme on change une serrure : les pairs suivent d’eux-mêmes / change the key; peers follow."""
    _change(folder, yes, revoked=False)
    tell("Les pairs l’apprennent d’eux-mêmes.", "Peers learn of it by themselves.")


@identity_app.command("revoke")
@sentences
def identity_revoke(folder: Folder, yes: Yes = False) -> None:
    """Changer de clé parce qu’un autre l’a peut-être / change the key because somebody else may have it.

    Rien de ce que l’ancienne clé signe après ce jour n’est plus cru.
    """
    _change(folder, yes, revoked=True)
    tell(
        f"Puis envoyez votre nouvelle carte à chaque membre (maillage peer card {folder} --out FICHIER), et lisez-lui "
        "de vive voix l’empreinte et la clé qu’elle dit : qui a l’ancienne clé peut aussi faire une carte.",
        f"Then send each member your new card (maillage peer card {folder} --out FILE), and read aloud the fingerprint "
        "and the key that it tells: whoever has the former key can make a card, too.",
    )


def _change(folder: Path, yes: bool, *, revoked: bool) -> None:
    if not (folder / settings.FILE).exists():
        raise NotFound(f"{folder} n’est pas le dossier d’un nœud : maillage init {folder} --id … --name …")
    if not yes and not agreed("Changer la clé de ce nœud ? / Change this node's key?"):
        raise typer.Exit(1)
    new = identity.rotate(folder, revoked=revoked)
    tell(
        f"Clé changée : {new.keyid}. Le nœud reste {new.name}.", f"Key changed: {new.keyid}. The node stays {new.name}."
    )
    left = identity.ROTATIONS_AT_MOST - len(new.rotations)
    if left <= FEW:
        tell(f"Il reste {left} changement{'s' * (left > 1)} de clé ; le dernier sert à révoquer.",
             f"{left} changes of key are left, the last one to revoke.")  # fmt: skip
    running = try_socket(folder)
    if running is not None:
        running.close()
        tell(
            "Redémarrez le nœud : il signe par la nouvelle à son prochain départ.",
            "Restart the node: it signs by the new one from its next start.",
        )
