"""Suggestions go to the home of a record, whatever node they are made on."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("suggestion", sa.Column("origin", sa.LargeBinary(), nullable=True))
    op.create_table(
        "sent",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("home", sa.String(length=32), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("decided_at", sa.String(length=32), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_sent_record_id", "sent", ["record_id"])
    op.create_index("ix_sent_state", "sent", ["state"])
