"""A structure's link that opens no more: known for a while, to this node's own rooms alone, and open to nobody."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.accounts import model
from services.kernel.errors import Forbidden, Unauthorized
from tests.accounts.test_signing import MARIE, ONE, later, secret_of
from tests.rooms import OPERATOR, PERMANENT, Opened


def test_it_is_known_once_it_was_used_and_opens_nothing(accounts: Opened) -> None:
    secret = secret_of(accounts.structure_link(structures=[ONE]))
    assert accounts.link_spent(secret=secret) == {"structures": []}, "one that opens needs no other"
    accounts.session_open(secret=secret)
    assert accounts.link_spent(secret=secret) == {"structures": [ONE]}
    for _ in range(2):
        with pytest.raises(Unauthorized, match="déjà servi"):
            accounts.session_open(secret=secret)


def test_it_is_known_after_its_time_and_no_more_long_after(accounts: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = secret_of(accounts.structure_link(structures=[ONE], days=30))
    later(monkeypatch, timedelta(days=31))
    accounts.structure_link(structures=[ONE])
    with pytest.raises(Unauthorized):
        accounts.session_open(secret=secret)
    assert accounts.link_spent(secret=secret) == {"structures": [ONE]}
    later(monkeypatch, model.SPENT_LASTS)
    accounts.structure_link(structures=[ONE])
    assert accounts.link_spent(secret=secret) == {"structures": []}


def test_a_persons_link_and_one_that_never_was_tell_nothing_and_only_the_node_itself_may_ask(accounts: Opened) -> None:
    accounts.person_add(email=MARIE, roles=["permanent"])
    secret = secret_of(accounts.link_make(email=MARIE))
    accounts.session_open(secret=secret)
    for each in (secret, "never-was"):
        assert accounts.link_spent(secret=each) == {"structures": []}
    with pytest.raises(Forbidden):
        accounts.as_(PERMANENT).link_spent(secret=secret)
    accounts.as_(OPERATOR)
