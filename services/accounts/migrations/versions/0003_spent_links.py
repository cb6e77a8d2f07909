"""A structure's link that was used is kept for a while, so that whoever holds it can be sent another."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("link", sa.Column("used_at", sa.String(length=32), nullable=True))
