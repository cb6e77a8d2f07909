"""Who holds a link that opens no more has another sent to the structure, at the address that the public sees."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.kernel import access
from services.kernel.access import Actor
from tests.accounts.test_signing import later
from tests.directory.conftest import structure
from tests.directory.test_letters import ADDRESS, accounts, letters  # noqa: F401 (a fixture)
from tests.directory.test_qualification import get, put
from tests.directory.test_suggestions import NOBODY
from tests.rooms import NODE, OPERATOR, PERMANENT, Opened


def spent(accounts: Opened, *ids: str) -> str:  # noqa: F811
    """A link of these structures, used."""
    secret = str(accounts.as_(OPERATOR).structure_link(structures=list(ids))["url"].rpartition("/")[2])
    accounts.session_open(secret=secret)
    return secret


def ask(directory: Opened, secret: str) -> Any:
    answer = directory.as_(NOBODY).link_again(secret=secret)
    directory.as_(PERMANENT)
    return answer


def test_a_link_that_opens_comes_to_the_public_address_and_not_twice_within_the_hour(
    directory: Opened, accounts: Opened, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    [record] = put(directory, structure(courriel=ADDRESS))
    directory.qualify(ids=[record])
    secret = spent(accounts, record)
    answers = [ask(directory, secret), ask(directory, secret), ask(directory, "never-was")]
    assert answers == [{"mail": True}] * 3
    [(to, body)] = letters(accounts)
    assert to == ADDRESS
    [url] = [line for line in body.splitlines() if "/entrer/" in line]
    session = accounts.as_(OPERATOR).session_open(secret=url.rpartition("/")[2])["session"]
    actor = access.unseal(accounts.session_get(session=session)["actor"], NODE.keyid, NODE.keyring())
    assert (actor.roles, actor.structures) == (("structure_editor",), (record,))
    assert directory.history(id=record)["entries"][0]["act"] == "link"
    later(monkeypatch, timedelta(minutes=61))
    ask(directory, secret)
    assert len(letters(accounts)) == 2


def test_nothing_is_sent_to_an_address_that_waits_to_be_read_nor_where_the_public_sees_none(
    directory: Opened, accounts: Opened  # noqa: F811
) -> None:  # fmt: skip
    one, without, draft = put(directory, structure(1, courriel=ADDRESS), structure(2), structure(3, courriel="c@d.fr"))
    directory.qualify(ids=[one, without])
    directory.number_all()
    holder = Actor(f"structure:{one}", ("structure_editor",), structures=(one,))
    version = get(directory, one)["version"]
    directory.as_(holder).edit(id=one, version=version, fields={"courriel": "un-autre@example.org"})
    directory.number_all()
    ask(directory, spent(accounts, one, without, draft))
    assert [to for to, _ in letters(accounts)] == [ADDRESS]


def test_a_link_that_still_opens_sends_nothing(directory: Opened, accounts: Opened) -> None:  # noqa: F811
    [record] = put(directory, structure(courriel=ADDRESS))
    directory.qualify(ids=[record])
    fresh = str(accounts.as_(OPERATOR).structure_link(structures=[record])["url"].rpartition("/")[2])
    ask(directory, fresh)
    assert letters(accounts) == []


def test_a_node_that_sends_no_mail_says_so(directory: Opened) -> None:
    assert ask(directory, "never-was") == {"mail": False}
