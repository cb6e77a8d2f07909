"""Whether a place is open: one by one as the library says, many at once by bits, and lines for people."""

import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opening_hours import OpeningHours

from services.directory.formats.hours import (
    WEEK_BYTES,
    is_open,
    is_public_holiday,
    to_french,
    week_bits,
    week_slot,
)
from services.directory.formats.hours_rules import Rule, write

PARIS = ZoneInfo("Europe/Paris")
MONDAY = datetime(2026, 3, 2, tzinfo=PARIS)
OFFICE = "Mo-Fr 09:00-12:00,14:00-17:00"


def paris(text: str) -> datetime:
    """An aware time from the local time of Paris."""
    return datetime.fromisoformat(text).replace(tzinfo=PARIS)


def test_it_is_open_between_its_hours_in_the_time_of_paris() -> None:
    assert is_open(OFFICE, paris("2026-03-02 09:00")) is True
    assert is_open(OFFICE, paris("2026-03-02 12:00")) is False
    assert is_open(OFFICE, datetime(2026, 7, 6, 7, 30, tzinfo=UTC)) is True
    assert is_open(OFFICE, datetime(2026, 3, 2, 7, 30, tzinfo=UTC)) is False
    assert is_open(OFFICE, datetime(2026, 7, 6, 5, 30, tzinfo=UTC), timezone="Indian/Reunion") is True


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        is_open(OFFICE, datetime(2026, 3, 2, 9))  # noqa: DTZ001


def test_public_holidays_count_only_where_they_are_named() -> None:
    assert is_public_holiday(date(2026, 5, 14))
    assert not is_public_holiday(date(2026, 5, 15))
    assert is_open(OFFICE, paris("2026-05-14 10:00")) is True
    assert is_open(f"{OFFICE}; PH off", paris("2026-05-14 10:00")) is False


def test_what_depends_on_school_holidays_is_known_only_when_both_answers_agree() -> None:
    assert is_open(f"{OFFICE}; SH off", paris("2026-03-02 10:00")) is None
    assert is_open(f"{OFFICE}; SH off", paris("2026-03-02 13:00")) is False
    assert is_open(f"{OFFICE}; PH,SH off", paris("2026-05-14 10:00")) is False


def test_by_appointment_is_open_between_times_and_unknown_without() -> None:
    assert is_open('Mo 09:00-12:00 "sur rendez-vous"', paris("2026-03-02 10:00")) is True
    assert is_open('unknown "sur rendez-vous"', paris("2026-03-02 10:00")) is None
    assert is_open("lundi 9h-12h", paris("2026-03-02 10:00")) is None
    assert is_open('"sur rendez-vous"', paris("2026-03-02 10:00")) is None


times = st.integers(0, 95).map(lambda number: number * 15)
spans = st.tuples(times, times).filter(lambda span: span[0] < span[1]).map(lambda span: (span,))
weekly = st.builds(
    Rule,
    days=st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
    spans=spans,
    state=st.sampled_from(("open", "open", "open", "closed")),
    added=st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(weekly, min_size=1, max_size=4), st.booleans())
