"""Coming in by a link that works once; staying for a while; going out, or being put out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from services.accounts import model, signing
from services.kernel import access, clock
from services.kernel.access import MATRIX, ROLES, Actor
from services.kernel.errors import Forbidden, NotFound, Unauthorized
from tests.rooms import NODE, PERMANENT, Opened

MARIE = "marie@example.org"
ONE = "6f1d2a30-0000-5000-8000-000000000001"


def later(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    at = clock.now() + by
    monkeypatch.setattr(clock, "now", lambda: at)


def secret_of(made: dict[str, Any]) -> str:
    return str(made["url"].rpartition("/")[2])


@pytest.fixture
def secret(accounts: Opened) -> str:
    """A link for Marie, a permanent."""
    accounts.person_add(email=MARIE, roles=["permanent"])
    return secret_of(accounts.link_make(email=MARIE))


def test_a_link_opens_one_session_and_the_second_use_is_refused(accounts: Opened, secret: str) -> None:
    session = accounts.session_open(secret=secret)["session"]
    known = accounts.session_get(session=session)
    assert (known["name"], known["roles"]) == (MARIE, ["permanent"])
    assert set(known["acts"]) == {act for act, roles in MATRIX.items() if "permanent" in roles}
    assert access.unseal(known["actor"], NODE.keyid, NODE.keyring()) == Actor(MARIE, ("permanent",))
    with pytest.raises(Unauthorized, match="déjà servi"):
        accounts.session_open(secret=secret)


def test_a_link_and_a_session_end_with_their_time(
    accounts: Opened, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = secret_of(accounts.link_make(email=MARIE))
    session = accounts.session_open(secret=secret)["session"]
    later(monkeypatch, model.LINK_LASTS + timedelta(seconds=1))
    with pytest.raises(Unauthorized):
        accounts.session_open(secret=other)
    assert accounts.session_get(session=session)["name"] == MARIE
    later(monkeypatch, model.SESSION_IDLE + timedelta(seconds=1))
    with pytest.raises(Unauthorized, match="terminée"):
        accounts.session_get(session=session)


def test_a_session_that_is_used_lives_on_and_ends_after_its_week_all_the_same(
    accounts: Opened, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = accounts.session_open(secret=secret)["session"]
    for _ in range(13):
        later(monkeypatch, timedelta(hours=11))
        accounts.session_get(session=session)
    later(monkeypatch, timedelta(hours=30))
    with pytest.raises(Unauthorized):
        accounts.session_get(session=session)


def test_whoever_loses_their_roles_is_out_at_once_and_their_links_work_no_more(accounts: Opened, secret: str) -> None:
    session = accounts.session_open(secret=secret)["session"]
    waiting = secret_of(accounts.link_make(email=MARIE))
    accounts.person_remove(email=MARIE)
    with pytest.raises(Unauthorized):
        accounts.session_get(session=session)
    with pytest.raises(Unauthorized):
        accounts.session_open(secret=waiting)


def test_signing_out_ends_the_session_and_doing_it_twice_is_no_fault(accounts: Opened, secret: str) -> None:
    session = accounts.session_open(secret=secret)["session"]
    accounts.session_close(session=session)
    accounts.session_close(session=session)
    with pytest.raises(Unauthorized):
        accounts.session_get(session=session)


def test_no_secret_is_in_the_database(accounts: Opened, secret: str) -> None:
    waiting = secret_of(accounts.link_make(email=MARIE))
    session = accounts.session_open(secret=secret)["session"]
    with accounts.database.read() as db:
        rows = str(db.execute(text("SELECT * FROM link")).all()) + str(db.execute(text("SELECT * FROM session")).all())
    assert model.digest_of(waiting) in rows
    assert not any(each in rows for each in (secret, waiting, session))


@pytest.mark.parametrize("role", ROLES)
def test_a_structures_link_is_made_by_permanents_and_administrators_alone(accounts: Opened, role: str) -> None:
    accounts.as_(Actor("x@example.org", (role,)))
    if role in MATRIX["accounts:links"]:
        assert "/entrer/" in accounts.structure_link(structures=[ONE])["url"]
    else:
        with pytest.raises(Forbidden):
            accounts.structure_link(structures=[ONE])


def test_a_structures_link_makes_an_editor_of_that_structure_alone(accounts: Opened) -> None:
    made = accounts.as_(PERMANENT).structure_link(structures=[ONE])
    known = accounts.session_get(session=accounts.session_open(secret=secret_of(made))["session"])
    actor = access.unseal(known["actor"], NODE.keyid, NODE.keyring())
    assert (actor.roles, actor.structures, known["acts"]) == (("structure_editor",), (ONE,), ["directory:own"])


def test_only_the_operator_makes_links_for_people_and_only_for_those_who_have_a_role(accounts: Opened) -> None:
    with pytest.raises(NotFound):
        accounts.link_make(email="nobody@example.org")
    with pytest.raises(Forbidden):
        accounts.as_(PERMANENT).link_make(email=MARIE)


def test_asking_again_and_again_makes_no_more_than_a_few_links(
    accounts: Opened, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.with_mail(monkeypatch)
    answers = {str(accounts.link_ask(email=each)) for each in [MARIE] * 5 + ["nobody@example.org"]}
    assert answers == {"{'mail': True}"}
    with accounts.database.read() as db:
        assert db.execute(text("SELECT COUNT(*) FROM link")).scalar() == signing.LINKS_AT_MOST
        to = db.execute(text('SELECT DISTINCT "to" FROM mail')).scalars().all()
    assert to == [MARIE]
