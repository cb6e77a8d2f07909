"""Commands about who may do what: user and key."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.client import connected
from deploy.commands.common import AsJson, Folder, out, sentences, show, table, tell
from services.kernel.errors import ValidationError

user = typer.Typer(no_args_is_help=True, help="Les personnes et leurs rôles / people and their roles.")
key = typer.Typer(no_args_is_help=True, help="Les clés de l’API / keys of the API.")
Email = Annotated[str, typer.Argument(help="Adresse électronique / e-mail address")]
Name = Annotated[str, typer.Argument(help="Nom de la clé / the key's name")]


@user.command("add")
@sentences
def user_add(
    folder: Folder,
    email: Email,
    role: Annotated[list[str], typer.Option(help="permanent, facilitator, curator, volunteer, administrator…")],
) -> None:
    """Donner des rôles à une personne / give somebody roles."""
    with connected(folder) as node:
        person = node.call("accounts", "person_add", {"email": email, "roles": role})
    out.print(f"{person['email']} : {', '.join(person['roles'])}", markup=False)


@user.command("list")
@sentences
def user_list(folder: Folder, as_json: AsJson = False) -> None:
    """Qui travaille sur ce nœud / who works on this node."""
    with connected(folder) as node:
        people = node.call("accounts", "people")["people"]
    show(people, as_json, lambda: table(people, {"email": "adresse", "roles": "rôles"}, "Personne."))


@user.command("remove")
@sentences
def user_remove(folder: Folder, email: Email) -> None:
    """Retirer tous ses droits à une personne / take all rights from somebody."""
    with connected(folder) as node:
        node.call("accounts", "person_remove", {"email": email})
    tell(f"{email} n’a plus aucun droit sur ce nœud.", f"{email} has no rights on this node any more.")


@user.command("link")
@sentences
def user_link(
    folder: Folder,
    email: Annotated[str, typer.Argument(help="Adresse électronique / e-mail address")] = "",
    structure: Annotated[
        str, typer.Option(help="Plutôt un lien pour cette structure (identifiant de sa fiche) / for this structure")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Un lien pour entrer, à donner à cette personne, ou à cette structure / a link to sign in, to hand over."""
    if bool(email) == bool(structure):
        raise ValidationError("Dites à qui est le lien : une adresse électronique, ou --structure IDENTIFIANT.")
    with connected(folder) as node:
        if structure:
            record = node.call("directory", "get", {"id": structure})
            made = node.call("accounts", "structure_link", {"structures": [record.get("structure", record["id"])]})
        else:
            made = node.call("accounts", "link_make", {"email": email})

    def people() -> None:
        out.print(made["url"], markup=False)
        count, unit = (made["days"], ("jours", "days")) if structure else (made["minutes"], ("minutes", "minutes"))
        tell(f"Il sert une fois, dans les {count} {unit[0]}.", f"It works once, within {count} {unit[1]}.")

    show(made, as_json, people)


@key.command("add")
@sentences
def key_add(
    folder: Folder,
    name: Name,
    scope: Annotated[list[str], typer.Option(help="directory:write, directory:import")],
    origin: Annotated[list[str] | None, typer.Option(help="https://… qui peut s’en servir / allowed origin")] = None,
) -> None:
    """Créer une clé ; elle n’est montrée qu’une fois / make a key; it is shown once."""
    with connected(folder) as node:
        made = node.call("accounts", "key_add", {"name": name, "scopes": scope, "origins": origin or []})
    out.print(made["key"], markup=False)


@key.command("list")
@sentences
def key_list(folder: Folder, as_json: AsJson = False) -> None:
    """Les clés, sans leur secret / keys, without their secrets."""
    with connected(folder) as node:
        keys = node.call("accounts", "keys")["keys"]
    columns = {"name": "nom", "scopes": "droits", "origins": "origines", "created_at": "créée le"}
    show(keys, as_json, lambda: table(keys, columns, "Aucune clé."))


@key.command("remove")
@sentences
def key_remove(folder: Folder, name: Name) -> None:
    """Retirer une clé / remove a key."""
    with connected(folder) as node:
        node.call("accounts", "key_remove", {"name": name})
    tell(
        f"La clé « {name} » ne marche plus (au plus tard dans une minute).",
        f"The key “{name}” stops working (within a minute).",
    )
