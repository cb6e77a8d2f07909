"""Read the streams of one peer, page by page, in the shortest way to what its home says now.

Three ways, each proved (`taking.py`):

- the **log** after what is held, event by event;
- the **records**: the last event of each record that changed after what is held. For who joins, who comes back
  after more than the log is kept, and where the log has an event without its data: what a home erased is never the
  last event of a record. Their number does not grow with the length of the history;
- **anew**: all records, beside what is held, which they replace once they are proved. Where what is held is not what
  its home signed: a database that was put back, a tombstone that is kept no more, an error of our own.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy.orm import Session

from services.federation import store
from services.federation.model import ANEW, Taken
from services.federation.taking import Receipt, Taker
from services.kernel.checkpoint import note_heads
from services.kernel.database import Database
from services.kernel.envelope import GENESIS
from services.kernel.errors import Gone, Unavailable

PAGE: Final = 500
LOG, WAIT, SNAPSHOT = "/federation/v1/log", "/federation/v1/wait", "/federation/v1/snapshot"
ANEW_SHARE, ANEW_EVERY_S = 0.1, 600.0
"""Reading anew takes no more than this share of a link's time; nobody waits for it longer than so many seconds."""
TO_READ_ANEW: Final = " ; à relire en entier, dans "
FEW, SHARE = 20, 0.2
"""A reading anew that leaves out more than this share of at least so many records waits for an operator."""
Get = Callable[[str, dict[str, Any]], bytes]
"""(path, parameters) → NDJSON. Raises `Conflict`, `Gone`, `Unavailable`."""


@dataclass(frozen=True)
class Brought:
    """What became of events of the lane. `gap`: the log is to be read; `keeps_up`: it brought the last that is held."""

    kept: int = 0
    doubled: int = 0
    refused: str = ""
    gap: bool = False
    keeps_up: bool = False


Placed = tuple[tuple[int, int], bytes]
"""((epoch, seq), body), as the body says."""
Counted = Callable[[Session, Brought], None]


