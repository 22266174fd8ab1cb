"""How is the memory adapter started? As a program of its own; what it keeps ends with it."""

import sys
from collections.abc import Sequence

from aol_adapters.kit.serve import adapter_parser, serve
from aol_adapters.memory.adapter import MemoryAdapter


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code."""
    parser = adapter_parser("memory", "Keeps collections in memory: the reference adapter, for tests and trials.")
    arguments = parser.parse_args(argv)
    return serve(MemoryAdapter(), name="memory", arguments=arguments)


if __name__ == "__main__":
    sys.exit(main())
