"""French opening hours: what is read, what is rather kept as text, and how much of real weeks is read."""

import csv
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opening_hours import validate

from services.directory.formats.hours import Hours, from_text, from_week
from services.directory.formats.hours_rules import Rule, merged, read, write

FRENCH_DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")

READ = {
    "lundi au vendredi 9h-12h et 14h-17h30, sauf mercredi après-midi": (
        "Mo-Tu,Th-Fr 09:00-12:00,14:00-17:30; We 09:00-12:00"
    ),
    "du lundi au jeudi : 8h30/12h - 13h30/17h": "Mo-Th 08:30-12:00,13:30-17:00",
    "Lun-Ven 9h00 à 17h": "Mo-Fr 09:00-17:00",
    "lun., mar., jeu. 9h-12h": "Mo-Tu,Th 09:00-12:00",
    "Lundi, mardi, jeudi et vendredi : 8h30-12h30 / 13h30-17h00": "Mo-Tu,Th-Fr 08:30-12:30,13:30-17:00",
    "9-12h et 14-18h du lundi au vendredi": "Mo-Fr 09:00-12:00,14:00-18:00",
    "du lundi au vendredi entre 9 heures et midi": "Mo-Fr 09:00-12:00",
    "lundi 9 h - 10 heures 14 heures - 16 h 30 min": "Mo 09:00-10:00,14:00-16:30",
    "Ma-Ve 10h-12h/14h-18h Sa 10h-17h": "Tu-Fr 10:00-12:00,14:00-18:00; Sa 10:00-17:00",
    "- Lundi : 9h–12h\n- Mardi :\n14 h – 17 h 30": "Mo 09:00-12:00; Tu 14:00-17:30",
    "9h-12h du lundi au vendredi. Samedi 10h-12h": "Mo-Fr 09:00-12:00; Sa 10:00-12:00",
    "lundi matin 9h-12h, mardi après-midi 14h-17h": "Mo 09:00-12:00; Tu 14:00-17:00",
    "du lundi au vendredi le matin de 9h à 12h et l'après-midi de 14h à 17h": "Mo-Fr 09:00-12:00,14:00-17:00",
    "lundi au vendredi 9h-12h, samedi et dimanche : fermé": "Mo-Fr 09:00-12:00",
    "tous les jours sauf dimanche et jours fériés 9h-18h": "Mo-Sa 09:00-18:00; PH off",
    "du lundi au vendredi 9h-17h, fermé de 12h à 14h": "Mo-Fr 09:00-12:00,14:00-17:00",
    "lundi au vendredi 9h-12h, 14h-17h (16h le vendredi)": "Mo-Th 09:00-12:00,14:00-17:00; Fr 09:00-12:00,14:00-16:00",
    "lundi au vendredi 9h-17h, jusqu'à 19h le jeudi": "Mo-We,Fr 09:00-17:00; Th 09:00-19:00",
    "lundi au vendredi 9h-18h, fermé en août": "Mo-Fr 09:00-18:00; Aug off",
    "lundi au vendredi 9h-18h, fermé le 1er lundi du mois": "Mo-Fr 09:00-18:00; Mo[1] off",
    "mercredi 14h-17h hors vacances scolaires": "We 14:00-17:00; SH off",
    "En période scolaire : mercredi 14h-17h": "We 14:00-17:00; SH off",
    "1er et 3e mardi du mois de 14h à 17h": "Tu[1,3] 14:00-17:00",
    "14h-16h30 le premier et le dernier jeudi de chaque mois": "Th[1,-1] 14:00-16:30",
    "Semaines paires : lundi 9h-12h ; semaines impaires : jeudi 9h-midi": (
        "week 02-52/2 Mo 09:00-12:00; week 01-53/2 Th 09:00-12:00"
    ),
    "vendredi (semaines paires) 9h-12h": "week 02-52/2 Fr 09:00-12:00",
    "du 1er septembre au 30 juin : mardi 9h-12h ; juillet-août : mardi 8h-13h": (
        "Jan-Jun,Sep-Dec Tu 09:00-12:00; Jul-Aug Tu 08:00-13:00"
    ),
    "24h/24 et 7j/7": "24/7",
    "24h/24 du lundi au vendredi": "Mo-Fr 00:00-24:00",
    "lundi-jeudi 9h-17h, vendredi 9h-16h": "Mo-Th 09:00-17:00; Fr 09:00-16:00",
    "lundi - mardi - jeudi 9h-12h": "Mo-Tu,Th 09:00-12:00",
    "tous les jours 20h-8h": "Mo-Su 20:00-08:00",
    "du lundi au jeudi 20h-8h, vendredi 18h-10h": "Mo-Th 20:00-08:00, Fr 18:00-10:00",
    "sur rendez-vous": 'unknown "sur rendez-vous"',
    "lundi 9h-12h, mardi sur RDV": 'Mo 09:00-12:00; Tu unknown "sur rendez-vous"',
    "lundi 9h-12h sans rendez-vous, 14h-17h sur rendez-vous": (
        'Mo 09:00-12:00 "sans rendez-vous", Mo 14:00-17:00 "sur rendez-vous"'
    ),
    "Sur RDV : lundi 9h-12h, mardi 14h-17h": 'Mo 09:00-12:00 "sur rendez-vous"; Tu 14:00-17:00 "sur rendez-vous"',
    "Mo-Fr 08:30-12:30; PH off": "Mo-Fr 08:30-12:30; PH off",
}