class Reader:
    """The streams of one peer. `on_taken` is called after each commit of something new: with its stream where that
    just goes on, with `""` where it is read in another way.

    `carrier`: who answers in the peer's place, and is charged with what is wrong.
    """

    def __init__(
        self, database: Database, taker: Taker, get: Get, on_taken: Callable[[str], None], carrier: str = ""
    ) -> None:
        self._carrier = carrier
        self._database = database
        self._taker = taker
        self._get = get
        self._on_taken = on_taken
        self._anew_at: dict[str, float] = {}
        self._ahead: _Ahead | None = None
        self._one_at_a_time = threading.Lock()

    def catch_up(self, stream: str, epoch: int, seq: int) -> int:
        """Read all that is missing up to a head; how many events were kept. Raises `MaillageError`."""
        self._heard(stream, epoch, seq)
        if self._at(stream + ANEW).base_seq:
            return self._settle(stream)
        at = self._at(stream)
        kept = self._snapshot(stream) if at.reading or at.seq == 0 else 0
        at = self._at(stream)
        if at.differs and at.seq == 0:  # nothing of the records was true: they are asked for again with the next heads
            return kept
        try:
            while (page := self.page(stream, LOG)).kept and not page.bare:
                kept += page.kept
            kept += page.kept
        except Gone:
            return kept + self._snapshot(stream)
        if page.bare:
            kept += self._snapshot(stream)
        at = self._at(stream)
        if at.differs or (at.trouble and at.charged == self._charged(at) and epoch > at.epoch):
            kept += self._anew(stream)
        return kept

    def page(self, stream: str, path: str) -> Receipt:
        """One page of the log after what is held. Raises `MaillageError`."""
        at = self._at(stream)
        return self._take(stream, path, at.epoch, at.seq, self._taker.take)

    def _snapshot(self, stream: str) -> int:
        """The last event of each record that changed, up to the last checkpoint."""
        kept = 0
        try:
            while True:
                at = self._at(stream)
                place = (at.read_epoch, at.read_seq) if at.reading else (at.epoch, at.seq)
                page = self._take(stream, SNAPSHOT, *place, self._taker.take_snapshot, anew=at.seq == 0)
                kept += page.kept
                if page.ended or not page.kept:
                    return kept
        except Gone:
            return kept + self._anew(stream)

    def _anew(self, stream: str) -> int:
        """All records, into the place of what is held. What was cut off is gone on with; the next time waits."""
        began = time.monotonic()
        left_s = self._anew_at.get(stream, 0.0) - began
        if left_s > 0:
            self._say_when(stream, left_s)
            return 0
        self._snapshot(stream + ANEW)
        ended = time.monotonic()
        self._anew_at[stream] = ended + min((ended - began) / ANEW_SHARE, ANEW_EVERY_S)
        return self._settle(stream)

    def _say_when(self, stream: str, left_s: float) -> None:
        """Beside what is wrong, for who looks after the node: when it will be mended."""
        with self._database.begin() as session:
            taken = _locked(session, stream)
            wrong = taken.trouble.partition(TO_READ_ANEW)[0] or "Ce qui est tenu n’est plus ce que dit son origine"
            taken.trouble = f"{wrong}{TO_READ_ANEW}{math.ceil(left_s)} s"

    def _settle(self, stream: str) -> int:
        """What was read anew replaces what is held, where it is proved; else it is dropped."""
        with self._database.begin() as session:
            kept = settle(session, _locked(session, stream), sure=False)
        self._taker.forget(stream)
        self._taker.forget(stream + ANEW)
        self._on_taken("")
        return kept

    def _take(
        self, stream: str, path: str, epoch: int, after: int,
        take: Callable[[Session, Taken, list[bytes]], Receipt], **more: object,
    ) -> Receipt:  # fmt: skip
        asked = {"stream": stream.removesuffix(ANEW), "epoch": epoch, "after": after, "limit": PAGE} | more
        bodies = [line for line in self._page(path, asked).split(b"\n") if line]
        if not bodies:
            return Receipt()
        if path != WAIT and len(bodies) == PAGE:
            self._ask_ahead(path, asked, bodies[-1])
        with self._taking(stream) as session:
            taken = _locked(session, stream)
            if path in (LOG, WAIT) and (taken.epoch, taken.seq) != (epoch, after):
                # some of it came by the lane while the answer was on its way
                bodies = [body for place, body in map(placed, bodies) if place > (taken.epoch, taken.seq)]
            receipt = take(session, taken, bodies)
            self._judge(taken, receipt)
        self._shed(receipt)
        if receipt.kept:
            self._on_taken(stream if path in (LOG, WAIT) else "")
        return receipt

    def bring(self, stream: str, arrived: Sequence[Placed], counted: Counted) -> Brought:
        """Take what came by the lane, in whatever order, as if it had been asked for. Raises `Unavailable`.

        What is held already is passed over; what does not follow is left to the log (`gap`), and charged to nobody.
        `counted` is called in the transaction with what became of all.
        """
        with self._taking(stream) as session:
            done = self._bring(session, store.taken(session, stream, lock=True), arrived)
            counted(session, done)
        if done.kept:
            self._on_taken(stream)
        return done

    def _shed(self, receipt: Receipt) -> None:
        """What was erased stays in no journal of the database."""
        if receipt.erased:
            with contextlib.suppress(Unavailable):  # somebody reads what was before: the room's loop goes on
                self._database.shed()

    def _bring(self, session: Session, taken: Taken | None, arrived: Sequence[Placed]) -> Brought:
        if taken is None or taken.reading or not taken.seq:
            return Brought(gap=True)  # all of it is being read
        before = taken.epoch, taken.seq
        new = [each for each in arrived if each[0] > before]
        following = _following(before, new)
        receipt = self._taker.take(session, taken, following) if following else Receipt()
        if following:
            self._judge(taken, receipt)
        now = taken.epoch, taken.seq
        keeps_up = now > before or any(place == now for place, _ in arrived)
        gap = len(following) < len(new) or bool(receipt.refused)
        return Brought(receipt.kept, len(arrived) - len(new), receipt.refused, gap, keeps_up)

    @contextmanager
    def _taking(self, stream: str) -> Iterator[Session]:
        """One of the two ways at a time: what is counted for the state root is kept between pages."""
        try:
            with self._one_at_a_time, self._database.begin() as session:
                yield session
        except BaseException:
            self._taker.forget(stream)
            self._ahead = None
            raise

    def _page(self, path: str, asked: dict[str, Any]) -> bytes:
        """The answer to a question, which may have been asked already. Raises `MaillageError`."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead.question == (path, asked):
            return ahead.answer()
        return self._get(path, asked)

    def _ask_ahead(self, path: str, asked: dict[str, Any], last: bytes) -> None:
        """Ask for the page after the one at hand while that one is proved and kept: its maker works meanwhile.

        What is asked for follows what the last line says of itself; where it is not kept, the answer is not looked at.
        """
        try:
            said = orjson.loads(last)
            place = {"epoch": int(said["epoch"]), "after": int(said["sequence"])}
        except (ValueError, KeyError, TypeError):
            return
        self._ahead = _Ahead(self._get, path, asked | place)

    def _judge(self, taken: Taken, receipt: Receipt) -> None:
        """Blame goes to who answered: a forger writes another's name."""
        taken.trouble, taken.charged = receipt.refused, self._charged(taken) if receipt.refused else ""
        # by place: the number of an epoch that a put-back ended says nothing of how far the stream is now
        taken.head_epoch, taken.head_seq = max((taken.head_epoch, taken.head_seq), (taken.epoch, taken.seq))

    def _charged(self, taken: Taken) -> str:
        return self._carrier or taken.node

    def _at(self, stream: str) -> Taken:
        with self._database.read() as session:
            return store.taken(session, stream) or fresh(stream)

    def _heard(self, stream: str, epoch: int, seq: int) -> None:
        with self._database.begin() as session:
            taken = _locked(session, stream)
            taken.head_epoch, taken.head_seq = epoch, seq


