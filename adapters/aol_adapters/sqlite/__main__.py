"""How is the SQLite adapter started? As a program of its own, on a data folder."""

import sys
from collections.abc import Sequence
from pathlib import Path

from aol_adapters.kit.serve import adapter_parser, serve
from aol_adapters.sqlite.adapter import SqliteAdapter


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code."""
    parser = adapter_parser("sqlite", "Keeps collections in SQLite files, one a service.")
    parser.add_argument("--data-dir", type=Path, required=True, metavar="DIR", help="the folder of the data files")
    parser.add_argument("--max-open-files", type=_at_least_one, default=64, metavar="N", help="files open at once (64)")
    parser.add_argument(
        "--readers", type=_at_least_one, default=2, metavar="N", help="reads of one service at once (2)"
    )
    arguments = parser.parse_args(argv)
    adapter = SqliteAdapter(arguments.data_dir, max_open_files=arguments.max_open_files, readers=arguments.readers)
    return serve(adapter, name="sqlite", arguments=arguments)


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


if __name__ == "__main__":
    sys.exit(main())
