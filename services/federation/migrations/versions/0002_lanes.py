"""Lanes over RabbitMQ: what was made for a peer here, what it offered, what came."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "lane",
        sa.Column("node", sa.String(length=32), nullable=False),
        sa.Column("opened_at", sa.String(length=32), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("taken_at", sa.String(length=32), nullable=False),
        sa.Column("heard", sa.Text(), nullable=False),
        sa.Column("made", big, nullable=False),
        sa.Column("cluster", sa.String(length=100), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("events", big, nullable=False),
        sa.Column("doubled", big, nullable=False),
        sa.Column("refused", big, nullable=False),
        sa.Column("last_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("node"),
    )
