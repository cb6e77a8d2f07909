"""Where the last event of each record stands; how far a log was compacted; streams that are read anew."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    for table, number, large in (
        ("stream_record", ["epoch"], ["seq"]),
        ("stream", ["base_epoch", "whole_epoch"], ["base_seq", "whole_seq"]),
        ("cursor", ["generation"], []),
    ):
        for name in number:
            op.add_column(table, sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
        for name in large:
            op.add_column(table, sa.Column(name, big, nullable=False, server_default="0"))
    op.add_column("cursor", sa.Column("whole", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("inbox", sa.Column("after_epoch", sa.Integer(), nullable=True))
    op.add_column("inbox", sa.Column("after_seq", big, nullable=True))
    op.create_index("stream_record_place", "stream_record", ["reach", "epoch", "seq"], unique=False)
    op.execute(
        "UPDATE stream_record SET epoch = last.epoch, seq = last.seq FROM ("
        " SELECT log.reach, log.subject, log.epoch, log.seq, row_number() OVER"
        " (PARTITION BY log.reach, log.subject ORDER BY log.epoch DESC, log.seq DESC) AS n"
        " FROM event_log AS log JOIN stream ON stream.reach = log.reach WHERE log.seq <= stream.checkpoint_seq"
        ") AS last WHERE last.n = 1 AND last.reach = stream_record.reach AND last.subject = stream_record.subject"
    )
