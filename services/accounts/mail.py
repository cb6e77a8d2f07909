"""Messages on their way to a mail server: kept in a table until it took them, sent outside any transaction.

A slow or absent mail server delays a message, never a person: nobody waits for it. An address is in this table alone,
and leaves it with the message.
"""

from __future__ import annotations

import smtplib
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

import structlog
from sqlalchemy.orm import Session
from uuid_utils import uuid7

from services.accounts import store
from services.accounts.model import Mail
from services.kernel import clock
from services.kernel.database import Database
from services.kernel.settings import MailSettings

ATTEMPTS = 9
"""With pauses that double from a minute: over eight hours."""
FIRST_PAUSE = timedelta(minutes=1)
CLAIMED_FOR = timedelta(minutes=5)
BATCH, TIMEOUT_S, POLL_S = 20, 20, 60.0
_logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Message:
    """What is sent: plain text to one address."""

    to: str
    subject: str
    body: str


def queue(session: Session, message: Message) -> None:
    """Put a message on its way, with the session's commit."""
    session.add(Mail(
        id=str(uuid7()), to=message.to, subject=message.subject, body=message.body, attempts=0,
        due_at=clock.to_text(clock.now()),
    ))  # fmt: skip


class Postman:
    """Sends what is due, whenever it is woken and once a minute."""

    def __init__(self, database: Database, settings: MailSettings) -> None:
        self._database = database
        self._settings = settings
        self._woken = threading.Event()

    def wake(self) -> None:
        """There is something to send."""
        self._woken.set()

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; whoever sets it wakes this too."""
        while not stop.is_set():
            self._woken.clear()
            if self._settings.host:
                while self.send_due(self._deliver):
                    pass
            self._woken.wait(POLL_S)

    def send_due(self, deliver: Callable[[Message], None]) -> int:
        """One batch of what is due: each sent and erased, or kept for later. How many were tried."""
        with self._database.begin() as session:
            due = store.mail_due(session, clock.to_text(clock.now()), BATCH)
            for each in due:  # another process would send it again meanwhile
                each.due_at = clock.to_text(clock.now() + CLAIMED_FOR)
        for each in due:
            try:
                deliver(Message(each.to, each.subject, each.body))
            except Exception as error:  # refused, or no letter at all: one message never stops the others
                self._postpone(each.id, error)
            else:
                self._erase(each.id)
        return len(due)

    def _erase(self, mail_id: str) -> None:
        with self._database.begin() as session:
            sent = session.get(Mail, mail_id)
            if sent is not None:
                session.delete(sent)

    def _postpone(self, mail_id: str, error: Exception) -> None:
        with self._database.begin() as session:
            mail = session.get(Mail, mail_id)
            if mail is None:
                return
            mail.attempts += 1
            mail.due_at = clock.to_text(clock.now() + FIRST_PAUSE * 2 ** (mail.attempts - 1))
            given_up = mail.attempts >= ATTEMPTS
            if given_up:
                session.delete(mail)
            said = "mail given up" if given_up else "mail not taken; trying again"
            _logger.warning(said, attempts=mail.attempts, reason=type(error).__name__)

    def _deliver(self, message: Message) -> None:
        given = self._settings
        letter = EmailMessage()
        letter["From"], letter["To"], letter["Subject"] = given.sender, message.to, message.subject
        letter["Date"], letter["Message-ID"] = formatdate(), make_msgid(domain=given.sender.rpartition("@")[2])
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(message.body)
        tls = ssl.create_default_context() if given.security != "none" else None
        opened = (
            smtplib.SMTP_SSL(given.host, given.port, timeout=TIMEOUT_S, context=tls)
            if given.security == "tls"
            else smtplib.SMTP(given.host, given.port, timeout=TIMEOUT_S)
        )
        with opened as server:
            if given.security == "starttls":
                server.starttls(context=tls)
            if given.user:
                server.login(given.user, given.password)
            server.send_message(letter)