def test_bits_say_what_the_library_says_at_every_quarter(rules: list[Rule], holidays: bool) -> None:
    osm = write([*rules, Rule((), state="closed", holidays=("PH",))] if holidays else rules)
    bits = week_bits(osm)
    if bits is None:
        assert any(rule.state == "closed" for rule in rules)
        return
    assert len(bits) == WEEK_BYTES
    assert bits[-1] == holidays
    oracle = OpeningHours(osm, country="FR")
    for quarter in range(0, 7 * 96):
        at = MONDAY.replace(tzinfo=None) + timedelta(minutes=15 * quarter + 7)
        assert bits[quarter // 8] >> quarter % 8 & 1 == oracle.is_open(at), at


def test_nights_go_on_in_the_morning_after() -> None:
    bits = week_bits("Mo-Su 20:00-08:00")
    assert bits is not None
    for hour, open_then in ((3, 1), (12, 0), (21, 1)):
        slot = week_slot(MONDAY.replace(hour=hour))
        assert bits[slot.byte] >> slot.bit & 1 == open_then


@pytest.mark.parametrize(
    "osm",
    (
        "Mo-Fr 09:10-12:00",
        "Tu[1] 09:00-12:00",
        "week 02-52/2 Tu 09:00-12:00",
        "Jul-Aug Tu 09:00-12:00",
        "Mo-Fr 09:00-12:00; SH off",
        'Mo 09:00-12:00; Tu unknown "sur rendez-vous"',
        "Mo-Fr 09:00-12:00; PH 10:00-12:00",
        "Mo-Fr 20:00-08:00; PH off",
        "Mo-Fr 20:00-08:00; Sa 09:00-12:00",
        "Mo-Fr 09:00+",
        "no hours",
    ),
)
def test_what_a_week_does_not_say_has_no_bits(osm: str) -> None:
    assert week_bits(osm) is None


@pytest.mark.alone
def test_sixty_thousand_places_are_asked_at_once_in_a_millisecond() -> None:
    kinds = [
        week_bits(f"Mo-Fr {hour:02}:00-{hour + 4:02}:30{tail}") for hour in range(6, 19) for tail in ("", "; PH off")
    ]
    rows = numpy.frombuffer(b"".join(filter(None, kinds)), dtype=numpy.uint8).reshape(-1, WEEK_BYTES)
    table = rows[numpy.random.default_rng(1).integers(0, len(rows), 60_000)]
    byte, bit, holiday = week_slot(paris("2026-05-14 10:20"))
    assert holiday
    best_s = 1.0
    for _ in range(5):
        start = time.perf_counter()
        found = (table[:, byte] >> bit) & 1 & (table[:, WEEK_BYTES - 1] ^ 1)
        best_s = min(best_s, time.perf_counter() - start)
    assert 0 < found.sum() < len(table)
    assert best_s < 0.005, f"{best_s * 1000:.1f} ms"


def plain(lines: list[str]) -> list[str]:
    """Lines with ordinary spaces."""
    return [line.replace("\u00a0", " ") for line in lines]


@pytest.mark.parametrize(
    ("osm", "french", "english"),
    (
        (
            "Mo-Tu,Th-Fr 09:00-12:00,14:00-17:30; We 09:00-12:00; PH off",
            [
                "lundi, mardi, jeudi et vendredi : 9 h – 12 h, 14 h – 17 h 30",
                "mercredi : 9 h – 12 h",
                "jours fériés : fermé",
            ],
            [
                "Monday, Tuesday, Thursday and Friday: 9:00–12:00, 14:00–17:30",
                "Wednesday: 9:00–12:00",
                "public holidays: closed",
            ],
        ),
        (
            "Mo-Fr 09:00-12:00; We 14:00-17:00",
            ["lundi, mardi, jeudi et vendredi : 9 h – 12 h", "mercredi : 14 h – 17 h"],
            ["Monday, Tuesday, Thursday and Friday: 9:00–12:00", "Wednesday: 14:00–17:00"],
        ),
        (
            "Tu[1,-1] 14:00-17:00; week 02-52/2 Mo 09:00-12:00",
            ["1er et dernier mardi du mois : 14 h – 17 h", "semaines paires, lundi : 9 h – 12 h"],
            ["1st and last Tuesday of the month: 14:00–17:00", "even weeks, Monday: 9:00–12:00"],
        ),
        (
            "Sep-Jun Mo-Sa 09:00-12:00; Jul-Aug Tu 09:00-12:00; Aug off",
            [
                "de septembre à juin, du lundi au samedi : 9 h – 12 h",
                "en juillet et août, mardi : 9 h – 12 h",
                "en août : fermé",
            ],
            [
                "September to June, Monday to Saturday: 9:00–12:00",
                "in July and August, Tuesday: 9:00–12:00",
                "in August: closed",
            ],
        ),
        (
            'Mo 09:00-12:00 "sans rendez-vous", Mo 14:00-17:00 "sur rendez-vous"; Tu unknown "sur rendez-vous"',
            ["lundi : 9 h – 12 h (sans rendez-vous), 14 h – 17 h (sur rendez-vous)", "mardi : sur rendez-vous"],
            ["Monday: 9:00–12:00 (sans rendez-vous), 14:00–17:00 (sur rendez-vous)", "Tuesday: sur rendez-vous"],
        ),
        ("24/7", ["24 heures sur 24, 7 jours sur 7"], ["24 hours a day, 7 days a week"]),
        ("Mo-Su 20:00-08:00", ["tous les jours : 20 h – 8 h"], ["every day: 20:00–8:00"]),
        ('unknown "sur rendez-vous"', ["sur rendez-vous"], ["sur rendez-vous"]),
        ("off", ["tous les jours : fermé"], ["every day: closed"]),
        (
            "Mo-Fr 09:00-sunset",
            ["horaires (notation OpenStreetMap) : Mo-Fr 09:00-sunset"],
            ["hours (OpenStreetMap notation): Mo-Fr 09:00-sunset"],
        ),
        ("pas des horaires", [], []),
    ),
)
def test_people_read_lines_not_notation(osm: str, french: list[str], english: list[str]) -> None:
    assert plain(to_french(osm)) == french
    assert to_french(osm, lang="en") == english
