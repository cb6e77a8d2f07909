"""Peers, what was taken of their streams, the events of others."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "peer",
        sa.Column("node", sa.String(length=32), nullable=False),
        sa.Column("label", sa.String(length=100), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("card", sa.LargeBinary(), nullable=False),
        sa.Column("card_version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("via", sa.String(length=32), nullable=False),
        sa.Column("added_at", sa.String(length=32), nullable=False),
        sa.Column("heard_at", sa.String(length=32), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("node"),
    )
    op.create_table(
        "taken",
        sa.Column("stream", sa.String(length=64), nullable=False),
        sa.Column("node", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("seq", big, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("head_epoch", sa.Integer(), nullable=False),
        sa.Column("head_seq", big, nullable=False),
        sa.Column("root_seq", big, nullable=False),
        sa.Column("root", sa.String(length=64), nullable=False),
        sa.Column("differs", sa.Boolean(), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.Column("charged", sa.String(length=32), nullable=False),
        sa.Column("base_epoch", sa.Integer(), nullable=False),
        sa.Column("base_seq", big, nullable=False),
        sa.Column("reading", sa.Boolean(), nullable=False),
        sa.Column("read_epoch", sa.Integer(), nullable=False),
        sa.Column("read_seq", big, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("stream"),
    )
    op.create_table(
        "carried",
        sa.Column("stream", sa.String(length=64), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("seq", big, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("time", sa.String(length=32), nullable=False),
        sa.Column("header", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("stream", "epoch", "seq"),
    )
    op.create_table(
        "proof",
        sa.Column("stream", sa.String(length=64), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("seq", big, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("theirs", sa.LargeBinary(), nullable=False),
        sa.Column("theirs_signature", sa.LargeBinary(), nullable=False),
        sa.Column("ours", sa.LargeBinary(), nullable=False),
        sa.Column("ours_signature", sa.LargeBinary(), nullable=False),
        sa.Column("heard_of", sa.String(length=32), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("stream", "epoch", "seq", "hash"),
    )
    op.create_table(
        "own_card",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("said", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
