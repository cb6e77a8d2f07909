"""Set the project up: `python3 -m deploy.bootstrap` makes `.venv` from the locked packages and installs the project.

What the Makefile calls, and all it needs is Python ≥ 3.11: standard library alone. A stamp in `.venv` keeps the
fingerprint of what was installed, so that a second call costs nothing. Packages are taken by hash from
`requirements.lock` (with `--dev`, from `requirements-dev.lock`, which holds the same and the tools of the tests); the
project itself is installed without the network. Whatever can go wrong on somebody's machine ends with one sentence that
says what to do.
"""

import argparse
import contextlib
import errno
import fcntl
import hashlib
import importlib.util
import os
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from deploy import axe, debian
from deploy.words import Bar, Stop, complain, say

ROOT = Path(__file__).resolve().parent.parent
PYTHON_AT_LEAST = (3, 11)
NEEDED_MB = {"": 500, "-dev": 1000}

DISK_FULL = ("No space left on device", "Disk quota exceeded")
OFFLINE = (
    "Failed to establish a new connection",
    "Temporary failure in name resolution",
    "Name or service not known",
    "Network is unreachable",
    "Connection refused",
    "Read timed out",
    "ConnectTimeoutError",
    "ProxyError",
)


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code: 0 done, 1 stopped with a sentence, 130 interrupted."""
    parser = argparse.ArgumentParser(
        prog="python3 -m deploy.bootstrap", description="Set up .venv from the lock files."
    )
    parser.add_argument("--dev", action="store_true", help="with the tools of tests and checks")
    parser.add_argument("--servers", action="store_true", help="and RabbitMQ, PostgreSQL, Chromium, axe-core")
    options = parser.parse_args(arguments)
    try:
        set_up(ROOT, dev=options.dev)
        if options.servers:
            debian.ensure(debian.FOR_TESTS)
            axe.ensure(ROOT / ".venv")
    except Stop as stop:
        complain(stop)
        return 1
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        complain(disk_full(ROOT))
        return 1
    except KeyboardInterrupt:
        complain(Stop("Interrompu : la même commande reprendra.", "Interrupted: the same command goes on from there."))
        return 130
    return 0


def set_up(root: Path, *, dev: bool) -> None:
    """Bring `root/.venv` to the state of the lock; does nothing when its stamp says it is there already."""
    check_python()
    flavour = "-dev" if dev else ""
    lock = root / f"requirements{flavour}.lock"
    venv = root / ".venv"
    if is_current(root, flavour):
        return
    with only_one(lock):
        if is_current(root, flavour):  # somebody else was at it
            return
        check_disk(root, flavour)
        make_venv(venv)
        for old in venv.glob("stamp*"):
            old.unlink()
        install_lock(venv, lock)
        install_project(venv, root)
        # The lock of the tests holds all of the other one, at the same versions.
        for done in {flavour, ""}:
            stamp(root, done).write_text(fingerprint(root, done))
    say("Environnement prêt (.venv).", "Environment ready (.venv).")


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> None:
    """Raise `Stop` on a Python that is too old."""
    if version[:2] < PYTHON_AT_LEAST:
        has = ".".join(str(part) for part in version)
        raise Stop(
            f"Python 3.11 ou plus récent est nécessaire (ici : {has}) : installez-le, ou indiquez-le par PYTHON=…",
            f"Python 3.11 or newer is needed (this is {has}): install it, or name it with PYTHON=…",
        )


def stamp(root: Path, flavour: str) -> Path:
    """The file that keeps the fingerprint of what was installed."""
    return root / ".venv" / f"stamp{flavour}"


def fingerprint(root: Path, flavour: str) -> str:
    """SHA-256 over what the environment depends on: the lock, pyproject, this Python, the place of the checkout."""
    digest = hashlib.sha256(f"{sys.version}\n{root}\n".encode())
    for name in (f"requirements{flavour}.lock", "pyproject.toml"):
        digest.update((root / name).read_bytes())
    return digest.hexdigest()


def is_current(root: Path, flavour: str) -> bool:
    """Whether `.venv` is whole, works, and was made from these very files."""
    kept = stamp(root, flavour)
    whole = kept.exists() and (root / ".venv" / "bin" / "maillage").exists()
    return whole and kept.read_text() == fingerprint(root, flavour) and works(root / ".venv")


def works(venv: Path) -> bool:
    """Whether the environment's Python still starts (it stops doing so when the system's Python is replaced)."""
    python = venv / "bin" / "python"
    return python.exists() and subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Two set-ups at a time wait for each other."""
    with lock.open("rb") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def check_disk(root: Path, flavour: str) -> None:
    """Raise `Stop` before anything is written when there is clearly no room."""
    if shutil.disk_usage(root).free < NEEDED_MB[flavour] * 1_000_000:
        raise disk_full(root, NEEDED_MB[flavour])


def disk_full(root: Path, needed_mb: int = NEEDED_MB[""]) -> Stop:
    """The sentence for a disk that is full."""
    return Stop(
        f"Le disque est plein : libérez {needed_mb} Mo sous {root}, puis relancez la même commande.",
        f"The disk is full: free {needed_mb} MB under {root}, then run the same command again.",
    )


