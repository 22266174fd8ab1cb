"""How is the MongoDB adapter started? As a program of its own, which takes its URI from the environment."""

import sys
from collections.abc import Sequence

from aol_adapters.kit.addresses import UsageError, at_least_one, read_address
from aol_adapters.kit.serve import EXIT_USAGE, adapter_parser, serve
from aol_adapters.mongodb.adapter import MongodbAdapter
from aol_adapters.mongodb.settings import Settings


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code."""
    parser = adapter_parser("mongodb", "Keeps collections in MongoDB, a database a service.")
    parser.add_argument(
        "--pool-size", type=at_least_one, default=32, metavar="N", help="connections to the server at most (32)"
    )
    parser.add_argument(
        "--database-prefix",
        default="aol",
        metavar="NAME",
        help="what the names of the adapter's databases begin with (aol)",
    )
    arguments = parser.parse_args(argv)
    try:
        found = read_address(
            "AOL_MONGODB_URI",
            "AOL_MONGODB_PASSWORD_FILE",
            example="mongodb://aol@localhost:27017/?authSource=admin",
            schemes=("mongodb://", "mongodb+srv://"),
        )
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    settings = Settings(
        uri=found.uri, password=found.password, pool_size=arguments.pool_size, prefix=arguments.database_prefix
    )
    return serve(MongodbAdapter(settings), name="mongodb", arguments=arguments)


if __name__ == "__main__":
    sys.exit(main())
