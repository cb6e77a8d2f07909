"""A mapping applied to rows: cells in, the values of each record out, still as the file writes them.

Cleaning comes after (`drafting`). A value that the mapping itself cannot make (a `map` that does not list it) comes out
as a `Refused`, in the place of the value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from services.directory.formats import mapping_template
from services.directory.formats.candidate import Candidate, Days, Unmade
from services.directory.formats.clean_text import Refused
from services.directory.formats.drafts import Origin, problem
from services.directory.formats.mapping import Column, Condition, Constant, Mapping, Part, Spec, Template, Week
from services.directory.formats.mapping_faults import shown, suggestion
from services.directory.formats.tables import key_of
from services.directory.formats.toml_lines import line_at
from services.directory.formats.vocabulary import LISTS
from services.kernel.errors import Problem, ValidationError

Cells = Sequence[str]
Getter = Callable[[Cells], Any]
MANY = LISTS | {"sectors"}


class Mapped:
    """A mapping tied to the columns of one table.

    Raises `ValidationError` when the table lacks columns, each told with the line of the mapping that names it.
    """

    def __init__(self, mapping: Mapping, origin: Origin) -> None:
        self._columns = _Columns(origin.columns)
        problems = columns_lacking(mapping, origin)
        if problems:
            names = ", ".join(f"« {one['value']} »" for one in problems)
            message = f"{origin.path.name} n'a pas les colonnes que {mapping.name} attend : {names}."
            raise ValidationError(message, problems)
        self._when = [self._columns.condition(condition) for condition in mapping.when]
        self._parts = [_BoundPart(part, self._columns) for part in mapping.parts]
        self.unused = self._columns.unused(mapping)

    def takes(self, cells: Cells) -> bool:
        """Whether the mapping wants this row at all (`[rows] when`)."""
        return all(holds(cells) for holds in self._when)

    def candidates(self, cells: Cells, source: str) -> Iterator[Candidate]:
        """The records that a row makes, its structure first."""
        structure_id = ""
        for part in self._parts:
            own = part.id_of(cells)
            if part.kind == "structure":
                structure_id = own
            if all(holds(cells) for holds in part.when):
                yield part.candidate(cells, source, own, structure_id)


def columns_lacking(mapping: Mapping, origin: Origin) -> list[Problem]:
    """The columns that a mapping names and a table lacks, each with its line and the nearest there is."""
    columns = _Columns(origin.columns)
    return [
        problem(
            line_at(mapping.lines, at),
            shown(at),
            name,
            "mapping.column",
            f"Le fichier n'a pas de colonne « {name} ».",
            suggestion(name, origin.columns),
        )
        for name, at in mapping.columns().items()
        if columns.find(name) is None
    ]


class _Columns:
    """Positions of columns by name, exactly or else without case, accents and punctuation."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._exact = {name: at for at, name in enumerate(names)}
        self._loose: dict[str, int] = {}
        for name, at in self._exact.items():
            self._loose.setdefault(key_of(name), at)

    def find(self, name: str) -> int | None:
        return self._exact.get(name, self._loose.get(key_of(name)))

    def cell(self, name: str) -> Callable[[Cells], str]:
        """The cell of a column, or nothing where the table has no such column."""
        at = self.find(name) if name else None
        return (lambda cells: "") if at is None else (lambda cells: cells[at])

    def condition(self, condition: Condition) -> Callable[[Cells], bool]:
        cell, holds = self.cell(condition.column), condition.holds
        return lambda cells: holds(cell(cells))

    def unused(self, mapping: Mapping) -> list[str]:
        """Columns of the table that the mapping never looks at."""
        used = {self.find(name) for name in mapping.columns()}
        optional = (spec.origin for part in mapping.parts for specs in part.specs.values() for spec in specs)
        used |= {self.find(origin.name) for origin in optional if isinstance(origin, Column)}
        return [name for at, name in enumerate(self._names) if at not in used]


class _BoundPart:
    """One record that a row makes, its specs tied to columns; what is the same in every row is made once."""

    def __init__(self, part: Part, columns: _Columns) -> None:
        self.kind = part.kind
        self.when = [columns.condition(condition) for condition in part.when]
        getters = {name: _bind_field(name, specs, columns) for name, specs in part.specs.items()}
        self._id, self._structure = getters.pop("id"), getters.pop("structure", None)
        self._made_of = _columns_of(part.specs["id"])
        self._speaks = {name for name in getters if any(_speaks(spec, columns) for spec in part.specs[name])}
        constant = {name for name, specs in part.specs.items() if name in getters and _is_constant(specs)}
        self._constants = {name: _frozen(getters.pop(name)(())) for name in constant}
        self._getters = list(getters.items())
        self._labels = {name: label for name, specs in part.specs.items() if (label := _label(specs))}
        self._required = frozenset(name for name, specs in part.specs.items() if any(spec.required for spec in specs))

    def id_of(self, cells: Cells) -> str:
        return _text(self._id(cells))

    def candidate(self, cells: Cells, source: str, own: str, structure_id: str) -> Candidate:
        values, empty = self._constants.copy(), list[str]()
        for name, get in self._getters:
            value = get(cells)
            if value is not None:
                values[name] = value
            elif name in self._speaks:
                empty.append(name)
        if self._structure is not None:
            structure_id = _text(self._structure(cells))
        return Candidate(
            self.kind, source, own, structure_id, values, self._labels, self._required, tuple(empty), self._made_of
        )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _is_constant(specs: tuple[Spec, ...]) -> bool:
    return len(specs) == 1 and isinstance(specs[0].origin, Constant) and not specs[0].when


