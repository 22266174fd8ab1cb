"""Which requests for access were refused, and which grants were the answer to one?"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the table and the column. Of grants of before it is not known whether they answered a request."""
    op.create_table(
        "refusals",
        sa.Column("collection_id", sa.String(127)),
        sa.Column("service", sa.String(63)),
        sa.Column("permission", sa.String(16)),
        sa.Column("refused_by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("collection_id", "service", "permission", name="pk_refusals"),
    )
    op.create_index("ix_refusals_service", "refusals", ["service"])
    op.add_column("grants", sa.Column("answers_request", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_index("ix_grants_service", "grants", ["service"])


def downgrade() -> None:
    """Remove them. What was refused is pending again."""
    op.drop_index("ix_grants_service", "grants")
    with op.batch_alter_table("grants") as table:
        table.drop_column("answers_request")
    op.drop_index("ix_refusals_service", "refusals")
    op.drop_table("refusals")
