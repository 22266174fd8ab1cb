"""How is the PostgreSQL adapter started? As a program of its own, which takes its DSN from the environment."""

import sys
from collections.abc import Sequence

from aol_adapters.kit.addresses import UsageError, at_least_one, read_address
from aol_adapters.kit.serve import EXIT_USAGE, adapter_parser, serve
from aol_adapters.postgres.adapter import PostgresAdapter
from aol_adapters.postgres.settings import Settings


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code."""
    parser = adapter_parser("postgres", "Keeps collections in a PostgreSQL database, a schema a service.")
    parser.add_argument(
        "--pool-size", type=at_least_one, default=16, metavar="N", help="connections to the server at most (16)"
    )
    parser.add_argument(
        "--transaction-pooling", action="store_true", help="the DSN leads to PgBouncer in transaction mode"
    )
    parser.add_argument(
        "--tenant-databases",
        type=at_least_one,
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
    try:
        found = read_address(
            "AOL_POSTGRES_DSN",
            "AOL_POSTGRES_PASSWORD_FILE",
            example="postgresql://aol@localhost:5432/aol",
            schemes=("postgresql://", "postgres://"),
        )
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    settings = Settings(
        dsn=found.uri,
        password=found.password,
        pool_size=arguments.pool_size,
        transaction_pooling=arguments.transaction_pooling,
        tenant_databases=arguments.tenant_databases,
        prefix=arguments.schema_prefix,
    )
    return serve(PostgresAdapter(settings), name="postgres", arguments=arguments)


if __name__ == "__main__":
    sys.exit(main())
