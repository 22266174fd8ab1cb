"""How is the PostgreSQL adapter started? As a program of its own, which takes its DSN from the environment."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from aol_adapters.kit.serve import EXIT_USAGE, adapter_parser, serve
from aol_adapters.postgres.adapter import PostgresAdapter
from aol_adapters.postgres.settings import Settings

DSN_VARIABLE = "AOL_POSTGRES_DSN"
PASSWORD_VARIABLE = "AOL_POSTGRES_PASSWORD_FILE"  # noqa: S105 - the name of a variable


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code."""
    parser = adapter_parser("postgres", "Keeps collections in a PostgreSQL database, a schema a service.")
    parser.add_argument(
        "--pool-size", type=_at_least_one, default=16, metavar="N", help="connections to the server at most (16)"
    )
    parser.add_argument(
        "--transaction-pooling", action="store_true", help="the DSN leads to PgBouncer in transaction mode"
    )
    parser.add_argument(
        "--tenant-databases",
        type=_at_least_one,
        default=16,
        metavar="N",
        help="databases of tenants that are open at once (16)",
    )
    parser.add_argument(
        "--schema-prefix",
        default="aol",
        metavar="NAME",
        help="what the names of the adapter's schemas begin with (aol)",
    )
    arguments = parser.parse_args(argv)
    dsn = os.environ.get(DSN_VARIABLE, "")
    if not dsn.startswith(("postgresql://", "postgres://")):
        sys.stderr.write(
            f"Set the environment variable {DSN_VARIABLE} to where the database is, for example "
            f"postgresql://aol@localhost:5432/aol, and {PASSWORD_VARIABLE} to a file that holds the password, "
            "unless it stands in the DSN.\n"
        )
        return EXIT_USAGE
    try:
        password = _password()
    except (OSError, UnicodeDecodeError):
        sys.stderr.write(f"The file that {PASSWORD_VARIABLE} names cannot be read.\n")
        return EXIT_USAGE
    settings = Settings(
        dsn=dsn,
        password=password,
        pool_size=arguments.pool_size,
        transaction_pooling=arguments.transaction_pooling,
        tenant_databases=arguments.tenant_databases,
        prefix=arguments.schema_prefix,
    )
    return serve(
        PostgresAdapter(settings), name="postgres", listen=arguments.listen, insecure_remote=arguments.insecure_remote
    )


def _password() -> str | None:
    file = os.environ.get(PASSWORD_VARIABLE)
    return None if not file else Path(file).read_text().rstrip("\r\n")


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


if __name__ == "__main__":
    sys.exit(main())
