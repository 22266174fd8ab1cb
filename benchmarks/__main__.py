"""How is the benchmark run? `python -m benchmarks`, in a checkout; `aol bench` and `make bench` do that."""

import os
import sys
from pathlib import Path


def main() -> int:
    """Run the command line and return its exit code."""
    # The server that tests use is the one that is measured, too.
    sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
    # This process does not fork without exec, and gRPC would note on stderr each time that it did not prepare for one.
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    try:
        from benchmarks.command import command
    except ModuleNotFoundError as error:
        sys.stderr.write(
            f"Error: the benchmarks need {error.name}, which the development dependencies bring: run `make bench`, or "
            "pip install -e '.[dev]'\n"
        )
        return 1
    return command(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
