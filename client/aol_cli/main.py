"""Where does the `aol` command begin? Here, with a sentence in place of a traceback where its own parts are missing."""

import sys

_NEEDED = {"typer", "rich"}


def main() -> None:
    """Run the command line and exit the process."""
    try:
        from aol_cli.app import app
    except ModuleNotFoundError as error:
        if error.name not in _NEEDED:
            raise
        sys.exit("Error: the `aol` command is not installed with this package: pip install 'aol-data-broker[cli]'")
    app(prog_name="aol")
