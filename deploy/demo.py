"""The demo node of `make run`: made once under `demo/`, filled with the samples, then served.

`python -m deploy.demo [--port N]`. Ends by printing the address, and serves until Ctrl-C.
"""

from __future__ import annotations

import argparse
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import FrameType

from rich.progress import Progress, TaskID

from deploy.children import end_with_parent
from deploy.client import Client, try_socket
from deploy.folder import Busy, already_runs, must_be_port
from deploy.loading import Loader, Plan
from deploy.words import say
from services.kernel import identity, settings
from services.kernel.errors import MaillageError, Unavailable

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "demo"
SAMPLES = ROOT / "deploy" / "samples"
MEMBERS = ("radar", "animation-rurale-44", "orpan")
READY_WITHIN_S = 60


def main(arguments: list[str] | None = None) -> int:
    """0 after Ctrl-C, 1 with one sentence where the demo cannot run."""
    parser = argparse.ArgumentParser(prog="make run")
    parser.add_argument("--port", type=int, default=8080)
    port = parser.parse_args(arguments).port
    try:
        must_be_port(port)
        return _run(port)
    except (Busy, MaillageError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


def _run(port: int) -> int:
    if not (FOLDER / settings.FILE).exists():
        say("Création du nœud de démonstration…", "Making the demo node…")
        FOLDER.mkdir(parents=True, exist_ok=True)
        identity.create(FOLDER)
        settings.write(FOLDER, settings.Node("demo", "Démonstration", "44"))
    running = try_socket(FOLDER)
    if running is not None:
        running.close()
        raise already_runs(FOLDER)
    command = [sys.executable, "-m", "deploy.serve", str(FOLDER), "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, preexec_fn=end_with_parent)
    _forward_signals(process)
    try:
        client = Client(wait_for(process, FOLDER))
        fill(client, FOLDER, MEMBERS)
        client.close()
    except BaseException:
        process.terminate()
        process.wait(15)
        raise
    say(f"Prêt : http://127.0.0.1:{port} (Ctrl-C pour arrêter)", f"Ready: http://127.0.0.1:{port} (Ctrl-C to stop)")
    return process.wait()


def fill(client: Client, folder: Path, members: Sequence[str]) -> None:
    """Import and publish the samples of these members, those that the node does not have yet."""
    known = {source["name"] for source in client.call("directory", "sources")["sources"]}
    from services.directory.formats.reading import read

    with Progress(transient=True) as bars:
        for member in members:
            path = SAMPLES / f"{member}.json"
            about = _about(path)
            if about["source"] in known:
                continue
            bar = bars.add_task(f"Exemples de {about['name']}…", total=1.0)
            plan = Plan(
                about["source"], path.name,
                {"label": about["name"], "policy": "publish"} | {k: about[k] for k in ("licence", "attribution")},
            )  # fmt: skip
            rows = read([path], source=about["source"])
            Loader(client, plan, folder).run(rows, partial(_advance, bars, bar))


def _advance(bars: Progress, bar: TaskID, share: float, count: int) -> None:
    bars.update(bar, completed=share)


def _about(path: Path) -> dict[str, str]:
    import orjson

    member: dict[str, str] = orjson.loads(path.read_bytes())["member"]
    return member


def wait_for(process: subprocess.Popen[bytes], folder: Path) -> socket.socket:
    """The socket of a node that starts. Raises `Unavailable` where it ends, or is not there within a minute."""
    ends_at = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < ends_at:
        if process.poll() is not None:
            raise Unavailable("Le nœud ne tourne pas (voir ci-dessus). · The node did not start.")
        connection = try_socket(folder)
        if connection is not None:
            return connection
        time.sleep(0.05)
    raise Unavailable(f"Le nœud n’a pas répondu en {READY_WITHIN_S} s.")


def _forward_signals(process: subprocess.Popen[bytes]) -> None:
    def forward(number: int, frame: FrameType | None) -> None:
        process.send_signal(signal.SIGTERM)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, forward)


if __name__ == "__main__":
    sys.exit(main())
