"""Which of two structures is the head of the other, its branch."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("pair", sa.Column("head", sa.String(length=36), nullable=True))