# Each could mean two things, or lacks what it needs to mean one.
KEPT_AS_TEXT = (
    "fermé le samedi",
    "1er et 3e mardi du mois",
    "9h à 12h30 sauf vacances scolaires",
    "10:00-12:00",
    "Mar 10:00-12:00",
    "mardi / jeudi 9h-12h",
    "mardi - jeudi 9h-12h",
    "mardi-jeudi 9h-12h",
    "mardi (semaines paires) et jeudi 9h-12h",
    "mardi 14h-16h et jeudi 10h-12h sur rendez-vous",
    "lundi 9h-12h sur rendez-vous 14h-17h",
    "du lundi au vendredi 9h-12h, mardi 14h-17h",
    "lundi-mercredi 9h-12h, mardi-jeudi 14h-17h",
    "9h-12h et 14h-17h, sur place",
    "lundi 9h-12h (14h le mardi)",
    "lundi au vendredi matin",
    "un mardi sur deux 9h-12h",
    "lundi ou mardi 9h-12h",
    "lundi 9h et 14h",
    "lundi 9h-17h sauf 12h",
    "lundi au vendredi 9h-17h sauf mercredi 9h-12h",
    "lundi au vendredi 9h-12h 14h-17h sauf mercredi et vendredi après-midi",
    "lundi au vendredi 9h-17h sauf mercredi après-midi",
    "lundi journée, mardi 9h-12h",
    "lundi ouvert, mardi 9h-12h",
    "lundi 9h-17h, lundi 14h-18h",
    "mardi 9h-12h, 1er mardi du mois 14h-17h",
    "lundi au vendredi 9h-12h, juillet-août : mardi 9h-12h",
    "Semaines paires : lundi 9h-12h. Mardi 14h-17h",
    "lundi (hors vacances scolaires) 14h-17h, mardi 9h-12h",
    "mercredi 9h-12h. Fermé le mercredi",
    "lundi au vendredi 9h-18h, fermé le 2e lundi matin du mois",
    "9h-12h lundi, mardi 14h-17h",
    "lundi au vendredi 9h-12h à partir du 1er mars",
    "Antenne de Nantes : lundi 9h-12h",
    "Permanence téléphonique : lundi 9h-12h",
    "lundi 9h-12h (mairie), mardi 14h-17h (école)",
    "horaires variables, se renseigner",
    "lundi 25h-26h",
    "lundi 12h-9h",
)


@pytest.mark.parametrize(("text", "osm"), READ.items())
def test_a_clear_phrase_is_read(text: str, osm: str) -> None:
    assert from_text(text) == Hours(osm, None, True)
    assert validate(osm)


@pytest.mark.parametrize("text", KEPT_AS_TEXT)
def test_an_ambiguous_phrase_is_kept_as_text(text: str) -> None:
    assert from_text(text) == Hours(None, text, False)


def test_what_says_nothing_about_times_is_set_aside() -> None:
    hours = from_text("Lundi 9h-12h. Entrée par la cour, sonnette verte.")
    assert hours == Hours("Mo 09:00-12:00", "Entrée par la cour, sonnette verte.", False)
    assert hours.partial
    assert from_text("Sur RDV au 02 40 00 00 00") == Hours('unknown "sur rendez-vous"', "au 02 40 00 00 00", False)


def test_nothing_said_is_nothing_unread() -> None:
    assert from_text(None) == from_text(" \n") == from_week({"lundi": None, "mardi": " "}) == Hours(None, None, True)


def test_a_week_of_cells_groups_the_days_with_the_same_hours() -> None:
    cell = "09:00 - 12:00 / 13:30 - 17:00"
    week: dict[str, str | None] = {f"h_{day}": cell for day in FRENCH_DAYS[:5]} | {"h_mercredi": "fermé"}
    assert from_week(week) == Hours("Mo-Tu,Th-Fr 09:00-12:00,13:30-17:00", None, True)


