"""Which record-level security do collections keep? JSON in a column; `{}`, for those that are there, is none."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the column."""
    op.add_column("collections", sa.Column("security", sa.Text, nullable=False, server_default="{}"))


def downgrade() -> None:
    """Remove the column, unless a collection keeps security: every call would reach all its documents."""
    secured = op.get_bind().execute(sa.text("SELECT collection_id FROM collections WHERE security <> '{}'")).scalars()
    names = ", ".join(sorted(secured))
    if names:
        raise RuntimeError(
            f"these collections keep record-level security, which an older broker does not know: {names}"
        )
    op.drop_column("collections", "security")
