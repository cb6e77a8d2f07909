"""Records that are qualified and not public are found without reading all that are qualified."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    held = sa.text("status = 'qualified' AND public_version IS NULL")
    op.create_index("record_held", "record", ["id"], sqlite_where=held, postgresql_where=held)
