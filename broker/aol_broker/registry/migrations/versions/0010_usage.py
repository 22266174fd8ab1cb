"""Who uses what, and how often? Counters; they begin when the tables are made."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "usage",
        sa.Column("collection_id", sa.String(127), nullable=False),
        sa.Column("service", sa.String(63), nullable=False),
        sa.Column("verb", sa.String(32), nullable=False),
        sa.Column("path", sa.String(256), nullable=False),
        sa.Column("hour", sa.BigInteger, nullable=False),
        sa.Column("hours", sa.BigInteger, nullable=False),
        sa.Column("calls", sa.BigInteger, nullable=False),
        sa.Column("last_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("collection_id", "service", "verb", "path", "hour", "hours", name="pk_usage"),
    )
    op.create_index("ix_usage_hour", "usage", ["hour"])
    op.create_table(
        "usage_shapes",
        sa.Column("collection_id", sa.String(127), nullable=False),
        sa.Column("service", sa.String(63), nullable=False),
        sa.Column("shape", sa.Text, nullable=False),
        sa.Column("hour", sa.BigInteger, nullable=False),
        sa.Column("calls", sa.BigInteger, nullable=False),
        sa.Column("last_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("collection_id", "service", "shape", "hour", name="pk_usage_shapes"),
    )
    op.create_index("ix_usage_shapes_hour", "usage_shapes", ["hour"])
    since = op.create_table("usage_since", sa.Column("since_us", sa.BigInteger, nullable=False))
    op.bulk_insert(since, [{"since_us": time.time_ns() // 1000}])


def downgrade() -> None:
    """Remove them with all that was counted."""
    op.drop_table("usage_since")
    op.drop_table("usage_shapes")
    op.drop_table("usage")