def make_venv(venv: Path) -> None:
    """Create the virtual environment, again when its Python no longer works; fetch python3-venv where we may."""
    if works(venv) and (venv / "bin" / "pip").exists():
        return
    if importlib.util.find_spec("ensurepip") is None:
        get_python3_venv()
    say("Création de l’environnement Python (.venv)…", "Creating the Python environment (.venv)…")
    command = [sys.executable, "-m", "venv", "--clear", str(venv)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise explain(done.stdout + done.stderr, venv.parent)


def get_python3_venv() -> None:
    """Debian keeps venv apart from Python: install it as root, or say the command."""
    package = "python3-venv" if is_default_python() else f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    if not debian.may_install():
        raise Stop(
            f"Il manque {package} : tapez « sudo apt install {package} », puis relancez la même commande.",
            f"{package} is missing: type `sudo apt install {package}`, then run the same command again.",
        )
    say(f"Installation de {package}…", f"Installing {package}…")
    debian.install([package])


def is_default_python() -> bool:
    """Whether this is the Python that Debian's `python3-…` packages belong to."""
    default = Path("/usr/bin/python3")
    return default.exists() and default.resolve().name == f"python{sys.version_info[0]}.{sys.version_info[1]}"


def install_lock(venv: Path, lock: Path) -> None:
    """Install every package of the lock by its hash; setuptools first, which those without a wheel are built with."""
    text = lock.read_text()
    first = venv / "setuptools.lock"
    first.write_text(entry(text, "setuptools"))
    hashed = ("--no-deps", "--require-hashes", "--no-build-isolation", "-r")
    total = len(re.findall(r"^[A-Za-z0-9]", text, re.MULTILINE))
    with Bar(f"Installation de {total} paquets Python", f"Installing {total} Python packages") as bar:
        pip(venv, *hashed, str(first))
        pip(venv, *hashed, str(lock), bar=bar, total=total)
    first.unlink()


def entry(lock: str, name: str) -> str:
    """The lines of one package in the text of a lock file: its version and its hashes."""
    return "".join(re.findall(rf"^{name}==[^\\\n]*(?:\\\n[^\\\n]*)*\n", lock, re.MULTILINE))


def install_project(venv: Path, root: Path) -> None:
    """Install the project itself, in place: no network, built with the setuptools of the lock."""
    pip(venv, "--no-index", "--no-deps", "--no-build-isolation", "--editable", str(root))


def pip(venv: Path, *arguments: str, bar: Bar | None = None, total: int = 1) -> None:
    """Run `pip install`, its story kept in `.venv/setup.log`; raises `Stop` with the reason and the remedy."""
    command = [str(venv / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    with subprocess.Popen(
        [*command, "--progress-bar", "off", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        story = follow(process, venv, bar, total)
    with (venv / "setup.log").open("a") as log:
        log.write(story)
    if process.returncode != 0:
        raise explain(story, venv.parent)


def follow(process: subprocess.Popen[str], venv: Path, bar: Bar | None, total: int) -> str:
    """Read pip's lines to the end and draw the bar: half for what it collected, half for what it installed."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read() -> None:
        for line in process.stdout or ():
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    story: list[str] = []
    collected, installing_since = 0, 0.0
    while True:
        with contextlib.suppress(queue.Empty):
            line = lines.get(timeout=0.3)
            if line is None:
                return "".join(story)
            story.append(line)
            collected += line.startswith(("Collecting", "Ignoring", "Requirement already"))
            if line.startswith("Installing collected"):
                collected, installing_since = total, time.time()
        if bar is not None:
            bar.show((collected + installed_since(venv, installing_since)) / (2 * total))


def installed_since(venv: Path, start: float) -> int:
    """How many packages lie in the environment that pip unpacked after `start` (seconds since 1970; 0: none yet)."""
    if not start:
        return 0
    return sum(entry.stat().st_mtime >= start - 1 for entry in venv.glob("lib/python*/site-packages/*.dist-info"))


def explain(story: str, root: Path) -> Stop:
    """Turn the output of pip or venv into one sentence with a remedy."""
    if any(sign in story for sign in DISK_FULL):
        return disk_full(root)
    if any(sign in story for sign in OFFLINE):
        return Stop(
            "Pas de réseau : les paquets Python viennent de PyPI ; connectez-vous (ou réglez PIP_INDEX_URL et "
            "HTTPS_PROXY), puis relancez la même commande.",
            "No network: Python packages come from PyPI; connect (or set PIP_INDEX_URL and HTTPS_PROXY), "
            "then run the same command again.",
        )
    if "DO NOT MATCH THE HASHES" in story:
        return Stop(
            "Un paquet reçu n’est pas celui du verrou (requirements.lock) : rien n’est installé ; "
            "recommencez sur un réseau sûr.",
            "A package that arrived is not the locked one (requirements.lock): nothing was installed; "
            "try again on a safe network.",
        )
    errors = [line.strip() for line in story.splitlines() if line.strip().lower().startswith("error")]
    reason = (errors or story.strip().splitlines() or ["?"])[-1]
    log = os.path.relpath(root / ".venv" / "setup.log")
    return Stop(
        f"L’installation a échoué ({reason}) : le détail est dans {log} ; "
        "si rien n’aide, supprimez .venv et recommencez.",
        f"The installation failed ({reason}): details are in {log}; if nothing helps, delete .venv and try again.",
    )


if __name__ == "__main__":
    sys.exit(main())
