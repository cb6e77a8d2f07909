"""`maillage`: the command of the person who looks after a node.

Verb before DIR everywhere; exit codes 0 ok, 1 failed, 2 usage. Each command says what it will do in French, with the
English beside it.
"""

from __future__ import annotations

from collections.abc import Callable

import typer

from deploy.commands import bulk, duplicates, exchange, keys, node, parked, peers, people, records, saving, territory

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Maillage : annuaire et orientation fédérés / a federated directory and referral network.",
)
COMMANDS: dict[str, Callable[..., None]] = {
    "init": node.init, "up": node.up, "run": node.run, "import": exchange.import_, "imports": records.imports,
    "undo": records.undo, "publish": records.publish, "export": exchange.export, "bulk": bulk.bulk,
    "status": node.status, "rebuild": node.rebuild, "verify": node.verify, "prune": node.prune, "doctor": node.doctor,
    "backup": saving.backup, "restore": saving.restore,
}  # fmt: skip
GROUPS = {
    "source": records.source,
    "duplicates": duplicates.duplicates,
    "user": people.user,
    "key": people.key,
    "parked": parked.parked,
    "identity": keys.identity_app,
    "peer": peers.peer,
    "territory": territory.territory,
}

for name, command in COMMANDS.items():
    app.command(name)(command)
for name, group in GROUPS.items():
    app.add_typer(group, name=name)


def main() -> None:
    """Entry point of the `maillage` script."""
    app()
