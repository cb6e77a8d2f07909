"""Suggestions of people without an account; differences that somebody looked at; words to find records by."""

import orjson
import sqlalchemy as sa
from alembic import op

from services.directory.model import words_of

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "suggestion",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("record_id", sa.String(length=36), sa.ForeignKey("record.id"), nullable=False),
        sa.Column("field", sa.String(length=64), nullable=True),
        sa.Column("value", sa.LargeBinary(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("decided_at", sa.String(length=32), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("suggestion_record", "suggestion", ["record_id"])
    op.create_index("suggestion_state", "suggestion", ["state", "id"])
    op.add_column("difference", sa.Column("settled", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("record", sa.Column("words", sa.Text(), nullable=False, server_default=""))
    _find_words(op.get_bind())


def _find_words(connection: sa.Connection) -> None:
    record = sa.table("record", sa.column("id"), sa.column("content"), sa.column("words"))
    after = ""
    page = sa.select(record.c.id, record.c.content).order_by(record.c.id).limit(1_000)
    while rows := connection.execute(page.where(record.c.id > after)).all():
        after = rows[-1].id
        change = sa.update(record).where(record.c.id == sa.bindparam("its"))
        said = [{"its": row.id, "words": words_of(orjson.loads(row.content)["fields"])} for row in rows]
        connection.execute(change.values(words=sa.bindparam("words")), said)
