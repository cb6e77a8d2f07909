"""Values that a mapping itself gives (constants, what a `map` makes of a text) are checked once, not in every row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.directory.formats import sectors, toml_lines, values
from services.directory.formats.clean import Refused
from services.directory.formats.hours import Hours
from services.directory.formats.mapping import Constant, Spec
from services.directory.formats.mapping_faults import Faults, suggestion
from services.directory.formats.vocabulary import LISTS


def check(name: str, spec: Spec, faults: Faults) -> None:
    """Note every value of a field's spec that no record may hold."""
    if name in ("id", "structure"):
        return
    for at, value in _given(spec):
        for word, refused in _wrong(name, value):
            faults.wrong(at, word, "mapping.value", refused.why, refused.remedy)


def _given(spec: Spec) -> Iterator[tuple[toml_lines.Path, Any]]:
    """The values that reach the record as the mapping writes them, with their places."""
    if isinstance(spec.origin, Constant) and not (spec.split or spec.transforms or spec.map is not None):
        yield (*spec.at, "value"), spec.origin.value
    for key, value in (spec.map or {}).items():
        yield (*spec.at, "map", key), value
    yield (*spec.at, "otherwise"), spec.otherwise
    yield (*spec.at, "default"), spec.default


def _wrong(name: str, value: Any) -> Iterator[tuple[str, Refused]]:
    if value is None or value in ("", []):
        return
    if name == "sectors":
        for word in values.as_list(value):
            if not sectors.is_known(word):
                why = "Ce secteur n'existe pas."
                yield word, Refused("sectors.unknown", why, suggestion(word, sectors.SECTORS))
    elif name in LISTS:
        yield from values.listed(name, value).refused
    elif name == "horaires_accueil":
        read = values.hours(value)
        if not isinstance(read, Hours):
            yield str(value), read
        elif not read.read:
            yield (
                str(value),
                Refused("hours.unread", "Ces horaires ne sont pas compris.", "Par exemple Mo-Fr 09:00-12:00."),
            )
    else:
        found = values.cleaned(name, value)
        if isinstance(found, Refused):
            yield str(value), found
