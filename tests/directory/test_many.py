"""Acts on many records: what each would change, what is left out, a whole list of the work list at once."""

from __future__ import annotations

import pytest

from services.directory import qualifying, store_chosen
from services.directory.schemas import BATCH
from services.kernel.access import Actor
from services.kernel.errors import Conflict, Forbidden, ValidationError, WrongState
from tests.directory.conftest import service, structure
from tests.directory.test_qualification import get, put
from tests.rooms import MACHINE, PERMANENT, VOLUNTEER, Opened


def in_review(directory: Opened) -> list[str]:
    """Two public structures in each of which another telephone waits."""
    ids = put(directory, structure(1), structure(2))
    directory.qualify(ids=ids)
    directory.number_all()
    directory.as_(MACHINE).put(records=[structure(1, telephone="+33240000001"), structure(2, telephone="+33240000002")])
    directory.as_(PERMANENT)
    return ids


def test_a_dry_run_says_of_each_record_what_waits_in_it(directory: Opened) -> None:
    one, _ = in_review(directory)
    would = directory.qualify(reason="review", dry_run=True)
    assert (would["qualified"], would["changing"]) == (2, 2)
    [shown] = [each for each in would["records"] if each["id"] == one]
    assert (shown["name"], shown["changed"]) == ("Association 1", {"telephone": [None, "+33240000001"]})
    assert (shown["waits"], shown["public"]) == (True, [True, True])
    assert get(directory, one)["status"] == "review"


def test_one_record_that_cannot_be_qualified_is_told_and_the_others_are(directory: Opened) -> None:
    ids = put(directory, structure(1), structure(2))
    directory.withdraw(id=ids[0], reason="fermeture")
    done = directory.qualify(ids=ids)
    assert (done["qualified"], [each["id"] for each in done["refused"]]) == (1, [ids[0]])
    assert get(directory, ids[1])["status"] == "qualified"
    assert [each["id"] for each in directory.qualify(ids=ids[:1], dry_run=True)["refused"]] == ids[:1]
    with pytest.raises(WrongState):
        directory.qualify(ids=ids[:1])


@pytest.mark.parametrize("by", ["ids", "reason"])
def test_what_changed_since_it_was_seen_is_left_out(directory: Opened, by: str) -> None:
    one, other = in_review(directory)
    chosen = {"ids": [one, other]} if by == "ids" else {"reason": "review"}
    would = directory.qualify(chosen | {"dry_run": True})
    directory.as_(MACHINE).put(records=[structure(1, telephone="+33240000009")])
    seen_then = {"versions": would["versions"]} if by == "ids" else {"unchanged_since": would["at"]}
    done = directory.as_(PERMANENT).qualify(chosen | seen_then)
    [left_out] = done["refused"]
    assert (done["qualified"], left_out["id"]) == (1, one)
    assert left_out["changed"] == {"telephone": ["+33240000001", "+33240000009"]}
    assert get(directory, one)["status"] == "review"
    opened = directory.open_record(id=one, seen=would["versions"][one])
    assert opened["changed_since"] == left_out["changed"]
    assert directory.qualify(ids=[one], versions={one: left_out["version"]})["qualified"] == 1
    with pytest.raises(Conflict):
        directory.confirm(id=one, version=get(directory, one)["version"] - 1)


@pytest.mark.parametrize("by", ["versions", "at"])
def test_what_came_into_a_list_since_it_was_seen_is_left_out(directory: Opened, by: str) -> None:
    ids = put(directory, structure(1), structure(2))
    directory.qualify(ids=ids)
    directory.step(id=ids[0], step="review")
    would = directory.qualify(reason="review", dry_run=True)
    directory.step(id=ids[1], step="review")  # its content is as it was: only that somebody sent it here is new
    seen_then = {"versions": would["versions"]} if by == "versions" else {"unchanged_since": would["at"]}
    done = directory.qualify(seen_then | {"reason": "review"})
    assert (done["qualified"], [each["id"] for each in done["refused"]]) == (1, [ids[1]])


def test_what_one_record_of_an_act_does_to_another_is_no_change_by_somebody(directory: Opened) -> None:
    ids = put(directory, structure(1), service(1))
    directory.qualify(ids=ids)
    directory.number_all()
    directory.as_(MACHINE).put(records=[structure(1) | {"ess": "yes"}, service(1, frais="gratuit")])
    directory.as_(PERMANENT)
    would = directory.qualify(ids=ids, dry_run=True)
    done = directory.qualify(ids=ids, versions=would["versions"])  # the structure leaves the public, with its service
    assert (done["qualified"], done["public"], done["refused"]) == (2, 0, [])


def test_a_list_too_long_for_its_versions_says_the_time_at_which_it_was_seen(directory: Opened) -> None:
    for start in (1, store_chosen.SEEN + 1):
        put(directory, *(structure(number) for number in range(start, min(start + BATCH, store_chosen.SEEN + 2))))
    would = directory.qualify(source="radar", dry_run=True)
    assert (would["qualified"], len(would["records"])) == (store_chosen.SEEN + 1, qualifying.SHOWN)
    assert ("versions" in would, "at" in would) == (False, True)
    directory.qualify(ids=put(directory, structure(1)))
    assert set(directory.qualify(source="radar", dry_run=True)["versions"].values()) == {1}


@pytest.mark.parametrize("since", ["hier", "2026-11-28", "2026-11-28T10:00:00"])
def test_a_time_that_is_none_or_has_no_zone_lets_nothing_pass(directory: Opened, since: str) -> None:
    put(directory, structure(1))
    with pytest.raises(ValidationError):
        directory.qualify(source="radar", unchanged_since=since)


@pytest.mark.parametrize("who", [MACHINE, VOLUNTEER], ids=["machine", "volunteer"])
def test_only_a_permanent_acts_on_many(directory: Opened, who: Actor) -> None:
    ids = put(directory, structure(1))
    directory.qualify(ids=ids)
    directory.as_(who)
    for act in (directory.qualify, directory.publish, directory.review_many):
        with pytest.raises(Forbidden):
            act(ids=ids, dry_run=True)


def test_a_whole_list_goes_back_to_review(directory: Opened) -> None:
    ids = put(directory, structure(1), structure(2) | {"ess": "yes"})
    directory.qualify(ids=ids)
    assert directory.review_many(reason="held", dry_run=True)["reviewed"] == 1
    assert directory.review_many(reason="held", why="À relire") == {"reviewed": 1, "refused": []}
    assert directory.history(id=ids[1])["entries"][0]["how"] == "À relire"
    assert [get(directory, each)["status"] for each in ids] == ["qualified", "review"]
