"""Where is an adapter's database, and with what password? As the environment of the program says; neither is shown."""

import os
from dataclasses import dataclass, field
from pathlib import Path


class UsageError(ValueError):
    """The program was not started as it must; its text, which is for people, says how."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is.

    :ivar uri: may hold a password.
    :ivar password: the one to use in place of that; None when there is none beside.
    """

    uri: str = field(repr=False)
    password: str | None = field(repr=False)


def read_address(variable: str, password_variable: str, *, example: str, schemes: tuple[str, ...]) -> Address:
    """Return the address that environment variables give.

    :param variable: the name of the one that holds the URI.
    :param password_variable: the name of the one that names a file with the password, its last line break aside.
    :param example: a URI without a password.
    :param schemes: what a URI begins with, `scheme://`.
    :raises UsageError: there is no such URI, or the file cannot be read.
    """
    uri = os.environ.get(variable, "")
    if not uri.startswith(schemes):
        raise UsageError(
            f"Set the environment variable {variable} to where the database is, for example {example}, and "
            f"{password_variable} to a file that holds the password, unless it stands in {variable}."
        )
    file = os.environ.get(password_variable)
    try:
        password = Path(file).read_text().rstrip("\r\n") if file else None
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"The file that {password_variable} names cannot be read.") from None
    return Address(uri, password)


def at_least_one(text: str) -> int:
    """Return a number of an argument; for `argparse`.

    :raises ValueError: it is none, or less than one.
    """
    number = int(text)
    if number < 1:
        raise ValueError
    return number