class _Ahead:
    """A question that was asked before its answer is needed."""

    def __init__(self, get: Get, path: str, asked: dict[str, Any]) -> None:
        self.question = path, asked
        self._get = get
        self._answer = b""
        self._failed: Exception | None = None
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def answer(self) -> bytes:
        """Wait for it. Raises what asking raised."""
        self._thread.join()
        if self._failed is not None:
            raise self._failed
        return self._answer

    def _ask(self) -> None:
        try:
            self._answer = self._get(*self.question)
        except Exception as error:
            self._failed = error


def settle(session: Session, taken: Taken, *, sure: bool) -> int:
    """Put what was read anew into the place of what is held, unless too much would go without anybody being `sure`.

    How many events the stream then has; 0 where nothing was replaced. What is not proved is dropped.
    """
    done = store.taken(session, taken.stream + ANEW)
    if done is None or done.reading or done.differs or not done.base_seq:
        store.drop_anew(session, taken.stream)
        return 0
    since = store.heads_between(session, taken.stream, taken.epoch, taken.root_seq, taken.seq)
    note_heads(session, taken.stream, since)  # what came after the last checkpoint may vanish too
    before = store.live(session, taken.stream)
    gone = store.missing(session, taken.stream)
    if not sure and before >= FEW and gone > before * SHARE:
        taken.trouble = f"{gone} fiches sur {before} disparaîtraient : maillage peer accept DIR PAIR, si c’est voulu"
        taken.charged = taken.node
        return 0
    store.replace(session, taken.stream)
    for name in ("epoch", "seq", "hash", "root_seq", "root", "base_epoch", "base_seq"):
        setattr(taken, name, getattr(done, name))
    taken.differs, taken.trouble, taken.charged = False, "", ""
    taken.generation += 1
    session.delete(done)
    return taken.seq


def placed(body: bytes) -> Placed:
    """A body with the place that it names; nothing of it is believed yet. Before everything, where it names none."""
    try:
        said = orjson.loads(body)
        return (int(said["epoch"]), int(said["sequence"])), body
    except (ValueError, TypeError, KeyError):
        return (0, 0), body


def _following(after: tuple[int, int], arrived: Sequence[Placed]) -> list[bytes]:
    """As many of these as follow each other and what is held, by their numbers."""
    found, (epoch, seq) = list[bytes](), after
    for place, body in arrived:
        if place[1] != seq + 1 or place[0] < epoch:
            break
        found.append(body)
        epoch, seq = place
    return found


def fresh(stream: str) -> Taken:
    """A stream of which nothing is held."""
    return Taken(
        stream=stream, node=stream.partition("/")[0], epoch=1, seq=0, hash=GENESIS, head_epoch=1, head_seq=0,
        root_seq=0, root="", differs=False, trouble="", charged="", base_epoch=0, base_seq=0,
        reading=False, read_epoch=0, read_seq=0, generation=0,
    )  # fmt: skip


def _locked(session: Session, stream: str) -> Taken:
    taken = store.taken(session, stream, lock=True)
    if taken is None:
        taken = fresh(stream)
        session.add(taken)
    return taken
