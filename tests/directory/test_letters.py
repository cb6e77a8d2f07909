"""Letters of the directory, through real accounts: answers whose address goes, reminders that stop when answered."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from services.accounts.service import AccountsService
from services.directory.asides import Sent
from services.kernel import access
from tests.accounts.test_signing import later
from tests.conftest import Backend
from tests.directory.conftest import structure
from tests.directory.test_qualification import imported, put
from tests.directory.test_suggestions import NOBODY
from tests.rooms import NODE, OPERATOR, PERMANENT, Opened

ADDRESS = "contact@example.org"


@pytest.fixture
def accounts(directory: Opened, backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    """The accounts that the directory asks, with mail."""
    (tmp_path / "accounts").mkdir()
    opened = Opened(AccountsService, backend, tmp_path / "accounts")

    def ask(service: str, door: str, asked: dict[str, Any], *, actor: str) -> Any:
        assert service == "accounts"
        return getattr(opened.as_(access.unseal(actor, NODE.keyid, NODE.keyring())), door)(asked)

    opened.with_mail(monkeypatch)
    directory.with_mail(monkeypatch)
    directory.room.engine.runtime.ask = ask
    yield opened
    opened.close()


def letters(accounts: Opened) -> list[tuple[str, str]]:
    with accounts.database.read() as session:
        return [(to, body) for to, body in session.execute(text('SELECT "to", body FROM mail ORDER BY id'))]


def test_who_left_an_address_hears_what_was_decided_once_and_the_address_goes(
    directory: Opened, accounts: Opened
) -> None:
    [record] = put(directory, structure())
    directory.qualify(ids=[record])
    made = directory.as_(NOBODY).suggest(id=record, message="fermé le lundi", contact="zoe@example.org")["suggestion"]
    directory.as_(PERMANENT)
    assert directory.room.write_letters() == 0
    directory.decide(suggestion=made, accept=False, answer="Nous avons appelé : c’est ouvert.")
    assert (directory.room.write_letters(), directory.room.write_letters()) == (1, 0)
    [(to, body)] = letters(accounts)
    assert to == "zoe@example.org"
    assert "Nous avons appelé" in body
    with directory.database.read() as session:
        assert session.execute(text("SELECT contact FROM suggestion")).scalars().all() == [None]


def test_who_suggested_something_for_another_nodes_record_hears_what_its_home_answered(
    directory: Opened, accounts: Opened
) -> None:
    sent = Sent(
        id="s1", home="h" * 32, record_id="r1", name="La Grange", contact="zoe@example.org", state="refused",
        at="2026-11-24T10:00:00.000000Z", decided_at="2026-11-25T10:00:00.000000Z", answer="La porte est ouverte.",
    )  # fmt: skip
    with directory.database.begin() as session:
        session.add(sent)
    assert (directory.room.write_letters(), directory.room.write_letters()) == (1, 0)
    [(to, body)] = letters(accounts)
    assert to == "zoe@example.org"
    assert "« La Grange »" in body
    assert "La porte est ouverte." in body
    with directory.database.read() as session:
        assert session.execute(text("SELECT contact FROM sent")).scalars().all() == [None]


def test_a_structure_is_reminded_by_a_link_that_opens_its_entry_and_no_more_once_it_answered(
    directory: Opened, accounts: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = put(directory, structure(1, courriel=ADDRESS), structure(2), structure(3, courriel="c@example.org"))
    directory.qualify(ids=ids)
    assert directory.room.write_letters() == 0
    later(monkeypatch, timedelta(days=345))
    assert directory.room.write_letters() == 2
    [url] = [
        line for to, body in letters(accounts) if to == ADDRESS for line in body.splitlines() if "/entrer/" in line
    ]
    session = accounts.as_(OPERATOR).session_open(secret=url.rpartition("/")[2])["session"]
    known = accounts.session_get(session=session)
    directory.as_(access.unseal(known["actor"], NODE.keyid, NODE.keyring())).confirm(id=ids[0])
    assert directory.room.write_letters() == 0
    later(monkeypatch, timedelta(days=11))
    assert directory.room.write_letters() == 1
    assert letters(accounts)[-1][0] == "c@example.org"


def test_a_structure_that_never_answers_is_left_in_peace_after_three_letters(
    directory: Opened, accounts: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory.qualify(ids=put(directory, structure(courriel=ADDRESS)))
    later(monkeypatch, timedelta(days=340))
    sent = 0
    for _ in range(8):
        sent += directory.room.write_letters()
        later(monkeypatch, timedelta(days=11))
    assert sent == 3


def test_a_node_that_sends_no_mail_writes_nothing(directory: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    directory.qualify(ids=put(directory, structure(courriel=ADDRESS)))
    later(monkeypatch, timedelta(days=345))
    assert directory.room.write_letters() == 0


def test_an_address_that_nobody_has_holds_up_no_other_letter(
    directory: Opened, accounts: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(directory, [structure(1, courriel='a"b@example.org'), structure(2, courriel=ADDRESS, nom="Deux")])
    directory.qualify(source="radar")
    later(monkeypatch, timedelta(days=345))
    assert directory.room.write_letters() == 2
    assert [to for to, _ in letters(accounts)] == [ADDRESS]
