"""Parked events keep their order of arrival when an upgrade queues them anew."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("parked", sa.Column("place", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
