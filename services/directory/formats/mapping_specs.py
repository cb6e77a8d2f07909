"""The parts of a mapping file: what each record and each of its fields is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from services.directory.formats import mapping_template, mapping_values, toml_lines, transforms
from services.directory.formats.drafts import Kind
from services.directory.formats.expressions import CANNOT, Expression
from services.directory.formats.mapping import Column, Condition, Constant, Part, Spec, Template, Week
from services.directory.formats.mapping_faults import Faults, suggestion
from services.directory.formats.vocabulary import FIELDS, OWN_FIELDS

ORIGINS: Final = ("column", "value", "template", "week")
SPEC_KEYS: Final = (
    *ORIGINS,
    "note",
    "optional",
    "when",
    "split",
    "transform",
    "map",
    "otherwise",
    "default",
    "required",
)
TESTS: Final = ("is", "not", "filled", "matches")
DAYS: Final = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")


def part(kind: Kind, table: dict[str, Any], at: toml_lines.Path, faults: Faults, *, linked: bool) -> Part:
    """One record that a row makes.

    Args:
        linked: a service of the structure of the same row; otherwise it must name its structure itself.
    """
    specific = ("id", "when", "sectors") if kind == "structure" else ("id", "when", "sectors", "structure")
    allowed = (*specific, *FIELDS[kind], *OWN_FIELDS[kind])
    faults.known(table, at, allowed)
    needed = ("id", "nom") if kind == "structure" or linked else ("id", "nom", "structure")
    for name in needed:
        if name not in table:
            remedy = (
                f'{name} = "Nom de la colonne"' if name != "id" else "Une colonne, ou un modèle comme {Nom}-{Ville}."
            )
            faults.wrong(at, "", "mapping.required", f"Le champ « {name} » manque.", remedy)
    specs = {
        name: tuple(spec(value, (*at, name), faults))
        for name, value in table.items()
        if name in allowed and name != "when"
    }
    for name, options in specs.items():
        for option in options:
            mapping_values.check(name, option, faults)
            if isinstance(option.origin, Week) and name != "horaires_accueil":
                why, remedy = "Seuls des horaires se lisent jour par jour.", "« week » va avec « horaires_accueil »."
                faults.wrong(option.at, "", "mapping.week", why, remedy)
    return Part(kind, at, condition_list(table.get("when"), (*at, "when"), faults), specs)


def spec(value: Any, at: toml_lines.Path, faults: Faults) -> list[Spec]:
    """The specs of a field: a column's name, a template (`{…}` in a text), a table, or a list of these."""
    if isinstance(value, list):
        return [one for rank, element in enumerate(value) for one in spec(element, (*at, rank), faults)]
    short = isinstance(value, str)
    table = {"template" if "{" in value else "column": value} if short else faults.is_table(value, at)
    if not table:
        return []
    faults.known(table, at, SPEC_KEYS)
    origin = _origin(table, at, faults)
    if origin is None:
        return []
    return [
        Spec(
            at=at,
            origin=origin,
            when=condition_list(table.get("when"), (*at, "when"), faults),
            split=faults.text(table, "split", at),
            transforms=_transforms(table.get("transform", []), (*at, "transform"), faults),
            map=_map(table.get("map"), (*at, "map"), faults),
            otherwise=table.get("otherwise"),
            default=table.get("default"),
            required=bool(table.get("required", False)),
        )
    ]


def condition_list(value: Any, at: toml_lines.Path, faults: Faults) -> tuple[Condition, ...]:
    """The conditions of a `when`: one table, or a list of tables that must all hold."""
    if value is None:
        return ()
    tables = value if isinstance(value, list) else [value]
    paths = [(*at, rank) for rank in range(len(tables))] if isinstance(value, list) else [at]
    found = [_condition(faults.is_table(table, path), path, faults) for table, path in zip(tables, paths, strict=True)]
    return tuple(condition for condition in found if condition)


def _condition(table: dict[str, Any], at: toml_lines.Path, faults: Faults) -> Condition | None:
    faults.known(table, at, ("column", *TESTS))
    column, tests = faults.text(table, "column", at), [key for key in TESTS if key in table]
    if not column or len(tests) != 1:
        why = "Une condition nomme une colonne et un seul test."
        remedy = f'Par exemple {{ column = "Type", is = "Bus" }} ; les tests : {", ".join(TESTS)}.'
        faults.wrong(at, "", "mapping.condition", why, remedy)
        return None
    try:
        return Condition(column, _test(tests[0], table[tests[0]]))
    except ValueError as error:
        faults.wrong((*at, "matches"), table["matches"], "mapping.regex", str(error), CANNOT)
        return None


def _test(name: str, wanted: Any) -> Callable[[str], bool]:
    if name == "filled":
        return lambda cell: bool(cell) is bool(wanted)
    if name == "matches":
        return Expression(str(wanted), any_case=True).found
    values = {str(one).strip().casefold() for one in (wanted if isinstance(wanted, list) else [wanted])}
    if name == "is":
        return lambda cell: cell.casefold() in values
    return lambda cell: cell.casefold() not in values


def _origin(table: dict[str, Any], at: toml_lines.Path, faults: Faults) -> Column | Constant | Template | Week | None:
    said = [key for key in ORIGINS if key in table]
    if len(said) != 1:
        why = "D'où vient la valeur ?" if not said else f"« {' » et « '.join(said)} » s'excluent."
        faults.wrong(at, "", "mapping.origin", why, f"Il faut l'un de : {', '.join(ORIGINS)}.")
        return None
    if said[0] == "value":
        return Constant(table["value"])
    if said[0] == "week":
        return _week(faults.table(table, "week", at), faults.text(table, "note", at), (*at, "week"), faults)
    text = faults.text(table, said[0], at)
    if said[0] == "column":
        return Column(" ".join(text.split()), optional=bool(table.get("optional", False)))
    try:
        return mapping_template.read(text)
    except ValueError as error:
        faults.wrong((*at, "template"), text, "mapping.template", str(error), "Voir docs/mapping.md.")
        return None


def _week(days: dict[str, Any], note: str, at: toml_lines.Path, faults: Faults) -> Week:
    faults.known(days, at, DAYS)
    return Week({day: faults.text(days, day, at) for day in days if day in DAYS}, note)


def _transforms(value: Any, at: toml_lines.Path, faults: Faults) -> tuple[Callable[[str], str], ...]:
    found = []
    for written in value if isinstance(value, list) else [value]:
        try:
            found.append(transforms.parse(str(written)))
        except KeyError:
            name = str(written).partition(":")[0]
            why = f"La transformation « {name} » n'existe pas."
            faults.wrong(at, written, "mapping.transform", why, suggestion(name, transforms.TRANSFORMS))
        except ValueError as error:
            remedy = CANNOT if str(written).startswith("match:") else "Voir la table de docs/mapping.md."
            faults.wrong(at, written, "mapping.transform", str(error), remedy)
    return tuple(found)


def _map(value: Any, at: toml_lines.Path, faults: Faults) -> dict[str, Any] | None:
    if value is None:
        return None
    return {key.strip().casefold(): known for key, known in faults.is_table(value, at).items()}
