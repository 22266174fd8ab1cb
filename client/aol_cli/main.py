"""Where does the `aol` command begin? Here, with a sentence in place of a traceback where its own parts are missing."""

import io
import sys

_NEEDED = {"typer", "rich"}


def main() -> None:
    """Run the command line and exit the process."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # In an ASCII locale a character that cannot be printed becomes `?`, and no error.
        sys.stdout.reconfigure(errors="replace")
    try:
        from aol_cli.app import app
    except ModuleNotFoundError as error:
        if error.name not in _NEEDED:
            raise
        sys.exit("Error: the `aol` command is not installed with this package: pip install 'aol-data-broker[cli]'")
    app(prog_name="aol")
