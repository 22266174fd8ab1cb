"""Which opaque tokens were minted? A row each, with the SHA-256 of the token."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "tokens",
        sa.Column("token_id", sa.String(16), nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("service", sa.String(63), nullable=False),
        sa.Column("operator", sa.String(63), nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("expires_us", sa.BigInteger, nullable=False),
        sa.Column("revoked_us", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("token_id", name="pk_tokens"),
    )
    op.create_index("ix_tokens_revision", "tokens", ["revision"])


def downgrade() -> None:
    """Remove the table. No token that was minted is believed from then on."""
    op.drop_table("tokens")
