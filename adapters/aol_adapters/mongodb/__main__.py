"""How is the MongoDB adapter started? As a program of its own, which takes its URI from the environment."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from aol_adapters.kit.serve import EXIT_USAGE, adapter_parser, serve
from aol_adapters.mongodb.adapter import MongodbAdapter
from aol_adapters.mongodb.settings import Settings

URI_VARIABLE = "AOL_MONGODB_URI"
PASSWORD_VARIABLE = "AOL_MONGODB_PASSWORD_FILE"  # noqa: S105 - the name of a variable


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code."""
    parser = adapter_parser("mongodb", "Keeps collections in MongoDB, a database a service.")
    parser.add_argument(
        "--pool-size", type=_at_least_one, default=32, metavar="N", help="connections to the server at most (32)"
    )
    parser.add_argument(
        "--database-prefix",
        default="aol",
        metavar="NAME",
        help="what the names of the adapter's databases begin with (aol)",
    )
    arguments = parser.parse_args(argv)
    uri = os.environ.get(URI_VARIABLE, "")
    if not uri.startswith(("mongodb://", "mongodb+srv://")):
        sys.stderr.write(
            f"Set the environment variable {URI_VARIABLE} to where the server is, for example "
            f"mongodb://aol@localhost:27017/?authSource=admin, and {PASSWORD_VARIABLE} to a file that holds the "
            "password, unless it stands in the URI.\n"
        )
        return EXIT_USAGE
    try:
        password = _password()
    except (OSError, UnicodeDecodeError):
        sys.stderr.write(f"The file that {PASSWORD_VARIABLE} names cannot be read.\n")
        return EXIT_USAGE
    settings = Settings(uri=uri, password=password, pool_size=arguments.pool_size, prefix=arguments.database_prefix)
    return serve(
        MongodbAdapter(settings), name="mongodb", listen=arguments.listen, insecure_remote=arguments.insecure_remote
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
