"""How is a collection kept? JSON in a column; `{}`, for those that are there, is the default of every part."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column."""
    op.add_column("collections", sa.Column("storage", sa.Text, nullable=False, server_default="{}"))


def downgrade() -> None:
    """Remove the column."""
    op.drop_column("collections", "storage")
