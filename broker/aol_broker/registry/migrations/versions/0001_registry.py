"""What are the registry's first tables?"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "registry_revision",
        sa.Column("id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_registry_revision"),
    )
    op.execute("INSERT INTO registry_revision (id, revision) VALUES (1, 0)")
    op.create_table(
        "services",
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("manifest_version", sa.BigInteger, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_services"),
    )
    op.create_index("ix_services_revision", "services", ["revision"])
    op.create_table(
        "manifests",
        sa.Column("service", sa.String(63), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("applied_by", sa.Text, nullable=False),
        sa.Column("applied_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("service", "version", name="pk_manifests"),
    )
    op.create_table(
        "collections",
        sa.Column("collection_id", sa.String(127), nullable=False),
        sa.Column("service", sa.String(63), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("adapter", sa.String(63), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("schema_hint", sa.Text, nullable=False),
        sa.Column("indexes", sa.Text, nullable=False),
        sa.Column("soft_delete", sa.Boolean, nullable=False),
        sa.Column("validation", sa.String(16), nullable=False),
        sa.Column("declared", sa.Boolean, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("collection_id", name="pk_collections"),
    )
    op.create_index("ix_collections_service", "collections", ["service"])
    _access_table("sharing")
    _access_table("revocations")
    _access_table("access_requests", _reason(), _created())
    op.create_index("ix_access_requests_service", "access_requests", ["service"])
    _access_table("grants", sa.Column("granted_by", sa.Text, nullable=False), _reason(), _created())
    op.create_table(
        "touched_collections",
        sa.Column("collection_id", sa.String(127), nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("collection_id", name="pk_touched_collections"),
    )
    op.create_index("ix_touched_collections_revision", "touched_collections", ["revision"])
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_secrets"),
    )


def downgrade() -> None:
    """Remove the tables."""
    for name in (
        "secrets",
        "touched_collections",
        "grants",
        "access_requests",
        "revocations",
        "sharing",
        "collections",
        "manifests",
        "services",
        "registry_revision",
    ):
        op.drop_table(name)


def _access_table(name: str, *columns: sa.Column[object]) -> None:
    """Make a table about the permission of a service on a collection."""
    op.create_table(
        name,
        sa.Column("collection_id", sa.String(127), nullable=False),
        sa.Column("service", sa.String(63), nullable=False),
        sa.Column("permission", sa.String(16), nullable=False),
        *columns,
        sa.PrimaryKeyConstraint("collection_id", "service", "permission", name=f"pk_{name}"),
    )


def _reason() -> sa.Column[object]:
    return sa.Column("reason", sa.Text, nullable=False)


def _created() -> sa.Column[object]:
    return sa.Column("created_us", sa.BigInteger, nullable=False)
