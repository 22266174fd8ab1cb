"""How does Alembic run the steps? On the connection that it is given, inside its transaction."""

from alembic import context

from aol_broker.registry.schema import VERSION_TABLE
from aol_broker.registry.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE
)
context.run_migrations()
