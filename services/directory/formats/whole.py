"""Files that take their place when they are whole: what fails, or is killed, leaves the last ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Paths beside `paths`, to be written; moved to their places at the end, taken away where something failed."""
    partial = [path.with_name(f".{path.name}.partial") for path in paths]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield partial
        for beside, path in zip(partial, paths, strict=True):
            beside.replace(path)
    finally:
        for beside in partial:
            beside.unlink(missing_ok=True)


def one(out: Path, name: str, extension: str) -> list[Path]:
    """The file of a format that has one: `out` with its extension, or one of that name in the folder `out`."""
    return [out.with_suffix(f".{extension}") if out.suffix else out / f"{name}.{extension}"]


def two(out: Path, extension: str, names: tuple[str, str] = ("structures", "services")) -> list[Path]:
    """The files of structures and of services: in the folder `out`, or beside the file that it names."""
    if out.suffix:
        return [out.with_name(f"{out.stem}-{name}.{extension}") for name in names]
    return [out / f"{name}.{extension}" for name in names]
