"""How does the registry lie in its database? The tables as the newest migration leaves them (a test compares)."""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, MetaData, String, Table, Text, false

_NAME = 63
_COLLECTION_ID = 127
_PERMISSION = 16


def _limits() -> list[Column[Any]]:
    """What a permission is limited to (JSON paths, a JSON filter, microseconds), and at which revision it was given."""
    return [
        Column("fields", Text, nullable=False, server_default="[]"),
        Column("where_filter", Text, nullable=False, server_default=""),
        Column("expires_us", BigInteger, nullable=False, server_default="0"),
        Column("revision", BigInteger, nullable=False, server_default="0"),
    ]


metadata = MetaData(naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(table_name)s_%(column_0_name)s"})

# One row. Each writer's first step is to count it up, which makes writers wait for each other.
revision = Table(
    "registry_revision",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("revision", BigInteger, nullable=False),
)

# `revision`: when the row was last changed.
services = Table(
    "services",
    metadata,
    Column("name", String(_NAME), primary_key=True),
    Column("manifest_version", BigInteger, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Index(None, "revision"),
)

# Every manifest that was ever applied. `declares` is JSON, an abstract of it; empty where nobody has written that down.
# `plan` is the id of the plan that it was part of, or empty; `retired_us` is 0 while nobody said that it does not run.
manifests = Table(
    "manifests",
    metadata,
    Column("service", String(_NAME), primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("applied_by", Text, nullable=False),
    Column("applied_us", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False, server_default=""),
    Column("plan", String(64), nullable=False, server_default=""),
    Column("declares", Text, nullable=False, server_default=""),
    Column("retired_us", BigInteger, nullable=False, server_default="0"),
    Index(None, "plan"),
)

# `schema_hint`, `indexes`, `storage`, `audit`, `field_rules` and `security` are JSON.
collections = Table(
    "collections",
    metadata,
    Column("collection_id", String(_COLLECTION_ID), primary_key=True),
    Column("service", String(_NAME), nullable=False),
    Column("name", String(_NAME), nullable=False),
    Column("adapter", String(_NAME), nullable=False),
    Column("description", Text, nullable=False),
    Column("schema_hint", Text, nullable=False),
    Column("indexes", Text, nullable=False),
    Column("soft_delete", Boolean, nullable=False),
    Column("validation", String(16), nullable=False),
    Column("declared", Boolean, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("storage", Text, nullable=False, server_default="{}"),
    # The adapter that it is being copied to; empty while it is not. Writes are refused meanwhile.
    Column("moving_to", String(_NAME), nullable=False, server_default=""),
    Column("audit", Text, nullable=False, server_default="{}"),
    Column("field_rules", Text, nullable=False, server_default="{}"),
    Column("secrets", String(16), nullable=False, server_default="refuse"),
    Column("security", Text, nullable=False, server_default="{}"),
    Index(None, "service"),
)

# Collections that are being copied to another adapter. `progress` is JSON.
moves = Table(
    "moves",
    metadata,
    Column("collection_id", String(_COLLECTION_ID), primary_key=True),
    Column("from_adapter", String(_NAME), nullable=False),
    Column("to_adapter", String(_NAME), nullable=False),
    Column("phase", String(16), nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("marked_us", BigInteger, nullable=False),
    Column("started_by", Text, nullable=False),
    Column("progress", Text, nullable=False),
)

# What owners' manifests share.
sharing = Table(
    "sharing",
    metadata,
    Column("collection_id", String(_COLLECTION_ID), primary_key=True),
    Column("service", String(_NAME), primary_key=True),
    Column("permission", String(_PERMISSION), primary_key=True),
    *_limits(),
)

# What services' manifests ask for. The collection need not exist.
access_requests = Table(
    "access_requests",
    metadata,
    Column("collection_id", String(_COLLECTION_ID), primary_key=True),
    Column("service", String(_NAME), primary_key=True),
    Column("permission", String(_PERMISSION), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Index(None, "service"),
)

# What owners and operators granted by a call; `service` may be a pattern. `answers_request`: it was asked for then.
grants = Table(
    "grants",
    metadata,
    Column("collection_id", String(_COLLECTION_ID), primary_key=True),
    Column("service", String(_NAME), primary_key=True),
    Column("permission", String(_PERMISSION), primary_key=True),
    Column("granted_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    *_limits(),
    Column("answers_request", Boolean, nullable=False, server_default=false()),
    Index(None, "service"),
)

# Requests that owners and operators refused, as long as they are asked as they were.
refusals = Table(
    "refusals",
    metadata,
    Column("collection_id", String(_COLLECTION_ID), primary_key=True),
    Column("service", String(_NAME), primary_key=True),
    Column("permission", String(_PERMISSION), primary_key=True),
    Column("refused_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Index(None, "service"),
)

# Opaque tokens that were minted. Of the token itself there is its SHA-256 only. One names either a service or an
# operator; `expires_us` and `revoked_us` are 0 for one that does not expire and is not revoked. Rows stay, so that
# brokers which read later see what was revoked. `revision`: when the row was last changed.
tokens = Table(
    "tokens",
    metadata,
    Column("token_id", String(16), primary_key=True),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("service", String(_NAME), nullable=False),
    Column("operator", String(_NAME), nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Column("revoked_us", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Index(None, "revision"),
)

# What sharing no longer gives, until the owner's manifest changes.
revocations = Table(
    "revocations",
    metadata,
    Column("collection_id", String(_COLLECTION_ID), primary_key=True),
    Column("service", String(_NAME), primary_key=True),
    Column("permission", String(_PERMISSION), primary_key=True),
)

# At which revision anything about a collection, or about access to it, last changed: what a broker that is behind
# has to read again.
touched = Table(
    "touched_collections",
    metadata,
    Column("collection_id", String(_COLLECTION_ID), primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Index(None, "revision"),
)

# Random keys that all brokers of a registry share.
secrets = Table(
    "secrets",
    metadata,
    Column("name", String(_NAME), primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("created_us", BigInteger, nullable=False),
)

# How often a service named a path of a collection in calls of a verb. `hour` is since 1970, of `hours` hours: 1, or 24
# for a day whose hours were added up.
usage = Table(
    "usage",
    metadata,
    Column("collection_id", String(_COLLECTION_ID), primary_key=True),
    Column("service", String(_NAME), primary_key=True),
    Column("verb", String(32), primary_key=True),
    Column("path", String(256), primary_key=True),
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    Column("hours", BigInteger, primary_key=True, autoincrement=False),
    Column("calls", BigInteger, nullable=False),
    Column("last_us", BigInteger, nullable=False),
    Index(None, "hour"),
)

# How often a collection was asked with filters and sort orders of a shape (JSON; empty where it is not kept), a day.
usage_shapes = Table(
    "usage_shapes",
    metadata,
    Column("collection_id", String(_COLLECTION_ID), primary_key=True),
    Column("service", String(_NAME), primary_key=True),
    Column("shape", Text, primary_key=True),
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    Column("calls", BigInteger, nullable=False),
    Column("last_us", BigInteger, nullable=False),
    Index(None, "hour"),
)

# One row: since when uses are counted.
usage_since = Table("usage_since", metadata, Column("since_us", BigInteger, nullable=False))
