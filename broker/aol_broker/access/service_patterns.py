"""Which services does a grant name? One by its name, or all whose names begin alike: `*`, `reporting-*`."""

import re

from aol_wire.errors import DataError, Reason
from aol_wire.names import check_service

WILDCARD = "*"

_PATTERN = re.compile(r"(?:[a-z][a-z0-9-]{0,61})?\*")


def is_pattern(name: str) -> bool:
    """Whether a name stands for more services than one."""
    return name.endswith(WILDCARD)


def covers(name: str, service: str) -> bool:
    """Whether a name, which may be a pattern, stands for a service (or is the same pattern)."""
    return name == service or (is_pattern(name) and service.startswith(name[:-1]))


def check_grantee(name: str) -> str:
    """Return `name` if it names a service, or is a pattern of names.

    :raises DataError: BAD_PATH.
    """
    if not is_pattern(name):
        return check_service(name)
    if _PATTERN.fullmatch(name) is None:
        raise DataError.invalid(
            Reason.BAD_PATH, "target_service", "a pattern is '*', or the beginning of a service's name and then '*'"
        )
    return name