def test_a_cell_that_cannot_be_read_is_neither_open_nor_closed() -> None:
    hours = from_week({"h_lundi": "09:00 - 12:00", "h_mardi": "09:00 - 16:30 / 13:30 - 16:30"})
    assert hours == Hours(
        'Mo 09:00-12:00; Tu unknown "09:00 - 16:30 / 13:30 - 16:30"', "mardi : 09:00 - 16:30 / 13:30 - 16:30", False
    )


def test_empty_slots_and_repeats_of_a_cell_say_nothing_more() -> None:
    assert from_week({"lundi": "00:00 - 00:00 / 09:00 - 12:00"}).osm == "Mo 09:00-12:00"
    assert from_week({"lundi": "09:00 - 12:00 / 09:00 - 12:00"}).osm == "Mo 09:00-12:00"
    assert from_week({"lundi": "09:00 - 11:00 / 11:00 - 12:00"}).osm == "Mo 09:00-12:00"
    assert from_week({"lundi": "00:00 - 00:00"}).read is False


def test_a_note_about_all_hours_joins_them_and_any_other_stays_text() -> None:
    week = {"lundi": "9h-12h", "mardi": "14h-17h (sur rendez-vous)"}
    assert from_week(week, "Sans RDV").osm == 'Mo 09:00-12:00 "sans rendez-vous"; Tu 14:00-17:00 "sur rendez-vous"'
    assert from_week({"lundi": "9h-12h"}, "Fermé les jours fériés").osm == "Mo 09:00-12:00; PH off"
    assert from_week({"lundi": "9h-12h"}, "Antenne au bourg") == Hours("Mo 09:00-12:00", "Antenne au bourg", True)
    assert from_week({"lundi": None}, "Le samedi de 9h à 12h").osm == "Sa 09:00-12:00"


def test_an_exception_of_one_day_alone_is_not_made_one_of_the_week() -> None:
    said = {"lundi": "9h-12h", "mardi": "9h-12h sauf vacances scolaires"}
    assert from_week(said).osm == 'Mo 09:00-12:00; Tu unknown "9h-12h sauf vacances scolaires"'
    assert from_week(dict.fromkeys(said, "9h-12h sauf vacances scolaires")).osm == "Mo-Tu 09:00-12:00; SH off"


def test_a_column_that_is_no_weekday_is_an_error() -> None:
    with pytest.raises(ValueError, match="h_jour"):
        from_week({"h_jour": "9h-12h"})


