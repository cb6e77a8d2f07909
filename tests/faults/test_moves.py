"""Records move home between nodes that are killed and cut off at every step of it: one home, one word, everywhere."""

from __future__ import annotations

import itertools
import signal
from contextlib import suppress
from typing import Any

import pytest

from deploy.client import connected
from services.kernel.errors import MaillageError, NotHome, Unavailable
from tests.faults.conftest import Three
from tests.faults.report import IS_SOAK
from tests.faults.sites import Site, Watch, until

TEST = "tests/faults/test_moves.py"
MOMENTS = ("offered", "accepted", "let go")
"""What was just done when somebody is killed: its answer came, and nothing more is waited for."""
HURT = ("home", "taker", "both", "third", "wire")
ALL = list(itertools.product(MOMENTS, HURT))
SHORT = [("accepted", "both"), ("let go", "wire")]
RECORDS = 5
WITHIN_S = 120


def as_permanent(site: Site, door: str, **asked: Any) -> Any:
    """A door of the directory, as somebody who qualifies."""
    mail = "marie@exemple.org"
    site.ask("accounts", "person_add", email=mail, roles=["permanent"])
    secret = site.ask("accounts", "link_make", email=mail)["url"].rpartition("/")[2]
    session = site.ask("accounts", "session_open", secret=secret)["session"]
    actor = site.ask("accounts", "session_get", session=session)["actor"]
    with connected(site.node.folder) as client:
        return client.call("directory", door, asked, actor)


def hurt(three: Three, who: str) -> None:
    """Kill whom it says, in the middle of whatever it does, and start it again; or cut the home off for a moment."""
    home, taker, third = three.radar, three.orpan, three.rural
    if who == "wire":
        home.wire.cut()
        taker.wire.hang()
        return
    killed = {"home": [home], "taker": [taker], "both": [home, taker], "third": [third]}[who]
    for each in killed:
        each.node.stop(signal.SIGKILL)
    for each in killed:
        each.node.start()


def offer_at(site: Site, home: Site) -> dict[str, Any]:
    """The offer of a home that waits here for an answer; `{}` while none has come. Its number here is its own."""
    waiting = [each for each in as_permanent(site, "offers")["offers"] if each["state"] == "offered"]
    return next((each for each in waiting if not each["outward"] and each["node"] == home.name), {})


def state_of(site: Site, id: str) -> str:
    """How an offer of this node stands."""
    return str(next(each["state"] for each in as_permanent(site, "offers")["offers"] if each["id"] == id))


def home_at(site: Site, record: str) -> str:
    """Whose a record is by what the public of a node last heard."""
    item = next((each for each in site.feed() if each["id"] == record), None)
    return "" if item is None else str(item["event"]["data"].get("home", ""))


def change(site: Site, record: str, telephone: str) -> bool:
    """Change a record; whether this node was its home."""
    try:
        version = as_permanent(site, "get", id=record)["version"]
        as_permanent(site, "edit", id=record, version=version, fields={"telephone": telephone})
    except (NotHome, Unavailable):
        return False
    return True


def moved(three: Three, moment: str, who: str, source: str) -> list[str]:
    """Publish records, offer them, have them taken; somebody is hurt at a moment. The records, at their new home."""
    home, taker, third = three.radar, three.orpan, three.rural
    before = set(home.shown(home))
    home.publish(RECORDS, name="Qui change de maison", source=source)
    records = sorted(set(home.shown(home)) - before)
    assert len(records) == RECORDS
    for each in (taker, third):
        until(lambda each=each: set(records) <= set(each.shown(home)), WITHIN_S, f"{each.label} shows them not")
    made = as_permanent(home, "hand_over", to=taker.name, source=source)
    if moment == "offered":
        hurt(three, who)
    mend(three)
    until(lambda: offer_at(taker, home), WITHIN_S, "the offer does not come")
    assert change(home, records[0], "+33240000001"), "until it is let go, its home changes it"
    as_permanent(taker, "offer_decide", id=offer_at(taker, home)["id"], decision="accept")
    if moment == "accepted":
        hurt(three, who)
    mend(three)
    until(lambda: state_of(home, made["id"]) == "accepted", WITHIN_S, "its home does not hear of it")
    if moment == "let go":
        hurt(three, who)
    mend(three)
    for each, record in itertools.product(three.all, records):
        until(lambda each=each, record=record: home_at(each, record) == taker.name, WITHIN_S,
              lambda each=each, record=record: f"{each.label}: {home_at(each, record)}")  # fmt: skip
    return records


def mend(three: Three) -> None:
    """Everybody is reached again."""
    for each in three.all:
        each.wire.mend()


@pytest.mark.parametrize(("moment", "who"), ALL if IS_SOAK else SHORT)
def test_a_record_that_moves_has_one_home_in_the_end_whoever_is_killed_when(
    three: Three, moment: str, who: str
) -> None:
    home, taker, third = three.radar, three.orpan, three.rural
    with Watch(third, [home, taker]) as watch:
        records = moved(three, moment, who, f"move-{moment}-{who}".replace(" ", "-"))
        changed_at = [each.label for each in three.all if change(each, records[0], "+33240000002")]
        assert changed_at == [taker.label], "it is changed at its new home, and there alone"
        said = f"home moved, {who} killed once it was {moment}".replace("wire killed", "both cut off")
        result = watch.settled(21, said, TEST)
    assert (result.lost, result.doubled) == (0, 0)
    for each in three.all:
        [now] = [item for item in each.feed() if item["id"] == records[0]]
        assert now["event"]["data"]["fields"]["telephone"] == "+33240000002"
        assert each.parked() == 0


def test_who_moves_a_record_and_takes_the_offer_back_at_once_loses_it_to_nobody(three: Three) -> None:
    home, taker, third = three.radar, three.orpan, three.rural
    with Watch(third, [home]) as watch:
        for turn in range(8 if IS_SOAK else 1):
            before = set(home.shown(home))
            home.publish(1, first=turn, name="Que deux veulent", source="crossing")
            [record] = set(home.shown(home)) - before
            made = as_permanent(home, "hand_over", to=taker.name, ids=[record])
            until(lambda: offer_at(taker, home), WITHIN_S, "the offer does not come")
            taker.wire.cut()
            as_permanent(taker, "offer_decide", id=offer_at(taker, home)["id"], decision="accept")
            with suppress(MaillageError):  # it has heard of the answer already: then the record goes
                as_permanent(home, "offer_decide", id=made["id"], decision="take_back")
            mend(three)
            until(lambda: not taker.peer(home)["unread"] and not home.peer(taker)["unread"], WITHIN_S, "unread")
            stays = state_of(home, made["id"]) == "taken back"
            keeper = home if stays else taker
            for each in three.all:
                until(lambda each=each, record=record, keeper=keeper: home_at(each, record) == keeper.name, WITHIN_S,
                      lambda each=each, record=record: f"{each.label}: {home_at(each, record)}")  # fmt: skip
        result = watch.settled(21, "taken back and accepted at once", TEST)
    assert (result.lost, result.doubled) == (0, 0)