def _columns_of(specs: tuple[Spec, ...]) -> tuple[str, ...]:
    """The columns that a value is made of, each once."""
    names = (
        name for spec in specs for name in ([spec.origin.name] if isinstance(spec.origin, Column) else spec.columns())
    )
    return tuple(dict.fromkeys(names))


def _speaks(spec: Spec, columns: _Columns) -> bool:
    """Whether the table has a place for this value in every row."""
    return not spec.when and any(columns.find(name) is not None for name in _columns_of((spec,)))


def _label(specs: tuple[Spec, ...]) -> str:
    """The column that people will look for when a value is wrong."""
    return next((spec.origin.name for spec in specs if isinstance(spec.origin, Column)), "")


def _bind_field(name: str, specs: tuple[Spec, ...], columns: _Columns) -> Getter:
    """The first filled value of a field; of a list field all of them together."""
    getters = [_bind(spec, columns) for spec in specs]
    if len(getters) == 1:
        return getters[0]
    return _together(getters) if name in MANY else _first(getters)


def _first(getters: list[Getter]) -> Getter:
    def first(cells: Cells) -> Any:
        for get in getters:
            value = get(cells)
            if value is not None:
                return value
        return None

    return first


def _together(getters: list[Getter]) -> Getter:
    def together(cells: Cells) -> Any:
        parts: list[Any] = []
        for get in getters:
            value = get(cells)
            if value is not None:
                parts.extend(value if isinstance(value, list) else [value])
        return _with_unmade(parts)

    return together


def _with_unmade(parts: list[Any]) -> Any:
    """A list of values; where some could not be made, the first of them with the others kept beside it."""
    kept = [part for part in parts if not isinstance(part, Unmade)]
    unmade = next((part for part in parts if isinstance(part, Unmade)), None)
    if unmade is None:
        return kept or None
    return Unmade(unmade.value, unmade.refused, [*kept, *unmade.kept])


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, Unmade) else str(value)


def _bind(spec: Spec, columns: _Columns) -> Getter:
    origin = _bind_origin(spec.origin, columns)
    changes = _changes(spec)
    whens = [columns.condition(condition) for condition in spec.when]
    default = spec.default
    if not whens and changes is None and default is None:
        return origin

    def get(cells: Cells) -> Any:
        for holds in whens:
            if not holds(cells):
                return None
        value = origin(cells)
        if value is not None and changes is not None:
            value = changes(value)
        return default if value is None else value

    return get


def _bind_origin(origin: Column | Constant | Template | Week, columns: _Columns) -> Getter:
    match origin:
        case Constant(value):
            return lambda cells: value
        case Template():
            cell_of = {text: columns.cell(text) for _, parts in origin.groups for is_column, text in parts if is_column}
            return lambda cells: mapping_template.render(origin, lambda name: cell_of[name](cells)) or None
        case Week(days, note):
            week, remark = {day: columns.cell(name) for day, name in days.items()}, columns.cell(note)
            return lambda cells: _days({day: cell(cells) for day, cell in week.items()}, remark(cells))
        case Column(name):
            at = columns.find(name)
            return (lambda cells: None) if at is None else (lambda cells: cells[at] or None)


def _days(week: dict[str, str], note: str) -> Days | None:
    return Days(week, note) if note or any(week.values()) else None


def _changes(spec: Spec) -> Callable[[Any], Any] | None:
    """What `split`, `transform` and `map` do to a filled value; None when they do nothing."""
    if not (spec.split or spec.transforms or spec.map is not None):
        return None

    def one(text: Any) -> Any:
        value = text
        for transform in spec.transforms:
            value = transform(str(value))
        return _mapped(spec, value) if spec.map is not None and value != "" else value

    def change(value: Any) -> Any:
        if not spec.split:
            made = one(value)
            return made if made not in ("", []) else None
        parts = [one(part.strip()) for part in str(value).split(spec.split) if part.strip()]
        return _with_unmade(
            [word for part in parts for word in (part if isinstance(part, list) else [part]) if word != ""]
        )

    return change


def _mapped(spec: Spec, value: Any) -> Any:
    assert spec.map is not None
    known = spec.map.get(str(value).strip().casefold(), spec.otherwise)
    if known is not None:
        return known
    why = f"« {value} » n'est pas une valeur prévue par la correspondance."
    return Unmade(str(value), Refused("map.unknown", why, "Corrigez la valeur, ou ajoutez-la à « map »."))
