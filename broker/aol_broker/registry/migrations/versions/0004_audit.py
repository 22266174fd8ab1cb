"""What do audit records tell of a collection? JSON in a column; `{}`, for those that are there, is the default."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column."""
    op.add_column("collections", sa.Column("audit", sa.Text, nullable=False, server_default="{}"))


def downgrade() -> None:
    """Remove the column. Audit records show all values from then on, sensitive ones too."""
    op.drop_column("collections", "audit")
