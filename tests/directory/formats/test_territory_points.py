"""Where communes are: how good the shipped points are, and better ones given by an operator."""

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.build.territory import build, french_places
from services.directory.formats import territory, territory_tables
from services.directory.formats.territory import resolve
from services.kernel.errors import ValidationError

NANTES = "44109"


def test_shipped_points_are_near_the_true_ones(test_data: Path) -> None:
    true = {row["code"]: (float(row["lat"]), float(row["lon"])) for row in _csv(test_data / "territory" / "points.csv")}
    errors_km: dict[bool, list[float]] = {False: [], True: []}
    for own in territory.communes():
        if own.code in true:
            errors_km[own.approximate].append(territory.distance_m(own.lat, own.lon, *true[own.code]) / 1000)
    for approximate, found in errors_km.items():
        found.sort()
        shown = {share: round(found[int(len(found) * share)], 1) for share in (0.5, 0.9, 0.95, 0.99)}
        print(f"approximate={approximate}: {len(found)} communes, km by share of them {shown}, worst {found[-1]:.0f}")
    own_place, guessed = errors_km[False], errors_km[True]
    assert len(own_place) > 14_400
    assert (own_place[int(len(own_place) * 0.5)] < 1) and (own_place[int(len(own_place) * 0.99)] < 6)
    assert (guessed[int(len(guessed) * 0.5)] < 7) and (guessed[int(len(guessed) * 0.95)] < 18)


def test_most_people_live_where_the_point_is_of_a_place() -> None:
    people = {False: 0, True: 0}
    for own in territory.communes():
        if territory.city(own) == own:
            people[own.approximate] += own.population
    share = people[False] / sum(people.values())
    own_place = [own for own in territory.communes() if own.department == "44" and not own.approximate]
    print(f"{share:.1%} of people; {len(own_place)} of the 207 communes of Loire-Atlantique")
    assert share > 0.89
    assert len(own_place) >= 190


def test_every_commune_has_a_point_on_earth() -> None:
    for own in territory.communes():
        assert -90 <= own.lat <= 90 and -180 <= own.lon <= 180
        assert (own.lat, own.lon) != (0, 0)


def test_the_shipped_tables_are_those_that_the_script_makes(test_data: Path) -> None:
    for name, table in build(test_data / "territory", french_places()).items():
        assert gzip.decompress((territory_tables.DATA / f"{name}.gz").read_bytes()) == table, name


@pytest.fixture
def movable() -> Iterator[None]:
    """The table may be changed by this test and is read again after it."""
    yield
    territory_tables.communes.cache_clear()
    territory.use_points({})


@pytest.mark.usefixtures("movable")
def test_an_operator_gives_better_points(test_data: Path) -> None:
    before = next(own for own in territory.communes() if own.department == "44" and own.approximate)
    points = territory.load_points(test_data / "territory" / "points.csv")
    assert len(points) > 34_000
    territory.use_points(points)
    after = resolve(code=before.code)
    assert after is not None and not after.approximate
    assert (after.lat, after.lon) == points[after.code]
    near, distance_m = territory.communes_within(after.lat, after.lon, 1)[0]
    assert (near.code, distance_m) == (after.code, 0)


@pytest.mark.usefixtures("movable")
def test_points_of_unknown_communes_move_nothing() -> None:
    before = territory.commune(NANTES)
    with pytest.raises(KeyError, match="99999"):
        territory.use_points({NANTES: (0, 0), "99999": (1, 1)})
    assert territory.commune(NANTES) == before


@pytest.mark.parametrize(
    ("text", "line", "field", "code"),
    [
        ("lat,lon\n47,-1\n", 1, "code", "points.header"),
        ("code,lat,lon\n44999,47.2,-1.5\n", 2, "code", "points.commune"),
        ("code,lat,lon\n44109,47.2,-1.5\n\n44143,97.2,-1.5\n", 4, "lat", "points.lat"),
        ("code,lat,lon\n44109,47.2,ouest\n", 2, "lon", "points.lon"),
        ("code,lat,lon\n44109,nan,-1.5\n", 2, "lat", "points.lat"),
        ("code,lat,lon\n44109,47.2,-1.5\n44109,47.2,-1.5\n", 3, "code", "points.twice"),
        ("code,lat,lon\n44109,47.2\n", 2, "code", "points.cells"),
        ("code,lat,lon\n", None, "code", "points.empty"),
        ("", 1, "code", "points.header"),
    ],
)
def test_a_bad_file_of_points_is_refused_with_the_line_and_the_field(
    tmp_path: Path, text: str, line: int | None, field: str, code: str
) -> None:
    path = tmp_path / "points.csv"
    path.write_text(text)
    with pytest.raises(ValidationError) as caught:
        territory.load_points(path)
    problem = caught.value.details[0]
    assert (problem["line"], problem["field"], problem["code"]) == (line, field, code)
    assert "points.csv" in str(caught.value)


def test_a_file_of_points_may_come_from_a_french_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_bytes("\ufeffcode;lat;lon\r\n44109;47,21;-1,55\r\n".encode())
    assert territory.load_points(path) == {NANTES: (47.21, -1.55)}
    path.write_bytes("code,lat,lon,é\n".encode("latin-1"))
    with pytest.raises(ValidationError, match="UTF-8"):
        territory.load_points(path)


def _csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
