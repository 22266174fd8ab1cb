"""Which version of a manifest came from which text, by which plan, declares what, and does not run any more?"""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_manifests = sa.table(
    "manifests",
    sa.column("service", sa.String),
    sa.column("version", sa.BigInteger),
    sa.column("text", sa.Text),
    sa.column("sha256", sa.String),
)


def upgrade() -> None:
    """Add the columns. What versions of before declare is read from their texts when it is needed."""
    op.add_column("manifests", sa.Column("sha256", sa.String(64), nullable=False, server_default=""))
    op.add_column("manifests", sa.Column("plan", sa.String(64), nullable=False, server_default=""))
    op.add_column("manifests", sa.Column("declares", sa.Text, nullable=False, server_default=""))
    op.add_column("manifests", sa.Column("retired_us", sa.BigInteger, nullable=False, server_default="0"))
    op.create_index("ix_manifests_plan", "manifests", ["plan"])
    connection = op.get_bind()
    keys = connection.execute(sa.select(_manifests.c.service, _manifests.c.version)).all()
    for service, version in keys:
        key = (_manifests.c.service == service) & (_manifests.c.version == version)
        text = connection.execute(sa.select(_manifests.c.text).where(key)).scalar_one()
        digest = hashlib.sha256(text.encode()).hexdigest()
        connection.execute(sa.update(_manifests).where(key).values(sha256=digest))


def downgrade() -> None:
    """Remove the columns."""
    op.drop_index("ix_manifests_plan", "manifests")
    with op.batch_alter_table("manifests") as table:
        for name in ("sha256", "plan", "declares", "retired_us"):
            table.drop_column(name)
