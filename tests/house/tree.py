"""The files of the project: those that git tracks and those that it would."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


@cache
def files() -> tuple[Path, ...]:
    """Every file that is tracked, or new and not ignored; in an unpacked archive every file outside `.venv`."""
    listing = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listing.returncode == 0:
        found = [ROOT / name for name in listing.stdout.split("\0") if name]
    else:
        found = [path for path in ROOT.rglob("*") if not {".venv", "__pycache__"} & set(path.relative_to(ROOT).parts)]
    return tuple(sorted(path for path in found if path.is_file()))


def named(suffix: str, *folders: str) -> list[Path]:
    """The files with a suffix (`.py`), all of them or those under some top-level folders."""
    chosen = [path for path in files() if path.suffix == suffix]
    return [path for path in chosen if not folders or path.relative_to(ROOT).parts[0] in folders]


def name_of(path: Path) -> str:
    """A file as people write it: relative to the root."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name
