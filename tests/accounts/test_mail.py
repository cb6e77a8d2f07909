"""Messages to a real mail server: taken once, kept while it refuses, erased afterwards."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest

from services.accounts import mail, store
from services.kernel.errors import Forbidden, ValidationError
from services.kernel.settings import MailSettings
from tests.accounts.postbox import Postbox
from tests.accounts.test_signing import MARIE, later
from tests.rooms import PERMANENT, Opened


@pytest.fixture
def postbox() -> Iterator[Postbox]:
    opened = Postbox()
    yield opened
    opened.close()


def on_their_way(accounts: Opened) -> int:
    with accounts.database.read() as session:
        return store.mails(session)


def send(accounts: Opened) -> int:
    postman: mail.Postman = accounts.room.postman
    return postman.send_due(postman._deliver)


@pytest.fixture
def sending(accounts: Opened, postbox: Postbox, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Accounts whose mail goes to the postbox."""
    accounts.with_mail(monkeypatch, postbox.port)
    accounts.person_add(email=MARIE, roles=["permanent"])
    return accounts


def test_the_link_that_was_asked_for_arrives_and_opens_a_session(sending: Opened, postbox: Postbox) -> None:
    assert sending.link_ask(email=MARIE) == {"mail": True}
    assert send(sending) == 1
    [letter] = postbox.letters
    assert (letter["To"], letter["From"]) == (MARIE, "maillage@example.org")
    [url] = [line for line in letter.get_content().splitlines() if "/entrer/" in line]
    session = sending.session_open(secret=url.rpartition("/")[2])["session"]
    assert sending.session_get(session=session)["name"] == MARIE
    assert on_their_way(sending) == 0


def test_a_message_refused_for_a_while_arrives_later_once_and_no_log_names_its_reader(
    sending: Opened, postbox: Postbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    postbox.refuses = 2
    sending.link_ask(email=MARIE)
    for _ in range(3):
        send(sending)
        later(monkeypatch, timedelta(hours=1))
    assert len(postbox.letters) == 1
    assert on_their_way(sending) == 0
    assert MARIE not in caplog.text


def test_a_message_that_nobody_takes_is_given_up_and_erased(sending: Opened, postbox: Postbox,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    postbox.close()
    sending.link_ask(email=MARIE)
    for _ in range(mail.ATTEMPTS):
        assert on_their_way(sending) == 1
        send(sending)
        later(monkeypatch, timedelta(days=1))
    assert on_their_way(sending) == 0


def test_a_message_being_sent_by_one_process_is_not_sent_by_another(sending: Opened) -> None:
    sending.link_ask(email=MARIE)
    sent: list[str] = []

    def slow(message: mail.Message) -> None:
        sent.append(message.to)
        assert mail.Postman(sending.database, MailSettings()).send_due(slow) == 0

    assert mail.Postman(sending.database, MailSettings()).send_due(slow) == 1
    assert sent == [MARIE]


def test_only_the_rooms_of_the_node_send_messages_and_no_line_slips_into_a_heading(sending: Opened) -> None:
    said = {"to": "zoe@example.org", "subject": "Réponse", "body": "Bonjour"}
    with pytest.raises(ValidationError):
        sending.mail_queue(said | {"subject": "a\r\nBcc: all@example.org"})
    with pytest.raises(Forbidden):
        sending.as_(PERMANENT).mail_queue(said)
    assert on_their_way(sending) == 0


@pytest.mark.parametrize("to", ['"\x0bzoe"@example.org', "zoe@exam\u2028ple.org"])
def test_an_address_with_an_invisible_sign_is_refused(sending: Opened, to: str) -> None:
    with pytest.raises(ValidationError):
        sending.mail_queue(to=to, subject="Réponse", body="Bonjour")
    with pytest.raises(ValidationError):
        sending.mail_queue(to=MARIE, subject="Réponse\x0bBcc: all@example.org", body="Bonjour")
    assert on_their_way(sending) == 0


def test_a_message_that_makes_no_letter_holds_up_no_other(sending: Opened, postbox: Postbox) -> None:
    with sending.database.begin() as session:
        mail.queue(session, mail.Message('"\x0bzoe"@example.org', "Réponse", "Bonjour"))
        mail.queue(session, mail.Message(MARIE, "Réponse", "Bonjour"))
    assert send(sending) == 2
    assert [letter["To"] for letter in postbox.letters] == [MARIE]
    assert on_their_way(sending) == 1


def test_without_a_mail_server_nothing_is_kept(accounts: Opened) -> None:
    accounts.person_add(email=MARIE, roles=["permanent"])
    assert accounts.link_ask(email=MARIE) == {"mail": False}
    assert accounts.mail_queue(to=MARIE, subject="x", body="y") == {"queued": False}
    assert on_their_way(accounts) == 0
