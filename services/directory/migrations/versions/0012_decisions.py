"""Decisions about duplicates are shared between nodes, and records of others are compared with ours."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

INDEXED = ("node", "a", "b", "a_now", "b_now")


def upgrade() -> None:
    op.create_table(
        "decision",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("node", sa.String(length=32), nullable=False),
        sa.Column("a", sa.String(length=36), nullable=False),
        sa.Column("b", sa.String(length=36), nullable=False),
        sa.Column("a_now", sa.String(length=36), nullable=False),
        sa.Column("b_now", sa.String(length=36), nullable=False),
        sa.Column("led", sa.Boolean(), nullable=False),
        sa.Column("decision", sa.String(length=16), nullable=False),
        sa.Column("head", sa.String(length=36), nullable=True),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.Column("heard_at", sa.String(length=32), nullable=False),
        sa.Column("kept_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    for name in INDEXED:
        op.create_index(f"ix_decision_{name}", "decision", [name])
    led = sa.text("led")
    op.create_index("decision_led", "decision", ["id"], sqlite_where=led, postgresql_where=led)
    op.create_table(
        "joined",
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("kept", sa.String(length=36), nullable=False),
        sa.Column("said", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("record_id"),
    )
    op.create_index("ix_joined_kept", "joined", ["kept"])
    op.add_column("matching_key", sa.Column("own", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("other", sa.Column("matched", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute("UPDATE other SET matched = true WHERE kind <> 'structure' OR state = 'gone'")
    where = sa.text("NOT matched")
    op.create_index("other_unmatched", "other", ["id"], sqlite_where=where, postgresql_where=where)
