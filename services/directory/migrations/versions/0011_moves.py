"""Records move home by agreement of both nodes."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("record", sa.Column("origin", sa.String(length=32), nullable=True))
    op.add_column("record", sa.Column("term", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("record", sa.Column("proof", sa.LargeBinary(), nullable=True))
    op.add_column("other", sa.Column("term", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("home_node", sa.Column("keys", sa.LargeBinary(), nullable=True))
    op.create_table(
        "handover",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("outward", sa.Boolean(), nullable=False),
        sa.Column("node", sa.String(length=32), nullable=False),
        sa.Column("theirs", sa.String(length=36), nullable=False),
        sa.Column("reply", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.String(length=32), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_handover_state", "handover", ["state"])
    op.create_table(
        "handed_record",
        sa.Column("handover_id", sa.String(length=36), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=True),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["handover_id"], ["handover.id"]),
        sa.PrimaryKeyConstraint("handover_id", "record_id"),
    )
    op.create_index("ix_handed_record_record_id", "handed_record", ["record_id"])
