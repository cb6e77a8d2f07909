"""What nodes address to each other: the name of a stream that is addressed holds two fingerprints."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":  # it keeps no lengths
        return
    for table in ("taken", "carried"):
        op.alter_column(table, "stream", type_=sa.String(length=100))
