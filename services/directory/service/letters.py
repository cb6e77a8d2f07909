"""The directory writes to people, by accounts: reminders to structures, answers to who suggested something."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import structlog
from sqlalchemy.orm import Session

from services.directory import reminding, schemas, store, store_objections, store_others
from services.directory.asides import Sent, Suggestion
from services.directory.model import Record
from services.directory.service.doors import Doors
from services.directory.writing import must_exist
from services.kernel import access, clock
from services.kernel.access import Actor
from services.kernel.doors import rpc
from services.kernel.errors import MaillageError, ValidationError

EVERY_S = 600.0
_logger = structlog.get_logger(__name__)
Decided = Callable[[Session], Iterable[tuple[Suggestion | Sent, str]]]


class Letters(Doors):
    """What is sent without being asked, where the node sends mail."""

    def write_letters(self) -> int:
        """Send what is due now; how many letters. A letter that accounts cannot take is tried again later."""
        if not self.engine.runtime.settings.mail.host:
            return 0
        return (
            self._tell_authors(self._decided_here, store.suggestion)
            + self._tell_authors(_decided_elsewhere, store_others.sent)
            + (self._remind() if self.engine.runtime.settings.directory.reminders else 0)
        )

    @rpc
    def link_again(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a structure another link, at the address that the public sees: `LinkAgain` → `{mail}`.

        Asked, without an account, by who holds a link that was used or has expired. The answer says whether this node
        sends mail at all, and is the same whether anything was sent. Not twice within an hour.
        """
        asked = schemas.LinkAgain.read(request)
        if not self.engine.runtime.settings.mail.host:
            return {"mail": False}
        for structure in self._ask("link_spent", asked)["structures"]:
            self._send_another(structure)
        return {"mail": True}

    def _send_another(self, structure: str) -> None:
        with self.db.begin() as session:
            record = store.record(session, structure, lock=True)
            shown = None if record is None else self._shown(session, record)
            if record is None or shown is None or not reminding.may_ask_again(session, record, clock.now()):
                return
            self._desk(session, _SELF).note(record, reminding.SEND_LINK)
            name, to = shown.get("nom", structure), shown["courriel"]
        url = self._ask("structure_link", {"structures": [structure], "days": reminding.LINK_DAYS})["url"]
        self._send_letter(reminding.another_link(self._node, name, to, url))

    def _shown(self, session: Session, record: Record) -> dict[str, Any] | None:
        """The fields that the public sees of a record of this node that has an address; `None` where it has none.

        Not those that wait: who typed them may be who asks.
        """
        if record.home != self.engine.runtime.identity.name or not record.is_public:
            return None
        seen = store_objections.shown(session, record.id) if record.waits else record.parts
        fields: dict[str, Any] = seen["fields"] if seen else {}
        return fields if fields.get("courriel") else None

    def _write(self, stop: threading.Event) -> None:
        while not stop.wait(EVERY_S):
            try:
                self.write_letters()
            except MaillageError as error:
                _logger.warning("letters wait", reason=type(error).__name__)

    def _tell_authors(self, decided: Decided, again: Callable[[Session, str], Suggestion | Sent | None]) -> int:
        """Write to who left an address what became of their suggestion; the address goes with the letter.

        Args:
            decided: what waits for its letter, with the name of the record. again: one of them by its id, to write on.
        """
        with self.db.read() as session:
            letters = [(made.id, reminding.answer(self._node, made, name)) for made, name in decided(session)]
        for made_id, letter in letters:
            self._send_letter(letter)
            with self.db.begin() as session:
                made = again(session, made_id)
                if made is not None:
                    made.contact = None
        return len(letters)

    def _decided_here(self, session: Session) -> Iterator[tuple[Suggestion, str]]:
        for made in store.unanswered(session):
            yield made, self._name(session, made.record_id)

    def _remind(self) -> int:
        """Noted before it is sent: cut off between the two, a structure hears of it ten days later, and not twice."""
        with self.db.begin() as session:
            records = reminding.due(session, clock.now())
            desk = self._desk(session, _SELF)
            for record in records:
                desk.note(record, reminding.REMIND)
        for record in records:
            asked = {"structures": [record.id], "days": reminding.LINK_DAYS}
            url = self._ask("structure_link", asked)["url"]
            self._send_letter(reminding.reminder(self._node, record, url))
        return len(records)

    def _send_letter(self, letter: Mapping[str, object]) -> None:
        """An address that no mail could be sent to holds up nobody else's letter."""
        try:
            self._ask("mail_queue", letter)
        except ValidationError:
            _logger.warning("a letter has no usable address")

    def _ask(self, door: str, asked: Mapping[str, object]) -> dict[str, Any]:
        runtime = self.engine.runtime
        answer: dict[str, Any] = runtime.ask("accounts", door, dict(asked), actor=access.seal(_SELF, runtime.identity))
        return answer

    def _name(self, session: Session, record_id: str) -> str:
        record = must_exist(store.record(session, record_id), record_id)
        return str(record.parts["fields"].get("nom", record.id))

    @property
    def _node(self) -> str:
        return str(self.engine.runtime.settings.node.name)


def _decided_elsewhere(session: Session) -> Iterator[tuple[Sent, str]]:
    """What the homes of other nodes' records answered."""
    return ((made, made.name) for made in store_others.answered(session))


_SELF = Actor("directory", ("administrator",))
"""The room itself, which holds the node's key."""
