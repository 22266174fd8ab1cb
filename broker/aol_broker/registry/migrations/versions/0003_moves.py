"""Which collections move to another adapter, and how far are they?"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the table of moves, and the mark of a collection that moves."""
    op.add_column("collections", sa.Column("moving_to", sa.String(63), nullable=False, server_default=""))
    op.create_table(
        "moves",
        sa.Column("collection_id", sa.String(127), nullable=False),
        sa.Column("from_adapter", sa.String(63), nullable=False),
        sa.Column("to_adapter", sa.String(63), nullable=False),
        sa.Column("phase", sa.String(16), nullable=False),
        sa.Column("step", sa.BigInteger, nullable=False),
        sa.Column("marked_us", sa.BigInteger, nullable=False),
        sa.Column("started_by", sa.Text, nullable=False),
        sa.Column("progress", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("collection_id", name="pk_moves"),
    )


def downgrade() -> None:
    """Remove both. Moves that are under way are given up; what they have copied stays in the target."""
    op.drop_table("moves")
    with op.batch_alter_table("collections") as table:
        table.drop_column("moving_to")
