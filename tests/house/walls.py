"""The walls that import-linter's contracts cannot say: a list of what may pass, instead of what may not."""

import re
from collections.abc import Iterable

Import = tuple[str, str]

GATEWAY_MAY_TAKE = re.compile(
    r"services(\.\w+)?$"  # the packages themselves, which hold nothing
    r"|services\.\w+\.(schemas|events)(\.|$)"
    r"|services\.directory\.formats(\.|$)"
    r"|services\.kernel\.(access|clock|envelope|errors|giving|identity|request|settings)(\.|$)"
)
DOORS = re.compile(r"services\.\w+\.service(\.|$)")


def room_of(module: str) -> str:
    """The room of a module under services (`directory`), "" for the kernel and for what is no room."""
    parts = module.split(".")
    return parts[1] if parts[0] == "services" and len(parts) > 1 and parts[1] != "kernel" else ""


def breaches(imports: Iterable[Import]) -> list[str]:
    """Direct imports that pass a wall, as `importer -> imported: why not`."""
    wrong = []
    for importer, imported in imports:
        reason = _why_not(importer, imported)
        if reason:
            wrong.append(f"{importer} -> {imported}: {reason}")
    return sorted(wrong)


def _why_not(importer: str, imported: str) -> str:
    if importer.split(".")[0] == "gateway" and imported.split(".")[0] == "services":
        return "" if GATEWAY_MAY_TAKE.match(imported) else "the gateway takes schemas, events, formats, the pure kernel"
    mine, theirs = room_of(importer), room_of(imported)
    if mine and theirs and mine != theirs:
        neighbourly = DOORS.match(importer) and re.match(r"services\.\w+\.events(\.|$)", imported)
        return "" if neighbourly else "a room reads another's events only, in its service"
    if mine and re.match(r"services\.kernel\.doors(\.|$)", imported):
        return "" if DOORS.match(importer) else "only the service of a room stands in its doors"
    return ""
