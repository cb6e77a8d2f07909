"""From a draft to what the public may trust: who may do each step, the gate, the argumentaire, the three dates."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.directory import qualification, store
from services.directory.formats import argumentaire
from services.kernel import clock
from services.kernel.access import MATRIX, ROLES, Actor
from services.kernel.errors import Conflict, Forbidden, ValidationError, WrongState
from tests.directory.conftest import service, structure
from tests.rooms import MACHINE, PERMANENT, VOLUNTEER, Opened

LONG = "Les habitants décident ensemble de ce que fait la maison."
WRITTEN = {part.name: part.example for part in argumentaire.PARTS}


def put(directory: Opened, *drafts: dict[str, Any]) -> list[str]:
    return [record["id"] for record in directory.put(records=list(drafts))["records"]]


def imported(directory: Opened, rows: list[dict[str, Any]], policy: str = "hold") -> str:
    opened = directory.import_begin(source="radar", name="f.csv", policy=policy)
    directory.import_rows({"import": opened["import"], "rows": rows})
    directory.import_finish({"import": opened["import"]})
    number: str = opened["import"]
    return number


def seen(directory: Opened) -> dict[str, dict[str, Any]]:
    """What the public sees, by the names of the sources."""
    directory.number_all()
    items = directory.changes(after=0, limit=100)["items"]
    return {item["event"]["data"]["source_id"]: item["event"]["data"] for item in items if item["op"] == "put"}


def get(directory: Opened, record_id: str) -> dict[str, Any]:
    record: dict[str, Any] = directory.get(id=record_id)
    return record


# Who may do what


@pytest.mark.parametrize("role", [*ROLES, "a machine's key", "nobody"])
@pytest.mark.parametrize("step", ["submit", "review", "qualify", "confirm", "withdraw"])
def test_each_step_is_done_by_the_roles_that_the_matrix_names_and_by_nobody_else(
    directory: Opened, role: str, step: str
) -> None:
    [record] = put(directory, structure())
    if step == "review":
        directory.qualify(ids=[record])
    directory.as_({"a machine's key": MACHINE, "nobody": Actor("?")}.get(role, Actor("x@example.org", (role,))))
    calls = {
        "qualify": lambda: directory.qualify(ids=[record]),
        "confirm": lambda: directory.confirm(id=record),
        "withdraw": lambda: directory.withdraw(id=record, reason="fermeture"),
    }
    act = "directory:confirm" if step == "confirm" else qualification.STEPS[step].act
    may = role in MATRIX[act] or (role == "a machine's key" and act in MACHINE.scopes)
    try:
        calls.get(step, lambda: directory.step(id=record, step=step))()
        done = True
    except Forbidden:
        done = False
    assert done == may


def test_a_machines_key_never_qualifies_whatever_scopes_it_is_given(directory: Opened) -> None:
    [record] = put(directory, structure())
    greedy = Actor("key:site", scopes=("directory:write", "directory:qualify"))
    with pytest.raises(Forbidden):
        directory.as_(greedy).qualify(ids=[record])


@pytest.mark.parametrize("step", qualification.STEPS)
@pytest.mark.parametrize("status", [*sorted(qualification.LIVING), "withdrawn"])
def test_a_step_is_refused_from_a_state_that_does_not_lead_to_it(step: str, status: str) -> None:
    if status in qualification.STEPS[step].before:
        assert qualification.next_status(step, status) == qualification.STEPS[step].after
    else:
        with pytest.raises(WrongState, match=status):
            qualification.next_status(step, status)


# The gate


def test_a_qualified_structure_is_public_with_who_verified_it_and_until_when(directory: Opened) -> None:
    [record] = put(directory, structure())
    assert seen(directory) == {}
    assert directory.qualify(ids=[record], how="call")["public"] == 1
    public = seen(directory)["s1"]
    assert public["status"] == "qualified"
    assert public["verified_at"][:10] == clock.to_text(clock.now())[:10]
    assert int(public["verified_until"][:4]) == int(public["verified_at"][:4]) + 1
    assert "marie" not in str(public)


def test_a_structure_of_the_social_economy_waits_for_its_argumentaire_and_comes_with_its_services(
    directory: Opened,
) -> None:
    ids = put(directory, structure() | {"ess": "yes"}, service())
    done = directory.qualify(ids=ids)
    assert (done["qualified"], done["public"]) == (2, 0)
    assert [one["field"] for one in done["kept_back"][0]["problems"]] == [
        f"argumentaire.{part.name}" for part in argumentaire.PARTS
    ]
    assert all(one["remedy"] for one in done["kept_back"][0]["problems"])
    with pytest.raises(ValidationError, match="ne peut pas être publiée"):
        directory.publish(ids=ids)
    directory.edit(id=ids[0], version=get(directory, ids[0])["version"], argumentaire=WRITTEN)
    assert set(seen(directory)) == {"s1", "v1"}
    assert seen(directory)["s1"]["argumentaire"] == WRITTEN


def test_no_policy_of_a_source_waives_the_argumentaire(directory: Opened) -> None:
    imported(directory, [structure(1) | {"ess": "yes"}, structure(2), service(2, of=2)], policy="publish")
    assert set(seen(directory)) == {"s2", "v2"}


def test_a_structure_found_to_be_of_the_social_economy_leaves_the_public_with_its_services(directory: Opened) -> None:
    imported(directory, [structure(), service()], policy="publish")
    assert set(seen(directory)) == {"s1", "v1"}
    [known] = directory.export(kind="structure")["records"]
    directory.edit(id=known["id"], version=known["version"], ess="yes")
    assert seen(directory) == {}
    gone = directory.changes(after=0, limit=10)["items"]
    assert [item["op"] for item in gone] == ["delete", "delete"]
    assert all("fields" not in item["event"]["data"] for item in gone)
    directory.edit(id=known["id"], version=get(directory, known["id"])["version"], argumentaire=WRITTEN)
    assert set(seen(directory)) == {"s1", "v1"}


@given(
    st.fixed_dictionaries(
        {name: st.sampled_from(["", "court", "x" * 60, LONG]) for name in sorted(argumentaire.NAMES)}
    ),
    st.sampled_from(["yes", "no", "unknown", None]),
    st.sampled_from(sorted(qualification.LIVING)),
    st.sampled_from(["hold", "publish"]),
    st.booleans(),
)
def test_the_gate_is_open_only_to_what_is_complete_checked_and_told(
    said: dict[str, str], ess: str | None, status: str, policy: str, complete: bool
) -> None:
    fields = {"nom": "Le Grain", "date_maj": "2026-01-31"} if complete else {"nom": "Le Grain"}
    parts = {"fields": fields, "argumentaire": said} | ({"ess": ess} if ess else {})
    barriers = qualification.gate("structure", status, parts, policy)
    told = ess != "yes" or all(text == LONG for text in said.values())
    checked = status in ("qualified", "review") or policy == "publish"
    assert (not barriers) == (complete and checked and told)


# Changes after qualification


def test_an_essential_change_by_others_goes_to_review_and_the_public_sees_what_was_verified(directory: Opened) -> None:
    [record] = put(directory, structure(telephone="+33240000000"))
    directory.qualify(ids=[record])
    directory.as_(MACHINE).put(records=[structure(telephone="+33299999999")])
    assert get(directory.as_(PERMANENT), record)["status"] == "review"
    assert seen(directory)["s1"]["fields"]["telephone"] == "+33240000000"
    directory.qualify(ids=[record], how="call")
    assert seen(directory)["s1"]["fields"]["telephone"] == "+33299999999"


def test_an_essential_change_by_a_source_published_unseen_is_public_and_marked_in_review(directory: Opened) -> None:
    imported(directory, [structure(telephone="+33240000000")], policy="publish")
    [known] = directory.export(kind="structure")["records"]
    directory.qualify(ids=[known["id"]])
    imported(directory, [structure(telephone="+33299999999")], policy="publish")
    public = seen(directory)["s1"]
    assert (public["status"], public["fields"]["telephone"]) == ("review", "+33299999999")


def test_what_a_person_corrected_is_not_overwritten_and_the_next_import_shows_its_difference(directory: Opened) -> None:
    rows = [structure(telephone="+33240000000", description="Un lieu pour tous.")]
    imported(directory, rows)
    directory.qualify(source="radar")
    [known] = directory.export(kind="structure")["records"]
    fields = {"telephone": "+33251000000"}
    directory.edit(id=known["id"], version=known["version"], fields=fields)
    imported(directory, [structure(telephone="+33240000000", description="Un lieu ouvert à tous.")])
    kept = get(directory, known["id"])["fields"]
    assert (kept["telephone"], kept["description"]) == ("+33251000000", "Un lieu ouvert à tous.")
    page = directory.work(reason="differences")
    assert [each["differences"] for each in page["records"]] == [{"telephone": "+33240000000"}]
    now = get(directory, known["id"])["version"]
    directory.edit(id=known["id"], version=now, fields={"telephone": "+33240000000"})
    assert directory.work(reason="differences")["records"] == []


def test_the_same_import_over_a_correction_changes_nothing_again(directory: Opened) -> None:
    rows = [structure(telephone="+33240000000")]
    imported(directory, rows, policy="publish")
    [known] = directory.export(kind="structure")["records"]
    directory.edit(id=known["id"], version=known["version"], fields={"telephone": "+33251000000"})
    before = directory.announced()
    imported(directory, rows, policy="publish")
    assert [kind for kind, _ in directory.announced()[len(before) :]] == ["directory.import.finished.v1"]


def test_an_edit_of_an_older_version_is_refused_and_a_field_given_as_null_is_emptied(directory: Opened) -> None:
    [record] = put(directory, structure(telephone="+33240000000"))
    edited = directory.edit(id=record, version=1, fields={"telephone": None})
    assert "telephone" not in edited["fields"]
    with pytest.raises(Conflict):
        directory.edit(id=record, version=1, fields={"nom": "Autre nom"})


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"fields": {"siret": "12"}}, "siret"),
        ({"legal_form": "association"}, "legal_form"),
        ({"argumentaire": {"slogan": "x"}}, "argumentaire.slogan"),
        ({"argumentaire": {"link": "x" * 5_001}}, "argumentaire.link"),
        ({"sectors": ["jardinage"]}, "sectors"),
        ({"languages": ["fr", "français"]}, "languages"),
        ({"memberships": [{"name": "CLIC", "scale": "canton"}]}, "memberships.0.scale"),
        ({"memberships": [{"name": "CLIC", "scale": "commune", "territory": "44999"}]}, "memberships.0.territory"),
        ({"accessibility": "x" * 2_001}, "accessibility"),
    ],
)
def test_an_edit_at_fault_is_refused_and_changes_nothing(directory: Opened, said: dict[str, Any], field: str) -> None:
    [record] = put(directory, structure())
    with pytest.raises(ValidationError) as refused:
        directory.edit(id=record, version=1, **said)
    assert [problem["field"] for problem in refused.value.details] == [field]
    assert get(directory, record)["version"] == 1


def test_a_tombstone_is_not_edited_nor_confirmed(directory: Opened) -> None:
    [record] = put(directory, structure())
    directory.withdraw(id=record, reason="fermeture")
    with pytest.raises(WrongState):
        directory.edit(id=record, version=2, fields={"nom": "Revenu"})
    with pytest.raises(WrongState):
        directory.confirm(id=record)


# The three dates


def test_changed_confirmed_and_verified_are_three_dates_that_never_move_together(directory: Opened) -> None:
    [record] = put(directory, structure())
    first = get(directory, record)
    assert (first["verified_at"], first["confirmed_at"]) == (None, None)
    directory.qualify(ids=[record])
    verified = get(directory, record)
    assert verified["changed_at"] == first["changed_at"] and verified["confirmed_at"] is None
    directory.confirm(id=record)
    confirmed = get(directory, record)
    assert confirmed["confirmed_at"] > verified["verified_at"] == confirmed["verified_at"]
    assert confirmed["changed_at"] == first["changed_at"]
    directory.as_(MACHINE).put(records=[structure(nom="Autre nom")])
    changed = get(directory.as_(PERMANENT), record)
    assert changed["changed_at"] > first["changed_at"]
    assert changed["confirmed_at"] == confirmed["confirmed_at"]


def test_what_others_change_is_no_longer_verified_and_the_rest_is(directory: Opened) -> None:
    [record] = put(directory, structure(telephone="+33240000000"))
    directory.qualify(ids=[record])
    directory.as_(MACHINE).put(records=[structure(telephone="+33299999999")])
    with directory.database.read() as session:
        known = store.record(session, record)
        assert known is not None
        assert set(known.trusted["verified"]) == {"identity", "place"}


@pytest.mark.parametrize(("day", "until"), [("2026-01-31", "2026-02-28"), ("2028-01-31", "2028-02-29")])
def test_a_verification_of_one_month_ends_within_the_next(day: str, until: str) -> None:
    at = datetime.fromisoformat(f"{day}T10:00:00").replace(tzinfo=UTC)
    trust = qualification.verified({}, ["place"], "permanent", "call", at, 1)
    assert trust["verified"]["place"]["until"][:10] == until


# Work list and history


def test_the_work_list_counts_every_reason_and_shows_what_would_keep_each_back(directory: Opened) -> None:
    imported(directory, [structure(1) | {"ess": "yes"}, structure(2), structure(3)])
    [third] = [one["id"] for one in directory.work(reason="submitted")["records"] if one["source_id"] == "s3"]
    directory.qualify(ids=[third])
    directory.step(id=third, step="review", why="numéro qui ne répond pas")
    page = directory.work()
    assert page["counts"] == {
        "suggestions": 0,
        "contrary": 0,
        "duplicates": 0,
        "differences": 0,
        "review": 1,
        "held": 0,
        "expiring": 0,
        "submitted": 2,
    }
    assert (page["reason"], [one["source_id"] for one in page["records"]]) == ("review", ["s3"])
    waiting = {one["source_id"]: one for one in directory.work(reason="submitted")["records"]}
    assert [each["code"] for each in waiting["s1"]["barriers"]] == ["gate.argumentaire"] * 4
    assert waiting["s2"]["barriers"] == []
    with pytest.raises(Forbidden):
        directory.as_(VOLUNTEER).work()


def test_what_expires_comes_into_the_work_list(directory: Opened) -> None:
    [record] = put(directory, structure())
    directory.qualify(ids=[record])
    assert directory.work()["counts"]["expiring"] == 0
    with directory.database.begin() as session:
        known = store.record(session, record)
        assert known is not None
        known.expires_at = clock.to_text(clock.now())
    assert [one["id"] for one in directory.work(reason="expiring")["records"]] == [record]


def test_the_work_list_is_read_page_by_page(directory: Opened) -> None:
    imported(directory, [structure(number) for number in range(7)])
    ids: list[str] = []
    after: str | None = ""
    while after is not None:
        page = directory.work(reason="submitted", after=after, limit=3)
        ids += [one["id"] for one in page["records"]]
        after = page["next"]
    assert len(set(ids)) == len(ids) == 7


def test_a_dry_run_of_a_bulk_act_says_what_it_would_do_and_does_nothing(directory: Opened) -> None:
    imported(directory, [structure(1), structure(2) | {"ess": "yes"}])
    would = directory.qualify(source="radar", dry_run=True)
    assert (would["qualified"], would["public"], len(would["kept_back"])) == (2, 1, 1)
    assert directory.work()["counts"]["submitted"] == 2
    assert seen(directory) == {}
