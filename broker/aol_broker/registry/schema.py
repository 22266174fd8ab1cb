"""Are the tables those that this program knows? Brings an older database up; refuses a newer one."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

VERSION_TABLE = "registry_version"


class RegistryVersionError(Exception):
    """The registry's database was made by another version of this program; the text says which and what to do."""


def bring_up(connection: Connection) -> None:
    """Run the migrations that are missing, in the transaction of the connection: all of them or none.

    Alembic keeps the connection in a global of its own, so this runs once at a time in a process.

    :raises RegistryVersionError: the database is at a revision that this program does not know.
    """
    config = _config(connection)
    script = ScriptDirectory.from_config(config)
    head = script.get_current_head()
    at = current_revision(connection)
    if at == head:
        return
    if at is not None and at not in {step.revision for step in script.walk_revisions()}:
        raise RegistryVersionError(
            f"The registry's database is at revision {at}, and this program knows revisions up to {head}: a newer "
            "version of the program made it. Run that version, or use a copy of the database from before. Nothing was "
            "changed."
        )
    command.upgrade(config, "head")


def take_down(connection: Connection, revision: str) -> None:
    """Run migrations backwards to `revision`, or to nothing at all (`base`). What only newer tables hold is lost."""
    command.downgrade(_config(connection), revision)


def current_revision(connection: Connection) -> str | None:
    """Return the revision that the database is at; None when it holds no registry."""
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
