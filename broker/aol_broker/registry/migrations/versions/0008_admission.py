"""What must documents of a collection keep to? Rules of fields as JSON, and what becomes of documents with secrets."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the columns. Documents with secrets are refused from then on, in collections that are there too."""
    op.add_column("collections", sa.Column("field_rules", sa.Text, nullable=False, server_default="{}"))
    op.add_column("collections", sa.Column("secrets", sa.String(16), nullable=False, server_default="refuse"))


def downgrade() -> None:
    """Remove the columns. Fields keep to their types alone from then on."""
    op.drop_column("collections", "secrets")
    op.drop_column("collections", "field_rules")
