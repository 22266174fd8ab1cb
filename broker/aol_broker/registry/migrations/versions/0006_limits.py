"""What are grants and sharing limited to? Nothing, is the default for those that are there."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_TABLES = ("sharing", "grants")


def upgrade() -> None:
    """Add the columns."""
    for table in _TABLES:
        op.add_column(table, sa.Column("fields", sa.Text, nullable=False, server_default="[]"))
        op.add_column(table, sa.Column("where_filter", sa.Text, nullable=False, server_default=""))
        op.add_column(table, sa.Column("expires_us", sa.BigInteger, nullable=False, server_default="0"))
        op.add_column(table, sa.Column("revision", sa.BigInteger, nullable=False, server_default="0"))


def downgrade() -> None:
    """Remove the columns, and before that what is limited: without its limits, it would give more than was meant."""
    for table in _TABLES:
        op.execute(f"DELETE FROM {table} WHERE fields <> '[]' OR where_filter <> '' OR expires_us <> 0")  # noqa: S608
        for column in ("fields", "where_filter", "expires_us", "revision"):
            op.drop_column(table, column)
    op.execute("DELETE FROM grants WHERE service LIKE '%*'")