@pytest.fixture(scope="module")
def rows(test_data: Path) -> list[dict[str, str]]:
    with (test_data / "france-services" / "liste-fs-20240801.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_real_weeks_are_read(rows: list[dict[str, str]], capsys: pytest.CaptureFixture[str]) -> None:
    weeks = [{f"h_{day}": row[f"h_{day}"] for day in FRENCH_DAYS[:6]} for row in rows]
    cells = [cell for week in weeks for cell in week.values() if cell]
    told = [from_week(week) for week in weeks if any(week.values())]
    read_whole = sum(hours.read for hours in told)
    unread = Counter(why_unread(line.split(" : ", 1)[1]) for hours in told for line in (hours.text or "").splitlines())
    with capsys.disabled():
        print(f"\nFrance services: {read_whole} of {len(told)} weeks read whole, {len(cells) - unread.total()} of "
              f"{len(cells)} cells; unread: {dict(unread)}")  # fmt: skip
    assert len(told) == 2797
    assert read_whole / len(told) >= 0.99
    assert 1 - unread.total() / len(cells) >= 0.995
    assert set(unread) == {"spans overlap", "one empty span"}
    assert all(hours.osm is None or validate(hours.osm) for hours in told)


def why_unread(cell: str) -> str:
    return "one empty span" if cell == "00:00 - 00:00" else "spans overlap" if cell.count(":") > 3 else "other"


def test_real_notes_never_make_hours_that_are_not_valid(rows: list[dict[str, str]]) -> None:
    found = [from_text(row["commentaire"]) for row in rows if row["commentaire"]]
    assert len(found) == 830
    assert sum(hours.osm is not None for hours in found) > 100
    assert all(hours.osm is None or validate(hours.osm) for hours in found)


Week = dict[int, tuple[tuple[int, int], ...]]
quarter = st.integers(0, 95).map(lambda number: number * 15)


@st.composite
def spans_of_a_day(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    """One to three spans that do not touch."""
    times = sorted(draw(st.lists(st.integers(1, 287), min_size=2, max_size=6, unique=True)))
    if len(times) % 2:
        times.pop()
    return tuple((times[at] * 5, times[at + 1] * 5) for at in range(0, len(times), 2))


weeks = st.dictionaries(st.integers(0, 6), spans_of_a_day(), min_size=1)
CLOCKS = (
    lambda minute: f"{minute // 60:02}:{minute % 60:02}",
    lambda minute: f"{minute // 60}h{minute % 60:02}",
    lambda minute: f"{minute // 60}h{minute % 60:02}" if minute % 60 else f"{minute // 60}h",
    lambda minute: f"{minute // 60} h {minute % 60:02}" if minute % 60 else f"{minute // 60} heures",
)
JOINED = (("{} - {}", " / "), ("{}-{}", ", "), ("de {} à {}", " et "), ("{}–{}", " "), ("{}/{}", " - "))
NAMED = (FRENCH_DAYS, tuple(day.upper() for day in FRENCH_DAYS), tuple(f"{day[:3]}." for day in FRENCH_DAYS))


@st.composite
def told_weeks(draw: st.DrawFn) -> tuple[Week, str]:
    """A week, and a text that says it in one of many ways."""
    week = draw(weeks)
    clock, (pair, between), names = (draw(st.sampled_from(choice)) for choice in (CLOCKS, JOINED, NAMED))
    hours_first, mark = draw(st.booleans()), draw(st.sampled_from((" : ", " ", ":\n")))
    by_hours: dict[str, list[str]] = {}
    for day in sorted(week):
        hours = between.join(pair.format(clock(start), clock(end)) for start, end in week[day])
        by_hours.setdefault(hours, []).append(names[day])
    lines = []
    for hours, days in by_hours.items():
        who = " et ".join(filter(None, (", ".join(days[:-1]), days[-1])))
        lines.append(f"{hours} le {who}" if hours_first else f"{who}{mark}{hours}")
    return week, draw(st.sampled_from(("\n", " ; ", ".\n"))).join(lines)


@settings(max_examples=300, deadline=None)
@given(told_weeks())
def test_a_week_told_in_french_reads_back_to_the_same_hours(told: tuple[Week, str]) -> None:
    week, text = told
    hours = from_text(text)
    assert hours.read, text
    assert hours.osm is not None
    rules = read(hours.osm)
    assert rules is not None
    assert {day: rule.spans for rule in rules for day in rule.days} == {
        day: merged(spans) for day, spans in week.items()
    }


PIECES = st.sampled_from(
    "lundi mardi mercredi vendredi au du et , ; / - ( ) : . 9h 12h 14h-17h 9h-12h sauf fermé matin après-midi 1er 3e "
    "mois paires semaines août jusqu'à entre midi RDV rendez-vous sur sans vacances scolaires jours fériés 24h/24 7j/7 "
    "\n 8 ouvert téléphone 02.40.00.00.00 tous les 18h30 hors week-end dernier du_mois".replace("_", " ").split(" ")
)


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=14).map(" ".join) | st.text(max_size=60))
def test_no_text_makes_it_fail_and_what_it_writes_is_valid_and_stays(text: str) -> None:
    hours = from_text(text)
    assert hours.osm is None or validate(hours.osm)
    if hours.osm and hours.osm != text.strip():
        assert from_text(hours.osm) == Hours(hours.osm, None, True)
        assert write(read(hours.osm) or ()) == hours.osm
    if hours.osm is None and text.strip():
        assert hours == Hours(None, text.strip(), False)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(FRENCH_DAYS), st.lists(PIECES, max_size=6).map(" ".join)), st.text(max_size=30))
def test_no_week_makes_it_fail(cells: dict[str, str | None], note: str) -> None:
    hours = from_week(cells, note)
    assert hours.osm is None or validate(hours.osm)
    assert not note.strip() or hours.text or hours.osm


@settings(max_examples=200, deadline=None)
@given(st.lists(st.builds(
    Rule,
    days=st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
    spans=spans_of_a_day(),
    state=st.sampled_from(("open", "closed", "unknown")),
    comment=st.sampled_from(("", "sur rendez-vous", "a, b; c | d")),
    nth=st.sampled_from(((), (1,), (1, 3), (2, -1))),
    parity=st.sampled_from((None, 0, 1)),
    months=st.sampled_from(((), (7, 8), (1, 2, 12))),
), min_size=1, max_size=4))  # fmt: skip
def test_rules_are_read_as_they_were_written(rules: list[Rule]) -> None:
    assert read(write(rules)) == tuple(rules)


PAGE = Path(__file__).resolve().parents[3] / "docs" / "hours.md"


def test_the_phrases_of_the_docs_are_read_as_they_say() -> None:
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    told = {text: meaning for text, meaning in rows if text != "text"}
    read_there = {text: meaning.strip("`") for text, meaning in told.items() if meaning.startswith("`")}
    assert len(read_there) > 15
    assert {text: from_text(text).osm for text in read_there} == read_there
    assert [text for text in told.keys() - read_there.keys() if from_text(text).osm is not None] == []
