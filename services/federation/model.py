"""What a node knows of others: peers, how far each of their streams was taken, and the events taken. No I/O.

The events of others are kept as they were signed, so that any holder can prove them, and hand them on.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import LargeBinary, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.kernel.envelope import GENESIS
from services.kernel.rows import BIG

ACTIVE, PAUSED, BLOCKED, QUARANTINED = "active", "paused", "blocked", "quarantined"
"""active: asked and shown. paused: not asked; what is held stays. blocked: neither asked nor shown. quarantined: as
paused, because it told two histories."""


ANEW: Final = "~"
"""Ends the name under which a stream is read anew, beside what is held of it, until it is proved."""


class Base(DeclarativeBase):
    """The tables of federation."""

    metadata = MetaData()


class Peer(Base):
    """A node that an operator of this one trusts to be who its card says. `private`: on a network of its own.

    `via`: the peer from whom its streams are read, since it cannot be reached itself; `""` where it can.
    """

    __tablename__ = "peer"
    node: Mapped[str] = mapped_column(String(32), primary_key=True)
    label: Mapped[str] = mapped_column(String(100))
    name: Mapped[str] = mapped_column(Text)
    url: Mapped[str] = mapped_column(Text)
    card: Mapped[bytes] = mapped_column(LargeBinary)
    card_version: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    private: Mapped[bool] = mapped_column(default=False)
    via: Mapped[str] = mapped_column(String(32), default="")
    added_at: Mapped[str] = mapped_column(String(32))
    heard_at: Mapped[str] = mapped_column(String(32), default="")
    trouble: Mapped[str] = mapped_column(Text, default="")


class Taken(Base):
    """How far a stream of another node was taken: place and hash of its last event here, and what was heard of it.

    `root` is the state root at the last checkpoint taken, `""` before one; `differs`: what is held here is not what
    the home signed there. `trouble`: why it does not go on; `charged`: the node whose link is to blame for that.
    Up to `base_…` only the last event of each record is held; `read_…`: how far the reading of those has come,
    `reading` while it goes on. `generation` counts the readings from the beginning that replaced what was held.
    """

    __tablename__ = "taken"
    stream: Mapped[str] = mapped_column(String(100), primary_key=True)
    node: Mapped[str] = mapped_column(String(32))
    epoch: Mapped[int] = mapped_column(default=1)
    seq: Mapped[int] = mapped_column(BIG, default=0)
    hash: Mapped[str] = mapped_column(String(64), default=GENESIS)
    head_epoch: Mapped[int] = mapped_column(default=1)
    head_seq: Mapped[int] = mapped_column(BIG, default=0)
    root_seq: Mapped[int] = mapped_column(BIG, default=0)
    root: Mapped[str] = mapped_column(String(64), default="")
    differs: Mapped[bool] = mapped_column(default=False)
    trouble: Mapped[str] = mapped_column(Text, default="")
    charged: Mapped[str] = mapped_column(String(32), default="")
    base_epoch: Mapped[int] = mapped_column(default=0)
    base_seq: Mapped[int] = mapped_column(BIG, default=0)
    reading: Mapped[bool] = mapped_column(default=False)
    read_epoch: Mapped[int] = mapped_column(default=0)
    read_seq: Mapped[int] = mapped_column(BIG, default=0)
    generation: Mapped[int] = mapped_column(default=0)


class Carried(Base):
    """An event of another node, as it was signed; data and salt may have been erased since.

    `type` and `time` repeat the header for queries' sake.
    """

    __tablename__ = "carried"
    stream: Mapped[str] = mapped_column(String(100), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BIG, primary_key=True)
    type: Mapped[str] = mapped_column(Text)
    time: Mapped[str] = mapped_column(String(32))
    header: Mapped[bytes] = mapped_column(LargeBinary)
    signature: Mapped[bytes] = mapped_column(LargeBinary)
    data: Mapped[bytes | None] = mapped_column(LargeBinary)
    salt: Mapped[bytes | None] = mapped_column(LargeBinary)


class Proof(Base):
    """Two headers that one home signed for one place: the one held here, and the one that another node was told."""

    __tablename__ = "proof"
    stream: Mapped[str] = mapped_column(String(64), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BIG, primary_key=True)
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    theirs: Mapped[bytes] = mapped_column(LargeBinary)
    theirs_signature: Mapped[bytes] = mapped_column(LargeBinary)
    ours: Mapped[bytes] = mapped_column(LargeBinary)
    ours_signature: Mapped[bytes] = mapped_column(LargeBinary)
    heard_of: Mapped[str] = mapped_column(String(32))
    at: Mapped[str] = mapped_column(String(32))


class OwnCard(Base):
    """The card that this node last handed out; one row."""

    __tablename__ = "own_card"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int]
    said: Mapped[bytes] = mapped_column(LargeBinary)


class Lane(Base):
    """The lane over RabbitMQ with one peer: what was made for it here, what it offered, what came by it.

    `said`: what the `document` for it says, without the password, of which only RabbitMQ's hash is kept; `opened_at`
    is `""` where nothing was made for it. `heard` is its own document, sealed as it came, `""` before one did; `made`,
    `cluster` and `way` are said there, `way` being `host:port`, `""` where its broker cannot be reached.
    """

    __tablename__ = "lane"
    node: Mapped[str] = mapped_column(String(32), primary_key=True)
    opened_at: Mapped[str] = mapped_column(String(32), default="")
    said: Mapped[str] = mapped_column(Text, default="")
    document: Mapped[str] = mapped_column(Text, default="")
    password_hash: Mapped[str] = mapped_column(Text, default="")
    taken_at: Mapped[str] = mapped_column(String(32), default="")
    heard: Mapped[str] = mapped_column(Text, default="")
    made: Mapped[int] = mapped_column(BIG, default=0)
    cluster: Mapped[str] = mapped_column(String(100), default="")
    way: Mapped[str] = mapped_column(Text, default="")
    events: Mapped[int] = mapped_column(BIG, default=0)
    doubled: Mapped[int] = mapped_column(BIG, default=0)
    refused: Mapped[int] = mapped_column(BIG, default=0)
    last_at: Mapped[str] = mapped_column(String(32), default="")
