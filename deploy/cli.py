"""`maillage`: the command of the person who looks after a node.

Verb before DIR everywhere; exit codes 0 ok, 1 failed, 2 usage. Each command says what it will do in French, with the
English beside it.
"""

from __future__ import annotations

import typer

from deploy.commands import node, parked, people, records

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Maillage : annuaire et orientation fédérés / a federated directory and referral network.",
)
for command in (
    node.init,
    node.up,
    node.run,
    node.status,
    node.rebuild,
    node.verify,
    node.doctor,
    records.publish,
    records.undo,
):
    app.command()(command)
app.add_typer(records.source, name="source")
app.add_typer(people.user, name="user")
app.add_typer(people.key, name="key")
app.add_typer(parked.parked, name="parked")


def main() -> None:
    """Entry point of the `maillage` script."""
    app()
