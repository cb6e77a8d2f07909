"""Duplicates: keys by which structures are compared, pairs with what was decided, merges that can be undone."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("record", sa.Column("matched", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("record", sa.Column("replaced_by", sa.String(length=36), nullable=True))
    op.execute(sa.text("UPDATE record SET matched = :yes WHERE kind = 'service'").bindparams(yes=True))
    unmatched = sa.text("NOT matched")
    op.create_index("record_unmatched", "record", ["id"], sqlite_where=unmatched, postgresql_where=unmatched)
    op.create_table(
        "matching_key",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("key", "record_id"),
    )
    op.create_index("matching_key_record", "matching_key", ["record_id"])
    op.create_table(
        "pair",
        sa.Column("a", sa.String(length=36), nullable=False),
        sa.Column("b", sa.String(length=36), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("grade", sa.String(length=16), nullable=False),
        sa.Column("reasons", sa.LargeBinary(), nullable=False),
        sa.Column("branch", sa.Boolean(), nullable=False),
        sa.Column("decision", sa.String(length=16), nullable=True),
        sa.Column("at", sa.String(length=32), nullable=True),
        sa.Column("by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("a", "b"),
    )
    op.create_index("pair_b", "pair", ["b"])
    op.create_index("pair_open", "pair", ["decision", "score"])
    op.create_table(
        "merge",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kept", sa.String(length=36), nullable=False),
        sa.Column("gone", sa.String(length=36), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("before", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("merge_kept", "merge", ["kept", "id"])
