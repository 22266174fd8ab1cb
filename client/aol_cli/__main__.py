"""`python -m aol_cli` is the `aol` command."""

from aol_cli.main import main

if __name__ == "__main__":
    main()
