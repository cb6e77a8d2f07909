"""Qualification: who checked a record, what imports say otherwise, and who did what."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    nothing = "X'7B7D'" if op.get_bind().dialect.name == "sqlite" else "'{}'"  # bytes, in the words of each
    op.add_column("record", sa.Column("trust", sa.LargeBinary(), nullable=False, server_default=sa.text(nothing)))
    op.add_column("record", sa.Column("expires_at", sa.String(length=32), nullable=True))
    op.create_index("record_expires", "record", ["expires_at"])
    op.create_table(
        "difference",
        sa.Column("record_id", sa.String(length=36), sa.ForeignKey("record.id"), nullable=False),
        sa.Column("field", sa.String(length=64), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("record_id", "field"),
    )
    op.create_table(
        "act",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("version", BIG, nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("before", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("act_record", "act", ["record_id", "id"])
    op.create_index("import_change_record", "import_change", ["record_id"])
    # What waited is submitted; what a permanent published is qualified; what its source published never was.
    op.execute("UPDATE record SET status = 'submitted' WHERE status = 'held'")
    op.execute(
        "UPDATE record SET status = 'submitted' WHERE status = 'published'"
        " AND source IN (SELECT name FROM source WHERE policy = 'publish')"
    )
    op.execute("UPDATE record SET status = 'qualified' WHERE status = 'published'")
    op.execute("UPDATE import_change SET before_status = 'submitted' WHERE before_status IN ('held', 'published')")
